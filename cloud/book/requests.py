"""What the cloud wants of gateways, in the book: asked by people, told by ingest, answered by evidence and births.

ask_for_moment, want_relearning → still_wanted, told with every tick and birth → moment_came, relearnt
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.book import audit_log
from cloud.book.request_tables import MomentRequest, Relearning
from cloud.book.tables import Alarm, AlarmName, Gateway, Machine
from cloud.book.transactions import writing
from cloud.errors import ConflictError, NotFoundError, StoreError
from cloud.sparkplug_outcomes import NodeId
from models.contract import kept_moment, metrics

if TYPE_CHECKING:
    from sqlalchemy import Engine


class MomentState(StrEnum):
    """What has become of a request."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value to write to a gateway, or to one of its machines."""

    node: NodeId
    machine: str | None
    metric: str
    value: str | int


def ask_for_moment(engine: Engine, alarm_id: str, by: str, at_ms: int) -> str:
    """Ask for the moment around an alarm, and return the alarm's own id.

    Raises:
        NotFoundError: nobody has that id.
        ConflictError: it was asked for and has not come yet.
        StoreError: it could not be written.
    """
    with writing(engine, "the request") as session:
        name = session.get(AlarmName, alarm_id)
        alarm = session.get(Alarm, name.alarm_id if name else alarm_id)
        if alarm is None:
            raise NotFoundError("alarm", alarm_id)
        waiting = (MomentRequest.alarm_id == alarm.id, MomentRequest.state == MomentState.WAITING)
        if session.scalars(select(MomentRequest.key).where(*waiting)).first() is not None:
            raise ConflictError("this moment was asked for already: it comes when its gateway is there")
        session.add(
            MomentRequest(
                alarm_id=alarm.id,
                machine_id=alarm.machine_id,
                edge_id=alarm.edge_id,
                by=by,
                asked_ms=at_ms,
                state=MomentState.WAITING,
                detail="",
            )
        )
        audit_log.append(session, at_ms=at_ms, who=by, what="alarm.ask_for_moment", subject=alarm.id, detail={})
        return alarm.id


def moment_came(session: Session, machine_id: str, edge_id: str, moment: kept_moment.KeptMoment, at_ms: int) -> None:
    """Write what a gateway answered; an answer that nobody waits for changes nothing."""
    answered = {
        "state": MomentState.REFUSED if moment.refusal else MomentState.DELIVERED,
        "detail": moment.refusal,
        "answered_ms": at_ms,
    }
    waiting = (
        MomentRequest.machine_id == machine_id,
        MomentRequest.edge_id == edge_id,
        MomentRequest.state == MomentState.WAITING,
    )
    session.execute(update(MomentRequest).where(*waiting).values(answered))


def last_request(engine: Engine, alarm_id: str) -> MomentRequest | None:
    """Return the last request for the moment of an alarm."""
    query = select(MomentRequest).where(MomentRequest.alarm_id == alarm_id).order_by(MomentRequest.key.desc()).limit(1)
    with Session(engine) as session:
        return session.scalars(query).first()


def want_relearning(session: Session, machine_id: str, by: str, since_ms: int) -> None:
    """Have a machine learn what is normal from data after a time; the latest time counts."""
    known = session.get(Relearning, machine_id)
    if known is None:
        session.add(Relearning(machine_id=machine_id, since_ms=since_ms, by=by, done_ms=None))
    elif since_ms > known.since_ms:
        known.since_ms, known.by, known.done_ms = since_ms, by, None


def relearnt(session: Session, machine_id: str, since_ms: int, at_ms: int) -> None:
    """Write what a machine's birth says of its learning."""
    known = session.get(Relearning, machine_id)
    if known is not None and known.done_ms is None and since_ms >= known.since_ms:
        known.done_ms = at_ms


def relearning_of(engine: Engine, machine_id: str) -> Relearning | None:
    """Return since when a machine is to have learnt what is normal, None if nobody asked for that."""
    with Session(engine) as session:
        return session.get(Relearning, machine_id)


def still_wanted(engine: Engine) -> list[Wanted]:
    """Return everything that gateways which are there have not answered yet.

    Raises:
        StoreError: the book cannot be read.
    """
    owner = Machine.gateway_id == Gateway.id
    moments = (
        select(Gateway.group_name, Gateway.name, MomentRequest.machine_id, MomentRequest.edge_id)
        .join(Machine, owner)
        .join(MomentRequest, MomentRequest.machine_id == Machine.id)
        .where(MomentRequest.state == MomentState.WAITING, Gateway.online)
        .order_by(MomentRequest.key)
    )
    anew = (
        select(Gateway.group_name, Gateway.name, Machine.device, Relearning.since_ms)
        .join(Machine, owner)
        .join(Relearning, Relearning.machine_id == Machine.id)
        .where(Relearning.done_ms.is_(None), Gateway.online, Machine.alive)
    )
    try:
        with Session(engine) as session:
            wanted = [
                Wanted(
                    NodeId(group, name), None, metrics.EVIDENCE_REQUEST, kept_moment.MomentRequest(asset, alarm).text
                )
                for group, name, asset, alarm in session.execute(moments)
            ]
            wanted += [
                Wanted(NodeId(group, name), device, metrics.LEARNING_SINCE, since_ms)
                for group, name, device, since_ms in session.execute(anew)
            ]
    except SQLAlchemyError as error:
        raise StoreError(f"what is wanted of gateways cannot be read: {error}") from error
    return wanted
