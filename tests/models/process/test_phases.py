"""Phases: the first condition that holds; a window in two of them is transient."""

from __future__ import annotations

import numpy as np
import pytest

from models.process.errors import ProcessError
from models.process.phases import Phase, operating_state, phase_numbers

PHASES = (Phase("off", "I", below=0.1), Phase("defrost", "E", above=5.0), Phase("cooling", "I", above=2.0))


@pytest.mark.parametrize(
    ("current", "evaporator", "state"),
    [
        ([8, 8, 8], [-5, -5, -5], "steady/cooling"),
        ([1, 1, 1], [0, 0, 0], "steady/default"),
        ([8, 8, 8], [9, 9, 9], "steady/defrost"),
        ([0, 0, 0], [9, 9, 9], "off"),
        ([8, 8, 1], [0, 0, 0], "transient"),
    ],
)
def test_a_window_is_in_the_first_phase_that_holds_all_the_time(current, evaporator, state):
    numbers = phase_numbers(PHASES, ("I", "E"), np.float32([current, evaporator]))
    assert operating_state(PHASES, numbers) == state


def test_a_missing_value_is_in_no_phase():
    assert phase_numbers(PHASES, ("I", "E"), np.float32([[np.nan], [np.nan]])).tolist() == [3]


def test_a_phase_needs_a_level():
    with pytest.raises(ProcessError, match="above which or below which"):
        Phase("defrost", "E")
    with pytest.raises(ProcessError, match="must be less than"):
        Phase("defrost", "E", above=5.0, below=1.0)
