"""A simulated machine through the gateway's own line: its stops, loads and lost readings are never taken for faults."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from edge_agent.assembly import machine_setup
from edge_agent.configuration import parse_settings, source_options, source_request
from edge_agent.machine import MachineWatch
from edge_agent.sources import source_module
from edge_agent.sources.base import SourceError, SourcePosition
from models.contract.encoding import from_record
from models.contract.evidence import join_evidence, unpack_evidence
from models.contract.vocabulary import OFF, STARTING, TRANSIENT, UNKNOWN, ClockQuality, DiagnosisLabel, RecordKind

SPEED_RPM = 1480.0
CONFIGURATION = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "data"
[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
speed_rpm = 1480
sample_rate_hz = 6400
machine_group = 2
support = "rigid"
[machine.source]
kind = "simulated"
speed = inf
start = "2026-01-01T00:00:00Z"
passing_orders = [5.0, 7.0]
{source}
[[machine.channel]]
name = "DE.H"
unit = "g"
[[machine.channel]]
name = "NDE.H"
unit = "g"
{context}
"""
LOAD = '[[machine.context]]\nname = "load"\nunit = "%"\nstate_width = 20.0\n'


def programme(*points):
    """Lines of the programme: (seconds, relative speed, load)."""
    rows = (f"{{at_s={at_s}, speed_rpm={speed * SPEED_RPM}, load={load}}}" for at_s, speed, load in points)
    return f"programme = [{', '.join(rows)}]"


def opened(source, context=""):
    table = parse_settings(CONFIGURATION.format(source=source, context=context), "gateway.toml").machine[0]
    place = Path()
    simulated = source_module("simulated").open_source(source_request(table, place), source_options(table))
    return simulated, MachineWatch(machine_setup(table, simulated))


async def through(source, seconds, context=""):
    """Operating states at each block, scores, and the alarms."""
    simulated, watch = opened(source, context)
    states, scores, alarms = [], [], []
    blocks = simulated.blocks(SourcePosition(0, 0))
    async for block in blocks:
        step = await watch.take(block, ClockQuality.SYNCHRONISED)
        alarms += [record for record in step.records if record.kind is RecordKind.ALARM]
        if watch.latest_outcome is not None:
            states.append(watch.latest_outcome.operating_state)
            scores.append(watch.latest_outcome.score)
        if block.end_index >= seconds * simulated.facts.sample_rate_hz:
            break
    await blocks.aclose()
    return states, scores, alarms


def in_order(states):
    return [name for name, _ in itertools.groupby(states)]


@pytest.mark.parametrize(("coast_s", "seed"), [(25, 1), (25, 2), (60, 3)])
async def test_a_slow_coast_down_and_run_up_without_a_tachometer_raise_nothing(coast_s, seed):
    begin, stop = 60, 10
    down, up = begin + coast_s, begin + coast_s + stop
    points = programme((0, 1, 1), (begin, 1, 1), (down, 0, 1), (up, 0, 1), (up + coast_s, 1, 1))
    seconds = up + coast_s + 40
    states, scores, alarms = await through(f"speed_measured = false\nseed = {seed}\n{points}", seconds)
    assert alarms == []
    assert set(states[2 * begin + coast_s : 2 * up]) <= {TRANSIENT, STARTING, UNKNOWN, OFF}
    assert OFF in states[2 * down : 2 * up]
    # Twenty seconds after it is back at its speed it is judged again, and normal.
    assert set(states[-20:]) == {"steady/default"}
    assert max(score for score in scores[-20:] if score is not None) < 1.0


@pytest.mark.parametrize("speed", [0.95, 0.9])
async def test_another_speed_without_a_tachometer_is_a_changed_process_and_no_fault(speed):
    points = programme((0, 1, 1), (60, 1, 1), (64, speed, 1))
    _, _, alarms = await through(f"speed_measured = false\nseed = 31\n{points}", 120)
    labels = {from_record(alarm).diagnosis.label for alarm in alarms}
    assert labels == {DiagnosisLabel.PROCESS_CHANGED}


async def test_a_load_that_was_never_learnt_is_unknown_with_visible_progress_and_then_judged():
    points = programme((0, 1, 1.0), (50, 1, 1.0), (52, 1, 0.4))
    states, scores, alarms = await through(f"seed = 4\n{points}", 100, LOAD)
    assert alarms == []
    named = in_order(states)
    assert named[0] == "steady/1480rpm-load100"
    assert named[-2:] == [UNKNOWN, "steady/1480rpm-load40"]
    assert set(named[1:-2]) <= {TRANSIENT, STARTING, "steady/1480rpm-load80", "steady/1480rpm-load60", UNKNOWN}
    assert scores[-1] < 1.0


async def test_evidence_says_what_the_controller_said():
    simulated, watch = opened(f"seed = 4\n{programme((0, 1, 0.4))}", f"{LOAD}[machine.learning]\nwindows = 8\n")
    parts = []
    async for block in _first(simulated, SourcePosition(0, 0), 30):
        records = (await watch.take(block, ClockQuality.SYNCHRONISED)).records
        parts += [from_record(record) for record in records if record.kind is RecordKind.EVIDENCE]
    picture = unpack_evidence(join_evidence(parts[: parts[0].total]))
    load, unit = picture.facts["context"]["load"]
    assert (round(load / 40.0, 1), unit) == (1.0, "%")


async def test_new_loads_stay_unknown_where_they_are_not_to_be_learnt():
    points = programme((0, 1, 1.0), (50, 1, 1.0), (52, 1, 0.4))
    context = f"{LOAD}[machine.learning]\nlearn_new_states = false\n"
    states, _, alarms = await through(f"seed = 4\n{points}", 100, context)
    assert alarms == []
    assert set(states[-80:]) == {UNKNOWN}


async def test_going_on_after_a_restart_gives_the_same_states_and_context():
    points = programme((0, 1, 1.0), (3, 1, 1.0), (5, 1, 0.4))
    simulated, watch = opened(f"seed = 4\n{points}", LOAD)
    blocks = [block async for block in _first(simulated, SourcePosition(0, 0), 20)]
    whole = []
    for block in blocks:
        await watch.take(block, ClockQuality.SYNCHRONISED)
        whole.append(watch.latest_outcome and watch.latest_outcome.operating_state)
    _, first = opened(f"seed = 4\n{points}", LOAD)
    for block in blocks[:9]:
        await first.take(block, ClockQuality.SYNCHRONISED)
    resumed = MachineWatch(first.setup, first.memory_bytes())
    at = first.next_needed_index
    again = []
    async for block in _first(simulated, SourcePosition(0, at), 20):
        step = await resumed.take(block, ClockQuality.SYNCHRONISED)
        if step.windows and block.end_index <= blocks[-1].end_index:
            again.append(resumed.latest_outcome.operating_state)
    assert again == whole[-len(again) :]
    assert len(again) >= 10


async def _first(source, start, count):
    blocks = source.blocks(start)
    for _ in range(count):
        yield await anext(blocks)
    await blocks.aclose()


def test_a_context_channel_that_nothing_delivers_is_refused_at_the_start():
    with pytest.raises(SourceError, match="nothing delivers context 'pressure'"):
        opened("seed = 1", '[[machine.context]]\nname = "pressure"\nunit = "bar"\n')
