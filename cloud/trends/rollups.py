"""How summaries become coarser summaries: pure, the same for every trend store.

A `Rollup` is a table of one row per feature: how many windows, their total, the lowest and the highest. Two of them
merge exactly, in any order, so data that arrives late corrects a bucket without reading the others again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROLLUP: Final = np.dtype([("weight", "<f4"), ("total", "<f8"), ("low", "<f4"), ("high", "<f4")])
"""One feature in one bucket: number of windows, sum over windows, minimum, maximum. 20 bytes; little-endian on disk."""


def empty_rollup(features: int) -> NDArray[np.void]:
    """Return the rollup (features,) of nothing: merging with it changes nothing."""
    rollup = np.zeros(features, ROLLUP)
    rollup["low"], rollup["high"] = np.inf, -np.inf
    return rollup


def rollup_of(
    windows: int, mean: NDArray[np.float32], low: NDArray[np.float32], high: NDArray[np.float32]
) -> NDArray[np.void]:
    """Return one summary as a rollup (features,); a feature that is not finite counts as not measured."""
    rollup = empty_rollup(len(mean))
    known = np.isfinite(mean)
    rollup["weight"][known] = max(windows, 1)
    rollup["total"][known] = mean[known].astype(np.float64) * max(windows, 1)
    rollup["low"][known] = low[known]
    rollup["high"][known] = high[known]
    return rollup


def merge(rollups: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return the exact sum of rollups (features,) of the same features."""
    if len(rollups) == 1:
        return rollups[0]
    stacked = np.stack(rollups)
    merged = np.empty(stacked.shape[1], ROLLUP)
    merged["weight"] = stacked["weight"].sum(axis=0, dtype=np.float64)
    merged["total"] = stacked["total"].sum(axis=0)
    merged["low"] = stacked["low"].min(axis=0)
    merged["high"] = stacked["high"].max(axis=0)
    return merged


@dataclass(frozen=True, slots=True)
class Points:
    """One series before it is cut into buckets; arrays (n,), times ascending or not."""

    t_ms: NDArray[np.int64]
    weight: NDArray[np.float64]
    total: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    late: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bucketed:
    """Points in buckets: start of each in ms, mean, lowest, highest, whether anything in it came late; arrays (n,)."""

    t_ms: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    late: NDArray[np.bool_]


def into_buckets(points: Points, bucket_ms: int) -> Bucketed:
    """Return points merged into buckets of this length, ascending, empty ones left out.

    Args:
        points: what to merge; those of weight 0 are left out.
        bucket_ms: 1 keeps every distinct time.
    """
    known = points.weight > 0
    start = points.t_ms[known] // bucket_ms * bucket_ms
    buckets, index = np.unique(start, return_inverse=True)
    weight = np.bincount(index, points.weight[known], len(buckets))
    total = np.bincount(index, points.total[known], len(buckets))
    low = np.full(len(buckets), np.inf)
    np.minimum.at(low, index, points.low[known])
    high = np.full(len(buckets), -np.inf)
    np.maximum.at(high, index, points.high[known])
    late = np.bincount(index, points.late[known].astype(np.float64), len(buckets)) > 0
    return Bucketed(buckets.astype(np.int64), total / np.where(weight > 0, weight, 1.0), low, high, late)
