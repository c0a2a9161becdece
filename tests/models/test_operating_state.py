"""Operating states: what may be judged, and that a machine's stops are never taken for faults."""

from __future__ import annotations

import numpy as np
import pytest

from models import operating_state
from models.context import ContextValue
from models.contract.vocabulary import OFF, STARTING, TRANSIENT, UNKNOWN
from models.operating_state import LearntLevel, OperatingMemory, OperatingSettings

LEARNT = LearntLevel(rms_m_s2=1.0, sigma=0.05)
DEFAULT = "steady/default"


def states(levels, speeds=None, learnt=LEARNT, **changed):
    settings = OperatingSettings(**changed)
    memory, found = OperatingMemory(), []
    for level, speed in zip(levels, speeds or [None] * len(levels), strict=True):
        memory = operating_state.step(memory, settings, rms_m_s2=level, learnt=learnt, speed_rpm=speed)
        found.append(memory.state)
    return found


def test_a_running_machine_without_a_tachometer_is_steady_from_its_first_window():
    assert states([1.0] * 3, learnt=None) == [DEFAULT] * 3


def test_far_below_the_learnt_level_or_below_any_sensors_noise_it_is_off():
    assert states([0.2, 0.01]) == [OFF, OFF]
    assert states([0.01], learnt=None) == [OFF]


def test_a_standing_shaft_is_off_however_much_the_neighbours_shake_it():
    assert states([1.0, 1.0], [0.0, 20.0], nominal_speed_rpm=1500.0) == [OFF, OFF]


def test_after_a_stop_the_first_windows_are_starting():
    assert states([0.01, 1.0, 1.0, 1.0, 1.0], settle_windows=3) == [OFF, STARTING, STARTING, STARTING, DEFAULT]


def test_a_coast_down_without_a_tachometer_is_transient_before_three_windows_could_alarm():
    levels = [1.0, 1.0, *np.linspace(1.0, 0.0, 20) ** 2]
    found = states([float(level) for level in levels])
    judged = found[2:].count(DEFAULT)
    assert set(found[2 + judged :]) == {TRANSIENT, OFF}
    assert sum(level < 0.8 for level, state in zip(levels, found, strict=True) if state == DEFAULT) < 3


def test_a_level_above_normal_is_never_transient_because_faults_look_like_that():
    assert set(states([1.0, 1.5, 2.5, 4.0, 7.0, 3.0, 9.0])) == {DEFAULT}


def test_scatter_below_normal_is_hardly_taken_for_a_run_down():
    rng = np.random.default_rng(3)
    levels = 0.75 * np.exp(0.05 * rng.standard_normal(500))
    # Two steps the same way of together 3 σ happen by chance in 2 % of windows; they are only not judged.
    assert states(levels.tolist()).count(TRANSIENT) < 0.03 * len(levels)


def test_a_moving_speed_is_transient_and_a_new_speed_has_its_own_condition():
    found = states([1.0] * 8, [1500.0, 1500.0, 1400.0, 1250.0, 1250.0, 1250.0, 1250.0, 1250.0], settle_windows=2)
    assert found == [DEFAULT, DEFAULT, TRANSIENT, TRANSIENT, STARTING, STARTING, "steady/1240rpm", "steady/1240rpm"]


def test_a_speed_at_the_edge_of_two_conditions_stays_in_the_one_it_was_in():
    edge = 1500.0 * 1.1**0.5
    found = states([1.0] * 50, [1500.0, *[edge * (1.0 + 0.004 * (-1) ** n) for n in range(49)]], speed_tolerance=0.1)
    assert set(found) == {DEFAULT}


def test_more_speeds_than_baselines_may_be_kept_are_unknown():
    speeds = [1000.0 * 1.1**step for step in range(4)]
    found = states([1.0] * 4, speeds, speed_tolerance=1.0, max_conditions=3)
    assert found[-1] == UNKNOWN
    assert UNKNOWN not in found[:3]


LOADED = {"nominal_speed_rpm": 1500.0, "context_widths": (("load", 20.0),), "settle_windows": 2}


def loaded(loads, *, learnt_from=None, speed=1500.0, level=1.0, **changed):
    """States under loads from a controller (None: stale); from `learnt_from` on, something has been learnt."""
    settings = OperatingSettings(**{**LOADED, **changed})
    memory, found = OperatingMemory(), []
    for number, load in enumerate(loads):
        memory = operating_state.step(
            memory,
            settings,
            rms_m_s2=level,
            learnt=None,
            speed_rpm=speed,
            context=(ContextValue("load", load, "%"), ContextValue("temperature", None, "degC")),
            is_learnt=learnt_from is not None and number >= learnt_from,
        )
        found.append((memory.state, memory.is_new))
    return found


def test_each_load_is_a_condition_of_its_own_and_the_way_to_it_is_not_judged():
    assert [state for state, _ in loaded([0.0, 0.0, 40.0, 40.0, 40.0, 40.0])] == [
        "steady/1500rpm-load0", "steady/1500rpm-load0", TRANSIENT, STARTING, STARTING, "steady/1500rpm-load40"
    ]  # fmt: skip
    assert loaded([40.0], speed=None)[0][0] == "steady/load40"
    assert loaded([40.0], speed=1000.0)[0][0] == "steady/1025rpm-load40"


