"""The whole agent as a process: killed at any moment, it goes on exactly where it stood."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.broker import Mosquitto

from edge_agent.journal_opening import open_journal
from edge_agent.status import read_status
from models.contract.encoding import from_record
from models.contract.vocabulary import RecordKind

from .host import AcknowledgingHost

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 4096.0

CONFIG = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "./data"
[mqtt]
port = {port}
[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
speed_rpm = 1480.0
summary_interval_s = 2.0
[machine.source]
kind = "replay"
files = ["run.npz"]
speed = {speed}
start = "2026-01-01T00:00:00Z"
[[machine.channel]]
name = "DE.H"
unit = "g"
[machine.window]
length_s = 0.5
[machine.learning]
windows = 20
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a recording of 40 s: healthy, then from 20 s on three times as loud."""
    t = np.arange(int(40 * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(7).standard_normal(t.size)
    loud = np.where(t < 20.0, 1.0, 3.0)
    samples = (0.1 * loud * (np.sin(2 * np.pi * 24.67 * t) + noise)).astype(np.float32)
    np.savez(tmp_path / "run.npz", acc_g=samples, fs_hz=RATE_HZ)
    return tmp_path


def _start(folder, *more, port=1, speed="inf"):
    (folder / "gateway.toml").write_text(CONFIG.format(port=port, speed=speed))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "plantpulse", "agent", "run", "--config", str(folder / "gateway.toml"), *more],
            cwd=ROOT,
            stderr=log,
        )


