"""Detectors of slow series on a gateway: chosen by configuration, shown while they learn, whole over every kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.configuration import parse_settings, read_settings
from edge_agent.errors import DataDirectoryError
from edge_agent.journal_opening import open_journal
from edge_agent.offline import replay_files
from edge_agent.status import read_status
from models.contract.encoding import from_record
from models.contract.errors import ConfigurationError
from models.contract.records import AlarmReport
from models.contract.vocabulary import AlarmState, DiagnosisLabel, FailureFamily, RecordKind, Severity

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "slow-temperatures.toml"
START_NS = 1_767_225_600_000_000_000
LASTS_S, MOVES_S, BACK_S = 6_000, 2_700, 4_200
CONFIG = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "./data"

[mqtt]
port = 1

[[machine]]
name = "loop-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
kind = "process"
sample_rate_hz = 1.0
detectors = ["tracking"]

  [machine.source]
  kind = "replay"
  files = ["loop.csv"]
  speed = {speed}
  start = "2026-01-01T00:00:00Z"

  [machine.learning]
  windows = 150
  least_h = 0.0

  [[machine.channel]]
  name = "LOOP.P"
  unit = "bar"

  [[machine.channel]]
  name = "LOOP.F"
  unit = "l/min"
"""


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a loop of pipes whose pressure is another one for 25 minutes."""
    rng = np.random.default_rng(11)
    seconds = np.arange(float(LASTS_S))
    values = np.array([[3.0], [20.0]]) + np.array([[0.02], [0.3]]) * rng.standard_normal((2, LASTS_S))
    values[0, MOVES_S:BACK_S] += 0.2
    table = np.column_stack([seconds, values.T])
    header = "time_s,LOOP.P [bar],LOOP.F [l/min]"
    np.savetxt(tmp_path / "loop.csv", table, delimiter=",", header=header, comments="", fmt="%.4f")
    return tmp_path


@pytest.fixture
def start():
    """Return a function that starts the agent in a folder at a speed; none is left running."""
    agents = []

    def begin(folder, speed):
        (folder / "gateway.toml").write_text(CONFIG.format(speed=speed))
        command = [sys.executable, "-m", "plantpulse", "agent", "run", "--config", str(folder / "gateway.toml")]
        with (folder / "log").open("ab") as log:
            agents.append(subprocess.Popen(command, cwd=ROOT, stderr=log))
        return agents[-1]

    yield begin
    for agent in agents:
        agent.kill()
        agent.wait()


def _judged(folder):
    # While the agent makes its journal there is nothing to read yet.
    with contextlib.suppress(DataDirectoryError):
        return read_status(folder / "data").counters.get("windows", 0)
    return 0


def _wait(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alarms(folder):
    journal = open_journal(folder / "data", max_bytes=1 << 28, synchronous="FULL", boot_id="", tell=lambda _line: None)
    try:
        pending = journal.pending(RecordKind.ALARM, after=0, up_to=2**62, limit=1_000)
        return [from_record(one.record) for one in pending]
    finally:
        journal.close()


async def _undisturbed(folder):
    machine = read_settings(folder / "gateway.toml").machine[0]
    records = [record async for record in replay_files(machine, [folder / "loop.csv"], folder)]
    return [one for one in map(from_record, records) if isinstance(one, AlarmReport)]


def _status(folder):
    run = [sys.executable, "-m", "plantpulse", "agent", "status", "--config", str(folder / "gateway.toml"), "--json"]
    return json.loads(subprocess.run(run, capture_output=True, check=True, cwd=ROOT).stdout)


@pytest.mark.timeout(180)
def test_killed_while_it_learns_and_while_the_alarm_stands_it_tells_the_alarm_once(folder, start):
    """Killed at these numbers of windows, and some more: nothing is learnt twice, skipped or told twice."""
    moments = random.Random(5)
    for windows, is_learnt in ((90, False), (360, True)):
        agent = start(folder, 1_000.0)
        _wait(lambda wanted=windows: _judged(folder) >= wanted)
        time.sleep(moments.uniform(0.0, 0.05))
        agent.kill()
        agent.wait()
        (place,) = read_status(folder / "data").machines
        learning = place.progress(150)["tracking in steady/default"]
        assert learning == 1.0 if is_learnt else 0.5 < learning < 1.0
    (place,) = _status(folder)["machines"]
    assert place["learning"] == {"tracking in steady/default": 1.0}
    assert place["cannot_learn"] == {}
    agent = start(folder, "inf")
    _wait(lambda: "data have ended" in (folder / "log").read_text())
    agent.terminate()
    assert agent.wait(20) == 0
    reports, undisturbed = _alarms(folder), asyncio.run(_undisturbed(folder))
    assert [(one.end_ns, one.state, one.occurrence, one.revision, one.diagnosis) for one in reports] == [
        (one.end_ns, one.state, one.occurrence, one.revision, one.diagnosis) for one in undisturbed
    ]
    assert [one.state for one in reports] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    told = reports[0]
    assert (told.family, told.severity, told.diagnosis.label, told.diagnosis.channel) == (
        FailureFamily.PROCESS,
        Severity.ALERT,
        DiagnosisLabel.CHANGED,
        "LOOP.P",
    )
    assert told.diagnosis.sentence.startswith(
        "The level of LOOP.P has left where it usually wanders: 3.2 bar, usually 3"
    )
    # Ten of twelve minutes, the last of which may have just begun, once the means have filled.
    assert 540.0 <= (told.end_ns - START_NS) / 1e9 - MOVES_S <= 720.0
    assert _judged(folder) == (LASTS_S - 60) // 10 + 1


def test_slow_temperatures_get_windows_that_hold_three_values():
    machine = read_settings(EXAMPLE).machine[0]
    assert machine.detectors == ("discord",)
    assert machine.window.length_s == pytest.approx(180.0)
    fast = parse_settings(EXAMPLE.read_text().replace("sample_rate_hz = 0.0166666666666667", ""), "gateway.toml")
    assert fast.machine[0].window.length_s == 60.0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('detectors = ["tracking"]', 'detectors = ["traking"]', "unknown detector 'traking', did you mean 'tracking'?"),
        ('detectors = ["tracking"]', 'detectors = ["discrod"]', "unknown detector 'discrod', did you mean 'discord'?"),
        (
            'kind = "process"\nsample_rate_hz = 1.0\n',
            "",
            "detector 'tracking' judges slow signals: it needs kind = \"process\"",
        ),
    ],
)
def test_a_detector_that_cannot_be_is_named_in_one_line(old, new, expected):
    text = CONFIG.format(speed="inf")
    assert old in text
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(text.replace(old, new), "gateway.toml")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_it_cannot_learn_from_is_said_by_the_status(folder, start):
    """Both channels creep: a tracking baseline has nothing to judge, and people must know."""
    seconds = np.arange(2_000.0)
    creeping = np.sin(seconds * 2 * np.pi / 3_000.0)
    table = np.column_stack([seconds, 3.0 + creeping, 20.0 + creeping])
    header = "time_s,LOOP.P [bar],LOOP.F [l/min]"
    np.savetxt(folder / "loop.csv", table, delimiter=",", header=header, comments="", fmt="%.6f")
    agent = start(folder, "inf")
    _wait(lambda: "data have ended" in (folder / "log").read_text())
    agent.terminate()
    assert agent.wait(20) == 0
    (place,) = read_status(folder / "data").machines
    assert place.progress(150)["tracking in steady/default"] < 1.0
    assert "every channel wanders more slowly" in place.refused["tracking in steady/default"]
