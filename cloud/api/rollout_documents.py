"""What requests and answers about rollouts look like."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cloud.api.context import iso
from cloud.book.model_tables import RolloutRow
from cloud.rollout_state import HOUR_MS, Gate, Plan, Rollout, Stage, Standing

Hours = Annotated[float, Field(ge=0, le=24 * 366)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StageFields(_Fields):
    """One stage of a plan.

    Attributes:
        share: of the gateways that are there; the last stage has 1.
        soak_h: how long the version judges before the stage may end.
        limit_h: how long the stage may last.
        machine_hours: under the new version, below which evidence is too thin.
        error_budget: share of the gateways that were given the version which may fail.
    """

    share: Annotated[float, Field(gt=0, le=1)]
    soak_h: Hours
    limit_h: Hours
    machine_hours: Annotated[float, Field(gt=0, le=1e9)]
    error_budget: Annotated[float, Field(ge=0, lt=1)] = 0.0


class GateFields(_Fields):
    """What the version has to stand up to; what is left out is as `docs/rollouts.md` says."""

    false_halt: Annotated[float, Field(gt=0, le=0.5)] = Gate().false_halt
    tolerated_ratio: Annotated[float, Field(ge=1, le=100)] = Gate().tolerated_ratio
    max_latency_p99_ms: Annotated[float, Field(gt=0)] | None = None
    max_memory_mb: Annotated[float, Field(gt=0)] | None = None
    max_errors: Annotated[int, Field(ge=0)] = 0


class PlanFields(_Fields):
    """How a rollout goes."""

    stages: Annotated[list[StageFields], Field(min_length=1, max_length=20)]
    gate: GateFields = GateFields()


class RolloutRequest(_Fields):
    """A rollout to be started; without a plan it goes as `docs/rollouts.md` says."""

    version: Annotated[str, Field(max_length=64, description="id of a released version")]
    plan: PlanFields | None = None


class RolloutCommandRequest(_Fields):
    """Why; it stands in the audit log and on the rollout."""

    why: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


class RolloutItem(BaseModel):
    """A rollout.

    Attributes:
        previous: what is gone back to; None: what gateways were configured with.
        stage: from 1.
        sentence: why it is where it is.
        superseded_by: the rollout that says by now what gateways run.
    """

    id: str
    machine_class: str
    version: str
    version_id: str
    previous: str | None
    phase: str
    stage: int
    stages: int
    sentence: str
    by: str
    started: str
    changed: str
    superseded_by: str | None


class RolloutList(BaseModel):
    """Rollouts, the last begun first."""

    items: list[RolloutItem]
    next: str | None


class RolloutGatewayItem(BaseModel):
    """What a rollout knows of a gateway.

    Attributes:
        target: what it is to run; None: nothing is wished of it.
        stage: that gave it the version, from 1.
    """

    id: str
    online: bool
    running: str | None
    state: str
    target: str | None
    stage: int | None
    failed: bool
    error: str | None
    alarms: int
    machine_hours: float


class RolloutDocument(RolloutItem):
    """A rollout with its plan and its gateways; its ETag goes with what is done with it."""

    quota: int
    plan: PlanFields
    gateways: list[RolloutGatewayItem]


def plan_of(fields: PlanFields) -> Plan:
    """Return the plan in a request."""
    stages = tuple(
        Stage(one.share, round(one.soak_h * HOUR_MS), round(one.limit_h * HOUR_MS), one.machine_hours, one.error_budget)
        for one in fields.stages
    )
    return Plan(stages, Gate(**fields.gate.model_dump()))


def rollout_item(row: RolloutRow, rollout: Rollout) -> RolloutItem:
    """Return a rollout for a list."""
    return RolloutItem(
        id=row.id,
        machine_class=row.machine_class,
        version=rollout.version,
        version_id=row.version_id,
        previous=rollout.previous,
        phase=rollout.phase.value,
        stage=rollout.stage + 1,
        stages=len(rollout.plan.stages),
        sentence=rollout.sentence,
        by=row.by,
        started=iso(row.started_ms),
        changed=iso(row.changed_ms),
        superseded_by=row.superseded_by,
    )


def rollout_document(row: RolloutRow, rollout: Rollout) -> RolloutDocument:
    """Return a whole rollout."""
    gateways = [_gateway(one) for _, one in sorted(rollout.gateways.items())]
    item = rollout_item(row, rollout).model_dump()
    return RolloutDocument(**item, quota=rollout.quota, plan=_plan_fields(rollout.plan), gateways=gateways)


def _plan_fields(plan: Plan) -> PlanFields:
    stages = [
        StageFields(
            share=one.share,
            soak_h=one.soak_ms / HOUR_MS,
            limit_h=one.limit_ms / HOUR_MS,
            machine_hours=one.machine_hours,
            error_budget=one.error_budget,
        )
        for one in plan.stages
    ]
    gate = plan.gate
    return PlanFields(
        stages=stages,
        gate=GateFields(
            false_halt=gate.false_halt,
            tolerated_ratio=gate.tolerated_ratio,
            max_latency_p99_ms=gate.max_latency_p99_ms,
            max_memory_mb=gate.max_memory_mb,
            max_errors=gate.max_errors,
        ),
    )


def _gateway(one: Standing) -> RolloutGatewayItem:
    return RolloutGatewayItem(
        id=one.gateway_id,
        online=one.online,
        running=one.running,
        state=one.state.value,
        target=one.target,
        stage=None if one.admitted is None else one.admitted + 1,
        failed=one.has_failed,
        error=one.error,
        alarms=one.evidence.new_alarms,
        machine_hours=one.evidence.new_machine_hours,
    )
