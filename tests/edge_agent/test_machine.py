"""One machine's line: windows, alarms with reasons, evidence, and a memory that goes on to the bit."""

from __future__ import annotations

import asyncio
import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest
from support.bearing_signals import impacts, noise

from edge_agent.heavy_work import HeavyWork, Urgency
from edge_agent.machine import MachineWatch
from edge_agent.machine_setup import MachineSetup
from models.contract.encoding import from_record
from models.contract.evidence import join_evidence, unpack_evidence
from models.contract.kept_moment import kept_moment
from models.contract.records import AlarmReport, EvidencePart, Summary
from models.contract.vocabulary import AlarmState, ClockQuality, DiagnosisLabel, FailureFamily
from models.diagnosis.bearings import Bearing
from models.diagnosis.diagnose import BearingAt
from models.pipeline import PipelineSettings
from models.signal.windows import Block

ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
RATE_HZ = 12_000.0
SPEED_RPM = 1_500.0
BEARING = Bearing("test", bpfo=3.58, bpfi=5.42, bsf=2.36, ftf=0.398)
BLOCK = 3_000
PATIENT_S = 60.0
"""Longer than the busiest machine needs for one of these tests."""


def _setup(**more):
    pipeline = PipelineSettings(
        asset_id=ASSET,
        machine="pump-1",
        channel_names=("DE.H", "NDE.H"),
        sample_rate_hz=RATE_HZ,
        window_samples=6_000,
        speed_rpm=SPEED_RPM,
        learning_windows=20,
        summary_interval_s=5.0,
    )
    return MachineSetup(pipeline, hop_samples=3_000, bearings=(BearingAt(BEARING, "DE"),), **more)


