"""What every analysis asks of its samples before it begins: a shape, a rate, and numbers.

The fast path of the gateway flags bad samples (`models.signal.quality`) and goes on; an analysis that a person asked
for refuses them instead, because its result would be a number that looks like an answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.errors import RateError, ResolutionError, SampleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LOWEST_RATE_HZ: Final = 1e-4
"""One sample in three hours: slower than any temperature of a machine is logged."""

HIGHEST_RATE_HZ: Final = 5e7
"""Acoustic emission ends near 2 MHz; no converter of machine monitoring is a factor of ten faster than it needs."""


def admitted(samples: NDArray[Any], sample_rate_hz: float | None, *, at_least: int = 8) -> NDArray[Any]:
    """Return the samples as floating numbers, having refused what cannot be analysed.

    >>> import numpy as np
    >>> admitted(np.arange(8, dtype=np.int16)[None], 100.0).dtype
    dtype('float64')

    Args:
        samples: (channels, n), any unit; float32 stays float32, other types become float64.
        sample_rate_hz: of all channels.
        at_least: how many samples the analysis needs.

    Raises:
        SampleError: not (channels, samples), complex, or not finite.
        RateError: missing, not above 0, or absurd.
        ResolutionError: fewer samples than needed.
    """
    admitted_rate(sample_rate_hz)
    if samples.ndim != 2 or samples.shape[0] == 0 or np.iscomplexobj(samples):
        raise SampleError(
            f"samples of shape {samples.shape} and type {samples.dtype}: expected real (channels, samples); "
            "one channel alone is samples[None, :]"
        )
    if samples.shape[1] < at_least:
        raise ResolutionError(f"{samples.shape[1]} samples are too few: at least {at_least} are needed")
    real = samples if samples.dtype in (np.float32, np.float64) else samples.astype(np.float64)
    bad = ~np.isfinite(real)
    if bad.any():
        channel, first = (int(place) for place in np.argwhere(bad)[0])
        raise SampleError(
            f"channel {channel} has {int(bad[channel].sum())} samples that are not finite, the first at index "
            f"{first}: cut the record there or repair the source"
        )
    return real


def admitted_rate(sample_rate_hz: float | None) -> float:
    """Return the sample rate in Hz, having refused one that cannot be.

    Raises:
        RateError: missing, not a positive number, or outside what sensors of machines have.
    """
    if sample_rate_hz is None:
        raise RateError("the sample rate is missing: state it in Hz")
    if not (math.isfinite(sample_rate_hz) and LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ):
        raise RateError(
            f"a sample rate of {sample_rate_hz:g} Hz is not one of a sensor: state samples per second, "
            f"from {LOWEST_RATE_HZ:g} to {HIGHEST_RATE_HZ:g}"
        )
    return float(sample_rate_hz)


def stacked(channels: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return channels that were delivered one by one as one array (channels, samples).

    >>> import numpy as np
    >>> stacked([np.zeros(3), np.ones(3)]).shape
    (2, 3)

    Raises:
        SampleError: no channel, not one-dimensional, or of unequal length.
    """
    lengths = [channel.shape for channel in channels]
    if not channels or any(len(shape) != 1 for shape in lengths):
        raise SampleError(f"channels of shapes {lengths}: expected at least one, each of shape (samples,)")
    if len(set(lengths)) > 1:
        told = ", ".join(f"channel {number}: {shape[0]}" for number, shape in enumerate(lengths))
        raise SampleError(f"channels of unequal length ({told}): cut them to the stretch they share")
    return np.stack(channels)
