"""`/labels`: what people found, also where no alarm had told of it, and how often alarms were right."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query

from cloud.api.context import Context, iso, parse_time
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import (
    LabelItem,
    LabelList,
    LabelRequest,
    OutcomeRequest,
    TrackRecordDocument,
    TrackRecordItem,
)
from cloud.api.guard import Who, permission
from cloud.book.labelling import Said, all_found, label_stretch, labels
from cloud.book.sites import site_of_machine
from cloud.book.tables import Label
from cloud.errors import NotFoundError, RequestError
from cloud.event_hub import Change, Subject
from cloud.permissions import Action
from cloud.track_record import TrackRecord, track_records

router = APIRouter(prefix="/labels", tags=["labels"])


@router.get("")
@permission(Action.VIEW)
def list_labels(
    context: Context,
    machine: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> LabelList:
    """Return what was found, newest first."""
    before = int(decode_cursor(cursor, int)[0]) if cursor else None
    rows = labels(context.engine, machine, before, limit + 1)
    following = encode_cursor(rows[limit - 1].key) if len(rows) > limit else None
    return LabelList(items=[_item(row) for row in rows[:limit]], next=following)


@router.post("", status_code=201)
@permission(Action.SAY_FINDINGS, checks_site=True)
def add_label(context: Context, person: Who, request: LabelRequest) -> LabelItem:
    """Say what was found in a stretch of a machine's time: faults that were missed count too."""
    from_ms, to_ms = parse_time("from", request.from_time), parse_time("to", request.to_time)
    if from_ms is None or to_ms is None or from_ms >= to_ms:
        raise RequestError("from: must be before to")
    site = site_of_machine(context.engine, request.machine)
    if site is None:
        raise NotFoundError("machine", request.machine)
    person.check(Action.SAY_FINDINGS, site)
    found = said(request, person.name)
    row = label_stretch(context.engine, request.machine, (from_ms, to_ms), found, context.now_ms())
    context.hub.tell((Change(Subject.MACHINE, request.machine),))
    return _item(row)


@router.get("/track-record")
@permission(Action.VIEW)
def read_track_record(context: Context) -> TrackRecordDocument:
    """Return how often alarms were right, by machine and by model."""
    machines, models = track_records(all_found(context.engine))
    return TrackRecordDocument(machines=_records(machines), models=_records(models))


def said(request: OutcomeRequest, by: str) -> Said:
    """Return what somebody says they found."""
    return Said(by, request.finding, request.severity, request.action, request.part, request.comment)


def found_fields(row: Label) -> dict[str, Any]:
    """Return what was found, by whom and when, as the fields of a document."""
    return {
        "finding": row.finding,
        "action": row.action,
        "part": row.part,
        "comment": row.comment,
        "by": row.by,
        "at": iso(row.at_ms),
    }


def _item(row: Label) -> LabelItem:
    return LabelItem(
        **found_fields(row),
        key=row.key,
        machine=row.machine_id,
        alarm=row.alarm_id,
        evidence=row.evidence_id,
        from_time=iso(row.from_ms),
        to_time=iso(row.to_ms),
        severity=row.severity,
        told=row.told,
        model=row.model,
    )


def _records(records: Mapping[str, TrackRecord]) -> list[TrackRecordItem]:
    return [
        TrackRecordItem(
            name=name,
            right=one.right,
            named=one.named,
            false_alarms=one.false_alarms,
            missed=one.missed,
            false_alarm_share=one.false_alarm_share,
            missed_share=one.missed_share,
        )
        for name, one in sorted(records.items())
    ]
