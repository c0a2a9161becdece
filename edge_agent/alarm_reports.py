"""From a change of an alarm condition to the report that people read: identity, revision, diagnosis.

The condition is decided in the pipeline; here a `StandingAlarm` gives it its id and counts its reports, and the
diagnosis is put beside it. A diagnosis may be revised while the alarm stands (`changed` → `outer_race`), never back to
something less said. Pure: what was computed from samples is passed in.
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


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """The last report of one alarm, and when its diagnosis is looked at again.

    Attributes:
        report: as it was sent.
        review_in: windows until the next review.
        review_every: windows between this review and the one before; doubles.
    """

    report: AlarmReport
    review_in: int = FIRST_REVIEW_WINDOWS
    review_every: int = FIRST_REVIEW_WINDOWS

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
    diagnosis: Diagnosis,
    at: Circumstances,
) -> StandingAlarm:
    """Return the alarm after a change of its condition."""
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
    return StandingAlarm(report)


def revised(standing: StandingAlarm, diagnosis: Diagnosis, at: Circumstances) -> StandingAlarm:
    """Return the alarm with a better diagnosis; everything that identifies it stays."""
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


def says_more(new: Diagnosis, old: Diagnosis) -> bool:
    """Return whether a new diagnosis should replace the one that people have read.

    >>> say = lambda label, confidence: Diagnosis(DiagnosisLabel(label), None, confidence, "", "")
    >>> says_more(say("outer_race", 0.7), say("changed", 0.9)), says_more(say("changed", 0.9), say("ball", 0.5))
    (True, False)
    """
    if new.label in UNSPECIFIC or new.label is old.label:
        return False
    return old.label in UNSPECIFIC or new.confidence >= old.confidence + 0.2


def against_baseline(
    verdict: Diagnosis, outcome: Outcome, channels: Sequence[str], extractor: MachineFeatures
) -> Diagnosis:
    """Return the verdict, or `changed` with the feature that moved most where it does not name what is wrong.

    An alarm stands, so "no fault found" cannot be its reason: the machine differs from its baseline, or its level lies
    in a zone that does not allow operation for long.
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
    zone = outcome.zone
    sentence = f"Vibration velocity lies in ISO 20816-3 zone {zone}." if zone else verdict.sentence
    return replace(verdict, label=DiagnosisLabel.CHANGED, sentence=sentence)


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
    """Return a UUID for a new alarm: of the asset, component, family and stream, so that a repeated step repeats it."""
    return str(uuid.uuid5(uuid.UUID(at.asset_id), f"{COMPONENT}/{family.value}/{at.stream_epoch}"))
