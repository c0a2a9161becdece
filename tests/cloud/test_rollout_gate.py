"""The health gate: exact, never more false halts than stated however often it looks, sharp enough for three times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from cloud.rollout import react, start
from cloud.rollout_gate import compare, level_of_look, rate_p_value, too_many
from cloud.rollout_state import (
    HOUR_MS,
    Evidence,
    Gate,
    GatewayReport,
    GatewayState,
    HealthSample,
    Phase,
    Plan,
    Stage,
    Standing,
    Tick,
)

HISTORY_H = 2_000.0
RATE = 0.02
"""Alarms per machine-hour."""
MACHINES = 10
HOURS = 100


@given(st.integers(0, 60), st.floats(1, 1e4), st.integers(0, 60), st.floats(1, 1e4), st.floats(1, 3))
def test_the_p_value_is_the_binomial_tail(new, new_h, old, old_h, ratio):
    ours = rate_p_value(new, new_h, old, old_h, ratio)
    if new + old == 0:
        assert ours == 1.0
        return
    share = ratio * new_h / (ratio * new_h + old_h)
    assert ours == pytest.approx(binomtest(new, new + old, share, alternative="greater").pvalue, rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(1, 100))
def test_more_alarms_are_never_better_and_tolerance_never_stricter(new, old, new_h):
    assert rate_p_value(new + 1, new_h, old, 50.0) <= rate_p_value(new, new_h, old, 50.0)
    assert rate_p_value(new, new_h, old, 50.0, 1.5) >= rate_p_value(new, new_h, old, 50.0)


def test_all_looks_together_cost_no_more_than_the_level():
    assert 0.049 < sum(2 * level_of_look(0.05, look) for look in range(10_000)) <= 0.05


def test_both_references_are_compared_and_each_alone_can_tell():
    before = Evidence(30, 100.0, 100, 1_000.0, 30, 100.0)
    beside = Evidence(30, 100.0, 300, 1_000.0, 3, 100.0)
    assert [one.is_worse for one in compare(before, Gate(), 0)] == [True, False]
    assert [one.is_worse for one in compare(beside, Gate(), 0)] == [False, True]
    assert compare(Evidence(30, 100.0), Gate(), 0) == ()
    assert compare(Evidence(old_alarms=1, old_machine_hours=100.0), Gate(), 0) == ()


@given(st.integers(0, 300), st.floats(10, 1e4), st.floats(1, 1e3), st.integers(0, 12))
def test_people_are_told_how_many_alarms_would_have_been_too_many(old, old_h, new_h, look):
    evidence = Evidence(0, new_h, old, old_h)
    limit = too_many(evidence, Gate(), look)
    for new_alarms, is_worse in ((limit - 1, False), (limit, True)):
        ((one),) = compare(replace(evidence, new_alarms=new_alarms), Gate(), look)
        assert one.is_worse is is_worse
    assert too_many(Evidence(5, new_h), Gate(), look) is None


@pytest.mark.parametrize(
    ("ratio", "expected", "caught"),
    [(5, 5, 0.98), (5, 2, 0.64), (3, 12, 0.96), (3, 8, 0.8), (3, 2, 0.14), (2, 30, 0.9), (2, 12, 0.36)],
)
def test_how_much_is_caught_is_what_the_document_says(ratio, expected, caught):
    """docs/rollouts.md: at the fourth look, with ten times as long a time before, over 2,000 tries."""
    rng = np.random.default_rng(0)
    new, old = rng.poisson(ratio * expected, 2_000), rng.poisson(10 * expected, 2_000)
    evidence = [Evidence(int(a), 1.0, int(b), 10.0) for a, b in zip(new, old, strict=True)]
    share = np.mean([compare(one, Gate(), 3)[0].is_worse for one in evidence])
    assert share == pytest.approx(caught, abs=0.04)  # four standard errors


def ended(ratio, false_halt, seed):
    """Let a canary of one gateway with ten machines run for its time, and return where the rollout is then."""
    rng = np.random.default_rng(seed)
    gate = Gate(false_halt=false_halt)
    stage = Stage(0.5, HOURS * HOUR_MS, 2 * HOURS * HOUR_MS, 500.0, 0.0)
    plan = Plan((stage, Stage(1.0, 0, HOUR_MS, 500.0, 0.0)), gate)
    both = [Standing("a", online=True), Standing("b", online=True)]
    rollout, ((canary),) = start("r1", "pump", "2", "1", plan, both, (), 0)
    took = GatewayReport(canary.gateway_id, "pump", online=True, running="2", state=GatewayState.PROBATION)
    rollout, _ = react(rollout, took, 0)
    new = np.cumsum(rng.poisson(ratio * RATE * MACHINES, HOURS + 1))
    beside = np.cumsum(rng.poisson(RATE * MACHINES, HOURS + 1))
    old = int(rng.poisson(RATE * HISTORY_H))
    for hour in range(HOURS + 1):
        counted = (hour + 1.0) * MACHINES
        evidence = Evidence(int(new[hour]), counted, old, HISTORY_H, int(beside[hour]), counted)
        rollout, _ = react(rollout, HealthSample(canary.gateway_id, "2", evidence), hour * HOUR_MS)
        rollout, _ = react(rollout, Tick(), hour * HOUR_MS)
        if rollout.phase is not Phase.RUNNING or rollout.stage > 0:
            break
    return rollout


@pytest.mark.parametrize("false_halt", [0.05, 0.3])
def test_an_equally_good_version_is_rolled_back_at_most_as_often_as_stated(false_halt):
    """Counted over 500 rollouts with a look whenever the machine-hours have doubled, and one at the end."""
    rollouts = [ended(1.0, false_halt, seed) for seed in range(500)]
    back = sum(one.phase is Phase.ROLLED_BACK for one in rollouts)
    assert 0 < back <= false_halt * 500
    assert all(one.stage == 1 for one in rollouts if one.phase is Phase.RUNNING)


def test_looking_as_often_without_spending_the_level_would_break_the_promise():
    """What the rule above is for: the whole level at every hour rolls back far more than stated."""
    rng = np.random.default_rng(1)
    back = 0
    for _ in range(200):
        new = np.cumsum(rng.poisson(RATE * MACHINES, HOURS))
        beside = np.cumsum(rng.poisson(RATE * MACHINES, HOURS))
        back += any(rate_p_value(int(a), 1.0, int(b), 1.0) < 0.05 for a, b in zip(new, beside, strict=True))
    assert back > 2 * 0.05 * 200


def test_three_times_worse_is_caught_within_the_canary():
    """With twenty alarms expected of the old version in the same time: 49 of 50 at least, all before the next stage."""
    rollouts = [ended(3.0, 0.05, seed) for seed in range(200)]
    caught = [one for one in rollouts if one.phase is Phase.ROLLED_BACK]
    assert len(caught) >= 196
    assert all(one.stage == 0 for one in caught)
