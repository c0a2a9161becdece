"""The reading half of the trends in InfluxDB: the same answers as the embedded store, from rows of InfluxQL.

First one question about how much there is at each grain, then one for the rows of the grain that fits. Both name one
machine by its tag, so InfluxDB goes through its index to that machine's series whatever else it keeps. There are no
minutes in InfluxDB: it reads single columns, so summaries themselves are cheap enough until hours take over.
"""

from __future__ import annotations

import json
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cloud.trends.influx_history import stored_count
from cloud.trends.influx_lines import (
    COUNT,
    MAX,
    MIN,
    NS_PER_MS,
    chosen_columns,
    column,
    identifier,
    literal,
)
from cloud.trends.recent import in_pairs, recent_points, recent_span
from cloud.trends.rollups import Points, into_buckets
from cloud.trends.shaping import Asked, Row, bounded, points_of, series_of, shaped
from cloud.trends.store import GRAIN_MS, Grain, LatestReading, MachineLatest, Trend, TrendSeries
from models.contract.vocabulary import is_steady

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from cloud.trends.influx_server import InfluxServer, Series
    from cloud.trends.recent import HealthPoints

DAY_MS: Final = GRAIN_MS[Grain.DAY]
ROWS_PER_POINT: Final = 24
MAX_ROWS: Final = 11_000
"""Rows read for one point, and for one answer: a week of minutes, a year of hours."""

Columns = dict[str, tuple[Any, ...]]

FIRST_MS: Final = 0
LAST_MS: Final = 2**63 // NS_PER_MS - 1
"""InfluxQL knows times in ns from 1970 to 2262; a span that begins or ends elsewhere is cut to it."""


