"""How fast one feature over a year comes out of a trend store that holds a whole plant.

The plant: N machines with a week of summaries every minute and a year of hours and days, ten of them with 90 days of
summaries. One feature (with score and operating states) over the year is asked for in 2,000 points, of a different
machine each time. The store is filled by its own bulk path, with the same numbers for every machine: what is measured
is finding and cutting them out, and that does not depend on what they are.

A hundred machines are filled in a minute, a thousand in a quarter of an hour and 18 GB. A store that is kept
(--directory, or the buckets of --prefix) is filled once and only asked the next time.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from cloud.trends.influx import InfluxTrendStore
    from cloud.trends.store import TrendStore

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
YEAR_DAYS: Final = 365
FULL_DAYS: Final = 90
POINTS: Final = 2_000
LINES_PER_WRITE: Final = 20_000
STATE: Final = "steady/default"
FEATURE_HASH: Final = "be7c000000000017"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--store", choices=("sqlite", "influx"), default="sqlite", help="default sqlite")
    parser.add_argument("--machines", type=int, default=100, metavar="N", help="default 100")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="days of summaries of each (default 7)")
    parser.add_argument(
        "--full", type=int, default=10, metavar="N", help=f"machines with {FULL_DAYS} days (default 10)"
    )
    parser.add_argument("--features", type=int, default=17, metavar="N", help="of each machine (default 17)")
    parser.add_argument("--rounds", type=int, default=40, metavar="N", help="questions that are timed (default 40)")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="keep the embedded store here")
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:8086",
        help="of the InfluxDB; token from INFLUX_TOKEN, organisation from INFLUX_ORG",
    )
    parser.add_argument("--prefix", default="plantpulse_bench", help="of its buckets (default plantpulse_bench)")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench trends`.

    Returns:
        `median_ms`, `p99_ms` (goal 200), `points`, `cpu_ms` (median of this process alone, which is all of it where the
        store is embedded: the number to compare on a busy machine), and what they were measured with: `store`,
        `machines`, `days`, `features`, `fill_s` (0 if it was filled before).
    """
    now_ms = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS
    plant = _Plant(arguments, now_ms)
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.directory or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        started_s = time.monotonic()
        store, filled = (
            _sqlite(plant, directory) if arguments.store == "sqlite" else _influx(plant, arguments, directory)
        )
        fill_s = time.monotonic() - started_s if filled else 0.0
        try:
            times_ms, cpu_ms, points = _ask(store, plant, arguments.rounds)
        finally:
            store.close()
    times_ms.sort()
    return {
        "median_ms": round(statistics.median(times_ms), 1),
        "p99_ms": round(times_ms[min(len(times_ms) - 1, int(0.99 * len(times_ms)))], 1),
        "cpu_ms": round(statistics.median(cpu_ms), 1),
        "points": points,
        "store": arguments.store,
        "machines": arguments.machines,
        "days": arguments.days,
        "features": arguments.features,
        "fill_s": round(fill_s, 1),
    }


class _Plant:
    """Who is there and when."""

    def __init__(self, arguments: argparse.Namespace, now_ms: int) -> None:
        self.now_ms = now_ms
        self.from_ms = now_ms - YEAR_DAYS * DAY_MS
        self.names = tuple(f"DE.H/feature_{number:02}" for number in range(arguments.features))
        self.assets = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(arguments.machines)]
        self.days = [FULL_DAYS if number < arguments.full else arguments.days for number in range(arguments.machines)]


def _ask(store: TrendStore, plant: _Plant, rounds: int) -> tuple[list[float], list[float], int]:
    """Return how long each question took, ms of the wall and of the processor, and how many points came."""
    times_ms: list[float] = []
    cpu_ms: list[float] = []
    points = 0
    for number in range(rounds + 1):
        asset_id = plant.assets[number * 37 % len(plant.assets)]
        started_s, cpu_s = time.perf_counter(), time.process_time()
        trend = store.trend(asset_id, [plant.names[0], "score"], plant.from_ms, plant.now_ms, POINTS)
        if number:  # The first one opens the connection.
            times_ms.append((time.perf_counter() - started_s) * 1000.0)
            cpu_ms.append((time.process_time() - cpu_s) * 1000.0)
        points = len(trend.series[0].t_ms)
    return times_ms, cpu_ms, points


def _sqlite(plant: _Plant, directory: Path) -> tuple[TrendStore, bool]:
    from cloud.configuration import RetentionSettings
    from cloud.trends.sqlite import SqliteTrendStore

    path = directory / "trends.sqlite"
    store = SqliteTrendStore(path, RetentionSettings())
    filled = not store.latest_machines()
    if filled:
        connection = sqlite3.connect(path, isolation_level=None)
        # Only while it is filled: the rows are what is measured, not how they came in.
        connection.execute("PRAGMA synchronous=OFF")
        try:
            _fill_sqlite(connection, plant)
        finally:
            connection.close()
    return store, filled


