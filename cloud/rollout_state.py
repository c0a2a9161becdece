"""What a rollout is made of: its plan, what is known of each gateway, what can happen, what can be decided. Pure.

A rollout brings one version of a model to the gateways of one machine class, stage by stage. `Rollout` is everything
that `cloud.rollout` has to remember between two events; it goes to JSON and back without a change, so that a cloud
which was killed goes on where it was.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cloud.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR_MS: Final = 3_600_000


class Phase(StrEnum):
    """Where a rollout is."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    SUPERSEDED = "superseded"


OPEN_PHASES: Final = (Phase.RUNNING, Phase.PAUSED)
"""In these nobody may start another rollout for the same machine class."""


class GatewayState(StrEnum):
    """What a gateway says it is doing with a version. UNKNOWN: it has said nothing yet."""

    UNKNOWN = "unknown"
    FETCHING = "fetching"
    VERIFYING = "verifying"
    TESTING = "testing"
    SHADOW = "shadow"
    PROBATION = "probation"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


JUDGING: Final = (GatewayState.PROBATION, GatewayState.COMMITTED)
"""In these the version judges machines."""
FAILURES: Final = (GatewayState.FAILED, GatewayState.ROLLED_BACK)
"""The gateway would not have the version: it could not load it, or went back by itself."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        share: of the gateways of the class that are there, at least one gateway; the last stage has 1.
        soak_ms: how long the version judges before the stage may end.
        limit_ms: how long the stage may last; then the rollout halts.
        machine_hours: of the stage's own gateways under the new version, below which evidence is too thin.
        error_budget: share of the gateways that were given the version which may fail, rounded down: of few none.
    """

    share: float
    soak_ms: int
    limit_ms: int
    machine_hours: float
    error_budget: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What a version has to stand up to in every stage; how it is tested says `cloud.rollout_gate`.

    Attributes:
        false_halt: how often at most an equally good version may be rolled back for its alarm rate.
        tolerated_ratio: the alarm rate may be this many times that of the old version.
        max_latency_p99_ms, max_memory_mb: a gateway above counts as failed; None does not look.
        max_errors: judgements that failed on one gateway; above, it counts as failed.
    """

    false_halt: float = 0.05
    tolerated_ratio: float = 1.0
    max_latency_p99_ms: float | None = None
    max_memory_mb: float | None = None
    max_errors: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """How a rollout goes."""

    stages: tuple[Stage, ...]
    gate: Gate = field(default_factory=Gate)


DEFAULT_PLAN: Final = Plan(
    (
        # A canary of one in twenty for a day: a shift pattern is seen whole.
        Stage(0.05, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 100.0, 0.0),
        Stage(0.25, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 400.0, 0.05),
        Stage(1.0, 24 * HOUR_MS, 14 * 24 * HOUR_MS, 1_000.0, 0.05),
    )
)
"""For a class with some dozens of gateways; `docs/rollouts.md` says what can be seen with how many hours."""


def checked(plan: Plan) -> Plan:
    """Return a plan that can be followed.

    Raises:
        RequestError: names what cannot be used.
    """
    shares = [stage.share for stage in plan.stages]
    if not shares or any(not 0 < share <= 1 for share in shares) or sorted(set(shares)) != shares or shares[-1] != 1:
        raise RequestError("stages: shares must grow from stage to stage, above 0, and end with 1")
    for number, stage in enumerate(plan.stages, 1):
        if not 0 <= stage.soak_ms < stage.limit_ms:
            raise RequestError(f"stage {number}: the soak time must be shorter than the time limit")
        if not (0 < stage.machine_hours < math.inf and 0 <= stage.error_budget < 1):
            raise RequestError(f"stage {number}: machine_hours must be above 0, error_budget from 0 to below 1")
    gate = plan.gate
    if not (0 < gate.false_halt <= 0.5 and 1 <= gate.tolerated_ratio < math.inf and gate.max_errors >= 0):
        raise RequestError("gate: false_halt must be above 0 and at most 0.5, tolerated_ratio at least 1, max_errors 0")
    limits = [limit for limit in (gate.max_latency_p99_ms, gate.max_memory_mb) if limit is not None]
    if any(not 0 < limit < math.inf for limit in limits):
        raise RequestError("gate: limits of latency and memory must be above 0")
    return plan


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gateway has counted since it took the version; each number only grows.

    Attributes:
        new_alarms, new_machine_hours: alarms that the new version raised, also in the shadow, and how long it judged.
        old_alarms, old_machine_hours: of the old version on the same machines before, over a stretch of its own.
        shadow_alarms, shadow_machine_hours: of the old version beside the new one, on the same windows.
        errors: judgements of the new version that failed.
        latency_p99_ms, memory_mb: of the new version, the last known.
    """

    new_alarms: int = 0
    new_machine_hours: float = 0.0
    old_alarms: int = 0
    old_machine_hours: float = 0.0
    shadow_alarms: int = 0
    shadow_machine_hours: float = 0.0
    errors: int = 0
    latency_p99_ms: float | None = None
    memory_mb: float | None = None


