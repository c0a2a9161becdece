"""Acknowledging by a link from a message: looked at as often as anybody likes, used once.

The link is its own authority: whoever has it acts as its target, "shift by link", and so it stands in the timeline
and in the audit. What it may not do any more it says in words: expired, acknowledged by somebody, used, raised again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud import alarm_desk
from cloud.book.answering import answer_in
from cloud.book.notification_reading import path_of, reading
from cloud.book.notification_tables import NotificationLink
from cloud.book.tables import Alarm, Machine
from cloud.book.transactions import writing
from cloud.errors import ConflictError, NotFoundError
from cloud.notifying.acknowledge_links import digest_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from cloud.notifying.acknowledge_links import Link


@dataclass(frozen=True, slots=True)
class Seen:
    """What a link leads to.

    Attributes:
        refusal: why it does nothing any more, or None.
        acknowledged_ms: when somebody acknowledged the alarm, or None.
    """

    alarm_id: str
    machine_id: str
    path: str
    sentence: str
    next_step: str
    priority: str
    state: str
    since_ms: int
    acknowledged_by: str | None
    acknowledged_ms: int | None
    refusal: str | None


def look_at(engine: Engine, link: Link, now_ms: int) -> Seen:
    """Return what a link leads to, and whether it still works.

    Raises:
        NotFoundError: the alarm is gone.
        StoreError: the book cannot be read.
    """
    with reading(engine, "the link") as session:
        alarm = session.get(Alarm, link.alarm_id)
        if alarm is None:
            raise NotFoundError("alarm", link.alarm_id)
        machine = session.get_one(Machine, alarm.machine_id)
        return Seen(
            alarm.id,
            machine.id,
            path_of(session, machine),
            alarm.sentence,
            alarm.next_step,
            alarm.priority,
            alarm.state,
            alarm.since_ms,
            alarm.acknowledged_by,
            alarm.acknowledged_ms,
            _refusal(session, alarm, link, now_ms),
        )


def acknowledge_by(engine: Engine, link: Link, now_ms: int) -> str:
    """Acknowledge the alarm of a link, and return who did.

    Raises:
        NotFoundError: the alarm is gone.
        ConflictError: the link has expired or was used, or the alarm was acknowledged or raised again since.
        StoreError: it could not be written.
    """
    by = f"{link.target} by link"
    with writing(engine, "the acknowledgement") as session:
        alarm = session.get(Alarm, link.alarm_id)
        if alarm is None:
            raise NotFoundError("alarm", link.alarm_id)
        if (refusal := _refusal(session, alarm, link, now_ms)) is not None:
            raise ConflictError(refusal)
        session.add(NotificationLink(digest=digest_of(link), alarm_id=alarm.id, target=link.target, used_ms=now_ms))
        answer_in(
            session,
            alarm.id,
            lambda standing: alarm_desk.acknowledge(standing, by, "", now_ms),
            what="alarm.acknowledge",
            at_ms=now_ms,
            detail={"comment": "", "target": link.target, "occurrence": link.occurrence},
        )
    return by


def _refusal(session: Session, alarm: Alarm, link: Link, now_ms: int) -> str | None:
    """Return why a link does nothing any more, the most telling first."""
    if alarm.acknowledged_by is not None:
        return f"this alarm is already acknowledged by {alarm.acknowledged_by}"
    if alarm.occurrence != link.occurrence:
        return "this alarm was raised again since: a newer message tells of it"
    if session.get(NotificationLink, digest_of(link)) is not None:
        return "this link was used: it acknowledges once"
    if now_ms >= link.expires_ms:
        return "this link has expired: open the alarm in the console"
    return None
