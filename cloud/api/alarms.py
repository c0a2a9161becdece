"""`/alarms`: what must be acknowledged, why, and what was done."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from cloud import alarm_desk
from cloud.alarm_desk import OPEN_STATES, DeskState, Standing, TimelineEntry, Withholding
from cloud.api.context import ApiContext, Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import (
    Acknowledged,
    AcknowledgeRequest,
    AlarmDocument,
    AlarmItem,
    AlarmList,
    FaultLine,
    NothingRequest,
    OutcomeItem,
    OutcomeRequest,
    ReasonRequest,
    ShelveRequest,
    SpectrumDocument,
    TimelineItem,
)
from cloud.api.guard import Who, permission
from cloud.api.labels import found_fields, said
from cloud.api.machines import machine_name, withheld
from cloud.api.prognoses import prognosis_items
from cloud.api.spectra import spectrum_document
from cloud.book.answering import answer, withholding
from cloud.book.labelling import label_alarm, outcome_of
from cloud.book.tables import Alarm
from cloud.errors import RequestError
from cloud.event_hub import Change, Subject
from cloud.permissions import Action
from models.contract.vocabulary import Priority

router = APIRouter(prefix="/alarms", tags=["alarms"])

OPEN: Final = "open"
MINUTE_MS: Final = 60_000
NO_COMMENT: Final = AcknowledgeRequest()


@router.get("")
@permission(Action.VIEW)
def list_alarms(  # noqa: PLR0917 - each argument is one query parameter, FastAPI passes them by name
    context: Context,
    state: Annotated[list[str] | None, Query(description="ISA-18.2 state, or open; may repeat")] = None,
    machine: str | None = None,
    priority: Priority | None = None,
    q: Annotated[
        str, Query(max_length=200, description="words in the machine's name, sentence, component or label")
    ] = "",
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> AlarmList:
    """Return alarms, the last changed first."""
    before = None
    if cursor:
        changed_ms, alarm_id = decode_cursor(cursor, int, str)
        before = int(changed_ms), str(alarm_id)
    rows = context.book.alarms(
        limit + 1, before, states=_states(state or []), machine_id=machine, priority=priority, words=q.split()
    )
    shown = rows[:limit]
    evidence = context.book.evidence_states(shown)
    names = context.book.names_of_machines([row.machine_id for row in shown])
    last = shown[-1] if len(rows) > limit else None
    return AlarmList(
        items=[_item(row, names[row.machine_id], evidence) for row in shown],
        next=encode_cursor(last.changed_ms, last.id) if last else None,
    )


@router.get("/{alarm_id}")
@permission(Action.VIEW)
def read_alarm(context: Context, alarm_id: str) -> AlarmDocument:
    """Return one alarm with its timeline."""
    return _document(context, alarm_id)


@router.get("/{alarm_id}/evidence")
@permission(Action.VIEW)
def read_alarm_evidence(context: Context, alarm_id: str) -> SpectrumDocument:
    """Return what was seen when the alarm was raised."""
    return spectrum_document(context.book.alarm_evidence(context.book.alarm(alarm_id).id))


@router.post("/{alarm_id}/acknowledge")
@permission(Action.ANSWER_ALARMS)
def acknowledge(
    context: Context, person: Who, alarm_id: str, request: AcknowledgeRequest = NO_COMMENT
) -> AlarmDocument:
    """Say that somebody has seen the alarm."""
    return _answered(
        context,
        alarm_id,
        "acknowledge",
        lambda standing, now_ms: alarm_desk.acknowledge(standing, person.name, request.comment, now_ms),
        {"comment": request.comment},
    )


@router.post("/{alarm_id}/shelve")
@permission(Action.ANSWER_ALARMS)
def shelve(context: Context, person: Who, alarm_id: str, request: ShelveRequest) -> AlarmDocument:
    """Put the alarm aside until a time; shelved alarms can be shelved again, with another end."""
    shelved_ms = request.minutes * MINUTE_MS
    return _answered(
        context,
        alarm_id,
        "shelve",
        lambda standing, now_ms: alarm_desk.shelve(standing, person.name, request.reason, now_ms, now_ms + shelved_ms),
        {"reason": request.reason, "minutes": request.minutes},
    )


@router.post("/{alarm_id}/unshelve")
@permission(Action.ANSWER_ALARMS)
def unshelve(context: Context, person: Who, alarm_id: str, _request: NothingRequest | None = None) -> AlarmDocument:
    """Take the alarm from the shelf before its time."""
    return _answered(
        context, alarm_id, "unshelve", lambda standing, now_ms: alarm_desk.unshelve(standing, person.name, now_ms), {}
    )


@router.post("/{alarm_id}/take-out-of-service")
@permission(Action.SERVICE_ALARMS)
def take_out_of_service(context: Context, person: Who, alarm_id: str, request: ReasonRequest) -> AlarmDocument:
    """Have the alarm ask for nothing until somebody puts it back."""
    return _answered(
        context,
        alarm_id,
        "take_out_of_service",
        lambda standing, now_ms: alarm_desk.take_out_of_service(standing, person.name, request.reason, now_ms),
        {"reason": request.reason},
    )


@router.post("/{alarm_id}/put-in-service")
@permission(Action.SERVICE_ALARMS)
def put_in_service(
    context: Context, person: Who, alarm_id: str, _request: NothingRequest | None = None
) -> AlarmDocument:
    """Let the alarm count again."""
    return _answered(
        context,
        alarm_id,
        "put_in_service",
        lambda standing, now_ms: alarm_desk.put_in_service(standing, person.name, now_ms),
        {},
    )


@router.post("/{alarm_id}/reset")
@permission(Action.ANSWER_ALARMS)
def reset(context: Context, person: Who, alarm_id: str, request: AcknowledgeRequest = NO_COMMENT) -> AlarmDocument:
    """Say that somebody has looked at the machine, after an alarm that was dangerous has returned."""
    return _answered(
        context,
        alarm_id,
        "reset",
        lambda standing, now_ms: alarm_desk.reset(standing, person.name, request.comment, now_ms),
        {"comment": request.comment},
    )


@router.post("/{alarm_id}/outcome")
@permission(Action.SAY_FINDINGS)
def say_outcome(context: Context, person: Who, alarm_id: str, request: OutcomeRequest) -> AlarmDocument:
    """Say what was found: it becomes a label tied to the alarm's evidence, and the alarm counts as seen."""
    own_id = label_alarm(context.engine, alarm_id, said(request, person.name), context.now_ms())
    return _told(context, own_id)


