"""Isolation forest: clusters, seeds, and the closed form of a path."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.detector import Detector
from models.detectors.errors import DetectorError
from models.detectors.isolation_forest import IsolationForest, mean_unsuccessful_search
from models.detectors.mahalanobis import Mahalanobis


def test_between_two_clusters_is_more_unusual_than_in_them_which_no_distance_from_a_centre_sees():
    rng = np.random.default_rng(0)
    side = np.where(np.arange(400) % 2, 4.0, -4.0)[:, None]
    rows = (side + 0.3 * rng.standard_normal((400, 2))).astype(np.float32)
    asked = np.float32([[4, 4], [-4, -4], [4, -4]])
    forest, distance = (
        Detector.fit(IsolationForest, rows).score(asked),
        Detector.fit(Mahalanobis, rows).score(np.float32([[4, 4], [0, 0]])),
    )
    assert forest[2] > 1.5 * forest[:2].max()
    assert distance[1] < distance[0]


def test_the_mean_path_of_a_random_tree_is_that_of_the_paper():
    # c(n) = 2 H(n − 1) − 2 (n − 1)/n, with H summed instead of approximated by a logarithm: within 1 % from n = 32 on.
    for n in (32, 64, 256):
        exact = 2 * sum(1 / k for k in range(1, n)) - 2 * (n - 1) / n
        assert mean_unsuccessful_search(np.array([float(n)]))[0] == pytest.approx(exact, rel=0.01)


def test_more_features_than_int8_can_name_are_refused():
    with pytest.raises(DetectorError, match="127"):
        Detector.fit(IsolationForest, np.zeros((20, 200), np.float32))
