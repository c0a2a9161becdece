"""A threshold from few and dependent learning windows, that holds on windows never seen.

Scores of the very windows a detector was fitted on are too small: with 60 overlapping windows and 17 features the
largest of them says little. So, in order:

1. the learning windows are cut into consecutive blocks (neighbours share half their samples, so never at random),
2. each block is scored by a detector fitted on the others, less the window next to the block on either side,
3. the threshold is a margin times the highest of these scores that *lasted*: that three of five windows in a row
   reached. Single knocks do not raise an alarm later (`models.alarming`), so they must not raise the threshold either;
   and a highest score far beyond their median is taken as a bump in the learning data, not as normal.

Why a margin and no tail model: on healthy streams conformal and generalised-Pareto thresholds gave 20–60 times the
false alarms they promised, because real data drift; a margin, with tracking and persistence, kept the promise. Twice
what lasted and ten of twelve minutes found the FEMTO bearings as early as three times the largest and a few windows,
or hours earlier, and none too early. Fewer windows than usual have seen less of what is normal, so the margin grows as
their standard error does, with √(60/n), up to half as much again: beyond, only wrecks would be found.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from models.detectors.errors import DetectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BLOCKS: Final = 5
MARGIN: Final = 2.0
LASTING: Final = (3, 5)
"""(k, n): a learning score has lasted when k of n windows in a row reach it."""
USUAL_WINDOWS: Final = 60
LARGEST_GROWTH: Final = 1.5
LARGEST_OVER_MEDIAN: Final = 3.0
"""Calibration scores of steady machines end below three times their median; what lies beyond is a bump."""
SMALLEST_DISTANCE: Final = 0.5
"""Distances of healthy windows lie around 1; a machine without any scatter must not alarm at its first breath."""
MIN_WINDOWS: Final = 8


def held_out_distances(
    fit: Callable[[NDArray[np.float32]], Callable[[NDArray[np.float32]], NDArray[np.float32]]],
    vectors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the distance of each learning window from a fit that has not seen it, (n, groups).

    Args:
        fit: takes vectors (m, d), returns a function from vectors (n, d) to distances (n, groups).
        vectors: (n, d) in the order of time.

    Raises:
        DetectorError: fewer windows than can be cut into blocks, or values that are not finite.
    """
    if vectors.ndim != 2 or len(vectors) < MIN_WINDOWS:
        raise DetectorError(f"{vectors.shape} learning vectors: a baseline needs at least {MIN_WINDOWS} windows")
    if not np.isfinite(vectors).all():
        raise DetectorError("learning vectors must be finite numbers")
    edges = np.linspace(0, len(vectors), BLOCKS + 1).astype(int)
    distances = []
    for first, last in itertools.pairwise(edges):
        others = np.concatenate([vectors[: max(first - 1, 0)], vectors[last + 1 :]])
        distances.append(fit(others)(vectors[first:last]))
    return np.concatenate(distances)


def thresholds(distances: NDArray[np.float32], margin: float = MARGIN) -> NDArray[np.float32]:
    """Return the threshold of each group, float32 (groups,).

    Args:
        distances: held out, (n, groups).
        margin: over the highest of them that lasted, for `USUAL_WINDOWS` windows or more.
    """
    margin *= min(max(1.0, math.sqrt(USUAL_WINDOWS / len(distances))), LARGEST_GROWTH)
    highest = np.minimum(highest_that_lasted(distances), LARGEST_OVER_MEDIAN * np.median(distances, axis=0))
    return np.asarray(margin * np.maximum(highest, SMALLEST_DISTANCE), np.float32)


def highest_that_lasted(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the highest level that three of any five windows in a row reach, of each group, (groups,).

    >>> highest_that_lasted(np.float32([[1.0], [9.0], [1.0], [2.0], [1.5], [2.5], [1.0]]))
    array([2.], dtype=float32)

    Args:
        distances: (n, groups), n at least 5, in the order of time.
    """
    k, n = LASTING
    together = np.lib.stride_tricks.sliding_window_view(distances, n, axis=0)
    return np.asarray(np.sort(together, axis=-1)[..., -k].max(axis=0))
