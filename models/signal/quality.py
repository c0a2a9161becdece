"""Whether the samples of a channel can be judged at all: finite, moving, not cut off by the range of the converter.

Cheap checks first: two passes over the samples find everything but clipping, one count for some channels together
whether any of them sits at its extreme suspiciously often, and only then each is looked at again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.vocabulary import QualityCause
from models.signal.scratch import CHANNELS_AT_ONCE

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIPPED_SHARE: Final = 5e-4
"""Fewer samples than this at one extreme are peaks; in 1 s at 25.6 kHz it is 13 samples."""

CLIPPED_AT_LEAST: Final = 5

NEIGHBOURHOOD: Final = 0.01
"""Part of the range below an extreme that is compared with the extreme itself."""

PILE_UP: Final = 2.0
"""A coarsely quantised sine has up to 1.4 times as many samples at its top level as in the neighbourhood below it,
noise far fewer; noise cut at three standard deviations has 4.5 times as many, a cut sine more."""


def sample_quality(samples: NDArray[Any]) -> tuple[tuple[QualityCause, ...], ...]:
    """Return what is wrong with each channel; an empty tuple for a good one.

    >>> import numpy as np
    >>> sample_quality(np.array([[1.0, float("nan"), 2.0], [3.0, 3.0, 3.0], [1.0, 2.0, 3.0]], np.float32))
    ((<QualityCause.NOT_FINITE: 'not_finite'>,), (<QualityCause.CONSTANT: 'constant'>,), ())

    Args:
        samples: (channels, n) in any unit.

    Returns:
        one tuple per channel of `NOT_FINITE`, `CONSTANT`, `CLIPPED`; `NO_DATA` where n is 0.
    """
    if samples.shape[1] == 0:
        return ((QualityCause.NO_DATA,),) * int(samples.shape[0])
    groups = range(0, samples.shape[0], CHANNELS_AT_ONCE)
    return tuple(causes for first in groups for causes in _group_quality(samples[first : first + CHANNELS_AT_ONCE]))


def _group_quality(samples: NDArray[Any]) -> list[tuple[QualityCause, ...]]:
    highest = samples.max(axis=1)
    lowest = samples.min(axis=1)
    # A good window has each of its extremes once or twice, so one count over all channels clears them all.
    suspects = (_pile_up_possible(samples, highest), _pile_up_possible(samples, lowest))
    return [
        _channel_quality(channel, float(low), float(high), suspects)
        for channel, low, high in zip(samples, lowest, highest, strict=True)
    ]


def _pile_up_possible(samples: NDArray[Any], extremes: NDArray[Any]) -> bool:
    """Return whether any channel can have enough samples at its extreme to be cut; False is certain."""
    at_extremes = int(np.count_nonzero(samples == extremes[:, None]))
    return at_extremes >= _least_at_top(samples.shape[1])


def _least_at_top(size: int) -> float:
    return max(CLIPPED_AT_LEAST, CLIPPED_SHARE * size)


def _channel_quality(
    channel: NDArray[Any], low: float, high: float, suspects: tuple[bool, bool]
) -> tuple[QualityCause, ...]:
    # NaN and infinities reach the extremes, so nothing else needs to be searched for them.
    if not (math.isfinite(low) and math.isfinite(high)):
        return (QualityCause.NOT_FINITE,)
    if low == high:
        return (QualityCause.CONSTANT,)
    top_possible, bottom_possible = suspects
    if (top_possible and _is_cut(channel, high, high - low)) or (
        bottom_possible and _is_cut(-channel, -low, high - low)
    ):
        return (QualityCause.CLIPPED,)
    return ()


def _is_cut(channel: NDArray[Any], top: float, span: float) -> bool:
    """Return whether samples pile up at the top, as they do at the end of a converter's range."""
    at_top = int(np.count_nonzero(channel == channel.dtype.type(top)))
    if at_top < _least_at_top(channel.size):
        return False
    near = channel[channel > top - NEIGHBOURHOOD * span]
    below = near.size - at_top
    # Nothing just below the top: the steps of the converter are too coarse to tell a range from a level.
    return below > 0 and at_top > PILE_UP * below
