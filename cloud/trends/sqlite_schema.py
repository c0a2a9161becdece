"""Tables of the embedded trend store.

A summary is one row with its vectors in one column, not one row per feature: 68 features and three rollups would be
272 rows per machine and minute. Reading one feature cuts its column out of the vectors with numpy, which costs less
than finding 2,000 rows. `vital` keeps score, health and states narrow, because a fleet page reads them for everyone.
"""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE asset (
    key INTEGER PRIMARY KEY,
    asset_id TEXT NOT NULL UNIQUE
);
CREATE TABLE feature_set (
    key INTEGER PRIMARY KEY,
    feature_hash TEXT NOT NULL,
    names TEXT NOT NULL,
    UNIQUE (feature_hash, names)
);
CREATE TABLE summary (
    key INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL REFERENCES asset,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    late INTEGER NOT NULL,
    state TEXT NOT NULL,
    windows INTEGER NOT NULL,
    score REAL,
    health_index REAL,
    zone TEXT,
    learning_progress REAL NOT NULL,
    feature_set INTEGER NOT NULL REFERENCES feature_set,
    vectors BLOB NOT NULL
);
-- The record id breaks ties: a clock that jumps back overwrites nothing, and a record that comes again is itself.
CREATE UNIQUE INDEX summary_record ON summary (asset, record_id);
CREATE INDEX summary_time ON summary (asset, start_ms, record_id);
CREATE TABLE rollup (
    key INTEGER PRIMARY KEY,
    asset INTEGER NOT NULL,
    grain TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    feature_set INTEGER NOT NULL,
    late INTEGER NOT NULL,
    features BLOB NOT NULL,
    UNIQUE (asset, grain, start_ms, state, feature_set)
);
CREATE TABLE vital (
    asset INTEGER NOT NULL,
    grain TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    windows INTEGER NOT NULL,
    late INTEGER NOT NULL,
    score_n INTEGER NOT NULL,
    score_total REAL NOT NULL,
    score_low REAL,
    score_high REAL,
    health_n INTEGER NOT NULL,
    health_total REAL NOT NULL,
    health_low REAL,
    health_high REAL,
    PRIMARY KEY (asset, grain, start_ms, state)
) WITHOUT ROWID;
CREATE TABLE machine_latest (
    asset INTEGER PRIMARY KEY REFERENCES asset,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    score REAL,
    health_index REAL,
    zone TEXT,
    learning_progress REAL NOT NULL
);
CREATE TABLE series (
    key INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    unit TEXT,
    time_ms INTEGER NOT NULL,
    value REAL,
    text TEXT NOT NULL,
    quality INTEGER NOT NULL,
    UNIQUE (source, name)
);
CREATE TABLE reading (
    series INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    tie INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (series, time_ms, tie)
) WITHOUT ROWID;
CREATE TABLE reading_rollup (
    series INTEGER NOT NULL,
    grain TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    n INTEGER NOT NULL,
    total REAL NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    PRIMARY KEY (series, grain, start_ms)
) WITHOUT ROWID;
"""

VITAL_MERGE: Final = """
INSERT INTO vital VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (asset, grain, start_ms, state) DO UPDATE SET
    windows = windows + excluded.windows,
    late = max(late, excluded.late),
    score_n = score_n + excluded.score_n,
    score_total = score_total + excluded.score_total,
    score_low = min(coalesce(score_low, excluded.score_low), coalesce(excluded.score_low, score_low)),
    score_high = max(coalesce(score_high, excluded.score_high), coalesce(excluded.score_high, score_high)),
    health_n = health_n + excluded.health_n,
    health_total = health_total + excluded.health_total,
    health_low = min(coalesce(health_low, excluded.health_low), coalesce(excluded.health_low, health_low)),
    health_high = max(coalesce(health_high, excluded.health_high), coalesce(excluded.health_high, health_high))
"""

LATEST_MERGE: Final = """
INSERT INTO machine_latest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (asset) DO UPDATE SET
    start_ms = excluded.start_ms, end_ms = excluded.end_ms, state = excluded.state, score = excluded.score,
    health_index = excluded.health_index, zone = excluded.zone, learning_progress = excluded.learning_progress
WHERE excluded.end_ms >= end_ms
"""

SERIES_MERGE: Final = """
INSERT INTO series (source, name, unit, time_ms, value, text, quality) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source, name) DO UPDATE SET
    unit = coalesce(excluded.unit, unit), time_ms = excluded.time_ms, value = excluded.value, text = excluded.text,
    quality = excluded.quality
WHERE excluded.time_ms >= time_ms
"""

READING_MERGE: Final = """
INSERT INTO reading_rollup VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (series, grain, start_ms) DO UPDATE SET
    n = n + excluded.n, total = total + excluded.total, low = min(low, excluded.low), high = max(high, excluded.high)
"""
