"""Mahalanobis distance: shrinkage and what it is for."""

from __future__ import annotations

import numpy as np

from models.detectors.detector import Detector
from models.detectors.mahalanobis import Mahalanobis, shrunk_covariance


def test_with_many_windows_the_covariance_is_the_samples_own():
    rng = np.random.default_rng(0)
    true = np.array([[1.0, 0.8], [0.8, 1.0]])
    drawn = rng.multivariate_normal([0.0, 0.0], true, 100_000)
    # Sampling error of 100,000 windows, three times.
    np.testing.assert_allclose(shrunk_covariance(drawn), true, atol=0.015)


def test_with_fewer_windows_than_features_it_is_still_positive_definite():
    drawn = np.random.default_rng(0).standard_normal((8, 20))
    assert np.linalg.eigvalsh(shrunk_covariance(drawn)).min() > 0.05


def test_it_lies_nearer_the_truth_than_the_sample_does():
    rng = np.random.default_rng(0)
    true = np.diag(np.linspace(0.5, 1.5, 14))
    drawn = rng.multivariate_normal(np.zeros(14), true, 40)
    sample = drawn.T @ drawn / len(drawn)
    assert np.linalg.norm(shrunk_covariance(drawn) - true) < 0.7 * np.linalg.norm(sample - true)


def test_a_combination_that_never_occurs_is_unusual_although_each_value_is_not():
    rng = np.random.default_rng(0)
    load = rng.standard_normal(200)
    healthy = (load[:, None] + 0.1 * rng.standard_normal((200, 2))).astype(np.float32)
    detector = Detector.fit(Mahalanobis, healthy)
    together, apart = detector.score(np.float32([[2.0, 2.0], [2.0, -2.0]]))
    assert together < 1.0 < apart
