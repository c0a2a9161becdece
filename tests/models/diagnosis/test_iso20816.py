"""Zones follow the tables of ISO 20816-3:2022 and say which table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.diagnosis.iso20816 import BOUNDARIES_MM_S, BandError, UserBands, ZoneError, bands, zone


@pytest.mark.parametrize(
    ("group", "support", "limits"),
    [
        (1, "rigid", (2.3, 4.5, 7.1)),
        (1, "flexible", (3.5, 7.1, 11.0)),
        (2, "rigid", (1.4, 2.8, 4.5)),
        (2, "flexible", (2.3, 4.5, 7.1)),
    ],
)
def test_each_boundary_belongs_to_the_better_zone(group: int, support: str, limits: tuple[float, float, float]) -> None:
    for limit, better, worse in zip(limits, "ABC", "BCD", strict=True):
        assert zone(limit, group, support).letter == better
        assert zone(limit + 1e-6, group, support).letter == worse


def test_the_edition_is_stored_with_the_result() -> None:
    assert zone(1.0, 2, "rigid").table == "ISO 20816-3:2022, group 2, rigid"


@pytest.mark.parametrize(
    ("velocity", "group", "support"), [(1.0, 3, "rigid"), (1.0, 1, "soft"), (float("nan"), 1, "rigid")]
)
def test_what_the_standard_does_not_know_is_refused(velocity: float, group: int, support: str) -> None:
    with pytest.raises(ZoneError):
        zone(velocity, group, support)


def test_an_alarm_stands_a_quarter_of_the_limit_of_zone_b_above_the_baseline() -> None:
    made = bands(1, "rigid", 2.0)
    assert made.alarm_mm_s == pytest.approx(2.0 + 0.25 * 4.5)
    assert made.trip_mm_s == pytest.approx(1.25 * 7.1)
    assert (made.alarm_basis, made.trip_basis) == ("baseline", "standard")
    assert made.table == "ISO 20816-3:2022, group 1, rigid"


def test_a_machine_that_never_was_good_gets_no_alarm_beyond_the_limit() -> None:
    made = bands(2, "rigid", 3.4)
    assert made.alarm_mm_s == pytest.approx(1.25 * 2.8)
    assert made.alarm_basis == "capped"


def test_before_there_is_a_baseline_zone_c_is_the_alarm() -> None:
    made = bands(2, "flexible")
    assert (made.alarm_mm_s, made.alarm_basis, made.baseline_mm_s) == (4.5, "initial", None)


@given(
    group=st.sampled_from([1, 2]),
    support=st.sampled_from(["rigid", "flexible"]),
    baseline=st.none() | st.floats(0, 1000, allow_nan=False),
)
def test_the_trip_lies_in_zone_d_or_c_and_always_above_the_alarm(
    group: int, support: str, baseline: float | None
) -> None:
    made = bands(group, support, baseline)
    _, upper_b, upper_c = BOUNDARIES_MM_S[group, support]  # type: ignore[index]  # the words are the members
    assert made.alarm_mm_s < made.trip_mm_s <= 1.25 * upper_c
    assert made.alarm_mm_s <= 1.25 * upper_b


def test_a_persons_limits_go_first_each_on_its_own() -> None:
    made = bands(2, "rigid", 1.0, user=UserBands(trip_mm_s=4.0))
    assert (made.alarm_basis, made.trip_basis, made.trip_mm_s) == ("baseline", "user", 4.0)
    made = bands(2, "rigid", 1.0, user=UserBands(alarm_mm_s=3.0))
    assert (made.alarm_basis, made.trip_basis, made.alarm_mm_s) == ("user", "standard", 3.0)


@pytest.mark.parametrize(
    ("baseline", "user"),
    [
        (-1.0, None),
        (float("nan"), None),
        (1.0, UserBands(alarm_mm_s=0.0)),
        (1.0, UserBands(trip_mm_s=float("inf"))),
        (1.0, UserBands(alarm_mm_s=4.0, trip_mm_s=3.0)),
        (1.0, UserBands(trip_mm_s=1.5)),
    ],
)
def test_bands_that_cannot_be_are_refused(baseline: float, user: UserBands | None) -> None:
    with pytest.raises(BandError):
        bands(2, "rigid", baseline, user=user)
