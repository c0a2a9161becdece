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
        ("MaFaulDa", 2.998, 5.002, 2 * 1.871, 0.375),
        ("608", 2.5767, 4.4233, 3.5270, 0.3683),
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


@pytest.mark.parametrize(
    ("balls", "ball", "pitch", "angle", "complaint"),
    [
        (9, 2.0, 1.0, 0.0, "do not fit"),
        (2, 0.2, 1.0, 0.0, "do not fit"),
        (20, 10.0, 40.0, 0.0, "side by side"),
        (9, 0.2, 1.0, 90.0, "contact angle"),
        (9, 0.2, 1.0, -1.0, "contact angle"),
        (9, 0.2, 1.0, float("nan"), "contact angle"),
    ],
)
def test_a_geometry_that_cannot_be_built_is_refused(
    balls: int, ball: float, pitch: float, angle: float, complaint: str
) -> None:
    with pytest.raises(BearingError, match=complaint):
        Bearing.from_geometry("x", balls, ball, pitch, angle)


def test_a_geometry_stands_where_a_name_would() -> None:
    written, known = find_bearing("balls=16, ball=0.331, pitch=2.815, angle=15.17"), find_bearing("ZA-2115")
    assert (written.bpfo, written.bpfi, written.bsf, written.ftf) == (known.bpfo, known.bpfi, known.bsf, known.ftf)
    assert find_bearing("balls=8,ball=0.235,pitch=1.245").bpfo == find_bearing("NICE").bpfo


def test_so_do_the_orders_of_a_makers_table() -> None:
    bearing = find_bearing("BPFO=3.585,BPFI=5.415,BSF=2.357,FTF=0.398")
    assert (bearing.bpfo, bearing.bpfi, bearing.bsf, bearing.ftf) == (3.585, 5.415, 2.357, 0.398)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("balls=9,ball=7.94", "give balls"),
        ("balls=9,ball=7.94,pitch=39,colour=3", "give balls"),
        ("balls=nine,ball=7.94,pitch=39", "is not a word with a number"),
        ("balls=nan,ball=7.94,pitch=39", "is not a word with a number"),
        ("balls=9,,ball=7.94,pitch=39", "is not a word with a number"),
        ("balls=8.5,ball=7.94,pitch=39", "whole number"),
        ("balls=9,ball=39,pitch=7.94", "do not fit"),
        ("bpfo=107,bpfi=162,bsf=71,ftf=1200", "orders"),
    ],
)
def test_numbers_that_say_no_bearing_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(BearingError, match=complaint):
        find_bearing(text)
