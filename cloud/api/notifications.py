"""`/notifications`: what people were told, what waits or failed, whom nobody told and why; tests; links of messages."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cloud.api.context import ApiContext, Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.guard import Who, permission
from cloud.book.notification_links import acknowledge_by
from cloud.book.notification_queue import enqueue_test
from cloud.book.notification_reading import About, abouts, notification, notifications, target_counts, withheld
from cloud.book.notification_reading import TargetCounts as Counts
from cloud.book.notification_tables import Notification
from cloud.errors import ConflictError, NotFoundError, RequestError
from cloud.event_hub import Change, Subject
from cloud.notifying.acknowledge_links import Link, verify
from cloud.notifying.message import Delivery
from cloud.notifying.targets import masked_address
from cloud.permissions import Action
from models.contract.strict_toml import nearest

router = APIRouter(prefix="/notifications", tags=["notifications"])

LISTED: Final = 20
"""Alarms that a message of a list names; `count` says how many there are."""


class AboutItem(BaseModel):
    """One alarm that a message tells of."""

    alarm: str
    machine_name: str
    sentence: str
    priority: str
    cause: str


class NotificationItem(BaseModel):
    """A message to one target."""

    id: str
    target: str
    kind: str = Field(description="alarm, escalation, digest or test")
    why: str = Field(description="why it is a digest: quiet, schedule or flood; else empty")
    step: int = Field(description="0 when first told, 1 and 2 for the steps of an escalation")
    urgent: bool
    state: str = Field(description="waiting, sending, delivered or failed")
    created: str
    due: str
    next_try: str | None
    tries: int
    problem: str = Field(description="how the last try ended, in words; empty for a success")
    finished: str | None
    by: str | None = Field(description="who asked for a test")
    count: int
    alarms: list[AboutItem]


class AttemptItem(BaseModel):
    """One hand-over."""

    at: str
    took_ms: int
    outcome: str = Field(description="delivered, timed_out, refused or broken")
    problem: str


class NotificationDocument(NotificationItem):
    """A message with every attempt to hand it over."""

    attempts: list[AttemptItem]


class TargetItem(BaseModel):
    """A target, without what is secret of its address."""

    name: str
    address: str
    configured: bool
    waiting: int
    delivered: int
    failed: int
    last_delivered: str | None
    problem: str


class NotificationList(BaseModel):
    """Messages, newest first, and how the targets do."""

    enabled: bool = Field(description="whether anybody is told of anything")
    problem: str | None = Field(description="why nothing can be told just now")
    targets: list[TargetItem]
    items: list[NotificationItem]
    next: str | None


class WithheldItem(BaseModel):
    """An occasion on which nobody was told."""

    alarm: str
    machine_name: str
    sentence: str
    priority: str
    cause: str
    why: str = Field(description="late, old, shelved, suppressed, out_of_service, told_already or no_route")
    at: str


class WithheldList(BaseModel):
    """Occasions on which nobody was told, newest first."""

    items: list[WithheldItem]
    next: str | None


class TestRequest(BaseModel):
    """Which target gets a test."""

    __test__ = False  # pytest: this is no test
    model_config = ConfigDict(extra="forbid")

    target: Annotated[str, Field(min_length=1, max_length=64)]


class AcknowledgedByLink(BaseModel):
    """What a link did."""

    alarm: str
    by: str


@router.get("")
@permission(Action.VIEW)
def list_notifications(
    context: Context,
    state: Annotated[list[Delivery] | None, Query(description="may repeat")] = None,
    target: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> NotificationList:
    """Return messages, newest first; people of some sites see the messages about their machines."""
    before = int(decode_cursor(cursor, int)[0]) if cursor else None
    rows = notifications(context.engine, state or [], target, before, limit + 1)
    about = abouts(context.engine, [row.key for row in rows[:limit]])
    notifier = context.notifier
    return NotificationList(
        enabled=notifier is not None,
        problem=notifier.status.problem if notifier is not None else None,
        targets=_targets(context),
        items=[_item(row, about[row.key]) for row in rows[:limit]],
        next=encode_cursor(rows[limit - 1].key) if len(rows) > limit else None,
    )


@router.get("/withheld")
@permission(Action.VIEW)
def list_withheld(
    context: Context, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> WithheldList:
    """Return the occasions on which nobody was told, and why."""
    before = int(decode_cursor(cursor, int)[0]) if cursor else None
    rows = withheld(context.engine, before, limit + 1)
    items = [
        WithheldItem(
            alarm=case.alarm_id,
            machine_name=machine,
            sentence=sentence,
            priority=case.priority,
            cause=case.cause,
            why=case.withheld or "",
            at=iso(case.decided_ms),
        )
        for case, machine, sentence in rows[:limit]
    ]
    return WithheldList(items=items, next=encode_cursor(rows[limit - 1][0].key) if len(rows) > limit else None)


@router.post("/test", status_code=202)
@permission(Action.CONFIGURE_MESSAGES)
def send_test(context: Context, person: Who, request: TestRequest) -> NotificationItem:
    """Queue a test message for a target; what becomes of it stands at `/notifications/{id}`."""
    notifier = context.notifier
    if notifier is None:
        raise ConflictError("nobody is told of anything: add [notify] to the cloud's configuration")
    known = {target.name for target in notifier.office.settings.target}
    if request.target not in known:
        raise RequestError(f"target: there is no target {request.target!r}{nearest(request.target, known)}")
    message_id = enqueue_test(context.engine, request.target, person.name, context.now_ms())
    notifier.wake()
    row, _ = notification(context.engine, message_id)
    return _item(row, ())


@router.get("/{message_id}")
@permission(Action.VIEW)
def read_notification(context: Context, message_id: str) -> NotificationDocument:
    """Return a message with every attempt to hand it over."""
    row, attempts = notification(context.engine, message_id)
    item = _item(row, abouts(context.engine, [row.key])[row.key])
    return NotificationDocument(
        **item.model_dump(),
        attempts=[
            AttemptItem(at=iso(one.at_ms), took_ms=one.took_ms, outcome=one.outcome, problem=one.problem)
            for one in attempts
        ],
    )


@router.post("/links/{token}/acknowledge")
@permission(None)
def acknowledge_by_link(context: Context, token: str) -> AcknowledgedByLink:
    """Acknowledge the alarm of a link from a message, once; the link is all that is needed."""
    link = link_of(context, token)
    by = acknowledge_by(context.engine, link, context.now_ms())
    machine = context.book.alarm(link.alarm_id).machine_id
    context.hub.tell((Change(Subject.ALARM, link.alarm_id), Change(Subject.MACHINE, machine)))
    return AcknowledgedByLink(alarm=link.alarm_id, by=by)


def link_of(context: ApiContext, token: str) -> Link:
    """Return the link of a token.

    Raises:
        NotFoundError: not signed by this cloud; the token is not repeated.
    """
    link = verify(context.notifier.office.key, token) if context.notifier is not None else None
    if link is None:
        raise NotFoundError("link", token[:8])
    return link


def _targets(context: ApiContext) -> list[TargetItem]:
    """Return configured targets in their order, then those that only the book knows."""
    counts: Mapping[str, Counts] = target_counts(context.engine)
    settings = context.notifier.office.settings.target if context.notifier is not None else ()
    addresses = {target.name: masked_address(target) for target in settings}
    names = [*addresses, *sorted(set(counts) - set(addresses))]
    return [_target(name, addresses.get(name), counts.get(name, Counts())) for name in names]


def _target(name: str, address: str | None, counts: Counts) -> TargetItem:
    return TargetItem(
        name=name,
        address=address or "",
        configured=address is not None,
        waiting=counts.waiting,
        delivered=counts.delivered,
        failed=counts.failed,
        last_delivered=None if counts.delivered_ms is None else iso(counts.delivered_ms),
        problem=counts.problem,
    )


def _item(row: Notification, about: Sequence[About]) -> NotificationItem:
    return NotificationItem(
        id=row.id,
        target=row.target,
        kind=row.kind,
        why=row.why,
        step=row.step,
        urgent=row.urgent,
        state=row.state,
        created=iso(row.created_ms),
        due=iso(row.due_ms),
        next_try=iso(row.next_try_ms) if row.state == Delivery.WAITING else None,
        tries=row.tries,
        problem=row.problem,
        finished=None if row.finished_ms is None else iso(row.finished_ms),
        by=row.by,
        count=len(about),
        alarms=[
            AboutItem(
                alarm=one.alarm_id,
                machine_name=one.machine,
                sentence=one.sentence,
                priority=one.priority,
                cause=one.cause,
            )
            for one in about[:LISTED]
        ],
    )
