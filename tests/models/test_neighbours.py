"""What neighbours share is the plant's; what one of them has alone is its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.neighbours import NeighboursError, is_shared, shared_change, without_shared

DEVIATIONS = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(3, 7)), elements=st.floats(-50, 50))


def four_bearings(seed: int, *, windows: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((windows, 4))


def test_a_step_that_all_share_disappears_and_a_members_own_fault_stays():
    deviations = four_bearings(1)
    deviations[200:] += 6.0
    deviations[300:, 2] += 8.0
    left = without_shared(deviations)
    # The second smallest of four unit normals lies 0.3 below their mean and scatters by 0.6: so much is left at most.
    assert abs(left[200:300].mean()) < 0.45
    assert left[200:300].std() < 1.3
    assert left[300:, 2].mean() == pytest.approx(8.0, abs=0.6)


def test_one_and_even_two_of_four_faulty_members_are_not_taken_for_the_plant():
    deviations = four_bearings(2)
    deviations[:, 0] += 30.0
    assert abs(shared_change(deviations)).max() < 4.0
    deviations[:, 1] += 30.0
    assert abs(shared_change(deviations)).max() < 4.0
    deviations[:, 2] += 30.0
    assert shared_change(deviations).min() > 25.0


def test_members_that_are_off_have_no_say_and_fewer_than_three_share_nothing():
    nan = np.nan
    deviations = np.array([[5.0, 5.0, 6.0, nan], [5.0, 5.0, nan, nan], [nan] * 4])
    assert shared_change(deviations).tolist() == [5.0, 0.0, 0.0]
    assert shared_change(deviations[:, :2]).tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(without_shared(deviations)[0, 3])
    assert not is_shared(deviations, 3.0)[0, 3]


def test_a_member_is_explained_only_where_what_is_left_of_it_would_not_be_called_a_change():
    deviations = np.array([[4.0, 4.0, 4.0, 9.0], [4.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    assert is_shared(deviations, 3.0).tolist() == [[True, True, True, False], [False] * 4, [False] * 4]


def test_tables_that_are_none_and_limits_that_cannot_be_are_named():
    with pytest.raises(NeighboursError, match="windows, members"):
        shared_change(np.zeros(4))
    with pytest.raises(NeighboursError, match="greater than 0"):
        is_shared(np.zeros((1, 3)), 0.0)


@given(DEVIATIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_members_does_not_matter(deviations, random):
    order = list(range(deviations.shape[1]))
    random.shuffle(order)
    assert np.array_equal(shared_change(deviations), shared_change(deviations[:, order]))


@given(DEVIATIONS)
def test_never_more_than_a_majority_has_and_symmetric_in_sign(deviations):
    shared = shared_change(deviations)
    assert np.array_equal(shared_change(-deviations), -shared)
    same_way = (deviations * np.sign(shared)[:, None] >= np.abs(shared)[:, None]).sum(axis=1)
    assert (same_way[shared != 0.0] > deviations.shape[1] / 2).all()
