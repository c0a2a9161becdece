"""What becomes of an alarm: the gateway's reports on one side, what people do on the other. Pure.

The gateway owns the condition (active, returned, how often, how bad), people own the answer: acknowledged, shelved
until a time, out of service, suppressed while the machine is in maintenance or in a state in which the plant has it
suppressed by design, reset. Neither overwrites the other, so
there is no conflict to resolve: the state that people see is computed from both (`Standing.state`), in this order:

1. out of service, suppressed, shelved: nobody is asked for anything, but everything is still written down,
2. active: unacknowledged or acknowledged,
3. returned: unacknowledged, then latched if it was dangerous and nobody has reset it, then normal.

An alarm that comes back from 1 while it is active wants to be seen again: what was known before is old.

Source: ISA-18.2-2016, figure 4, alarm state transitions; wire.md 6, who owns what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cloud.errors import ConflictError
from models.contract.vocabulary import (
    STEADY_PREFIX,
    AlarmState,
    DiagnosisLabel,
    FailureFamily,
    Severity,
    is_steady,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.contract.records import AlarmReport

NS_PER_MS: Final = 1_000_000
LONGEST_SHELVING_MS: Final = 7 * 86_400_000
"""Whoever does not want an alarm for longer wants it out of service, and says so."""
OPERATING_STATE: Final = "operating state"
"""Who suppresses what the plant wants suppressed by design."""
LATCHING: Final = Severity.DANGER
"""Returns of it are not trusted: a bearing about to break gets quieter before it does."""


class DeskState(StrEnum):
    """ISA-18.2 state of an alarm as people see it."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    LATCHED = "latched"
    NORMAL = "normal"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


OPEN_STATES: Final = (
    DeskState.UNACKNOWLEDGED,
    DeskState.ACKNOWLEDGED,
    DeskState.RETURNED_UNACKNOWLEDGED,
    DeskState.LATCHED,
)
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
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    SHELVING_ENDED = "shelving_ended"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    SUPPRESSED = "suppressed"
    NO_LONGER_SUPPRESSED = "no_longer_suppressed"
    RESET = "reset"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen the alarm, at this severity."""

    by: str
    at_ms: int
    comment: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Withholding:
    """Why an alarm asks nobody for anything just now.

    Attributes:
        until_ms: when that ends by itself; None: when somebody says so.
    """

    by: str
    at_ms: int
    reason: str
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an alarm stands.

    Attributes:
        edge_id, revision: the report that counts; a lower revision of the same id is history.
        late: raised before the gateway's connection that brought it.
        acknowledgement: None until somebody has, and again after it was raised anew or got worse.
        latched: it was dangerous since the last reset.
        shelving, service, suppression: why it is withheld, from each of the three.
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
    latched: bool = False
    shelving: Withholding | None = None
    service: Withholding | None = None
    suppression: Withholding | None = None

    @property
    def state(self) -> DeskState:
        """Return the ISA-18.2 state."""
        if self.service is not None:
            return DeskState.OUT_OF_SERVICE
        if self.suppression is not None:
            return DeskState.SUPPRESSED
        if self.shelving is not None:
            return DeskState.SHELVED
        if self.condition is AlarmState.ACTIVE:
            return DeskState.ACKNOWLEDGED if self.acknowledgement else DeskState.UNACKNOWLEDGED
        if self.acknowledgement is None:
            return DeskState.RETURNED_UNACKNOWLEDGED
        return DeskState.LATCHED if self.latched else DeskState.NORMAL


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
        latched=_is_latched(standing, told),
        shelving=standing.shelving if standing is not None else None,
        service=standing.service if standing is not None else None,
        suppression=standing.suppression if standing is not None else None,
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


def shelve(standing: Standing, by: str, reason: str, at_ms: int, until_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands that somebody does not want to hear of until a time; again: with another end.

    Raises:
        ConflictError: out of service already; or an end that has passed or is too far off.
    """
    if standing.service is not None:
        raise ConflictError(f"this alarm is out of service by {standing.service.by}: nothing to shelve")
    if not at_ms < until_ms <= at_ms + LONGEST_SHELVING_MS:
        raise ConflictError("shelving ends within seven days from now; for longer, take it out of service")
    after = replace(standing, shelving=Withholding(by, at_ms, reason, until_ms))
    return after, TimelineEntry(at_ms, by, Happening.SHELVED, reason)


