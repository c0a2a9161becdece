"""Whether the samples of a channel can be judged at all: finite, moving, not cut off by the range of the converter.

Cheap checks first: two passes over the samples find everything but clipping, and only a channel that sits at its
extreme suspiciously often is looked at again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract.vocabulary import QualityCause

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
    highest = samples.max(axis=1)
    lowest = samples.min(axis=1)
    return tuple(
        _channel_quality(channel, float(low), float(high))
        for channel, low, high in zip(samples, lowest, highest, strict=True)
    )


def _channel_quality(channel: NDArray[Any], low: float, high: float) -> tuple[QualityCause, ...]:
    # NaN and infinities reach the extremes, so nothing else needs to be searched for them.
    if not (np.isfinite(low) and np.isfinite(high)):
        return (QualityCause.NOT_FINITE,)
    if low == high:
        return (QualityCause.CONSTANT,)
    if _is_cut(channel, high, high - low) or _is_cut(-channel, -low, high - low):
        return (QualityCause.CLIPPED,)
    return ()


def _is_cut(channel: NDArray[Any], top: float, span: float) -> bool:
    """Return whether samples pile up at the top, as they do at the end of a converter's range."""
    at_top = int(np.count_nonzero(channel == channel.dtype.type(top)))
    if at_top < max(CLIPPED_AT_LEAST, CLIPPED_SHARE * channel.size):
        return False
    near = channel[channel > top - NEIGHBOURHOOD * span]
    below = near.size - at_top
    # Nothing just below the top: the steps of the converter are too coarse to tell a range from a level.
    return below > 0 and at_top > PILE_UP * below
