"""Thresholds from few learning windows: what lasted counts, knocks do not, and few windows widen the margin."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.calibration import (
    LARGEST_GROWTH,
    LARGEST_OVER_MEDIAN,
    MARGIN,
    SMALLEST_DISTANCE,
    highest_that_lasted,
    thresholds,
)


def scatter(windows=60, groups=2):
    return (1.0 + 0.1 * np.random.default_rng(3).standard_normal((windows, groups))).astype(np.float32)


def test_the_threshold_is_the_margin_times_what_three_of_five_windows_reached():
    distances = scatter()
    lasted = highest_that_lasted(distances)
    assert (np.median(distances, axis=0) < lasted).all()
    assert (lasted < distances.max(axis=0)).all()
    np.testing.assert_allclose(thresholds(distances), MARGIN * lasted, rtol=1e-6)


def test_knocks_in_the_learning_windows_do_not_raise_it():
    knocked = scatter()
    knocked[10::10] = 50.0
    # A knock takes the place of one of five windows, so what the other four reached decides: a little more at most.
    np.testing.assert_allclose(thresholds(knocked), thresholds(scatter()), rtol=0.05)


def test_a_bump_that_lasted_counts_but_never_beyond_three_times_the_median():
    bumped = scatter()
    bumped[20:30] = 2.0
    np.testing.assert_allclose(thresholds(bumped), MARGIN * 2.0, rtol=1e-6)
    bumped[20:30] = 50.0
    np.testing.assert_allclose(thresholds(bumped), MARGIN * LARGEST_OVER_MEDIAN * np.median(bumped, axis=0), rtol=1e-6)


@pytest.mark.parametrize(("windows", "growth"), [(240, 1.0), (60, 1.0), (30, np.sqrt(2.0)), (8, LARGEST_GROWTH)])
def test_fewer_windows_than_usual_widen_the_margin_by_their_standard_error_up_to_a_half(windows, growth):
    even = np.ones((windows, 1), np.float32)
    np.testing.assert_allclose(thresholds(even), MARGIN * growth, rtol=1e-6)


def test_a_machine_without_any_scatter_does_not_alarm_at_its_first_breath():
    np.testing.assert_allclose(thresholds(np.zeros((60, 3), np.float32)), MARGIN * SMALLEST_DISTANCE)
