"""The writing half of the embedded trend store: one batch, one transaction.

Order inside a batch: insert what is new, then merge exactly the new rows into the minutes, hours and days they belong
to, then move the latest values forward. Nothing here depends on the order in which data arrives.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from cloud.integers import signed
from cloud.trends.rollups import ROLLUP, merge, rollup_of
from cloud.trends.sqlite_schema import LATEST_MERGE, READING_MERGE, SERIES_MERGE, VITAL_MERGE
from cloud.trends.store import GRAIN_MS, Reading, StoredSummary, Written

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.contract.records import Summary

NS_PER_MS = 1_000_000


class BatchWriter:
    """Writes batches through one connection; remembers the small integers that stand for long names."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._assets: dict[str, int] = {}
        self._feature_sets: dict[tuple[str, tuple[str, ...]], int] = {}
        self._series: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Drop the remembered keys: after a rollback some of them may not exist."""
        self._assets.clear()
        self._feature_sets.clear()
        self._series.clear()

    def write(self, summaries: Sequence[StoredSummary], readings: Sequence[Reading]) -> Written:
        """Store a batch inside the caller's transaction."""
        fresh = [stored for stored in summaries if self._insert(stored)]
        self._merge_features(fresh)
        self._merge_vitals(fresh)
        self._move_latest(summaries, fresh)
        self._write_readings(readings)
        stored = frozenset((one.summary.asset_id, one.record_id) for one in fresh)
        return Written(stored, len(summaries) - len(fresh))

    def _insert(self, stored: StoredSummary) -> bool:
        """Insert one summary; return whether it was new."""
        summary = stored.summary
        cursor = self._connection.execute(
            "INSERT INTO summary (asset, start_ms, end_ms, record_id, sequence, received_ms, late, state,"
            " windows, score, health_index, zone, learning_progress, feature_set, vectors)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asset, record_id) DO NOTHING",
            (
                self._asset(summary.asset_id),
                summary.start_ns // NS_PER_MS,
                summary.end_ns // NS_PER_MS,
                signed(stored.record_id),
                stored.sequence,
                stored.received_ms,
                stored.late,
                summary.operating_state,
                summary.windows,
                summary.score,
                summary.health_index,
                summary.zone,
                summary.learning_progress,
                self._feature_set(summary),
                vectors_of(summary).tobytes(),
            ),
        )
        return cursor.rowcount == 1

    def _merge_features(self, fresh: Sequence[StoredSummary]) -> None:
        """Merge new summaries into the feature rollups: read, add, write, once per bucket."""
        groups: dict[tuple[int, str, int, str, int], list[NDArray[np.void]]] = defaultdict(list)
        late: dict[tuple[int, str, int, str, int], bool] = defaultdict(bool)
        for stored in fresh:
            summary = stored.summary
            statistics = summary.statistics
            rollup = rollup_of(summary.windows, statistics.mean, statistics.minimum, statistics.maximum)
            start_ms = summary.start_ns // NS_PER_MS
            for grain, length_ms in GRAIN_MS.items():
                bucket = (
                    self._asset(summary.asset_id),
                    grain.value,
                    start_ms // length_ms * length_ms,
                    summary.operating_state,
                    self._feature_set(summary),
                )
                groups[bucket].append(rollup)
                late[bucket] |= stored.late
        for bucket, rollups in groups.items():
            row = self._connection.execute(
                "SELECT late, features FROM rollup"
                " WHERE asset = ? AND grain = ? AND start_ms = ? AND state = ? AND feature_set = ?",
                bucket,
            ).fetchone()
            if row is None:
                self._connection.execute(
                    "INSERT INTO rollup (asset, grain, start_ms, state, feature_set, late, features)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*bucket, late[bucket], merge(rollups).tobytes()),
                )
            else:
                merged = merge([np.frombuffer(row[1], ROLLUP), *rollups])
                self._connection.execute(
                    "UPDATE rollup SET late = ?, features = ?"
                    " WHERE asset = ? AND grain = ? AND start_ms = ? AND state = ? AND feature_set = ?",
                    (bool(row[0]) or late[bucket], merged.tobytes(), *bucket),
                )

    def _merge_vitals(self, fresh: Sequence[StoredSummary]) -> None:
        rows = []
        for stored in fresh:
            summary = stored.summary
            start_ms = summary.start_ns // NS_PER_MS
            vitals = (*_counted(summary.score), *_counted(summary.health_index))
            for grain, length_ms in GRAIN_MS.items():
                key = (self._asset(summary.asset_id), grain.value, start_ms // length_ms * length_ms)
                rows.append((*key, summary.operating_state, max(summary.windows, 1), stored.late, *vitals))
        self._connection.executemany(VITAL_MERGE, rows)

    def _move_latest(self, summaries: Sequence[StoredSummary], fresh: Sequence[StoredSummary]) -> None:
        self._connection.executemany(
            LATEST_MERGE,
            [
                (
                    self._asset(one.summary.asset_id),
                    one.summary.start_ns // NS_PER_MS,
                    one.summary.end_ns // NS_PER_MS,
                    one.received_ms,
                    one.summary.operating_state,
                    one.summary.score,
                    one.summary.health_index,
                    one.summary.zone,
                    one.summary.learning_progress,
                )
                for one in sorted(fresh, key=lambda one: one.summary.end_ns)
            ],
        )
        heard = {self._asset(one.summary.asset_id): one.received_ms for one in summaries}
        self._connection.executemany(
            "UPDATE machine_latest SET received_ms = max(received_ms, ?) WHERE asset = ?",
            [(received_ms, asset) for asset, received_ms in heard.items()],
        )

    def _write_readings(self, readings: Sequence[Reading]) -> None:
        """Store readings that are new, merge them into their rollups, and move the latest values forward."""
        newest: dict[tuple[str, str], Reading] = {}
        for one in readings:
            key = (one.source, one.name)
            if key not in newest or one.time_ms >= newest[key].time_ms:
                newest[key] = one
        self._connection.executemany(
            SERIES_MERGE,
            [
                (one.source, one.name, one.unit, one.time_ms, one.value, one.text, one.quality)
                for one in newest.values()
            ],
        )
        buckets: dict[tuple[int, str, int], list[float]] = defaultdict(list)
        grains = [(grain.value, length_ms) for grain, length_ms in GRAIN_MS.items()]
        for one in readings:
            if not one.kept or one.value is None:
                continue
            series = self._series_key(one.source, one.name)
            cursor = self._connection.execute(
                "INSERT INTO reading VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (series, one.time_ms, one.tie, one.value),
            )
            if cursor.rowcount == 1:
                for grain, length_ms in grains:
                    buckets[series, grain, one.time_ms // length_ms * length_ms].append(one.value)
        self._connection.executemany(
            READING_MERGE,
            [(*bucket, len(values), sum(values), min(values), max(values)) for bucket, values in buckets.items()],
        )

    def _asset(self, asset_id: str) -> int:
        if (key := self._assets.get(asset_id)) is None:
            self._connection.execute("INSERT OR IGNORE INTO asset (asset_id) VALUES (?)", (asset_id,))
            row = self._connection.execute("SELECT key FROM asset WHERE asset_id = ?", (asset_id,)).fetchone()
            key = self._assets[asset_id] = int(row[0])
        return key

    def _feature_set(self, summary: Summary) -> int:
        identity = (summary.feature_hash, summary.feature_names)
        if (key := self._feature_sets.get(identity)) is None:
            values = (summary.feature_hash, json.dumps(summary.feature_names))
            self._connection.execute("INSERT OR IGNORE INTO feature_set (feature_hash, names) VALUES (?, ?)", values)
            row = self._connection.execute(
                "SELECT key FROM feature_set WHERE feature_hash = ? AND names = ?", values
            ).fetchone()
            key = self._feature_sets[identity] = int(row[0])
        return key

    def _series_key(self, source: str, name: str) -> int:
        if (key := self._series.get((source, name))) is None:
            row = self._connection.execute(
                "SELECT key FROM series WHERE source = ? AND name = ?", (source, name)
            ).fetchone()
            key = self._series[source, name] = int(row[0])
        return key


def vectors_of(summary: Summary) -> NDArray[np.float32]:
    """Return what retraining learns from: mean, minimum, maximum, deviation and one raw sample, (5, features)."""
    statistics = summary.statistics
    rows = (statistics.mean, statistics.minimum, statistics.maximum, statistics.deviation, summary.sample)
    return np.stack(rows).astype("<f4")


def _counted(value: float | None) -> tuple[int, float, float | None, float | None]:
    """Return count, total, lowest and highest of one value that may be missing."""
    return (0, 0.0, None, None) if value is None else (1, value, value, value)
