"""Learning what is normal, and following it slowly."""

from __future__ import annotations

import numpy as np

from models import learning
from models.learning import LARGEST_DRIFT, MAX_EXTENSIONS, Baseline, Learning, learn

CHANNELS, FEATURES = 2, 6


def scatter(windows, seed=0, level=0.0):
    rng = np.random.default_rng(seed)
    return (level + 0.1 * rng.standard_normal((windows, CHANNELS * FEATURES))).astype(np.float32)


def learnt_from(vectors, windows=60):
    known = learning.begin(CHANNELS * FEATURES)
    for count, vector in enumerate(vectors, start=1):
        known = learn(known, vector, windows=windows, detectors=("mahalanobis",), channels=CHANNELS)
        if isinstance(known, Baseline):
            return known, count
    return known, len(vectors)


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
        known = known.followed(vector + np.float32(by), 300)
    scores = np.array(scores)
    assert scores[drift < 0.6].max() < 1.0
    assert np.abs(known.drift).max() <= np.float32(LARGEST_DRIFT)
    # The slow judge: what went beyond a factor of two is far from the centre that stayed behind.
    assert scores[-100:].min() > 1.0


def test_a_step_is_not_followed_away_before_it_is_noticed():
    known, _ = learnt_from(scatter(60))
    for vector in scatter(5, seed=3, level=2.0):
        assert known.score(vector) > 1.0
        known = known.followed(vector, 300)


def test_learning_and_baseline_come_back_from_bytes_to_the_bit():
    half, _ = learnt_from(scatter(30))
    again = Learning.from_bytes(half.to_bytes())
    assert again.vectors.tobytes() == half.vectors.tobytes()
    known, _ = learnt_from(scatter(60))
    known = known.followed(scatter(1, seed=4)[0], 300)
    again = Baseline.from_bytes(known.to_bytes())
    vector = scatter(1, seed=5)[0]
    assert again.score(vector) == known.score(vector)
    assert again.to_bytes() == known.to_bytes()


def test_silence_has_a_logarithm():
    assert np.isfinite(learning.to_vector(np.zeros((2, 3), np.float32))).all()
