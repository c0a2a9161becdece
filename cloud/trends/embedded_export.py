"""Everything that an embedded trend store holds, read out in order: what a copy is made from.

The file is opened for reading only. Rows come by machine and time, so that a copy works hour by hour.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from cloud.errors import DataDirectoryError
from cloud.trends.influx_history import Counted, Rolled
from cloud.trends.rollups import ROLLUP
from cloud.trends.sqlite_schema import SCHEMA_VERSION
from cloud.trends.store import Grain, MachineLatest, Reading, StoredSummary
from models.contract.records import FeatureStatistics, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NS_PER_MS: Final = 1_000_000
UINT64: Final = 2**64


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a gateway: its newest value as a reading that makes no history, and how many values are kept."""

    key: int
    latest: Reading
    values: int


class EmbeddedExport:
    """The content of one file.

    Args:
        path: of the embedded store.
        from_ms, to_ms: what begins in [from_ms, to_ms).
    """

    def __init__(self, path: Path, from_ms: int, to_ms: int) -> None:
        if not path.is_file():
            raise DataDirectoryError(f"{path}: there is no embedded trend store to copy from")
        self._span = (from_ms, to_ms)
        try:
            self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            self.assets: dict[str, int] = dict(self._connection.execute("SELECT asset_id, key FROM asset ORDER BY key"))
            sets = self._connection.execute("SELECT key, feature_hash, names FROM feature_set")
            self._sets = {key: (str(given), tuple(json.loads(names))) for key, given, names in sets}
        except sqlite3.Error as error:
            raise DataDirectoryError(f"{path}: is no embedded trend store ({error})") from error
        if version != SCHEMA_VERSION:
            raise DataDirectoryError(f"{path}: has schema {version}, this version copies {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def hours(self, asset_id: str) -> list[tuple[int, int]]:
        """Return the hours of a machine that have summaries, with how many."""
        return self._connection.execute(
            "SELECT start_ms / 3600000 * 3600000, count(*) FROM summary"
            " WHERE asset = ? AND start_ms >= ? AND start_ms < ? GROUP BY 1 ORDER BY 1",
            (self.assets[asset_id], *self._span),
        ).fetchall()

    def summaries(self, asset_id: str, machine: str, hour_ms: int) -> list[StoredSummary]:
        """Return the summaries of one hour."""
        rows = self._connection.execute(
            "SELECT start_ms, end_ms, record_id, sequence, received_ms, late, state, windows, score, health_index,"
            " zone, learning_progress, feature_set, vectors FROM summary"
            " WHERE asset = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms, record_id",
            (self.assets[asset_id], max(hour_ms, self._span[0]), min(hour_ms + 3_600_000, self._span[1])),
        )
        found = []
        for start, end, record_id, sequence, received, late, state, windows, *judged, feature_set, blob in rows:
            feature_hash, names = self._sets[feature_set]
            vectors = np.frombuffer(blob, "<f4").reshape(5, len(names)).astype(np.float32)
            score, health, zone, learning = judged
            times = (start * NS_PER_MS, end * NS_PER_MS)
            statistics = FeatureStatistics(*vectors[:4])
            identity = (asset_id, machine, *times, state, windows, feature_hash, names)
            summary = Summary(*identity, statistics, vectors[4], score, health, zone, learning)
            found.append(StoredSummary(summary, record_id % UINT64, sequence, bool(late), received))
        return found

    def rollups(self, asset_id: str, grain: Grain) -> Iterator[tuple[int, str, str, Rolled]]:
        """Yield start, operating state, hash of the feature specification, and content of each rollup."""
        asset = self.assets[asset_id]
        rows = self._connection.execute(
            "SELECT rollup.start_ms, rollup.state, feature_set, rollup.late, features, windows,"
            " score_n, score_total, score_low, score_high, health_n, health_total, health_low, health_high"
            " FROM rollup JOIN vital ON vital.asset = rollup.asset AND vital.grain = rollup.grain"
            " AND vital.start_ms = rollup.start_ms AND vital.state = rollup.state"
            " WHERE rollup.asset = ? AND rollup.grain = ? AND rollup.start_ms >= ? AND rollup.start_ms < ?"
            " ORDER BY rollup.start_ms",
            (asset, grain.value, *self._span),
        )
        said: tuple[int, str] | None = None
        for start_ms, state, feature_set, late, blob, all_windows, *vitals in rows:
            feature_hash, names = self._sets[feature_set]
            rollup = np.frombuffer(blob, ROLLUP)
            score, health = _counted(vitals[:4]), _counted(vitals[4:])
            if said == (start_ms, state):
                # The file keeps them once per state: with a second specification they are not said again.
                score, health = Counted(), Counted()
            said = (start_ms, state)
            windows = int(rollup["weight"].max(initial=0)) or all_windows
            yield start_ms, state, feature_hash, Rolled(names, rollup, windows, bool(late), score, health)

    def latest(self) -> list[MachineLatest]:
        """Return the newest summary of every machine."""
        rows = self._connection.execute(
            "SELECT asset_id, start_ms, end_ms, received_ms, state, score, health_index, zone, learning_progress"
            " FROM machine_latest JOIN asset ON asset.key = machine_latest.asset"
        )
        return [MachineLatest(*row) for row in rows]

    def metrics(self) -> list[Metric]:
        """Return the metrics of gateways."""
        rows = self._connection.execute(
            "SELECT key, source, name, unit, time_ms, value, text, quality, (SELECT count(*) FROM reading"
            " WHERE series = key AND reading.time_ms >= ? AND reading.time_ms < ?) FROM series ORDER BY source, name",
            self._span,
        )
        return [
            Metric(key, Reading(source, name, unit, time_ms, 0, value, text, quality, kept=False), values)
            for key, source, name, unit, time_ms, value, text, quality, values in rows
        ]

    def readings(self, metric: Metric) -> Iterator[Reading]:
        """Yield the values of a metric."""
        latest = metric.latest
        rows = self._connection.execute(
            "SELECT time_ms, tie, value FROM reading WHERE series = ? AND time_ms >= ? AND time_ms < ?",
            (metric.key, *self._span),
        )
        for time_ms, tie, value in rows:
            yield Reading(latest.source, latest.name, latest.unit, time_ms, tie, value, str(value), latest.quality)


def _counted(row: list[float | None]) -> Counted:
    count, total, low, high = row
    if not count or total is None or low is None or high is None:
        return Counted()
    return Counted(int(count), total, low, high)
