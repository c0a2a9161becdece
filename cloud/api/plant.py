"""What people say of machines: `PATCH /machines/{id}`, and `/advice`, what to do about a cause."""

from typing import Annotated, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud.api.context import Context, iso
from cloud.api.editions import IfMatch, edition_in, tag
from cloud.api.guard import Who, permission
from cloud.book.plant import MachineEdit, advise, all_advice, edit_machine
from cloud.book.plant_tables import Advice
from cloud.book.tables import Machine
from cloud.errors import RequestError
from cloud.permissions import Action
from models.contract.vocabulary import OFF, STARTING, TRANSIENT, UNKNOWN, Criticality, DiagnosisLabel

router = APIRouter(tags=["plant"])

STATES: Final = (OFF, STARTING, "steady", TRANSIENT, UNKNOWN)
"""Operating states in which alarms may be suppressed by design; steady stands for every steady one."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Path = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^/]*(/[^/]+)*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]


class MachineEditRequest(BaseModel):
    """What people say of a machine; what is left out stays as it is, an empty text takes it away."""

    model_config = ConfigDict(extra="forbid")

    display_name: Name | None = None
    path: Path | None = Field(default=None, description="site/area/line, as people call the place")
    criticality: Criticality | None = None
    suppressed_in: tuple[str, ...] | None = Field(
        default=None, description="operating states, such as off and starting"
    )


class MachineEditDocument(BaseModel):
    """What people have said of a machine."""

    machine: str
    display_name: str | None
    path: str | None
    criticality: str
    suppressed_in: list[str]


class AdviceRequest(BaseModel):
    """What is to be done; an empty text takes the plant's own advice away."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class AdviceItem(BaseModel):
    """What is to be done about a cause on a class of machines."""

    machine_class: str = Field(serialization_alias="class")
    label: str
    text: str
    by: str
    at: str


class AdviceList(BaseModel):
    """Everything that the plant says should be done."""

    items: list[AdviceItem]


@router.get("/machines/{machine_id}/edit")
@permission(Action.VIEW)
def read_edit(context: Context, machine_id: str, response: Response) -> MachineEditDocument:
    """Return what people have said of a machine; its ETag goes with a change of it."""
    return _edited(context.book.machine(machine_id), response)


@router.patch("/machines/{machine_id}")
@permission(Action.CONFIGURE_MACHINES)
def change_machine(  # noqa: PLR0917 - each argument is one part of the request, FastAPI passes them by name
    context: Context,
    person: Who,
    machine_id: str,
    request: MachineEditRequest,
    response: Response,
    if_match: IfMatch = None,
) -> MachineEditDocument:
    """Change what people say of a machine: its name, its place, how critical it is, when its alarms mean nothing."""
    edition = edition_in(if_match, "GET /machines/{id}/edit")
    unknown = [state for state in request.suppressed_in or () if state not in STATES]
    if unknown:
        raise RequestError(f"suppressed_in: {unknown[0][:40]!r} is none of {', '.join(STATES)}")
    edit = MachineEdit(request.display_name, request.path, request.criticality, request.suppressed_in)
    context.hub.tell(edit_machine(context.engine, machine_id, edit, edition, person.name, context.now_ms()))
    return _edited(context.book.machine(machine_id), response)


@router.get("/advice")
@permission(Action.VIEW)
def list_advice(context: Context) -> AdviceList:
    """Return what the plant says should be done, where it says something of its own."""
    return AdviceList(items=[_item(row) for row in all_advice(context.engine)])


@router.put("/advice/{machine_class}/{label}")
@permission(Action.CONFIGURE_MACHINES)
def say_advice(
    context: Context, person: Who, machine_class: str, label: DiagnosisLabel, request: AdviceRequest
) -> AdviceList:
    """Say what is to be done about a cause on a class of machines; alarms that stand say it at once."""
    context.hub.tell(advise(context.engine, machine_class, label, request.text, person.name, context.now_ms()))
    return list_advice(context)


def _edited(row: Machine, response: Response) -> MachineEditDocument:
    tag(response, row.edition)
    return MachineEditDocument(
        machine=row.id,
        display_name=row.display_name,
        path=row.path,
        criticality=row.criticality,
        suppressed_in=[str(state) for state in row.suppressed_in or ()],
    )


def _item(row: Advice) -> AdviceItem:
    return AdviceItem(machine_class=row.machine_class, label=row.label, text=row.text, by=row.by, at=iso(row.at_ms))
