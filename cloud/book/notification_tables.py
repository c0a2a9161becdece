"""Tables of messages to people: what was decided, what is queued, what became of it.

A case is one occasion on which people may have to be told; an item is one target that is told of it at one step; a
message holds one item, or the items of a digest. The primary key of an item is the promise: once per step and target.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from cloud.book.tables import AUTO_KEY, Base


class NotificationCase(Base):
    """An occasion on which people may have to be told, and why nobody was where nobody was."""

    __tablename__ = "notification_case"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    event_key: Mapped[int] = mapped_column(unique=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)
    occurrence: Mapped[int]
    cause: Mapped[str] = mapped_column(String(16))
    priority: Mapped[str] = mapped_column(String(16))
    at_ms: Mapped[int]
    decided_ms: Mapped[int]
    withheld: Mapped[str | None] = mapped_column(String(16), index=True)


class Notification(Base):
    """A message to one target.

    `due_ms` is when it was meant, `next_try_ms` when it is tried next; `urgent` ones go first.
    """

    __tablename__ = "notification"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(String(16))
    step: Mapped[int]
    urgent: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))
    created_ms: Mapped[int]
    due_ms: Mapped[int]
    next_try_ms: Mapped[int]
    tries: Mapped[int]
    problem: Mapped[str]
    finished_ms: Mapped[int | None]
    by: Mapped[str | None]

    __table_args__ = (
        Index("ix_notification_state_target_next_try_ms", "state", "target", "next_try_ms"),
        Index("ix_notification_target_created_ms", "target", "created_ms"),
        Index("ix_notification_target_state_finished_ms", "target", "state", "finished_ms"),
    )


class NotificationItem(Base):
    """One target is told of one case at one step, in this message."""

    __tablename__ = "notification_item"

    case_key: Mapped[int] = mapped_column(ForeignKey("notification_case.key"), primary_key=True)
    target: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    notification_key: Mapped[int] = mapped_column(ForeignKey("notification.key"), index=True)


class NotificationEscalation(Base):
    """A further step of a route for one case: decided at `due_ms`, then ended with what became of it."""

    __tablename__ = "notification_escalation"

    case_key: Mapped[int] = mapped_column(ForeignKey("notification_case.key"), primary_key=True)
    route: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    due_ms: Mapped[int]
    ended: Mapped[str | None]

    __table_args__ = (Index("ix_notification_escalation_ended_due_ms", "ended", "due_ms"),)


class NotificationAttempt(Base):
    """One hand-over of a message, and how it ended: the log of deliveries."""

    __tablename__ = "notification_attempt"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    notification_key: Mapped[int] = mapped_column(ForeignKey("notification.key"), index=True)
    at_ms: Mapped[int]
    took_ms: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(16))
    problem: Mapped[str]


class NotificationLink(Base):
    """A link that acknowledged, by the digest of its token: it works once."""

    __tablename__ = "notification_link"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    used_ms: Mapped[int]


class NotificationPosition(Base):
    """How far the timeline of all alarms is read: everything up to `read_key` is.

    `clock_ms` is the latest time at which it was written, to notice a clock that was set back.
    """

    __tablename__ = "notification_position"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    read_key: Mapped[int]
    clock_ms: Mapped[int]
