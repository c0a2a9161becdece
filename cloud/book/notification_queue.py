"""The queue of messages: taken one at a time per target, kept until handed over or given up, with every attempt.

A message is taken in a transaction of its own before it is handed over and recorded in another after it. A crash in
between leaves it `sending`; the next start puts it back, and its id tells the receiver that it may know it already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from sqlalchemy import select, update

from cloud.book import audit_log
from cloud.book.notification_reading import path_of, reading
from cloud.book.notification_tables import Notification, NotificationAttempt, NotificationCase, NotificationItem
from cloud.book.tables import Alarm, Machine
from cloud.book.transactions import writing
from cloud.notifying.message import AlarmNews, Delivery, Ending, Kind, Line, Waiting
from cloud.notifying.retrying import retry_delay_s
from models.contract.vocabulary import Priority

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from cloud.notifying.message import Outcome

PROBLEM_CHARS: Final = 500


def recover(engine: Engine, now_ms: int) -> int:
    """Put back what a former process was handing over when it ended; return how many.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the queue of messages") as session:
        query = select(Notification).where(Notification.state == Delivery.SENDING)
        left = session.scalars(query).all()
        for message in left:
            message.state, message.next_try_ms = Delivery.WAITING, now_ms
            message.problem = "the cloud stopped while it was handed over"
        return len(left)


def fail_without_target(engine: Engine, targets: Collection[str], now_ms: int) -> int:
    """Fail what waits for targets that are not configured any more; return how many.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the queue of messages") as session:
        query = select(Notification).where(
            Notification.state == Delivery.WAITING, Notification.target.not_in(list(targets))
        )
        left = session.scalars(query).all()
        for message in left:
            message.state, message.finished_ms = Delivery.FAILED, now_ms
            message.problem = f"there is no target {message.target!r} in the configuration any more"
        return len(left)


def enqueue_test(engine: Engine, target: str, by: str, now_ms: int) -> str:
    """Queue a message that says it is a test; return its id.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the test message") as session:
        message = Notification(
            id=str(uuid4()),
            target=target,
            kind=Kind.TEST,
            why="",
            step=0,
            urgent=True,  # A person waits for it.
            state=Delivery.WAITING,
            created_ms=now_ms,
            due_ms=now_ms,
            next_try_ms=now_ms,
            tries=0,
            problem="",
            finished_ms=None,
            by=by,
        )
        session.add(message)
        session.flush()
        detail = {"message": message.id}
        audit_log.append(session, at_ms=now_ms, who=by, what="notification.test", subject=target, detail=detail)
        return message.id


def due_targets(engine: Engine, now_ms: int) -> frozenset[str]:
    """Return the targets for which a message's time has come.

    Raises:
        StoreError: the book cannot be read.
    """
    with reading(engine, "the queue of messages") as session:
        query = select(Notification.target).where(
            Notification.state == Delivery.WAITING, Notification.next_try_ms <= now_ms
        )
        return frozenset(session.scalars(query.distinct()))


def take(engine: Engine, target: str, now_ms: int) -> Waiting | None:
    """Take the next message of a target whose time has come, the urgent first; None if there is none.

    Raises:
        StoreError: it could not be taken; ask again.
    """
    is_due = (
        Notification.state == Delivery.WAITING,
        Notification.target == target,
        Notification.next_try_ms <= now_ms,
    )
    order = (Notification.urgent.desc(), Notification.next_try_ms, Notification.key)
    with writing(engine, "the queue of messages") as session:
        message = session.scalars(select(Notification).where(*is_due).order_by(*order).limit(1)).first()
        if message is None:
            return None
        message.state, message.tries = Delivery.SENDING, message.tries + 1
        return Waiting(
            key=message.key,
            id=message.id,
            target=message.target,
            kind=Kind(message.kind),
            why=message.why,
            step=message.step,
            urgent=message.urgent,
            due_ms=message.due_ms,
            tries=message.tries,
            by=message.by,
            news=_news(session, message),
        )


