"""From a change of an alarm condition to the report that people read: identity, revision, diagnosis.

The condition is decided in the pipeline; here a `StandingAlarm` gives it its id and counts its reports, and the
diagnosis is put beside it, with the limit of the velocity that was crossed. A diagnosis may be revised while the alarm
stands (`changed` → `outer_race`, at DE or NDE → at DE), never back to something less said. Pure: what was computed from
samples is passed in.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from edge_agent.what_changed import largest_change
from models.contract.records import AlarmReport, Diagnosis
from models.contract.vocabulary import AlarmState, DiagnosisLabel, FailureFamily, QualityCause, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.alarming import AlarmChange
    from models.contract.vocabulary import ClockQuality
    from models.pipeline import Outcome
    from models.signal.machine_features import MachineFeatures

COMPONENT: Final = "machine"
UNSPECIFIC: Final = frozenset(
    {
        DiagnosisLabel.CHANGED,
        DiagnosisLabel.UNCERTAIN,
        DiagnosisLabel.NO_FAULT_FOUND,
        DiagnosisLabel.HEALTHY,
        DiagnosisLabel.PROCESS_CHANGED,
    }
)
"""Diagnoses that a named fault may replace."""
BEARING_DAMAGE: Final = frozenset({DiagnosisLabel.OUTER_RACE, DiagnosisLabel.INNER_RACE, DiagnosisLabel.BALL})
"""Damage that does not heal and grows: it is at least alert, however little the machine differs from its baseline."""
FIRST_REVIEW_WINDOWS: Final = 8
LAST_REVIEW_WINDOWS: Final = 1_024
"""Reviews get rarer: a fault that was not to be named at first shows itself within some windows, or much later."""
CONFIRM_WINDOWS: Final = 2 * FIRST_REVIEW_WINDOWS
"""A place is told once two looks agree that share no samples: of five seconds each, and eight apart with two windows a
second. A level that steps within one look, such as a load that moves to one bearing, shows as modulation there."""
_SENSOR_WORDS: Final = {
    QualityCause.NOT_FINITE: "delivers values that are no numbers",
    QualityCause.CONSTANT: "delivers a constant value",
    QualityCause.CLIPPED: "is cut off at the end of its range",
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which circumstances a window was judged."""

    asset_id: str
    machine: str
    stream_epoch: int
    end_ns: int
    score: float
    operating_state: str
    model: str
    clock_quality: ClockQuality
    learning_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What there is to say about an alarm.

    Attributes:
        diagnosis: what is wrong, without the limit.
        places: points that the damage may be at; more than one where that is open, none where nothing has a place.
        limit: a sentence on the limit of the velocity that was crossed, empty where none was.
    """

    diagnosis: Diagnosis
    places: tuple[str, ...] = ()
    limit: str = ""

    @property
    def told(self) -> Diagnosis:
        """Return the diagnosis as people read it."""
        sentence = " ".join(part for part in (self.diagnosis.sentence, self.limit) if part)
        return replace(self.diagnosis, sentence=sentence)


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """The last report of one alarm, and when its diagnosis is looked at again.

    Attributes:
        report: as it was sent.
        review_in: windows until the next review.
        review_every: windows between this review and the one before; doubles.
        places, limit: of what was found, see `Finding`.
        suspected: places that the last look has narrowed it down to.
    """

    report: AlarmReport
    review_in: int = FIRST_REVIEW_WINDOWS
    review_every: int = FIRST_REVIEW_WINDOWS
    places: tuple[str, ...] = ()
    limit: str = ""
    suspected: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding:
        """Return what people have been told, in its parts."""
        told = self.report.diagnosis
        return Finding(replace(told, sentence=told.sentence.removesuffix(self.limit).rstrip()), self.places, self.limit)

    @property
    def is_active(self) -> bool:
        """Return whether the condition stands."""
        return self.report.state is AlarmState.ACTIVE

    def waited(self) -> StandingAlarm:
        """Return the alarm one window later."""
        return replace(self, review_in=self.review_in - 1)

    def reviewed(self) -> StandingAlarm:
        """Return the alarm with its next review twice as far away."""
        every = min(self.review_every * 2, LAST_REVIEW_WINDOWS)
        return replace(self, review_in=every, review_every=every)


def changed(
    standing: StandingAlarm | None,
    family: FailureFamily,
    change: AlarmChange,
    found: Finding,
    at: Circumstances,
) -> StandingAlarm:
    """Return the alarm after a change of its condition."""
    diagnosis = found.told
    report = AlarmReport(
        alarm_id=_alarm_id(at, family) if standing is None else standing.report.alarm_id,
        asset_id=at.asset_id,
        machine=at.machine,
        component=COMPONENT,
        family=family,
        state=change.state,
        severity=_severity(change.severity, diagnosis),
        since_ns=change.since_ns,
        end_ns=at.end_ns,
        occurrence=change.occurrence,
        revision=1 if standing is None else standing.report.revision + 1,
        diagnosis=diagnosis,
        score=at.score,
        operating_state=at.operating_state,
        model=at.model,
        clock_quality=at.clock_quality,
    )
    return StandingAlarm(report, places=found.places, limit=found.limit)


def revised(standing: StandingAlarm, found: Finding, at: Circumstances) -> StandingAlarm:
    """Return the alarm with a better diagnosis; everything that identifies it stays."""
    diagnosis = found.told
    report = replace(
        standing.report,
        end_ns=at.end_ns,
        revision=standing.report.revision + 1,
        severity=_severity(standing.report.severity, diagnosis),
        diagnosis=diagnosis,
        score=at.score,
        operating_state=at.operating_state,
        clock_quality=at.clock_quality,
    )
    return replace(standing, report=report, places=found.places, limit=found.limit, suspected=())


def closed(standing: StandingAlarm, end_ns: int) -> StandingAlarm:
    """Return the alarm returned, because what it spoke of is not there any more."""
    report = replace(standing.report, state=AlarmState.RETURNED, end_ns=end_ns, revision=standing.report.revision + 1)
    return replace(standing, report=report)


def _severity(of_condition: Severity, diagnosis: Diagnosis) -> Severity:
    """Return the severity to report: the condition's, raised for what is known to grow."""
    is_low = of_condition is Severity.WATCH and diagnosis.label in BEARING_DAMAGE
    return Severity.ALERT if is_low else of_condition


