"""A process on a gateway: its configuration is strict, its alarm tells the rule, its evidence is the hour before."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from edge_agent.assembly import machine_setup
from edge_agent.configuration import parse_settings, source_options, source_request
from edge_agent.machine import MachineWatch
from edge_agent.offline import replay_files
from edge_agent.sources import source_module
from edge_agent.sources.base import SourcePosition
from edge_agent.sources.cold_room import ColdRoom, RoomPhysics
from models.contract.encoding import from_record
from models.contract.errors import ConfigurationError
from models.contract.evidence import join_evidence, unpack_evidence
from models.contract.records import AlarmReport, EvidencePart, Summary
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily
from models.process.rules import DoorRule

SAMPLE = (Path(__file__).parents[2] / "docs" / "examples" / "cold-room.toml").read_text(encoding="utf-8")
BY_CONTACT = ('explained_by = ["EVAP.T"]', 'contact = "DOOR.S"\n  after_s = 120.0')


def _setup(text=SAMPLE, folder=None):
    table = parse_settings(text, "gateway.toml").machine[0]
    source = source_module(table.source.kind).open_source(source_request(table, folder), source_options(table))
    return machine_setup(table, source), source


def _contents(records, kind):
    return [content for content in map(from_record, records) if isinstance(content, kind)]


async def _watched(watch, source, blocks, start=None):
    records = []
    async for block in source.blocks(start or SourcePosition(1, 0)):
        records += (await watch.take(block, ClockQuality.SYNCHRONISED)).records
        blocks -= 1
        if not blocks:
            break
    return records


def test_a_process_has_the_windows_and_delays_of_slow_signals(tmp_path):
    setup, _ = _setup(folder=tmp_path)
    pipeline = setup.pipeline
    assert (pipeline.window_samples, setup.hop_samples) == (60, 10)
    assert pipeline.units == ("°C", "°C", "A", "A", "1")
    assert isinstance(pipeline.rules[0], DoorRule)
    assert pipeline.rules[0].explained_by == ("EVAP.T",)
    assert pipeline.learning_s == 86_400.0
    watch = MachineWatch(setup)
    assert dict(zip(watch.feature_names, watch.feature_units, strict=True))["ROOM.T/slope"] == "°C/min"


async def test_a_door_left_open_is_one_alarm_with_its_words_and_the_hour_before(tmp_path):
    text = SAMPLE.replace(*BY_CONTACT).replace(
        "speed = inf", "speed = inf\n  left_open = [{from_s=9000.0, for_s=600.0}]"
    )
    setup, source = _setup(text, tmp_path)
    records = await _watched(MachineWatch(setup), source, 1_080)
    alarms = _contents(records, AlarmReport)
    assert [alarm.state for alarm in alarms] == [AlarmState.ACTIVE, AlarmState.RETURNED]
    assert {(alarm.family, alarm.component) for alarm in alarms} == {(FailureFamily.PROCESS, "machine")}
    assert alarms[0].diagnosis.label is DiagnosisLabel.PROCESS_CHANGED
    assert alarms[0].diagnosis.sentence == "Door left open: its contact DOOR.S says so for 2 min."
    start_ns = 1_772_323_200_000_000_000
    assert 120.0 <= (alarms[0].end_ns - start_ns) / 1e9 - 9_000.0 <= 180.0
    evidence = unpack_evidence(join_evidence(_contents(records, EvidencePart)))
    assert evidence.subject == alarms[0].alarm_id
    room = evidence.channels[0]
    assert (room.name, room.unit, room.waveform.size) == ("ROOM.T", "°C", 3_600)
    value, _, unit = evidence.facts["features"]["ROOM.T/mean"]
    assert unit == "°C"
    assert value == pytest.approx(room.waveform[-60:].mean() * room.waveform_scale, abs=0.01)
    assert len(_contents(records, Summary)) > 10


async def test_a_restart_gives_the_same_records(tmp_path):
    setup, source = _setup(SAMPLE.replace(*BY_CONTACT), tmp_path)
    whole = await _watched(MachineWatch(setup), source, 600)
    first = MachineWatch(setup)
    records = await _watched(first, source, 333)
    position = first.position(1, source.detail)
    second = MachineWatch(setup, first.memory_bytes())
    assert second.restarted
    records += await _watched(second, source, 600 - position.next_index // 10, position)
    assert [record.record_id for record in records] == [record.record_id for record in whole]


async def test_a_recording_of_slow_signals_goes_the_same_way_in_its_own_units(tmp_path):
    room = ColdRoom(RoomPhysics(seed=3))
    names = ("air", "evaporator", "compressor", "heater", "door")
    day = room.measured(next(itertools.islice(room.days(), 1)), names, np.arange(0.0, 7_200.0, 1.0), 0)
    day[4, 3_000:3_300] = 1.0
    path = tmp_path / "room.csv"
    header = "time_s," + ",".join(
        f"{name} [{unit}]" for name, unit in zip(names, ("degC", "degC", "A", "A", "1"), strict=True)
    )
    table = np.column_stack([np.arange(0.0, 7_200.0, 1.0), day.T])
    np.savetxt(path, table, delimiter=",", header=header, comments="", fmt="%.4f")
    settings = parse_settings(SAMPLE.replace(*BY_CONTACT), "gateway.toml").machine[0]
    records = [record async for record in replay_files(settings, [path], tmp_path)]
    sentences = [alarm.diagnosis.sentence for alarm in _contents(records, AlarmReport)]
    assert sentences[0] == "Door left open: its contact DOOR.S says so for 2 min."
    means = np.concatenate([one.statistics.mean[None] for one in _contents(records, Summary)])
    assert np.nanmean(means[:, 0]) == pytest.approx(day[0].mean(), abs=0.5)
    assert math.isclose(np.nanmax(means[:, 16]), 1.0, abs_tol=0.1)


PIPES = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "./gateway-1"

[[machine]]
name = "loop-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
kind = "process"
sample_rate_hz = 100.0
detectors = ["t2_q"]
summary_interval_s = 300.0

  [machine.source]
  kind = "replay"
  files = ["loop.csv"]

  [machine.window]
  length_s = 5.0
  overlap = 0.0

  [machine.learning]
  windows = 200
  least_h = 0.0

  [machine.alarm]
  on_decisions = [3, 12]
  decision_s = 0.0
""" + "".join(
    f"""
  [[machine.channel]]
  name = "{name}"
  unit = "{unit}"
"""
    for name, unit in (("VALVE.Y", "%"), ("LOOP.F", "l/min"), ("LOOP.P", "bar"), ("AIR.RH", "%"))
)


