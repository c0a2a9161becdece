"""From the timeline of alarms to messages that wait: read what happened, decide, write, in one transaction.

Every line of an alarm's timeline is written in the transaction that changed the alarm. Reading them on, and writing
what follows together with how far was read, makes each line count once, whatever crashes in between:

    lines that were not read → occasions → `cloud.notifying.deciding` → cases, messages, items, escalations
    escalations whose time has come → the same
    how far was read

Lines are numbered before their transaction ends; nothing is skipped because nobody else writes beside this one
(`cloud.book.transactions`), so no lower number can appear later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy import func, select, update

from cloud.alarm_desk import DeskState, Happening
from cloud.book.notification_reading import path_of, reading
from cloud.book.notification_tables import (
    Notification,
    NotificationCase,
    NotificationEscalation,
    NotificationItem,
    NotificationPosition,
)
from cloud.book.tables import Alarm, AlarmEvent, AlarmReportRow, Machine
from cloud.book.transactions import writing
from cloud.notifying.deciding import (
    Cause,
    Decision,
    Escalation,
    Form,
    Occasion,
    Stopped,
    Telling,
    Traffic,
    decide,
    escalate,
    most_urgent,
)
from cloud.notifying.message import Delivery, Kind
from models.contract.vocabulary import Criticality, Priority, Severity, alarm_priority

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from cloud.notifying.plan import Plan

POSITION: Final = "timeline"
LINES_AT_ONCE: Final = 50
"""Of the timeline in one transaction: a flood keeps ingest and people from writing for moments, not for seconds."""

CASES_LOOKED_AT: Final = 100
"""Back to the last raise: an alarm does not get worse more often than that in one occurrence."""

CLOCK_BACK_MS: Final = 60_000
"""A clock is disciplined by seconds; a minute back means that it was set."""

_RAISING: Final = {Happening.RAISED: Cause.RAISED, Happening.RAISED_AGAIN: Cause.RAISED_AGAIN}
_WANTED: Final = frozenset(
    {
        Happening.SHELVING_ENDED,
        Happening.UNSHELVED,
        Happening.IN_SERVICE,
        Happening.NO_LONGER_SUPPRESSED,
    }
)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a pass did.

    Attributes:
        lines: of the timeline that were read; as many as fit means that there may be more.
        messages: that were made or that got another line.
        clock_back_ms: how far the clock was set back since the last pass, 0 if it was not.
    """

    lines: int
    messages: int
    clock_back_ms: int = 0


@dataclass(frozen=True, slots=True)
class _Told:
    """What a line of the timeline says about the occurrence it belongs to."""

    cause: Cause
    occurrence: int
    priority: Priority
    heard_ms: int
    late: bool