def _answered(
    context: ApiContext,
    alarm_id: str,
    what: str,
    act: Callable[[Standing, int], tuple[Standing, TimelineEntry]],
    detail: dict[str, Any],
) -> AlarmDocument:
    """Do something with an alarm, tell everybody, and return it; timeline and audit have the same time."""
    now_ms = context.now_ms()
    own_id = answer(
        context.engine,
        alarm_id,
        lambda standing: act(standing, now_ms),
        what=f"alarm.{what}",
        at_ms=now_ms,
        detail=detail,
    )
    return _told(context, own_id)


def _told(context: ApiContext, own_id: str) -> AlarmDocument:
    """Tell everybody that an alarm has changed, and return it."""
    document = _document(context, own_id)
    context.hub.tell((Change(Subject.ALARM, own_id), Change(Subject.MACHINE, document.machine)))
    return document


def _states(asked: list[str]) -> list[str]:
    """Return the states that were asked for, `open` spelt out."""
    states: list[str] = []
    for word in asked:
        if word == OPEN:
            states += OPEN_STATES
        elif word in DeskState.__members__.values():
            states.append(word)
        else:
            raise RequestError(f"state: {word[:40]!r} is none of {', '.join((OPEN, *DeskState))}")
    return states


def _document(context: ApiContext, alarm_id: str) -> AlarmDocument:
    row = context.book.alarm(alarm_id)
    machine = context.book.machine(row.machine_id)
    item = _item(row, machine_name(machine), context.book.evidence_states([row]))
    prognoses = prognosis_items(context, machine)
    timeline = [
        TimelineItem(at=iso(entry.at_ms), who=entry.who, what=entry.what, detail=entry.detail)
        for entry in context.book.timeline(row.id)
    ]
    label = outcome_of(context.engine, row.id)
    outcome = None if label is None else OutcomeItem(**found_fields(label))
    return AlarmDocument(
        **item.model_dump(), outcome=outcome, timeline=timeline, prognosis=prognoses[0] if prognoses else None
    )


def _item(row: Alarm, name: str, evidence: Mapping[str, str]) -> AlarmItem:
    seen = None
    if row.acknowledged_by is not None and row.acknowledged_ms is not None:
        comment = row.acknowledged_comment or ""
        seen = Acknowledged(by=row.acknowledged_by, at=iso(row.acknowledged_ms), comment=comment)
    return AlarmItem(
        id=row.id,
        machine=row.machine_id,
        machine_name=name,
        component=row.component,
        family=row.family,
        state=row.state,
        condition=row.condition,
        severity=row.severity,
        priority=row.priority,
        label=row.label,
        sentence=row.sentence,
        next_step=row.next_step,
        confidence=row.confidence,
        channel=row.channel,
        score=row.score,
        operating_state=row.operating_state,
        model=row.model,
        clock_quality=row.clock_quality,
        since=iso(row.since_ms),
        changed=iso(row.changed_ms),
        occurrences=row.occurrences,
        late=row.late,
        acknowledged=seen,
        withheld=withheld(_withholding(row)),
        evidence=evidence.get(row.id, "none"),
        lines=[FaultLine(**line) for line in row.lines],
    )


def _withholding(row: Alarm) -> Withholding | None:
    """Return why the alarm asks for nothing just now: the reason that its state tells."""
    columns = {
        DeskState.OUT_OF_SERVICE: row.service,
        DeskState.SUPPRESSED: row.suppression,
        DeskState.SHELVED: row.shelving,
    }
    return withholding(columns.get(DeskState(row.state)))
