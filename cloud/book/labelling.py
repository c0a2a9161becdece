"""What people found, written to the book: at an alarm, or in a stretch of a machine's time.

A part that was replaced makes another machine of it: its gateway is to learn what is normal anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloud import alarm_desk
from cloud.book import audit_log
from cloud.book.answering import answer_in
from cloud.book.requests import want_relearning
from cloud.book.tables import Alarm, AlarmName, AlarmOccurrence, Evidence, Label, Machine
from cloud.book.transactions import writing
from cloud.errors import NotFoundError
from cloud.track_record import Found
from models.contract.vocabulary import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says they found.

    Attributes:
        part: what was replaced, empty for nothing.
    """

    by: str
    finding: Finding
    severity: Severity | None
    action: str
    part: str
    comment: str

    @property
    def words(self) -> str:
        """Return it for a timeline."""
        part = f"{self.part} replaced" if self.part else ""
        return "; ".join(filter(None, (self.finding.replace("_", " "), self.action, part, self.comment)))


def label_alarm(engine: Engine, alarm_id: str, said: Said, at_ms: int) -> str:
    """Write what was found at an alarm, tied to its evidence; return the alarm's own id.

    Raises:
        NotFoundError: nobody has that id.
        StoreError: it could not be written.
    """
    with writing(engine, "the outcome") as session:
        alarm = answer_in(
            session,
            alarm_id,
            lambda standing: alarm_desk.find(standing, said.by, said.words, at_ms, repaired=bool(said.part)),
            what="alarm.outcome",
            at_ms=at_ms,
            detail={"finding": said.finding, "part": said.part},
        )
        evidence = (
            select(Evidence.id)
            .join(AlarmName, Evidence.subject == AlarmName.edge_id)
            .where(AlarmName.alarm_id == alarm.id, Evidence.state == "complete")
            .order_by(Evidence.end_ms.desc())
        )
        row = _row(alarm.machine_id, (alarm.since_ms, max(alarm.changed_ms, alarm.since_ms)), said, at_ms)
        row.alarm_id, row.evidence_id = alarm.id, session.scalars(evidence).first()
        row.told, row.model = alarm.label, alarm.model
        session.add(row)
        if said.part:
            want_relearning(session, alarm.machine_id, said.by, at_ms)
        return alarm.id


def label_stretch(engine: Engine, machine_id: str, span_ms: tuple[int, int], said: Said, at_ms: int) -> Label:
    """Write what was found in a stretch of a machine's time, whether or not anything had told of it.

    Raises:
        NotFoundError: nobody has that id.
        StoreError: it could not be written.
    """
    with writing(engine, "the label") as session:
        if session.get(Machine, machine_id) is None:
            raise NotFoundError("machine", machine_id)
        row = _row(machine_id, span_ms, said, at_ms)
        session.add(row)
        if said.part:
            want_relearning(session, machine_id, said.by, min(span_ms[1], at_ms))
        detail = {"finding": said.finding, "from_ms": row.from_ms, "to_ms": row.to_ms}
        session.flush()
        audit_log.append(session, at_ms=at_ms, who=said.by, what="machine.label", subject=machine_id, detail=detail)
        session.expunge(row)
        return row


def labels(engine: Engine, machine_id: str | None, before: int | None, limit: int) -> Sequence[Label]:
    """Return what was found, newest first."""
    query = select(Label).order_by(Label.key.desc()).limit(limit)
    if machine_id is not None:
        query = query.where(Label.machine_id == machine_id)
    if before is not None:
        query = query.where(Label.key < before)
    with Session(engine) as session:
        return session.scalars(query).all()


def outcome_of(engine: Engine, alarm_id: str) -> Label | None:
    """Return what was last found at an alarm."""
    query = select(Label).where(Label.alarm_id == alarm_id).order_by(Label.key.desc()).limit(1)
    with Session(engine) as session:
        return session.scalars(query).first()


def all_found(engine: Engine) -> list[Found]:
    """Return everything that was found, in its order, for track records.

    A stretch in which an alarm of the machine was active is not missed, and is not counted twice beside its outcome.
    """
    told = (
        select(Alarm.id)
        .join(AlarmOccurrence, AlarmOccurrence.alarm_id == Alarm.id)
        .where(
            Alarm.machine_id == Label.machine_id,
            AlarmOccurrence.since_ms <= Label.to_ms,
            func.coalesce(AlarmOccurrence.returned_ms, Label.to_ms) >= Label.from_ms,
        )
    )
    columns = (
        Label.machine_id,
        Label.alarm_id,
        Label.finding,
        Label.told,
        Label.model,
        told.limit(1).scalar_subquery(),
    )
    found = []
    with Session(engine) as session:
        for machine_id, alarm_id, finding, label, model, nearby in session.execute(
            select(*columns).order_by(Label.key)
        ):
            if alarm_id is None and nearby is not None:
                continue
            found.append(Found(machine_id, alarm_id, Finding(finding), label, model))
    return found


def _row(machine_id: str, span_ms: tuple[int, int], said: Said, at_ms: int) -> Label:
    return Label(
        machine_id=machine_id,
        from_ms=span_ms[0],
        to_ms=span_ms[1],
        finding=said.finding,
        severity=said.severity,
        action=said.action,
        part=said.part,
        comment=said.comment,
        by=said.by,
        at_ms=at_ms,
    )