def record(  # noqa: PLR0917 - one attempt, and what it is judged by
    engine: Engine, key: int, outcome: Outcome, started_ms: int, now_ms: int, give_up_ms: int, chance: float
) -> Delivery:
    """Write how a hand-over ended, and return where the message stands after it.

    Args:
        engine: the book.
        key: of the message.
        outcome: how it ended.
        started_ms: when it began.
        now_ms: the time.
        give_up_ms: how long after its time a message is tried.
        chance: 0 to 1, for the jitter of the next attempt.

    Raises:
        StoreError: it could not be written; ask again.
    """
    with writing(engine, "the outcome of a message") as session:
        message = session.get_one(Notification, key)
        session.add(
            NotificationAttempt(
                notification_key=key,
                at_ms=started_ms,
                took_ms=max(now_ms - started_ms, 0),
                outcome=outcome.ending,
                problem=outcome.problem[:PROBLEM_CHARS],
            )
        )
        message.problem = outcome.problem[:PROBLEM_CHARS]
        if outcome.ending is Ending.DELIVERED:
            message.state, message.finished_ms = Delivery.DELIVERED, now_ms
            # The target works: what waits for another try there need not wait longer.
            others = (Notification.state == Delivery.WAITING, Notification.target == message.target)
            retried = (Notification.tries > 0, Notification.next_try_ms > now_ms)
            session.execute(update(Notification).where(*others, *retried).values(next_try_ms=now_ms))
        elif outcome.ending is Ending.BROKEN or now_ms - message.due_ms >= give_up_ms:
            message.state, message.finished_ms = Delivery.FAILED, now_ms
        else:
            delay_s = max(retry_delay_s(message.tries, chance), min(outcome.wait_s, give_up_ms / 1000))
            message.state, message.next_try_ms = Delivery.WAITING, now_ms + round(delay_s * 1000)
        return Delivery(message.state)


def note_hanging(engine: Engine, key: int, problem: str) -> None:
    """Say with a message that its target has not answered in time, while the hand-over goes on.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "a message that hangs") as session:
        still = (Notification.key == key, Notification.state == Delivery.SENDING)
        session.execute(update(Notification).where(*still).values(problem=problem[:PROBLEM_CHARS]))


def _news(session: Session, message: Notification) -> tuple[AlarmNews, ...]:
    """Return what a message tells of, the worst and then the oldest first."""
    query = (
        select(NotificationCase, NotificationItem, Alarm, Machine)
        .join(NotificationItem, NotificationItem.case_key == NotificationCase.key)
        .join(Alarm, Alarm.id == NotificationCase.alarm_id)
        .join(Machine, Machine.id == Alarm.machine_id)
        .where(NotificationItem.notification_key == message.key)
    )
    ranks = list(Priority)
    rows = [(case, item, alarm, machine) for case, item, alarm, machine in session.execute(query)]
    rows.sort(key=lambda row: (-ranks.index(Priority(row[0].priority)), row[0].key))
    return tuple(_one(case, item, alarm, machine, path_of(session, machine)) for case, item, alarm, machine in rows)


def _one(case: NotificationCase, item: NotificationItem, alarm: Alarm, machine: Machine, path: str) -> AlarmNews:
    return AlarmNews(
        alarm_id=alarm.id,
        occurrence=case.occurrence,
        cause=case.cause,
        step=item.step,
        priority=case.priority,
        at_ms=case.at_ms,
        occurrences=alarm.occurrences,
        state=alarm.state,
        condition=alarm.condition,
        severity=alarm.severity,
        label=alarm.label,
        sentence=alarm.sentence,
        next_step=alarm.next_step,
        confidence=alarm.confidence,
        score=alarm.score,
        machine=machine.display_name or machine.device,
        machine_id=machine.id,
        machine_class=machine.machine_class,
        path=path,
        component=alarm.component,
        channel=alarm.channel,
        since_ms=alarm.since_ms,
        acknowledged_by=alarm.acknowledged_by,
        lines=tuple(
            Line(one["line"], one["order"], one["expected_hz"], one["found_hz"], one["snr_db"])
            for one in alarm.lines
            if one["matched"] and one["found_hz"] is not None and one["snr_db"] is not None
        ),
    )
