"""How strongly one sensor's envelope is modulated at every frequency, with a calibrated chance of being noise.

A damaged bearing strikes once per ball pass; each strike rings the structure at its resonances, so the *envelope* of
the vibration carries a line at the pass frequency and its harmonics. In order:

1. Whiten: divide the spectrum by its local background and clip what still stands out, so that shaft and mains lines
   do not drown the resonances, which may lie anywhere.
2. Split the whole frequency range into equal bands and take the squared envelope of each.
3. Divide each squared-envelope spectrum by its own local background: without modulation its bins follow the
   exponential distribution Exp(1), whatever the sensor, the unit or the machine.
4. Sum over the n bands: Gamma(n). The tail probability of a line is then known, and so is the depth of the
   modulation it stands for.

Source: R. B. Randall and J. Antoni, Mech. Syst. Signal Process. 25 (2011) 485-520 (squared envelope, whitening);
J. Antoni, Mech. Syst. Signal Process. 21 (2007) 108-124 (statistics of its lines).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.signal.fourier import ifft, next_fast_len, prev_fast_len, rfft

FloatArray = NDArray[np.float64]
Real = TypeVar("Real", np.float32, np.float64)

BACKGROUND_WIDTH_HZ: Final = 20.0
"""Width of the local background: wider than a line with its slip, narrower than a resonance."""
MIN_BACKGROUND_BINS: Final = 8
"""A median of fewer bins is itself too random to divide by."""
CLIP_RATIO: Final = 2.5
"""Whitened amplitudes above this many times the background are cut to it: 0.2 % of the bins of pure noise."""
MIN_BAND_HZ: Final = 1500.0
"""A band must hold several harmonics of a pass frequency; fewer and wider bands at low sampling rates."""
MAX_BANDS: Final = 8
"""More bands gain nothing on the recordings tried and leave too few harmonics in each."""
FIRST_BIN: Final = 3
"""Bins next to zero hold the trend of the envelope, not a modulation."""


@dataclass(frozen=True, slots=True)
class EnvelopeLines:
    """The averaged squared-envelope spectrum of one channel.

    Attributes:
        step_hz: distance of the bins.
        bands: how many bands were averaged.
        surprise: −ln of the chance that noise alone reaches this bin, (bins,).
        ratio: power over the local background, mean over the bands, (bins,); 1 without modulation.
        depth_squared: squared modulation depth without the background, mean over the bands, (bins,).
    """

    step_hz: float
    bands: int
    surprise: FloatArray
    ratio: FloatArray
    depth_squared: FloatArray

    @property
    def max_hz(self) -> float:
        """Return the highest frequency that the spectrum holds."""
        return (self.surprise.size - 2) * self.step_hz

    def without(self, bins: NDArray[np.intp]) -> EnvelopeLines:
        """Return the same spectrum with the given bins silenced, as if nothing modulated there."""
        inside = bins[(bins >= 0) & (bins < self.surprise.size)]
        surprise, depth_squared = self.surprise.copy(), self.depth_squared.copy()
        surprise[inside] = 0.0
        depth_squared[inside] = 0.0
        return EnvelopeLines(self.step_hz, self.bands, surprise, self.ratio, depth_squared)


def envelope_lines(samples: NDArray[np.floating], sample_rate_hz: float, max_hz: float) -> EnvelopeLines:
    """Return the calibrated squared-envelope spectrum of one channel.

    Args:
        samples: acceleration (samples,), any unit: the result does not depend on it.
        sample_rate_hz: of the samples.
        max_hz: highest modulation frequency wanted.

    Returns:
        Lines from 0 to `max_hz`, or to the width of a band if that is less.
    """
    spectrum, step_hz = whitened_spectrum(samples, sample_rate_hz)
    bands = int(min(max(sample_rate_hz / 2 // MIN_BAND_HZ, 1), MAX_BANDS))
    edges = np.linspace(1, spectrum.size, bands + 1).astype(int)
    width = int(np.diff(edges).min())
    bins = min(int(max_hz / step_hz) + 2, int(0.95 * width))
    power = squared_envelope_powers(spectrum, edges, bins)
    background = power.copy()
    background[:, 1:] = local_background(power[:, 1:], step_hz)
    tiny = np.finfo(np.float32).tiny
    gamma = (power / np.maximum(background, tiny)).sum(axis=0, dtype=np.float64)
    depth_squared = (4.0 * (power - background) / np.maximum(power[:, :1], tiny)).sum(axis=0, dtype=np.float64)
    surprise = gamma_surprise(gamma, bands)
    surprise[:FIRST_BIN] = 0.0
    depth_squared[:FIRST_BIN] = 0.0
    return EnvelopeLines(step_hz, bands, surprise, gamma / bands, depth_squared / bands)


def whitened_spectrum(samples: NDArray[np.floating], sample_rate_hz: float) -> tuple[NDArray[np.complex64], float]:
    """Return the spectrum divided by its local background and clipped, and the distance of its bins in Hz.

    In single precision, whose error is spread 130 dB below the signal: sensors are noisier.

    The record is cut to a length that transforms fast, never padded: padding would make neighbouring bins depend on
    each other, and the statistics below count on their independence.
    """
    length = prev_fast_len(samples.size)
    level = (samples[:length] - samples[:length].mean(dtype=np.float64)).astype(np.float32, copy=False)
    # To a level about 1 first: squares of any unit then stay far from the ends of single precision.
    level *= 1.0 / max(float(np.abs(level).max(initial=0.0)), float(np.finfo(np.float32).tiny))
    spectrum = rfft(level)
    step_hz = sample_rate_hz / length
    power = _squared(spectrum)
    background = local_background(power, step_hz)
    # Whitened first, clipped then: one factor for both.
    np.maximum(background, power / np.float32(CLIP_RATIO**2), out=background)
    spectrum /= np.sqrt(np.maximum(background, np.finfo(np.float32).tiny))
    return spectrum, step_hz


def squared_envelope_powers(spectrum: NDArray[np.complex64], edges: NDArray[np.intp], bins: int) -> NDArray[np.float32]:
    """Return the power of the squared envelope of each band at its first `bins` frequencies, (bands, bins).

    A band alone, moved down to zero frequency, is the analytic signal at a rate just high enough: its squared
    magnitude is the squared envelope, and nothing outside the band is computed. All bands in one go: the transform then
    works on several at a time.

    Args:
        spectrum: of one channel, (bins of the spectrum,).
        edges: where bands begin and end, (bands + 1,).
        bins: how many.
    """
    widest = int(np.diff(edges).max())
    padded = np.zeros((edges.size - 1, next_fast_len(widest + bins, real=False)), spectrum.dtype)
    for row, (first, last) in zip(padded, itertools.pairwise(edges), strict=True):
        row[: last - first] = spectrum[first:last]
    return _squared(rfft(_squared(ifft(padded, out=padded)))[:, :bins])


def _squared(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return squared magnitudes, without the square root that `abs` takes first."""
    squared: NDArray[np.float32] = values.real**2
    squared += values.imag**2
    return squared


