"""A bearing is found by the name people use, and its orders follow from its geometry."""

from __future__ import annotations

import pytest

from models.diagnosis.bearings import Bearing, BearingError, bearing_library, find_bearing


@pytest.mark.parametrize(
    ("name", "bpfo", "bpfi", "ball_defect", "ftf"),
    [
        # What the laboratories that measured with them publish, to the digits that they give.
        ("6205-2RS JEM", 3.5848, 5.4152, 4.7135, 0.39828),
        ("6203-2RS JEM", 3.0530, 4.9469, 3.9874, 0.3817),
        ("NICE", 81.125 / 25, 118.875 / 25, 2 * 63.91 / 25, 14.8375 / 25),
        ("PRONOSTIA", 5.611, 7.389, None, None),
        ("ZA-2115", 236.4 * 60 / 2000, 296.9 * 60 / 2000, None, None),
        ("ER-16K", 3.572, 5.428, 2 * 2.32, 0.3969),
    ],
)
def test_the_library_agrees_with_what_is_published(
    name: str, bpfo: float, bpfi: float, ball_defect: float | None, ftf: float | None
) -> None:
    bearing = find_bearing(name)
    assert bearing.bpfo == pytest.approx(bpfo, rel=1e-3)
    assert bearing.bpfi == pytest.approx(bpfi, rel=1e-3)
    if ball_defect is not None and name != "NICE":  # the set's own BSF does not follow from its geometry
        assert 2 * bearing.bsf == pytest.approx(ball_defect, rel=2e-3)
    if ftf is not None and name != "NICE":
        assert bearing.ftf == pytest.approx(ftf, rel=1e-3)


def test_every_bearing_of_the_library_names_its_source() -> None:
    assert all(row.source for row in bearing_library())
    assert len({row.bearing.name for row in bearing_library()}) == len(bearing_library())


def test_balls_of_both_races_add_up() -> None:
    for row in bearing_library():
        balls = row.bearing.bpfo + row.bearing.bpfi
        assert balls == pytest.approx(round(balls))
        assert row.bearing.bpfo == pytest.approx(round(balls) * row.bearing.ftf)


@pytest.mark.parametrize("spelling", ["6205", "skf 6205", "SKF-6205", "6205-2rs jem"])
def test_spelling_does_not_matter(spelling: str) -> None:
    assert find_bearing(spelling).name == "6205-2RS JEM"


def test_an_unknown_bearing_names_the_nearest() -> None:
    with pytest.raises(BearingError, match="6205"):
        find_bearing("6285")


@pytest.mark.parametrize("orders", [(0.0, 5, 2, 0.4), (3.5, float("nan"), 2, 0.4), (107.0, 162.0, 71.0, 1200.0)])
def test_orders_that_no_bearing_has_are_refused(orders: tuple[float, float, float, float]) -> None:
    with pytest.raises(BearingError, match="orders"):
        Bearing("x", *orders)


def test_a_geometry_that_cannot_be_built_is_refused() -> None:
    with pytest.raises(BearingError, match="do not fit"):
        Bearing.from_geometry("x", 9, 2.0, 1.0)
