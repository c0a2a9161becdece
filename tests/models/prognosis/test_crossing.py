"""First passages, against the closed forms of the inverse Gaussian distribution."""

from __future__ import annotations

import numpy as np
import pytest

from models.prognosis.crossing import first_passage

DRAWS = 40_000


def _passages(distance, slope, variance):
    every = np.full(DRAWS, distance), np.full(DRAWS, slope), np.full(DRAWS, variance)
    straight = np.where(every[1] > 0, every[0] / every[1], np.inf)
    return first_passage(every[0], straight, every[1], every[2], np.random.default_rng(1))


def test_without_a_walk_it_is_distance_over_slope():
    assert np.all(_passages(6.0, 2.0, 0.0) == 3.0)


def test_with_a_walk_mean_and_variance_are_those_of_the_inverse_gaussian():
    times = _passages(6.0, 2.0, 0.5)
    # Chhikara and Folks: mean d/v = 3, variance d s²/v³ = 0.375; errors of 40,000 draws: 0.003 and 1 %.
    assert times.mean() == pytest.approx(3.0, abs=0.012)
    assert times.var() == pytest.approx(0.375, rel=0.05)


def test_what_drifts_away_arrives_with_the_known_probability():
    share = np.isfinite(_passages(1.0, -0.5, 1.0)).mean()
    # exp(-2 |v| d / s²) = 1/e; four standard errors.
    assert share == pytest.approx(np.exp(-1.0), abs=0.01)


def test_what_stands_still_never_arrives_and_what_is_there_is_there():
    assert np.all(np.isinf(_passages(1.0, -0.5, 0.0)))
    assert np.all(_passages(-0.1, -0.5, 0.0) == 0.0)
