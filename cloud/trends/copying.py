"""From an embedded trend store into InfluxDB: resumable, and counted on both sides.

For each machine: hours in which InfluxDB has fewer summaries than the file are written again, which changes nothing
of what is there; then rollups whose windows InfluxDB lacks, because the summaries they were made of are gone. Where
a copy was broken off needs no note: what is there is what is not copied again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloud.trends.influx import BEYOND_RETENTION
from cloud.trends.influx_history import key_of_stored
from cloud.trends.influx_lines import NS_PER_MS, TAGS, column, identifier, literal
from cloud.trends.store import Grain

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud.trends.embedded_export import EmbeddedExport
    from cloud.trends.influx import InfluxTrendStore
    from cloud.trends.influx_history import Rolled
    from cloud.trends.store import MachinePlace, Reading, StoredSummary

SUMMARIES_PER_WRITE: Final = 1_000
READINGS_PER_WRITE: Final = 5_000
HOUR_MS: Final = 3_600_000


@dataclass(slots=True)
class Sides:
    """One kind of thing: how many the file has, how many were written now, how many InfluxDB has afterwards."""

    source: int = 0
    copied: int = 0
    target: int = 0


@dataclass(slots=True)
class Copied:
    """What a copy did.

    Attributes:
        beyond_retention: of the source's summaries and readings, those older than InfluxDB keeps.
    """

    summaries: Sides = field(default_factory=Sides)
    hours: Sides = field(default_factory=Sides)
    days: Sides = field(default_factory=Sides)
    readings: Sides = field(default_factory=Sides)
    beyond_retention: int = 0
    set_aside: int = 0

    @property
    def complete(self) -> bool:
        """Return whether InfluxDB has everything that it can keep."""
        kept = self.summaries.source + self.readings.source - self.beyond_retention
        rollups = all(one.target >= one.source for one in (self.hours, self.days))
        return rollups and not self.set_aside and self.summaries.target + self.readings.target >= kept


def copy_trends(
    export: EmbeddedExport,
    store: InfluxTrendStore,
    places: dict[str, MachinePlace],
    progress: Callable[[str, int, int], None],
) -> Copied:
    """Copy what InfluxDB does not have yet.

    Args:
        export: the source.
        store: the target; nobody else may write it at the same time.
        places: of machines, for their tags.
        progress: called with what is copied now, how many of how many machines are done.

    Raises:
        StoreError: InfluxDB did not take it; start again and it goes on.
    """
    copied = Copied()
    store.know(list(places.values()))
    store.write([], [])
    for number, asset_id in enumerate(export.assets):
        place = places.get(asset_id)
        progress(place.machine if place else asset_id, number, len(export.assets))
        _copy_summaries(export, store, (asset_id, place.machine if place else ""), copied)
        for grain, sides in ((Grain.HOUR, copied.hours), (Grain.DAY, copied.days)):
            _copy_rollups(export, store, (asset_id, place.machine if place else ""), grain, sides)
        store.history.unlabel(asset_id)
    store.put_latest([one for one in export.latest() if one.asset_id in export.assets])
    _copy_readings(export, store, copied)
    progress("done", len(export.assets), len(export.assets))
    return copied


def _copy_summaries(export: EmbeddedExport, store: InfluxTrendStore, who: tuple[str, str], copied: Copied) -> None:
    asset_id, machine = who
    wanted = dict(export.hours(asset_id))
    copied.summaries.source += sum(wanted.values())
    cutoff_ms = store.oldest_ms()
    waiting: list[StoredSummary] = []
    there = _by_hour(store, asset_id)
    for hour_ms, count in wanted.items():
        if there.get(hour_ms, 0) < count:
            found = export.summaries(asset_id, machine, hour_ms)
            kept = [one for one in found if one.summary.start_ns // NS_PER_MS >= cutoff_ms]
            copied.beyond_retention += len(found) - len(kept)
            waiting += kept
        if len(waiting) >= SUMMARIES_PER_WRITE:
            _write(store, waiting, [], copied)
            waiting = []
    _write(store, waiting, [], copied)
    after = _by_hour(store, asset_id)
    copied.summaries.target += sum(min(after.get(hour_ms, 0), count) for hour_ms, count in wanted.items())


def _write(store: InfluxTrendStore, summaries: list[StoredSummary], readings: list[Reading], copied: Copied) -> None:
    if summaries or readings:
        written = store.write(summaries, readings)
        copied.summaries.copied += len(written.stored)
        copied.set_aside += sum(count for reason, count in written.aside.items() if reason != BEYOND_RETENTION)


def _by_hour(store: InfluxTrendStore, asset_id: str) -> dict[int, int]:
    table = f"{identifier(store.prefix + '_summaries')}..summary"
    span = f"asset = {literal(asset_id)} AND time >= 0 AND time < {2**63 // NS_PER_MS - 1}ms"
    # Grouping a century by hours would make a million empty groups; times alone are few.
    (tables,) = store.server.ask([f"SELECT windows FROM {table} WHERE {span}"])  # noqa: S608 - names are ours, the id is quoted
    counts: dict[int, int] = defaultdict(int)
    for found in tables:
        for row in found.rows:
            counts[row[0] // NS_PER_MS // HOUR_MS * HOUR_MS] += 1
    return counts


def _copy_rollups(
    export: EmbeddedExport, store: InfluxTrendStore, who: tuple[str, str], grain: Grain, sides: Sides
) -> None:
    """Write the rollups of a machine that hold more than what InfluxDB could make from its summaries."""
    asset_id, machine = who
    there = _rollups_there(store, asset_id, grain)
    rows: list[tuple[tuple[Grain, str, int, str, str], str, Rolled]] = []
    count = 0
    for start_ms, state, feature_hash, row in export.rollups(asset_id, grain):
        count += 1
        if there.get((start_ms, state, feature_hash), 0) < row.windows:
            rows.append(((grain, asset_id, start_ms, state, feature_hash), machine, row))
    sides.source += count
    sides.copied += store.put_rollups(rows)
    after = _rollups_there(store, asset_id, grain)
    sides.target += min(len(after), count) if rows else count


def _rollups_there(store: InfluxTrendStore, asset_id: str, grain: Grain) -> dict[tuple[int, str, str], int]:
    """Return the windows of every rollup that InfluxDB has, and tell the store how they are labelled."""
    bucket = identifier(f"{store.prefix}_{'hourly' if grain is Grain.HOUR else 'daily'}") + ".."
    tags = ", ".join(identifier(tag) for tag in TAGS)
    sources = f'{bucket}"{grain}", {bucket}"{grain}_other"'
    question = f"SELECT windows, state, features, {tags} FROM {sources} WHERE asset = {literal(asset_id)}"  # noqa: S608 - names are ours, the id is quoted
    (tables,) = store.server.ask([question])
    found = {}
    for table in tables:
        at = {name: index for index, name in enumerate(table.columns)}
        for row in table.rows:
            start_ms, slot = divmod(row[0], NS_PER_MS)
            kind = (row[at["state"]], row[at["features"]])
            written = "".join(f",{tag}={key_of_stored(row[at[tag]])}" for tag in TAGS if row[at[tag]])
            store.history.label((grain, asset_id, start_ms), kind, (slot, written))
            found[start_ms, *kind] = row[at["windows"]]
    return found


def _copy_readings(export: EmbeddedExport, store: InfluxTrendStore, copied: Copied) -> None:
    cutoff_ms = store.oldest_ms()
    table = f"{identifier(store.prefix + '_summaries')}..reading"
    for metric in export.metrics():
        source, name = metric.latest.source, identifier(column(metric.latest.name))
        question = f"SELECT count({name}) FROM {table} WHERE gateway = {literal(source)}"  # noqa: S608 - names are quoted
        copied.readings.source += metric.values
        if _only(store, question) < metric.values:
            waiting: list[Reading] = []
            for reading in export.readings(metric):
                if reading.time_ms < cutoff_ms:
                    copied.beyond_retention += 1
                    continue
                waiting.append(reading)
                copied.readings.copied += 1
                if len(waiting) >= READINGS_PER_WRITE:
                    _write(store, [], waiting, copied)
                    waiting = []
            _write(store, [], waiting, copied)
        _write(store, [], [metric.latest], copied)
        copied.readings.target += min(_only(store, question), metric.values)


def _only(store: InfluxTrendStore, question: str) -> int:
    (tables,) = store.server.ask([question])
    return int(tables[0].rows[0][1]) if tables else 0
