"""What people want of gateways: the moment around an alarm, and a baseline learnt anew."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from cloud.api.context import ApiContext, Context, iso
from cloud.api.documents import SpectrumDocument
from cloud.api.guard import Who, permission
from cloud.api.spectra import spectrum_document
from cloud.book.requests import ask_for_moment, last_request, relearning_of
from cloud.event_hub import Change, Subject
from cloud.permissions import Action

router = APIRouter(tags=["alarms"])


class MomentDocument(BaseModel):
    """What has become of the wish for the moment around an alarm."""

    alarm: str
    state: Literal["not_asked", "waiting", "delivered", "refused"]
    by: str | None = None
    asked: str | None = None
    answered: str | None = None
    detail: str = ""


class RelearningDocument(BaseModel):
    """Since when a machine is to have learnt what is normal; `done` once its gateway says that it does."""

    machine: str
    since: str | None = None
    by: str | None = None
    done: str | None = None


@router.get("/alarms/{alarm_id}/moment")
@permission(Action.VIEW)
def read_moment(context: Context, alarm_id: str) -> MomentDocument:
    """Return whether the moment around an alarm was asked for, and what its gateway answered."""
    return _moment(context, context.book.alarm(alarm_id).id)


@router.post("/alarms/{alarm_id}/moment", status_code=202)
@permission(Action.REQUEST_EVIDENCE)
def want_moment(context: Context, person: Who, alarm_id: str) -> MomentDocument:
    """Ask the gateway for all samples that it keeps from before and after the alarm."""
    own_id = ask_for_moment(context.engine, alarm_id, person.name, context.now_ms())
    context.hub.tell((Change(Subject.ALARM, own_id),))
    return _moment(context, own_id)


@router.get("/alarms/{alarm_id}/moment/evidence")
@permission(Action.VIEW)
def read_moment_evidence(context: Context, alarm_id: str) -> SpectrumDocument:
    """Return the moment around an alarm, once its gateway has sent it."""
    return spectrum_document(context.book.alarm_evidence(context.book.alarm(alarm_id).id, moment=True))


@router.get("/machines/{machine_id}/relearning")
@permission(Action.VIEW)
def read_relearning(context: Context, machine_id: str) -> RelearningDocument:
    """Return since when a machine is to have learnt what is normal, because a part was replaced."""
    context.book.machine(machine_id)
    known = relearning_of(context.engine, machine_id)
    if known is None:
        return RelearningDocument(machine=machine_id)
    done = None if known.done_ms is None else iso(known.done_ms)
    return RelearningDocument(machine=machine_id, since=iso(known.since_ms), by=known.by, done=done)


def _moment(context: ApiContext, alarm_id: str) -> MomentDocument:
    row = last_request(context.engine, alarm_id)
    if row is None:
        return MomentDocument(alarm=alarm_id, state="not_asked")
    return MomentDocument.model_validate(
        {
            "alarm": alarm_id,
            "state": row.state,
            "by": row.by,
            "asked": iso(row.asked_ms),
            "answered": None if row.answered_ms is None else iso(row.answered_ms),
            "detail": row.detail,
        }
    )
