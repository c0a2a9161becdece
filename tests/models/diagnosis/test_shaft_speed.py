"""The shaft's own lines correct a stated speed; without them it stands as it is."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import noise, shaft_lines

from models.diagnosis.shaft_speed import estimate_speed

RATE_HZ = 12_000.0


def running(seconds: float, shaft_hz: float) -> np.ndarray:
    lines = {float(order): 0.3 / order for order in range(1, 41)}
    return (shaft_lines(seconds, RATE_HZ, shaft_hz, lines) + noise(seconds, RATE_HZ, 1, level=0.3))[None]


@pytest.mark.parametrize("error", [-0.012, -0.004, 0.0, 0.008, 0.014])
def test_a_speed_that_is_a_little_off_is_corrected(error: float) -> None:
    speed = estimate_speed(running(2, 24.7), RATE_HZ, 60 * 24.7 * (1 + error))
    # Forty harmonics of a 2 s record: half a bin at the highest is 0.03 % of the speed.
    assert speed.used == pytest.approx(60 * 24.7, rel=5e-4)
    assert not speed.in_doubt


@pytest.mark.parametrize("error", [-0.04, -0.02, 0.03, 0.045])
def test_a_speed_that_is_far_off_is_corrected_when_the_record_is_long(error: float) -> None:
    speed = estimate_speed(running(4, 24.7), RATE_HZ, 60 * 24.7 * (1 + error))
    assert speed.used == pytest.approx(60 * 24.7, rel=5e-4)


def test_in_a_short_record_a_speed_that_is_far_off_is_doubted() -> None:
    speed = estimate_speed(running(1, 24.7), RATE_HZ, 60 * 24.7 * 1.03)
    assert speed.in_doubt
    assert speed.used == speed.stated


def test_noise_says_nothing_about_speed() -> None:
    for seed in range(10):
        speed = estimate_speed(noise(2, RATE_HZ, seed)[None], RATE_HZ, 1480.0)
        assert speed.estimated is None
        assert not speed.in_doubt
        assert speed.used == 1480.0


@pytest.mark.parametrize("shaft_hz", [13.3, 24.7, 29.9, 58.2])
def test_without_a_stated_speed_one_is_suggested_but_never_used(shaft_hz: float) -> None:
    speed = estimate_speed(running(5, shaft_hz), RATE_HZ, None)
    assert speed.estimated == pytest.approx(60 * shaft_hz, rel=1e-3)
    assert speed.looked_at == speed.estimated
    assert speed.used is None
    assert speed.in_doubt


def suggested(signal: np.ndarray) -> float | None:
    return estimate_speed(signal, RATE_HZ, None).estimated


def test_nothing_is_suggested_where_something_speaks_against_it() -> None:
    assert suggested(noise(5, RATE_HZ, 1)[None]) is None
    # Sixty turns are needed, and two seconds hold 49.
    assert suggested(running(2, 24.7)) is None
    # A comb of the mains.
    assert suggested(running(5, 50.0)) is None
    # Two shafts that show as much.
    assert suggested(running(5, 24.7) + running(5, 33.1)) is None
    # Faster than what is looked for: its half and its third have every second or third tooth only.
    assert suggested(running(5, 110.0)) is None
    # A line at every fifth order alone, as of five blades.
    blades = shaft_lines(5, RATE_HZ, 24.7, {float(order): 0.3 for order in range(5, 200, 5)})
    assert suggested((blades + noise(5, RATE_HZ, 2, level=0.3))[None]) is None


def test_a_few_full_teeth_are_no_comb() -> None:
    # A shaft with even orders only; at 16/17 of its speed the 17th and 34th tooth find lines, and nothing else does.
    even = {float(order): 0.3 for order in range(2, 41, 2)}
    signal = shaft_lines(10, RATE_HZ, 38.4, even) + noise(10, RATE_HZ, 3, level=0.3)
    speed = estimate_speed(signal[None], RATE_HZ, 60 * 38.4 * 0.983)
    assert speed.used == pytest.approx(60 * 38.4 * 0.983, rel=0.02)


def test_a_speed_is_settled_by_a_tachometer_or_by_the_strongest_comb_far_and_wide() -> None:
    assert estimate_speed(running(4, 24.7), RATE_HZ, 60 * 24.7).uncertainty == 0.0
    assert estimate_speed(noise(4, RATE_HZ, 1)[None], RATE_HZ, 1480.0, measured=True).uncertainty == 0.0
    assert estimate_speed(noise(4, RATE_HZ, 1)[None], RATE_HZ, 1480.0).uncertainty == pytest.approx(0.05)
    assert estimate_speed(running(1, 24.7), RATE_HZ, 60 * 24.7 * 1.03).uncertainty == pytest.approx(0.05)


def test_lines_at_every_third_order_are_not_taken_for_the_shaft() -> None:
    # A fault near three orders, 2 % beside the shaft: its family must not pull the comb over.
    fault = shaft_lines(4, RATE_HZ, 25 * 1.02, {float(order): 1.0 for order in range(3, 40, 3)})
    speed = estimate_speed(running(4, 25) + fault, RATE_HZ, 1500.0)
    assert speed.used == pytest.approx(1500.0, rel=5e-4)


@pytest.mark.parametrize("error", [-0.002, 0.0, 0.002])
def test_a_measured_speed_is_corrected_within_what_a_tachometer_leaves_open(error: float) -> None:
    speed = estimate_speed(running(4, 24.7), RATE_HZ, 60 * 24.7 * (1 + error), measured=True)
    assert speed.used == pytest.approx(60 * 24.7, rel=5e-4)


@pytest.mark.parametrize("error", [-0.03, -0.01, 0.008])
def test_a_measured_speed_is_not_moved_to_a_comb_beside_it(error: float) -> None:
    stated = 60 * 24.7 * (1 + error)
    speed = estimate_speed(running(4, 24.7), RATE_HZ, stated, measured=True)
    assert speed.used == pytest.approx(stated, rel=0.003)
    assert not speed.in_doubt
