"""A rollout: every transition, and one thing at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.rollout_examples import BAD, GOOD, SHORT, THIN, begun, take
from support.rollout_fleet import NEW, OLD, PUMPS

from cloud.errors import ConflictError, EditionError, RequestError, RolloutRunningError
from cloud.rollout import COMMANDS, react, start
from cloud.rollout_state import (
    DEFAULT_PLAN,
    HOUR_MS,
    Command,
    Complete,
    EndStage,
    Evidence,
    Gate,
    GatewayReport,
    GatewayState,
    Halt,
    HealthSample,
    Phase,
    Plan,
    RollBack,
    SetTarget,
    Stage,
    Standing,
    Superseded,
    Tick,
    Verb,
    checked,
)


def in_phase(phase):
    """Return a rollout in a phase, reached on the usual way."""
    rollout, canary = begun()
    rollout = take(rollout, canary)
    if phase is Phase.COMPLETED:
        for now_ms in (0, HOUR_MS):
            rollout, _ = react(rollout, Tick(), now_ms)
        rollout = take(rollout, rollout.gateways, now_ms=HOUR_MS)
        for now_ms in (HOUR_MS, 2 * HOUR_MS):
            rollout, _ = react(rollout, Tick(), now_ms)
    verbs = {
        Phase.PAUSED: Verb.PAUSE,
        Phase.HALTED: Verb.HALT,
        Phase.SUPERSEDED: Verb.HALT,
        Phase.ROLLED_BACK: Verb.ROLL_BACK,
    }
    if phase in verbs:
        rollout, _ = react(rollout, Command(verbs[phase], "M. Ruiz", rollout.edition), 0)
    if phase is Phase.SUPERSEDED:
        rollout, _ = react(rollout, Superseded("r2"), 0)
    assert rollout.phase is phase
    return rollout


# The table

R, P, H, C, B, S = (
    Phase.RUNNING,
    Phase.PAUSED,
    Phase.HALTED,
    Phase.COMPLETED,
    Phase.ROLLED_BACK,
    Phase.SUPERSEDED,
)
TABLE = {
    #             running  paused  halted  completed  rolled back  superseded; None: refused
    "pause": (P, None, None, None, None, None),
    "resume": (None, R, None, None, None, None),
    "halt": (H, H, None, None, None, None),
    "rollback": (B, B, B, B, None, None),
    "worse": (B, B, B, C, B, S),
    "failures": (B, B, B, C, B, S),
    "a tick": (R, P, H, C, B, S),
    "a soak later": (R, P, H, C, B, S),
    "too late without evidence": (H, P, H, C, B, S),
    "superseded": (None, None, S, C, B, S),
}


def happen(rollout, what):
    """Let something happen to a rollout whose canary has taken the version."""
    canary = [one.gateway_id for one in rollout.gateways.values() if one.running == NEW]
    if what in tuple(Verb):
        return react(rollout, Command(Verb(what), "M. Ruiz", rollout.edition), HOUR_MS)[0]
    if what == "superseded":
        return react(rollout, Superseded("r2"), 0)[0]
    if what == "worse":
        rollout = take(rollout, canary, replace(BAD, new_machine_hours=101.0))
    if what == "failures":
        for name in canary:
            failed = GatewayReport(name, PUMPS, online=True, target=NEW, state=GatewayState.FAILED, error="hash")
            rollout, _ = react(rollout, failed, 0)
    if what == "too late without evidence":
        without = {name: replace(one, evidence=Evidence()) for name, one in rollout.gateways.items()}
        return react(replace(rollout, gateways=without), Tick(), 11 * HOUR_MS)[0]
    if what == "a soak later":
        rollout, _ = react(rollout, Tick(), 0)
        return react(rollout, Tick(), HOUR_MS)[0]
    return react(rollout, Tick(), 0)[0]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("what", TABLE)
def test_the_table(phase, what):
    expected = TABLE[what][[R, P, H, C, B, S].index(phase)]
    rollout = in_phase(phase)
    if expected is None:
        with pytest.raises(ConflictError):
            happen(rollout, what)
    else:
        assert happen(rollout, what).phase is expected


def test_the_commands_are_those_of_the_table():
    for verb, phases in COMMANDS.items():
        assert {phase for phase, after in zip((R, P, H, C, B, S), TABLE[verb], strict=True) if after} == set(phases)


# One thing at a time


def test_a_good_one_goes_through_its_stages():
    rollout, canary = begun()
    assert len(canary) == 1
    rollout, decisions = react(take(rollout, canary), Tick(), 0)
    assert (decisions, rollout.stage) == ((), 0)
    rollout, decisions = react(rollout, Tick(), HOUR_MS)
    assert isinstance(decisions[0], EndStage)
    assert {one.gateway_id for one in decisions[1:]} == set(rollout.gateways) - set(canary)
    rollout = take(rollout, rollout.gateways, now_ms=HOUR_MS)
    rollout, decisions = react(rollout, Tick(), HOUR_MS)
    assert decisions == ()
    rollout, decisions = react(rollout, Tick(), 2 * HOUR_MS)
    assert [type(one) for one in decisions] == [EndStage, Complete]
    assert "400 machine-hours" in rollout.sentence


def test_the_canary_is_the_same_whoever_asks_and_in_whatever_order():
    names = [Standing(f"g{number}", online=True) for number in range(40)]
    chosen = {
        frozenset(one.gateway_id for one in start("r1", PUMPS, NEW, OLD, SHORT, order, (), 0)[1])
        for order in (names, names[::-1])
    }
    other = frozenset(one.gateway_id for one in start("r2", PUMPS, NEW, OLD, SHORT, names, (), 0)[1])
    assert len(chosen) == 1
    assert chosen != {other}
    assert {len(one) for one in (*chosen, other)} == {10}


def test_a_second_try_begins_with_who_has_the_version_already():
    fleet = [Standing(f"g{number}", online=True, running=NEW if number in {7, 31} else OLD) for number in range(40)]
    chosen = {one.gateway_id for one in start("r2", PUMPS, NEW, OLD, SHORT, fleet, (), 0)[1]}
    assert {"g7", "g31"} < chosen
    assert len(chosen) == 10


def test_gateways_that_are_away_do_not_count():
    rollout, canary = begun(8, away=("g0", "g1", "g2", "g3"))
    assert len(canary) == 1
    assert not set(canary) & {"g0", "g1", "g2", "g3"}
    nobody, canary = begun(2, away=("g0", "g1"))
    assert canary == []
    back = GatewayReport("g1", PUMPS, online=True, running=OLD, state=GatewayState.COMMITTED)
    nobody, _ = react(nobody, back, 0)
    assert react(nobody, Tick(), 0)[1] == (SetTarget("g1", NEW),)
    assert rollout.quota == 1


def test_thin_evidence_waits_says_so_and_halts_in_the_end():
    rollout, canary = begun()
    rollout, _ = react(take(rollout, canary, THIN), Tick(), 0)
    rollout, decisions = react(rollout, Tick(), 5 * HOUR_MS)
    assert decisions == ()
    assert "evidence is too thin, 2 of 10 machine-hours" in rollout.sentence
    rollout, decisions = react(rollout, Tick(), 10 * HOUR_MS)
    assert isinstance(decisions[0], Halt)
    assert "too thin" in decisions[0].sentence
    assert rollout.phase is Phase.HALTED
    assert rollout.gateways[canary[0]].target == NEW


def test_without_an_old_rate_there_is_nothing_to_compare_with():
    rollout, canary = begun()
    alone = Evidence(0, 100.0)
    rollout, _ = react(take(rollout, canary, alone), Tick(), 0)
    rollout, decisions = react(rollout, Tick(), 2 * HOUR_MS)
    assert decisions == ()
    assert "nothing to compare" in rollout.sentence
    first, canary = begun(previous=None)
    first, _ = react(take(first, canary, alone), Tick(), 0)
    assert isinstance(react(first, Tick(), HOUR_MS)[1][0], EndStage)


def test_no_data_never_promotes_a_later_stage_on_what_the_canary_has_shown():
    rollout, canary = begun()
    rollout, _ = react(take(rollout, canary, replace(GOOD, new_machine_hours=1e6)), Tick(), 0)
    rollout, _ = react(rollout, Tick(), HOUR_MS)
    assert rollout.stage == 1
    for name in rollout.gateways:
        took = GatewayReport(name, PUMPS, online=True, running=NEW, state=GatewayState.COMMITTED)
        rollout, _ = react(rollout, took, HOUR_MS)
    for hour in range(1, 11):
        rollout, decisions = react(rollout, Tick(), hour * HOUR_MS)
        assert decisions == ()
    assert isinstance(react(rollout, Tick(), 11 * HOUR_MS)[1][0], Halt)


def test_halting_calls_back_who_is_on_the_way_and_leaves_who_judges():
    rollout, canary = begun(8)
    rollout = take(rollout, canary[:1])
    rollout, decisions = react(rollout, Command(Verb.HALT, "M. Ruiz", rollout.edition, "odd noise"), 0)
    assert decisions == (Halt("M. Ruiz: odd noise"), SetTarget(canary[1], OLD))
    rollout, decisions = react(rollout, Command(Verb.ROLL_BACK, "M. Ruiz", rollout.edition), 0)
    assert SetTarget(canary[0], OLD) in decisions


def test_a_pause_stops_the_time_limit_but_not_the_watch():
    rollout, canary = begun()
    rollout, _ = react(take(rollout, canary, THIN), Command(Verb.PAUSE, "M. Ruiz", rollout.edition), 0)
    rollout, decisions = react(rollout, Tick(), 100 * HOUR_MS)
    assert decisions == ()
    rollout, _ = react(rollout, Command(Verb.RESUME, "M. Ruiz", rollout.edition), 100 * HOUR_MS)
    rollout, decisions = react(rollout, Tick(), 109 * HOUR_MS)
    assert decisions == ()
    assert isinstance(react(rollout, Tick(), 110 * HOUR_MS)[1][0], Halt)


def test_few_failures_are_within_the_budget_and_one_more_is_not():
    plan = Plan((Stage(1.0, HOUR_MS, 10 * HOUR_MS, 10.0, 0.25),))
    rollout, admitted = begun(8, plan)
    failing = [
        GatewayReport(name, PUMPS, online=True, running=OLD, target=NEW, state=state, error="canary window")
        for name, state in zip(
            admitted, [GatewayState.FAILED, GatewayState.ROLLED_BACK, GatewayState.FAILED], strict=False
        )
    ]
    for report in failing[:2]:
        rollout, _ = react(rollout, report, 0)
    again = GatewayReport(admitted[0], PUMPS, online=True, running=OLD, state=GatewayState.FETCHING)
    rollout, _ = react(rollout, again, 0)
    assert react(rollout, Tick(), 0)[1] == ()
    rollout, _ = react(rollout, failing[2], 0)
    rollout, decisions = react(rollout, Tick(), 0)
    assert decisions[0] == RollBack("3 of 8 gateways would not have it (canary window)")
    assert {one.version for one in decisions[1:]} == {OLD}
    assert len(decisions) == 9


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (replace(GOOD, errors=1), "errors"),
        (replace(GOOD, latency_p99_ms=51.0), "latency"),
        (replace(GOOD, memory_mb=257.0), "memory"),
    ],
)
def test_a_gateway_that_breaks_a_limit_has_failed(evidence, code):
    rollout, canary = begun(plan=replace(SHORT, gate=Gate(max_latency_p99_ms=50.0, max_memory_mb=256.0)))
    fine = replace(GOOD, latency_p99_ms=50.0, memory_mb=256.0)
    assert react(take(rollout, canary, fine), Tick(), 0)[1] == ()
    decisions = react(take(rollout, canary, evidence), Tick(), 0)[1]
    assert f"({code})" in decisions[0].sentence


def test_going_back_after_being_called_back_is_no_failure():
    rollout, canary = begun(8)
    rollout, _ = react(take(rollout, canary[:1]), Command(Verb.HALT, "M. Ruiz", rollout.edition), 0)
    went = GatewayReport(canary[1], PUMPS, online=True, running=OLD, target=OLD, state=GatewayState.ROLLED_BACK)
    rollout, _ = react(rollout, went, 0)
    rollout, decisions = react(rollout, Tick(), 0)
    assert (decisions, rollout.phase) == ((), Phase.HALTED)
    assert not any(one.has_failed for one in rollout.gateways.values())


def test_old_news_changes_nothing():
    rollout, canary = begun()
    rollout = take(rollout, canary, GOOD)
    for sample in (
        HealthSample(canary[0], NEW, THIN),
        HealthSample(canary[0], OLD, replace(BAD, new_machine_hours=1e6)),
        HealthSample("nobody", NEW, GOOD),
        GatewayReport(canary[0], "compressor", online=True, running="9", state=GatewayState.FAILED),
    ):
        assert react(rollout, sample, 0) == (rollout, ())


def test_two_at_once_are_refused_by_name():
    rollout, _ = begun()
    gateways = [Standing("g0", online=True)]
    for other in (rollout, in_phase(Phase.PAUSED)):
        with pytest.raises(RolloutRunningError, match="r1") as refused:
            start("r2", PUMPS, "1.2.0", OLD, SHORT, gateways, [other], 0)
        assert (refused.value.machine_class, refused.value.rollout_id) == (PUMPS, "r1")
    for phase in (Phase.HALTED, Phase.COMPLETED, Phase.ROLLED_BACK, Phase.SUPERSEDED):
        assert start("r2", PUMPS, "1.2.0", OLD, SHORT, gateways, [in_phase(phase)], 0)[1]
    assert start("r2", "compressor", "1.2.0", OLD, SHORT, gateways, [rollout], 0)[1]
    with pytest.raises(ConflictError, match="what is run now"):
        start("r2", PUMPS, OLD, OLD, SHORT, gateways, (), 0)


def test_who_has_looked_at_an_older_edition_is_refused():
    rollout, canary = begun()
    looked_at = rollout.edition
    rollout, _ = react(take(rollout, canary), Tick(), 0)
    assert rollout.edition == looked_at  # reports and waiting are nothing to look at anew
    rollout, _ = react(rollout, Tick(), HOUR_MS)
    assert rollout.stage == 1
    with pytest.raises(EditionError):
        react(rollout, Command(Verb.PAUSE, "M. Ruiz", looked_at), HOUR_MS)
    assert react(rollout, Command(Verb.PAUSE, "M. Ruiz", rollout.edition), HOUR_MS)[0].phase is Phase.PAUSED


@pytest.mark.parametrize("phase", [Phase.HALTED, Phase.COMPLETED, Phase.ROLLED_BACK])
def test_who_is_superseded_says_nothing_more(phase):
    rollout, _ = react(in_phase(phase), Superseded("r2"), 0)
    late = GatewayReport("late", PUMPS, online=True, running="0.9", state=GatewayState.COMMITTED)
    rollout, _ = react(rollout, late, 0)
    assert react(rollout, Tick(), 0)[1] == ()
    with pytest.raises(ConflictError, match="r2"):
        react(rollout, Command(Verb.ROLL_BACK, "M. Ruiz", rollout.edition), 0)


@pytest.mark.parametrize(
    "stages",
    [
        (),
        (Stage(0.5, 0, 1, 1.0, 0.0),),
        (Stage(0.5, 0, 1, 1.0, 0.0), Stage(0.5, 0, 1, 1.0, 0.0), Stage(1.0, 0, 1, 1.0, 0.0)),
        (Stage(1.0, 0, 1, 1.0, 0.0), Stage(0.5, 0, 1, 1.0, 0.0)),
        (Stage(0.0, 0, 1, 1.0, 0.0), Stage(1.0, 0, 1, 1.0, 0.0)),
        (Stage(1.0, 1, 1, 1.0, 0.0),),
        (Stage(1.0, 0, 1, 0.0, 0.0),),
        (Stage(1.0, 0, 1, math.nan, 0.0),),
        (Stage(1.0, 0, 1, 1.0, 1.0),),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused(stages):
    with pytest.raises(RequestError):
        checked(Plan(stages))


@pytest.mark.parametrize("gate", [Gate(false_halt=0.0), Gate(tolerated_ratio=0.9), Gate(max_memory_mb=math.inf)])
def test_a_gate_that_cannot_be_held_is_refused(gate):
    assert checked(DEFAULT_PLAN) is DEFAULT_PLAN
    with pytest.raises(RequestError):
        checked(replace(DEFAULT_PLAN, gate=gate))