def _signal(seconds, *, fault_from_s=None, seed=1):
    """Return two channels: noise and shaft; from `fault_from_s` on, impacts at the outer race's order on DE."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    samples = rng.standard_normal((2, t.size)) + 0.5 * np.sin(2 * np.pi * SPEED_RPM / 60 * t)
    if fault_from_s is not None:
        pass_hz = BEARING.bpfo * SPEED_RPM / 60
        since_impact = np.mod(t * pass_hz, 1.0) / pass_hz
        ringing = np.exp(-since_impact * 800.0) * np.sin(2 * np.pi * 3_200.0 * since_impact)
        samples[0] += np.where(t > fault_from_s, 12.0 * ringing * (1 + 0.1 * rng.standard_normal(t.size)), 0.0)
    return samples.astype(np.float32)


def _blocks(samples, first=0):
    for at in range(first, samples.shape[1], BLOCK):
        piece = samples[:, at : at + BLOCK]
        yield Block(at, 1, piece, 10**18 + round((at + piece.shape[1]) / RATE_HZ * 1e9))


async def _run(watch, blocks):
    records = []
    for block in blocks:
        step = await watch.take(block, ClockQuality.SYNCHRONISED)
        records += step.records
    return records


def _contents(records, kind):
    return [content for content in map(from_record, records) if isinstance(content, kind)]


async def test_a_fault_raises_one_alarm_with_its_cause_and_evidence():
    watch = MachineWatch(_setup())
    records = await _run(watch, _blocks(_signal(40, fault_from_s=20.0)))
    alarms = _contents(records, AlarmReport)
    assert len({alarm.alarm_id for alarm in alarms}) == 1
    assert [alarm.revision for alarm in alarms] == list(range(1, len(alarms) + 1))
    assert alarms[-1].diagnosis.label is DiagnosisLabel.OUTER_RACE
    assert alarms[-1].diagnosis.channel == "DE.H"
    assert alarms[-1].state is AlarmState.ACTIVE
    assert 0.0 <= (alarms[0].since_ns - 10**18) / 1e9 - 20.0 <= 2.0
    parts = [part for part in _contents(records, EvidencePart) if part.subject == alarms[-1].alarm_id]
    last = [part for part in parts if part.digest == parts[-1].digest]
    evidence = unpack_evidence(join_evidence(last))
    assert [channel.name for channel in evidence.channels] == ["DE.H", "NDE.H"]
    assert any(line.line == "BPFO" and line.matched for line in evidence.fault_lines)
    value, baseline, unit = evidence.facts["features"]["DE.H/acceleration_rms"]
    assert value > 1.5 * baseline
    assert unit == "m/s²"


async def _while_another_is_diagnosed(heavy, work):
    """Start work while a diagnosis of an alarm is held up; return its task and what ends the diagnosis."""
    done = threading.Event()
    diagnosis = asyncio.create_task(heavy.run(Urgency.ALARM, done.wait, PATIENT_S))
    await asyncio.sleep(0)
    task = asyncio.create_task(work)

    async def end():
        done.set()
        assert await diagnosis

    return task, end


async def test_a_machine_waits_while_the_alarm_of_another_is_diagnosed():
    heavy = HeavyWork(PATIENT_S)
    watch = MachineWatch(_setup(), heavy=heavy)
    task, end = await _while_another_is_diagnosed(heavy, _run(watch, _blocks(_signal(2))))
    await asyncio.sleep(0.2)
    assert watch.latest_outcome is None
    await end()
    await asyncio.wait_for(task, PATIENT_S)
    assert watch.latest_outcome is not None


async def test_an_alarm_that_may_return_waits_for_nobody():
    heavy = HeavyWork(PATIENT_S)
    watch = MachineWatch(_setup(), heavy=heavy)
    samples = np.concatenate([_signal(24, fault_from_s=20.0), _signal(10)], axis=1)
    blocks, alarms = _blocks(samples), []
    while not alarms or watch.latest_outcome.score >= 1.0:
        alarms += _contents(await _run(watch, [next(blocks)]), AlarmReport)
    assert alarms[-1].state is AlarmState.ACTIVE
    task, end = await _while_another_is_diagnosed(heavy, watch._let_others_go_first())
    await asyncio.wait_for(task, PATIENT_S / 2)
    await end()


def _same_line_at_both(seconds, *stages):
    """Return noise, shaft and the blows of one bearing, heard at DE and NDE as strongly as each stage says."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    blows = impacts(seconds, RATE_HZ, 0.997 * BEARING.bpfo * SPEED_RPM / 60, 5, height=1.0)
    samples = np.stack([noise(seconds, RATE_HZ, seed) for seed in (1, 2)]) + 0.5 * np.sin(
        2 * np.pi * t * SPEED_RPM / 60
    )
    for (begin_s, *heights), (end_s, *_) in itertools.pairwise((*stages, (seconds,))):
        during = (t >= begin_s) & (t < end_s)
        samples[:, during] += np.outer(heights, blows[during])
    return samples.astype(np.float32)


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_place_that_was_left_open_is_told_once_when_it_becomes_clear(restarts):
    """Two bearings of one type: heard alike, then deeper at DE, then at NDE; nobody is sent to and fro."""
    setup = replace(_setup(), bearings=(BearingAt(BEARING, "DE"), BearingAt(BEARING, "NDE")))
    watch = MachineWatch(setup)
    samples = _same_line_at_both(60, (20.0, 8.0, 8.0), (32.0, 12.0, 4.0), (46.0, 4.0, 12.0))
    blocks = list(_blocks(samples))
    # While the place is suspected and not told yet.
    cut = round(36 * RATE_HZ / BLOCK) if restarts else len(blocks)
    records = await _run(watch, blocks[:cut])
    watch = MachineWatch(setup, watch.memory_bytes())
    records += await _run(watch, _blocks(samples, watch.next_needed_index))
    named = [alarm for alarm in _contents(records, AlarmReport) if alarm.diagnosis.label is DiagnosisLabel.OUTER_RACE]
    assert ["damage at DE or NDE is" in alarm.diagnosis.sentence for alarm in named] == [True, False]
    assert "damage at DE is likely" in named[1].diagnosis.sentence
    assert named[1].revision == named[0].revision + 1
    assert (named[1].severity, named[1].since_ns) == (named[0].severity, named[0].since_ns)


async def test_a_healthy_machine_raises_none_and_shows_its_spectrum_once_an_hour():
    watch = MachineWatch(_setup())
    records = await _run(watch, _blocks(_signal(60)))
    assert _contents(records, AlarmReport) == []
    subjects = [part.subject for part in _contents(records, EvidencePart)]
    assert subjects == ["spectrum"]
    assert len(_contents(records, Summary)) in (11, 12)


