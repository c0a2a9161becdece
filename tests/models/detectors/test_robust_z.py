"""Robust z: one feature is enough, a combination is not."""

from __future__ import annotations

import numpy as np

from models.detectors.detector import Detector
from models.detectors.robust_z import RobustZ


def test_one_feature_counts_as_much_as_it_is_away_and_a_combination_does_not():
    load = np.random.default_rng(0).standard_normal((200, 1))
    healthy = (load + 0.1 * np.random.default_rng(1).standard_normal((200, 2))).astype(np.float32)
    alone, twice, apart = Detector.fit(RobustZ, healthy).score(np.float32([[0, 20], [0, 40], [2, -2]]))
    assert alone > 1.0 > apart
    assert np.isclose(twice, 2 * alone, rtol=0.05)
