"""Robust centre and scale; the quick median is numpy's to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.detectors.scaling import LOG_SCALE_FLOOR, fit_scaling, row_medians


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            arrays.array_shapes(min_dims=2, max_dims=2, max_side=20),
            elements=st.floats(-1e6, 1e6, width=32),
        )
    )
)
def test_row_medians_are_those_of_numpy_to_the_bit(values):
    assert np.array_equal(row_medians(values), np.median(values, axis=1))
    assert row_medians(values).dtype == values.dtype


def test_one_bump_moves_neither_centre_nor_scale():
    rng = np.random.default_rng(3)
    steady = rng.normal(size=(60, 5)).astype(np.float32)
    bumped = steady.copy()
    bumped[17] = 1e3
    before, after = fit_scaling(steady), fit_scaling(bumped)
    # One of sixty numbers moves a median by at most the distance of its neighbours.
    assert after.centre == pytest.approx(before.centre, abs=0.2)
    assert after.scale == pytest.approx(before.scale, rel=0.2)


def test_a_constant_feature_has_the_scale_of_a_calibration():
    assert fit_scaling(np.ones((10, 1), np.float32)).scale[0] == np.float32(LOG_SCALE_FLOOR)
