"""Bring a recording down to the rate a machine is judged at, without letting what lies above fold into the band.

A windowed-sinc low-pass evaluated only at the instants that are kept, so any ratio works, 48,828 Hz to 12,000 Hz as
well as 4 to 1. Never upwards: what was not measured cannot be judged.

Source: Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5 (Kaiser window) and 4.6 (rate change).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from models.signal.errors import SignalError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASSBAND: Final = 0.8
"""Of the new Nyquist frequency: kept unchanged; from 1.0 on everything is at least 80 dB down."""
_KAISER_BETA: Final = 7.857
"""For 80 dB: 0.1102 (A - 8.7)."""
_PHASES: Final = 4096
"""Fractions of an input sample that are told apart: below -80 dB of error at the passband's edge."""
_CHUNK: Final = 4096
"""Output samples at a time: bounds the memory of the gathered taps."""


def resample_down(samples: NDArray[np.float32], rate_hz: float, wanted_hz: float) -> NDArray[np.float32]:
    """Return the samples at the lower rate, anti-aliased; the first sample stays at the same instant.

    Args:
        samples: float32 (channels, n).
        rate_hz: of the samples.
        wanted_hz: at most `rate_hz`.

    Returns:
        float32 (channels, floor(n × wanted / rate)).

    Raises:
        SignalError: the wanted rate is higher, or the stretch is shorter than the filter.
    """
    if wanted_hz > rate_hz * (1.0 + 1e-9):
        raise SignalError(f"recorded at {rate_hz:g} Hz, wanted {wanted_hz:g} Hz: recordings are brought down, never up")
    if math.isclose(wanted_hz, rate_hz, rel_tol=1e-9):
        return samples
    ratio = rate_hz / wanted_hz
    half = half_taps(ratio)
    if samples.shape[1] <= half:
        raise SignalError(f"{samples.shape[1]} samples are too few to be brought from {rate_hz:g} to {wanted_hz:g} Hz")
    padded = np.pad(samples, ((0, 0), (half, half + 1)), mode="reflect")
    count = resampled_count(samples.shape[1], rate_hz, wanted_hz)
    taps = np.arange(2 * half + 1)
    result = np.empty((samples.shape[0], count), np.float32)
    for first in range(0, count, _CHUNK):
        at = np.arange(first, min(first + _CHUNK, count)) * ratio
        whole = np.floor(at).astype(np.int64)
        phase = np.minimum(np.rint((at - whole) * _PHASES).astype(np.int64), _PHASES - 1)
        used, which = np.unique(phase, return_inverse=True)
        weights = _kernels(used, ratio, half)[which]
        gathered = padded[:, whole[:, None] + taps]
        result[:, first : first + at.size] = np.einsum("cnt,nt->cn", gathered, weights)
    return result


def resampled_count(samples: int, rate_hz: float, wanted_hz: float) -> int:
    """Return how many samples are left of so many."""
    return samples if math.isclose(wanted_hz, rate_hz, rel_tol=1e-9) else math.floor(samples / (rate_hz / wanted_hz))


def half_taps(ratio: float) -> int:
    """Return how many input samples the filter reaches to each side at this ratio of rates."""
    transition = math.pi * (1.0 - PASSBAND) / ratio
    return math.ceil((80.0 - 8.0) / (2.285 * transition) / 2.0)


def _kernels(phases: NDArray[np.int64], ratio: float, half: int) -> NDArray[np.float32]:
    """Return the taps for each phase (phases, 2 half + 1); rows sum to one so that a constant stays what it is."""
    distance = np.arange(-half, half + 1)[None, :] - phases[:, None] / _PHASES
    inside = np.clip(1.0 - (distance / (half + 1)) ** 2, 0.0, None)
    cutoff = (1.0 + PASSBAND) / 2.0 / ratio
    taps = np.sinc(distance * cutoff) * np.i0(_KAISER_BETA * np.sqrt(inside))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)
