"""What people do with alarms, written to the book with its line in the timeline and in the audit.

`cloud.alarm_desk` decides, this writes: `answer` for what somebody does with one alarm, `maintain` for what they do
with a machine and so with all of its alarms, `end_what_is_over` for what ends by the clock, also while no cloud was
running.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cloud import alarm_desk
from cloud.alarm_desk import Acknowledgement, Standing, TimelineEntry, Withholding
from cloud.book import audit_log
from cloud.book.tables import Alarm, AlarmEvent, AlarmName, Machine
from cloud.book.transactions import writing
from cloud.errors import ConflictError, NotFoundError
from cloud.event_hub import Change, Subject
from models.contract.vocabulary import AlarmState, DiagnosisLabel, FailureFamily, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

CLOCK = "clock"
"""Who ends what nobody ended."""


def standing_of(alarm: Alarm) -> Standing:
    """Return where an alarm stands, from its row."""
    seen = None
    if alarm.acknowledged_by is not None:
        seen = Acknowledgement(
            alarm.acknowledged_by,
            alarm.acknowledged_ms or 0,
            alarm.acknowledged_comment or "",
            Severity(alarm.acknowledged_severity or alarm.severity),
        )
    return Standing(
        edge_id=alarm.edge_id,
        revision=alarm.revision,
        condition=AlarmState(alarm.condition),
        severity=Severity(alarm.severity),
        label=DiagnosisLabel(alarm.label),
        occurrence=alarm.occurrence,
        since_ms=alarm.since_ms,
        changed_ms=alarm.changed_ms,
        late=alarm.late,
        acknowledgement=seen,
        latched=alarm.latched,
        shelving=withholding(alarm.shelving),
        service=withholding(alarm.service),
        suppression=withholding(alarm.suppression),
    )


def keep_standing(alarm: Alarm, standing: Standing) -> None:
    """Write where an alarm stands into its row."""
    seen = standing.acknowledgement
    alarm.edge_id = standing.edge_id
    alarm.revision = standing.revision
    alarm.state = standing.state
    alarm.condition = standing.condition
    alarm.severity = standing.severity
    alarm.label = standing.label
    alarm.occurrence = standing.occurrence
    alarm.since_ms = standing.since_ms
    alarm.changed_ms = standing.changed_ms
    alarm.late = standing.late
    alarm.acknowledged_by = seen.by if seen else None
    alarm.acknowledged_ms = seen.at_ms if seen else None
    alarm.acknowledged_comment = seen.comment if seen else None
    alarm.acknowledged_severity = seen.severity if seen else None
    alarm.latched = standing.latched
    alarm.shelving = asdict(standing.shelving) if standing.shelving else None
    alarm.shelved_until_ms = standing.shelving.until_ms if standing.shelving else None
    alarm.service = asdict(standing.service) if standing.service else None
    alarm.suppression = asdict(standing.suppression) if standing.suppression else None


def withholding(document: dict[str, Any] | None) -> Withholding | None:
    """Return why something is withheld, from its column."""
    return None if document is None else Withholding(**document)


def answer(
    engine: Engine,
    alarm_id: str,
    act: Callable[[Standing], tuple[Standing, TimelineEntry]],
    *,
    what: str,
    at_ms: int,
    detail: dict[str, Any],
) -> str:
    """Do something with an alarm and return its own id.

    Args:
        engine: the book.
        alarm_id: its own id or any that a gateway gave it.
        act: a decision of `cloud.alarm_desk`.
        what: for the audit.
        at_ms: now.
        detail: for the audit.

    Raises:
        NotFoundError: nobody has that id.
        ConflictError: the alarm stands where that cannot be done.
        StoreError: it could not be written.
    """
    with writing(engine, "the answer") as session:
        return answer_in(session, alarm_id, act, what=what, at_ms=at_ms, detail=detail).id


def answer_in(
    session: Session,
    alarm_id: str,
    act: Callable[[Standing], tuple[Standing, TimelineEntry]],
    *,
    what: str,
    at_ms: int,
    detail: dict[str, Any],
) -> Alarm:
    """Do something with an alarm as part of a transaction; as `answer`, returns the alarm's row."""
    name = session.get(AlarmName, alarm_id)
    alarm = session.get(Alarm, name.alarm_id if name else alarm_id, with_for_update=True)
    if alarm is None:
        raise NotFoundError("alarm", alarm_id)
    entry = _change(session, alarm, act(standing_of(alarm)))
    session.flush()
    audit_log.append(session, at_ms=at_ms, who=entry.who, what=what, subject=alarm.id, detail=detail)
    return alarm


