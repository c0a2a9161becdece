"""What people do with alarms, written to the book with its line in the timeline and in the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.alarm_desk import Acknowledgement, Standing, acknowledge
from cloud.book.tables import Alarm, AlarmEvent, AlarmName, Audit
from cloud.errors import NotFoundError, StoreError
from models.contract.vocabulary import AlarmState, DiagnosisLabel, Severity

if TYPE_CHECKING:
    from sqlalchemy import Engine


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


def acknowledge_alarm(engine: Engine, alarm_id: str, by: str, comment: str, at_ms: int) -> str:
    """Acknowledge an alarm and return its own id.

    Raises:
        NotFoundError: nobody has that id.
        ConflictError: somebody was first.
        StoreError: it could not be written.
    """
    try:
        with Session(engine) as session, session.begin():
            name = session.get(AlarmName, alarm_id)
            alarm = session.get(Alarm, name.alarm_id if name else alarm_id, with_for_update=True)
            if alarm is None:
                raise NotFoundError("alarm", alarm_id)
            standing, entry = acknowledge(standing_of(alarm), by, comment, at_ms)
            keep_standing(alarm, standing)
            session.add(
                AlarmEvent(alarm_id=alarm.id, at_ms=entry.at_ms, who=entry.who, what=entry.what, detail=entry.detail)
            )
            session.add(
                Audit(at_ms=at_ms, who=by, what="alarm.acknowledge", subject=alarm.id, detail={"comment": comment})
            )
            return alarm.id
    except SQLAlchemyError as error:
        raise StoreError(f"the acknowledgement was not stored: {error}") from error
