"""The features in plain float64, the way a textbook writes them: one channel, one feature at a time.

Nothing here is used by the agent. It is what `FeatureExtractor` is held against in tests (are the numbers right?) and
in `plantpulse bench features` (was the batching worth it?), so every function stands alone and computes what it needs
from the samples, as separate features of a general library do. Only the band edges are shared, by `band_layout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import signal, stats

from models.signal.bands import BAND_COUNT, CARRIER_COUNT, BandLayout, band_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Feature = Callable[[NDArray[np.float64], float], float]


def acceleration_mean(x: NDArray[np.float64], _sample_rate_hz: float) -> float:
    """Return the mean in m/s²."""
    return float(np.mean(x))


def acceleration_rms(x: NDArray[np.float64], _sample_rate_hz: float) -> float:
    """Return the RMS without the mean in m/s²."""
    return float(np.std(x))


def acceleration_peak(x: NDArray[np.float64], _sample_rate_hz: float) -> float:
    """Return the largest deviation from the mean in m/s²."""
    return float(np.max(np.abs(x - np.mean(x))))


def crest_factor(x: NDArray[np.float64], sample_rate_hz: float) -> float:
    """Return peak over RMS."""
    return acceleration_peak(x, sample_rate_hz) / acceleration_rms(x, sample_rate_hz)


def kurtosis(x: NDArray[np.float64], _sample_rate_hz: float) -> float:
    """Return the fourth standardised moment, 3 for Gaussian noise."""
    return float(stats.kurtosis(x, fisher=False))


def skewness(x: NDArray[np.float64], _sample_rate_hz: float) -> float:
    """Return the third standardised moment."""
    return float(stats.skew(x))


def velocity_rms(x: NDArray[np.float64], sample_rate_hz: float) -> float:
    """Return the RMS velocity from 10 Hz to 1000 Hz in mm/s: integrate in frequency, go back to time, take the RMS."""
    layout = band_layout(sample_rate_hz, x.size)
    window = signal.get_window("hann", x.size)
    transform = np.fft.rfft((x - np.mean(x)) * window)
    frequency_hz = np.fft.rfftfreq(x.size, 1.0 / sample_rate_hz)
    velocity = np.zeros_like(transform)
    band = slice(*layout.velocity)
    velocity[band] = transform[band] / (2j * np.pi * frequency_hz[band])
    in_time = np.fft.irfft(velocity, x.size)
    return float(1000.0 * np.sqrt(np.mean(in_time**2) / np.mean(window**2)))


def band_rms(number: int) -> Feature:
    """Return the function for the RMS in log-spaced band `number`."""

    def feature(x: NDArray[np.float64], sample_rate_hz: float) -> float:
        low, high = band_layout(sample_rate_hz, x.size).bands[number - 1 : number + 1]
        _, density = signal.periodogram(x, sample_rate_hz, window="hann", detrend="constant")
        return float(np.sqrt(np.sum(density[low:high]) * sample_rate_hz / x.size))

    return feature


def envelope(number: int) -> Feature:
    """Return the function for the modulation in carrier band `number`, at the full sample rate."""

    def feature(x: NDArray[np.float64], sample_rate_hz: float) -> float:
        window = signal.get_window("hann", x.size)
        analytic = _analytic(x * 1.0, window, band_layout(sample_rate_hz, x.size), number)
        weighed = np.abs(analytic) ** 2
        norm = np.sum(window**4)
        variance = np.sum(weighed**2) / norm - (np.sum(weighed * window**2) / norm) ** 2
        return float(max(variance, 0.0) ** 0.25)

    return feature


def _analytic(
    x: NDArray[np.float64], window: NDArray[np.float64], layout: BandLayout, number: int
) -> NDArray[np.complex128]:
    """Return the analytic signal of one carrier band of the windowed samples, (n,)."""
    first, bins = layout.carriers[number - 1]
    transform = np.fft.fft((x - np.mean(x)) * window)
    one_sided = np.zeros_like(transform)
    one_sided[first : first + bins] = 2.0 * transform[first : first + bins]
    return np.asarray(np.fft.ifft(one_sided), np.complex128)


REFERENCE: Final[dict[str, Feature]] = {
    "acceleration_mean": acceleration_mean,
    "acceleration_rms": acceleration_rms,
    "acceleration_peak": acceleration_peak,
    "crest_factor": crest_factor,
    "kurtosis": kurtosis,
    "skewness": skewness,
    "velocity_rms": velocity_rms,
    **{f"band_{number}": band_rms(number) for number in range(1, BAND_COUNT + 1)},
    **{f"envelope_{number}": envelope(number) for number in range(1, CARRIER_COUNT + 1)},
}
"""Every feature of `models.signal.features.FEATURES` by its name."""


def reference_features(
    samples: NDArray[np.generic], sample_rate_hz: float, names: Sequence[str]
) -> NDArray[np.float64]:
    """Return features of each channel in plain float64.

    Args:
        samples: acceleration (channels, n) in m/s².
        sample_rate_hz: of all channels.
        names: which, in which order.

    Returns:
        float64 (channels, features).
    """
    channels = np.asarray(samples, np.float64)
    return np.array([[REFERENCE[name](channel, sample_rate_hz) for name in names] for channel in channels])