def maintain(engine: Engine, machine_id: str, why: Withholding) -> set[Change]:
    """Suppress every alarm of a machine that people work on; again: with another end.

    Raises:
        NotFoundError: nobody has that id.
        StoreError: it could not be written.
    """
    with writing(engine, "the maintenance") as session:
        machine = _machine(session, machine_id)
        machine.maintenance, machine.maintained_until_ms = asdict(why), why.until_ms
        detail = {"reason": why.reason, "until_ms": why.until_ms}
        changes = each_alarm(session, machine, lambda _alarm, standing: alarm_desk.suppress(standing, why))
        audit_log.append(
            session, at_ms=why.at_ms, who=why.by, what="machine.maintain", subject=machine.id, detail=detail
        )
        return changes


def end_maintenance(engine: Engine, machine_id: str, by: str, at_ms: int) -> set[Change]:
    """Let the alarms of a machine count again.

    Raises:
        NotFoundError: nobody has that id.
        ConflictError: it is not in maintenance.
        StoreError: it could not be written.
    """
    with writing(engine, "the end of the maintenance") as session:
        machine = _machine(session, machine_id)
        if machine.maintenance is None:
            raise ConflictError("this machine is not in maintenance")
        changes = _end_maintenance(session, machine, by, at_ms)
        _audit_end_of_maintenance(session, machine_id, by, at_ms)
        return changes


def end_what_is_over(engine: Engine, now_ms: int) -> set[Change]:
    """End every shelving and maintenance whose time has come, however long ago; return what changed.

    Raises:
        StoreError: it could not be written; ask again.
    """
    changes: set[Change] = set()
    with writing(engine, "the end of a shelving") as session:
        ended_ms = {}
        for machine in session.scalars(select(Machine).where(Machine.maintained_until_ms <= now_ms)):
            ended_ms[machine.id] = machine.maintained_until_ms or now_ms
            changes |= _end_maintenance(session, machine, CLOCK, ended_ms[machine.id])
        for alarm in session.scalars(select(Alarm).where(Alarm.shelved_until_ms <= now_ms)):
            if (ended := alarm_desk.end_shelving(standing_of(alarm), now_ms)) is not None:
                _change(session, alarm, ended)
                changes |= _changed(alarm)
        for machine_id, at_ms in ended_ms.items():
            _audit_end_of_maintenance(session, machine_id, CLOCK, at_ms)
    return changes


def _end_maintenance(session: Session, machine: Machine, by: str, at_ms: int) -> set[Change]:
    machine.maintenance, machine.maintained_until_ms = None, None
    design = withholding(machine.design)

    def released(alarm: Alarm, standing: Standing) -> tuple[Standing, TimelineEntry] | None:
        if design is None or alarm.family == FailureFamily.SENSOR:
            return alarm_desk.release(standing, by, at_ms)
        return alarm_desk.suppress_by_another(standing, design)

    return each_alarm(session, machine, released)


def _audit_end_of_maintenance(session: Session, machine_id: str, by: str, at_ms: int) -> None:
    session.flush()
    audit_log.append(session, at_ms=at_ms, who=by, what="machine.end_maintenance", subject=machine_id, detail={})


def each_alarm(
    session: Session, machine: Machine, act: Callable[[Alarm, Standing], tuple[Standing, TimelineEntry] | None]
) -> set[Change]:
    """Do something with each alarm of a machine that it changes, and return what changed."""
    changes = {Change(Subject.MACHINE, machine.id)}
    for alarm in session.scalars(select(Alarm).where(Alarm.machine_id == machine.id).with_for_update()):
        if (done := act(alarm, standing_of(alarm))) is not None:
            _change(session, alarm, done)
            changes |= _changed(alarm)
    return changes


def _change(session: Session, alarm: Alarm, done: tuple[Standing, TimelineEntry]) -> TimelineEntry:
    standing, entry = done
    keep_standing(alarm, standing)
    session.add(AlarmEvent(alarm_id=alarm.id, at_ms=entry.at_ms, who=entry.who, what=entry.what, detail=entry.detail))
    return entry


def _changed(alarm: Alarm) -> set[Change]:
    return {Change(Subject.ALARM, alarm.id), Change(Subject.MACHINE, alarm.machine_id)}


def _machine(session: Session, machine_id: str) -> Machine:
    machine = session.get(Machine, machine_id, with_for_update=True)
    if machine is None:
        raise NotFoundError("machine", machine_id)
    return machine
