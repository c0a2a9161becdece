"""How one machine class gets from one model to another: decided purely, from what was reported and the time.

    idle ──wanted──▶ fetching ──verified file──▶ testing ──known answers──▶ shadow ──long enough──▶ probation
      ▲                 │                           │                         │                        │ healthy
      │                 └───────────┬───────────────┴─────────────────────────┘                        ▼
      └────────── failed, with a named cause; the active model never left ◀──────── rolled back │  committed

- *fetching*: a child process verifies signatures, length and hash; nothing unverified gets a slot.
- *testing*: a child process with limits of time and memory loads it and reproduces its golden vectors.
- *shadow*: it scores every window beside the active model and learns the machines' baselines; nobody is told.
- *probation*: it is the active one, the model before it stays ready; the health gate decides.

What a step leads to is done by others (`model_slots`, `agent`) in one transaction with the new state, so a power cut
finds either the state before or the one after. A target that failed is not tried again until another is wanted, or a
person or the cloud asks anew: a loop of failures would wear flash and line.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILT_IN: Final = "built-in"
"""What comes with the program: always there, wanted by this name."""


class Phase(StrEnum):
    """Where an update is."""

    IDLE = "idle"
    FETCHING = "fetching"
    TESTING = "testing"
    SHADOW = "shadow"
    PROBATION = "probation"


class Cause(StrEnum):
    """Why an update ended without its model."""

    FETCH = "fetch"
    """Not there, not signed as it must be, or not whole; the detail is the verification's own code."""
    UNSUITABLE = "unsuitable"
    """Damaged, for other features, or with operators that this gateway lacks."""
    TEST = "test"
    """Other answers than the known ones, too slow, too large, or it hung."""
    SHADOW = "shadow"
    """Beside the active model it raised too many alarms, failed, or was too slow."""
    PROBATION = "probation"
    """In service it did."""
    SUPERSEDED = "superseded"
    """Another one is wanted."""


class Deed(StrEnum):
    """What somebody has to do now."""

    FETCH = "fetch"
    TEST = "test"
    BEGIN_SHADOW = "begin_shadow"
    END_SHADOW = "end_shadow"
    SWITCH = "switch"
    """The candidate becomes active, the active one previous, in one transaction with the machines' states."""
    COMMIT = "commit"
    """The states from before the switch are no longer needed."""
    RETURN = "return"
    """The previous model becomes active again, with the states from before the switch."""
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Model:
    """A model by its names.

    Attributes:
        version: of its machine class, or `BUILT_IN`.
        target: its name in the repository; empty for what comes with the program.
        sha256: of its bundle, hex; empty until it is verified, or for what comes with the program.
    """

    version: str = BUILT_IN
    target: str = ""
    sha256: str = ""

    def is_same(self, other: Model | None) -> bool:
        """Return whether both names mean one model; a hash that is not known yet contradicts none."""
        if other is None or (self.version, self.target) != (other.version, other.target):
            return False
        return "" in (self.sha256, other.sha256) or self.sha256 == other.sha256


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """How careful an update is.

    Attributes:
        shadow_s: so long a candidate runs beside the active model, data time.
        shadow_windows: and has judged so many windows.
        shadow_longest_s: a machine that is off all along does not keep it for ever: then it ends without a switch.
        probation_s: so long the health gate looks at it in service.
        most_errors: of scoring, in shadow or probation.
        latency_ratio: its slowest windows (p99) may take so much longer than those of the active one.
        alarm_factor, alarm_slack: in shadow and probation it may have this many times the other's windows beyond the
            threshold, and so many more; few windows say little.
    """

    shadow_s: float = 3_600.0
    shadow_windows: int = 600
    shadow_longest_s: float = 7 * 86_400.0
    probation_s: float = 3_600.0
    most_errors: int = 0
    latency_ratio: float = 2.0
    alarm_factor: float = 2.0
    alarm_slack: int = 30


