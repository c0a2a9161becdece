"""Many spectra in one small answer: no line is lost on the way, and a byte says a level within a quarter decibel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cloud.waterfall import FLOOR, STEP_DB, levels, peak_held, usual


@pytest.mark.parametrize("hz", [0.0, 3.5, 88.5, 499.0, 499.5])
def test_a_line_is_as_high_as_it_was_in_the_bin_that_holds_it(hz):
    amplitude = np.full(1_000, 0.01, np.float32)
    amplitude[round(hz / 0.5)] = 2.0
    held = peak_held(amplitude, 0.5, 500.0, 100)
    assert held.argmax() == int(hz // 5)
    assert held.max() == 2.0
    assert (np.delete(held, held.argmax()) == np.float32(0.01)).all()


def test_above_the_end_of_a_spectrum_there_is_nothing():
    held = peak_held(np.ones(100, np.float32), 1.0, 200.0, 20)
    assert held.tolist() == [1.0] * 10 + [0.0] * 10


def test_an_answer_finer_than_the_spectrum_repeats_its_bins():
    held = peak_held(np.array([1, 2, 3], np.float32), 2.0, 6.0, 6)
    assert held.tolist() == [1, 1, 2, 2, 3, 3]


@given(arrays(np.float32, (3, 20), elements=st.floats(0, 1e6, width=32)))
def test_a_byte_says_a_level_within_a_quarter_decibel(rows):
    reference, steps = levels(list(rows))
    assert reference == pytest.approx(float(rows.max()))
    told = reference * 10 ** (-STEP_DB * steps.astype(float) / 20)
    heard = (steps < FLOOR) & (rows > 0)
    if heard.any():
        ratio_db = 20 * np.log10(told[heard] / rows[heard].astype(float))
        assert np.abs(ratio_db).max() <= STEP_DB / 2 + 1e-9


def test_silence_is_the_floor():
    reference, steps = levels([np.zeros(4, np.float32)])
    assert reference == 0.0
    assert (steps == FLOOR).all()


def test_one_odd_moment_does_not_change_what_is_usual():
    rows = [np.ones(5, np.float32)] * 4 + [np.full(5, 100, np.float32)]
    assert (usual(rows) == 1.0).all()
