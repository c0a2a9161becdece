"""A thousand gateways: a worse version reaches the canary and nobody else, a good one everybody."""

from __future__ import annotations

import math

import pytest
from support.rollout_fleet import NEW, OLD, PUMPS, Fleet

from cloud.rollout import start
from cloud.rollout_state import (
    HOUR_MS,
    Complete,
    EndStage,
    Halt,
    Phase,
    Plan,
    RollBack,
    Stage,
)

THOUSAND, AWAY = 1_000, 100
FLEET_PLAN = Plan(
    (
        Stage(0.02, 24 * HOUR_MS, 96 * HOUR_MS, 500.0, 0.0),
        Stage(0.25, 12 * HOUR_MS, 96 * HOUR_MS, 2_000.0, 0.05),
        Stage(1.0, 12 * HOUR_MS, 96 * HOUR_MS, 5_000.0, 0.05),
    )
)
CANARY = math.floor(0.02 * (THOUSAND - AWAY))
RATE = 0.01
"""Alarms per machine and hour: one in four days, an uneasy plant."""


def fleet_of(ratio, seed):
    fleet = Fleet.of(THOUSAND, AWAY, {OLD: RATE, NEW: ratio * RATE}, seed)
    rollout, decisions = start("r1", PUMPS, NEW, OLD, FLEET_PLAN, fleet.standings(), (), 0)
    fleet.obey(decisions)
    assert sum(agent.wish == NEW for agent in fleet.agents.values()) == CANARY == 18
    return fleet, rollout


@pytest.mark.parametrize("seed", range(10))
def test_a_worse_version_reaches_the_canary_and_nobody_else_and_is_taken_back(seed):
    fleet, rollout = fleet_of(3.0, seed)
    rollout = fleet.run(rollout, 200)
    assert rollout.phase is Phase.ROLLED_BACK
    assert (rollout.stage, len(fleet.had_new)) == (0, CANARY)
    assert "more alarms" in rollout.sentence
    rollout = fleet.settle(rollout, 200)
    assert fleet.versions() == {OLD}
    assert len(fleet.had_new) == CANARY
    assert not any(isinstance(one, EndStage | Complete) for one in fleet.decided)
    assert sum(isinstance(one, RollBack) for one in fleet.decided) == 1


def test_a_good_version_completes_and_whoever_was_away_gets_it_on_return():
    fleet, rollout = fleet_of(1.0, 1)
    seen = []

    def at_most(now):
        seen.append((now.stage, sum(agent.wish == NEW for agent in fleet.agents.values())))
        there = THOUSAND - AWAY
        if now.is_open:
            assert seen[-1][1] <= math.floor(FLEET_PLAN.stages[now.stage].share * there)

    rollout = fleet.run(rollout, 300, at_most)
    assert rollout.phase is Phase.COMPLETED
    assert [one.stage for one in fleet.decided if isinstance(one, EndStage)] == [0, 1, 2]
    assert {(0, 18), (1, 225), (2, 900)} <= set(seen)
    assert sum(agent.running == OLD for agent in fleet.agents.values()) == AWAY
    fleet.settle(rollout, 300)
    assert fleet.versions() == {NEW}
    assert not any(isinstance(one, RollBack | Halt) for one in fleet.decided)


def test_a_fleet_that_counts_nothing_is_halted_at_the_canary():
    fleet, rollout = fleet_of(1.0, 2)
    fleet.machines = 0
    rollout = fleet.run(rollout, 200)
    assert rollout.phase is Phase.HALTED
    assert len(fleet.had_new) == CANARY
    assert "too thin" in rollout.sentence
