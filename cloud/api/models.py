"""`/models`: which model judges which machines, and how often it was right.

What a gateway's birth says about the model of a machine class comes first; of machines whose gateway says nothing,
the model that raised their last alarm is named; of the rest nothing is known, and that is said.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from cloud.api.context import ApiContext, Context, iso
from cloud.api.documents import TrackRecordItem
from cloud.api.guard import permission
from cloud.api.labels import read_track_record
from cloud.book.measuring import model_changes, models_of_alarms
from cloud.permissions import Action
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
