"""How fast the machine is at the moment: a bare FFT, timed right before and right after each benchmark.

A machine that is shared gives twice as much in one minute as in the next. Beside each published number stands what a
bare FFT took meanwhile, so that numbers of two days can be compared.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

CHANNELS: Final = 16
RATE_HZ: Final = 25_600
PIECES: Final = 20
SECONDS_EACH: Final = 30
"""Of data; of all channels together they take about 30 ms."""


def bare_fft_ms() -> float:
    """Return the ms that a bare float32 rfft of one channel and second takes now, the median of half a second."""
    import numpy as np
    import scipy.fft

    samples = np.random.default_rng(0).standard_normal((CHANNELS, RATE_HZ)).astype(np.float32)
    times_ms = []
    for _ in range(PIECES):
        begun = time.perf_counter()
        for _ in range(SECONDS_EACH):
            scipy.fft.rfft(samples)
        times_ms.append(1e3 * (time.perf_counter() - begun) / (SECONDS_EACH * CHANNELS))
    return statistics.median(times_ms)