def local_background(power: NDArray[Real], step_hz: float) -> NDArray[Real]:
    """Return the mean level of noise around every bin (..., bins), from medians, which lines do not move.

    Medians of adjoining blocks, joined by straight lines: as good as a running median for a level that changes
    slowly, and many times faster. The median of Exp(1) is ln 2.
    """
    block = max(MIN_BACKGROUND_BINS, round(BACKGROUND_WIDTH_HZ / step_hz))
    bins = power.shape[-1]
    blocks = bins // block
    if blocks < 2:
        block, blocks = bins, 1
    # Sorted whole: numpy's vector sort of so few is many times faster than its selection of the middle ones.
    ordered = np.sort(power[..., : blocks * block].reshape(*power.shape[:-1], blocks, block), axis=-1)
    medians = ordered[..., (block - 1) // 2] + ordered[..., block // 2]
    medians *= power.dtype.type(0.5 / math.log(2))
    return _joined(medians, block, bins)


def _joined(values: NDArray[Real], block: int, size: int) -> NDArray[Real]:
    """Return `size` points on the straight lines between values in the middle of adjoining blocks, (..., size).

    >>> _joined(np.array([0.0, 4.0]), 4, 9).tolist()
    [0.0, 0.0, 0.5, 1.5, 2.5, 3.5, 4.0, 4.0, 4.0]
    """
    joined = np.empty((*values.shape[:-1], size), values.dtype)
    first = block // 2
    last = first + (values.shape[-1] - 1) * block
    joined[..., :first], joined[..., last:] = values[..., :1], values[..., -1:]
    along = ((np.arange(block) + first - (block - 1) / 2) / block).astype(values.dtype)
    between = np.diff(values)[..., None] * along + values[..., :-1, None]
    joined[..., first:last] = between.reshape(*values.shape[:-1], -1)
    return joined


def gamma_surprise(total: FloatArray, shape: int) -> FloatArray:
    """Return −ln of the chance that a Gamma(shape) variable exceeds `total`, exact for whole shapes.

    >>> round(float(gamma_surprise(np.array([5.0]), 1)[0]), 6)
    5.0
    """
    safe = np.maximum(total, np.finfo(float).tiny)
    terms = np.arange(shape)[:, None] * np.log(safe) - np.array([math.lgamma(k + 1) for k in range(shape)])[:, None]
    largest = terms.max(axis=0)
    log_sum = largest + np.log(np.exp(terms - largest).sum(axis=0))
    surprise: FloatArray = np.maximum(safe - log_sum, 0.0)
    return surprise
