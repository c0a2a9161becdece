"""Operating states: what may be judged, and that a machine's stops are never taken for faults."""

from __future__ import annotations

import numpy as np

from models import operating_state
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
