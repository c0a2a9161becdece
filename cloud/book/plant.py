"""What people say of machines, written to the book: name, place, criticality, advice, and suppression by design.

edit_machine, advise → rows and what follows for alarms; follow_states, with every batch → suppressed by design
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud import alarm_desk
from cloud.book import audit_log
from cloud.book.answering import each_alarm, withholding
from cloud.book.plant_tables import Advice
from cloud.book.tables import Alarm, Machine
from cloud.book.transactions import writing
from cloud.errors import EditionError, NotFoundError
from cloud.event_hub import Change, Subject
from models.contract.vocabulary import Criticality, DiagnosisLabel, FailureFamily, Severity, alarm_priority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine

    from cloud.alarm_desk import Standing, TimelineEntry, Withholding


@dataclass(frozen=True, slots=True)
class MachineEdit:
    """What people say of a machine; None leaves it as it is, an empty text takes it away."""

    display_name: str | None = None
    path: str | None = None
    criticality: Criticality | None = None
    suppressed_in: tuple[str, ...] | None = None


def edit_machine(engine: Engine, machine_id: str, edit: MachineEdit, edition: int, by: str, at_ms: int) -> set[Change]:  # noqa: PLR0917 - who did what to what, and when
    """Write what people say of a machine, if nobody has said anything since the edition that they looked at.

    Raises:
        NotFoundError: nobody has that id.
        EditionError: somebody was first.
        StoreError: it could not be written.
    """
    with writing(engine, "the machine") as session:
        machine = session.get(Machine, machine_id, with_for_update=True)
        if machine is None:
            raise NotFoundError("machine", machine_id)
        if machine.edition != edition:
            raise EditionError("somebody has changed this machine meanwhile: look at it again, then change it")
        machine.edition += 1
        if edit.display_name is not None:
            machine.display_name = edit.display_name or None
        if edit.path is not None:
            machine.path = edit.path or None
        changes = {Change(Subject.MACHINE, machine.id)}
        if edit.criticality is not None:
            machine.criticality = edit.criticality
            changes |= _rank_alarms(session, machine)
        if edit.suppressed_in is not None:
            machine.suppressed_in = list(edit.suppressed_in) or None
            if machine.suppressed_in is None and machine.design is not None:
                changes |= _release(session, machine, by, at_ms)
        detail = {name: value for name, value in asdict(edit).items() if value is not None}
        session.flush()
        audit_log.append(session, at_ms=at_ms, who=by, what="machine.edit", subject=machine_id, detail=detail)
        return changes


def _rank_alarms(session: Session, machine: Machine) -> set[Change]:
    """Give the alarms of a machine the priority of its new criticality."""
    changes = set()
    for alarm in session.scalars(select(Alarm).where(Alarm.machine_id == machine.id)):
        alarm.priority = alarm_priority(Severity(alarm.severity), Criticality(machine.criticality))
        changes.add(Change(Subject.ALARM, alarm.id))
    return changes


def advise(engine: Engine, machine_class: str, label: DiagnosisLabel, text: str, by: str, at_ms: int) -> set[Change]:  # noqa: PLR0917 - who said what of what, and when
    """Write what to do about a cause on a class of machines, also for alarms that stand; an empty text takes it away.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the advice") as session:
        known = session.get(Advice, (machine_class, label))
        if text:
            session.merge(Advice(machine_class=machine_class, label=label, text=text, by=by, at_ms=at_ms))
        elif known is not None:
            session.delete(known)
        changes = set()
        if text:
            concerned = (Machine.machine_class == machine_class, Alarm.label == label)
            for alarm in session.scalars(select(Alarm).join(Machine, Alarm.machine_id == Machine.id).where(*concerned)):
                alarm.next_step = text
                changes.add(Change(Subject.ALARM, alarm.id))
        session.flush()
        subject = f"{machine_class}/{label}"
        audit_log.append(session, at_ms=at_ms, who=by, what="advice.edit", subject=subject, detail={"text": text})
        return changes


def advice_for(session: Session, machine: Machine | None, label: str) -> str | None:
    """Return what the plant says should be done about a cause on a machine, None if it says nothing."""
    if machine is None or machine.machine_class is None:
        return None
    known = session.get(Advice, (machine.machine_class, label))
    return None if known is None else known.text


def all_advice(engine: Engine) -> Sequence[Advice]:
    """Return everything that the plant says should be done."""
    with Session(engine) as session:
        return session.scalars(select(Advice).order_by(Advice.machine_class, Advice.label)).all()


def follow_states(session: Session, newest: Mapping[str, tuple[str, int]]) -> set[Change]:
    """Suppress and release what the plant wants suppressed by design.

    Args:
        session: with the transaction of a batch.
        newest: operating state of each machine that was heard of, and when, ms UTC.
    """
    changes: set[Change] = set()
    concerned = (Machine.suppressed_in.is_not(None), Machine.id.in_(newest))
    for machine in session.scalars(select(Machine).where(*concerned)):
        state, at_ms = newest[machine.id]
        why = alarm_desk.by_design(FailureFamily.MECHANICAL, state, machine.suppressed_in or (), at_ms)
        if why is not None and machine.design is None:
            machine.design = asdict(why)
            changes |= each_alarm(session, machine, partial(_suppressed, why))
        elif why is None and machine.design is not None:
            changes |= _release(session, machine, alarm_desk.OPERATING_STATE, at_ms)
    return changes


def design_of(machine: Machine | None, family: FailureFamily) -> Withholding | None:
    """Return why alarms of a family are suppressed by design on a machine just now."""
    return None if machine is None or family is FailureFamily.SENSOR else withholding(machine.design)


def _suppressed(why: Withholding, alarm: Alarm, standing: Standing) -> tuple[Standing, TimelineEntry] | None:
    return None if alarm.family == FailureFamily.SENSOR else alarm_desk.suppress(standing, why)


def _release(session: Session, machine: Machine, by: str, at_ms: int) -> set[Change]:
    """Release what was suppressed by design; what is in maintenance as well stays suppressed."""
    machine.design = None
    if machine.maintenance is not None:
        return {Change(Subject.MACHINE, machine.id)}
    return each_alarm(session, machine, lambda _alarm, standing: alarm_desk.release(standing, by, at_ms))
