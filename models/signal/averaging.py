"""Averaged spectra: how analysts look at steady machines, with what the average is worth.

In this order: choose a window for the question (Hann to separate lines and measure noise, flat-top to measure lines),
cut the record into overlapping windows, average their power (or keep the highest), and count how many independent
windows that amounts to, because overlapping ones share samples.

Every result is a `Spectrum` whose bins hold the mean square of a line; `noise_bandwidth_bins` turns bins into noise:
`density` is per Hz, `band_rms` divides by it, and `line_peak` is the amplitude of a line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import ResolutionError, SignalError
from models.signal.fourier import next_fast_len, rfft
from models.signal.spectra import SHORTEST_SPECTRUM, Spectrum, flat_top, hann

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WindowShape(StrEnum):
    """What weighs the samples of a window."""

    HANN = "hann"
    FLAT_TOP = "flat_top"


class Averaging(StrEnum):
    """How windows become one spectrum: the mean of their power (RMS average), or the highest of each bin."""

    RMS = "rms"
    PEAK_HOLD = "peak_hold"


_SHAPES: Final = {WindowShape.HANN: hann, WindowShape.FLAT_TOP: flat_top}


@dataclass(frozen=True, slots=True)
class AveragedSpectrum:
    """A spectrum over several windows.

    Attributes:
        spectrum: power (channels, bins) in unit²; a bin holds the mean square of a line in its middle.
        windows: how many were averaged.
        window_samples: length of each.
        degrees_of_freedom: of a bin that holds noise; 2 for one window. For a peak hold there are none: nan.
    """

    spectrum: Spectrum
    windows: int
    window_samples: int
    degrees_of_freedom: float

    def confidence(self, probability: float = 0.95) -> tuple[float, float]:
        """Return the factors on power between which the true noise power lies with this probability.

        Raises:
            SignalError: the probability is not between 0 and 1, or this is a peak hold.

        Source: Bendat and Piersol, Random Data (2010), autospectra; chi-square by Wilson and Hilferty (1931).
        """
        if not 0 < probability < 1 or math.isnan(self.degrees_of_freedom):
            raise SignalError("a confidence interval needs a probability between 0 and 1, and an RMS average")
        tail = (1 - probability) / 2
        low, high = (_chi_square_over_freedom(self.degrees_of_freedom, share) for share in (1 - tail, tail))
        return 1 / low, 1 / high


def averaged_spectrum(
    samples: NDArray[Any],
    sample_rate_hz: float,
    *,
    resolution_hz: float,
    shape: WindowShape = WindowShape.HANN,
    overlap: float = 0.5,
    averaging: Averaging = Averaging.RMS,
) -> AveragedSpectrum:
    """Return the spectrum of a record averaged over overlapping windows.

    Args:
        samples: (channels, n), any unit; float32 stays float32. The mean of each window is taken away.
        sample_rate_hz: of all channels.
        resolution_hz: distance of two bins, at most this; windows become as long as that needs, and fast.
        shape: Hann separates lines; flat-top measures them to 0.1 % wherever they lie.
        overlap: share of a window that the next one repeats; beyond 0.5 (Hann) or 0.75 (flat-top) little is gained.
        averaging: mean power, or the highest of each bin.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        ResolutionError: the record is shorter than one window of that resolution.
        SignalError: an overlap below 0 or above 0.95.

    Source: Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE Trans. Audio
        Electroacoust. 15 (1967); ISO 13373-2, averaging and overlap.
    """
    real = admitted(samples, sample_rate_hz)
    length = window_length(real.shape[1], sample_rate_hz, resolution_hz)
    if not 0 <= overlap <= 0.95:
        raise SignalError(f"an overlap of {overlap:g} cannot be: give a share of the window from 0 to 0.95")
    hop = max(1, round(length * (1 - overlap)))
    window = _SHAPES[shape](length)
    weights = (window * (2.0 / window.sum())).astype(real.dtype)
    starts = range(0, real.shape[1] - length + 1, hop)
    total = np.zeros((real.shape[0], length // 2 + 1), real.dtype)
    for start in starts:
        piece = real[:, start : start + length]
        parts = rfft((piece - piece.mean(axis=1, keepdims=True)) * weights)
        power = parts.real**2 + parts.imag**2
        if averaging is Averaging.RMS:
            total += power
        else:
            np.maximum(total, power, out=total)
    power = total * (0.5 / len(starts) if averaging is Averaging.RMS else 0.5)
    power[:, 0] *= 0.5
    if length % 2 == 0:
        power[:, -1] *= 0.5
    noise_bandwidth_bins = float(length * (window**2).sum() / window.sum() ** 2)
    freedom = _degrees_of_freedom(window, hop, len(starts)) if averaging is Averaging.RMS else math.nan
    return AveragedSpectrum(
        Spectrum(power, sample_rate_hz / length, noise_bandwidth_bins), len(starts), length, freedom
    )


def window_length(record_samples: int, sample_rate_hz: float, resolution_hz: float) -> int:
    """Return a fast window length in samples that resolves `resolution_hz`, no longer than the record.

    Raises:
        ResolutionError: the record is too short, or the resolution is not one.
    """
    if not (math.isfinite(resolution_hz) and 0 < resolution_hz <= sample_rate_hz / SHORTEST_SPECTRUM):
        raise ResolutionError(
            f"a resolution of {resolution_hz:g} Hz at {sample_rate_hz:g} Hz is none: "
            f"give one above 0 and at most {sample_rate_hz / SHORTEST_SPECTRUM:g} Hz"
        )
    needed = math.ceil(round(sample_rate_hz / resolution_hz, 6))
    if needed > record_samples:
        raise ResolutionError(
            f"{record_samples} samples resolve {sample_rate_hz / record_samples:.3g} Hz, not {resolution_hz:g} Hz: "
            f"record at least {needed / sample_rate_hz:.3g} s"
        )
    # A little longer transforms faster than an awkward length, where the record has the samples.
    fast = next_fast_len(needed)
    return fast if fast <= record_samples else needed


def density(spectrum: Spectrum) -> NDArray[Any]:
    """Return the power spectral density (channels, bins) in unit²/Hz: right for noise, not for lines.

    Source: Harris, On the use of windows for harmonic analysis, Proc. IEEE 66 (1978), section IV, noise bandwidth.
    """
    result: NDArray[Any] = spectrum.power / (spectrum.noise_bandwidth_bins * spectrum.step_hz)
    return result


def line_peak(spectrum: Spectrum) -> NDArray[Any]:
    """Return the peak amplitude (channels, bins) of a line in each bin, in the unit of the samples; not for noise.

    Source: Harris (1978), section IV, coherent gain.
    """
    amplitude: NDArray[Any] = np.sqrt(2.0 * spectrum.power)
    return amplitude


def _degrees_of_freedom(window: NDArray[np.float64], hop: int, windows: int) -> float:
    """Return the degrees of freedom of mean power over overlapping windows. Source: Welch (1967)."""
    energy = float((window**2).sum())
    spread = 1.0
    for distance in range(1, windows):
        shift = distance * hop
        if shift >= window.size:
            break
        correlation = float((window[shift:] * window[: window.size - shift]).sum()) / energy
        spread += 2.0 * (1.0 - distance / windows) * correlation**2
    return 2.0 * windows / spread


def _chi_square_over_freedom(freedom: float, share: float) -> float:
    """Return the quantile of chi-square over its degrees of freedom; within 1 % from 16 degrees on, 8 % at four."""
    spread = 2.0 / (9.0 * freedom)
    return max(1.0 - spread + NormalDist().inv_cdf(share) * math.sqrt(spread), 1e-3) ** 3
