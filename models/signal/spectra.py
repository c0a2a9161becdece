"""Spectra of vibration: power per bin, RMS in bands, and velocity from acceleration.

One convention throughout: `Spectrum.power` is the mean square that a line in the middle of a bin has, one-sided,
Hann window, corrected for amplitude. A sum over several bins is divided by the window's noise bandwidth of 1.5 bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.bands import VELOCITY_HZ, bins_between
from models.signal.errors import BandError, SignalError
from models.signal.fourier import rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

HANN_NOISE_BANDWIDTH_BINS: Final = 1.5
"""Source: Harris, On the use of windows for harmonic analysis, Proc. IEEE 66 (1978), table 1."""

FLAT_TOP_TERMS: Final = (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368)

SHORTEST_SPECTRUM: Final = 8


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A one-sided mean-square spectrum.

    Attributes:
        power: (channels, bins), unit²; bin k is at k · step_hz.
        step_hz: distance of two bins.
        noise_bandwidth_bins: sums over bins are divided by it.
    """

    power: NDArray[Any]
    step_hz: float
    noise_bandwidth_bins: float = HANN_NOISE_BANDWIDTH_BINS

    @property
    def frequency_hz(self) -> NDArray[np.float64]:
        """Return the frequency of every bin, (bins,) in Hz."""
        return np.asarray(np.arange(self.power.shape[-1]) * self.step_hz, np.float64)

    @property
    def rms(self) -> NDArray[Any]:
        """Return the RMS amplitude per bin, (channels, bins) in the unit of the samples."""
        amplitude: NDArray[Any] = np.sqrt(self.power)
        return amplitude


def hann(n: int) -> NDArray[np.float64]:
    """Return the periodic Hann window of n samples, (n,).

    >>> hann(4).round(6).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    # Half of it, and that again from its end: a long cosine costs more than the transform that it is for.
    window = np.empty(n)
    rising = window[: n // 2 + 1]
    np.cos(2.0 * np.pi / n * np.arange(rising.size), out=rising)
    rising *= -0.5
    rising += 0.5
    window[rising.size :] = rising[(n - 1) // 2 : 0 : -1]
    return window


def flat_top(n: int) -> NDArray[np.float64]:
    """Return the periodic flat-top window of n samples, (n,), 1 in the middle.

    A line anywhere between two bins loses at most 0.1 %; its noise bandwidth is 3.77 bins.

    Source: ISO 18431-2, flat-top window; D'Antona and Ferrero, Digital Signal Processing for Measurement Systems
        (2006), p. 72, for the digits.
    """
    phase = 2.0 * np.pi / n * np.arange(n)
    terms = ((-1) ** order * weight * np.cos(order * phase) for order, weight in enumerate(FLAT_TOP_TERMS))
    return np.asarray(sum(terms, np.zeros(n)), np.float64)


def power_spectrum(samples: NDArray[Any], sample_rate_hz: float) -> Spectrum:
    """Return the spectrum of samples without their mean.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.

    Raises:
        SignalError: fewer than 8 samples, or a rate that is not above 0.

    Source: ISO 13373-2, narrow-band spectra; ISO 18431-2, time windows.
    """
    n = samples.shape[-1]
    if n < SHORTEST_SPECTRUM or not sample_rate_hz > 0:
        raise SignalError(f"{n} samples at {sample_rate_hz} Hz have no spectrum: give at least {SHORTEST_SPECTRUM}")
    real = samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float64)
    # 2/n for the two sides and the transform, 2 for the mean of the window: a line's bin holds its amplitude.
    window = (hann(n) * (4.0 / n)).astype(real.dtype)
    level = real - real.mean(axis=-1, keepdims=True)
    level *= window
    parts = rfft(level)
    power = parts.real**2
    power += parts.imag**2
    power *= 0.5
    # The two ends are counted once, not twice.
    power[..., 0] *= 0.5
    if n % 2 == 0:
        power[..., -1] *= 0.5
    return Spectrum(power, sample_rate_hz / n)


def band_rms(spectrum: Spectrum, low_hz: float, high_hz: float) -> NDArray[Any]:
    """Return the RMS inside one frequency band, per channel.

    Args:
        spectrum: of acceleration, velocity or anything else.
        low_hz: lower edge, inclusive.
        high_hz: upper edge, exclusive; at most Nyquist.

    Returns:
        RMS (channels,) in the unit of the samples.

    Raises:
        BandError: the edges are reversed, beyond Nyquist, or hold no bin.

    Source: ISO 13373-2, band parameters.
    """
    band = bins_between(low_hz, high_hz, spectrum.step_hz, spectrum.power.shape[-1])
    rms: NDArray[Any] = np.sqrt(spectrum.power[..., band].sum(axis=-1) / spectrum.noise_bandwidth_bins)
    return rms


def velocity_rms(spectrum: Spectrum, low_hz: float = VELOCITY_HZ[0], high_hz: float = VELOCITY_HZ[1]) -> NDArray[Any]:
    """Return the RMS velocity inside a band, from a spectrum of acceleration.

    Args:
        spectrum: of acceleration in m/s².
        low_hz: lower edge, inclusive, above 0.
        high_hz: upper edge, exclusive; cut at Nyquist, because slow sensors do not reach 1000 Hz.

    Returns:
        velocity (channels,) in mm/s.

    Raises:
        BandError: the band holds no bin.

    Source: ISO 20816-1, broad-band velocity from 10 Hz to 1000 Hz.
    """
    nyquist_hz = (spectrum.power.shape[-1] - 1) * spectrum.step_hz
    return band_rms(velocity_spectrum(spectrum), max(low_hz, spectrum.step_hz), min(high_hz, nyquist_hz))


def velocity_spectrum(spectrum: Spectrum) -> Spectrum:
    """Return the spectrum of velocity in (mm/s)² from one of acceleration in (m/s²)²; bin 0 is 0.

    Raises:
        BandError: the spectrum has no bin above 0 Hz.
    """
    if spectrum.power.shape[-1] < 2:
        raise BandError("a spectrum without a bin above 0 Hz has no velocity: use a longer window")
    weights = np.zeros(spectrum.power.shape[-1])
    weights[1:] = 1e6 / (2.0 * np.pi * spectrum.frequency_hz[1:]) ** 2
    return Spectrum(
        (spectrum.power * weights).astype(spectrum.power.dtype), spectrum.step_hz, spectrum.noise_bandwidth_bins
    )
