"""The trends in InfluxDB 2: the same `TrendStore`, on a server (docs/influxdb.md, decision 0026).

    a batch → what does not fit the budget or the retention is set aside → `History`: what is new, rollups as they are
    now → summaries, then hours, then days and what is latest → what was set aside goes to its file

Every line is written whole and under a time that belongs to it alone, so a batch that was written in part is simply
written again. Nothing is remembered as written before the server said so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from cloud.errors import StoreError
from cloud.trends.influx_history import History
from cloud.trends.influx_lines import (
    NS_PER_MS,
    TIES,
    alarm_line,
    column,
    key,
    number,
    place_line,
    summary_line,
    tag_value,
    tags_of,
    text_field,
)
from cloud.trends.influx_reading import InfluxReader
from cloud.trends.influx_server import BucketWish, InfluxServer
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import GRAIN_MS, Grain, LatestReading, MachineLatest, MachinePlace, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cloud.configuration import RetentionSettings
    from cloud.trends.influx_history import Rolled
    from cloud.trends.influx_settings import InfluxAccess
    from cloud.trends.recent import HealthPoints
    from cloud.trends.store import AlarmEvent, Reading, StoredSummary, Trend, TrendSeries

CARDINALITY: Final = "cardinality"
BEYOND_RETENTION: Final = "beyond_retention"

HOUR_MS: Final = GRAIN_MS[Grain.HOUR]
DAY_MS: Final = GRAIN_MS[Grain.DAY]
DAY_S: Final = 86_400
SHARDS: Final = 20
"""InfluxDB drops whole shards: with twenty of them at most a twentieth is kept too long, and a question about
everything opens twenty."""
LONGEST_SHARD_S: Final = 91 * DAY_S
FOR_GOOD_SHARD_S: Final = 3_650 * DAY_S
LAST_MS: Final = 2**63 // NS_PER_MS - 2 * DAY_MS
"""InfluxDB's last time, in 2262, less the bucket that it lies in."""