def unshelve(standing: Standing, by: str, at_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands that somebody takes from the shelf before its time.

    Raises:
        ConflictError: it is not there.
    """
    if standing.shelving is None:
        raise ConflictError("this alarm is not shelved")
    return _wanted_again(replace(standing, shelving=None)), TimelineEntry(at_ms, by, Happening.UNSHELVED, "")


def end_shelving(standing: Standing, now_ms: int) -> tuple[Standing, TimelineEntry] | None:
    """Return where an alarm stands whose time on the shelf is over, however long ago; None if it is not."""
    shelving = standing.shelving
    if shelving is None or shelving.until_ms is None or now_ms < shelving.until_ms:
        return None
    entry = TimelineEntry(shelving.until_ms, shelving.by, Happening.SHELVING_ENDED, shelving.reason)
    return _wanted_again(replace(standing, shelving=None)), entry


def take_out_of_service(standing: Standing, by: str, reason: str, at_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands that asks for nothing until somebody puts it back; leaves the shelf.

    Raises:
        ConflictError: somebody was first.
    """
    if standing.service is not None:
        raise ConflictError(f"this alarm was already taken out of service by {standing.service.by}")
    after = replace(standing, service=Withholding(by, at_ms, reason), shelving=None)
    return after, TimelineEntry(at_ms, by, Happening.OUT_OF_SERVICE, reason)


def put_in_service(standing: Standing, by: str, at_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands that counts again.

    Raises:
        ConflictError: it does already.
    """
    if standing.service is None:
        raise ConflictError("this alarm is in service")
    return _wanted_again(replace(standing, service=None)), TimelineEntry(at_ms, by, Happening.IN_SERVICE, "")


def suppress(standing: Standing, why: Withholding) -> tuple[Standing, TimelineEntry] | None:
    """Return where an alarm stands while its machine is in maintenance; None if it was suppressed before."""
    if standing.suppression is not None:
        return None
    return replace(standing, suppression=why), TimelineEntry(why.at_ms, why.by, Happening.SUPPRESSED, why.reason)


def release(standing: Standing, by: str, at_ms: int) -> tuple[Standing, TimelineEntry] | None:
    """Return where an alarm stands after the maintenance of its machine; None if it was not suppressed."""
    if standing.suppression is None:
        return None
    after = _wanted_again(replace(standing, suppression=None))
    return after, TimelineEntry(at_ms, by, Happening.NO_LONGER_SUPPRESSED, "")


def suppress_by_another(standing: Standing, why: Withholding) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands that stays suppressed, for another reason than before."""
    return replace(standing, suppression=why), TimelineEntry(why.at_ms, why.by, Happening.SUPPRESSED, why.reason)


def by_design(
    family: FailureFamily, operating_state: str, suppressed_in: Collection[str], at_ms: int
) -> Withholding | None:
    """Return why alarms of a family are suppressed in an operating state, None if they are not.

    A sensor that is bad is bad in every state of the machine.

    Source: ISA-18.2-2016, 3.1 *suppressed by design*: the plant says in which states an alarm means nothing.
    """
    is_meant = operating_state in suppressed_in or ("steady" in suppressed_in and is_steady(operating_state))
    if family is FailureFamily.SENSOR or not is_meant:
        return None
    state = operating_state.removeprefix(STEADY_PREFIX)
    return Withholding(OPERATING_STATE, at_ms, f"by design while the machine is {state}")


def reset(standing: Standing, by: str, comment: str, at_ms: int) -> tuple[Standing, TimelineEntry]:
    """Return where a latched alarm stands after somebody has looked at the machine.

    Raises:
        ConflictError: it is not latched.
    """
    if standing.state is not DeskState.LATCHED:
        raise ConflictError(f"this alarm is {standing.state.replace('_', ' ')}, not latched")
    return replace(standing, latched=False), TimelineEntry(at_ms, by, Happening.RESET, comment)


def find(standing: Standing, by: str, found: str, at_ms: int, *, repaired: bool) -> tuple[Standing, TimelineEntry]:
    """Return where an alarm stands after somebody has said what they found: they have seen it, and looked.

    Args:
        standing: before.
        by: who.
        found: in words, for the timeline.
        at_ms: when.
        repaired: a part was replaced, so what was dangerous is so no more.
    """
    seen = standing.acknowledgement or Acknowledgement(by, at_ms, found, standing.severity)
    latched = standing.latched and standing.condition is AlarmState.ACTIVE and not repaired
    return replace(standing, acknowledgement=seen, latched=latched), TimelineEntry(at_ms, by, Happening.OUTCOME, found)


def _wanted_again(standing: Standing) -> Standing:
    """Return an alarm that is no longer withheld: while active, it wants to be seen again."""
    return replace(standing, acknowledgement=None) if standing.condition is AlarmState.ACTIVE else standing


def _is_newer(standing: Standing, told: AlarmReport, at_ms: int) -> bool:
    """Return whether a report counts; a gateway that lost its disk starts again at revision 1 under a new id."""
    if told.alarm_id == standing.edge_id:
        return told.revision > standing.revision
    return at_ms > standing.changed_ms


def _is_raised_anew(standing: Standing, told: AlarmReport) -> bool:
    returned = standing.condition is AlarmState.RETURNED and told.state is AlarmState.ACTIVE
    return returned or (told.alarm_id == standing.edge_id and told.occurrence > standing.occurrence)


def _is_latched(standing: Standing | None, told: AlarmReport) -> bool:
    """Return whether the alarm was dangerous since the last reset, in whatever order its reports come."""
    if _rank(told.severity) < _rank(LATCHING):
        return standing is not None and standing.latched
    if standing is None or told.state is AlarmState.ACTIVE:
        return True
    # The return of a danger that is known already: latched, unless the part was replaced meanwhile.
    is_known = standing.condition is AlarmState.ACTIVE and _rank(standing.severity) >= _rank(LATCHING)
    return standing.latched if is_known else True


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
