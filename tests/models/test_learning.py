"""Learning what is normal, and following it slowly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import learning
from models.learning import LARGEST_DRIFT, LARGEST_GAIN, MAX_EXTENSIONS, Baseline, Learning, learn
from models.machine_model import MachineModel

CHANNELS, FEATURES = 2, 6
MINUTE_NS = 60_000_000_000
HALF_SECOND_NS = 500_000_000


def scatter(windows, seed=0, level=0.0):
    rng = np.random.default_rng(seed)
    return (level + 0.1 * rng.standard_normal((windows, CHANNELS * FEATURES))).astype(np.float32)


def learnt_from(vectors, windows=60, hop_ns=MINUTE_NS):
    known = learning.begin(CHANNELS * FEATURES)
    for count, vector in enumerate(vectors, start=1):
        known = learn(
            known,
            vector,
            count * hop_ns,
            windows=windows,
            model=MachineModel.built_in(["mahalanobis"]),
            channels=CHANNELS,
            decision_ns=MINUTE_NS,
        )
        if isinstance(known, Baseline):
            return known, count
    return known, len(vectors)


def followed(known, vector, after_ns=MINUTE_NS, score=0.5):
    end_ns = known.last_ns + after_ns
    vector = np.asarray(vector, np.float32)
    return known.followed(vector, end_ns, score=score, tracking_decisions=300, decision_ns=MINUTE_NS)


def changed(known, deviations):
    """Return the score of a window this far from normal, deviations (channels, features) in logarithms."""
    return known.score(np.log(known.centre) + np.asarray(deviations, np.float32).ravel())


def test_a_steady_machine_is_learnt_from_exactly_the_windows_that_were_asked_for():
    known, used = learnt_from(scatter(100))
    assert isinstance(known, Baseline)
    assert used == 60


def test_a_machine_that_changes_while_it_is_learnt_is_learnt_from_what_it_became():
    known, used = learnt_from(np.concatenate([scatter(30), scatter(200, seed=1, level=2.0)]))
    assert used == 90
    np.testing.assert_allclose(known.centre, np.exp(2.0), rtol=0.1)


def test_a_machine_that_never_settles_is_taken_as_it_is_in_the_end():
    rising = scatter(60 + MAX_EXTENSIONS * 30) + 0.1 * np.arange(60 + MAX_EXTENSIONS * 30, dtype=np.float32)[:, None]
    known, used = learnt_from(rising)
    assert isinstance(known, Baseline)
    assert used == len(rising)


def test_the_baseline_follows_a_slow_drift_and_stops_at_a_factor_of_two():
    known, _ = learnt_from(scatter(60))
    drift = np.linspace(0.0, 1.5, 30_000)
    scores = []
    for vector, by in zip(scatter(30_000, seed=2), drift, strict=True):
        scores.append(known.score(vector + np.float32(by)))
        known = followed(known, vector + np.float32(by))
    scores = np.array(scores)
    assert scores[drift < 0.6].max() < 1.0
    assert np.abs(known.drift).max() <= np.float32(LARGEST_DRIFT)
    # The slow trend: twice the learnt level is said, although no window was far from the one before.
    assert scores[drift > np.log(2.0) + 0.2].min() > 0.99
    assert scores[-100:].min() > 1.0


def test_one_feature_that_wanders_is_no_trend_of_its_channel_and_a_trend_ends_with_the_repair():
    known, _ = learnt_from(scatter(60))
    learnt, twice = np.log(known.centre), np.float32(np.log(2.0))
    one = np.zeros(CHANNELS * FEATURES, np.float32)
    one[3] = twice
    assert replace(known, drift=one).trend(learnt + one) == 0.0
    worn = replace(known, drift=np.full_like(one, twice))
    assert worn.trend(learnt + twice) == pytest.approx(1.0)
    assert worn.score(learnt + twice) == pytest.approx(1.0)
    assert worn.score(learnt) < 0.5


def test_a_young_baseline_gives_way_and_an_old_one_hardly_moves():
    shift = np.float32(0.1)
    second_ns = MINUTE_NS // 60
    known, _ = learnt_from(scatter(60), hop_ns=second_ns)
    moved = []
    for minutes in (1, 600):
        after = known
        # Ten minutes later one is ten times its first age, the other as old as it was.
        known = replace(known, decisions=float(minutes))
        after = replace(known, drift=np.zeros_like(known.drift))
        for _ in range(600):
            after = followed(after, np.log(known.centre) - known.drift + shift, second_ns)
        moved.append(float(np.median(after.drift)) / shift)
    # Of a step, e-folding with its own age: 1 − 1/11 after ten of its ages; 1 − exp(−10/300) after ten of 300 minutes.
    np.testing.assert_allclose(moved, [10 / 11, 1 - np.exp(-10 / 300)], rtol=0.03)


def test_no_single_window_after_a_long_pause_moves_it_more_than_a_learning_window_did():
    known, _ = learnt_from(scatter(60), hop_ns=MINUTE_NS // 120)
    moved = followed(known, np.log(known.centre) + np.float32(0.1), after_ns=10_000 * MINUTE_NS)
    assert np.abs(moved.drift).max() <= np.float32(0.1 * LARGEST_GAIN * 1.001)


def test_a_machine_that_is_quieter_as_a_whole_is_no_finding():
    known, _ = learnt_from(scatter(60))
    assert changed(known, np.full((CHANNELS, FEATURES), -1.5)) < 1.0


def test_a_quieter_machine_of_another_shape_is_one_on_either_side():
    known, _ = learnt_from(scatter(60))
    for shape in (2.0, -2.0):
        quieter = np.full((CHANNELS, FEATURES), -1.0)
        quieter[1, 2] += shape
        assert changed(known, quieter) > 1.0


def test_a_step_is_not_followed_away_before_it_is_noticed():
    known, _ = learnt_from(scatter(60))
    for vector in scatter(5, seed=3, level=2.0):
        assert known.score(vector) > 1.0
        known = followed(known, vector)


def test_learning_and_baseline_come_back_from_bytes_to_the_bit():
    half, _ = learnt_from(scatter(30))
    again = Learning.from_bytes(half.to_bytes())
    assert again.vectors.tobytes() == half.vectors.tobytes()
    known, _ = learnt_from(scatter(60))
    known = followed(known, scatter(1, seed=4)[0])
    again = Baseline.from_bytes(known.to_bytes())
    vector = scatter(1, seed=5)[0]
    assert again.score(vector) == known.score(vector)
    assert again.to_bytes() == known.to_bytes()
    assert (again.decisions, again.last_ns) == (known.decisions, known.last_ns) == (60.0, 61 * MINUTE_NS)


def test_silence_has_a_logarithm():
    assert np.isfinite(learning.to_vector(np.zeros((2, 3), np.float32))).all()


def test_a_young_baseline_gives_way_to_what_is_normal_and_not_to_what_is_not():
    known, _ = learnt_from(scatter(100), hop_ns=HALF_SECOND_NS)
    louder = known.fit.scaling.centre + 0.3
    normal = unusual = known
    for _ in range(1200):  # ten minutes at two windows a second
        normal = followed(normal, louder, HALF_SECOND_NS)
        unusual = followed(unusual, louder, HALF_SECOND_NS, score=1.1)
    assert np.median(normal.drift) > 0.25
    assert np.median(unusual.drift) < 0.02