@dataclass(slots=True)
class _Admitted:
    """A batch, divided: what is written, and what is set aside for which reason."""

    summaries: list[StoredSummary] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    aside_summaries: list[StoredSummary] = field(default_factory=list)
    aside_readings: list[Reading] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class InfluxTrendStore:
    """A `TrendStore` on a server. Opening it needs no server: what it cannot do yet it says at the first use.

    Args:
        access: where it is.
        retention: days that the buckets keep.
        aside: file for what the server is not given.
        now_ms: wall time, which the server measures age by.
    """

    def __init__(
        self, access: InfluxAccess, retention: RetentionSettings, aside: Path, now_ms: Callable[[], int]
    ) -> None:
        self._access = access
        self._retention = retention
        self._aside_path = aside
        self._now_ms = now_ms
        self.prefix = access.bucket_prefix
        self.server = InfluxServer(access)
        self.history = History(self.server, access.bucket_prefix, self._tags)
        self._reader = InfluxReader(self.server, access.bucket_prefix)
        self._aside: SqliteTrendStore | None = None
        self._prepared = False
        self._places: dict[str, MachinePlace] = {}
        self._unsaid: dict[str, MachinePlace] = {}
        self._latest: dict[str, MachineLatest] = {}
        self._features: dict[str, frozenset[str]] = {}
        self._metrics: dict[str, dict[str, LatestReading]] = {}
        self._series = 0
        self._attempted: set[tuple[str, int]] = set()

    def write(
        self, summaries: Sequence[StoredSummary], readings: Sequence[Reading], alarms: Sequence[AlarmEvent] = ()
    ) -> Written:
        """Store a batch; see `TrendStore.write`."""
        self._prepare()
        self._know_gateways(readings)
        admitted = self._admit(summaries, readings)
        try:
            taken = self.history.take(admitted.summaries)
            self._attempted |= {(one.summary.asset_id, one.record_id) for one, _ in taken.fresh}
            latest = self._moved(summaries=admitted.summaries, fresh=[one for one, _ in taken.fresh])
            metrics = self._moved_metrics(admitted.readings)
            names = self._named(admitted.summaries)
            lines = [summary_line(one, self._tags_of(one), time_ns) for one, time_ns in taken.fresh]
            self._put("summaries", lines + _reading_lines(admitted.readings))
            self._put("hourly", taken.hours + self._alarm_lines(alarms))
            said = dict(self._unsaid)
            about = [line for place in said.values() if (line := place_line(place)) is not None]
            self._put("daily", taken.days + about + _latest_lines(latest, metrics, names))
        except BaseException:
            self.history.forget(admitted.summaries)
            raise
        self._remember(latest, metrics, names)
        for asset_id, place in said.items():
            if self._unsaid.get(asset_id) is place:
                del self._unsaid[asset_id]
        self.history.shrink()
        stored = {(one.summary.asset_id, one.record_id) for one in admitted.summaries} & self._attempted
        self._attempted.clear()
        return self._written(admitted, stored, len(summaries))

    def _written(self, admitted: _Admitted, stored: set[tuple[str, int]], asked: int) -> Written:
        """Set aside what did not fit, and return what became of everything."""
        notice = None
        if admitted.reasons:
            if self._aside is None:
                self._aside = SqliteTrendStore(self._aside_path, self._retention)
            aside = self._aside.write(admitted.aside_summaries, admitted.aside_readings)
            stored |= aside.stored
            notice = self._notice(admitted.reasons)
        return Written(frozenset(stored), asked - len(stored), dict(admitted.reasons), notice)

    def _notice(self, reasons: Mapping[str, int]) -> str:
        if CARDINALITY in reasons:
            return (
                f"InfluxDB would get more than influx.max_series = {self._access.max_series} series: new ones are set"
                f" aside in {self._aside_path}: raise it, or remove what makes so many names"
            )
        return f"summaries older than InfluxDB keeps are set aside in {self._aside_path}"

    def put_rollups(self, rows: Sequence[tuple[tuple[Grain, str, int, str, str], str, Rolled]]) -> int:
        """Write rollups whose summaries are gone; return how many.

        Args:
            rows: (grain, asset id, start in ms, operating state, hash of the feature specification), name of the
                machine, content; `History.label` must have been told of those that are stored.

        Raises:
            StoreError: not all of them are stored.
        """
        lines: dict[Grain, list[str]] = {Grain.HOUR: [], Grain.DAY: []}
        cutoff_ms = self._cutoff_ms(max(self._retention.hour_days, self._retention.summary_days))
        for place, machine, row in rows:
            if place[0] is Grain.DAY or place[2] >= cutoff_ms:
                lines[place[0]].append(self.history.line(place, machine, row))
        self._put("hourly", lines[Grain.HOUR])
        self._put("daily", lines[Grain.DAY])
        return len(lines[Grain.HOUR]) + len(lines[Grain.DAY])

    def put_latest(self, machines: Sequence[MachineLatest]) -> None:
        """Say what is latest of machines that have nothing newer.

        Raises:
            StoreError: it is not stored.
        """
        newer = {
            one.asset_id: one
            for one in machines
            if (known := self._latest.get(one.asset_id)) is None or known.end_ms < one.end_ms
        }
        self._put("daily", _latest_lines(newer, {}, {}))
        self._latest |= newer

    def oldest_ms(self) -> int:
        """Return the oldest time of a summary that InfluxDB takes now."""
        return self._cutoff_ms(self._retention.summary_days)

    def know(self, places: Sequence[MachinePlace]) -> None:
        """Take up where machines are; names go to InfluxDB with the next batch."""
        for place in places:
            if self._places.get(place.asset_id) != place:
                self._places[place.asset_id] = place
                self._unsaid[place.asset_id] = place

    def _tags(self, asset_id: str, machine: str) -> str:
        return tags_of(self._places.get(asset_id) or MachinePlace(asset_id, "", "", machine))

    def _tags_of(self, stored: StoredSummary) -> str:
        return self._tags(stored.summary.asset_id, stored.summary.machine)

    def _alarm_lines(self, alarms: Sequence[AlarmEvent]) -> list[str]:
        cutoff_ms = self._cutoff_ms(max(self._retention.hour_days, self._retention.summary_days))
        return [
            alarm_line(one, self._tags(one.report.asset_id, one.report.machine))
            for one in alarms
            if cutoff_ms <= one.report.end_ns // NS_PER_MS <= LAST_MS
        ]

    def _put(self, bucket: str, lines: Sequence[str]) -> None:
        try:
            self.server.write(f"{self._access.bucket_prefix}_{bucket}", lines)
        except StoreError:
            # A bucket may have been removed: look again next time.
            self._prepared = False
            raise

    def _prepare(self) -> None:
        """Make the buckets, and read back what is known of machines and metrics."""
        if self._prepared:
            return
        days = self._retention
        kept_s = [int(days.summary_days * DAY_S), int(max(days.hour_days, days.summary_days) * DAY_S)]
        prefix = self._access.bucket_prefix
        self.server.prepare(
            [
                BucketWish(f"{prefix}_summaries", kept_s[0], _shard_s(kept_s[0])),
                BucketWish(f"{prefix}_hourly", kept_s[1], _shard_s(kept_s[1])),
                BucketWish(f"{prefix}_daily", 0, FOR_GOOD_SHARD_S),
            ]
        )
        self._latest = dict(self._reader.latest_machines())
        self._features = dict(self._reader.feature_names())
        self._metrics.clear()
        self._series = sum(map(len, self._features.values())) + self._reader.metrics()
        self._prepared = True

    def _know_gateways(self, readings: Sequence[Reading]) -> None:
        for source in {one.source for one in readings} - self._metrics.keys():
            self._metrics[source] = self._reader.every_reading(source)

    def _cutoff_ms(self, days: float) -> int:
        """Return the oldest time that a bucket takes, with an hour in hand for a clock that is not ours."""
        return self._now_ms() - int(days * DAY_MS) + HOUR_MS

    def _admit(self, summaries: Sequence[StoredSummary], readings: Sequence[Reading]) -> _Admitted:
        """Divide a batch: what fits the budget and the retention, and what is set aside."""
        admitted = _Admitted()
        cutoff_ms = self._cutoff_ms(self._retention.summary_days)
        new: dict[str, frozenset[str]] = {}
        series = self._series
        for one in summaries:
            asset_id = one.summary.asset_id
            known = new.get(asset_id) or self._features.get(asset_id, frozenset())
            more = len(set(one.summary.feature_names) - known)
            reason = None
            if not cutoff_ms <= one.summary.start_ns // NS_PER_MS <= LAST_MS:
                reason = BEYOND_RETENTION
            elif more and series + more > self._access.max_series:
                reason = CARDINALITY
            if reason is None:
                admitted.summaries.append(one)
                new[asset_id] = known | set(one.summary.feature_names)
                series += more
            else:
                admitted.aside_summaries.append(one)
                admitted.reasons[reason] += 1
        named: set[tuple[str, str]] = set()
        for reading in readings:
            name = (reading.source, reading.name)
            is_new = reading.name not in self._metrics[reading.source] and name not in named
            reason = None
            if reading.kept and not cutoff_ms <= reading.time_ms <= LAST_MS:
                reason = BEYOND_RETENTION
            elif is_new and series + 1 > self._access.max_series:
                reason = CARDINALITY
            if reason is None:
                admitted.readings.append(reading)
                named.add(name)
                series += is_new
            else:
                admitted.aside_readings.append(reading)
                admitted.reasons[reason] += 1
        return admitted

    def _moved(self, summaries: Sequence[StoredSummary], fresh: Sequence[StoredSummary]) -> dict[str, MachineLatest]:
        """Return what is latest of each machine of a batch: never moved back by late data."""
        moved: dict[str, MachineLatest] = {}
        for one in fresh:
            summary = one.summary
            end_ms = summary.end_ns // NS_PER_MS
            before = moved.get(summary.asset_id) or self._latest.get(summary.asset_id)
            if before is None or end_ms >= before.end_ms:
                moved[summary.asset_id] = MachineLatest(
                    summary.asset_id,
                    summary.start_ns // NS_PER_MS,
                    end_ms,
                    one.received_ms if before is None else max(before.received_ms, one.received_ms),
                    summary.operating_state,
                    summary.score,
                    summary.health_index,
                    summary.zone,
                    summary.learning_progress,
                )
        for one in summaries:
            asset_id = one.summary.asset_id
            before = moved.get(asset_id) or self._latest.get(asset_id)
            if before is not None and one.received_ms > before.received_ms:
                moved[asset_id] = MachineLatest(
                    **{name: getattr(before, name) for name in MachineLatest.__slots__}
                    | {"received_ms": one.received_ms}
                )
        return moved

    def _moved_metrics(self, readings: Sequence[Reading]) -> dict[tuple[str, str], LatestReading]:
        moved: dict[tuple[str, str], LatestReading] = {}
        for one in readings:
            identity = (one.source, one.name)
            before = moved.get(identity) or self._metrics[one.source].get(one.name)
            if before is None or one.time_ms >= before.time_ms:
                unit = one.unit if one.unit is not None or before is None else before.unit
                moved[identity] = LatestReading(one.name, unit, one.time_ms, one.value, one.text, one.quality)
        return moved

    def _named(self, summaries: Sequence[StoredSummary]) -> dict[str, frozenset[str]]:
        """Return the features of machines that got new ones."""
        named: dict[str, frozenset[str]] = {}
        for one in summaries:
            asset_id = one.summary.asset_id
            known = named.get(asset_id) or self._features.get(asset_id, frozenset())
            if not known.issuperset(one.summary.feature_names):
                named[asset_id] = known | set(one.summary.feature_names)
        return named

    def _remember(
        self,
        latest: Mapping[str, MachineLatest],
        metrics: Mapping[tuple[str, str], LatestReading],
        names: Mapping[str, frozenset[str]],
    ) -> None:
        self._latest |= latest
        for asset_id, features in names.items():
            self._series += len(features) - len(self._features.get(asset_id, ()))
            self._features[asset_id] = features
        for (source, name), reading in metrics.items():
            self._series += name not in self._metrics[source]
            self._metrics[source][name] = reading

    def latest_machines(self) -> Mapping[str, MachineLatest]:
        """Return the newest summary of every machine, by asset id."""
        return self._reader.latest_machines()

    def latest_readings(self, source: str) -> Sequence[LatestReading]:
        """Return the newest value of every metric of a gateway, by name."""
        return self._reader.latest_readings(source)

    def trend(self, asset_id: str, names: Sequence[str], from_ms: int, to_ms: int, points: int) -> Trend:
        """Return features and vitals of a machine in [from_ms, to_ms) in at most `points` points each."""
        return self._reader.trend(asset_id, names, from_ms, to_ms, points)

    def recent_health(self, asset_ids: Sequence[str], until_ms: int) -> Mapping[str, HealthPoints]:
        """Return the health of machines in the month before a time, coarsely, by asset id."""
        return self._reader.recent_health(asset_ids, until_ms)

    def span_ms(self, asset_id: str) -> tuple[int, int] | None:
        """Return start of the oldest and end of the newest summary of a machine, or None."""
        return self._reader.span_ms(asset_id)

    def readings(self, source: str, name: str, from_ms: int, to_ms: int, points: int) -> TrendSeries:
        """Return a metric of a gateway in [from_ms, to_ms) in at most `points` points."""
        return self._reader.readings(source, name, from_ms, to_ms, points)

    def prune(self, now_ms: int) -> int:
        """Leave it to the buckets, which drop by themselves what is older than their retention."""
        return 0 if self._aside is None else self._aside.prune(now_ms)

    def close(self) -> None:
        """Let go of everything; later calls fail."""
        self.server.close()
        if self._aside is not None:
            self._aside.close()


