"""Questions to the book about messages: what was sent, what waits, what failed, and whom nobody told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.book.notification_tables import (
    Notification,
    NotificationAttempt,
    NotificationCase,
    NotificationItem,
)
from cloud.book.sites import is_bound
from cloud.book.tables import Alarm, Gateway, Machine
from cloud.book.transactions import reason
from cloud.errors import NotFoundError, StoreError
from cloud.notifying.message import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Engine, Select


@dataclass(frozen=True, slots=True)
class About:
    """What one line of a message is about."""

    alarm_id: str
    machine: str
    sentence: str
    priority: str
    cause: str


@dataclass(frozen=True, slots=True)
class TargetCounts:
    """How a target does: counts over everything that is kept, and the last time that it worked."""

    waiting: int = 0
    delivered: int = 0
    failed: int = 0
    delivered_ms: int | None = None
    problem: str = ""


@contextmanager
def reading(engine: Engine, what: str) -> Iterator[Session]:
    """Give a session to read with.

    Raises:
        StoreError: `what` could not be read.
    """
    try:
        with Session(engine) as session:
            yield session
    except SQLAlchemyError as error:
        raise StoreError(f"{what} cannot be read: {reason(error)}") from error


def path_of(session: Session, machine: Machine) -> str:
    """Return where a machine stands, with its name at the end."""
    place = machine.path or session.get_one(Gateway, machine.gateway_id).group_name
    return f"{place}/{machine.display_name or machine.device}"


def notifications(
    engine: Engine, states: Sequence[str], target: str | None, before: int | None, limit: int
) -> Sequence[Notification]:
    """Return messages, the newest first, in these states (none given: all) and before a key.

    An engine that shows some sites only shows the messages about their machines only.
    """
    query = select(Notification).order_by(Notification.key.desc()).limit(limit)
    if is_bound(engine):
        query = query.where(Notification.key.in_(_about_what_is_shown()))
    if states:
        query = query.where(Notification.state.in_(states))
    if target is not None:
        query = query.where(Notification.target == target)
    if before is not None:
        query = query.where(Notification.key < before)
    with reading(engine, "the messages") as session:
        return session.scalars(query).all()


def notification(engine: Engine, message_id: str) -> tuple[Notification, Sequence[NotificationAttempt]]:
    """Return a message and its attempts, oldest first.

    Raises:
        NotFoundError: nobody has that id.
    """
    with reading(engine, "the message") as session:
        wanted = select(Notification).where(Notification.id == message_id)
        if is_bound(engine):
            wanted = wanted.where(Notification.key.in_(_about_what_is_shown()))
        row = session.scalars(wanted).first()
        if row is None:
            raise NotFoundError("notification", message_id)
        query = select(NotificationAttempt).where(NotificationAttempt.notification_key == row.key)
        return row, session.scalars(query.order_by(NotificationAttempt.key)).all()


def abouts(engine: Engine, keys: Sequence[int]) -> Mapping[int, Sequence[About]]:
    """Return what messages are about, by their keys."""
    found: dict[int, list[About]] = {key: [] for key in keys}
    query = (
        select(NotificationItem.notification_key, NotificationCase, Alarm, Machine)
        .join(NotificationCase, NotificationCase.key == NotificationItem.case_key)
        .join(Alarm, Alarm.id == NotificationCase.alarm_id)
        .join(Machine, Machine.id == Alarm.machine_id)
        .where(NotificationItem.notification_key.in_(keys))
        .order_by(NotificationCase.key)
    )
    with reading(engine, "the messages") as session:
        for key, case, alarm, machine in session.execute(query):
            name = machine.display_name or machine.device
            found[key].append(About(alarm.id, name, alarm.sentence, case.priority, case.cause))
    return found


def target_counts(engine: Engine) -> Mapping[str, TargetCounts]:
    """Return how each target does that ever got a message."""
    with reading(engine, "the messages") as session:
        counts: dict[str, dict[str, int]] = {}
        by_state = select(Notification.target, Notification.state, func.count()).group_by(
            Notification.target, Notification.state
        )
        for target, state, count in session.execute(by_state):
            counts.setdefault(target, {})[state] = count
        return {target: _counts(session, target, states) for target, states in counts.items()}


def withheld(engine: Engine, before: int | None, limit: int) -> Sequence[tuple[NotificationCase, str, str]]:
    """Return the occasions on which nobody was told, with machine and sentence, newest first."""
    query = (
        select(NotificationCase, Machine, Alarm)
        .join(Alarm, Alarm.id == NotificationCase.alarm_id)
        .join(Machine, Machine.id == Alarm.machine_id)
        .where(NotificationCase.withheld.is_not(None))
        .order_by(NotificationCase.key.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(NotificationCase.key < before)
    with reading(engine, "the messages") as session:
        return [
            (case, machine.display_name or machine.device, alarm.sentence)
            for case, machine, alarm in session.execute(query)
        ]


def _about_what_is_shown() -> Select[int]:
    """Return the keys of messages about alarms; a bound engine adds which (`cloud.book.sites`)."""
    return (
        select(NotificationItem.notification_key)
        .join(NotificationCase, NotificationCase.key == NotificationItem.case_key)
        .join(Alarm, Alarm.id == NotificationCase.alarm_id)
    )


def _counts(session: Session, target: str, states: Mapping[str, int]) -> TargetCounts:
    of_target = Notification.target == target
    newest = select(func.max(Notification.finished_ms)).where(of_target, Notification.state == Delivery.DELIVERED)
    delivered_ms = session.scalar(newest)
    # What failed before the last success is history of the messages, not trouble of the target.
    still = Notification.state.in_((Delivery.WAITING, Delivery.SENDING))
    since = and_(Notification.state == Delivery.FAILED, Notification.finished_ms > (delivered_ms or 0))
    troubled = select(Notification.problem).where(of_target, Notification.problem != "", or_(still, since))
    return TargetCounts(
        waiting=states.get(Delivery.WAITING, 0) + states.get(Delivery.SENDING, 0),
        delivered=states.get(Delivery.DELIVERED, 0),
        failed=states.get(Delivery.FAILED, 0),
        delivered_ms=delivered_ms,
        problem=session.scalar(troubled.order_by(Notification.key.desc()).limit(1)) or "",
    )
