"""Windows into summaries: what goes out once a minute instead of every window.

A summary speaks of one machine, one operating state, one epoch of the stream and one interval of the wall clock; when
any of these changes, it closes. Means and deviations are kept so that merging is exact (Welford), and one window's raw
vector is chosen by reservoir sampling, because retraining needs vectors and means of windows have the wrong covariance.
The choice is drawn from a hash of asset, epoch, first window and count, so a restart or a replay chooses the same one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from models.contract.records import FeatureStatistics, Summary
from models.frozen import replace
from models.state_bytes import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.contract.vocabulary import QualityCause

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SummaryFacts:
    """What is the same in every summary of one machine."""

    asset_id: str
    machine: str
    feature_hash: str
    feature_names: tuple[str, ...]
    interval_ns: int
    window_ns: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said about one window; each part None when it could not be judged."""

    score: float | None
    health_index: float | None
    zone: str | None
    learning_progress: float


@dataclass(frozen=True, slots=True)
class OpenSummary:
    """A summary that windows still go into.

    Attributes:
        epoch, first_index: of its first window; they make the record's id.
        bucket: number of its interval, counted from 1970.
        start_ns, end_ns: start of the interval or of the first window, whichever is later; end of the last window.
        operating_state: of all its windows.
        windows: good ones.
        mean, squares: running mean and sum of squared differences from it, float64 (d,).
        minimum, maximum, sample: float32 (d,).
        judgement: largest score, smallest health index, last zone, last learning progress.
        bad_windows: (cause, count) of windows left out.
    """

    epoch: int
    first_index: int
    bucket: int
    start_ns: int
    end_ns: int
    operating_state: str
    windows: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    sample: NDArray[np.float32]
    judgement: Judgement
    bad_windows: tuple[tuple[str, int], ...] = ()

    def to_bytes(self) -> bytes:
        """Return the open summary as bytes."""
        values: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("epoch", "first_index", "bucket", "start_ns", "end_ns", "operating_state", "windows")
        }
        judged = self.judgement
        values["judgement"] = [judged.score, judged.health_index, judged.zone, judged.learning_progress]
        values["bad_windows"] = self.bad_windows
        arrays = {name: getattr(self, name) for name in ("mean", "squares", "minimum", "maximum", "sample")}
        return pack("summary", _VERSION, values, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was written by `to_bytes`.

        Raises:
            StateError: the bytes are damaged or something else.
        """
        fields = unpack(data, "summary", _VERSION)
        values: dict[str, Any] = {**fields.values, **fields.arrays}
        values["judgement"] = Judgement(*fields.value("judgement"))
        values["bad_windows"] = tuple((cause, count) for cause, count in fields.value("bad_windows"))
        return cls(**values)


def begin(facts: SummaryFacts, *, epoch: int, index: int, end_ns: int, operating_state: str) -> OpenSummary:
    """Return an empty summary that begins with the window of this index and end."""
    bucket = bucket_of(facts, end_ns)
    width = len(facts.feature_names)
    return OpenSummary(
        epoch=epoch,
        first_index=index,
        bucket=bucket,
        start_ns=_start_ns(facts, end_ns),
        end_ns=end_ns,
        operating_state=operating_state,
        windows=0,
        mean=np.zeros(width),
        squares=np.zeros(width),
        minimum=np.full(width, np.inf, np.float32),
        maximum=np.full(width, -np.inf, np.float32),
        sample=np.full(width, np.nan, np.float32),
        judgement=Judgement(None, None, None, 0.0),
    )


def bucket_of(facts: SummaryFacts, end_ns: int) -> int:
    """Return the number of the interval that a window of this end belongs to; one that ends on its edge is inside."""
    return (end_ns - 1) // facts.interval_ns


def belongs(summary: OpenSummary, facts: SummaryFacts, *, epoch: int, end_ns: int, operating_state: str) -> bool:
    """Return whether a window goes into this summary, or closes it and begins the next."""
    same = (summary.epoch, summary.bucket, summary.operating_state)
    return same == (epoch, bucket_of(facts, end_ns), operating_state)


def add(
    summary: OpenSummary, facts: SummaryFacts, vector: NDArray[np.float32], end_ns: int, judgement: Judgement
) -> OpenSummary:
    """Return the summary with one good window.

    Args:
        summary: to which the window `belongs`.
        facts: of the machine.
        vector: features in their own units, (d,).
        end_ns: end of the window.
        judgement: of the window.
    """
    windows = summary.windows + 1
    away = vector - summary.mean
    mean = summary.mean + away / windows
    chosen = _draw(facts.asset_id, summary.epoch, summary.first_index, windows) == 0
    return replace(
        summary,
        start_ns=min(summary.start_ns, _start_ns(facts, end_ns)),
        end_ns=max(summary.end_ns, end_ns),
        windows=windows,
        mean=mean,
        squares=summary.squares + away * (vector - mean),
        minimum=np.minimum(summary.minimum, vector),
        maximum=np.maximum(summary.maximum, vector),
        sample=vector if chosen else summary.sample,
        judgement=_joined(summary.judgement, judgement),
    )


def add_bad(
    summary: OpenSummary,
    facts: SummaryFacts,
    causes: tuple[QualityCause, ...],
    end_ns: int,
    learning_progress: float,
) -> OpenSummary:
    """Return the summary with one window that was left out, counted under each of its causes."""
    counts = dict(summary.bad_windows)
    for cause in causes:
        counts[cause.value] = counts.get(cause.value, 0) + 1
    judgement = replace(summary.judgement, learning_progress=learning_progress)
    stretched = _stretched(summary, facts, end_ns)
    return replace(stretched, bad_windows=tuple(sorted(counts.items())), judgement=judgement)


def close(summary: OpenSummary, facts: SummaryFacts) -> Summary:
    """Return the finished summary; without a good window its statistics are NaN."""
    empty = summary.windows == 0
    nothing = np.full(len(facts.feature_names), np.nan, np.float32)
    statistics = FeatureStatistics(
        mean=nothing if empty else summary.mean.astype(np.float32),
        minimum=nothing if empty else summary.minimum,
        maximum=nothing if empty else summary.maximum,
        deviation=nothing if empty else np.sqrt(summary.squares / summary.windows).astype(np.float32),
    )
    return Summary(
        asset_id=facts.asset_id,
        machine=facts.machine,
        start_ns=summary.start_ns,
        end_ns=summary.end_ns,
        operating_state=summary.operating_state,
        windows=summary.windows,
        feature_hash=facts.feature_hash,
        feature_names=facts.feature_names,
        statistics=statistics,
        sample=summary.sample,
        score=summary.judgement.score,
        health_index=summary.judgement.health_index,
        zone=summary.judgement.zone,
        learning_progress=summary.judgement.learning_progress,
        bad_windows=dict(summary.bad_windows),
    )


def _stretched(summary: OpenSummary, facts: SummaryFacts, end_ns: int) -> OpenSummary:
    """Return the summary with its interval up to a window's end; a clock that jumped back stretches it forwards."""
    start_ns = min(summary.start_ns, _start_ns(facts, end_ns))
    return replace(summary, start_ns=start_ns, end_ns=max(summary.end_ns, end_ns))


def _start_ns(facts: SummaryFacts, end_ns: int) -> int:
    """Return where a window begins to count.

    The first window of an interval reaches back into the one before by its overlap; a bucket is named by its own start.
    """
    return max(end_ns - facts.window_ns, bucket_of(facts, end_ns) * facts.interval_ns)


def _draw(asset_id: str, epoch: int, first_index: int, count: int) -> int:
    """Return a number below `count`, evenly distributed and always the same (reservoir of one)."""
    digest = hashlib.blake2b(f"{asset_id}|{epoch}|{first_index}|{count}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % count


def _joined(before: Judgement, now: Judgement) -> Judgement:
    return Judgement(
        score=_of_both(max, before.score, now.score),
        health_index=_of_both(min, before.health_index, now.health_index),
        zone=now.zone if now.zone is not None else before.zone,
        learning_progress=now.learning_progress,
    )


def _of_both(choose: Callable[[float, float], float], before: float | None, now: float | None) -> float | None:
    if before is None or now is None:
        return now if before is None else before
    return choose(before, now)