@dataclass(frozen=True, slots=True)
class Evidence:
    """What two models did on the same windows since shadow or probation began.

    Attributes:
        windows: judged by both.
        beyond, other_beyond: of them beyond the threshold: by the one that is looked at, and by the other.
        errors: windows that it could not score.
        p99_ms, other_p99_ms: of scoring; None where too few were timed.
    """

    windows: int = 0
    beyond: int = 0
    other_beyond: int = 0
    errors: int = 0
    p99_ms: float | None = None
    other_p99_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Where one machine class is.

    Attributes:
        active: judges; always a verified model or what comes with the program.
        previous: stays ready while `active` is on probation, and afterwards until another takes its slot.
        candidate: of the update that is under way; None in `IDLE`.
        phase: of it.
        since_s: when the phase began, s UTC.
        failed: the model that was given up last; it is not tried again by itself.
        cause, detail: why.
    """

    active: Model = field(default_factory=Model)
    previous: Model | None = None
    candidate: Model | None = None
    phase: Phase = Phase.IDLE
    since_s: float = 0.0
    failed: Model | None = None
    cause: Cause | None = None
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the update as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        models = {name: values[name] and Model(**values[name]) for name in ("previous", "candidate", "failed")}
        cause = values["cause"]
        return cls(
            active=Model(**values["active"]),
            phase=Phase(values["phase"]),
            since_s=float(values["since_s"]),
            cause=None if cause is None else Cause(cause),
            detail=str(values["detail"]),
            **models,
        )


Step = tuple[Update, tuple[Deed, ...]]
"""The state after an event, and what is to be done, in this order, in one transaction with it."""


def wanted(update: Update, model: Model, now_s: float, *, again: bool = False) -> Step:
    """Return the step after the cloud, or a person, has said which model this class should have.

    Args:
        update: where the class is.
        model: what is wanted.
        now_s: s UTC.
        again: try also what has failed.
    """
    if model.is_same(update.candidate) or (update.phase is Phase.IDLE and model.is_same(update.active)):
        return update, ()
    if model.is_same(update.failed) and not again:
        return update, ()
    if update.phase is Phase.PROBATION and model.is_same(update.previous):
        return _returned(update, Cause.SUPERSEDED, "the version before is wanted again", now_s)
    if update.phase is Phase.PROBATION:
        # What is in service stays; the new one is fetched beside it once this one has been decided about.
        return update, ()
    ending = (Deed.END_SHADOW,) if update.phase is Phase.SHADOW else ()
    idle = replace(update, candidate=None, phase=Phase.IDLE, since_s=now_s, cause=None, detail="")
    if model.is_same(update.active):
        return idle, (*ending, Deed.REPORT)
    is_here = model.version == BUILT_IN or model.is_same(update.previous)
    begun = replace(
        idle,
        candidate=update.previous if is_here and model.is_same(update.previous) else model,
        phase=Phase.TESTING if is_here else Phase.FETCHING,
    )
    return begun, (*ending, Deed.TEST if is_here else Deed.FETCH, Deed.REPORT)


def fetched(update: Update, sha256: str, now_s: float) -> Step:
    """Return the step after the candidate has been verified and is whole on the disk."""
    if update.phase is not Phase.FETCHING or update.candidate is None:
        return update, ()
    if update.candidate.sha256 not in ("", sha256):
        return given_up(update, Cause.FETCH, f"{sha256[:16]}… is signed, {update.candidate.sha256[:16]}… wanted", now_s)
    candidate = replace(update.candidate, sha256=sha256)
    return replace(update, candidate=candidate, phase=Phase.TESTING, since_s=now_s), (Deed.TEST, Deed.REPORT)


def answered(update: Update, now_s: float) -> Step:
    """Return the step after the candidate has reproduced its known answers within its limits."""
    if update.phase is not Phase.TESTING:
        return update, ()
    return replace(update, phase=Phase.SHADOW, since_s=now_s), (Deed.BEGIN_SHADOW, Deed.REPORT)


def looked_at(update: Update, evidence: Evidence, settings: UpdateSettings, now_s: float) -> Step:
    """Return the step after some windows more in shadow or on probation; called now and then, and after each error.

    Args:
        update: where the class is.
        evidence: since the phase began.
        settings: how careful to be.
        now_s: s UTC.
    """
    if update.phase is Phase.SHADOW:
        return _in_shadow(update, evidence, settings, now_s)
    if update.phase is Phase.PROBATION:
        return _on_probation(update, evidence, settings, now_s)
    return update, ()


def given_up(update: Update, cause: Cause, detail: str, now_s: float) -> Step:
    """Return the step after the candidate could not be fetched, tested or kept in shadow; the active one stays."""
    if update.phase is Phase.PROBATION:
        return _returned(update, Cause.PROBATION, detail, now_s)
    if update.candidate is None:
        return update, ()
    ending = (Deed.END_SHADOW,) if update.phase is Phase.SHADOW else ()
    failed = replace(
        update, candidate=None, phase=Phase.IDLE, since_s=now_s, failed=update.candidate, cause=cause, detail=detail
    )
    return failed, (*ending, Deed.REPORT)


def _in_shadow(update: Update, evidence: Evidence, settings: UpdateSettings, now_s: float) -> Step:
    elapsed_s = now_s - update.since_s
    worse = _worse(evidence, settings)
    if worse:
        return given_up(update, Cause.SHADOW, worse, now_s)
    if elapsed_s >= settings.shadow_s and evidence.windows >= settings.shadow_windows:
        assert update.candidate is not None  # noqa: S101 - of every phase but IDLE
        switched = replace(
            update, active=update.candidate, previous=update.active, phase=Phase.PROBATION, since_s=now_s, failed=None
        )
        return switched, (Deed.END_SHADOW, Deed.SWITCH, Deed.REPORT)
    if elapsed_s >= settings.shadow_longest_s:
        return given_up(update, Cause.SHADOW, f"only {evidence.windows} windows were judged in all this time", now_s)
    return update, ()


def _on_probation(update: Update, evidence: Evidence, settings: UpdateSettings, now_s: float) -> Step:
    worse = _worse(evidence, settings)
    if worse:
        return _returned(update, Cause.PROBATION, worse, now_s)
    if now_s - update.since_s < settings.probation_s:
        return update, ()
    return replace(update, phase=Phase.IDLE, candidate=None, since_s=now_s), (Deed.COMMIT, Deed.REPORT)


def _returned(update: Update, cause: Cause, detail: str, now_s: float) -> Step:
    """Return the step back to the model before."""
    assert update.previous is not None  # noqa: S101 - of every probation
    back = replace(
        update,
        active=update.previous,
        previous=None,
        candidate=None,
        phase=Phase.IDLE,
        since_s=now_s,
        failed=update.active,
        cause=cause,
        detail=detail,
    )
    return back, (Deed.RETURN, Deed.REPORT)


def _worse(evidence: Evidence, settings: UpdateSettings) -> str:
    """Return in words why the model that is looked at is worse than the other; empty where it is not."""
    if evidence.errors > settings.most_errors:
        return f"{evidence.errors} windows could not be scored"
    allowed = settings.alarm_factor * evidence.other_beyond + settings.alarm_slack
    if evidence.beyond > allowed:
        return (
            f"{evidence.beyond} of {evidence.windows} windows beyond the threshold, {evidence.other_beyond} by the"
            " model before"
        )
    if (
        evidence.p99_ms is not None
        and evidence.other_p99_ms is not None
        and evidence.p99_ms > settings.latency_ratio * evidence.other_p99_ms
    ):
        return f"its slowest windows take {evidence.p99_ms:.2g} ms, {evidence.other_p99_ms:.2g} ms before"
    return ""