def _wait(condition, what, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _log(folder):
    return (folder / "log").read_text()


def _contents(folder):
    """Return what the journal's machine records say, without what hangs on wall clocks and on diagnosis."""
    journal = open_journal(folder / "data", max_bytes=1 << 28, synchronous="FULL", boot_id="", tell=lambda _line: None)
    try:
        summaries = [
            from_record(p.record) for p in journal.pending(RecordKind.SUMMARY, after=0, up_to=2**62, limit=10_000)
        ]
        alarms = [from_record(p.record) for p in journal.pending(RecordKind.ALARM, after=0, up_to=2**62, limit=1_000)]
        return (
            [(s.start_ns, s.end_ns, s.operating_state, s.windows, s.statistics.mean.tolist()) for s in summaries],
            [(a.end_ns, a.state, a.severity, a.occurrence) for a in alarms if a.revision == 1],
            journal.counters(),
        )
    finally:
        journal.close()


def test_killed_and_started_again_it_makes_the_same_records_as_undisturbed(folder, tmp_path_factory):
    """Windows neither skipped nor doubled: summaries carry the number and the mean of their windows."""
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(folder / "run.npz", undisturbed)
    agent = _start(undisturbed)
    _wait(lambda: "data have ended" in _log(undisturbed), "the end of the data")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0

    moments = random.Random(3)
    for _ in range(5):
        # Real time would take 40 s; at 8 times that, each run sees some seconds of data before it is killed.
        agent = _start(folder, speed="8.0")
        _wait((folder / "data" / "journal.sqlite").exists, "a journal")
        time.sleep(1.0 + moments.uniform(0.0, 0.7))
        agent.kill()
        agent.wait()
    said_before = len(_log(folder))
    agent = _start(folder)
    _wait(lambda: "data have ended" in _log(folder)[said_before:], f"the end of the data: {_log(folder)}")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0

    expected, alarms, counted = _contents(undisturbed)
    summaries, disturbed_alarms, disturbed_counted = _contents(folder)
    assert len(expected) >= 19
    assert alarms
    assert summaries == expected
    assert disturbed_alarms == alarms
    for name in ("windows", "raw_bytes"):
        assert disturbed_counted[name] == counted[name]
    assert counted["raw_bytes"] == 40 * RATE_HZ * 2  # text and float files count as 16 bits


@pytest.mark.needs("mosquitto")
def test_every_record_reaches_the_host_once_over_kills_of_agent_and_broker(folder, free_port):
    with Mosquitto(folder, free_port) as broker, AcknowledgingHost(free_port) as host:
        agent = _start(folder, port=free_port, speed="10.0")
        _wait(lambda: len(host.stored) >= 3, "first records")
        agent.kill()
        agent.wait()
        agent = _start(folder, port=free_port, speed="10.0")
        _wait(lambda: len(host.births) >= 4, "birth again")
        broker.kill()
        time.sleep(0.5)
        broker.start()
        _wait(lambda: "data have ended" in _log(folder), "the end of the data")
        _wait(lambda: sum(read_status(folder / "data").pending.values()) == 0, "everything acknowledged")
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(20) == 0
    stored = [from_record(record) for record in host.stored.values() if record.kind is RecordKind.SUMMARY]
    starts = [summary.start_ns for summary in stored]
    assert len(starts) == len(set(starts))
    assert sum(summary.windows for summary in stored) == read_status(folder / "data").counters["windows"]
    assert any(record.kind is RecordKind.ALARM for record in host.stored.values())
    assert len(set(host.incarnations)) == 1


FAN = """
[[machine]]
name = "fan-2"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b13"
summary_interval_s = 2.0
[machine.source]
kind = "replay"
files = ["first.npz", "second.npz"]
speed = 10.0
start = "2026-01-01T00:00:00Z"
[[machine.channel]]
name = "DE.H"
unit = "g"
"""


@pytest.mark.needs("mosquitto")
def test_a_source_that_fails_dies_alone_and_is_born_again_when_it_delivers(folder, free_port, monkeypatch):
    """The second recording is away when its turn comes, and is put back some tries later."""
    samples = np.random.default_rng(8).standard_normal(int(10 * RATE_HZ)).astype(np.float32)
    for name in ("first.npz", "second.npz"):
        np.savez(folder / name, acc_g=samples, fs_hz=RATE_HZ)
    monkeypatch.setattr(sys.modules[__name__], "CONFIG", CONFIG + FAN)
    with Mosquitto(folder, free_port), AcknowledgingHost(free_port) as host:
        agent = _start(folder, port=free_port, speed="2.0")
        _wait(lambda: "DBIRTH fan-2" in host.course, "its birth")
        (folder / "second.npz").rename(folder / "away.npz")
        _wait(lambda: host.machine_deaths == ["fan-2"], f"its death: {_log(folder)}")
        died_at = len(host.course)
        _wait(lambda: host.course[died_at:].count("DDATA pump-1") >= 2, "the other machine goes on")
        assert "DDATA fan-2" not in host.course[died_at:]
        (folder / "away.npz").rename(folder / "second.npz")
        _wait(lambda: "DDATA fan-2" in host.course[died_at:], f"its return: {_log(folder)}")
        _wait(lambda: host.machine_deaths == ["fan-2", "fan-2"], "its end")
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(20) == 0
    of_fan = [word.split()[0] for word in host.course if word.endswith("fan-2")]
    assert [kind for kind, _ in itertools.groupby(of_fan)] == ["DBIRTH", "DDATA", "DDEATH", "DBIRTH", "DDATA", "DDEATH"]
    assert "DDEATH pump-1" not in host.course
    lines = [line for line in _log(folder).splitlines() if "fan-2" in line]
    assert len(lines) == 3, lines
    assert "second.npz" in lines[0]
    assert "trying again until it delivers" in lines[0]
    assert "delivers again" in lines[1]
    assert "data have ended" in lines[2]
    counters = read_status(folder / "data").counters
    assert counters["source_failures"] >= 1
    # Nothing is skipped or doubled by the failure: 20 s in windows of a second, half overlapped, a gap in the middle.
    stored = [from_record(record) for record in host.stored.values() if record.machine == "fan-2"]
    assert sum(summary.windows for summary in stored) == 2 * 19


@pytest.mark.needs("mosquitto")
def test_a_machine_whose_data_have_ended_is_not_born_by_an_agent_that_starts_again(folder, free_port):
    with Mosquitto(folder, free_port), AcknowledgingHost(free_port) as host:
        for _ in range(2):
            ended_before = len(host.deaths)
            agent = _start(folder, port=free_port, speed="40.0")
            _wait(lambda before=ended_before: len(host.incarnations) > before, "the gateway's birth")
            _wait(lambda: host.machine_deaths == ["pump-1"], f"the machine's death: {_log(folder)}")
            time.sleep(0.5)
            agent.send_signal(signal.SIGTERM)
            assert agent.wait(20) == 0
            _wait(lambda before=ended_before: len(host.deaths) > before, "the gateway's death")
    assert host.course.count("DBIRTH pump-1") == 1
    assert host.course.count("NBIRTH gateway-1") == 2


def test_status_and_check_say_what_there_is(folder):
    agent = _start(folder, "--exit-at-end")
    _wait(lambda: "data have ended" in _log(folder), "the end of the data")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(20) == 0
    status = _plantpulse("status", folder, "--json")
    document = json.loads(status.stdout)
    assert document["clean"]
    assert document["pending"]["summary"] >= 19
    assert document["windows"] == 159
    machine = document["machines"][0]
    assert machine["name"] == "pump-1"
    assert machine["operating_state"] == "steady/default"
    assert machine["learning"] == {"steady/default": 1.0}
    assert "steady/default: learnt" in _plantpulse("status", folder).stdout
    check = json.loads(_plantpulse("check", folder, "--json").stdout)
    assert check["machines"][0]["channels"] == ["DE.H"]
    assert check["machines"][0]["sample_rate_hz"] == RATE_HZ


def test_replay_prints_the_same_records_each_time(folder):
    (folder / "gateway.toml").write_text(CONFIG.format(port=1, speed="1.0"))
    first = _plantpulse("replay", folder, str(folder / "run.npz"), "--json")
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert {line["kind"] for line in lines} == {"summary", "alarm", "evidence"}
    alarm = next(line for line in lines if line["kind"] == "alarm")
    assert alarm["state"] == "active"
    assert alarm["diagnosis"]["sentence"]
    assert _plantpulse("replay", folder, str(folder / "run.npz"), "--json").stdout == first.stdout


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "run.npz").unlink(), "run.npz"),
        (lambda folder: (folder / "run.npz").write_bytes(b"PK\x03\x04 truncated"), "run.npz"),
        (lambda folder: (folder / "data").write_text("no folder"), "cannot be used as data_dir"),
        (lambda folder: (folder / "gateway.toml").write_text("[gateway\n"), "gateway.toml: broken TOML"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(folder, spoil, expected):
    (folder / "gateway.toml").write_text(CONFIG.format(port=1, speed="1.0"))
    spoil(folder)
    result = _plantpulse("run", folder, check=False)
    assert result.returncode == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert expected in lines[0]


def test_a_second_agent_on_the_same_data_is_refused(folder):
    first = _start(folder, speed="1.0")
    _wait((folder / "data" / "journal.sqlite").exists, "a journal")
    time.sleep(0.5)
    result = _plantpulse("run", folder, check=False)
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert result.returncode == 2
    assert "another agent uses this data_dir" in result.stderr


def _plantpulse(action, folder, *more, check=True):
    return subprocess.run(
        [sys.executable, "-m", "plantpulse", "agent", action, *more, "--config", str(folder / "gateway.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
        timeout=60,
    )