def tells_anew(told: StandingAlarm, before: StandingAlarm | None) -> bool:
    """Return whether people would read anything in a report that they have not read."""
    if before is None:
        return True
    new, old = told.report, before.report
    return (new.state, new.severity, new.occurrence, new.diagnosis) != (
        old.state,
        old.severity,
        old.occurrence,
        old.diagnosis,
    )


def says_more(new: Finding, old: Finding) -> bool:
    """Return whether something new should replace what people have read: a name for what had none, or a place for it.

    A place is only ever narrowed down, so that two bearings with the same line do not take turns.

    >>> def say(label, *places):
    ...     return Finding(Diagnosis(DiagnosisLabel(label), None, 0.5, "", ""), places)
    >>> says_more(say("outer_race"), say("changed")), says_more(say("changed"), say("ball"))
    (True, False)
    >>> says_more(say("ball", "DE"), say("ball", "DE", "NDE")), says_more(say("ball", "NDE"), say("ball", "DE"))
    (True, False)
    """
    label, before = new.diagnosis.label, old.diagnosis.label
    if label in UNSPECIFIC:
        return False
    if label is before:
        return set(new.places) < set(old.places) and bool(new.places)
    return before in UNSPECIFIC or new.diagnosis.confidence >= old.diagnosis.confidence + 0.2


def looked_again(standing: StandingAlarm, found: Finding) -> tuple[StandingAlarm, bool]:
    """Return the alarm after one more look at what causes it, and whether that is to be told now.

    A name is told at once. A place must be found twice, because it is told once and for all.
    """
    if not says_more(found, standing.finding):
        return replace(standing, suspected=()), False
    is_place_only = found.diagnosis.label is standing.report.diagnosis.label
    if is_place_only and set(found.places) != set(standing.suspected):
        return replace(standing, suspected=found.places, review_in=CONFIRM_WINDOWS), False
    return standing, True


def against_baseline(
    verdict: Diagnosis, outcome: Outcome, channels: Sequence[str], extractor: MachineFeatures
) -> Diagnosis:
    """Return the verdict, or `changed` with the feature that moved most where it does not name what is wrong.

    An alarm stands, so "no fault found" cannot be its reason: the machine differs from its baseline, or its velocity is
    above a limit.
    """
    if verdict.label not in (DiagnosisLabel.NO_FAULT_FOUND, DiagnosisLabel.HEALTHY, DiagnosisLabel.MACHINE_OFF):
        return verdict
    change = None
    if outcome.features is not None and outcome.baseline is not None:
        change = largest_change(outcome.features, outcome.baseline, channels, extractor)
    if change is not None:
        return Diagnosis(
            DiagnosisLabel.CHANGED,
            change.channel,
            1.0 - math.exp(-abs(change.log_ratio)),
            change.sentence,
            "Compare the spectra with the healthy ones and watch the trend; inspect if it goes on rising.",
            verdict.evidence,
        )
    crossing = outcome.crossing
    if crossing is None:
        return replace(verdict, label=DiagnosisLabel.CHANGED)
    # The limit that was crossed is said beside every diagnosis; here it is all there is to say.
    return replace(
        verdict, label=DiagnosisLabel.CHANGED, channel=crossing.channel, sentence="", next_step=crossing.next_step
    )


def sensor_diagnosis(causes: Sequence[QualityCause], channel: str | None) -> Diagnosis:
    """Return what to say of a sensor whose windows cannot be judged."""
    words = " and ".join(_SENSOR_WORDS.get(cause, cause.value) for cause in causes) or "delivers nothing usable"
    return Diagnosis(
        DiagnosisLabel.SENSOR_FAULT,
        channel,
        0.95,
        f"Sensor {channel or 'signal'} {words}; the machine cannot be judged meanwhile.",
        "Check plug, cable and mounting of the sensor, then its supply.",
    )


def _alarm_id(at: Circumstances, family: FailureFamily) -> str:
    """Return a UUID for a new alarm: of the asset, component, family and stream, so that a repeated step repeats it.

    What is told after a part was replaced is another story: its occurrences are counted from one again.
    """
    story = f"/{at.learning_since_ms}" if at.learning_since_ms else ""
    return str(uuid.uuid5(uuid.UUID(at.asset_id), f"{COMPONENT}/{family.value}/{at.stream_epoch}{story}"))
