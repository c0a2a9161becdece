"""The noise around an order is that of its bins, whatever the line does, and shares the structure's resonances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import irfft, rfft

from models.diagnosis.fingerprint import ORDERS, fingerprint
from models.diagnosis.order_noise import noise_around_orders

RATE_HZ = 6_000.0
SHAFT_HZ = 24.7
SECONDS = 5.0


def white(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(SECONDS * RATE_HZ))


def lines(level: float) -> np.ndarray:
    turns = SHAFT_HZ * np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    return level * np.sum([np.cos(2 * np.pi * order * turns + order) for order in range(1, 11)], axis=0)


@pytest.mark.parametrize("level", [0.0, 0.1, 10.0])
def test_white_noise_has_its_mean_square_spread_over_all_bins(level: float) -> None:
    # Variance 1 in half as many bins as samples; medians of some thirty bins scatter by a fifth or so, the mean of 13
    # of them by a tenth. A line of 40 dB over the noise must not show.
    found = noise_around_orders((white() + lines(level))[None], RATE_HZ, SHAFT_HZ)[0]
    expected = 2 / (SECONDS * RATE_HZ)
    assert found.mean() == pytest.approx(expected, rel=0.25)
    np.testing.assert_allclose(found, expected, rtol=0.7)


def test_equal_forces_are_equal_whatever_resonates() -> None:
    forces = white() + lines(0.3)
    hz = np.fft.rfftfreq(forces.size, 1 / RATE_HZ)
    ratio = hz / 74.0  # three times a turn
    heard = irfft(rfft(forces) * ratio**2 / (1 - ratio**2 + 0.06j * ratio), forces.size)
    noise = noise_around_orders(heard[None], RATE_HZ, SHAFT_HZ)[0]
    velocity_mm_s = fingerprint(heard[None], RATE_HZ, 60 * SHAFT_HZ, refine_speed=False).order_mm_s[0]
    whole = np.array([ORDERS.index(order) for order in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)])
    order = np.array(ORDERS)[whole]
    acceleration = velocity_mm_s[whole] * 2 * np.pi * SHAFT_HZ * order / 1000
    assert velocity_mm_s[whole].max() > 20 * velocity_mm_s[whole].min()  # what an analyst sees
    force = acceleration / np.sqrt(noise[whole])
    # Half of the resonance, 4.4 Hz wide, lies within the reach: its line may seem twice as strong, not thirty times.
    assert force.max() < 2.5 * force.min()


def test_too_few_bins_say_nothing() -> None:
    assert np.isnan(noise_around_orders(white()[None, :3000], RATE_HZ, SHAFT_HZ)).all()