@pytest.mark.parametrize("stop_after", [1, 7, 45, 83, 100])
async def test_a_restart_goes_on_as_if_nothing_had_happened(stop_after):
    """Summaries are the same to the bit; alarms are the same but for the diagnosis, which has fewer seconds to see."""
    samples = _signal(40, fault_from_s=20.0)
    whole = await _run(MachineWatch(_setup()), _blocks(samples))
    first = MachineWatch(_setup())
    blocks = list(_blocks(samples))
    records = await _run(first, blocks[:stop_after])
    memory, position = first.memory_bytes(), first.position(1, "")
    second = MachineWatch(_setup(), memory)
    assert second.next_needed_index == position.next_index
    rest = await _run(second, _blocks(samples, position.next_index))
    together = records + rest

    def told(all_records):
        summaries = [
            (s.start_ns, s.windows, s.score, s.statistics.mean.tolist()) for s in _contents(all_records, Summary)
        ]
        alarms = [(a.alarm_id, a.state, a.severity, a.since_ns) for a in _contents(all_records, AlarmReport)][:1]
        return summaries, alarms

    assert told(together) == told(whole)
    ids = [record.record_id for record in together]
    assert len(ids) == len(set(ids))


async def test_samples_seen_again_after_a_restart_are_counted_once():
    samples = _signal(5)
    watch = MachineWatch(_setup())
    seen = 0
    for block in list(_blocks(samples))[:9]:
        seen += (await watch.take(block, ClockQuality.SYNCHRONISED)).new_samples
    again = MachineWatch(_setup(), watch.memory_bytes())
    for block in _blocks(samples, again.next_needed_index):
        seen += (await again.take(block, ClockQuality.SYNCHRONISED)).new_samples
    assert seen == samples.shape[1]


async def test_a_dead_sensor_is_an_alarm_of_its_own_family():
    samples = _signal(40)
    samples[1, int(20 * RATE_HZ) :] = 0.25
    records = await _run(MachineWatch(_setup()), _blocks(samples))
    alarms = _contents(records, AlarmReport)
    assert [alarm.family for alarm in alarms] == [FailureFamily.SENSOR]
    assert alarms[0].diagnosis.label is DiagnosisLabel.SENSOR_FAULT
    assert alarms[0].diagnosis.channel == "NDE.H"
    assert "constant" in alarms[0].diagnosis.sentence


async def test_evidence_keeps_to_its_budget():
    records = await _run(MachineWatch(_setup(max_evidence_bytes=8_192)), _blocks(_signal(40, fault_from_s=20.0)))
    parts = _contents(records, EvidencePart)
    assert len(parts) >= 2
    assert all(len(part.data) <= 8_192 for part in parts)


@pytest.mark.parametrize("data", [b"", b"garbage", b"PPST\x00\x00\x00\x00"])
def test_memory_that_cannot_be_read_is_begun_anew(data):
    watch = MachineWatch(_setup(), data)
    assert not watch.restarted
    assert watch.next_needed_index == 0


async def _moments(watch, blocks):
    found = []
    for block in blocks:
        found += (await watch.take(block, ClockQuality.SYNCHRONISED)).moments
    return found


async def test_the_moment_around_an_alarm_is_kept_with_as_much_after_it_as_before():
    watch = MachineWatch(_setup())
    (moment,) = await _moments(watch, _blocks(_signal(40, fault_from_s=20.0)))
    evidence = unpack_evidence(moment.package)
    said = kept_moment(evidence.facts)
    assert said is not None
    raised_s, end_s = (ns / 1e9 - 1e9 for ns in (said.alarm_ns, moment.end_ns))
    assert 20.5 < raised_s < 24.0
    assert end_s - raised_s == pytest.approx(2.5, abs=0.26)
    samples = {len(channel.waveform) for channel in evidence.channels}
    assert samples == {round(5.0 * RATE_HZ)}


