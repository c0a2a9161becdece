"""Rollups merge exactly, in any order: that is what lets late data correct a bucket."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cloud.trends.rollups import Points, empty_rollup, into_buckets, merge, rollup_of

WINDOWS = st.integers(1, 500)
# Vibration features lie between micro-g and hundreds of g; float32 holds them with 7 digits.
VALUES = st.floats(2**-13, 2**13, width=32)


def _rollup(windows, mean):
    mean = np.array([mean, mean / 2], np.float32)
    return rollup_of(windows, mean, mean * np.float32(0.5), mean * np.float32(2))


@given(st.lists(st.tuples(WINDOWS, VALUES), min_size=1, max_size=20), st.randoms())
def test_the_order_of_merging_does_not_matter(parts, random):
    rollups = [_rollup(*part) for part in parts]
    shuffled = list(rollups)
    random.shuffle(shuffled)
    one_by_one = empty_rollup(2)
    for rollup in shuffled:
        one_by_one = merge([one_by_one, rollup])
    at_once = merge(rollups)
    # Sums are float64: 20 additions differ in the last digits at most.
    np.testing.assert_allclose(one_by_one["total"], at_once["total"], rtol=1e-12)
    for exact in ("weight", "low", "high"):
        np.testing.assert_array_equal(one_by_one[exact], at_once[exact])


def test_the_mean_is_that_of_all_windows():
    merged = merge([_rollup(1, 1.0), _rollup(3, 5.0)])
    assert merged["total"][0] / merged["weight"][0] == 4.0
    assert (merged["low"][0], merged["high"][0]) == (0.5, 10.0)


def test_a_feature_that_was_not_measured_counts_for_nothing():
    broken = _rollup(100, float("nan"))
    assert broken["weight"].tolist() == [0.0, 0.0]
    merged = merge([broken, _rollup(2, 3.0)])
    assert merged["total"][0] / merged["weight"][0] == 3.0


def test_buckets_are_named_by_their_start_and_empty_ones_left_out():
    t_ms = np.array([60_000, 119_999, 120_000, 600_000])
    ones = np.ones(4)
    values = np.array([1.0, 3.0, 7.0, 9.0])
    late = np.array([False, True, False, False])
    bucketed = into_buckets(Points(t_ms, ones, values, values, values, late), 60_000)
    assert bucketed.t_ms.tolist() == [60_000, 120_000, 600_000]
    assert bucketed.mean.tolist() == [2.0, 7.0, 9.0]
    assert bucketed.low.tolist() == [1.0, 7.0, 9.0]
    assert bucketed.high.tolist() == [3.0, 7.0, 9.0]
    assert bucketed.late.tolist() == [True, False, False]