class InfluxReader:
    """Answers from one InfluxDB; may be used by several threads."""

    def __init__(self, server: InfluxServer, prefix: str) -> None:
        self._server = server
        self._summaries = identifier(f"{prefix}_summaries") + ".."
        self._hourly = identifier(f"{prefix}_hourly") + ".."
        self._daily = identifier(f"{prefix}_daily") + ".."

    def latest_machines(self) -> Mapping[str, MachineLatest]:
        """Return the newest summary of every machine, by asset id."""
        (tables,) = self._server.ask([f"SELECT latest FROM {self._daily}machine GROUP BY asset"])  # noqa: S608 - names are ours
        rows = ((table.tags["asset"], table.rows[-1][1]) for table in tables)
        return {asset_id: MachineLatest(asset_id, *json.loads(text)) for asset_id, text in rows if text}

    def feature_names(self) -> Mapping[str, frozenset[str]]:
        """Return which features of which machine are stored, by asset id."""
        (tables,) = self._server.ask([f"SELECT names FROM {self._daily}machine GROUP BY asset"])  # noqa: S608 - names are ours
        return {table.tags["asset"]: frozenset(json.loads(table.rows[-1][1] or "[]")) for table in tables}

    def latest_readings(self, source: str) -> Sequence[LatestReading]:
        """Return the newest value of every metric of a gateway, by name."""
        return sorted(self.every_reading(source).values(), key=lambda one: one.name)

    def every_reading(self, source: str) -> dict[str, LatestReading]:
        """Return the newest value of every metric of a gateway, by its name."""
        where = f"WHERE gateway = {literal(source)}"
        (tables,) = self._server.ask([f"SELECT latest FROM {self._daily}metric {where} GROUP BY metric"])  # noqa: S608 - names are ours, the source is quoted
        found = [LatestReading(*json.loads(table.rows[-1][1])) for table in tables]
        return {one.name: one for one in found}

    def metrics(self) -> int:
        """Return how many metrics of gateways are stored."""
        (tables,) = self._server.ask([f"SHOW SERIES EXACT CARDINALITY ON {self._daily[:-2]} FROM metric"])
        return sum(int(row[-1]) for table in tables for row in table.rows)

    def recent_health(self, asset_ids: Sequence[str], until_ms: int) -> Mapping[str, HealthPoints]:
        """Return the health of machines in the month before a time, coarsely, by asset id."""
        asked = set(asset_ids)
        first_ms, hours_ms = recent_span(until_ms)
        wanted = ", ".join(identifier("health_index" + end) for end in ("", MIN, MAX, COUNT))
        questions = [
            f'SELECT {wanted} FROM {bucket}"{grain}", {bucket}"{grain}_other" WHERE {_span(*span)} GROUP BY asset'  # noqa: S608 - names are ours
            for grain, bucket, span in (
                ("day", self._daily, (first_ms, hours_ms)),
                ("hour", self._hourly, (hours_ms, until_ms)),
            )
        ]
        rows: list[tuple[str, int, float, float]] = []
        for grain, tables in zip((Grain.DAY, Grain.HOUR), self._server.ask(questions), strict=True):
            for table in (one for one in tables if one.tags["asset"] in asked):
                at = _positions(table)
                for row in table.rows:
                    start_ms = row[0] // NS_PER_MS
                    bucket_ms = in_pairs(start_ms, hours_ms) if grain is Grain.DAY else start_ms
                    health = stored_count(row, at, "health_index")
                    rows.append((table.tags["asset"], bucket_ms, health.count, health.total))
        return recent_points(rows)

    def span_ms(self, asset_id: str) -> tuple[int, int] | None:
        """Return start of the oldest and end of the newest summary of a machine, or None."""
        where = f"WHERE asset = {literal(asset_id)}"
        latest, day, other, summary = self._server.ask(
            [
                f"SELECT latest FROM {self._daily}machine {where}",  # noqa: S608 - names are ours, the id is quoted
                f"SELECT first(windows) FROM {self._daily}day {where}",  # noqa: S608
                f"SELECT first(windows) FROM {self._daily}day_other {where}",  # noqa: S608
                f"SELECT first(windows) FROM {self._summaries}summary {where}",  # noqa: S608
            ]
        )
        if not latest or latest[0].rows[-1][1] is None:
            return None
        end_ms = int(json.loads(latest[0].rows[-1][1])[1])
        first_day = min((time for tables in (day, other) if (time := _first_ms(tables)) is not None), default=None)
        first_summary = _first_ms(summary)
        if first_summary is not None and (first_day is None or first_summary // DAY_MS * DAY_MS == first_day):
            return first_summary, end_ms
        return (end_ms if first_day is None else first_day), end_ms

    def trend(self, asset_id: str, names: Sequence[str], from_ms: int, to_ms: int, points: int) -> Trend:
        """Return features and vitals of a machine in [from_ms, to_ms) in at most `points` points each."""
        asked = Asked(asset_id, tuple(names), from_ms, to_ms, bounded(points))
        grain, is_known = self._grain(asked)
        if not is_known:
            return Trend(asset_id, from_ms, to_ms, 1, ())
        columns = _columns(self._rows(asked, grain))
        return shaped(asked, grain, _vitals(columns, grain), _features(columns, grain, asked.features))

    def _grain(self, asked: Asked) -> tuple[Grain, bool]:
        """Return the finest grain whose rows are few enough and reach as far back, and whether the machine is known."""
        limit = min(asked.points * ROWS_PER_POINT, MAX_ROWS)
        of_asset = f"WHERE asset = {literal(asked.asset_id)}"
        where = f"{of_asset} AND {_span(asked.from_ms, asked.to_ms)}"
        days = f"{of_asset} AND {_span(asked.from_ms // DAY_MS * DAY_MS, asked.to_ms)}"
        hour = f'{self._hourly}"hour"', f'{self._hourly}"hour_other"'
        day = f'{self._daily}"day"', f'{self._daily}"day_other"'
        answers = self._server.ask(
            [
                f"SELECT latest FROM {self._daily}machine {of_asset}",  # noqa: S608 - names are ours, the id is quoted
                *(f"SELECT first(windows) FROM {one} {days}" for one in day),  # noqa: S608
                *(
                    f"SELECT {what}(windows) FROM {one} {where}"  # noqa: S608
                    for one in (f"{self._summaries}summary", *hour)
                    for what in ("count", "first")
                ),
            ]
        )
        first_day = min((ms for tables in answers[1:3] if (ms := _first_ms(tables)) is not None), default=None)
        for grain, pairs in ((Grain.SUMMARY, (3,)), (Grain.HOUR, (5, 7))):
            rows = sum(_count(answers[index]) for index in pairs)
            oldest = min((ms for i in pairs if (ms := _first_ms(answers[i + 1])) is not None), default=None)
            reaches = first_day is None or (oldest is not None and oldest < max(first_day, asked.from_ms) + DAY_MS)
            if rows <= limit and reaches:
                return grain, bool(answers[0])
        return Grain.DAY, bool(answers[0])

    def _rows(self, asked: Asked, grain: Grain) -> list[Series]:
        length_ms = GRAIN_MS.get(grain, 1)
        span = _span(asked.from_ms // length_ms * length_ms, asked.to_ms)
        wanted = ["windows", "state", "late"]
        if grain is Grain.SUMMARY:
            wanted += ["end_ms", "score", "health_index"]
            sources = f"{self._summaries}summary"
        else:
            vitals = [name for name in ("score", "health_index") if name in asked.names]
            wanted += [identifier(name + end) for name in vitals for end in ("", MIN, MAX, COUNT)]
            bucket = self._hourly if grain is Grain.HOUR else self._daily
            sources = f'{bucket}"{grain}", {bucket}"{grain}_other"'
        wanted += chosen_columns(asked.features, counts=grain is not Grain.SUMMARY)
        (tables,) = self._server.ask(
            [f"SELECT {', '.join(wanted)} FROM {sources} WHERE asset = {literal(asked.asset_id)} AND {span}"]  # noqa: S608 - names are quoted
        )
        return tables

    def readings(self, source: str, name: str, from_ms: int, to_ms: int, points: int) -> TrendSeries:
        """Return a metric of a gateway in [from_ms, to_ms) in at most `points` points."""
        points = bounded(points)
        wanted_ms = max(1, -(-(to_ms - from_ms) // (points - 1)))
        limit = min(points * ROWS_PER_POINT, MAX_ROWS)
        value, of_source = identifier(column(name)), f"gateway = {literal(source)}"
        table = f"{self._summaries}reading"
        (found,) = self._server.ask(
            [f"SELECT {value} FROM {table} WHERE {of_source} AND {_span(from_ms, to_ms)} LIMIT {limit + 1}"]  # noqa: S608 - names are quoted
        )
        rows = [(row[0] // NS_PER_MS, 1, row[1], row[1], row[1]) for one in found for row in one.rows]
        if len(rows) <= limit:
            return series_of(name, into_buckets(points_of(rows), 1 if len(rows) <= points else wanted_ms))
        length_ms = GRAIN_MS[Grain.MINUTE if wanted_ms < GRAIN_MS[Grain.HOUR] else Grain.HOUR]
        span = _span(from_ms // length_ms * length_ms, to_ms)
        parts = ", ".join(f"{function}({value})" for function in ("count", "sum", "min", "max"))
        question = f"SELECT {parts} FROM {table} WHERE {of_source} AND {span}"  # noqa: S608 - names are quoted
        (found,) = self._server.ask([f"{question} GROUP BY time({length_ms}ms) fill(none)"])
        rows = [(row[0] // NS_PER_MS, *row[1:]) for one in found for row in one.rows]
        return series_of(name, into_buckets(points_of(rows), -(-wanted_ms // length_ms) * length_ms))


def _span(from_ms: int, to_ms: int) -> str:
    low, high = (max(FIRST_MS, min(one, LAST_MS)) for one in (from_ms, to_ms))
    return f"time >= {low}ms AND time < {high}ms"


def _first_ms(tables: list[Series]) -> int | None:
    return tables[0].rows[0][0] // NS_PER_MS if tables else None


def _count(tables: list[Series]) -> int:
    return int(tables[0].rows[0][1]) if tables else 0


def _positions(table: Series) -> dict[str, int]:
    return {name: index for index, name in enumerate(table.columns)}


def _columns(tables: list[Series]) -> Columns:
    """Return the rows of all tables by columns and by time; the same columns were asked of every table."""
    rows = [row for table in tables for row in table.rows]
    if len(tables) > 1:
        rows.sort(key=itemgetter(0))
    return dict(zip(tables[0].columns, zip(*rows, strict=True), strict=True)) if rows else {}


def _vitals(columns: Columns, grain: Grain) -> list[Row]:
    """Return (start, windows, end, state, late, score n/total/low/high, health n/total/low/high), by start."""
    if not columns:
        return []
    starts = [time_ns // NS_PER_MS for time_ns in columns["time"]]
    length_ms = GRAIN_MS.get(grain, 0)
    ends = columns["end_ms"] if grain is Grain.SUMMARY else [start_ms + length_ms for start_ms in starts]
    late = map(bool, columns["late"])
    judged = [part for name in ("score", "health_index") for part in _judged(columns, name, grain)]
    return list(zip(starts, columns["windows"], ends, columns["state"], late, *judged, strict=False))


def _judged(columns: Columns, name: str, grain: Grain) -> Sequence[Iterable[Any]]:
    """Return count, total, lowest and highest of score or health, a column each; endless where it was not asked for."""
    mean = columns.get(name)
    if mean is None:
        return repeat(0), repeat(0.0), repeat(None), repeat(None)
    if grain is Grain.SUMMARY:
        return [int(one is not None) for one in mean], [one or 0.0 for one in mean], mean, mean
    count = [one or 0 for one in columns[name + COUNT]]
    total = [0.0 if one is None else one * n for one, n in zip(mean, count, strict=True)]
    return count, total, columns[name + MIN], columns[name + MAX]


def _features(columns: Columns, grain: Grain, names: Sequence[str]) -> dict[str, Points]:
    """Return the points of each feature that the machine has at all in these rows."""
    if not columns or not names:
        return {}
    t_ms = np.array(columns["time"], np.int64) // NS_PER_MS
    late = np.array([bool(one) for one in columns["late"]])
    windows = np.maximum(np.array(columns["windows"], np.float64), 1.0)
    kept = np.ones(len(t_ms), np.bool_)
    if grain is not Grain.SUMMARY:
        kept = _steady_where_possible(columns["state"], t_ms)
    found = {}
    for name in names:
        values = [np.array(columns[column(name) + end], np.float64) for end in ("", MIN, MAX)]
        # Nine digits are a float32: back to exactly that; the mean of a rollup is a double.
        low, high = (one.astype(np.float32).astype(np.float64) for one in values[1:])
        mean = values[0] if grain is not Grain.SUMMARY else values[0].astype(np.float32).astype(np.float64)
        known = np.isfinite(mean) & kept
        if not known.any():
            continue
        weight = windows
        if grain is not Grain.SUMMARY:
            counts = np.array(columns[column(name) + COUNT], np.float64)
            weight = np.where(np.isfinite(counts), counts, windows)
        weight = np.where(known, weight, 0.0)
        found[name] = Points(t_ms, weight, np.nan_to_num(mean) * weight, low, high, late)
    return found


def _steady_where_possible(states: Sequence[str], t_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows count: those of steady running, and all of a bucket that has none."""
    running = {state for state in set(states) if is_steady(state)}
    steady = np.array([state in running for state in states])
    return steady | ~np.isin(t_ms, t_ms[steady])
