"""From stored rows to the answer, the same for every trend store.

A store reads rows at one grain; here they become at most so many points per series and a strip of operating states.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cloud.trends.rollups import Bucketed, Points, into_buckets
from cloud.trends.store import (
    GRAIN_MS,
    HEALTH_INDEX,
    MAX_POINTS,
    MIN_POINTS,
    SCORE,
    VITALS,
    Grain,
    StateStrip,
    Trend,
    TrendSeries,
)
from models.contract.vocabulary import is_steady

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader wants: features of a machine in [from_ms, to_ms) in at most `points` points each."""

    asset_id: str
    names: tuple[str, ...]
    from_ms: int
    to_ms: int
    points: int

    @property
    def features(self) -> list[str]:
        """Return the names that are features."""
        return [name for name in self.names if name not in VITALS]

    @property
    def wanted_ms(self) -> int:
        """Return the bucket that gives so many points; the span may cut one more than fits into it."""
        return max(1, -(-(self.to_ms - self.from_ms) // (self.points - 1)))


def bounded(points: int) -> int:
    """Return how many points are answered with when so many are asked for."""
    return max(MIN_POINTS, min(points, MAX_POINTS))


def shaped(asked: Asked, grain: Grain, vitals: list[Row], features: Mapping[str, Points]) -> Trend:
    """Return the answer.

    Args:
        asked: what for.
        grain: of the rows.
        vitals: (start, windows, end, state, late, score n/total/low/high, health n/total/low/high), by start.
        features: points of each feature that has any.
    """
    measured = dict(features) | {name: vital_points(vitals, name) for name in asked.names if name in VITALS}
    if grain is Grain.SUMMARY:
        usual_ms = int(np.median([row[2] - row[0] for row in vitals])) if vitals else 1
        bucket_ms = 1 if len(vitals) <= asked.points else asked.wanted_ms
        shown_ms = max(usual_ms, bucket_ms)
    else:
        length_ms = GRAIN_MS[grain]
        bucket_ms = shown_ms = -(-asked.wanted_ms // length_ms) * length_ms
    made = tuple(series_of(name, into_buckets(measured[name], bucket_ms)) for name in asked.names if name in measured)
    return Trend(asked.asset_id, asked.from_ms, asked.to_ms, shown_ms, made, states(vitals, bucket_ms, shown_ms))


def steady_where_possible(rows: list[Row]) -> list[Row]:
    """Leave out other states from every bucket (row[1]) that has steady running (row[4])."""
    running = {state for state in {row[4] for row in rows} if is_steady(state)}
    steady = {row[1] for row in rows if row[4] in running}
    return [row for row in rows if row[4] in running or row[1] not in steady]


def joined(pieces: Sequence[Points]) -> Points:
    """Return points of one feature from several places."""
    if len(pieces) == 1:
        return pieces[0]
    fields = ("t_ms", "weight", "total", "low", "high", "late")
    return Points(*(np.concatenate([getattr(piece, field) for piece in pieces]) for field in fields))


def points_of(rows: list[Row]) -> Points:
    """Return points of rows (time, weight, total, low, high)."""
    columns = np.array(rows, np.float64).reshape(len(rows), 5)
    t_ms = np.array([row[0] for row in rows], np.int64)
    weight, total, low, high = columns[:, 1], columns[:, 2], columns[:, 3], columns[:, 4]
    return Points(t_ms, weight, total, low, high, np.zeros(len(rows), np.bool_))


def vital_points(rows: list[Row], name: str) -> Points:
    """Return score or health from the rows of `_vitals`."""
    first = {SCORE: 5, HEALTH_INDEX: 9}[name]
    known = [row for row in rows if row[first]]
    plain = points_of([(row[0], *row[first : first + 4]) for row in known])
    late = np.array([row[4] for row in known], np.bool_)
    return Points(plain.t_ms, plain.weight, plain.total, plain.low, plain.high, late)


def series_of(name: str, bucketed: Bucketed) -> TrendSeries:
    """Return buckets as a series."""
    return TrendSeries(name, bucketed.t_ms, bucketed.mean, bucketed.low, bucketed.high, bucketed.late)


def states(rows: list[Row], bucket_ms: int, shown_ms: int) -> StateStrip:
    """Return the state that most windows of each bucket had, where it changed, and None where nothing was heard."""
    windows: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    ends: dict[int, int] = defaultdict(int)
    for start_ms, count, end_ms, state, *_rest in rows:
        bucket = start_ms // bucket_ms * bucket_ms
        windows[bucket][state] += count
        ends[bucket] = max(ends[bucket], end_ms)
    times: list[int] = []
    values: list[str | None] = []
    heard_until = None
    for bucket in sorted(windows):
        if heard_until is not None and bucket > heard_until + 2 * shown_ms:
            times.append(heard_until)
            values.append(None)
        inside = windows[bucket]
        state = next(iter(inside)) if len(inside) == 1 else max(inside, key=inside.__getitem__)
        if not values or values[-1] != state:
            times.append(bucket)
            values.append(state)
        heard_until = max(ends[bucket], bucket + bucket_ms, heard_until or 0)
    if heard_until is not None:
        times.append(heard_until)
        values.append(None)
    return StateStrip(tuple(times), tuple(values))