NO_EVIDENCE: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one gateway.

    Attributes:
        online: whether it is there now.
        running: the version that judges; None while nothing is known.
        target: the version that is wished of it, by this rollout or before it; None: nothing is.
        admitted: number of the stage that gave it the new version; None: none has.
        has_failed: it once would not have the version; that is never taken back.
        error: code of its last failure.
    """

    gateway_id: str
    online: bool
    running: str | None = None
    state: GatewayState = GatewayState.UNKNOWN
    target: str | None = None
    admitted: int | None = None
    has_failed: bool = False
    error: str | None = None
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Rollout:
    """Everything that is remembered of one rollout.

    Attributes:
        previous: the version to go back to; None: what gateways were configured with.
        stage: number of the stage, from 0.
        quota: how many gateways the stage lets have the new version.
        stage_began_ms: moved on by the time it was paused.
        soaking_since_ms: since when the stage's gateways judge with the new version; None: not yet.
        paused_ms: since when it is paused.
        looks: how often the alarm rates were compared; each time costs a part of `Gate.false_halt`.
        edition: counts changes of phase and stage, and what people did.
        sentence: why it is where it is.
        superseded_by: the rollout that now says what gateways run.
        gateways: by id; never changed in place.
    """

    id: str
    machine_class: str
    version: str
    previous: str | None
    plan: Plan
    phase: Phase
    stage: int
    quota: int
    stage_began_ms: int
    soaking_since_ms: int | None
    paused_ms: int | None
    looks: int
    edition: int
    sentence: str
    superseded_by: str | None
    gateways: Mapping[str, Standing]

    @property
    def is_open(self) -> bool:
        """Return whether it goes on, or could."""
        return self.phase in OPEN_PHASES

    @property
    def steers(self) -> bool:
        """Return whether it says what gateways run."""
        return self.superseded_by is None


# What can happen


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """A gateway said what it runs, or came or went; `running` and `state` None leave what was known."""

    gateway_id: str
    machine_class: str
    online: bool
    running: str | None = None
    target: str | None = None
    state: GatewayState | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HealthSample:
    """What a gateway has counted of a version so far."""

    gateway_id: str
    version: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


class Verb(StrEnum):
    """What a person can do with a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    HALT = "halt"
    ROLL_BACK = "rollback"


@dataclass(frozen=True, slots=True)
class Command:
    """A person wants something of the rollout that they have looked at in this edition."""

    verb: Verb
    by: str
    edition: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A later rollout says from now on what gateways run."""

    by_rollout: str


Event = GatewayReport | HealthSample | Tick | Command | Superseded


# What can be decided


@dataclass(frozen=True, slots=True)
class SetTarget:
    """A gateway is to run a version; None: what it was configured with."""

    gateway_id: str
    version: str | None


@dataclass(frozen=True, slots=True)
class EndStage:
    """A stage has ended well, the next begins; after the last one the rollout is complete."""

    stage: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Nobody else gets the version; who judges with it keeps it until a person decides."""

    sentence: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Every gateway goes back to the version before."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Complete:
    """Every gateway of the class runs the version, or will when it is back."""

    sentence: str


Decision = SetTarget | EndStage | Halt | RollBack | Complete


# To JSON and back


def to_json(rollout: Rollout) -> str:
    """Return a rollout as text."""
    return json.dumps(asdict(rollout), allow_nan=False, sort_keys=True)


def from_json(text: str) -> Rollout:
    """Return the rollout in a text that `to_json` has written."""
    fields: dict[str, Any] = json.loads(text)
    gateways = {name: standing_from(one) for name, one in fields["gateways"].items()}
    return Rollout(
        **{**fields, "plan": plan_from(fields["plan"]), "phase": Phase(fields["phase"]), "gateways": gateways}
    )


def plan_from(fields: Mapping[str, Any]) -> Plan:
    """Return a plan from its JSON object."""
    return Plan(tuple(Stage(**stage) for stage in fields["stages"]), Gate(**fields["gate"]))


def standing_from(fields: Mapping[str, Any]) -> Standing:
    """Return what is known of a gateway from its JSON object."""
    return Standing(**{**fields, "state": GatewayState(fields["state"]), "evidence": Evidence(**fields["evidence"])})
