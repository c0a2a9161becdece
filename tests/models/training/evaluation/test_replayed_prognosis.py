"""Records played again to the prognosis: what is counted, and what it says of bearings that were run to failure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.training.evaluation.ims import read_trend
from models.training.evaluation.replayed_prognosis import Asked, counted, crossing_s, replayed

DAY_S = 86_400.0
FIRST_ALARM_DAYS = 3.5
"""Of the failing bearing, in the profile that ships; before it nobody could know of anything."""


def test_a_crossing_is_one_of_the_level_and_not_of_a_knock():
    times, values = np.arange(100.0), np.zeros(100)
    values[50] = 9.0
    assert math.isinf(crossing_s(times, values, 1.0))
    values[70:] = 2.0
    # Half of eight points: the median of 4 at each is their middle, 1.0.
    assert crossing_s(times, values, 1.0) == 73.0


def test_a_straight_rise_is_covered_wherever_it_is_told():
    times = np.arange(1_000.0)
    values = 1.0 + np.maximum(times - 300.0, 0.0) / 300.0 + 0.02 * np.random.default_rng(0).standard_normal(1_000)
    asked = replayed(times, values, 2.5)
    told = counted(asked)
    assert told["forecasts"] >= 8
    assert told["covered"] == told["forecasts"]
    assert all(one.left_s == pytest.approx(753.0 - one.at_s, abs=6.0) for one in asked)


def test_before_a_crossing_that_never_comes_only_an_open_interval_is_right():
    times = np.arange(1_000.0)
    values = 1.0 + np.clip(times - 300.0, 0.0, 300.0) / 300.0 + 0.02 * np.random.default_rng(0).standard_normal(1_000)
    asked = [one for one in replayed(times, values, 2.5) if one.is_forecast]
    assert asked
    assert all(isinstance(one, Asked) and one.is_covered == math.isinf(one.told.high_s) for one in asked)
    assert counted(asked)["never_reached"] == len(asked)


@pytest.mark.needs("recordings/ims")
def test_healthy_bearings_are_given_no_number(recordings):
    times, levels = read_trend(recordings / "ims")
    asked = [
        one
        for bearing in levels.T
        for times_healthy in (1.25, 1.5, 2.0)
        for one in replayed(times, bearing, times_healthy * np.median(bearing[:60]), FIRST_ALARM_DAYS * DAY_S)
    ]
    told = counted(asked)
    print(told)
    assert told["asked"] >= 200
    assert told["forecasts"] == 0


@pytest.mark.needs("recordings/ims")
def test_of_bearings_on_a_failing_shaft_most_intervals_are_right_although_the_rig_steps(recordings):
    times, levels = read_trend(recordings / "ims")
    running = levels.min(axis=1) > 0.3 * np.median(levels[:60].min(axis=1))
    asked = [
        one
        for bearing in levels[running].T
        for times_healthy in (1.5, 2.0)
        for one in replayed(times[running], bearing, times_healthy * np.median(bearing[:60]))
        if math.isfinite(one.left_s)
    ]
    told = counted(asked)
    print(told)
    # Less than the 90 % that are stated: the level goes up in steps of all bearings and comes down again, and nobody
    # could know. It stands here so that a change that makes it worse is seen.
    assert told["covered"] / told["forecasts"] >= 0.65
