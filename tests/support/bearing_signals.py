"""Vibration made for one property at a time: impacts with slip, lines at orders, noise. Seeded, m/s²."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]


def noise(seconds: float, rate_hz: float, seed: int, level: float = 1.0) -> Signal:
    """Return white noise (samples,) of a given RMS."""
    return level * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))


def impacts(
    seconds: float, rate_hz: float, frequency_hz: float, seed: int, *, height: float = 5.0, resonance_hz: float = 3100.0
) -> Signal:
    """Return blows at a mean frequency, 1 % jitter each, that ring one resonance for about a millisecond."""
    random = np.random.default_rng(seed)
    count = int(seconds * frequency_hz) - 1
    times = np.cumsum(1 / frequency_hz * (1 + 0.01 * random.standard_normal(count)))
    samples = np.zeros(round(seconds * rate_hz))
    index = np.rint(times * rate_hz).astype(int)
    samples[index[index < samples.size]] = height * (
        1 + 0.2 * random.standard_normal(int((index < samples.size).sum()))
    )
    ring_s = np.arange(round(0.008 * rate_hz)) / rate_hz
    ring = np.exp(-ring_s / 0.0012) * np.sin(2 * np.pi * resonance_hz * ring_s)
    return np.convolve(samples, ring)[: samples.size]


def shaft_lines(seconds: float, rate_hz: float, shaft_hz: float, velocity_mm_s: dict[float, float]) -> Signal:
    """Return acceleration with a line of the given velocity RMS at each order of the shaft."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    total = np.zeros(time_s.size)
    for number, (order, rms_mm_s) in enumerate(velocity_mm_s.items()):
        angular = 2 * np.pi * order * shaft_hz
        total += np.sqrt(2) * rms_mm_s / 1000 * angular * np.cos(angular * time_s + 1.7 * number)
    return total
