"""`/rollouts`: a version brought to the gateways of a machine class in stages, and what people do with that."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from cloud.accounts import Person
from cloud.api.context import ApiContext, Context
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.editions import IfMatch, edition_in, tag
from cloud.api.guard import Who, permission
from cloud.api.rollout_documents import (
    RolloutCommandRequest,
    RolloutDocument,
    RolloutList,
    RolloutRequest,
    plan_of,
    rollout_document,
    rollout_item,
)
from cloud.book.accounts import Doing
from cloud.book.rollouts import command_rollout, list_rollouts, read_rollout, start_rollout
from cloud.event_hub import Change, Subject
from cloud.permissions import Action
from cloud.rollout_state import DEFAULT_PLAN, Command, Rollout, Verb

router = APIRouter(prefix="/rollouts", tags=["models"])

NO_REASON = RolloutCommandRequest()


@router.get("")
@permission(Action.VIEW)
def list_all(
    context: Context,
    machine_class: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RolloutList:
    """Return rollouts, the last begun first."""
    before = None
    if cursor:
        started_ms, rollout_id = decode_cursor(cursor, int, str)
        before = int(started_ms), str(rollout_id)
    found = list_rollouts(context.engine, limit + 1, before, machine_class=machine_class)
    shown = found[:limit]
    following = encode_cursor(shown[-1][0].started_ms, shown[-1][0].id) if len(found) > limit else None
    return RolloutList(items=[rollout_item(*one) for one in shown], next=following)


@router.get("/{rollout_id}")
@permission(Action.VIEW)
def read_one(context: Context, rollout_id: str, response: Response) -> RolloutDocument:
    """Return one rollout with its gateways; its ETag goes with what is done with it."""
    return _document(context, rollout_id, response)


@router.post("", status_code=201)
@permission(Action.RELEASE_MODELS)
def start(context: Context, person: Who, request: RolloutRequest, response: Response) -> RolloutDocument:
    """Begin to bring a released version to the gateways of its class."""
    plan = DEFAULT_PLAN if request.plan is None else plan_of(request.plan)
    doing = Doing(person.name, context.now_ms())
    rollout = start_rollout(context.engine, str(uuid.uuid4()), request.version, plan, doing)
    _tell(context, rollout)
    return _document(context, rollout.id, response)


@router.post("/{rollout_id}/pause")
@permission(Action.RELEASE_MODELS)
def pause(  # noqa: PLR0917 - each argument is one part of the request, FastAPI passes them by name
    context: Context,
    person: Who,
    rollout_id: str,
    response: Response,
    request: RolloutCommandRequest = NO_REASON,
    if_match: IfMatch = None,
) -> RolloutDocument:
    """Let nobody else have the version for now; who has it is watched on."""
    return _do(context, person, rollout_id, Verb.PAUSE, (request, if_match), response)


@router.post("/{rollout_id}/resume")
@permission(Action.RELEASE_MODELS)
def resume(  # noqa: PLR0917 - as above
    context: Context,
    person: Who,
    rollout_id: str,
    response: Response,
    request: RolloutCommandRequest = NO_REASON,
    if_match: IfMatch = None,
) -> RolloutDocument:
    """Go on after a pause, which does not count towards the stage's time limit."""
    return _do(context, person, rollout_id, Verb.RESUME, (request, if_match), response)


@router.post("/{rollout_id}/halt")
@permission(Action.RELEASE_MODELS)
def halt(  # noqa: PLR0917 - as above
    context: Context,
    person: Who,
    rollout_id: str,
    response: Response,
    request: RolloutCommandRequest = NO_REASON,
    if_match: IfMatch = None,
) -> RolloutDocument:
    """End it where it is: who judges with the version keeps it, nobody else gets it."""
    return _do(context, person, rollout_id, Verb.HALT, (request, if_match), response)


@router.post("/{rollout_id}/rollback")
@permission(Action.RELEASE_MODELS)
def roll_back(  # noqa: PLR0917 - as above
    context: Context,
    person: Who,
    rollout_id: str,
    response: Response,
    request: RolloutCommandRequest = NO_REASON,
    if_match: IfMatch = None,
) -> RolloutDocument:
    """Have every gateway go back to the version before; what is complete, too, until something newer is rolled out."""
    return _do(context, person, rollout_id, Verb.ROLL_BACK, (request, if_match), response)


def _do(  # noqa: PLR0917 - who does what with what
    context: ApiContext,
    person: Person,
    rollout_id: str,
    verb: Verb,
    asked: tuple[RolloutCommandRequest, str | None],
    response: Response,
) -> RolloutDocument:
    request, if_match = asked
    edition = edition_in(if_match, "GET /rollouts/{id}")
    command = Command(verb, person.name, edition, request.why)
    _tell(context, command_rollout(context.engine, rollout_id, command, context.now_ms()))
    return _document(context, rollout_id, response)


def _tell(context: ApiContext, rollout: Rollout) -> None:
    context.hub.tell((Change(Subject.ROLLOUT, rollout.id), Change(Subject.MODEL, rollout.machine_class)))


def _document(context: ApiContext, rollout_id: str, response: Response) -> RolloutDocument:
    row, rollout = read_rollout(context.engine, rollout_id)
    tag(response, rollout.edition)
    return rollout_document(row, rollout)
