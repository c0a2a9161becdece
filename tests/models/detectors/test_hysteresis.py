"""Hysteresis relative to the peak."""

from __future__ import annotations

import math

import pytest

from models.detectors.errors import DetectorError
from models.detectors.hysteresis import Hysteresis, Latch, step

RULE = Hysteresis(leave_share=0.3, leave_rows=2, longest_rows=50)


def run(rows, rule=RULE):
    """Rows are (scores, unrest) or scores alone; returns one letter per row."""
    latch, seen = Latch(), ""
    for row in rows:
        scores, unrest = row if isinstance(row, tuple) else (row, 0.0)
        latch = step(latch, rule, scores, unrest)
        seen += "x" if latch.in_alarm else "."
    return seen


def test_in_at_the_threshold_and_out_well_below_the_peak_however_high_that_is():
    assert run([[0.9], [1.0], [40.0], [13.0], [11.0], [11.0]]) == ".xxxx."
    assert run([[0.9], [1.0], [0.5], [0.5], [0.2], [0.2]]) == ".xxxx."


def test_one_low_row_is_not_the_end():
    assert run([[5.0], [0.1], [5.0], [0.1], [0.1]]) == "xxxx."


def test_while_the_level_moves_it_is_not_the_end():
    assert run([[5.0], ([0.1], 3.0), ([0.1], 3.0), ([0.1], 0.2), ([0.1], 0.2)]) == "xxxx."


def test_the_fastest_scale_that_saw_it_clearly_judges_the_end():
    assert run([[9.0, 3.0], [9.0, 9.0], [0.5, 8.0], [0.5, 8.0]]) == "xxx."
    assert run([[0.5, 1.2], [0.5, 1.2], [0.1, 1.2], [0.1, 0.2], [0.1, 0.2]]) == "xxxx."


def test_rows_that_cannot_be_judged_change_nothing():
    assert run([[5.0], [0.1], [math.nan], [math.nan], [0.1]]) == "xxxx."
    assert run([[math.nan]]) == "."


def test_no_alarm_lasts_for_ever():
    assert run([[5.0]] * 52) == "x" * 50 + ".x"


def test_settings_that_contradict_each_other_are_refused():
    for wrong in ({"leave_share": 1.0}, {"leave_rows": 0}, {"leave_rows": 5, "longest_rows": 4}):
        with pytest.raises(DetectorError):
            Hysteresis(**wrong)
