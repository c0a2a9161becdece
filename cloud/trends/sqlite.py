"""The embedded trend store: one SQLite file in WAL mode, no server.

Ingest writes through one connection; each reading thread has its own and never waits for the writer. Readers get the
finest grain whose rows fit and whose retention still covers the time asked for. Where a bucket of a rollup holds
steady running, features are those of steady running only: a coarse point that mixed in standstill would say how long
the machine ran, not how it felt.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from cloud.errors import DataDirectoryError, StoreError
from cloud.trends.recent import HOUR_MS, PAIR_MS, RememberedDays, recent_span
from cloud.trends.rollups import ROLLUP, Points, into_buckets
from cloud.trends.shaping import Asked, Row, bounded, joined, points_of, series_of, shaped, steady_where_possible
from cloud.trends.sqlite_schema import SCHEMA, SCHEMA_VERSION
from cloud.trends.sqlite_writing import BatchWriter
from cloud.trends.store import (
    GRAIN_MS,
    Grain,
    LatestReading,
    MachineLatest,
    Reading,
    StoredSummary,
    Trend,
    TrendSeries,
    Written,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from cloud.configuration import RetentionSettings
    from cloud.trends.recent import HealthPoints
    from cloud.trends.store import AlarmEvent, MachinePlace

DAY_MS = 86_400_000
ROWS_PER_POINT = 24
MAX_ROWS = 10_000
"""Rows read for one point, and for one answer, before the next coarser grain is taken; a row has about 1.4 kB."""


class SqliteTrendStore:
    """A `TrendStore` in one file."""

    def __init__(self, path: Path, retention: RetentionSettings) -> None:
        self._path = path
        self._retention = retention
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._days = RememberedDays()
        try:
            self._writer = self._connect()
            self._prepare()
        except sqlite3.Error as error:
            raise DataDirectoryError(
                f"{path}: the trends cannot be opened ({error}): check the path, its rights"
            ) from error
        self._batches = BatchWriter(self._writer)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10.0, isolation_level=None, check_same_thread=False)
        # FULL, because an acknowledgement after the commit deletes the record on the gateway.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _prepare(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise DataDirectoryError(
                f"{self._path}: written by a newer version (schema {version}, this one reads {SCHEMA_VERSION}): upgrade"
            )
        if version == 0:
            self._writer.executescript(f"BEGIN; {SCHEMA}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def write(
        self, summaries: Sequence[StoredSummary], readings: Sequence[Reading], alarms: Sequence[AlarmEvent] = ()
    ) -> Written:
        """Store a batch in one transaction; see `TrendStore.write`. Alarms and names are in the book beside it."""
        del alarms
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            written = self._batches.write(summaries, readings)
            self._writer.execute("COMMIT")
        except BaseException as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._batches.forget()
            if isinstance(error, sqlite3.Error | OverflowError):
                raise StoreError(f"{self._path}: trends were not stored: {error}") from error
            raise
        # Only once it is stored: who reads before that remembers what was there before, and is told here.
        self._days.forget(
            {one.summary.asset_id for one in summaries if one.summary.start_ns // 1_000_000 < self._days.hours_ms}
        )
        return written

    def know(self, places: Sequence[MachinePlace]) -> None:
        """Do nothing: who reads this store reads the book too, where names and places stand."""

    def prune(self, now_ms: int) -> int:
        """Drop what is older than its retention; return how many rows went.

        Age counts back from a machine's newest data, not from today: a recording of last year that is replayed, or a
        machine that was mothballed, keeps its last weeks.
        """
        try:
            assets = self._query("SELECT asset, min(end_ms, ?) FROM machine_latest", (now_ms,))
            series = self._query("SELECT key, min(time_ms, ?) FROM series", (now_ms,))
            gone = 0
            for removals, newest in ((self._removals(), assets), (self._reading_removals(), series)):
                for statement, kept_days in removals:
                    parameters = [(key, newest_ms - int(kept_days * DAY_MS)) for key, newest_ms in newest]
                    gone += max(self._writer.executemany(statement, parameters).rowcount, 0)
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: old trends were not dropped: {error}") from error
        return gone

    def _removals(self) -> tuple[tuple[str, float], ...]:
        days = self._retention
        return (
            ("DELETE FROM summary WHERE asset = ? AND start_ms < ?", days.summary_days),
            ("DELETE FROM rollup WHERE grain = 'minute' AND asset = ? AND start_ms < ?", days.minute_days),
            ("DELETE FROM vital WHERE grain = 'minute' AND asset = ? AND start_ms < ?", days.minute_days),
            ("DELETE FROM rollup WHERE grain = 'hour' AND asset = ? AND start_ms < ?", days.hour_days),
            ("DELETE FROM vital WHERE grain = 'hour' AND asset = ? AND start_ms < ?", days.hour_days),
        )

    def _reading_removals(self) -> tuple[tuple[str, float], ...]:
        days = self._retention
        return (
            ("DELETE FROM reading WHERE series = ? AND time_ms < ?", days.reading_days),
            ("DELETE FROM reading_rollup WHERE grain = 'minute' AND series = ? AND start_ms < ?", days.minute_days),
            ("DELETE FROM reading_rollup WHERE grain = 'hour' AND series = ? AND start_ms < ?", days.hour_days),
        )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def _query(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return the rows of a question asked through this thread's own connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            with self._lock:
                self._readers.append(connection)
        with closing(connection.execute(statement, parameters)) as cursor:
            return cursor.fetchall()

    def latest_machines(self) -> Mapping[str, MachineLatest]:
        """Return the newest summary of every machine, by asset id."""
        rows = self._query(
            "SELECT asset_id, start_ms, end_ms, received_ms, state, score, health_index, zone, learning_progress"
            " FROM machine_latest JOIN asset ON asset.key = machine_latest.asset"
        )
        return {row[0]: MachineLatest(*row) for row in rows}

    def latest_readings(self, source: str) -> Sequence[LatestReading]:
        """Return the newest value of every metric of a gateway, by name."""
        rows = self._query(
            "SELECT name, unit, time_ms, value, text, quality FROM series WHERE source = ? ORDER BY name", (source,)
        )
        return [LatestReading(*row) for row in rows]

    def recent_health(self, asset_ids: Sequence[str], until_ms: int) -> Mapping[str, HealthPoints]:
        """Return the health of machines in the month before a time, coarsely, by asset id."""
        first_ms, hours_ms = recent_span(until_ms)
        days, changes = self._days.known(hours_ms)
        if new := [asset_id for asset_id in asset_ids if asset_id not in days]:
            read = self._health(new, Grain.DAY, PAIR_MS, (first_ms, hours_ms))
            days |= {asset_id: read.get(asset_id, ([], [])) for asset_id in new}
            self._days.remember({asset_id: days[asset_id] for asset_id in new}, changes)
        hours = self._health(asset_ids, Grain.HOUR, HOUR_MS, (hours_ms, until_ms))
        found: dict[str, HealthPoints] = {}
        for asset_id in asset_ids:
            (day_ms, by_day), (hour_ms, by_hour) = days[asset_id], hours.get(asset_id, ([], []))
            if day_ms or hour_ms:
                found[asset_id] = day_ms + hour_ms, by_day + by_hour
        return found

    def _health(
        self, asset_ids: Sequence[str], grain: Grain, bucket_ms: int, span: tuple[int, int]
    ) -> dict[str, HealthPoints]:
        """Return the mean health of machines in buckets of a span, by asset id.

        Args:
            asset_ids: of the machines.
            grain: of the rollup that is read.
            bucket_ms: length of the buckets, ms; the first begins where the span does.
            span: from and to, ms UTC.
        """
        first_ms, last_ms = span
        # CROSS JOIN keeps SQLite from reading the whole history: for each machine one short stretch of the key.
        rows = self._query(
            "SELECT asset_id, ? + (start_ms - ?) / ? * ?, sum(health_total) / sum(health_n)"
            " FROM asset CROSS JOIN vital ON vital.asset = asset.key AND grain = ?"
            " AND start_ms >= ? AND start_ms < ? WHERE asset_id IN (SELECT value FROM json_each(?))"
            " GROUP BY asset.key, 2 HAVING sum(health_n) > 0 ORDER BY asset.key, 2",
            (first_ms, first_ms, bucket_ms, bucket_ms, grain.value, first_ms, last_ms, json.dumps(list(asset_ids))),
        )
        found: dict[str, HealthPoints] = {}
        for asset_id, start_ms, mean in rows:
            if (points := found.get(asset_id)) is None:
                points = found[asset_id] = [], []
            points[0].append(start_ms)
            points[1].append(mean)
        return found

    def span_ms(self, asset_id: str) -> tuple[int, int] | None:
        """Return start of the oldest and end of the newest summary of a machine, or None."""
        rows = self._query(
            "SELECT (SELECT min(start_ms) FROM vital WHERE asset = asset.key AND grain = 'day'), end_ms,"
            " (SELECT min(start_ms) FROM summary WHERE asset = asset.key)"
            " FROM asset JOIN machine_latest ON machine_latest.asset = key WHERE asset_id = ?",
            (asset_id,),
        )
        if not rows:
            return None
        first_day, end_ms, first_summary = rows[0]
        if first_summary is not None and first_summary // DAY_MS * DAY_MS == first_day:
            return first_summary, end_ms
        return first_day, end_ms

    def trend(self, asset_id: str, names: Sequence[str], from_ms: int, to_ms: int, points: int) -> Trend:
        """Return features and vitals of a machine in [from_ms, to_ms) in at most `points` points each."""
        asked = Asked(asset_id, tuple(names), from_ms, to_ms, bounded(points))
        keys = self._query("SELECT key FROM asset WHERE asset_id = ?", (asset_id,))
        if not keys:
            return Trend(asset_id, from_ms, to_ms, 1, ())
        span = (int(keys[0][0]), from_ms, to_ms)
        grain = self._grain(span, asked.points)
        measured = self._features(span, grain, asked.features) if asked.features else {}
        return shaped(asked, grain, self._vitals(span, grain), measured)

    def _grain(self, span: tuple[int, int, int], points: int) -> Grain:
        """Return the finest grain whose rows are few enough and reach as far back as the coarser ones."""
        limit = min(points * ROWS_PER_POINT, MAX_ROWS)
        asset, from_ms, to_ms = span
        for grain in (Grain.SUMMARY, Grain.MINUTE, Grain.HOUR):
            table = "summary WHERE" if grain is Grain.SUMMARY else f"vital WHERE grain = '{grain}' AND"
            # Table and grain are ours; only numbers come from outside, and they are bound.
            rows, oldest = self._query(
                f"SELECT count(*), min(start_ms) FROM (SELECT start_ms FROM {table}"  # noqa: S608
                " asset = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms LIMIT ?)",
                (asset, from_ms, to_ms, limit + 1),
            )[0]
            (first_day,) = self._query(
                "SELECT min(start_ms) FROM vital WHERE asset = ? AND grain = 'day' AND start_ms >= ? AND start_ms < ?",
                (asset, from_ms // DAY_MS * DAY_MS, to_ms),
            )[0]
            reaches = first_day is None or (oldest is not None and oldest < max(first_day, from_ms) + DAY_MS)
            if rows <= limit and reaches:
                return grain
        return Grain.DAY

    def _vitals(self, span: tuple[int, int, int], grain: Grain) -> list[Row]:
        """Return (start, windows, end, state, late, score n/total/low/high, health n/total/low/high), by start."""
        if grain is Grain.SUMMARY:
            return self._query(
                "SELECT start_ms, windows, end_ms, state, late,"
                " score IS NOT NULL, coalesce(score, 0), score, score,"
                " health_index IS NOT NULL, coalesce(health_index, 0), health_index, health_index"
                " FROM summary WHERE asset = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms, record_id",
                span,
            )
        length_ms = GRAIN_MS[grain]
        asset, from_ms, to_ms = span
        return self._query(
            "SELECT start_ms, windows, start_ms + ?, state, late, score_n, score_total, score_low, score_high,"
            " health_n, health_total, health_low, health_high"
            " FROM vital WHERE asset = ? AND grain = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
            (length_ms, asset, grain.value, from_ms // length_ms * length_ms, to_ms),
        )

    def _features(self, span: tuple[int, int, int], grain: Grain, names: Sequence[str]) -> dict[str, Points]:
        """Return the points of features at one grain, from the rows of every feature set that has them."""
        asset, from_ms, to_ms = span
        if grain is Grain.SUMMARY:
            rows = self._query(
                "SELECT feature_set, start_ms, late, windows, state, vectors FROM summary"
                " WHERE asset = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms, record_id",
                span,
            )
        else:
            length_ms = GRAIN_MS[grain]
            rows = steady_where_possible(
                self._query(
                    "SELECT feature_set, start_ms, late, 1, state, features FROM rollup"
                    " WHERE asset = ? AND grain = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
                    (asset, grain.value, from_ms // length_ms * length_ms, to_ms),
                )
            )
        by_set: dict[int, list[Row]] = defaultdict(list)
        for row in rows:
            by_set[row[0]].append(row)
        pieces: dict[str, list[Points]] = defaultdict(list)
        for feature_set, its_rows in by_set.items():
            columns = self._columns(feature_set)
            cut = _cut_summaries if grain is Grain.SUMMARY else _cut_rollups
            for name in names:
                if name in columns:
                    pieces[name].append(cut(its_rows, len(columns), columns[name]))
        return {name: joined(found) for name, found in pieces.items()}

    def _columns(self, feature_set: int) -> dict[str, int]:
        """Return where each feature stands in the vectors of a feature set."""
        rows = self._query("SELECT names FROM feature_set WHERE key = ?", (feature_set,))
        return {name: index for index, name in enumerate(json.loads(rows[0][0]))}

    def readings(self, source: str, name: str, from_ms: int, to_ms: int, points: int) -> TrendSeries:
        """Return a metric of a gateway in [from_ms, to_ms) in at most `points` points."""
        points = bounded(points)
        keys = self._query("SELECT key FROM series WHERE source = ? AND name = ?", (source, name))
        if not keys:
            return series_of(name, into_buckets(points_of([]), 1))
        limit = min(points * ROWS_PER_POINT, MAX_ROWS)
        rows = self._query(
            "SELECT time_ms, 1, value, value, value FROM reading"
            " WHERE series = ? AND time_ms >= ? AND time_ms < ? ORDER BY time_ms LIMIT ?",
            (keys[0][0], from_ms, to_ms, limit + 1),
        )
        wanted_ms = max(1, -(-(to_ms - from_ms) // (points - 1)))
        if len(rows) <= limit:
            return series_of(name, into_buckets(points_of(rows), 1 if len(rows) <= points else wanted_ms))
        grain = Grain.MINUTE if wanted_ms < GRAIN_MS[Grain.HOUR] else Grain.HOUR
        length_ms = GRAIN_MS[grain]
        rows = self._query(
            "SELECT start_ms, n, total, low, high FROM reading_rollup"
            " WHERE series = ? AND grain = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
            (keys[0][0], grain.value, from_ms // length_ms * length_ms, to_ms),
        )
        return series_of(name, into_buckets(points_of(rows), -(-wanted_ms // length_ms) * length_ms))


def _cut_summaries(rows: list[Row], features: int, column: int) -> Points:
    """Return one feature from the vectors of summaries: (rows, 5, features) float32."""
    vectors = np.frombuffer(b"".join(row[5] for row in rows), "<f4").reshape(len(rows), 5, features)
    mean = vectors[:, 0, column].astype(np.float64)
    weight = np.where(np.isfinite(mean), np.maximum([row[3] for row in rows], 1), 0).astype(np.float64)
    low, high = (vectors[:, row, column].astype(np.float64) for row in (1, 2))
    return Points(_times(rows), weight, np.nan_to_num(mean) * weight, low, high, _late(rows))


def _cut_rollups(rows: list[Row], features: int, column: int) -> Points:
    """Return one feature from the tables of rollups: (rows, features) of `ROLLUP`."""
    table = np.frombuffer(b"".join(row[5] for row in rows), ROLLUP).reshape(len(rows), features)[:, column]
    weight, total, low, high = (table[field].astype(np.float64) for field in ("weight", "total", "low", "high"))
    return Points(_times(rows), weight, total, low, high, _late(rows))


def _times(rows: list[Row]) -> NDArray[np.int64]:
    return np.array([row[1] for row in rows], np.int64)


def _late(rows: list[Row]) -> NDArray[np.bool_]:
    return np.array([row[2] for row in rows], np.bool_)
