"""Reports of gateways on alarms, written to the book: what `cloud.alarm_desk` decides becomes rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from cloud.alarm_desk import report, suppress
from cloud.batch import StoredAlarm, gateway_id
from cloud.book.answering import keep_standing, standing_of, withholding
from cloud.book.plant import advice_for, design_of
from cloud.book.tables import Alarm, AlarmEvent, AlarmName, AlarmOccurrence, AlarmReportRow, Machine
from cloud.event_hub import Change, Subject
from cloud.integers import signed
from models.contract.vocabulary import AlarmState, Criticality, Severity, alarm_priority

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cloud.alarm_desk import Reported, Standing, TimelineEntry
    from models.contract.records import AlarmReport
    from models.contract.vocabulary import FailureFamily

NS_PER_MS = 1_000_000


def write_alarm(session: Session, stored: StoredAlarm) -> set[Change]:
    """Write one report; return what changed, nothing if this very record was written before."""
    told = stored.report
    key = (told.asset_id, signed(stored.record_id))
    if session.get(AlarmReportRow, key) is not None:
        return set()
    alarm = _alarm(session, told)
    known = session.get(AlarmName, told.alarm_id)
    standing = standing_of(alarm) if alarm is not None else None
    reported = report(standing, told, late=stored.late, gateway=gateway_id(stored.node))
    standing, entries = _withheld(session, told.asset_id, told.family, reported)
    if alarm is None:
        alarm = Alarm(id=told.alarm_id, machine_id=told.asset_id, component=told.component, family=told.family)
        alarm.occurrences = 0
        _describe(session, alarm, told)
        keep_standing(alarm, standing)
        session.add(alarm)
        session.flush()
    elif reported.counts:
        _describe(session, alarm, told)
        keep_standing(alarm, standing)
    if known is None:
        session.add(AlarmName(edge_id=told.alarm_id, alarm_id=alarm.id))
    _write_occurrence(session, alarm.id, told)
    alarm.occurrences = session.scalar(select(func.count()).where(AlarmOccurrence.alarm_id == alarm.id)) or 0
    for entry in entries:
        session.add(
            AlarmEvent(alarm_id=alarm.id, at_ms=entry.at_ms, who=entry.who, what=entry.what, detail=entry.detail)
        )
    session.add(
        AlarmReportRow(
            machine_id=key[0],
            record_id=key[1],
            alarm_id=alarm.id,
            edge_id=told.alarm_id,
            revision=told.revision,
            end_ms=told.end_ns // NS_PER_MS,
            received_ms=stored.received_ms,
            late=stored.late,
            document=_document(told),
        )
    )
    session.flush()
    return {Change(Subject.ALARM, alarm.id), Change(Subject.MACHINE, told.asset_id)}


def _alarm(session: Session, told: AlarmReport) -> Alarm | None:
    """Return the alarm of this identity: asset, component and failure family (wire.md 6)."""
    identity = (Alarm.machine_id == told.asset_id, Alarm.component == told.component, Alarm.family == told.family)
    return session.scalars(select(Alarm).where(*identity)).first()


def _withheld(
    session: Session, machine_id: str, family: FailureFamily, reported: Reported
) -> tuple[Standing, tuple[TimelineEntry, ...]]:
    """Return where the alarm stands, suppressed if its machine's state says so, and what its timeline gets."""
    machine = session.get(Machine, machine_id)
    why = withholding(machine.maintenance) if machine is not None else None
    why = why or design_of(machine, family)
    suppressed = suppress(reported.standing, why) if why is not None and reported.counts else None
    if suppressed is None:
        return reported.standing, reported.entries
    return suppressed[0], (*reported.entries, suppressed[1])


def _describe(session: Session, alarm: Alarm, told: AlarmReport) -> None:
    """Write what the report says beside the condition."""
    machine = session.get(Machine, told.asset_id)
    criticality = Criticality(machine.criticality) if machine else Criticality.MEDIUM
    diagnosis = told.diagnosis
    alarm.priority = alarm_priority(told.severity, criticality)
    alarm.sentence = diagnosis.sentence
    # The plant knows its machines: what it says is to be done stands above what we say.
    alarm.next_step = advice_for(session, machine, diagnosis.label) or diagnosis.next_step
    alarm.confidence = diagnosis.confidence
    alarm.channel = diagnosis.channel
    alarm.lines = [asdict(line) for line in diagnosis.evidence]
    alarm.score = told.score
    alarm.operating_state = told.operating_state
    alarm.model = told.model
    alarm.clock_quality = told.clock_quality


def _write_occurrence(session: Session, alarm_id: str, told: AlarmReport) -> None:
    """Widen the occurrence that a report belongs to; also one that came late has its place."""
    occurrence = session.get(AlarmOccurrence, (told.alarm_id, told.occurrence))
    since_ms = told.since_ns // NS_PER_MS
    if occurrence is None:
        occurrence = AlarmOccurrence(edge_id=told.alarm_id, occurrence=told.occurrence, alarm_id=alarm_id)
        occurrence.since_ms, occurrence.severity, occurrence.returned_ms = since_ms, told.severity, None
        session.add(occurrence)
    ranks = list(Severity)
    occurrence.since_ms = min(occurrence.since_ms, since_ms)
    occurrence.severity = max(Severity(occurrence.severity), told.severity, key=ranks.index)
    if told.state is AlarmState.RETURNED:
        occurrence.returned_ms = told.end_ns // NS_PER_MS
    session.flush()


def _document(told: AlarmReport) -> dict[str, Any]:
    """Return the whole report as JSON, for those who look into the history."""
    document: dict[str, Any] = asdict(told)
    return document
