"""Zones follow the tables of ISO 20816-3:2022 and say which table."""

from __future__ import annotations

import pytest

from models.diagnosis.iso20816 import ZoneError, zone


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
