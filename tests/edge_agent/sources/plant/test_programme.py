from __future__ import annotations

import numpy as np
import pytest

from edge_agent.sources.plant.programme import OperatingPoint, OperatingProgramme

STOPS = OperatingProgramme(
    (
        OperatingPoint(0.0, 1500.0),
        OperatingPoint(60.0, 1500.0),
        OperatingPoint(70.0, 0.0, load=0.0),
        OperatingPoint(100.0, 0.0, load=0.0),
        OperatingPoint(115.0, 1500.0),
    ),
    period_s=200.0,
    seed=3,
)


def test_the_angle_is_the_integral_of_the_speed_through_ramps_stops_and_rounds() -> None:
    time_s = np.arange(0.0, 450.0, 0.001)
    speed_hz, _load, turns = STOPS.at(time_s)
    integral = np.concatenate(([0.0], np.cumsum((speed_hz[1:] + speed_hz[:-1]) / 2.0 * 0.001)))
    # A thousandth of a turn over 7,500 turns: the error of the trapezium rule used here, not of the closed form.
    assert np.allclose(turns - turns[0], integral, atol=1e-3)


def test_a_stopped_machine_stands_still_completely() -> None:
    speed_hz, load, turns = STOPS.at(np.array([75.0, 85.0, 99.0, 275.0, 299.0]))
    assert np.all(speed_hz == 0.0)
    assert np.all(load == 0.0)
    assert turns[0] == turns[1] == turns[2]
    assert turns[3] == turns[4]


def test_unrest_stays_within_its_bounds_and_averages_out_over_a_minute() -> None:
    steady = OperatingProgramme((OperatingPoint(0.0, 1480.0),), seed=11)
    speed_hz, load, _turns = steady.at(np.arange(0.0, 3600.0, 0.1))
    relative = speed_hz * 60.0 / 1480.0 - 1.0
    assert np.abs(relative).max() <= 0.002
    assert np.abs(load - 1.0).max() <= 0.05
    minutes = relative.reshape(60, 600).mean(axis=1)
    # 0.0003 is far below what moves a feature; anything slower would be a drift that a detector must see.
    assert np.abs(minutes).max() < 3e-4


@pytest.mark.parametrize(
    ("points", "period_s"),
    [
        ((), None),
        ((OperatingPoint(1.0, 1500.0),), None),
        ((OperatingPoint(0.0, 1500.0), OperatingPoint(0.0, 900.0)), None),
        ((OperatingPoint(0.0, -10.0),), None),
        ((OperatingPoint(0.0, 1500.0), OperatingPoint(50.0, 900.0)), 50.0),
    ],
)
def test_a_programme_out_of_order_is_refused(points: tuple[OperatingPoint, ...], period_s: float | None) -> None:
    with pytest.raises(ValueError, match="programme"):
        OperatingProgramme(points, period_s=period_s)
