"""Kill the broker, the cloud or the agent at any moment of the demo: no record is lost, none comes twice.

Counted by what was numbered: every sequence number the gateway ever gave is either stored in the cloud or still in
its outbox; every record id is stored once; and every window that the source delivered stands in exactly one summary.
Tier: `make test`. The long run with a thousand kills belongs to `make soak`.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

WINDOW_S, HOP_S = 1.0, 0.5
RUN_S = 45.0


def _child_of_demo(demo_pid: int, words: str) -> int | None:
    """Return the process id of the demo's child whose command line contains the words."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if parent == demo_pid and words in line:
                return int(entry.name)
    return None


@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param("broker --port", id="broker"),
        pytest.param("cloud serve", id="cloud"),
        pytest.param("agent run", id="agent"),
    ],
)
def test_killing_a_process_of_the_demo_loses_no_record_and_doubles_none(words, tmp_path):
    seed = int(os.environ.get("PLANTPULSE_SEED", time.time_ns() % 100_000))
    print(f"PLANTPULSE_SEED={seed}")
    moments = random.Random(seed)
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(
            [sys.executable, "-m", "plantpulse", "demo", "--seed", str(seed), "--data-dir", str(tmp_path / "data")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    kills, began = 0, time.monotonic()
    try:
        while time.monotonic() - began < RUN_S:
            time.sleep(moments.uniform(3.0, 9.0))
            assert demo.poll() is None, (tmp_path / "demo.log").read_text()
            if (pid := _child_of_demo(demo.pid, words)) is not None:
                os.kill(pid, signal.SIGKILL)
                kills += 1
        _wait_until_stored(tmp_path / "data" / "gateway" / "journal.sqlite")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)
    assert kills >= 4
    _account(tmp_path / "data")


def _wait_until_stored(journal: Path, timeout_s: float = 60.0) -> None:
    """Wait until what was in flight when the last process died has been sent again and acknowledged."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as reading:
            (waiting,) = reading.execute("SELECT count(*) FROM outbox").fetchone()
        if waiting == 0:
            return
        time.sleep(0.2)
    pytest.fail(f"{waiting} records still wait {timeout_s:g} s after the last kill")


def _account(data: Path) -> None:
    journal = sqlite3.connect(data / "gateway" / "journal.sqlite")
    book = sqlite3.connect(data / "cloud" / "book.sqlite")
    trends = sqlite3.connect(data / "cloud" / "trends.sqlite")
    with contextlib.closing(journal), contextlib.closing(book), contextlib.closing(trends):
        _account_sequences(journal, book)
        _account_content(book, trends)
        _account_windows(data, book, trends)


def _account_sequences(journal: sqlite3.Connection, book: sqlite3.Connection) -> None:
    """Every number that was given is stored in the cloud, but for what the last moments left in the outbox."""
    (highest,) = journal.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    waiting = {number for (number,) in journal.execute("SELECT sequence FROM outbox")}
    (incarnation,) = journal.execute("SELECT value FROM meta WHERE key = 'incarnation'").fetchone()
    ranges = book.execute("SELECT first, last FROM received WHERE incarnation = ?", (incarnation,)).fetchall()
    stored = {number for first, last in ranges for number in range(first, last + 1)}
    assert highest > 5
    assert stored | waiting == set(range(1, highest + 1))
    assert not dict(journal.execute("SELECT name, value FROM counter WHERE name LIKE 'dropped%'"))


def _account_content(book: sqlite3.Connection, trends: sqlite3.Connection) -> None:
    """What is stored is as many things as there were numbers, and no record id stands twice."""
    (gateway_stored, quarantined) = book.execute("SELECT records_stored, quarantined FROM gateway").fetchone()
    (received,) = book.execute("SELECT sum(last - first + 1) FROM received").fetchone()
    assert (gateway_stored, quarantined) == (received, 0)
    summaries = trends.execute("SELECT asset, record_id FROM summary").fetchall()
    alarms = book.execute("SELECT machine_id, record_id FROM alarm_report").fetchall()
    assert len(summaries) == len(set(summaries))
    assert len(alarms) == len(set(alarms))
    assert summaries


def _account_windows(data: Path, book: sqlite3.Connection, trends: sqlite3.Connection) -> None:
    """From the first sample to the end of the last summary, each window stands in exactly one summary."""
    configuration = tomllib.loads((data / "gateway.toml").read_text())
    starts = {m["asset_id"]: datetime.fromisoformat(m["source"]["start"]).timestamp() for m in configuration["machine"]}
    rows = trends.execute(
        "SELECT asset_id, sum(windows), max(end_ms) FROM summary JOIN asset ON asset.key = asset GROUP BY asset_id"
    ).fetchall()
    assert len(rows) == len(starts) == book.execute("SELECT count(*) FROM machine").fetchone()[0]
    for asset_id, windows, end_ms in rows:
        expected = round((end_ms / 1000 - starts[asset_id] - WINDOW_S) / HOP_S) + 1
        assert windows == expected, json.dumps({"machine": asset_id, "windows": windows, "expected": expected})
