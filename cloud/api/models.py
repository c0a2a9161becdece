"""`/models`: which model judges which machines, and how often it was right.

What a gateway's birth says about the model of a machine class comes first; of machines whose gateway says nothing,
the model that raised their last alarm is named; of the rest nothing is known, and that is said.

`/models/versions`: the registry, in which people approve and retire; what is rolled out stands at `/rollouts`.
"""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from cloud.api.context import ApiContext, Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import NothingRequest, TrackRecordItem
from cloud.api.editions import IfMatch, edition_in, tag
from cloud.api.guard import Who, permission
from cloud.api.labels import read_track_record
from cloud.book.accounts import Doing
from cloud.book.measuring import model_changes, models_of_alarms
from cloud.book.model_registry import change_version, version, versions
from cloud.book.model_tables import ModelVersion
from cloud.event_hub import Change, Subject
from cloud.permissions import Action
from cloud.registry import Step
from models.contract.metrics import model_metric

router = APIRouter(prefix="/models", tags=["models"])

WHATS: Final = ("Version", "Target", "State")


class JudgedMachine(BaseModel):
    """A machine that a model judges."""

    id: str
    name: str
    gateway: str
    learning_progress: float | None


class ModelItem(BaseModel):
    """One model of one machine class.

    Attributes:
        version: None where nothing has named it yet.
        known_from: `birth`, `alarm` or None.
        target, state: what the gateways' births say beside the version.
    """

    machine_class: str | None
    version: str | None
    known_from: str | None
    target: str | None
    state: str | None
    machines: list[JudgedMachine]
    record: TrackRecordItem | None


class ModelList(BaseModel):
    """All models, by machine class."""

    items: list[ModelItem]


@router.get("")
@permission(Action.VIEW)
def list_models(context: Context) -> ModelList:
    """Return which model judges what."""
    records = {record.name: record for record in read_track_record(context).models}
    from_alarms = models_of_alarms(context.engine)
    latest = context.trends.latest_machines()
    said: dict[str, Mapping[str, str]] = {}
    found: dict[tuple[str | None, str | None, str | None], ModelItem] = {}
    for machine in context.book.machines():
        if machine.gateway_id not in said:
            said[machine.gateway_id] = _said_by(context, machine.gateway_id)
        birth = said[machine.gateway_id]
        own = {what: birth.get(model_metric(machine.machine_class or "", what)) for what in WHATS}
        version = own["Version"] or from_alarms.get(machine.id)
        known_from = "birth" if own["Version"] else "alarm" if version else None
        item = found.setdefault(
            (machine.machine_class, version, own["Target"]),
            ModelItem(
                machine_class=machine.machine_class,
                version=version,
                known_from=known_from,
                target=own["Target"],
                state=own["State"],
                machines=[],
                record=records.get(version or ""),
            ),
        )
        summary = latest.get(machine.id)
        item.machines.append(
            JudgedMachine(
                id=machine.id,
                name=machine.display_name or machine.device,
                gateway=machine.gateway_id,
                learning_progress=summary.learning_progress if summary else None,
            )
        )
    return ModelList(items=sorted(found.values(), key=lambda one: (one.machine_class or "", one.version or "")))


def _said_by(context: ApiContext, gateway_id: str) -> Mapping[str, str]:
    """Return what a gateway's births said about its models, by metric name."""
    return {
        one.name: one.text
        for one in context.trends.latest_readings(gateway_id)
        if one.name.startswith("Model/") and one.text
    }


class ModelChange(BaseModel):
    """When a model began to judge a machine, as far as its alarms tell."""

    at: str
    model: str


class ModelChanges(BaseModel):
    """The changes of one machine, oldest first."""

    items: list[ModelChange]


@router.get("/changes")
@permission(Action.VIEW)
def list_model_changes(context: Context, machine: str) -> ModelChanges:
    """Return when the model of a machine changed: the first report of each that followed another."""
    context.book.machine(machine)
    items = [ModelChange(at=iso(at_ms), model=model) for at_ms, model in model_changes(context.engine, machine)]
    return ModelChanges(items=items)


class VersionItem(BaseModel):
    """A version of a model; it never changes but for its state.

    Attributes:
        metrics: how good it was where it was tried, false alarms among them.
        parents: versions of the same class that it was made from.
        training: fingerprints of the data that it has learnt from.
        target_name: by what name delivery knows its bundle, once it is released.
    """

    id: str
    machine_class: str
    name: str
    version: str
    state: str
    sha256: str
    feature_hash: str
    size_bytes: int
    metrics: dict[str, float]
    parents: list[str]
    training: list[str]
    target_name: str | None
    registered_by: str
    registered: str
    approved_by: str | None
    approved: str | None
    changed: str


class VersionList(BaseModel):
    """Versions, the last registered first."""

    items: list[VersionItem]
    next: str | None


@router.get("/versions")
@permission(Action.VIEW)
def list_versions(
    context: Context,
    machine_class: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> VersionList:
    """Return the versions in the registry."""
    before = None
    if cursor:
        registered_ms, last = decode_cursor(cursor, int, str)
        before = int(registered_ms), str(last)
    rows = versions(context.engine, limit + 1, before, machine_class=machine_class)
    shown = rows[:limit]
    following = encode_cursor(shown[-1].registered_ms, shown[-1].id) if len(rows) > limit else None
    return VersionList(items=[_version(row) for row in shown], next=following)


@router.get("/versions/{version_id}")
@permission(Action.VIEW)
def read_version(context: Context, version_id: str, response: Response) -> VersionItem:
    """Return one version; its ETag goes with what is done with it."""
    row = version(context.engine, version_id)
    tag(response, row.edition)
    return _version(row)


@router.post("/versions/{version_id}/approve")
@permission(Action.APPROVE_MODELS)
def approve_version(
    context: Context,
    person: Who,
    version_id: str,
    response: Response,
    _request: NothingRequest | None = None,
    if_match: IfMatch = None,
) -> VersionItem:
    """Say that a candidate may be released."""
    return _step(context, version_id, Step.APPROVE, Doing(person.name, context.now_ms()), if_match, response)


@router.post("/versions/{version_id}/retire")
@permission(Action.APPROVE_MODELS)
def retire_version(
    context: Context,
    person: Who,
    version_id: str,
    response: Response,
    _request: NothingRequest | None = None,
    if_match: IfMatch = None,
) -> VersionItem:
    """Say that a version is not to be rolled out any more."""
    return _step(context, version_id, Step.RETIRE, Doing(person.name, context.now_ms()), if_match, response)


def _step(  # noqa: PLR0917 - who does what with what
    context: ApiContext, version_id: str, step: Step, doing: Doing, if_match: str | None, response: Response
) -> VersionItem:
    edition = edition_in(if_match, "GET /models/versions/{id}")
    row = change_version(context.engine, version_id, step, doing, edition=edition)
    context.hub.tell((Change(Subject.MODEL, row.id),))
    tag(response, row.edition)
    return _version(row)


def _version(row: ModelVersion) -> VersionItem:
    return VersionItem(
        id=row.id,
        machine_class=row.machine_class,
        name=row.name,
        version=row.version,
        state=row.state,
        sha256=row.sha256,
        feature_hash=row.feature_hash,
        size_bytes=row.size_bytes,
        metrics=row.metrics,
        parents=row.parents,
        training=row.training,
        target_name=row.target_name,
        registered_by=row.registered_by,
        registered=iso(row.registered_ms),
        approved_by=row.approved_by,
        approved=None if row.approved_ms is None else iso(row.approved_ms),
        changed=iso(row.changed_ms),
    )
