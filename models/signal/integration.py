"""From acceleration to velocity and displacement, as waveforms, in the frequency domain.

Integration divides by frequency, so whatever is slow and small becomes large: offset, drift, and the step where the
end of a record meets its beginning. Hence, in this order: the ends fade in and out over half a period of the low cut
and the mean goes; the transform is divided by jω once or twice, everything below the low cut is taken out, and it is
transformed back; three periods of the low cut at either end are not `settled` and enter no number.

Band values alone (ISO 20816) need no waveform: `models.signal.spectra.velocity_rms` is cheaper and has no ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.admission import admitted
from models.signal.errors import BandError, ResolutionError
from models.signal.fourier import irfft, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

MM_PER_M: Final = 1e3
UM_PER_M: Final = 1e6

LOW_CUT_HZ: Final = 10.0
"""Source: ISO 20816-3:2022, machines above 600 rpm; slower ones are measured from 2 Hz."""

FADE_PERIODS: Final = 0.5
UNSETTLED_PERIODS: Final = 3.0
"""In periods of the low cut. What is left of the ends inside is at most 1 % of a line's amplitude for velocity and
2 % for displacement, at any frequency from the low cut on and any phase (shown in the tests)."""

SETTLED_PERIODS: Final = 1.0
"""A peak needs at least one period of the slowest line."""


@dataclass(frozen=True, slots=True)
class Motion:
    """An integrated waveform.

    Attributes:
        samples: (channels, n) in `unit`, as long as the acceleration; the ends are not to be trusted.
        unit: `mm/s`, `um`, or the unit of the samples times seconds.
        settled: the part that is free of the ends.
        low_cut_hz: flat from here on; nothing below half of it.
    """

    samples: NDArray[Any]
    unit: str
    settled: slice
    low_cut_hz: float

    @property
    def rms(self) -> NDArray[Any]:
        """Return the RMS of the settled part, (channels,) in `unit`."""
        part = self.samples[:, self.settled]
        return np.asarray(np.sqrt(np.mean(part * part, axis=1)))

    @property
    def peak(self) -> NDArray[Any]:
        """Return the largest deviation from zero in the settled part, (channels,) in `unit`."""
        return np.asarray(np.abs(self.samples[:, self.settled]).max(axis=1))

    @property
    def peak_to_peak(self) -> NDArray[Any]:
        """Return the distance of the highest and lowest value of the settled part, (channels,) in `unit`."""
        part = self.samples[:, self.settled]
        return np.asarray(part.max(axis=1) - part.min(axis=1))


def velocity(acceleration: NDArray[Any], sample_rate_hz: float, *, low_cut_hz: float = LOW_CUT_HZ) -> Motion:
    """Return the velocity in mm/s of an acceleration (channels, n) in m/s².

    Raises:
        SignalError: as `integrated`.

    Source: ISO 20816-1, velocity as the measure of severity; ISO 2954, band limits.
    """
    return integrated(acceleration * MM_PER_M, sample_rate_hz, times=1, low_cut_hz=low_cut_hz, unit="mm/s")


def displacement(acceleration: NDArray[Any], sample_rate_hz: float, *, low_cut_hz: float = LOW_CUT_HZ) -> Motion:
    """Return the displacement in µm of an acceleration (channels, n) in m/s².

    Raises:
        SignalError: as `integrated`.

    Source: ISO 20816-1, displacement peak-to-peak for slow machines.
    """
    return integrated(acceleration * UM_PER_M, sample_rate_hz, times=2, low_cut_hz=low_cut_hz, unit="um")


def integrated(samples: NDArray[Any], sample_rate_hz: float, *, times: int, low_cut_hz: float, unit: str) -> Motion:
    """Return samples integrated once or twice over time.

    Args:
        samples: (channels, n), any unit; float32 stays float32.
        sample_rate_hz: of all channels.
        times: 1 or 2.
        low_cut_hz: flat from here on; a half cosine leads to zero at half of it.
        unit: of the result: that of the samples times seconds to the power of `times`.

    Raises:
        SampleError, RateError: see `admission.admitted`.
        BandError: the low cut is not between 0 and Nyquist, or `times` is not 1 or 2.
        ResolutionError: the record is shorter than seven periods of the low cut.

    Source: Brandt, Noise and Vibration Analysis (2011), integration in the frequency domain.
    """
    real = admitted(samples, sample_rate_hz)
    if times not in {1, 2} or not (math.isfinite(low_cut_hz) and 0 < low_cut_hz < sample_rate_hz / 2):
        raise BandError(
            f"integrating {times} times from {low_cut_hz:g} Hz on is not possible: once or twice, "
            f"from above 0 to {sample_rate_hz / 2:g} Hz"
        )
    n = real.shape[1]
    shortest_s = (2 * UNSETTLED_PERIODS + SETTLED_PERIODS) / low_cut_hz
    if n / sample_rate_hz < shortest_s:
        raise ResolutionError(
            f"{n / sample_rate_hz:.3g} s are too short to integrate from {low_cut_hz:g} Hz on: "
            f"use at least {shortest_s:.3g} s, or a higher low cut"
        )
    fade = round(FADE_PERIODS * sample_rate_hz / low_cut_hz)
    weights = np.ones(n, real.dtype)
    weights[:fade] = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(fade, 1))
    weights[n - fade :] = weights[:fade][::-1]
    # The mean under the fade, not the plain one: what it leaves would be a slow step after fading.
    means = (real * weights).sum(axis=1, keepdims=True, dtype=np.float64) / weights.sum(dtype=np.float64)
    faded = (real - means.astype(real.dtype)) * weights
    frequency_hz = np.arange(n // 2 + 1) * (sample_rate_hz / n)
    rise = np.clip(2.0 * frequency_hz / low_cut_hz - 1.0, 0.0, 1.0)
    response = np.zeros(frequency_hz.size, np.complex128)
    response[1:] = (0.5 - 0.5 * np.cos(np.pi * rise[1:])) / (2j * np.pi * frequency_hz[1:]) ** times
    transform = rfft(faded)
    transform *= response.astype(transform.dtype)
    edge = math.ceil(UNSETTLED_PERIODS * sample_rate_hz / low_cut_hz)
    return Motion(irfft(transform, n), unit, slice(edge, n - edge), low_cut_hz)
