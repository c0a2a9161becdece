"""Where the bands lie, for any sample rate and window length: the layout that features and their reference share."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

from models.signal.errors import BandError, SignalError
from models.signal.fourier import prev_fast_len

SHORTEST_WINDOW: Final = 256
BAND_COUNT: Final = 8

LOWEST_HZ: Final = 10.0
"""Accelerometers of machine monitoring are specified from here on (ISO 20816-1, 10 Hz to 1000 Hz)."""

LOWEST_BIN: Final = 2
"""Below it lies the main lobe of what a Hann window leaves of the mean and of drift."""

HIGHEST_OF_RATE: Final = 0.45
"""Above it the anti-aliasing filter of the acquisition has begun to cut."""

CARRIER_EDGES_OF_RATE: Final = (0.05, 0.1, 0.2, 0.3, 0.4)
"""Bearing impacts ring in the upper part of the usable bandwidth, which acquisition hardware guarantees up to
rate / 2.56. Equal widths above 0.1 keep each band short enough to transform inside the cache."""

CARRIER_COUNT: Final = len(CARRIER_EDGES_OF_RATE) - 1

VELOCITY_HZ: Final = (10.0, 1000.0)
"""Source: ISO 20816-3:2022, broad-band velocity of machines above 600 rpm."""


@dataclass(frozen=True, slots=True)
class BandLayout:
    """Bins of one window's one-sided spectrum that belong together.

    Attributes:
        step_hz: distance of two bins.
        bands: edges in bins, first inclusive, last exclusive; `BAND_COUNT` + 1 of them, rising.
        carriers: (first bin, bins) per carrier band; the number of bins transforms fast.
        velocity: first and one past the last bin of the velocity band.
    """

    step_hz: float
    bands: tuple[int, ...]
    carriers: tuple[tuple[int, int], ...]
    velocity: tuple[int, int]

    def band_hz(self, number: int) -> tuple[float, float]:
        """Return the edges of band `number` (1 is the lowest) in Hz."""
        return self.bands[number - 1] * self.step_hz, self.bands[number] * self.step_hz

    def carrier_hz(self, number: int) -> tuple[float, float]:
        """Return the edges of carrier band `number` (1 is the lowest) in Hz."""
        first, bins = self.carriers[number - 1]
        return first * self.step_hz, (first + bins) * self.step_hz


def band_layout(sample_rate_hz: float, window_samples: int) -> BandLayout:
    """Return the bands of windows of this rate and length.

    Bands are log-spaced from 10 Hz (or the second bin, where a bin is wider than 5 Hz) to 0.45 of the rate. Carriers
    lie between 0.05 and 0.4 of the rate. Velocity runs from 10 Hz (or the first bin above it) to 1000 Hz (or
    0.45 of the rate).

    >>> band_layout(25600.0, 25600).carrier_hz(4)
    (7680.0, 10240.0)
    >>> band_layout(12000.0, 12000).bands
    (10, 22, 48, 106, 232, 510, 1120, 2459, 5400)

    Raises:
        SignalError: the window is too short or the rate too low for bands that mean something.
    """
    if not (math.isfinite(sample_rate_hz) and sample_rate_hz > 0):
        raise SignalError(f"a sample rate of {sample_rate_hz} Hz has no spectrum: give a rate above 0")
    if window_samples < SHORTEST_WINDOW:
        raise SignalError(
            f"a window of {window_samples} samples is too short to be resolved into bands: "
            f"use at least {SHORTEST_WINDOW} ({SHORTEST_WINDOW / sample_rate_hz:.3g} s at {sample_rate_hz:g} Hz)"
        )
    step_hz = sample_rate_hz / window_samples
    lowest = max(LOWEST_BIN, math.ceil(round(LOWEST_HZ / step_hz, 6)))
    highest = int(HIGHEST_OF_RATE * window_samples)
    ratio = (highest / lowest) ** (1 / BAND_COUNT) if highest > lowest else 1.0
    bands = tuple(round(lowest * ratio**number) for number in range(BAND_COUNT + 1))
    if any(high <= low for low, high in itertools.pairwise(bands)):
        raise SignalError(
            f"windows of {window_samples} samples at {sample_rate_hz:g} Hz leave no {BAND_COUNT} bands between "
            f"{lowest * step_hz:g} Hz and {highest * step_hz:g} Hz: use a longer window or a higher rate"
        )
    edges = [round(edge * window_samples) for edge in CARRIER_EDGES_OF_RATE]
    carriers = tuple((low, prev_fast_len(high - low, real=False)) for low, high in itertools.pairwise(edges))
    velocity = (
        max(1, math.ceil(round(VELOCITY_HZ[0] / step_hz, 6))),
        min(math.ceil(round(VELOCITY_HZ[1] / step_hz, 6)), highest),
    )
    return BandLayout(step_hz, bands, carriers, velocity)


def bins_between(low_hz: float, high_hz: float, step_hz: float, bins: int) -> slice:
    """Return the bins from `low_hz` (inclusive) to `high_hz` (exclusive).

    >>> bins_between(10.0, 1000.0, 1.0, 12801)
    slice(10, 1000, None)

    Raises:
        BandError: edges reversed, beyond Nyquist, or no bin between them.
    """
    nyquist_hz = (bins - 1) * step_hz
    if not 0 <= low_hz < high_hz:
        raise BandError(f"a band from {low_hz:g} to {high_hz:g} Hz is empty: give the lower edge first")
    if high_hz > nyquist_hz * (1 + 1e-9) + step_hz:
        raise BandError(f"a band up to {high_hz:g} Hz reaches beyond the highest frequency of {nyquist_hz:g} Hz")
    first = math.ceil(round(low_hz / step_hz, 6))
    end = min(math.ceil(round(high_hz / step_hz, 6)), bins)
    if end <= first:
        raise BandError(
            f"a band from {low_hz:g} to {high_hz:g} Hz holds no bin of {step_hz:g} Hz: widen it or use a longer window"
        )
    return slice(first, end)
