"""Tracking baseline: what it follows, what it does not, and what it does after an alarm."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.errors import DetectorError
from models.detectors.tracking import Tracking, TrackingSettings, slow_share


def noise(rows, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, channels))


def learnt():
    return Tracking.fit(noise(400))


def test_a_channel_that_wanders_slowly_is_left_out_whatever_it_is_called():
    wander = np.cumsum(noise(400, 1, seed=3), axis=0)
    assert Tracking.fit(np.hstack([noise(400), wander])).judged.tolist() == [0, 1]
    with pytest.raises(DetectorError, match="discord"):
        Tracking.fit(wander)


def test_white_noise_leaves_one_part_in_the_window_and_a_line_nearly_all():
    assert slow_share(noise(100_000, 1), 10)[0] == pytest.approx(0.1, rel=0.05)
    assert slow_share(np.arange(1000.0)[:, None], 10)[0] > 0.99


def test_a_step_is_seen_first_by_the_short_mean_and_a_faint_one_only_by_the_long():
    fitted = learnt()
    for shift, first in ((4.0, 0), (1.0, 1)):
        rows = noise(200, seed=1)
        rows[100:, 0] += shift
        _, scores = fitted.step(fitted.start(), rows, in_alarm=False)
        crossed = [np.flatnonzero(scale >= 1.0) for scale in scores.level.T]
        assert crossed[first].size
        assert not crossed[1 - first].size or crossed[first][0] < crossed[1 - first][0]


def test_a_drift_slower_than_its_memory_is_followed_and_a_faster_one_is_not():
    fitted = Tracking.fit(noise(400), settings=TrackingSettings(tracking_rows=300.0))
    for per_row, alarms in ((0.001, False), (0.02, True)):
        rows = noise(3000, seed=1) + per_row * np.arange(3000)[:, None]
        _, scores = fitted.step(fitted.start(), rows, in_alarm=False)
        assert bool(np.nanmax(scores.level) >= 1.0) is alarms


def test_in_alarm_the_baseline_stands_still():
    fitted = learnt()
    state, _ = fitted.step(fitted.start(), noise(60, seed=1), in_alarm=False)
    frozen, _ = fitted.step(state, noise(500, seed=2) + 5.0, in_alarm=True)
    np.testing.assert_array_equal(frozen.centre, state.centre)


def test_after_an_alarm_the_level_found_is_normal_and_so_is_the_one_before():
    fitted = learnt()
    state, _ = fitted.step(fitted.start(), noise(60, seed=1), in_alarm=False)
    state, scores = fitted.step(state, noise(200, seed=2) + 5.0, in_alarm=True)
    assert scores.level[-1].max() > 1.0
    state, scores = fitted.step(state, noise(200, seed=3) + 5.0, in_alarm=False)
    assert np.isnan(scores.level[:30]).all()
    assert scores.level[30:].max() < 1.0
    state, scores = fitted.step(state, noise(200, seed=4), in_alarm=False)
    assert scores.level[60:].max() < 1.0
    _, scores = fitted.step(state, noise(200, seed=5) - 5.0, in_alarm=False)
    assert scores.level[-1].max() > 1.0


def test_the_channel_that_moved_is_named():
    fitted = learnt()
    _, scores = fitted.step(fitted.start(), noise(100, seed=1) + np.array([0.0, 4.0]), in_alarm=False)
    assert scores.channels[-1].argmax() == 1
    assert scores.now[-1, 1] - scores.usual[-1, 1] > 1.0


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (1000.0, 0.0), (1.0, 50.0)])
def test_another_unit_or_zero_gives_the_same_scores(gain, offset):
    rows = noise(200, seed=1) + np.array([3.0, 0.0])
    scores = []
    for a, b in ((1.0, 0.0), (gain, offset)):
        fitted = Tracking.fit(a * noise(400) + b)
        scores.append(fitted.step(fitted.start(), a * rows + b, in_alarm=False)[1].level)
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_a_channel_that_stood_still_while_learning_does_not_alarm_at_its_last_digit():
    still = np.hstack([noise(400), np.full((400, 1), 126.0)])
    fitted = Tracking.fit(still)
    rows = np.hstack([noise(100, seed=1), np.full((100, 1), 126.005)])
    assert np.nanmax(fitted.step(fitted.start(), rows, in_alarm=False)[1].level) < 1.0


def test_settings_that_contradict_each_other_are_refused():
    for wrong in ({"windows": (10, 15)}, {"tracking_rows": 5.0}, {"margin": 0.0}):
        with pytest.raises(DetectorError):
            TrackingSettings(**wrong)