async def test_a_moment_that_a_restart_interrupts_is_kept_all_the_same():
    samples = _signal(40, fault_from_s=20.0)
    watch = MachineWatch(_setup())
    blocks = list(_blocks(samples))
    for block in blocks:
        step = await watch.take(block, ClockQuality.SYNCHRONISED)
        if _contents(step.records, AlarmReport):
            break
    watch = MachineWatch(_setup(), watch.memory_bytes())
    (moment,) = await _moments(watch, _blocks(samples, watch.next_needed_index))
    assert kept_moment(unpack_evidence(moment.package).facts) is not None


async def test_a_stream_that_ends_right_after_an_alarm_leaves_its_moment():
    watch = MachineWatch(_setup())
    moments = await _moments(watch, _blocks(_signal(23.0, fault_from_s=20.0)))
    assert moments == []
    (moment,) = await watch.last_moments(ClockQuality.SYNCHRONISED)
    assert moment.alarm_id
    assert await watch.last_moments(ClockQuality.SYNCHRONISED) == ()


async def test_after_a_part_was_replaced_everything_is_learnt_anew_and_the_old_alarm_is_closed():
    samples = _signal(40, fault_from_s=20.0)
    watch = MachineWatch(_setup())
    before = _contents(await _run(watch, _blocks(samples)), AlarmReport)[-1]
    assert before.state is AlarmState.ACTIVE
    since_ms = 10**12 + 40_000
    closing = watch.relearn(since_ms)
    (closed,) = _contents(closing, AlarmReport)
    assert (closed.alarm_id, closed.state, closed.revision) == (
        before.alarm_id,
        AlarmState.RETURNED,
        before.revision + 1,
    )
    assert closed.diagnosis == before.diagnosis
    watch = MachineWatch(_setup(), watch.memory_bytes())
    assert watch.learning_since_ms == since_ms
    # Twice as loud as the machine was: with the old normal an alarm, with the new one what is normal.
    louder = np.concatenate([samples, 2.0 * _signal(40, seed=2), 2.0 * _signal(40, fault_from_s=20.0, seed=3)], axis=1)
    records = await _run(watch, _blocks(louder, watch.next_needed_index))
    after = _contents(records, AlarmReport)
    assert {alarm.since_ns // 10**9 - 10**9 for alarm in after} <= {99, 100, 101, 102}
    assert {alarm.alarm_id for alarm in after} == {after[0].alarm_id} != {before.alarm_id}
    assert after[0].occurrence == 1


async def test_an_alarm_is_on_disk_before_its_pictures_are_made_and_a_kill_between_costs_none():
    samples = _signal(40, fault_from_s=20.0)
    watch = MachineWatch(_setup())
    early: list[tuple[tuple, bytes]] = []

    async def commit(records):
        early.append((records, watch.memory_bytes()))

    rest: list = []
    for block in _blocks(samples):
        rest = list((await watch.take(block, ClockQuality.SYNCHRONISED, commit)).records)
        if early and _contents(early[-1][0], AlarmReport):
            break
    told, memory = early[-1]
    (report,) = _contents(told, AlarmReport)
    assert _contents(told, EvidencePart) == []
    assert {part.subject for part in _contents(rest, EvidencePart)} == {report.alarm_id}
    assert _contents(rest, AlarmReport) == []
    # Killed after the commit: what was on disk goes on, and owes the picture.
    again = MachineWatch(_setup(), memory)
    records = await _run(again, list(_blocks(samples, again.next_needed_index))[:3])
    pictured = [part for part in _contents(records, EvidencePart) if part.subject == report.alarm_id]
    assert pictured
    assert [one.revision for one in _contents(records, AlarmReport) if one.revision <= report.revision] == []


async def test_told_early_or_at_once_the_records_are_the_same():
    samples = _signal(40, fault_from_s=20.0)
    watch = MachineWatch(_setup())
    records: list = []

    async def commit(told):
        records.extend(told)

    for block in _blocks(samples):
        records += (await watch.take(block, ClockQuality.SYNCHRONISED, commit)).records
    at_once = await _run(MachineWatch(_setup()), _blocks(samples))
    assert [record.record_id for record in records] == [record.record_id for record in at_once]