def _shard_s(kept_s: int) -> int:
    """Return the length of a shard: whole hours, a twentieth of what is kept."""
    return min(max(kept_s // SHARDS // 3_600, 1) * 3_600, LONGEST_SHARD_S)


def _reading_lines(readings: Sequence[Reading]) -> list[str]:
    """Return one line for all readings of a gateway at one time."""
    fields: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for one in readings:
        if one.kept and one.value is not None:
            at = (one.source, one.time_ms * NS_PER_MS + one.tie % TIES)
            fields[at].setdefault(key(column(one.name)), number(one.value))
    lines = []
    for (source, time_ns), values in fields.items():
        site = unquote(source.partition(":")[0])
        tags = f",gateway={tag_value(source)}" + (f",site={tag_value(site)}" if site else "")
        lines.append(f"reading{tags} {','.join(f'{name}={value}' for name, value in values.items())} {time_ns}")
    return lines


def _latest_lines(
    latest: Mapping[str, MachineLatest],
    metrics: Mapping[tuple[str, str], LatestReading],
    names: Mapping[str, frozenset[str]],
) -> list[str]:
    """Return what is latest, at time 0 so that it is overwritten in place."""
    lines = []
    for asset_id, one in latest.items():
        content = [getattr(one, name) for name in MachineLatest.__slots__[1:]]
        lines.append(f"machine,asset={tag_value(asset_id)} latest={text_field(json.dumps(content))} 0")
    for asset_id, features in names.items():
        content = sorted(features)
        lines.append(f"machine,asset={tag_value(asset_id)} names={text_field(json.dumps(content))} 0")
    for (source, name), reading in metrics.items():
        content = [getattr(reading, part) for part in LatestReading.__slots__]
        tags = f"gateway={tag_value(source)},metric={tag_value(name) or '%00'}"
        lines.append(f"metric,{tags} latest={text_field(json.dumps(content))} 0")
    return lines
