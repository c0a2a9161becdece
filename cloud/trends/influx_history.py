"""The hours and days that ingest is working on, with InfluxDB: what makes writing idempotent and rollups right.

InfluxDB has no transaction and no "add to". So a rollup is never added to: it is made from everything that is stored
in its hour, and written whole.

    a batch touches hours → those not in memory are read back → records that are there are duplicates →
    new ones are merged → hour and day are written as they are now

An hour in memory holds the ids of its records and one rollup per operating state. After a failed write the touched
hours are forgotten and read back next time, so whatever part of a batch has arrived is counted once. The same
happens after a restart. Days are merged from their 24 hours in the same way.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cloud.trends.influx_lines import (
    COUNT,
    MAX,
    MIN,
    NS_PER_MS,
    TAGS,
    TIES,
    chosen_columns,
    column,
    feature_fields,
    identifier,
    key,
    literal,
    number,
    or_filter,
    tag_value,
    text_field,
)
from cloud.trends.rollups import empty_rollup, merge, rollup_of
from cloud.trends.store import GRAIN_MS, Grain
from models.contract.vocabulary import is_steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from cloud.trends.influx_server import InfluxServer, Series
    from cloud.trends.store import StoredSummary

HOUR_MS: Final = GRAIN_MS[Grain.HOUR]
DAY_MS: Final = GRAIN_MS[Grain.DAY]
HOURS_KEPT: Final = 16_384
DAYS_KEPT: Final = 4_096
"""What stays in memory between batches: the current hour and day of as many machines as one server is for; an hour
of a machine with 68 features takes about 8 kB, a day about 40."""
ASSETS_PER_STATEMENT: Final = 50
STATEMENTS_PER_QUESTION: Final = 40
"""A question of 50 machines and 68 features has 15 kB; both are bounded so that no question is large."""

Key = tuple[str, int, str]
"""Asset id, start of the bucket in ms, hash of the feature specification."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A value over several summaries: how many had one, their sum, lowest and highest."""

    count: int = 0
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def plus(self, other: Counted) -> Counted:
        """Return both together."""
        return Counted(
            self.count + other.count, self.total + other.total, min(self.low, other.low), max(self.high, other.high)
        )


def counted(value: float | None) -> Counted:
    """Return one value that may be missing."""
    return Counted() if value is None else Counted(1, value, value, value)


@dataclass(frozen=True, slots=True)
class Rolled:
    """One operating state in one bucket; rollup (features,) in the order of `names`."""

    names: tuple[str, ...]
    rollup: NDArray[np.void]
    windows: int
    late: bool
    score: Counted
    health: Counted

    def plus(self, other: Rolled) -> Rolled:
        """Return both together; the features of either."""
        mine, theirs = self, other
        if self.names != other.names:
            names = tuple(dict.fromkeys(self.names + other.names))
            mine, theirs = _spread(self, names), _spread(other, names)
        return Rolled(
            mine.names,
            merge([mine.rollup, theirs.rollup]),
            self.windows + other.windows,
            self.late or other.late,
            self.score.plus(other.score),
            self.health.plus(other.health),
        )


def _spread(rolled: Rolled, names: tuple[str, ...]) -> Rolled:
    rollup = empty_rollup(len(names))
    rollup[[names.index(name) for name in rolled.names]] = rolled.rollup
    return replace(rolled, names=names, rollup=rollup)


@dataclass(slots=True)
class Hour:
    """What is stored in one hour of one machine: ids of records by their time, rollups by operating state."""

    records: dict[int, int] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)
    rows: dict[str, Rolled] = field(default_factory=dict)

    def time_of(self, stored: StoredSummary) -> int:
        """Return the time of a new record in ns: its start, and digits that no other record has."""
        start_ns = stored.summary.start_ns // NS_PER_MS * NS_PER_MS
        tie = stored.record_id % TIES
        while start_ns + tie in self.records:
            tie = (tie + 1) % TIES
        return start_ns + tie


