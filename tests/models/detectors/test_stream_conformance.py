"""What every stream detector promises; each row of the table is picked up."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.errors import DetectorError
from models.detectors.table import STREAM_DETECTORS
from models.state_bytes import StateError

CHANNELS = 3
LEARNT_ROWS = 600

every_detector = pytest.mark.parametrize("detector", STREAM_DETECTORS.values(), ids=STREAM_DETECTORS.keys())


def healthy(rows, seed=0):
    """Three levels with noise, one of them with a beat."""
    rng = np.random.default_rng(seed)
    beat = 0.1 * np.sin(np.arange(rows) * 2 * np.pi / 35)[:, None] * [0.0, 1.0, 0.0]
    return np.array([10.0, 0.2, -3.0]) + 0.1 * rng.standard_normal((rows, CHANNELS)) + beat


def level(detector, rows):
    fitted = detector.fit(healthy(LEARNT_ROWS))
    return fitted.step(fitted.start(), rows, in_alarm=False)[1].level


@every_detector
def test_more_of_the_same_stays_below_the_threshold(detector):
    scores = level(detector, healthy(1000, seed=1))
    assert np.nanmax(scores) < 1.0
    assert np.nanmin(scores) >= 0.0


@every_detector
def test_a_level_that_moves_is_found(detector):
    moved = healthy(300, seed=1)
    moved[150:, 2] += 1.0
    scores = level(detector, moved)
    assert np.nanmax(scores[:150]) < 1.0
    assert np.nanmax(scores[150:]) > 1.0


@every_detector
def test_rows_one_by_one_and_all_at_once_are_the_same(detector):
    rows = healthy(300, seed=1)
    fitted = detector.fit(healthy(LEARNT_ROWS))
    after, whole = fitted.step(fitted.start(), rows, in_alarm=False)
    state, parts = fitted.start(), []
    for cut in np.split(rows, [1, 2, 50, 51, 180]):
        state, scores = fitted.step(state, cut, in_alarm=False)
        parts.append(scores.level)
    # Running sums begin elsewhere: the same to rounding.
    np.testing.assert_allclose(np.concatenate(parts), whole.level, rtol=1e-9)
    assert len(state.to_bytes()) == len(after.to_bytes())


@every_detector
def test_a_restart_changes_nothing(detector):
    rows = healthy(400, seed=1)
    fitted = detector.fit(healthy(LEARNT_ROWS))
    assert detector.fit(healthy(LEARNT_ROWS)).to_bytes() == fitted.to_bytes()
    again = detector.from_bytes(fitted.to_bytes())
    state, _ = fitted.step(fitted.start(), rows[:200], in_alarm=False)
    restored = again.state_from_bytes(state.to_bytes())
    assert restored.to_bytes() == state.to_bytes()
    _, here = fitted.step(state, rows[200:], in_alarm=False)
    _, there = again.step(restored, rows[200:], in_alarm=False)
    assert here.level.tobytes() == there.level.tobytes()


@every_detector
def test_the_state_is_bounded_and_small(detector):
    fitted = detector.fit(healthy(LEARNT_ROWS))
    state, _ = fitted.step(fitted.start(), healthy(1_700, seed=1), in_alarm=False)
    full = len(state.to_bytes())
    state, _ = fitted.step(state, healthy(100, seed=2), in_alarm=False)
    assert len(state.to_bytes()) == full < 100_000


@every_detector
def test_a_gap_is_no_fault_and_leaves_finite_scores(detector):
    gap = healthy(500, seed=1)
    gap[200:300, 1] = np.nan
    gap[250, :] = np.inf
    scores = level(detector, gap)
    assert np.nanmax(scores) < 1.0
    assert np.isfinite(scores[-100:]).all()


@every_detector
def test_after_a_break_it_judges_again_and_the_break_itself_is_no_fault(detector):
    fitted = detector.fit(healthy(LEARNT_ROWS))
    state, _ = fitted.step(fitted.start(), healthy(100, seed=1), in_alarm=False)
    for lost in (0, 1, 20, 10_000):
        broken = fitted.interrupted(state, lost)
        broken, scores = fitted.step(broken, healthy(100, seed=2), in_alarm=False)
        assert np.nanmax(scores.level) < 1.0
        assert np.isfinite(scores.level[-1]).all()
        assert broken.to_bytes() == fitted.state_from_bytes(broken.to_bytes()).to_bytes()


@every_detector
def test_it_says_which_channel_it_was_and_what_would_be_usual(detector):
    moved = healthy(300, seed=1)
    moved[150:, 2] += 1.0
    fitted = detector.fit(healthy(LEARNT_ROWS))
    _, scores = fitted.step(fitted.start(), moved, in_alarm=False)
    first = int(np.flatnonzero((scores.level > 1.0).any(axis=1))[0])
    assert scores.channels[first].argmax() == 2
    assert scores.now[first, 2] > scores.usual[first, 2] == pytest.approx(-3.0, abs=0.2)
    assert scores.newest.shape == scores.unrest.shape == (300,)
    assert 0.1 < fitted.typical(fitted.start()) < 1.0


@every_detector
def test_what_it_learns_from_is_enough_and_bounded(detector):
    least, most = detector.learning_rows()
    assert least <= most
    assert detector.fit(healthy(least)).start() is not None


@every_detector
def test_no_rows_are_no_news(detector):
    fitted = detector.fit(healthy(LEARNT_ROWS))
    state, scores = fitted.step(fitted.start(), np.empty((0, CHANNELS)), in_alarm=False)
    assert scores.level.shape[0] == scores.unrest.shape[0] == 0
    assert state.to_bytes() == fitted.start().to_bytes()


@every_detector
def test_bytes_of_something_else_are_refused(detector):
    with pytest.raises(StateError):
        detector.from_bytes(b"not a detector")
    with pytest.raises(StateError):
        detector.fit(healthy(LEARNT_ROWS)).state_from_bytes(b"not a state")


@every_detector
def test_what_cannot_be_learnt_from_or_judged_is_said_in_one_line(detector):
    holed = healthy(LEARNT_ROWS)
    holed[7, 1] = np.inf
    gone = healthy(LEARNT_ROWS)
    gone[:590, 1] = np.nan
    for rows in (healthy(LEARNT_ROWS)[:5], holed, gone, healthy(LEARNT_ROWS)[0]):
        with pytest.raises(DetectorError) as refused:
            detector.fit(rows)
        assert "\n" not in str(refused.value)
    fitted = detector.fit(healthy(LEARNT_ROWS))
    with pytest.raises(DetectorError, match="channels"):
        fitted.step(fitted.start(), np.zeros((5, CHANNELS + 1)), in_alarm=False)
