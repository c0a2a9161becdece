"""One version of a model brought to the gateways of a machine class, stage by stage, and back if it is worse. Pure.

    start → stage 0, the canary → … → the last stage, all → completed
    in every stage: admit gateways up to the quota → wait until they judge with it → soak → evidence → gate

What has happened goes in as events, with the time; the rollout as it is then comes out, with what was decided. Reports
and samples only change what is known; decisions fall with ticks and with what people do, so many reports cost little.

- **Worse** (alarm rate, or more failures than the error budget): rolled back, also while paused or halted.
- **Too thin** (too few machine-hours, nothing to compare with, gateways that do not take it): the stage waits, says
  so, and halts at its time limit. No data never promotes.
- **Halted**: nobody else gets it. Who judges with it keeps it until a person decides; who was on the way is called
  back.
- **Afterwards** a rollout still says what gateways run, until a later one does: whoever was away all along gets the
  new version on return if it is completed, the old one if it was rolled back.
- What gateways run that this rollout has not admitted is left alone while it goes on.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cloud.errors import ConflictError, EditionError, RolloutRunningError
from cloud.rollout_gate import broken_limit, compare, has_reference, next_look_hours, summed, too_many
from cloud.rollout_state import (
    FAILURES,
    HOUR_MS,
    Command,
    Complete,
    Decision,
    EndStage,
    Event,
    GatewayReport,
    Halt,
    HealthSample,
    Phase,
    Plan,
    RollBack,
    Rollout,
    SetTarget,
    Standing,
    Superseded,
    Tick,
    Verb,
    checked,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloud.rollout_state import Stage

Reaction = tuple[Rollout, tuple[Decision, ...]]

COMMANDS: Final = {
    Verb.PAUSE: (Phase.RUNNING,),
    Verb.RESUME: (Phase.PAUSED,),
    Verb.HALT: (Phase.RUNNING, Phase.PAUSED),
    Verb.ROLL_BACK: (Phase.RUNNING, Phase.PAUSED, Phase.HALTED, Phase.COMPLETED),
}
"""In which phases people can do what."""

WATCHED: Final = (Phase.RUNNING, Phase.PAUSED, Phase.HALTED)
"""Phases in which a version that is worse is rolled back."""

_ROUNDING: Final = 1e-9
"""A share of 0.3 of 10 gateways is 3, whatever binary fractions make of it."""


def start(  # noqa: PLR0917 - what goes where, after what
    rollout_id: str,
    machine_class: str,
    version: str,
    previous: str | None,
    plan: Plan,
    gateways: Iterable[Standing],
    others: Iterable[Rollout],
    now_ms: int,
) -> Reaction:
    """Return a rollout that has begun, and its first decisions.

    Args:
        rollout_id: chooses the canary, together with the gateways' ids.
        machine_class: whose gateways get it.
        version: the new one.
        previous: what is run now, None for what gateways were configured with.
        plan: how it goes.
        gateways: those of the class that are known, with what they run.
        others: rollouts that there are.
        now_ms: ms UTC.

    Raises:
        RolloutRunningError: another one goes on for this class.
        ConflictError: the version is what is run now.
        RequestError: the plan cannot be followed.
    """
    checked(plan)
    for other in others:
        if other.machine_class == machine_class and other.is_open:
            raise RolloutRunningError(machine_class, other.id)
    if version == previous:
        raise ConflictError(f"{machine_class}: {version} is what is run now")
    rollout = Rollout(
        id=rollout_id,
        machine_class=machine_class,
        version=version,
        previous=previous,
        plan=plan,
        phase=Phase.RUNNING,
        stage=0,
        quota=0,
        stage_began_ms=now_ms,
        soaking_since_ms=None,
        paused_ms=None,
        looks=0,
        edition=1,
        sentence="begun",
        superseded_by=None,
        gateways={one.gateway_id: one for one in gateways},
    )
    return _admit(rollout)


def react(rollout: Rollout, event: Event, now_ms: int) -> Reaction:
    """Return a rollout after an event, and what was decided.

    Raises:
        EditionError: a person has looked at an older edition.
        ConflictError: the phase forbids what a person wants.
    """
    match event:
        case GatewayReport():
            return _note_report(rollout, event), ()
        case HealthSample():
            return _note_sample(rollout, event), ()
        case Tick():
            return _tick(rollout, now_ms)
        case Command():
            return _command(rollout, event, now_ms)
        case Superseded():
            return _supersede(rollout, event), ()


def rank(rollout_id: str, gateway_id: str) -> str:
    """Return by what gateways are put in order: as good as chance, and the same whenever it is asked.

    >>> rank("r1", "a") == rank("r1", "a"), rank("r1", "a") == rank("r2", "a")
    (True, False)
    """
    return hashlib.sha256(f"{rollout_id}\0{gateway_id}".encode()).hexdigest()


# What is known


def _note_report(rollout: Rollout, report: GatewayReport) -> Rollout:
    """Take up what a gateway said; one that nobody knew joins."""
    if report.machine_class != rollout.machine_class:
        return rollout
    known = rollout.gateways.get(report.gateway_id) or Standing(report.gateway_id, online=report.online)
    # A gateway that says it went back may speak of the version that it was called back from.
    about = report.target if report.target is not None else known.target
    failed = report.state in FAILURES and known.admitted is not None and about == rollout.version
    changed = replace(
        known,
        online=report.online,
        running=known.running if report.running is None else report.running,
        state=known.state if report.state is None else report.state,
        has_failed=known.has_failed or failed,
        error=(report.error or str(report.state)) if failed else known.error,
    )
    return _with(rollout, changed)


def _note_sample(rollout: Rollout, sample: HealthSample) -> Rollout:
    """Take up what a gateway has counted; of a version that is not ours, or older than what is known, nothing."""
    known = rollout.gateways.get(sample.gateway_id)
    if known is None or known.admitted is None or sample.version != rollout.version:
        return rollout
    if sample.evidence.new_machine_hours < known.evidence.new_machine_hours:
        return rollout
    broken = broken_limit(sample.evidence, rollout.plan.gate)
    changed = replace(
        known,
        evidence=sample.evidence,
        has_failed=known.has_failed or broken is not None,
        error=known.error if broken is None else broken,
    )
    return _with(rollout, changed)


def _with(rollout: Rollout, *changed: Standing) -> Rollout:
    if all(rollout.gateways.get(one.gateway_id) == one for one in changed):
        return rollout
    return replace(rollout, gateways={**rollout.gateways, **{one.gateway_id: one for one in changed}})


# What people do


def _command(rollout: Rollout, command: Command, now_ms: int) -> Reaction:
    if command.edition != rollout.edition:
        raise EditionError("this rollout has gone on meanwhile: look at it again, then decide")
    if not rollout.steers:
        raise ConflictError(f"rollout {rollout.superseded_by} says by now what gateways run")
    if rollout.phase not in COMMANDS[command.verb]:
        raise ConflictError(f"a rollout that is {rollout.phase.replace('_', ' ')} takes no {command.verb}")
    sentence = f"{command.by}: {command.why}" if command.why else f"by {command.by}"
    match command.verb:
        case Verb.PAUSE:
            return _moved(rollout, Phase.PAUSED, sentence, paused_ms=now_ms), ()
        case Verb.RESUME:
            waited_ms = max(0, now_ms - (now_ms if rollout.paused_ms is None else rollout.paused_ms))
            began_ms = rollout.stage_began_ms + waited_ms
            return _moved(rollout, Phase.RUNNING, sentence, paused_ms=None, stage_began_ms=began_ms), ()
        case Verb.HALT:
            return _halt(rollout, sentence)
        case Verb.ROLL_BACK:
            return _roll_back(rollout, sentence)


def _supersede(rollout: Rollout, event: Superseded) -> Rollout:
    if rollout.is_open:
        raise RolloutRunningError(rollout.machine_class, rollout.id)
    phase = Phase.SUPERSEDED if rollout.phase is Phase.HALTED else rollout.phase
    return _moved(rollout, phase, rollout.sentence, superseded_by=event.by_rollout)


# What time brings


def _tick(rollout: Rollout, now_ms: int) -> Reaction:
    if not rollout.steers:
        return rollout, ()
    if rollout.phase in {Phase.COMPLETED, Phase.ROLLED_BACK}:
        return _converge(rollout)
    rollout, worse = _watch(rollout)
    if worse is not None:
        return _roll_back(rollout, worse)
    if rollout.phase is not Phase.RUNNING:
        return rollout, ()
    rollout, decisions = _admit(rollout)
    rollout, decided = _go_on(rollout, now_ms)
    return rollout, decisions + decided


def _watch(rollout: Rollout) -> tuple[Rollout, str | None]:
    """Return why the version has to go, if it has to, and look at alarm rates if that is due."""
    admitted = _admitted(rollout)
    failed = [one for one in admitted if one.has_failed]
    if len(failed) > _budget(rollout, admitted):
        codes = ", ".join(sorted({one.error or "unknown" for one in failed}))
        return rollout, f"{len(failed)} of {len(admitted)} gateways would not have it ({codes})"
    hours = sum(one.evidence.new_machine_hours for one in admitted)
    if hours < next_look_hours(rollout.plan.stages[0].machine_hours, rollout.looks):
        return rollout, None
    return _look(rollout, admitted)


def _look(rollout: Rollout, admitted: Sequence[Standing]) -> tuple[Rollout, str | None]:
    """Return why the alarm rate is worse, or None; each look costs a part of the level."""
    compared = compare(summed(one.evidence for one in admitted), rollout.plan.gate, rollout.looks)
    worse = next((one for one in compared if one.is_worse), None)
    sentence = None if worse is None else f"it raises more alarms: {worse.sentence}"
    return replace(rollout, looks=rollout.looks + 1), sentence


def _go_on(rollout: Rollout, now_ms: int) -> Reaction:
    """End the stage if nothing is missing, say what it waits for otherwise, and halt if it has waited too long."""
    stage = rollout.plan.stages[rollout.stage]
    admitted = _admitted(rollout)
    is_settled = _is_settled(rollout, admitted)
    if is_settled and rollout.soaking_since_ms is None:
        rollout = replace(rollout, soaking_since_ms=now_ms)
    missing = _missing(rollout, stage, admitted, now_ms, is_settled=is_settled)
    if missing is None:
        rollout, worse = _look(rollout, admitted)
        return _roll_back(rollout, worse) if worse is not None else _end_stage(rollout, now_ms)
    left_ms = rollout.stage_began_ms + stage.limit_ms - now_ms
    if left_ms <= 0:
        return _halt(rollout, f"stage {rollout.stage + 1} took longer than {_hours(stage.limit_ms)}: {missing}")
    sentence = f"stage {rollout.stage + 1} of {len(rollout.plan.stages)}: {missing}"
    return replace(rollout, sentence=sentence), ()


def _missing(
    rollout: Rollout, stage: Stage, admitted: Sequence[Standing], now_ms: int, *, is_settled: bool
) -> str | None:
    """Return what keeps the stage from ending, in words, or None."""
    if not is_settled or rollout.soaking_since_ms is None:
        judging = sum(_judges(rollout, one) for one in admitted)
        return f"{judging} of {len(admitted)} gateways judge with it"
    if now_ms - rollout.soaking_since_ms < stage.soak_ms:
        return f"soaking for {_hours(stage.soak_ms)}"
    # A stage that admitted nobody, because the fleet is small, stands on what is known already.
    own = [one for one in admitted if one.admitted == rollout.stage] or admitted
    hours = sum(one.evidence.new_machine_hours for one in own)
    if hours < stage.machine_hours:
        return f"evidence is too thin, {hours:.0f} of {stage.machine_hours:.0f} machine-hours"
    if rollout.previous is not None and not has_reference(
        summed(one.evidence for one in admitted), stage.machine_hours
    ):
        return f"the old version was watched for less than {stage.machine_hours:.0f} machine-hours: nothing to compare"
    return None


def _admit(rollout: Rollout) -> Reaction:
    """Give the version to as many gateways as the stage lets have it: those that are there, by rank."""
    there = [one for one in rollout.gateways.values() if one.online]
    if not there:
        return rollout, ()
    share = rollout.plan.stages[rollout.stage].share
    quota = max(rollout.quota, 1, math.floor(share * len(there) + _ROUNDING))
    free = quota - len(_admitted(rollout))
    waiting = [one for one in there if one.admitted is None] if free > 0 else []
    # Who runs it already, from an earlier try that was halted, comes first: else twice as many would.
    waiting.sort(key=lambda one: (one.running != rollout.version, rank(rollout.id, one.gateway_id)))
    chosen = [replace(one, admitted=rollout.stage, target=rollout.version) for one in waiting[:free]]
    decisions = tuple(SetTarget(one.gateway_id, rollout.version) for one in chosen)
    return _with(replace(rollout, quota=quota), *chosen), decisions


# What is decided


def _end_stage(rollout: Rollout, now_ms: int) -> Reaction:
    evidence = summed(one.evidence for one in _admitted(rollout))
    limit = too_many(evidence, rollout.plan.gate, rollout.looks - 1)
    sentence = (
        f"stage {rollout.stage + 1} ended well: {evidence.new_alarms} alarms in"
        f" {evidence.new_machine_hours:.0f} machine-hours"
        f"{', nothing to compare with' if limit is None else f'; {limit} would have been too many'}"
    )
    ended = EndStage(rollout.stage, sentence)
    if rollout.stage + 1 == len(rollout.plan.stages):
        rollout, targets = _converge(_moved(rollout, Phase.COMPLETED, sentence))
        return rollout, (ended, Complete(sentence), *targets)
    began = {"stage": rollout.stage + 1, "stage_began_ms": now_ms, "soaking_since_ms": None}
    rollout, targets = _admit(_moved(rollout, Phase.RUNNING, sentence, **began))
    return rollout, (ended, *targets)


def _halt(rollout: Rollout, sentence: str) -> Reaction:
    """Stop, and call back whoever does not judge with the version yet: an offline gateway would take it later."""
    called = [
        replace(one, admitted=None, target=rollout.previous)
        for one in _admitted(rollout)
        if one.running != rollout.version
    ]
    targets = tuple(SetTarget(one.gateway_id, rollout.previous) for one in called)
    halted = _moved(rollout, Phase.HALTED, sentence, paused_ms=None)
    return _with(halted, *called), (Halt(sentence), *targets)


def _roll_back(rollout: Rollout, sentence: str) -> Reaction:
    rollout, targets = _converge(_moved(rollout, Phase.ROLLED_BACK, sentence, paused_ms=None))
    return rollout, (RollBack(sentence), *targets)


def _converge(rollout: Rollout) -> Reaction:
    """Wish for what every gateway of the class is to run in the end; those that are away find it when they return."""
    final = rollout.version if rollout.phase is Phase.COMPLETED else rollout.previous
    changed = [replace(one, target=final) for one in rollout.gateways.values() if one.target != final]
    return _with(rollout, *changed), tuple(SetTarget(one.gateway_id, final) for one in changed)


def _moved(rollout: Rollout, phase: Phase, sentence: str, **changes: int | str | None) -> Rollout:
    """Return a rollout that people have to look at anew before they decide."""
    return replace(rollout, phase=phase, sentence=sentence, edition=rollout.edition + 1, **changes)  # type: ignore[arg-type]  # callers name fields by their types


# How it stands


def _admitted(rollout: Rollout) -> list[Standing]:
    return [one for one in rollout.gateways.values() if one.admitted is not None]


def _budget(rollout: Rollout, admitted: Sequence[Standing]) -> int:
    """Return how many gateways may fail; of few none."""
    return math.floor(rollout.plan.stages[rollout.stage].error_budget * len(admitted) + _ROUNDING)


def _judges(rollout: Rollout, one: Standing) -> bool:
    return one.running == rollout.version and one.state not in FAILURES


def _is_settled(rollout: Rollout, admitted: Sequence[Standing]) -> bool:
    """Return whether the stage's gateways judge with the version; as many as may fail may also be late."""
    if not any(_judges(rollout, one) for one in admitted):
        return False
    late = [one for one in admitted if one.has_failed or (one.online and not _judges(rollout, one))]
    return len(late) <= _budget(rollout, admitted)


def _hours(time_ms: int) -> str:
    return f"{time_ms / HOUR_MS:g} h"
