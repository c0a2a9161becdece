"""A band that rose is told from chance, and from a lower sampling rate."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines

from models.diagnosis.band_change import largest_change
from models.diagnosis.fingerprint import combine, fingerprint

RATE_HZ = 25_600.0
SHAFT_HZ = 24.6


def healthy(seed: int, seconds: float = 2.0) -> np.ndarray:
    lines = shaft_lines(seconds, RATE_HZ, SHAFT_HZ, {1.0: 1.2, 2.0: 0.4, 3.0: 0.1})
    return np.stack([noise(seconds, RATE_HZ, seed) + lines, noise(seconds, RATE_HZ, seed + 100, level=0.5)])


def test_chance_is_no_change() -> None:
    reference = combine([fingerprint(healthy(seed), RATE_HZ, 60 * SHAFT_HZ) for seed in range(5)])
    for seed in range(10, 40):
        now = fingerprint(healthy(seed), RATE_HZ, 60 * SHAFT_HZ)
        assert largest_change(now, reference, 0) is None
        assert largest_change(now, reference, 1) is None


def test_a_resonance_that_rises_is_a_change_in_its_band() -> None:
    reference = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    struck = healthy(2)
    struck[1] += impacts(2, RATE_HZ, 33.3, 1, height=30.0, resonance_hz=3100.0)
    change = largest_change(fingerprint(struck, RATE_HZ, 60 * SHAFT_HZ), reference, 1)
    assert change is not None
    assert change.band_hz == pytest.approx(3162, rel=0.3)
    assert largest_change(fingerprint(struck, RATE_HZ, 60 * SHAFT_HZ), reference, 0) is None


def test_a_lower_sampling_rate_is_compared_where_both_have_bands() -> None:
    reference = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    slower = shaft_lines(2, 12_800.0, SHAFT_HZ, {1.0: 1.2, 2.0: 0.4, 3.0: 0.1}) + noise(2, 12_800.0, 3, level=0.5**0.5)
    now = fingerprint(np.stack([slower, slower]), 12_800.0, 60 * SHAFT_HZ)
    assert largest_change(now, reference, 0) is None