def _fill_sqlite(connection: sqlite3.Connection, plant: _Plant) -> None:
    import json

    import numpy as np

    from cloud.trends.rollups import rollup_of

    mean = np.linspace(1.0, 2.0, len(plant.names), dtype=np.float32)
    vectors = np.stack([mean, mean - 1, mean + 1, mean / 4, mean]).astype("<f4").tobytes()
    rollup = rollup_of(60, mean, mean - 1, mean + 1).tobytes()
    connection.execute("INSERT INTO feature_set VALUES (1, ?, ?)", (FEATURE_HASH, json.dumps(plant.names)))
    for number, (asset_id, days) in enumerate(zip(plant.assets, plant.days, strict=True)):
        _say(number, len(plant.assets))
        key, first_ms = number + 1, plant.now_ms - days * DAY_MS
        connection.execute("BEGIN")
        connection.execute("INSERT INTO asset VALUES (?, ?)", (key, asset_id))
        minutes = range(first_ms, plant.now_ms, MINUTE_MS)
        connection.executemany(
            "INSERT INTO summary VALUES (NULL, ?, ?, ?, ?, 1, ?, 0, ?, 60, 0.4, 97.0, 'A', 1.0, 1, ?)",
            ((key, t, t + MINUTE_MS, index, t, STATE, vectors) for index, t in enumerate(minutes)),
        )
        for grain, times in (
            ("minute", minutes),
            ("hour", range(plant.from_ms, plant.now_ms, HOUR_MS)),
            ("day", range(plant.from_ms, plant.now_ms, DAY_MS)),
        ):
            connection.executemany(
                "INSERT INTO rollup VALUES (NULL, ?, ?, ?, ?, 1, 0, ?)", ((key, grain, t, STATE, rollup) for t in times)
            )
            connection.executemany(
                "INSERT INTO vital VALUES (?, ?, ?, ?, 60, 0, 1, 0.4, 0.4, 0.4, 1, 97.0, 97.0, 97.0)",
                ((key, grain, t, STATE) for t in times),
            )
        latest = (key, plant.now_ms - MINUTE_MS, plant.now_ms, plant.now_ms, STATE)
        connection.execute("INSERT INTO machine_latest VALUES (?, ?, ?, ?, ?, 0.4, 97.0, 'A', 1.0)", latest)
        connection.execute("COMMIT")


def _influx(plant: _Plant, arguments: argparse.Namespace, directory: Path) -> tuple[TrendStore, bool]:
    from cloud.configuration import RetentionSettings
    from cloud.trends.influx import InfluxTrendStore
    from cloud.trends.influx_settings import InfluxSettings, influx_access

    settings = InfluxSettings(url=arguments.url, bucket_prefix=arguments.prefix, timeout_s=60)
    access = influx_access(settings, os.environ)
    # A day and a week more than the plant has, so that nothing expires while it is filled.
    retention = RetentionSettings(summary_days=FULL_DAYS + 1, hour_days=YEAR_DAYS + 7)
    store = InfluxTrendStore(access, retention, directory / "aside.sqlite", lambda: time.time_ns() // 1_000_000)
    store.write([], [])
    filled = len(store.latest_machines()) < len(plant.assets)
    if filled:
        _fill_influx(store, plant)
    return store, filled


def _fill_influx(store: InfluxTrendStore, plant: _Plant) -> None:
    """Write what ingest would have written; fields are made once per time, because they are the same for everyone."""
    import numpy as np

    from cloud.trends.influx_history import Counted, Rolled, rollup_line
    from cloud.trends.influx_lines import NS_PER_MS, feature_fields
    from cloud.trends.rollups import rollup_of
    from cloud.trends.store import Grain, MachineLatest

    mean = np.linspace(1.0, 2.0, len(plant.names), dtype=np.float32)
    row = Rolled(
        plant.names,
        rollup_of(60, mean, mean - 1, mean + 1),
        60,
        late=False,
        score=Counted(1, 0.4, 0.4, 0.4),
        health=Counted(1, 97.0, 97.0, 97.0),
    )
    features = ",".join(feature_fields(plant.names, mean, mean - 1, mean + 1))
    summary = f'windows=60i,state="{STATE}",score=0.4,health_index=97.0,features="{FEATURE_HASH}",{features}'
    latest = []
    for number, (asset_id, days) in enumerate(zip(plant.assets, plant.days, strict=True)):
        _say(number, len(plant.assets))
        tags = f",asset={asset_id},class=pump,machine=pump-{number},site=bench"
        for grain, bucket, step_ms in ((Grain.HOUR, "hourly", HOUR_MS), (Grain.DAY, "daily", DAY_MS)):
            head = rollup_line(grain, tags, (STATE, FEATURE_HASH), row, 0)[:-1]
            times = range(plant.from_ms, plant.now_ms, step_ms)
            _write(store, bucket, (f"{head}{t * NS_PER_MS}" for t in times))
        minutes = range(plant.now_ms - days * DAY_MS, plant.now_ms, MINUTE_MS)
        head = f"summary{tags} {summary}"
        _write(store, "summaries", (f"{head},end_ms={t + MINUTE_MS}i {t * NS_PER_MS + 17}" for t in minutes))
        end_ms = plant.now_ms
        latest.append(MachineLatest(asset_id, end_ms - MINUTE_MS, end_ms, end_ms, STATE, 0.4, 97.0, "A", 1.0))
    store.put_latest(latest)


def _write(store: InfluxTrendStore, bucket: str, lines: Iterator[str]) -> None:
    gathered: list[str] = []
    for line in lines:
        gathered.append(line)
        if len(gathered) >= LINES_PER_WRITE:
            _put(store, bucket, gathered)
            gathered = []
    _put(store, bucket, gathered)


def _put(store: InfluxTrendStore, bucket: str, lines: Sequence[str]) -> None:
    from cloud.errors import StoreError

    for pause_s in (1.0, 5.0, 20.0):
        try:
            store.server.write(f"{store.prefix}_{bucket}", lines)
        except StoreError as error:
            # Filled faster than any plant would, a server says now and then that it needs a moment.
            print(f"\n{error}", file=sys.stderr)
            time.sleep(pause_s)
        else:
            return
    store.server.write(f"{store.prefix}_{bucket}", lines)


def _say(done: int, total: int) -> None:
    if sys.stderr.isatty() or done % 100 == 0:
        print(f"\rfilling: {done} of {total} machines", end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
