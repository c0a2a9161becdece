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


def test_without_a_stated_speed_none_is_guessed() -> None:
    assert estimate_speed(running(2, 25), RATE_HZ, None).used is None


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
