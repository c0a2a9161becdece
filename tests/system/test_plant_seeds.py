"""Ten different plants, each with its own fault: every one ends as an alarm of the right cause, and nothing else does.

The gateway's real line (source, windows, judging, diagnosis, reports) as fast as it computes, without waiting for the
time-lapse of the demo. The same seeds run as whole demos in `make soak`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge_agent.assembly import machine_setup
from edge_agent.configuration import read_settings, source_options, source_request
from edge_agent.machine import MachineWatch
from edge_agent.sources import source_module
from edge_agent.sources.base import SourcePosition
from models.contract.encoding import from_record
from models.contract.records import AlarmReport
from models.contract.vocabulary import ClockQuality, FailureFamily
from plantpulse.demo.files import gateway_toml
from plantpulse.demo.plant import simulated_story

START = datetime(2026, 1, 1, tzinfo=UTC)
SEEDS = range(100, 110)
STORY_S = 800.0
"""The fault begins after five minutes and has a time constant of two and a half."""


async def _reports(story, names, tmp_path, seconds) -> dict[str, list[AlarmReport]]:
    fast = replace(story, machines=tuple(replace(m, source={**m.source, "speed": math.inf}) for m in story.machines))
    path = tmp_path / "gateway.toml"
    path.write_text(gateway_toml(fast, mqtt_port=1883))
    reports = {}
    for table in read_settings(path).machine:
        if table.name in names:
            reports[table.name] = [report async for report in _run(table, tmp_path, seconds)]
    return reports


async def _run(table, folder, seconds):
    source = source_module("simulated").open_source(source_request(table, folder), source_options(table))
    watch = MachineWatch(machine_setup(table, source))
    begin_ns = None
    async for block in source.blocks(SourcePosition(0, 0)):
        begin_ns = begin_ns or block.end_ns
        if (block.end_ns - begin_ns) / 1e9 > seconds:
            return
        for record in (await watch.take(block, ClockQuality.SYNCHRONISED)).records:
            if record.kind == "alarm":
                yield from_record(record)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS)
async def test_the_failing_machine_raises_one_alarm_of_the_right_cause(seed, tmp_path):
    story = simulated_story(seed, healthy=False, start=START)
    machine, fault = story.failing
    reports = (await _reports(story, {machine}, tmp_path, STORY_S))[machine]
    mechanical = [report for report in reports if report.family is FailureFamily.MECHANICAL]
    named = [report.diagnosis.label for report in mechanical if report.diagnosis.label not in ("changed", "uncertain")]
    print(f"seed {seed}: {machine} {fault}: {[str(r.diagnosis.label) for r in mechanical]}")
    assert len({report.alarm_id for report in mechanical}) == 1
    assert named, "the cause was never named"
    assert set(named) == {fault}
    assert [r for r in reports if r.family is not FailureFamily.MECHANICAL] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [200, 201])
async def test_the_healthy_plant_raises_nothing_through_stops_and_starts(seed, tmp_path):
    story = simulated_story(seed, healthy=True, start=START)
    reports = await _reports(story, {machine.name for machine in story.machines}, tmp_path, STORY_S)
    assert {name: [r.diagnosis.sentence for r in found] for name, found in reports.items()} == {
        machine.name: [] for machine in story.machines
    }
