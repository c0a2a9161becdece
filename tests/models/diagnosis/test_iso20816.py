"""Zones follow the tables of ISO 20816-3:2022 and say which table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.diagnosis.iso20816 import (
    BOUNDARIES_MM_S,
    BandError,
    UserBands,
    VelocityLimits,
    ZoneError,
    bands,
    zone,
)


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
    # Zone D is where damage is to be expected: the trip does not wait for more.
    assert made.trip_mm_s == 7.1
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
def test_the_trip_is_where_zone_d_begins_and_always_above_the_alarm(
    group: int, support: str, baseline: float | None
) -> None:
    made = bands(group, support, baseline)
    _, upper_b, upper_c = BOUNDARIES_MM_S[group, support]  # type: ignore[index]  # the words are the members
    assert made.alarm_mm_s is not None
    assert made.trip_mm_s is not None
    assert made.alarm_mm_s < made.trip_mm_s == upper_c
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


def test_without_a_group_only_a_persons_limits_count() -> None:
    made = bands(None, None, 1.0, user=UserBands(trip_mm_s=8.0))
    assert (made.alarm_mm_s, made.trip_mm_s, made.alarm_basis, made.trip_basis) == (None, 8.0, "none", "user")
    assert made.table == ""
    nothing = VelocityLimits(("DE.H",), None, None)
    assert not nothing.has_any
    assert nothing.zone(100.0) is None
    assert nothing.crossed((100.0,), None) is None


LIMITS = VelocityLimits(("DE.H", "NDE.H"), 2, "rigid")


@given(st.floats(0, 100))
def test_limits_judge_zones_as_the_table_does(velocity: float) -> None:
    assert LIMITS.zone(velocity) == zone(velocity, 2, "rigid").letter


@pytest.mark.parametrize(
    ("velocities", "baselines", "crossed"),
    [
        ((2.8, 2.8), None, None),
        ((2.9, 3.1), None, ("NDE.H", False)),
        ((2.9, 4.6), None, ("NDE.H", True)),
        # Each channel stands on its own baseline: 1.0 + 0.7 and 2.0 + 0.7.
        ((1.6, 2.6), (1.0, 2.0), None),
        ((1.8, 2.6), (1.0, 2.0), ("DE.H", False)),
        # The trip goes before an alarm that is further exceeded.
        ((4.0, 4.6), (0.1, 2.0), ("NDE.H", True)),
    ],
)
def test_the_channel_that_is_furthest_above_its_own_limit_is_told(
    velocities: tuple[float, float], baselines: tuple[float, float] | None, crossed: tuple[str, bool] | None
) -> None:
    found = LIMITS.crossed(velocities, baselines)
    assert (None if found is None else (found.channel, found.is_trip)) == crossed


def test_a_level_that_is_left_with_a_distance_is_still_above_its_limit() -> None:
    assert LIMITS.crossed((2.7, 0.1), None) is None
    held = LIMITS.crossed((2.7, 0.1), None, margin=1.05)
    assert held is not None
    assert held.velocity_mm_s == 2.7


TABLE = "ISO 20816-3:2022, group 2, rigid"


@pytest.mark.parametrize(
    ("user", "baseline", "velocity", "said"),
    [
        (None, None, 3.0, f"alarm limit of 2.8 mm/s (the zone boundary B/C of {TABLE}, until there is a baseline)"),
        (None, 1.0, 1.75, f"alarm limit of 1.7 mm/s (the healthy 1 mm/s plus a quarter of the zone boundary B/C of {TABLE})"),  # noqa: E501
        (None, 3.4, 3.6, f"alarm limit of 3.5 mm/s (1.25 times the zone boundary B/C of {TABLE}, the most that it allows)"),  # noqa: E501
        (None, 1.0, 5.0, f"trip limit of 4.5 mm/s (the zone boundary C/D of {TABLE})"),
        (UserBands(alarm_mm_s=2.0), 1.0, 2.2, "alarm limit of 2 mm/s (set by the plant)"),
        (UserBands(trip_mm_s=6.0), 1.0, 7.0, "trip limit of 6 mm/s (set by the plant)"),
    ],
)  # fmt: skip
def test_the_words_say_which_limit_of_how_much_and_where_it_comes_from(
    user: UserBands | None, baseline: float | None, velocity: float, said: str
) -> None:
    limits = VelocityLimits(("DE.H",), 2, "rigid", user)
    found = limits.crossed((velocity,), None if baseline is None else (baseline,))
    assert found is not None
    assert found.sentence == f"Vibration velocity at DE.H is {velocity:g} mm/s RMS, above the {said}."


@pytest.mark.parametrize(
    "user",
    [
        UserBands(alarm_mm_s=6.0),
        # Above the alarm of today (2.8), and below the one that a high baseline may bring (3.5).
        UserBands(trip_mm_s=3.0),
        UserBands(alarm_mm_s=3.0, trip_mm_s=2.0),
    ],
)
def test_limits_that_contradict_each_other_now_or_after_learning_are_refused(user: UserBands) -> None:
    with pytest.raises(BandError, match="not above the alarm limit"):
        VelocityLimits(("DE.H",), 2, "rigid", user)


@given(st.floats(0, 1000, allow_nan=False), st.floats(3.51, 100))
def test_limits_that_are_taken_never_fail_on_any_baseline(baseline: float, trip: float) -> None:
    made = VelocityLimits(("DE.H",), 2, "rigid", UserBands(trip_mm_s=trip)).bands(baseline)
    assert made.alarm_mm_s is not None
    assert made.alarm_mm_s < trip
