"""Two summaries of one machine and state become one, exactly (wire.md 3, *Summary*).

The outbox merges the oldest summaries when its budget is used up, and the cloud merges them into longer buckets.
Mean, minimum, maximum and standard deviation come out as if all windows had been in one summary; the sample is still
one window chosen evenly among all of them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from models.contract.errors import RecordError
from models.contract.records import FeatureStatistics, Summary

if TYPE_CHECKING:
    from numpy.typing import NDArray


def merge_summaries(first: Summary, second: Summary, *, seed: int = 0) -> Summary:
    """Return one summary of the windows of both.

    Statistics are weighted by the number of windows. The sample is that of one of the two, each chosen with the share
    of its windows; the choice follows from the seed and the two intervals, so everyone who merges gets the same.
    What is a state at the end of an interval (learning progress, zone) is taken from the later one; score is the
    larger and health index the smaller, as within one summary.

    Args:
        first: one summary.
        second: another of the same asset, operating state and feature specification; the order does not matter.
        seed: of the choice of the sample.

    Raises:
        RecordError: they speak of different machines, states or features.

    Source: Chan, Golub, LeVeque (1983), *Algorithms for computing the sample variance*, equation 2.1b.
    """
    if first.start_ns > second.start_ns:
        first, second = second, first
    _check_alike(first, second)
    windows = first.windows + second.windows
    chosen = second if _draw(first, second, seed) * windows < second.windows else first
    return Summary(
        asset_id=second.asset_id,
        machine=second.machine,
        start_ns=first.start_ns,
        end_ns=max(first.end_ns, second.end_ns),
        operating_state=second.operating_state,
        windows=windows,
        feature_hash=second.feature_hash,
        feature_names=second.feature_names,
        statistics=_merge_statistics(first, second),
        sample=chosen.sample,
        score=max((s for s in (first.score, second.score) if s is not None), default=None),
        health_index=min((h for h in (first.health_index, second.health_index) if h is not None), default=None),
        zone=second.zone if second.zone is not None else first.zone,
        learning_progress=second.learning_progress,
        bad_windows={
            cause: first.bad_windows.get(cause, 0) + second.bad_windows.get(cause, 0)
            for cause in sorted({*first.bad_windows, *second.bad_windows})
        },
    )


def _check_alike(first: Summary, second: Summary) -> None:
    for name in ("asset_id", "operating_state", "feature_hash", "feature_names"):
        if getattr(first, name) != getattr(second, name):
            raise RecordError(f"summaries with different {name} cannot be merged")


def _draw(first: Summary, second: Summary, seed: int) -> float:
    """Return a number from 0 to below 1 that depends on nothing but the arguments."""
    text = f"{seed}/{first.asset_id}/{first.start_ns}/{first.end_ns}/{second.start_ns}/{second.end_ns}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") / 2.0**48


def _merge_statistics(first: Summary, second: Summary) -> FeatureStatistics:
    """Return the statistics of both; sums are taken in float64, so that merging many times does not drift."""
    if first.windows == 0 or second.windows == 0:
        return first.statistics if second.windows == 0 else second.statistics
    a, b = first.statistics, second.statistics
    windows = first.windows + second.windows
    share = second.windows / windows
    mean_a, mean_b = _wide(a.mean), _wide(b.mean)
    between = (mean_b - mean_a) ** 2 * (share * (1.0 - share))
    within = _wide(a.deviation) ** 2 * (1.0 - share) + _wide(b.deviation) ** 2 * share
    return FeatureStatistics(
        mean=(mean_a + (mean_b - mean_a) * share).astype(np.float32),
        minimum=np.minimum(a.minimum, b.minimum),
        maximum=np.maximum(a.maximum, b.maximum),
        deviation=np.sqrt(within + between).astype(np.float32),
    )


def _wide(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values.astype(np.float64)