def begin_reading(engine: Engine, now_ms: int) -> None:
    """Start at the end of the timeline, the first time: what happened before anyone asked to be told is history.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the start of notifications") as session:
        if session.get(NotificationPosition, POSITION) is None:
            newest = session.scalar(select(func.max(AlarmEvent.key))) or 0
            session.add(NotificationPosition(name=POSITION, read_key=newest, clock_ms=now_ms))


def plan_messages(engine: Engine, plan: Plan, now_ms: int, clock_ms: int = 0) -> Planned:
    """Decide on everything that has happened and on every escalation that is due.

    Args:
        engine: the book.
        plan: who is told of what.
        now_ms: the time.
        clock_ms: what the clock should show at least; later than `now_ms` means that it was set back.

    Raises:
        StoreError: nothing of it was written; ask again.
    """
    if not _is_anything(engine, now_ms, clock_ms):
        return Planned(0, 0)
    with writing(engine, "the notifications") as session:
        position = session.get_one(NotificationPosition, POSITION)
        lines = _unread(session, position.read_key)
        back_ms = _set_back_ms(position, now_ms, clock_ms)
        if back_ms:
            _shift(session, back_ms, now_ms)
        due = _due(session, now_ms)
        traffic = _traffic(session, plan, now_ms)
        messages = 0
        for line in lines:
            messages += _happened(session, line, plan, traffic, now_ms)
        for one in due:
            messages += _escalated(session, one, plan, traffic, now_ms)
        position.clock_ms = now_ms
        if lines:
            position.read_key = lines[-1].key
        return Planned(len(lines), messages, back_ms)


def _is_anything(engine: Engine, now_ms: int, clock_ms: int) -> bool:
    """Return whether a pass would do something; most find nothing, and should keep nobody from writing."""
    with reading(engine, "the notifications") as session:
        position = session.get_one(NotificationPosition, POSITION)
        is_new = select(AlarmEvent.key).where(AlarmEvent.key > position.read_key).limit(1)
        return (
            session.scalars(is_new).first() is not None
            or _set_back_ms(position, now_ms, clock_ms) > 0
            or bool(_due(session, now_ms))
        )


def _set_back_ms(position: NotificationPosition, now_ms: int, clock_ms: int) -> int:
    """Return how far the clock was set back, 0 if it was not."""
    back_ms = max(position.clock_ms, clock_ms) - now_ms
    return back_ms if back_ms > CLOCK_BACK_MS else 0


def _unread(session: Session, read_key: int) -> list[AlarmEvent]:
    query = select(AlarmEvent).where(AlarmEvent.key > read_key).order_by(AlarmEvent.key)
    return list(session.scalars(query.limit(LINES_AT_ONCE)))


def _due(session: Session, now_ms: int) -> list[NotificationEscalation]:
    query = select(NotificationEscalation).where(
        NotificationEscalation.ended.is_(None), NotificationEscalation.due_ms <= now_ms
    )
    return list(session.scalars(query.order_by(NotificationEscalation.due_ms).limit(LINES_AT_ONCE)))


def _shift(session: Session, back_ms: int, now_ms: int) -> None:
    """Move everything that waits for a time by as much as the clock was set back, so that nothing waits longer."""
    waiting = Notification.state.in_((Delivery.WAITING, Delivery.SENDING))
    session.execute(
        update(Notification)
        .where(waiting)
        .values(
            created_ms=Notification.created_ms - back_ms,
            due_ms=Notification.due_ms - back_ms,
            next_try_ms=Notification.next_try_ms - back_ms,
        )
    )
    session.execute(
        update(NotificationEscalation)
        .where(NotificationEscalation.ended.is_(None))
        .values(due_ms=NotificationEscalation.due_ms - back_ms)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Notification)
        .where(~waiting, Notification.created_ms > now_ms)
        .values(created_ms=Notification.created_ms - back_ms)
    )
    session.expire_all()


def _traffic(session: Session, plan: Plan, now_ms: int) -> Traffic:
    """Return when each target was given messages of its own."""
    given: dict[str, list[int]] = {}
    for recipient in plan.recipients.values():
        query = select(Notification.created_ms).where(
            Notification.target == recipient.name,
            Notification.created_ms > now_ms - recipient.rate_ms,
            Notification.kind.in_((Kind.ALARM, Kind.ESCALATION)),
        )
        given[recipient.name] = list(session.scalars(query))
    return Traffic(given)


def _happened(session: Session, line: AlarmEvent, plan: Plan, traffic: Traffic, now_ms: int) -> int:
    """Decide on one line; return how many messages it made or joined."""
    alarm = session.get_one(Alarm, line.alarm_id)
    told = _read(session, line, alarm, now_ms)
    if told is None:
        return 0
    occasion = _occasion(session, alarm, told, now_ms)
    decision = decide(occasion, plan, traffic, now_ms)
    case = NotificationCase(
        event_key=line.key,
        alarm_id=alarm.id,
        occurrence=told.occurrence,
        cause=told.cause,
        priority=told.priority,
        at_ms=line.at_ms,
        decided_ms=now_ms,
        withheld=decision.withheld,
    )
    session.add(case)
    session.flush()
    return _write(session, case, decision, occasion.priority, now_ms)


def _escalated(session: Session, due: NotificationEscalation, plan: Plan, traffic: Traffic, now_ms: int) -> int:
    """Decide on one escalation; return how many messages it made or joined."""
    case = session.get_one(NotificationCase, due.case_key)
    alarm = session.get_one(Alarm, case.alarm_id)
    newer = select(NotificationCase.key).where(
        NotificationCase.alarm_id == case.alarm_id,
        NotificationCase.key > case.key,
        NotificationCase.withheld.is_(None),
    )
    if session.scalars(newer.limit(1)).first() is not None:
        due.ended = "told anew since"
        return 0
    told = _Told(Cause(case.cause), case.occurrence, Priority(case.priority), now_ms, late=False)
    occasion = _occasion(session, alarm, told, now_ms)
    step = Escalation(due.route, due.step, due.due_ms)
    decision = escalate(step, occasion, alarm.acknowledged_by, plan, traffic, now_ms)
    if isinstance(decision, Stopped):
        due.ended = decision.reason
        return 0
    due.ended = "told"
    return _write(session, case, decision, occasion.priority, now_ms)


def _read(session: Session, line: AlarmEvent, alarm: Alarm, now_ms: int) -> _Told | None:
    """Return what a line tells people, None for one that tells them nothing."""
    what = Happening(line.what)
    if what in _WANTED:
        if alarm.state != DeskState.UNACKNOWLEDGED:
            return None
        return _Told(Cause.WANTED_AGAIN, alarm.occurrence, Priority(alarm.priority), now_ms, late=False)
    if what in _RAISING:
        cause = _RAISING[what]
    elif what is Happening.SEVERITY_CHANGED and _is_worse(line.detail):
        cause = Cause.WORSE
    else:
        return None
    query = select(AlarmReportRow).where(AlarmReportRow.alarm_id == alarm.id, AlarmReportRow.end_ms == line.at_ms)
    report = session.scalars(query.order_by(AlarmReportRow.revision.desc()).limit(1)).first()
    if report is None:
        return _Told(cause, alarm.occurrence, Priority(alarm.priority), now_ms, late=alarm.late)
    machine = session.get_one(Machine, alarm.machine_id)
    priority = alarm_priority(Severity(report.document["severity"]), Criticality(machine.criticality))
    return _Told(cause, int(report.document["occurrence"]), priority, report.received_ms, report.late)


def _is_worse(detail: str) -> bool:
    """Return whether `watch → danger` goes up."""
    ranks = list(Severity)
    try:
        before, after = (Severity(word) for word in detail.split(" → "))
    except ValueError:
        # Told once too often is the safe side.
        return True
    return ranks.index(after) > ranks.index(before)


def _occasion(session: Session, alarm: Alarm, told: _Told, now_ms: int) -> Occasion:
    machine = session.get_one(Machine, alarm.machine_id)
    return Occasion(
        cause=told.cause,
        # A clock that was set back must not make news out of the future wait.
        heard_ms=min(told.heard_ms, now_ms),
        late=told.late,
        state=DeskState(alarm.state),
        priority=told.priority,
        told=_told_before(session, alarm.id),
        names=frozenset(name for name in (machine.id, machine.device, machine.display_name) if name),
        path=path_of(session, machine),
        machine_class=machine.machine_class,
    )


def _told_before(session: Session, alarm_id: str) -> Priority | None:
    """Return the highest priority at which people were told since the alarm was last raised."""
    told = []
    query = select(NotificationCase).where(NotificationCase.alarm_id == alarm_id).order_by(NotificationCase.key.desc())
    for case in session.scalars(query.limit(CASES_LOOKED_AT)):
        if case.withheld is None:
            told.append(Priority(case.priority))
        if case.cause in {Cause.RAISED, Cause.RAISED_AGAIN}:
            break
    return most_urgent(told)


def _write(session: Session, case: NotificationCase, decision: Decision, priority: Priority, now_ms: int) -> int:
    """Write what was decided on a case; return how many messages it made or joined."""
    written = 0
    for telling in decision.tellings:
        if session.get(NotificationItem, (case.key, telling.target, telling.step)) is not None:
            continue
        message_key = _message_for(session, telling, priority, now_ms)
        session.add(
            NotificationItem(case_key=case.key, target=telling.target, step=telling.step, notification_key=message_key)
        )
        written += 1
    for one in decision.escalations:
        session.add(
            NotificationEscalation(case_key=case.key, route=one.route, step=one.step, due_ms=one.due_ms, ended=None)
        )
    session.flush()
    return written


def _message_for(session: Session, telling: Telling, priority: Priority, now_ms: int) -> int:
    """Return the key of the message that tells it: the digest that waits, or a new one."""
    is_urgent = priority is Priority.URGENT
    if telling.form is Form.DIGEST:
        open_digest = (
            Notification.target == telling.target,
            Notification.kind == Kind.DIGEST,
            Notification.state == Delivery.WAITING,
            Notification.tries == 0,
            Notification.why == telling.why,
            Notification.urgent == is_urgent,
        )
        at_its_time = () if is_urgent else (Notification.due_ms == telling.due_ms,)
        key = session.scalars(select(Notification.key).where(*open_digest, *at_its_time).limit(1)).first()
        if key is not None:
            return key
    kind = Kind.DIGEST if telling.form is Form.DIGEST else Kind.ESCALATION if telling.step else Kind.ALARM
    message = Notification(
        id=str(uuid4()),
        target=telling.target,
        kind=kind,
        why=telling.why,
        step=telling.step,
        urgent=is_urgent,
        state=Delivery.WAITING,
        created_ms=now_ms,
        due_ms=telling.due_ms,
        next_try_ms=telling.due_ms,
        tries=0,
        problem="",
        finished_ms=None,
        by=None,
    )
    session.add(message)
    session.flush()
    return message.key
