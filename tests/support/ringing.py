"""A motor that rings when something hits it: noise through a resonance, two lines, and impacts of a bearing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 12_000.0


def signal(seconds: float, seed: int, *, impacts: float = 0.0, channels: int = 2) -> NDArray[np.float32]:
    """Return noise through a resonance with two lines, and impacts of a bearing on the first channel."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    kernel = np.exp(-np.arange(200) / 25.0) * np.sin(2 * np.pi * 3_100.0 * np.arange(200) / RATE_HZ)
    rows = []
    for channel in range(channels):
        hits = np.zeros(t.size)
        if channel == 0:
            hits[(np.arange(0.0, seconds, 1 / 107.3) * RATE_HZ).astype(int)] = impacts
        excitation = rng.normal(0.0, 1.0, t.size) + hits
        rows.append(np.convolve(excitation, kernel)[: t.size] + 2.0 * np.sin(2 * np.pi * 29.5 * t + channel))
    return np.asarray(rows, np.float32)