Slots = dict[tuple[str, str], tuple[int, str]]
"""Of one bucket: which number and which tags each operating state and feature specification was written with."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch comes to.

    Attributes:
        fresh: with their times in ns; those that were not stored before.
        hours, days: lines of the rollups as they are now.
    """

    fresh: list[tuple[StoredSummary, int]]
    hours: list[str]
    days: list[str]


class History:
    """Hours and days in memory, read back where they are missing; used by one thread."""

    def __init__(self, server: InfluxServer, prefix: str, tags_of: Callable[[str, str], str]) -> None:
        self._server = server
        self._prefix = prefix
        self._tags_of = tags_of
        self._hours: OrderedDict[Key, Hour] = OrderedDict()
        self._days: OrderedDict[Key, dict[int, dict[str, Rolled]]] = OrderedDict()
        self._slots: dict[tuple[Grain, str, int], Slots] = {}
        self._arriving: tuple[dict[Key, Hour], dict[Key, dict[int, dict[str, Rolled]]]] = ({}, {})

    def take(self, summaries: Sequence[StoredSummary]) -> Taken:
        """Merge a batch and return what to write.

        Raises:
            StoreError: what is stored could not be read back.
        """
        touched: dict[Key, tuple[str, ...]] = {_hour_key(one): one.summary.feature_names for one in summaries}
        read_back = self._load(touched)
        fresh, changed = [], set(read_back)
        for stored in summaries:
            hour_key = _hour_key(stored)
            hour = self._hours[hour_key]
            if stored.record_id in hour.ids:
                continue
            time_ns = hour.time_of(stored)
            hour.ids.add(stored.record_id)
            hour.records[time_ns] = stored.record_id
            state = stored.summary.operating_state
            new = rolled_of(stored)
            hour.rows[state] = hour.rows[state].plus(new) if state in hour.rows else new
            fresh.append((stored, time_ns))
            changed.add(hour_key)
        machines = {one.summary.asset_id: one.summary.machine for one in summaries}
        return Taken(fresh, *self._lines(changed, machines))

    def forget(self, summaries: Iterable[StoredSummary]) -> None:
        """Drop the hours and days of a batch: what is stored of it is read back next time."""
        for stored in summaries:
            asset_id, hour_ms, feature_hash = _hour_key(stored)
            day_ms = hour_ms // DAY_MS * DAY_MS
            self._hours.pop((asset_id, hour_ms, feature_hash), None)
            self._days.pop((asset_id, day_ms, feature_hash), None)
            self._slots.pop((Grain.HOUR, asset_id, hour_ms), None)
            self._slots.pop((Grain.DAY, asset_id, day_ms), None)

    def shrink(self) -> None:
        """Drop what was not touched for longest, beyond what is kept in memory."""
        while len(self._hours) > HOURS_KEPT:
            (asset_id, hour_ms, _), _hour = self._hours.popitem(last=False)
            self._slots.pop((Grain.HOUR, asset_id, hour_ms), None)
        while len(self._days) > DAYS_KEPT:
            (asset_id, day_ms, _), _day = self._days.popitem(last=False)
            self._slots.pop((Grain.DAY, asset_id, day_ms), None)

    def _lines(self, changed: set[Key], machines: dict[str, str]) -> tuple[list[str], list[str]]:
        """Return the lines of changed hours, and of the days they belong to."""
        hours, days = [], []
        touched_days: dict[Key, set[str]] = defaultdict(set)
        for asset_id, hour_ms, feature_hash in sorted(changed):
            rows = self._hours[asset_id, hour_ms, feature_hash].rows
            day_key = (asset_id, hour_ms // DAY_MS * DAY_MS, feature_hash)
            self._days[day_key][hour_ms] = rows
            touched_days[day_key] |= set(rows)
            for state, row in rows.items():
                place = (Grain.HOUR, asset_id, hour_ms, state, feature_hash)
                hours.append(self.line(place, machines[asset_id], row))
        for (asset_id, day_ms, feature_hash), states in touched_days.items():
            by_hour = self._days[asset_id, day_ms, feature_hash]
            for state in sorted(states):
                day = together(rows[state] for _, rows in sorted(by_hour.items()) if state in rows)
                days.append(self.line((Grain.DAY, asset_id, day_ms, state, feature_hash), machines[asset_id], day))
        return hours, days

    def label(self, bucket: tuple[Grain, str, int], kind: tuple[str, str], label: tuple[int, str]) -> None:
        """Take up under which number and tags a stored rollup stands.

        Args:
            bucket: grain, asset id, start in ms.
            kind: operating state and hash of the feature specification.
            label: the number, and the tags with a comma in front.
        """
        self._slots.setdefault(bucket, {}).setdefault(kind, label)

    def unlabel(self, asset_id: str) -> None:
        """Forget the labels of a machine: a copy goes through years of them."""
        for bucket in [one for one in self._slots if one[1] == asset_id]:
            del self._slots[bucket]

    def line(self, place: tuple[Grain, str, int, str, str], machine: str, row: Rolled) -> str:
        """Return one rollup under the number and the tags it was first written with."""
        grain, asset_id, start_ms, state, feature_hash = place
        slots = self._slots.setdefault((grain, asset_id, start_ms), {})
        if (state, feature_hash) not in slots:
            free = max((slot for slot, _ in slots.values()), default=-1) + 1
            slots[state, feature_hash] = (free, self._tags_of(asset_id, machine))
        slot, tags = slots[state, feature_hash]
        return rollup_line(grain, tags, (state, feature_hash), row, start_ms * NS_PER_MS + slot)

    def _load(self, touched: dict[Key, tuple[str, ...]]) -> list[Key]:
        """Read hours and days that are not in memory; return the hours."""
        missing = [one for one in touched if one not in self._hours or (Grain.HOUR, *one[:2]) not in self._slots]
        days = {
            (asset, ms // DAY_MS * DAY_MS, feature_hash): names for (asset, ms, feature_hash), names in touched.items()
        }
        missing_days = [one for one in days if one not in self._days or (Grain.DAY, *one[:2]) not in self._slots]
        # A bucket whose labels are not known might be written over another: both are known, or both are read.
        for grain, keys in ((Grain.HOUR, missing), (Grain.DAY, missing_days)):
            for asset_id, start_ms, _ in keys:
                self._slots.setdefault((grain, asset_id, start_ms), {})
        questions = self._all_questions(Grain.HOUR, missing, touched) + self._all_questions(
            Grain.DAY, missing_days, days
        )
        loaded_hours: dict[Key, Hour] = {one: Hour() for one in missing}
        loaded_days: dict[Key, dict[int, dict[str, Rolled]]] = {one: {} for one in missing_days}
        self._arriving = (loaded_hours, loaded_days)
        for first in range(0, len(questions), STATEMENTS_PER_QUESTION):
            some_questions = questions[first : first + STATEMENTS_PER_QUESTION]
            answers = self._server.ask([statement for statement, _ in some_questions])
            for (_, take), tables in zip(some_questions, answers, strict=True):
                take(tables)
        self._hours |= loaded_hours
        self._days |= loaded_days
        for one in touched:
            self._hours.move_to_end(one)
        for one in days:
            self._days.move_to_end(one)
        return missing

    def _all_questions(
        self, grain: Grain, keys: Sequence[Key], names_of: Mapping[Key, tuple[str, ...]]
    ) -> list[tuple[str, Callable[[list[Series]], None]]]:
        """Return what to ask about buckets, those of several machines that are alike in one question."""
        groups: dict[tuple[int, str, tuple[str, ...]], list[str]] = defaultdict(list)
        for one in keys:
            asset_id, start_ms, feature_hash = one
            groups[start_ms, feature_hash, names_of[one]].append(asset_id)
        questions: list[tuple[str, Callable[[list[Series]], None]]] = []
        for group, assets in groups.items():
            for first in range(0, len(assets), ASSETS_PER_STATEMENT):
                questions += self._questions(grain, group, assets[first : first + ASSETS_PER_STATEMENT])
        return questions

    def _questions(
        self, grain: Grain, group: tuple[int, str, tuple[str, ...]], assets: Sequence[str]
    ) -> list[tuple[str, Callable[[list[Series]], None]]]:
        """Return what to ask about one bucket of some machines, with what to do with each answer."""
        start_ms, feature_hash, names = group
        length_ms = GRAIN_MS[grain]
        span = f"time >= {start_ms}ms AND time < {start_ms + length_ms}ms"
        of_assets = or_filter("asset", assets)
        rollups = f"{self._prefix}_{'hourly' if grain is Grain.HOUR else 'daily'}"
        tags = ", ".join(identifier(tag) for tag in TAGS)
        tables = f'"{rollups}".."{grain}", "{rollups}".."{grain}_other"'
        slots = f"SELECT state, features, {tags} FROM {tables} WHERE {of_assets} AND {span}"  # noqa: S608 - names are ours, ids are quoted
        vitals = "windows, state, late, score, health_index"
        if grain is Grain.HOUR:
            wanted = ", ".join([vitals, "record_id", "asset", *chosen_columns(names, counts=False)])
            source = f'"{self._prefix}_summaries".."summary"'
        else:
            more = ", ".join(identifier(name + end) for name in ("score", "health_index") for end in (MIN, MAX, COUNT))
            wanted = ", ".join([vitals, more, "asset", *chosen_columns(names, counts=True)])
            source = f'"{self._prefix}_hourly".."hour", "{self._prefix}_hourly".."hour_other"'
        condition = f"features = {literal(feature_hash)} AND {of_assets} AND {span}"
        content = f"SELECT {wanted} FROM {source} WHERE {condition}"  # noqa: S608 - names and ids are quoted
        return [
            (slots, lambda tables: self._take_slots(grain, start_ms, tables)),
            (content, lambda tables: self._take_content(grain, group, tables)),
        ]

    def _take_slots(self, grain: Grain, start_ms: int, tables: list[Series]) -> None:
        for table in tables:
            at = {name: index for index, name in enumerate(table.columns)}
            for row in table.rows:
                pairs = [(tag, row[at[tag]]) for tag in TAGS if row[at[tag]]]
                tags = "".join(f",{tag}={key_of_stored(value)}" for tag, value in pairs)
                kind = (row[at["state"]], row[at["features"]])
                self.label((grain, row[at["asset"]], start_ms), kind, (row[0] % NS_PER_MS, tags))

    def _take_content(self, grain: Grain, group: tuple[int, str, tuple[str, ...]], tables: list[Series]) -> None:
        start_ms, feature_hash, names = group
        hours, days = self._arriving
        for table in tables:
            at = {name: index for index, name in enumerate(table.columns)}
            for row in table.rows:
                identity = (row[at["asset"]], start_ms, feature_hash)
                state = row[at["state"]]
                if grain is Grain.HOUR:
                    hour = hours[identity]
                    record_id = int(row[at["record_id"]], 16)
                    hour.ids.add(record_id)
                    hour.records[row[0]] = record_id
                    new = rolled_of_summary_row(names, row, at)
                    hour.rows[state] = hour.rows[state].plus(new) if state in hour.rows else new
                else:
                    hour_ms = row[0] // NS_PER_MS
                    days[identity].setdefault(hour_ms, {})[state] = rolled_of_rollup_row(names, row, at)


def _hour_key(stored: StoredSummary) -> Key:
    summary = stored.summary
    return summary.asset_id, summary.start_ns // NS_PER_MS // HOUR_MS * HOUR_MS, summary.feature_hash


def key_of_stored(value: str) -> str:
    """Return a tag's value as it came back from InfluxDB, escaped for a line; it is printable already."""
    return key(value) if "\\" not in value else tag_value(value)


def rolled_of(stored: StoredSummary) -> Rolled:
    """Return one summary as the rollup of itself."""
    summary = stored.summary
    statistics = summary.statistics
    rollup = rollup_of(summary.windows, statistics.mean, statistics.minimum, statistics.maximum)
    score, health = counted(summary.score), counted(summary.health_index)
    return Rolled(summary.feature_names, rollup, max(summary.windows, 1), stored.late, score, health)


def together(parts: Iterable[Rolled]) -> Rolled:
    """Return rollups of one state merged."""
    merged: Rolled | None = None
    for part in parts:
        merged = part if merged is None else merged.plus(part)
    if merged is None:
        raise ValueError("nothing to merge")
    return merged


def rolled_of_summary_row(names: tuple[str, ...], row: list[Any], at: dict[str, int]) -> Rolled:
    """Return one stored summary as the rollup of itself."""
    mean, low, high = _feature_columns(names, row, at)
    windows = row[at["windows"]]
    rollup = rollup_of(windows, mean.astype(np.float32), low.astype(np.float32), high.astype(np.float32))
    score, health = counted(row[at["score"]]), counted(row[at["health_index"]])
    return Rolled(names, rollup, max(windows, 1), bool(row[at["late"]]), score, health)


def rolled_of_rollup_row(names: tuple[str, ...], row: list[Any], at: dict[str, int]) -> Rolled:
    """Return one stored rollup."""
    mean, low, high = _feature_columns(names, row, at)
    windows = row[at["windows"]]
    counts = [row[at[column(name) + COUNT]] for name in names]
    known = np.isfinite(mean)
    rollup = empty_rollup(len(names))
    weight = np.array([windows if one is None else one for one in counts], np.float64)
    rollup["weight"][known] = weight[known]
    rollup["total"][known] = mean[known] * weight[known]
    rollup["low"][known] = low[known]
    rollup["high"][known] = high[known]
    score, health = (stored_count(row, at, name) for name in ("score", "health_index"))
    return Rolled(names, rollup, windows, bool(row[at["late"]]), score, health)


def stored_count(row: list[Any], at: dict[str, int], name: str) -> Counted:
    """Return score or health as a rollup holds it."""
    mean = row[at[name]]
    if mean is None:
        return Counted()
    count = row[at[name + COUNT]]
    return Counted(count, mean * count, row[at[name + MIN]], row[at[name + MAX]])


def _feature_columns(
    names: tuple[str, ...], row: list[Any], at: dict[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    values = [[row[at[column(name) + end]] for name in names] for end in ("", MIN, MAX)]
    mean, low, high = np.array(values, np.float64).reshape(3, len(names))
    return mean, low, high


def rollup_line(grain: Grain, tags: str, kind: tuple[str, str], row: Rolled, time_ns: int) -> str:
    """Return one rollup.

    Args:
        grain: hour or day.
        tags: with a comma in front.
        kind: operating state and hash of the feature specification.
        row: what to write.
        time_ns: start of the bucket, with the digits that break ties.
    """
    state, feature_hash = kind
    fields = [f"windows={row.windows}i", f"state={text_field(state)}", f"features={text_field(feature_hash)}"]
    fields += ["late=true"] if row.late else []
    for name, value in (("score", row.score), ("health_index", row.health)):
        if value.count:
            fields.append(f"{name}={number(value.total / value.count)}")
            fields += [f"{name}{MIN}={number(value.low)}", f"{name}{MAX}={number(value.high)}"]
            fields.append(f"{name}{COUNT}={value.count}i")
    weight = row.rollup["weight"].astype(np.float64)
    known = weight > 0
    mean = np.full(len(weight), np.nan)
    np.divide(row.rollup["total"], weight, out=mean, where=known)
    low, high = (row.rollup[end].astype(np.float64) for end in ("low", "high"))
    fields += feature_fields(row.names, mean, low, high)
    fields += [
        f"{key(column(row.names[index]))}{COUNT}={int(weight[index])}i"
        for index in np.flatnonzero(known & (weight != row.windows))
    ]
    measurement = grain.value if is_steady(state) else f"{grain.value}_other"
    return f"{measurement}{tags} {','.join(fields)} {time_ns}"