def _loop(delay_s, seconds, seed):
    """Return a loop of pipes at 100 Hz: flow and pressure follow their valve after so many seconds."""
    rng = np.random.default_rng(seed)
    rate, held = 100, 5
    steps = rng.normal(0.0, 1.0, (seconds + delay_s) // held + 2)
    valve = np.repeat(steps, held * rate)[: (seconds + delay_s) * rate]
    flow = valve[: seconds * rate]
    valve = valve[delay_s * rate :]
    noise = rng.normal(0.0, 1.0, (4, seconds * rate))
    rows = [50.0 + 5.0 * valve, 20.0 + 2.0 * flow, 3.0 - 0.1 * flow, 45.0 + 0.0 * flow]
    return (np.stack(rows) + np.array([[0.2], [0.1], [0.01], [0.3]]) * noise).T


async def test_t2_and_q_with_lags_judge_flow_pressure_and_humidity_at_100_hz_by_configuration(tmp_path):
    """The valve follows its command ten seconds too late: no window by itself is unusual, their order is."""
    learnt, late = _loop(5, 1_400, 0), _loop(15, 300, 1)
    values = np.concatenate([learnt, late])
    table = np.column_stack([np.arange(len(values)) / 100.0, values])
    header = "time_s,VALVE.Y [%],LOOP.F [l/min],LOOP.P [bar],AIR.RH [%]"
    np.savetxt(tmp_path / "loop.csv", table, delimiter=",", header=header, comments="", fmt="%.4f")
    machine = parse_settings(PIPES, "gateway.toml").machine[0]
    records = [record async for record in replay_files(machine, [tmp_path / "loop.csv"], tmp_path)]
    alarm = _contents(records, AlarmReport)[0]
    first_ns = min(one.start_ns for one in _contents(records, Summary))
    assert alarm.diagnosis.label is DiagnosisLabel.CHANGED
    assert alarm.model.startswith("t2_q/")
    assert 1_400.0 < (alarm.end_ns - first_ns) / 1e9 < 1_600.0
    without = parse_settings(PIPES.replace('"t2_q"', '"mahalanobis"'), "gateway.toml").machine[0]
    records = [record async for record in replay_files(without, [tmp_path / "loop.csv"], tmp_path)]
    assert _contents(records, AlarmReport) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('unit = "l/min"', 'unit = "l/mn"', "unknown unit 'l/mn', did you mean 'l/min'?"),
        ('detectors = ["t2_q"]', 'detectors = ["t2"]', "unknown detector 't2', did you mean 't2_q'?"),
    ],
)
def test_a_unit_or_detector_that_is_not_there_is_named_in_one_line(old, new, expected):
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(PIPES.replace(old, new), "gateway.toml")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("  above = 2.0", "  abov = 2.0", None, "unknown key 'abov' in [machine.phase], did you mean 'above'?"),
        ("  hysteresis = 0.5", "  hysteresi = 0.5", None, "unknown key 'hysteresi' in [machine.rule], did you mean"),
        ('kind = "limit"', 'kind = "limt"', None, "'limit', 'rate', 'door' or 'stale'"),
        ("  high = 8.0", "  contact_open_above = 8.0", None, "does not belong to a rule of kind 'limit'"),
        ("  high = 8.0\n", "", 'kind = "limit"', "give high or low"),
        (
            'explained_by = ["EVAP.T"]',
            'explained_by = ["EVAP.P"]',
            None,
            "unknown channel 'EVAP.P', did you mean 'EVAP.T'?",
        ),
        ('not_in = ["defrost"]', 'not_in = ["defrosts"]', None, "unknown phase 'defrosts', did you mean 'defrost'?"),
        ('explained_by = ["EVAP.T"]', "after_s = 100.0", None, "belongs to a door with a contact"),
        ('kind = "process"', 'kind = "proces"', None, "'vibration' or 'process'"),
        ('kind = "process"', "", 'unit = "degC"', 'slow signals need kind = "process"'),
        ('unit = "A"', 'unit = "Amp"', None, "unknown unit 'Amp'"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(old, new, line, expected):
    assert old in SAMPLE
    text = SAMPLE.replace(old, new, 1)
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(text, "gateway.toml")
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    number = next(n for n, one in enumerate(text.splitlines(), start=1) if (line or new.strip()) in one)
    # A complaint about a whole rule names the line where the rule begins.
    assert message.startswith(tuple(f"gateway.toml:{place}: " for place in (number, number - 1)))


def test_rules_need_a_process():
    text = (
        SAMPLE.replace('kind = "process"', "", 1)
        .replace('unit = "degC"', 'unit = "g"')
        .replace('unit = "A"', 'unit = "g"')
    )
    with pytest.raises(ConfigurationError, match=r'machine.phase needs kind = "process"'):
        parse_settings(text.replace('unit = "1"', 'unit = "g"'), "gateway.toml")
