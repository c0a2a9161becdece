"""The cepstrum: families of equally spaced lines as one peak, and signals rid of them.

A family of harmonics or sidebands is periodic along the frequency axis, so the transform of the logarithm of a
spectrum gathers it at its quefrency, one over the spacing. Gears and bearings show there as series of rahmonics.

- `real_cepstrum` of samples keeps a counterpart, the phase, and so leads back to samples (`liftered`).
- `power_cepstrum` of an averaged spectrum is steadier, for looking at.
Both have the same scale: of a spectrum with an echo, 1 + a·e^{-jωτ}, the peak at τ is a/2 and its rahmonics alternate.
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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.signal.spectra import Spectrum

LOWEST_RATIO: Final = 1e-12
"""Bins are lifted to this share of the mean power before the logarithm: far below any sensor's noise (120 dB), so
that only bins without anything in them, which have no logarithm, are touched."""

_SEARCH_STEPS: Final = 2
"""A rahmonic may lie this many quefrency steps beside the multiple: the peak is known to half a step only."""


@dataclass(frozen=True, slots=True)
class Cepstrum:
    """A one-sided real cepstrum.

    Attributes:
        values: (channels, quefrencies) in nepers; entry q is at q · step_s.
        step_s: distance of two quefrencies.
    """

    values: NDArray[Any]
    step_s: float

    @property
    def quefrency_s(self) -> NDArray[np.float64]:
        """Return the quefrency of every entry, (quefrencies,) in s."""
        return np.asarray(np.arange(self.values.shape[-1]) * self.step_s, np.float64)


@dataclass(frozen=True, slots=True)
class Rahmonics:
    """The strongest series of one channel.

    Attributes:
        quefrency_s: of the first peak, refined between entries.
        spacing_hz: of the lines that made it, one over the quefrency.
        values: of the peak and its multiples, in nepers.
        prominence: first peak in robust standard deviations of the searched range; noise reaches about 4.
    """

    quefrency_s: float
    spacing_hz: float
    values: tuple[float, ...]
    prominence: float


def real_cepstrum(samples: NDArray[Any], sample_rate_hz: float) -> Cepstrum:
    """Return the real cepstrum of samples without their mean: the inverse transform of ln|X|.

    Args:
        samples: (channels, n), any unit (only entry 0 depends on it); float32 stays float32. No window is applied:
            it would be multiplied out of `liftered` again.
        sample_rate_hz: of all channels.

    Raises:
        SampleError, RateError, ResolutionError: see `admission.admitted`.

    Source: Randall, A history of cepstrum analysis and its application to mechanical problems, Mech. Syst. Signal
        Process. 97 (2017), the real cepstrum.
    """
    real = admitted(samples, sample_rate_hz)
    n = real.shape[1]
    log_amplitude, _ = _log_amplitude(rfft(real - real.mean(axis=1, keepdims=True)))
    return Cepstrum(
        irfft(log_amplitude.astype(np.result_type(real.dtype, np.complex64)), n)[:, : n // 2 + 1], 1 / sample_rate_hz
    )


def power_cepstrum(spectrum: Spectrum) -> Cepstrum:
    """Return the cepstrum of an averaged spectrum, on the scale of `real_cepstrum`: half that of ln power.

    Args:
        spectrum: (channels, bins), any unit, from 0 to Nyquist.

    Raises:
        ResolutionError: fewer than 4 bins.

    Source: Randall, as `real_cepstrum`, the autocepstrum of averaged spectra.
    """
    power = spectrum.power
    bins = power.shape[-1]
    if bins < 4:
        raise ResolutionError(f"a spectrum of {bins} bins has no cepstrum: use a longer window")
    floor = LOWEST_RATIO * power.mean(axis=-1, keepdims=True)
    log_amplitude = 0.5 * np.log(np.maximum(power, np.maximum(floor, np.finfo(power.dtype).tiny)))
    # Bins 0 and 1 hold the mean that was taken away, not the machine.
    log_amplitude[..., :2] = log_amplitude[..., 2:3]
    n = 2 * (bins - 1)
    values = irfft(log_amplitude.astype(np.result_type(power.dtype, np.complex64)), n)
    return Cepstrum(values[..., :bins], 1 / (n * spectrum.step_hz))


def liftered(
    samples: NDArray[Any],
    sample_rate_hz: float,
    *,
    shortest_s: float | None = None,
    longest_s: float | None = None,
    families_s: Sequence[float] = (),
) -> NDArray[Any]:
    """Return samples without what lies outside a range of quefrencies, and without named families.

    Low quefrencies hold the transfer path (resonances), high ones long series of lines. Without any quefrency kept
    (`longest_s=0`), every bin has the same amplitude: cepstral prewhitening. Phases stay as they were.

    Args:
        samples: (channels, n), any unit; float32 stays float32. The mean is gone afterwards.
        sample_rate_hz: of all channels.
        shortest_s: quefrencies below it go (entry 0, the scale, stays); None: all stay.
        longest_s: quefrencies above it go; None: all stay.
        families_s: these quefrencies and their multiples go, one entry to either side: lines spaced 1/quefrency.

    Raises:
        SampleError, RateError, ResolutionError: see `admission.admitted`.
        BandError: a quefrency below 0, a family not longer than three entries, or beyond half of the record.

    Source: Randall and Sawalhi, A new method for separating discrete components from a signal, Sound and Vibration
        45 (2011); Borghesani et al., Application of cepstrum pre-whitening, Mech. Syst. Signal Process. 36 (2013).
    """
    real = admitted(samples, sample_rate_hz)
    n = real.shape[1]
    quefrency_s = np.arange(n // 2 + 1) / sample_rate_hz
    keep = np.ones(n // 2 + 1, np.bool_)
    for limit_s in (shortest_s, longest_s):
        if limit_s is not None and not (math.isfinite(limit_s) and limit_s >= 0):
            raise BandError(f"a quefrency of {limit_s:g} s cannot be: give one from 0 s on")
    if shortest_s is not None:
        keep &= quefrency_s >= shortest_s
    if longest_s is not None:
        keep &= quefrency_s <= longest_s
    for family_s in families_s:
        if not 3 / sample_rate_hz < family_s <= quefrency_s[-1]:
            raise BandError(
                f"a family at {family_s:g} s cannot be liftered: its quefrency lies above {3 / sample_rate_hz:g} s and "
                f"at most at {quefrency_s[-1]:g} s, half of the record"
            )
        multiples = np.rint(np.arange(1, int(quefrency_s[-1] / family_s) + 1) * family_s * sample_rate_hz).astype(int)
        for beside in (-1, 0, 1):
            keep[np.clip(multiples + beside, 0, n // 2)] = False
    keep[0] = True
    transform = rfft(real - real.mean(axis=1, keepdims=True))
    log_amplitude, floored = _log_amplitude(transform)
    cepstrum = irfft(log_amplitude.astype(transform.dtype), n)
    mirrored = np.concatenate([keep, keep[1 : (n + 1) // 2][::-1]])
    change = rfft(cepstrum * ~mirrored).real
    transform *= np.exp(-change)
    transform[floored] = 0
    return irfft(transform, n)


def strongest_rahmonics(cepstrum: Cepstrum, low_s: float, high_s: float, count: int = 4) -> tuple[Rahmonics, ...]:
    """Return the strongest peak between two quefrencies, with its multiples, one per channel.

    Args:
        cepstrum: real or power cepstrum.
        low_s: shortest quefrency, inclusive; above what the transfer path fills.
        high_s: longest, inclusive; one over the smallest spacing looked for.
        count: how many multiples are reported, as far as the cepstrum reaches.

    Raises:
        BandError: the range is reversed, outside the cepstrum, or holds fewer than 8 entries.

    Source: Randall (2017), families of sidebands and their rahmonics.
    """
    last = cepstrum.values.shape[-1] - 1
    first, end = math.ceil(low_s / cepstrum.step_s - 1e-9), math.floor(high_s / cepstrum.step_s + 1e-9)
    if first < 1 or end - first < 8 or end >= last:
        raise BandError(
            f"quefrencies from {low_s:g} to {high_s:g} s cannot be searched: they must rise, hold at least 8 entries "
            f"of {cepstrum.step_s:g} s and end below {last * cepstrum.step_s:g} s"
        )
    return tuple(_strongest(channel, cepstrum.step_s, first, end, count) for channel in cepstrum.values)


def _strongest(values: NDArray[Any], step_s: float, first: int, end: int, count: int) -> Rahmonics:
    searched = values[first : end + 1].astype(np.float64)
    place = first + int(np.argmax(searched))
    # Half the distance of the quartiles is 0.674 standard deviations of noise.
    low, high = np.quantile(searched, (0.25, 0.75))
    spread = max((high - low) / 1.349, np.finfo(np.float64).tiny)
    left, middle, right = (float(values[place + beside]) for beside in (-1, 0, 1))
    curvature = left - 2 * middle + right
    offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    position = place + float(np.clip(offset, -0.5, 0.5))
    multiples = []
    for number in range(1, count + 1):
        middle_place = round(number * position)
        if middle_place + _SEARCH_STEPS >= values.size:
            break
        near = values[middle_place - _SEARCH_STEPS : middle_place + _SEARCH_STEPS + 1]
        multiples.append(float(near[np.argmax(np.abs(near))]))
    quefrency_s = position * step_s
    return Rahmonics(quefrency_s, 1 / quefrency_s, tuple(multiples), float((middle - np.median(searched)) / spread))


def _log_amplitude(transform: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return ln of the amplitude, and which bins were lifted to the floor."""
    amplitude = np.abs(transform)
    floor = math.sqrt(LOWEST_RATIO) * np.sqrt((amplitude**2).mean(axis=1, keepdims=True))
    floor = np.maximum(floor, np.finfo(amplitude.dtype).tiny)
    # Bin 0 is the mean that was taken away; its neighbour stands in, so that the cepstrum has no step from it.
    amplitude[:, 0] = amplitude[:, 1]
    return np.log(np.maximum(amplitude, floor)), amplitude <= floor