def test_stale_context_is_unknown_and_what_is_only_carried_has_no_say():
    assert [state for state, _ in loaded([40.0, None, 40.0])] == [
        "steady/1500rpm-load40", UNKNOWN, "steady/1500rpm-load40"
    ]  # fmt: skip


def test_a_stale_speed_is_unknown_too():
    memory = operating_state.step(
        OperatingMemory(), OperatingSettings(), rms_m_s2=1.0, learnt=None, speed_rpm=None,
        context=(ContextValue("speed", None, "rpm"),),
    )  # fmt: skip
    assert memory.state == UNKNOWN


def test_a_load_at_the_edge_of_two_conditions_stays_in_the_one_it_was_in():
    found = loaded([48.0, *[50.0 + 1.5 * (-1) ** n for n in range(40)]])
    assert {state for state, _ in found} == {"steady/1500rpm-load40"}


def test_a_condition_first_seen_after_learning_is_new_and_those_of_the_learning_phase_are_not():
    loads = [0.0] * 3 + [40.0] * 5 + [80.0] * 5 + [0.0] * 5
    found = dict(loaded(loads, learnt_from=8))
    assert found["steady/1500rpm-load0"] is False
    assert found["steady/1500rpm-load40"] is False
    assert found["steady/1500rpm-load80"] is True


def test_where_new_conditions_are_not_to_be_learnt_they_stay_unknown():
    found = [state for state, _ in loaded([0.0] * 3 + [80.0] * 8, learnt_from=3, learn_new_states=False)]
    assert found[-4:] == [UNKNOWN] * 4


def test_a_measured_speed_says_that_it_runs_and_silence_is_then_no_standstill():
    settings = OperatingSettings(nominal_speed_rpm=1500.0, speed_measured=True)
    for level, expected in ((0.1, "steady/297rpm"), (0.01, UNKNOWN)):
        memory = operating_state.step(OperatingMemory(), settings, rms_m_s2=level, learnt=LEARNT, speed_rpm=300.0)
        assert memory.state == expected


def test_a_stated_speed_does_not_know_of_stops_so_the_level_decides():
    assert states([1.0, 0.2], [2000.0, 2000.0], nominal_speed_rpm=2000.0) == [DEFAULT, OFF]


def fall(seconds, to, windows_per_s=2):
    """Levels of a shaft that loses speed evenly; the level goes with its square. Scatter of 2 %."""
    count = seconds * windows_per_s
    rng = np.random.default_rng(5)
    levels = np.linspace(1.0, to, count) ** 2
    return [1.0] * 60 + list(levels * np.exp(0.02 * rng.standard_normal(count)))


@pytest.mark.parametrize("seconds", [10, 25, 60, 120, 240])
def test_a_coast_down_is_noticed_within_the_first_two_decibels_however_slow(seconds):
    levels = fall(seconds, 0.0)
    found = states(levels)
    judged = [level for level, state in zip(levels[60:], found[60:], strict=True) if state == DEFAULT]
    assert min(judged) > 0.75
    lost = [state for level, state in zip(levels, found, strict=True) if level < 0.75]
    assert set(lost) <= {TRANSIENT, STARTING, UNKNOWN, OFF}


def test_settled_far_below_normal_it_runs_as_nobody_learnt_until_it_is_back():
    down, up = fall(30, 0.7), list(np.linspace(0.7, 1.0, 60) ** 2)
    found = states(down + [0.49] * 120 + up + [1.0] * 30)
    # The longest stretch in which a level is seen to move is 48 windows; then nothing moves any more.
    assert set(found[len(down) + 55 : len(down) + 120]) == {UNKNOWN}
    assert DEFAULT not in found[len(down) : len(down) + 120]
    assert found[-10:] == [DEFAULT] * 10


def test_a_level_that_is_lower_without_having_been_seen_to_go_there_is_judged():
    assert set(states([0.6] * 100)) == {DEFAULT}


def test_a_fault_that_rises_for_hours_is_judged_in_every_window():
    rng = np.random.default_rng(4)
    levels = np.exp(np.linspace(0.0, 2.0, 600) + 0.05 * rng.standard_normal(600))
    assert set(states(levels.tolist())) == {DEFAULT}


def test_snapshots_minutes_apart_show_no_shaft_on_its_way():
    levels = np.linspace(1.0, 0.7, 120)
    memory, found = OperatingMemory(), []
    for number, level in enumerate(levels):
        memory = operating_state.step(
            memory, OperatingSettings(), rms_m_s2=float(level), learnt=LEARNT, speed_rpm=None,
            end_ns=number * 600_000_000_000,
        )  # fmt: skip
        found.append(memory.state)
    assert set(found) == {DEFAULT}
    assert TRANSIENT in states(levels.tolist())
