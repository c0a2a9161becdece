"""T² and Q: which of the two sees what, and lags."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.detector import Detector
from models.detectors.errors import DetectorError
from models.detectors.t2_q import T2Q


def process(rows, seed=0):
    """Four signals that all follow one load."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, 1)) * [1.0, 0.8, -1.2, 0.9] + 0.1 * rng.standard_normal((rows, 4))).astype(
        np.float32
    )


def _parts(detector, vectors):
    """Return the scores of T² and of Q, (n, 2)."""
    return detector.scorer.distances(vectors) / detector.limits


def test_more_load_than_ever_is_for_t2_and_a_broken_relation_for_q():
    detector = Detector.fit(T2Q, process(400))
    more, broken = _parts(detector, np.float32([[9.0, 7.2, -10.8, 8.1], [1.0, 0.8, -1.2, -0.9]]))
    assert more[0] > 1.0 > more[1]
    assert broken[1] > 1.0 > broken[0]


def test_the_score_is_the_larger_of_the_two():
    detector, rows = Detector.fit(T2Q, process(400)), process(50, seed=1)
    np.testing.assert_array_equal(detector.score(rows), _parts(detector, rows).max(axis=1))


def test_with_lags_a_valve_that_follows_too_late_is_found_and_without_it_is_not():
    def valve(rows, delay, seed):
        command = np.random.default_rng(seed).standard_normal(rows + delay)
        noise = 0.1 * np.random.default_rng(seed + 1).standard_normal((rows, 2))
        return (np.column_stack([command[delay:], command[:rows]]) + noise).astype(np.float32)

    late = valve(300, 2, seed=5)
    found = [(Detector.fit(T2Q, valve(400, 1, seed=0), lags=lags).score(late) > 1.0).mean() for lags in (0, 1)]
    assert found[0] == 0.0
    # Two commands in a row may happen to be alike: then being late does not show.
    assert found[1] > 0.5


def test_lags_survive_the_bytes():
    detector, rows = Detector.fit(T2Q, process(100), lags=2), process(30, seed=1)
    assert Detector.from_bytes(T2Q, detector.to_bytes()).score(rows).tobytes() == detector.score(rows).tobytes()


def test_more_lags_than_vectors_are_refused():
    for lags in (-1, 100):
        with pytest.raises(DetectorError, match="lags"):
            Detector.fit(T2Q, process(100), lags=lags)
