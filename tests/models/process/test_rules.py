"""What a plant asks: limits, rates, doors and stale sensors, with delays, hysteresis and rest."""

from __future__ import annotations

import math

import pytest

from models.contract.vocabulary import Severity
from models.process.errors import ProcessError
from models.process.rules import DoorRule, LimitRule, RateRule, RuleMemory, StaleRule, interrupted, step


def _run(rule, values, step_s=1.0, resting=None, memory=None):
    """Return when the rule is active, value by value, and its last memory."""
    memory, active = memory or RuleMemory(), []
    for number, value in enumerate(values):
        memory = step(rule, memory, [value], [bool(resting and resting[number])], step_s)
        active.append(memory.active)
    return active, memory


def test_a_limit_waits_for_its_delay_and_returns_by_its_hysteresis():
    rule = LimitRule("T", high=8.0, delay_s=3.0, hysteresis=1.0)
    active, _ = _run(rule, [9, 9, 7.5, 9, 9, 9, 7.5, 7.1, 6.9, 7.5])
    assert active == [False, False, False, False, False, True, True, True, False, False]


def test_a_low_limit_is_the_mirror_of_a_high_one():
    values = [0, 5, -3, -3, 1, 4, -9, -9, -9]
    high, _ = _run(LimitRule("T", high=2.0, delay_s=2.0, hysteresis=0.5), [-v for v in values])
    low, _ = _run(LimitRule("T", low=-2.0, delay_s=2.0, hysteresis=0.5), values)
    assert high == low
    assert any(high)


def test_a_rate_is_taken_over_its_time_and_not_from_noise():
    rule = RateRule("T", rise_per_min=0.5, over_s=300.0)
    slow = [0.005 * second for second in range(900)]  # 0.3 K/min
    fast = [0.010 * second for second in range(900)]  # 0.6 K/min
    restless = [5.0 * (second % 2) for second in range(900)]
    assert not any(_run(rule, slow)[0])
    assert not any(_run(rule, restless)[0])
    active, memory = _run(rule, fast)
    assert active.index(True) == pytest.approx(320, abs=20)
    assert memory.value == pytest.approx(0.6, rel=0.01)


def test_a_fall_has_a_rate_of_its_own():
    rule = RateRule("P", fall_per_min=1.0, over_s=60.0)
    assert not any(_run(rule, [0.1 * second for second in range(200)])[0])
    assert any(_run(rule, [-0.1 * second for second in range(200)])[0])


def test_a_door_with_a_contact_may_stand_open_for_its_time():
    rule = DoorRule("ROOM.T", contact="DOOR.S", after_s=120.0)
    active, _ = _run(rule, [1.0] * 119 + [0.0] + [1.0] * 125 + [0.0])
    assert active.index(True) == 120 + 119
    assert active[-1] is False


def test_a_sensor_that_never_moves_is_stale_and_one_that_moves_once_is_not():
    rule = StaleRule("T", after_s=60.0)
    active, memory = _run(rule, [4.0] * 70)
    assert active.index(True) == 60
    assert _run(rule, [4.1], memory=memory)[0] == [False]


def test_a_rule_rests_in_its_phases_and_begins_its_delay_anew():
    rule = LimitRule("T", high=8.0, delay_s=3.0, not_in=("defrost",))
    active, _ = _run(rule, [9] * 8, resting=[False, False, True, True, False, False, False, False])
    assert active == [False] * 6 + [True] * 2


def test_missing_values_move_nothing_and_a_gap_begins_the_delay_anew_while_an_alarm_stands():
    rule = LimitRule("T", high=8.0, delay_s=3.0)
    active, memory = _run(rule, [9, 9, math.nan, math.nan, 9, math.nan])
    assert active == [False] * 4 + [True] * 2
    assert interrupted(memory).active
    fresh, _ = _run(rule, [9, 9], memory=interrupted(_run(rule, [9, 9])[1]))
    assert fresh == [False, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LimitRule("T"), "give high or low"),
        (lambda: LimitRule("T", high=2.0, low=3.0), "leave nothing between"),
        (lambda: LimitRule("T", high=3.0, low=2.0, hysteresis=0.6), "leave nothing between"),
        (lambda: RateRule("T"), "give rise_per_min or fall_per_min"),
        (lambda: RateRule("T", rise_per_min=-1.0), "above 0"),
    ],
)
def test_rules_that_cannot_work_are_refused(make, message):
    with pytest.raises(ProcessError, match=message):
        make()


def test_the_usual_severity_is_alert():
    assert LimitRule("T", high=1.0).severity is Severity.ALERT
