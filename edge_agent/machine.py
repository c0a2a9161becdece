"""One machine: blocks of samples in, records and a new place to stand out. No journal, no network, no wall clock.

`MachineWatch.take` does, for each block: turn what a converter read into units, keep the latest seconds for diagnosis,
cut windows, step the pipeline for each, turn what came out into records (summary, alarm report, evidence), and learn
the fingerprint of the healthy machine at the end of learning. What it returns is committed as a whole together with
`progress`, so that a restart goes on exactly there. The moment around an alarm, with what followed it, is returned once
that much has followed; it is kept on this gateway. `relearn` begins anew after a part was replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_agent import alarm_reports, evidence, process_reports
from edge_agent.alarm_reports import Circumstances, Finding, StandingAlarm
from edge_agent.heavy_work import HeavyWork, Urgency
from edge_agent.machine_memory import MachineMemory
from edge_agent.machine_setup import Step
from edge_agent.moments import pending_moment, whole_moment
from edge_agent.sources.base import SourcePosition
from models.contract.encoding import to_record
from models.contract.identity import record_id
from models.contract.vocabulary import AlarmState, DiagnosisLabel, FailureFamily, RecordKind, is_steady
from models.diagnosis.diagnose import Fingerprint, diagnose, fingerprint
from models.frozen import replace
from models.pipeline import Pipeline
from models.pipeline_state import PipelineState
from models.process_pipeline import ProcessOutcome, ProcessSettings
from models.signal.calibration import calibrate
from models.signal.windows import Windower
from models.state_bytes import StateError

if TYPE_CHECKING:
    from edge_agent.kept_evidence import Moment
    from edge_agent.machine_setup import MachineSetup
    from models.alarming import AlarmChange
    from models.contract.records import Record
    from models.contract.vocabulary import ClockQuality
    from models.diagnosis.diagnose import Report
    from models.pipeline import Outcome
    from models.signal.windows import Block, Window

DIAGNOSIS_S: Final = 5.0
"""Latest seconds kept for diagnosis: enough shaft turns to name most faults. A diagnosis of 4 channels of 25.6 kHz
takes 30 MB for a moment; twice as many seconds would take twice as much."""
MAX_FINGERPRINTS: Final = 8
"""Operating states with a fingerprint of their own; as many as the pipeline has baselines."""
Commit = Callable[[tuple["Record", ...]], Awaitable[object]]
"""Puts records on disk, together with where the machine stands then."""
_NO_SAMPLES: Final = np.empty((0, 0), np.float32)


class MachineWatch:
    """Judges one machine's stream; its memory changes with every block.

    Args:
        setup: see there.
        data: stored memory, or None for a machine never seen before (or whose memory is unreadable).
        heavy: where diagnoses and pictures take their turn with those of other machines; None: there are no others.
    """

    def __init__(self, setup: MachineSetup, data: bytes | None = None, heavy: HeavyWork | None = None) -> None:
        self.setup = setup
        self._heavy = HeavyWork() if heavy is None else heavy
        self.pipeline = process_reports.judge_of(setup.pipeline)
        self._memory = MachineMemory(self.pipeline.start())
        self.restarted = data is not None
        if data is not None:
            try:
                self._memory = MachineMemory.from_bytes(data, self.pipeline)
            except (StateError, ValueError, TypeError):
                self.restarted = False
        self._lacks_gears = self._memory.fingerprints_without(setup.gears)
        settings = setup.pipeline
        self._windower = Windower(
            settings.sample_rate_hz,
            settings.window_samples,
            setup.hop_samples,
            self._memory.windower,
            settings.context,
            keep_samples=process_reports.recent_samples(settings, DIAGNOSIS_S),
        )
        self._model = f"{'+'.join(settings.detectors)}/{self.pipeline.signature}"
        self._pictures: list[tuple[str, Report | None]] = []
        self.latest_outcome: Outcome | None = None

    @property
    def next_needed_index(self) -> int:
        """Return the first sample that is still needed."""
        return self._windower.position.next_needed_index

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return the full names of the features, `{channel}/{feature}`."""
        return self.pipeline.facts.feature_names

    @property
    def feature_units(self) -> tuple[str, ...]:
        """Return the engUnit of each feature."""
        return self.pipeline.feature_units

    def memory_bytes(self) -> bytes:
        """Return what to store with the records of the last step."""
        return replace(self._memory, windower=self._windower.position).to_bytes()

    def position(self, epoch: int, detail: str) -> SourcePosition:
        """Return where the source must go on after a restart."""
        return SourcePosition(epoch, self.next_needed_index, detail)

    async def take(self, block: Block, clock_quality: ClockQuality, commit: Commit | None = None) -> Step:
        """Return what one block leads to; everything of it must be committed together.

        Args:
            block: the next samples.
            clock_quality: of the block's time.
            commit: commits records with what `memory_bytes` says then: an alarm is told before its pictures are made.
                Without it, everything is returned at the end.
        """
        if self.setup.calibration:
            block = replace(block, samples=calibrate(block.samples, self.setup.calibration).samples)
        before = self._windower.position
        counted = before.seen_index if before.epoch == block.epoch else 0
        windows = self._windower.push(block)
        records: list[Record] = []
        moments: list[Moment] = []
        count = len(windows)
        while windows:
            await self._let_others_go_first()
            # Without its samples: as long as nobody holds them, diagnosis has the latest seconds without a copy.
            window = replace(windows[0], samples=_NO_SAMPLES)
            records += await self._window(windows.pop(0), clock_quality)
            # What is committed early must not skip a window that has been cut and not judged.
            if commit is not None and self._pictures and records and not windows:
                owed = tuple(subject for subject, _ in self._pictures if subject != evidence.SPECTRUM)
                self._memory = replace(self._memory, owed=owed)
                await commit(tuple(records))
                records.clear()
            records += await self._paint(window, clock_quality)
            if any(window.end_ns >= one.due_ns for one in self._memory.moments):
                moments += await self._kept(window.end_ns, clock_quality)
        return Step(tuple(records), count, max(0, block.end_index - max(block.first_index, counted)), tuple(moments))

    async def _let_others_go_first(self) -> None:
        """Let machines that may change be judged first, and nobody but those that may return during a diagnosis.

        Windows of many machines end together. Who may raise an alarm would have to wait for the diagnosis anyway.
        """
        last = self.latest_outcome
        is_high = last is not None and last.score is not None and last.score >= 1.0
        has_alarm = any(standing.is_active for standing in self._memory.standing.values())
        may_raise, may_return = is_high and not has_alarm, has_alarm and not is_high
        if not (may_raise or may_return):
            await asyncio.sleep(0)
        if not may_return:
            await self._heavy.quiet()

    @property
    def learning_since_ms(self) -> int:
        """Return after which time the data lie that what is normal was learnt from; 0: from the first."""
        return self._memory.learning_since_ms

    def relearn(self, since_ms: int) -> tuple[Record, ...]:
        """Forget what was normal and what was wrong: a part was replaced; return what is to be told of it."""
        records = list(self.close())
        at = self._windower.position
        for standing in self._memory.standing.values():
            if standing.is_active:
                report = alarm_reports.closed(standing, at.seen_end_ns).report
                name = self._record_id(
                    RecordKind.ALARM, at.epoch or 0, at.next_needed_index, f"{report.alarm_id}/{since_ms}"
                )
                records.append(to_record(report, record_id=name))
        self._memory = MachineMemory(
            self.pipeline.start(), at, moments=self._memory.moments, learning_since_ms=since_ms
        )
        self._lacks_gears = set()
        return tuple(records)

    async def last_moments(self, clock_quality: ClockQuality) -> tuple[Moment, ...]:
        """Return the moments that have waited for more to follow, for the end of a stream."""
        return tuple(await self._kept(self._windower.position.seen_end_ns, clock_quality, is_last=True))

    def close(self) -> tuple[Record, ...]:
        """Return the summary that is still open, for the end of a stream."""
        state, summary, key = self.pipeline.close(self._memory.pipeline)
        self._memory = replace(self._memory, pipeline=state)
        if summary is None or key is None:
            return ()
        return (to_record(summary, record_id=self._record_id(RecordKind.SUMMARY, *key)),)

    async def _paint(self, window: Window, clock_quality: ClockQuality) -> list[Record]:
        """Return the pictures that the window asked for, and those that an end of the process kept from being made."""
        outcome, wanted = self.latest_outcome, self._pictures
        if outcome is None or not (wanted or self._memory.owed):
            return []
        self._pictures = []
        missing = set(self._memory.owed) - {subject for subject, _ in wanted}
        at = self._circumstances(window, outcome, clock_quality)
        records: list[Record] = []
        for subject, report in (*wanted, *((subject, None) for subject in sorted(missing))):
            records += await self._pictured(subject, window, outcome, at, report)
        self._memory = replace(self._memory, owed=())
        return records

    async def _window(self, window: Window, clock_quality: ClockQuality) -> list[Record]:
        channel_causes = process_reports.channel_causes(self.setup.pipeline, window.samples)
        causes = tuple(dict.fromkeys(cause for one in channel_causes for cause in one))
        window = replace(window, quality=window.quality + causes, is_checked=True)
        state, outcome = self.pipeline.step(self._memory.pipeline, window)
        # Nobody looks at them any more, so that diagnosis can have the latest seconds without a copy.
        window = replace(window, samples=_NO_SAMPLES)
        self._memory = replace(self._memory, pipeline=state)
        self.latest_outcome = outcome
        records: list[Record] = []
        if outcome.summary is not None and outcome.summary_key is not None:
            summary_id = self._record_id(RecordKind.SUMMARY, *outcome.summary_key)
            records.append(to_record(outcome.summary, record_id=summary_id))
        at = self._circumstances(window, outcome, clock_quality)
        if isinstance(outcome, ProcessOutcome):
            return records + self._process(window, outcome, at)
        if outcome.change is not None:
            records += await self._mechanical(outcome.change, window, outcome, at)
        else:
            records += await self._review(window, outcome, at)
        if outcome.sensor_change is not None:
            bad = next((row for row, one in enumerate(channel_causes) if one), None)
            channel = None if bad is None else self.setup.pipeline.channel_names[bad]
            records += self._sensor(outcome.sensor_change, channel, window, outcome, at)
        if outcome.baseline is not None and is_steady(outcome.operating_state):
            await self._healthy_picture(window, outcome)
        return records

    def _process(self, window: Window, outcome: ProcessOutcome, at: Circumstances) -> list[Record]:
        """Report the alarms of a process: its pipeline knows the reason of each."""
        records: list[Record] = []
        for family, change, found in (
            (FailureFamily.PROCESS, outcome.change, outcome.diagnosis),
            (FailureFamily.SENSOR, outcome.sensor_change, outcome.sensor_diagnosis),
        ):
            if change is None:
                continue
            standing = self._memory.standing.get(family)
            told = None if standing is None else standing.report.diagnosis
            diagnosis = told if change.state is AlarmState.RETURNED else found or told
            if diagnosis is None:
                continue
            if change.state is AlarmState.ACTIVE:
                # A rule is at its threshold, whatever the learnt normal says of the window.
                at = replace(at, score=max(at.score, 1.0))
            alarm = alarm_reports.changed(standing, family, change, Finding(diagnosis), at)
            records += self._reported(alarm, window)
            if alarm.is_active:
                self._pictures.append((alarm.report.alarm_id, None))
        return records

    async def _mechanical(
        self, change: AlarmChange, window: Window, outcome: Outcome, at: Circumstances
    ) -> list[Record]:
        standing = self._memory.standing.get(FailureFamily.MECHANICAL)
        report, is_new = None, False
        if change.state is AlarmState.ACTIVE or standing is None:
            is_new = standing is None or not standing.is_active
            report, found = await self._diagnosed(window, outcome, Urgency.ALARM if is_new else Urgency.REVIEW)
            if standing is not None and not is_new:
                standing, is_new = alarm_reports.looked_again(standing, found)
            if standing is not None and not is_new:
                # What people have been told is not taken back while the same occurrence only gets more severe.
                found = replace(standing.finding, limit=found.limit or standing.limit)
        else:
            found = standing.finding
        alarm = alarm_reports.changed(standing, FailureFamily.MECHANICAL, change, found, at)
        if not alarm_reports.tells_anew(alarm, standing):
            return []
        records = self._reported(alarm, window)
        # One picture per cause: that the same fault has become more severe shows in the features.
        if alarm.is_active and is_new:
            self._pictures.append((alarm.report.alarm_id, report))
        return records

    async def _review(self, window: Window, outcome: Outcome, at: Circumstances) -> list[Record]:
        """Look again at an alarm that stands: its cause may show more clearly now."""
        standing = self._memory.standing.get(FailureFamily.MECHANICAL)
        if standing is None or not standing.is_active or outcome.features is None:
            return []
        standing = standing.waited()
        if standing.review_in > 0:
            self._remember(standing)
            return []
        report, found = await self._diagnosed(window, outcome, Urgency.REVIEW)
        standing, is_to_be_told = alarm_reports.looked_again(standing.reviewed(), found)
        if not is_to_be_told:
            self._remember(standing)
            return []
        alarm = alarm_reports.revised(standing, replace(found, limit=found.limit or standing.limit), at)
        self._pictures.append((alarm.report.alarm_id, report))
        return self._reported(alarm, window)

    def _sensor(
        self, change: AlarmChange, channel: str | None, window: Window, outcome: Outcome, at: Circumstances
    ) -> list[Record]:
        standing = self._memory.standing.get(FailureFamily.SENSOR)
        if standing is not None and change.state is AlarmState.RETURNED:
            diagnosis = standing.report.diagnosis
        else:
            diagnosis = alarm_reports.sensor_diagnosis(outcome.sensor_causes, channel)
        alarm = alarm_reports.changed(standing, FailureFamily.SENSOR, change, Finding(diagnosis), at)
        return self._reported(alarm, window)

    async def _healthy_picture(self, window: Window, outcome: Outcome) -> None:
        """Keep the fingerprint of each newly learnt state, and show the machine once in a while without an alarm."""
        if self._needs_fingerprint(outcome):
            settings = self.setup.pipeline
            made = await self._heavy.run(
                Urgency.PICTURE,
                fingerprint,
                self._windower.latest(),
                settings.sample_rate_hz,
                window.speed_rpm or settings.speed_rpm,
                speed_measured=self._speed_measured(window),
                gears=self.setup.gears,
            )
            self._memory = self._memory.with_fingerprint(outcome.operating_state, made.to_bytes())
            self._lacks_gears.discard(outcome.operating_state)
        if window.end_ns < self._memory.picture_due_ns:
            return
        due_ns = window.end_ns + round(self.setup.spectrum_interval_s * 1e9)
        self._memory = replace(self._memory, picture_due_ns=due_ns)
        self._pictures.append((evidence.SPECTRUM, None))

    def _needs_fingerprint(self, outcome: Outcome) -> bool:
        """Return whether a state has no fingerprint yet, or one without the gears that have been stated since.

        The latter is replaced only by as good a one: of as many samples, of a machine with which nothing is wrong.
        """
        name, known = outcome.operating_state, self._memory.fingerprints
        if name not in known:
            return len(known) < MAX_FINGERPRINTS
        if name not in self._lacks_gears:
            return False
        standing = self._memory.standing.get(FailureFamily.MECHANICAL)
        is_well = outcome.score is not None and outcome.score < 1.0 and (standing is None or not standing.is_active)
        wanted = round(DIAGNOSIS_S * self.setup.pipeline.sample_rate_hz)
        return is_well and self._windower.latest().shape[1] >= wanted

    async def _diagnosed(self, window: Window, outcome: Outcome, urgency: Urgency) -> tuple[Report, Finding]:
        """Return what the latest seconds say, and what of it is to be reported."""
        settings = self.setup.pipeline
        known = self._memory.fingerprints.get(outcome.operating_state)
        report = await self._heavy.run(
            urgency,
            diagnose,
            self._windower.latest(),
            settings.sample_rate_hz,
            settings.channel_names,
            speed_rpm=window.speed_rpm or settings.speed_rpm,
            speed_measured=self._speed_measured(window),
            bearings=self.setup.bearings,
            gears=self.setup.gears,
            baseline=None if known is None else Fingerprint.from_bytes(known),
            machine_group=settings.machine_group,
            support=settings.support,
            sound_channels=settings.sound_channels,
        )
        diagnosis = alarm_reports.against_baseline(
            report.verdict, outcome, settings.channel_names, self.pipeline.extractor
        )
        state = self._memory.pipeline
        if (
            diagnosis.label is DiagnosisLabel.CHANGED
            and isinstance(self.pipeline, Pipeline)
            and isinstance(state, PipelineState)
        ):
            process = self.pipeline.process_change(state, outcome)
            if process is not None:
                diagnosis = replace(
                    diagnosis,
                    label=DiagnosisLabel.PROCESS_CHANGED,
                    sentence=process.sentence,
                    next_step=process.next_step,
                )
        limit = "" if outcome.crossing is None else outcome.crossing.sentence
        return report, Finding(diagnosis, report.places, limit)

    async def _pictured(
        self, subject: str, window: Window, outcome: Outcome, at: Circumstances, report: Report | None
    ) -> list[Record]:
        settings = self.setup.pipeline
        facts: dict[str, Any] = {
            "operating_state": at.operating_state,
            "model": at.model,
            "clock_quality": at.clock_quality.value,
            "features": self._compared(outcome),
        }
        if window.context:
            facts["context"] = {value.name: [value.value, value.unit] for value in window.context}
        recent, end_ns = self._windower.latest(), window.end_ns
        if subject != evidence.SPECTRUM:
            self._moment_due(subject, end_ns)
        if isinstance(settings, ProcessSettings):
            moment = process_reports.picture(recent, settings, subject=subject, end_ns=end_ns, facts=facts)
        else:
            moment = await self._heavy.run(
                Urgency.PICTURE,
                evidence.picture,
                recent,
                settings.sample_rate_hz,
                settings.channel_names,
                subject=subject,
                end_ns=end_ns,
                waveform_s=0.0 if subject == evidence.SPECTRUM else self.setup.waveform_s,
                speed_rpm=window.speed_rpm or settings.speed_rpm if report is None else report.speed.used,
                fault_lines=() if report is None else report.lines,
                facts=facts,
                sound_channels=settings.sound_channels,
            )
        parts = await asyncio.to_thread(evidence.packed, moment, at.asset_id, at.machine, self.setup.max_evidence_bytes)
        return [
            to_record(
                part,
                record_id=self._record_id(RecordKind.EVIDENCE, window.epoch, window.index, f"{subject}/{part.index}"),
            )
            for part in parts
        ]

    def _moment_due(self, alarm_id: str, alarm_ns: int) -> None:
        """Have the moment of an alarm kept once as much has followed as came before."""
        if alarm_id not in (one.alarm_id for one in self._memory.moments):
            due = pending_moment(self.setup.pipeline, alarm_id, alarm_ns, DIAGNOSIS_S)
            self._memory = replace(self._memory, moments=(*self._memory.moments, due))

    async def _kept(self, end_ns: int, clock_quality: ClockQuality, *, is_last: bool = False) -> list[Moment]:
        """Return the moments that are complete now, with all samples that there are."""
        due = [one for one in self._memory.moments if is_last or end_ns >= one.due_ns]
        self._memory = replace(self._memory, moments=tuple(one for one in self._memory.moments if one not in due))
        made = []
        for one in due:
            facts = {"model": self._model, "clock_quality": clock_quality.value}
            recent, settings = self._windower.latest(), self.setup.pipeline
            made.append(await self._heavy.run(Urgency.PICTURE, whole_moment, recent, settings, one, end_ns, facts))
        return made

    def _speed_measured(self, window: Window) -> bool:
        return self.setup.speed_measured and window.speed_rpm is not None

    def _compared(self, outcome: Outcome) -> dict[str, list[Any]]:
        """Return each feature with its baseline and unit."""
        if outcome.features is None:
            return {}
        normal: list[Any] = [None] * outcome.features.size
        if outcome.baseline is not None:
            normal = [float(value) if np.isfinite(value) else None for value in outcome.baseline.ravel()]
        values = (float(f"{value:.5g}") for value in outcome.features.ravel())
        return {
            name: [value, baseline, unit]
            for name, value, baseline, unit in zip(self.feature_names, values, normal, self.feature_units, strict=True)
        }

    def _reported(self, alarm: StandingAlarm, window: Window) -> list[Record]:
        self._remember(alarm)
        name = self._record_id(RecordKind.ALARM, window.epoch, window.index, alarm.report.alarm_id)
        return [to_record(alarm.report, record_id=name)]

    def _remember(self, alarm: StandingAlarm) -> None:
        self._memory = replace(self._memory, standing={**self._memory.standing, alarm.report.family: alarm})

    def _circumstances(self, window: Window, outcome: Outcome, clock_quality: ClockQuality) -> Circumstances:
        settings = self.setup.pipeline
        return Circumstances(
            asset_id=settings.asset_id,
            machine=settings.machine,
            stream_epoch=window.epoch,
            end_ns=window.end_ns,
            score=1.0 if outcome.score is None else float(outcome.score),
            operating_state=outcome.operating_state,
            model=self._model,
            clock_quality=clock_quality,
            learning_since_ms=self._memory.learning_since_ms,
        )

    def _record_id(self, kind: RecordKind, epoch: int, index: int, detail: str = "") -> int:
        return record_id(self.setup.pipeline.asset_id, kind, epoch, index, detail)
