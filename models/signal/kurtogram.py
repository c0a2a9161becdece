"""Where in frequency the impacts are: spectral kurtosis, the fast kurtogram, and the carrier band it chooses.

Impacts ring a resonance for a moment and leave it silent until the next, so the envelope of that band has a high
kurtosis, while noise has none and a steady line less than none. In this order: transform once; cut the spectrum into
1, 2, 3, 4, 6, 8, 12 … bands; transform each back to its complex envelope; take the kurtosis of that; choose the band
where it is highest beyond what noise reaches.

One knock from outside has a higher kurtosis than any bearing. Hence the choice goes by the lowest kurtosis that
remains when any one eighth of the record is left out: a knock then vanishes, impacts that repeat stay.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted, admitted_rate
from models.signal.averaging import window_length
from models.signal.envelope import squared_envelope_spectrum
from models.signal.errors import BandError, ResolutionError
from models.signal.fourier import ifft_unscaled, prev_fast_len, rfft
from models.signal.spectra import hann

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.signal.spectra import Spectrum

FINEST_LEVEL: Final = 6
"""Bands of 1/64 of Nyquist: narrower than any resonance that rings long enough to matter."""

FEWEST_ENVELOPE_SAMPLES: Final = 128
"""Per band. Source: Antoni (2007), whose finest level is log2(samples) - 7."""

BLOCKS: Final = 16
"""Parts of the record of which any two neighbours may hold a knock without deciding the choice: an eighth, in steps of
half of that, so that a knock and its ringing lie well inside one pair."""

EDGE_SHARE: Final = 0.125
"""Of a band's width at either end, over which it fades: without it a line next door rings into the band."""

FALSE_CHOICE: Final = 1e-3
"""Nominal chance that noise alone makes any band of a kurtogram look impulsive, by the asymptotic distribution. Few
values have a longer tail: the plain kurtosis exceeds its limit in up to one of 20 records of noise, the repeating one,
by which a band is chosen, in none of several hundred."""


@dataclass(frozen=True, slots=True)
class KurtogramBand:
    """One cell: its level (log2 of how many bands there are), and its edges in Hz."""

    level: float
    low_hz: float
    high_hz: float


@dataclass(frozen=True, slots=True)
class Kurtogram:
    """Kurtosis over frequency and bandwidth.

    Attributes:
        bands: level by level from the widest, each level from the lowest frequency on.
        kurtosis: (channels, bands), 1; 0 for noise, -1 for a steady line, high for impacts.
        repeating: (channels, bands), the lowest kurtosis that remains without any one eighth of the record.
        significant: (bands,), what noise hardly exceeds in a whole kurtogram (`FALSE_CHOICE`).
    """

    bands: tuple[KurtogramBand, ...]
    kurtosis: NDArray[np.float64]
    repeating: NDArray[np.float64]
    significant: NDArray[np.float64]

    def level_rows(self, channel: int) -> list[tuple[float, NDArray[np.float64]]]:
        """Return (level, kurtosis of its bands from 0 to Nyquist) per level, for a picture."""
        rows = []
        numbered = list(enumerate(self.bands))
        for level, group in itertools.groupby(numbered, key=lambda pair: pair[1].level):
            rows.append((level, self.kurtosis[channel, [number for number, _ in group]]))
        return rows

    def carrier(self, channel: int, *, narrowest_hz: float = 0.0, lowest_hz: float = 0.0) -> CarrierBand | None:
        """Return the band with the most repeating impacts, or None where no band shows more than noise does.

        Args:
            channel: which.
            narrowest_hz: width that the envelope needs; three times the highest fault frequency keeps its harmonics.
            lowest_hz: bands that begin below it are left out, such as those that hold the shaft's own lines.
        """
        allowed = np.array([b.high_hz - b.low_hz >= narrowest_hz and b.low_hz >= lowest_hz for b in self.bands])
        evidence = np.where(allowed, self.repeating[channel], -np.inf)
        best = int(np.argmax(evidence))
        if not evidence[best] > self.significant[best]:
            return None
        band = self.bands[best]
        return CarrierBand(
            band.low_hz, band.high_hz, float(self.repeating[channel, best]), float(self.significant[best])
        )


