"""T² and Q: which of the two sees what, and lags."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.errors import DetectorError
from models.detectors.t2_q import T2Q


def process(rows, seed=0):
    """Four signals that all follow one load."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, 1)) * [1.0, 0.8, -1.2, 0.9] + 0.1 * rng.standard_normal((rows, 4))).astype(
        np.float32
    )


def test_more_load_than_ever_is_for_t2_and_a_broken_relation_for_q():
    detector = T2Q.fit(process(400))
    t2, q = detector.t2_and_q_scores(np.float32([[9.0, 7.2, -10.8, 8.1], [1.0, 0.8, -1.2, -0.9]]))
    assert t2[0, 0] > 1.0 > q[0, 0]
    assert q[1, 0] > 1.0 > t2[1, 0]


def test_the_score_is_the_larger_of_the_two():
    detector, rows = T2Q.fit(process(400)), process(50, seed=1)
    np.testing.assert_array_equal(detector.score(rows), np.maximum(*detector.t2_and_q_scores(rows))[:, 0])


def test_with_lags_a_valve_that_follows_too_late_is_found_and_without_it_is_not():
    def valve(rows, delay, seed):
        command = np.random.default_rng(seed).standard_normal(rows + delay)
        noise = 0.1 * np.random.default_rng(seed + 1).standard_normal((rows, 2))
        return (np.column_stack([command[delay:], command[:rows]]) + noise).astype(np.float32)

    late = valve(300, 2, seed=5)
    found = [(T2Q.fit(valve(400, 1, seed=0), lags=lags).score(late) > 1.0).mean() for lags in (0, 1)]
    assert found[0] == 0.0
    # Two commands in a row may happen to be alike: then being late does not show.
    assert found[1] > 0.5


def test_lags_survive_the_bytes():
    detector, rows = T2Q.fit(process(100), lags=2), process(30, seed=1)
    assert T2Q.from_bytes(detector.to_bytes()).score(rows).tobytes() == detector.score(rows).tobytes()


def test_more_lags_than_vectors_are_refused():
    for lags in (-1, 100):
        with pytest.raises(DetectorError, match="lags"):
            T2Q.fit(process(100), lags=lags)
