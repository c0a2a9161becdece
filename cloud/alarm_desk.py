"""What becomes of an alarm: the gateway's reports on one side, what people do on the other. Pure.

The gateway owns the condition (active, returned, how often, how bad), people own the answer (acknowledged; shelving
and outcomes come with their own step). Neither overwrites the other, so there is no conflict to resolve: the state
that people see is computed from both.

Source: ISA-18.2-2016, figure 4, alarm state transitions; wire.md 6, who owns what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from cloud.errors import ConflictError
from models.contract.vocabulary import AlarmState, DiagnosisLabel, Severity

if TYPE_CHECKING:
    from models.contract.records import AlarmReport

NS_PER_MS = 1_000_000


class DeskState(StrEnum):
    """ISA-18.2 state of an alarm as people see it."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    NORMAL = "normal"


OPEN_STATES = (DeskState.UNACKNOWLEDGED, DeskState.ACKNOWLEDGED, DeskState.RETURNED_UNACKNOWLEDGED)
"""States in which an alarm still wants something from somebody."""


class Happening(StrEnum):
    """What a line of an alarm's timeline tells."""

    RAISED = "raised"
    RAISED_AGAIN = "raised_again"
    RETURNED = "returned"
    SEVERITY_CHANGED = "severity_changed"
    DIAGNOSIS_REVISED = "diagnosis_revised"
    REPORTED_LATE = "reported_late"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen the alarm, at this severity."""

    by: str
    at_ms: int
    comment: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an alarm stands.

    Attributes:
        edge_id, revision: the report that counts; a lower revision of the same id is history.
        late: raised before the gateway's connection that brought it.
        acknowledgement: None until somebody has, and again after it was raised anew or got worse.
    """

    edge_id: str
    revision: int
    condition: AlarmState
    severity: Severity
    label: DiagnosisLabel
    occurrence: int
    since_ms: int
    changed_ms: int
    late: bool
    acknowledgement: Acknowledgement | None = None

    @property
    def state(self) -> DeskState:
        """Return the ISA-18.2 state."""
        if self.condition is AlarmState.ACTIVE:
            return DeskState.ACKNOWLEDGED if self.acknowledgement else DeskState.UNACKNOWLEDGED
        return DeskState.NORMAL if self.acknowledgement else DeskState.RETURNED_UNACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of an alarm's timeline."""

    at_ms: int
    who: str
    what: Happening
    detail: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report did.

    Attributes:
        counts: False when something newer was known already; then the report is history only.
    """

    standing: Standing
    counts: bool
    entries: tuple[TimelineEntry, ...]


def report(standing: Standing | None, told: AlarmReport, *, late: bool, gateway: str) -> Reported:
    """Return where an alarm stands after one more report of its gateway.

    Args:
        standing: where it stood, or None for an alarm never heard of.
        told: the report.
        late: it was made before the connection that brought it.
        gateway: who speaks in the timeline.
    """
    at_ms = told.end_ns // NS_PER_MS
    if standing is not None and not _is_newer(standing, told, at_ms):
        if told.alarm_id == standing.edge_id and told.revision == standing.revision:
            return Reported(standing, counts=False, entries=())
        detail = f"{told.state}, {told.severity}: {told.diagnosis.sentence}"
        return Reported(
            standing, counts=False, entries=(TimelineEntry(at_ms, gateway, Happening.REPORTED_LATE, detail),)
        )
    anew = standing is None or _is_raised_anew(standing, told)
    worse = standing is not None and _rank(told.severity) > _rank(standing.severity)
    keeps = standing is not None and not anew and not worse
    after = Standing(
        edge_id=told.alarm_id,
        revision=told.revision,
        condition=told.state,
        severity=told.severity,
        label=told.diagnosis.label,
        occurrence=told.occurrence,
        since_ms=told.since_ns // NS_PER_MS,
        changed_ms=at_ms,
        late=late if anew or standing is None else standing.late,
        acknowledgement=standing.acknowledgement if standing is not None and keeps else None,
    )
    found = _happenings(standing, told, anew=anew)
    return Reported(
        after, counts=True, entries=tuple(TimelineEntry(at_ms, gateway, what, detail) for what, detail in found)
    )


def acknowledge(standing: Standing, by: str, comment: str, at_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands after somebody has seen it.

    Raises:
        ConflictError: somebody was first.
    """
    if standing.acknowledgement is not None:
        raise ConflictError(f"this alarm is already acknowledged by {standing.acknowledgement.by}")
    seen = Acknowledgement(by, at_ms, comment, standing.severity)
    return replace(standing, acknowledgement=seen), TimelineEntry(at_ms, by, Happening.ACKNOWLEDGED, comment)


def _is_newer(standing: Standing, told: AlarmReport, at_ms: int) -> bool:
    """Return whether a report counts; a gateway that lost its disk starts again at revision 1 under a new id."""
    if told.alarm_id == standing.edge_id:
        return told.revision > standing.revision
    return at_ms > standing.changed_ms


def _is_raised_anew(standing: Standing, told: AlarmReport) -> bool:
    returned = standing.condition is AlarmState.RETURNED and told.state is AlarmState.ACTIVE
    return returned or (told.alarm_id == standing.edge_id and told.occurrence > standing.occurrence)


def _happenings(standing: Standing | None, told: AlarmReport, *, anew: bool) -> list[tuple[Happening, str]]:
    """Return what a report that counts has to tell."""
    sentence = told.diagnosis.sentence
    found: list[tuple[Happening, str]] = []
    if standing is None:
        found.append((Happening.RAISED, f"{told.severity}: {sentence}"))
    elif anew:
        found.append((Happening.RAISED_AGAIN, f"{told.severity}: {sentence}"))
    else:
        if told.severity is not standing.severity:
            found.append((Happening.SEVERITY_CHANGED, f"{standing.severity} → {told.severity}"))
        if told.diagnosis.label is not standing.label:
            found.append((Happening.DIAGNOSIS_REVISED, f"{standing.label} → {told.diagnosis.label}: {sentence}"))
    was_active = standing is None or anew or standing.condition is AlarmState.ACTIVE
    if told.state is AlarmState.RETURNED and was_active:
        found.append((Happening.RETURNED, f"after {told.severity}"))
    return found


def _rank(severity: Severity) -> int:
    return list(Severity).index(severity)