@dataclass(frozen=True, slots=True)
class CarrierBand:
    """A band chosen for the envelope: edges in Hz, the repeating kurtosis in it, and what noise would reach."""

    low_hz: float
    high_hz: float
    kurtosis: float
    significant: float


def fast_kurtogram(samples: NDArray[Any], sample_rate_hz: float, *, finest_level: int = FINEST_LEVEL) -> Kurtogram:
    """Return the kurtosis of the complex envelope in bands of every position and width of a binary-ternary tree.

    Args:
        samples: (channels, n), any unit (the result has none).
        sample_rate_hz: of all channels.
        finest_level: of the binary tree; bands are Nyquist / 2^level wide there. Less where the record is short.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        ResolutionError: fewer than 1,024 samples, or a level below 0.

    Source: Antoni, Fast computation of the kurtogram for the detection of transient faults, Mech. Syst. Signal
        Process. 21 (2007), the binary-ternary tree; here by cutting one transform instead of by filter banks.
    """
    real = admitted(samples, sample_rate_hz, at_least=8 * FEWEST_ENVELOPE_SAMPLES)
    if finest_level < 0:
        raise ResolutionError(f"a kurtogram down to level {finest_level} has no band: give a level from 0 on")
    levels = min(finest_level, int(math.log2(real.shape[1] / 2 / FEWEST_ENVELOPE_SAMPLES)))
    # Every level must divide the bins; the common multiple of 2^L and 3 · 2^(L-1) is 3 · 2^L.
    multiple = 2 * 3 * 2**levels
    n = multiple * prev_fast_len(real.shape[1] // multiple, real=False)
    piece = real[:, :n]
    transform = rfft(piece - piece.mean(axis=1, keepdims=True))[:, : n // 2]
    divisions = sorted({2**level for level in range(levels + 1)} | {3 * 2**level for level in range(levels)})
    bands, whole, least, spreads = [], [], [], []
    for count in divisions:
        width_hz = sample_rate_hz / 2 / count
        bands += [KurtogramBand(math.log2(count), k * width_hz, (k + 1) * width_hz) for k in range(count)]
        window = _faded(n // 2 // count)
        cut = transform.reshape(real.shape[0], count, -1) * window.astype(real.dtype)
        kurtosis, repeating = _envelope_kurtosis(ifft_unscaled(cut))
        whole.append(kurtosis)
        least.append(repeating)
        # The kurtosis of K independent complex Gaussian values has the deviation 2/√K, its logarithm 1/√K.
        independent = (window**2).sum() ** 2 / (window**4).sum()
        spreads += [1.0 / math.sqrt(independent)] * count
    quantile = NormalDist().inv_cdf(1.0 - FALSE_CHOICE / len(bands))
    # Few values have a skewed kurtosis; the logarithm of the ratio of moments, which is 2 for noise, is less so.
    significant = 2.0 * np.expm1(quantile * np.array(spreads))
    return Kurtogram(tuple(bands), np.hstack(whole), np.hstack(least), significant)


def envelope_in_best_band(
    samples: NDArray[Any],
    sample_rate_hz: float,
    *,
    highest_hz: float,
    lowest_carrier_hz: float = 0.0,
) -> tuple[tuple[CarrierBand, Spectrum] | None, ...]:
    """Return, per channel, the carrier band that the kurtogram chooses and the squared-envelope spectrum in it.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        highest_hz: modulation frequencies up to here are wanted; bands at least as wide are considered.
        lowest_carrier_hz: bands that begin below it are left out.

    Returns:
        per channel (band, spectrum of one channel in (unit²)²), or None where no band has repeating impacts.

    Raises:
        SampleError, RateError, ResolutionError: as `fast_kurtogram`.
        BandError: no band is that wide.

    Source: Randall and Antoni, Rolling element bearing diagnostics, Mech. Syst. Signal Process. 25 (2011),
        envelope analysis in the band of highest kurtosis.
    """
    if not 0 < highest_hz <= admitted_rate(sample_rate_hz) / 2:
        raise BandError(f"modulation up to {highest_hz:g} Hz fits no band below {sample_rate_hz / 2:g} Hz")
    kurtogram = fast_kurtogram(samples, sample_rate_hz)
    results: list[tuple[CarrierBand, Spectrum] | None] = []
    for channel in range(samples.shape[0]):
        band = kurtogram.carrier(channel, narrowest_hz=highest_hz, lowest_hz=lowest_carrier_hz)
        if band is None:
            results.append(None)
            continue
        one = samples[channel : channel + 1]
        spectrum = squared_envelope_spectrum(one, sample_rate_hz, band.low_hz, band.high_hz, highest_hz=highest_hz)
        results.append((band, spectrum))
    return tuple(results)


def spectral_kurtosis(
    samples: NDArray[Any], sample_rate_hz: float, *, resolution_hz: float
) -> tuple[NDArray[np.float64], float, float]:
    """Return the spectral kurtosis per frequency, from short-time spectra with 75 % overlap.

    Args:
        samples: (channels, n), any unit (the result has none).
        sample_rate_hz: of all channels.
        resolution_hz: distance of two bins; windows must be shorter than the time between impacts.

    Returns:
        kurtosis (channels, bins), 0 for noise, -1 for a steady line; the bin width in Hz; and the deviation that noise
        has, 1.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        ResolutionError: fewer than 16 windows of that resolution.

    Source: Antoni, The spectral kurtosis, Mech. Syst. Signal Process. 20 (2006), the estimator from short-time spectra.
    """
    real = admitted(samples, sample_rate_hz)
    length = window_length(real.shape[1], sample_rate_hz, resolution_hz)
    hop = max(1, length // 4)
    starts = range(0, real.shape[1] - length + 1, hop)
    if len(starts) < 4 * 16:
        raise ResolutionError(
            f"{real.shape[1] / sample_rate_hz:.3g} s hold fewer than 16 windows of {resolution_hz:g} Hz: record at "
            f"least {17 * length / sample_rate_hz:.3g} s, or ask for a coarser resolution"
        )
    window = hann(length).astype(real.dtype)
    centred = real - real.mean(axis=1, keepdims=True)
    second = np.zeros((real.shape[0], length // 2 + 1))
    fourth = np.zeros_like(second)
    for start in starts:
        parts = rfft(centred[:, start : start + length] * window)
        power = (parts.real**2 + parts.imag**2).astype(np.float64)
        second += power
        fourth += power * power
    kurtosis = _excess(second / len(starts), fourth / len(starts))
    # The two ends are real numbers, whose fourth moment for noise is 3 instead of 2 squared second ones.
    kurtosis[:, 0] -= 1.0
    if length % 2 == 0:
        kurtosis[:, -1] -= 1.0
    # Overlapping windows repeat each other: fourth moments as the fourth power of the correlation of their samples.
    correlation = [float(window[k * hop :] @ window[: length - k * hop]) / float(window @ window) for k in (1, 2, 3)]
    independent = len(starts) / (1.0 + 2.0 * sum(value**4 for value in correlation))
    return kurtosis, sample_rate_hz / length, 2.0 / math.sqrt(independent)


def _faded(bins: int) -> NDArray[np.float64]:
    edge = max(1, round(EDGE_SHARE * bins))
    window = np.ones(bins)
    window[:edge] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    window[bins - edge :] = window[:edge][::-1]
    return window


def _envelope_kurtosis(envelope: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the kurtosis (channels, bands) of complex envelopes, of all and the least without two blocks."""
    power = envelope.real**2 + envelope.imag**2
    length = power.shape[-1] // BLOCKS * BLOCKS
    blocks = power[..., :length].reshape(*power.shape[:-1], BLOCKS, -1).astype(np.float64)
    second, fourth = blocks.mean(axis=-1), (blocks * blocks).mean(axis=-1)
    # The record is a circle to the transform: its first and last block are neighbours.
    without = [
        (values.sum(axis=-1, keepdims=True) - values - np.roll(values, 1, axis=-1)) / (BLOCKS - 2)
        for values in (second, fourth)
    ]
    return _excess(second.mean(axis=-1), fourth.mean(axis=-1)), _excess(*without).min(axis=-1)


def _excess(second: NDArray[np.float64], fourth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fourth moment over the squared second, less 2; 0 where there is nothing."""
    silent = second <= np.finfo(np.float64).tiny
    return np.where(silent, 0.0, fourth / np.where(silent, 1.0, second) ** 2 - 2.0)
