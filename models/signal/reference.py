"""The features in plain float64, the way a textbook writes them: one channel, one feature at a time.

Nothing here is used by the agent. It is what `FeatureExtractor` is held against in tests (are the numbers right?) and
in `plantpulse bench features` (was the batching worth it?). Every function stands alone and computes what it needs
from the samples, as the features of a general library do; bands share a periodogram, envelopes a transform, as anyone
would write them. Only the band edges come from elsewhere, from `band_layout`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import signal, stats

from models.signal.bands import band_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


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


def bands(x: NDArray[np.float64], sample_rate_hz: float) -> list[float]:
    """Return the RMS in every log-spaced band in m/s², from one periodogram."""
    layout = band_layout(sample_rate_hz, x.size)
    _, density = signal.periodogram(x, sample_rate_hz, window="hann", detrend="constant")
    return [
        float(np.sqrt(np.sum(density[low:high]) * layout.step_hz)) for low, high in itertools.pairwise(layout.bands)
    ]


def envelopes(x: NDArray[np.float64], sample_rate_hz: float) -> list[float]:
    """Return the modulation in every carrier band in m/s², from one transform, at the full sample rate."""
    layout = band_layout(sample_rate_hz, x.size)
    window = signal.get_window("hann", x.size)
    transform = np.fft.fft((x - np.mean(x)) * window)
    norm = np.sum(window**4)
    found = []
    for first, bins in layout.carriers:
        one_sided = np.zeros_like(transform)
        one_sided[first : first + bins] = 2.0 * transform[first : first + bins]
        # The squared envelope times the squared window, because the samples carry the window.
        weighed = np.abs(np.fft.ifft(one_sided)) ** 2
        variance = np.sum(weighed**2) / norm - (np.sum(weighed * window**2) / norm) ** 2
        found.append(float(max(variance, 0.0) ** 0.25))
    return found


SINGLE: Final[dict[str, Callable[[NDArray[np.float64], float], float]]] = {
    "acceleration_mean": acceleration_mean,
    "acceleration_rms": acceleration_rms,
    "acceleration_peak": acceleration_peak,
    "crest_factor": crest_factor,
    "kurtosis": kurtosis,
    "skewness": skewness,
    "velocity_rms": velocity_rms,
}
"""Features that stand alone, by name."""

FAMILIES: Final[dict[str, Callable[[NDArray[np.float64], float], list[float]]]] = {
    "band": bands,
    "envelope": envelopes,
}
"""Features that come together, by the name before the number."""


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
    return np.array([_of_channel(channel, sample_rate_hz, names) for channel in np.asarray(samples, np.float64)])


def _of_channel(x: NDArray[np.float64], sample_rate_hz: float, names: Sequence[str]) -> list[float]:
    wanted = {name.rsplit("_", 1)[0] for name in names} & set(FAMILIES)
    values = {name: compute(x, sample_rate_hz) for name, compute in SINGLE.items() if name in names}
    for family in sorted(wanted):
        for number, value in enumerate(FAMILIES[family](x, sample_rate_hz), start=1):
            values[f"{family}_{number}"] = value
    return [values[name] for name in names]
