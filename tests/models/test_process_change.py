"""What the process changes is told apart from what a fault changes, and never at a fault's expense."""

from __future__ import annotations

import numpy as np
import pytest

from models import learning
from models.machine_model import MachineModel
from models.process_change import process_change

CHANNELS = ("A.H", "B.H", "C.H", "D.H")
FEATURES = 12
SIGMA = 0.1


@pytest.fixture(scope="module")
def baseline():
    rng = np.random.default_rng(1)
    known = learning.begin(len(CHANNELS) * FEATURES)
    for number in range(200):
        vector = (SIGMA * rng.standard_normal(len(CHANNELS) * FEATURES)).astype(np.float32)
        if isinstance(known, learning.Baseline):
            break
        known = learning.learn(
            known,
            vector,
            number * 10**9,
            windows=100,
            model=MachineModel.built_in(["mahalanobis"]),
            channels=len(CHANNELS),
            decision_ns=0,
        )
    return known


def window(change, seed=2):
    """A window that differs by `change` (channels, features) in logarithms."""
    scatter = SIGMA * np.random.default_rng(seed).standard_normal((len(CHANNELS), FEATURES))
    return (scatter + change).ravel().astype(np.float32)


def shape(*steps):
    """The same change of the first features at all points."""
    change = np.zeros((len(CHANNELS), FEATURES))
    change[:, : len(steps)] = steps
    return change


OTHER_PRODUCT = shape(1.0, 1.0, -1.0, -1.0, 0.8, -0.8)


def test_what_all_points_share_in_both_directions_is_the_process(baseline):
    vector = window(OTHER_PRODUCT)
    assert baseline.score(vector) > 1.0
    assert "All points" in process_change(baseline, vector, CHANNELS, ()).sentence


def test_a_microphone_makes_no_majority_with_the_point_that_it_hears(baseline):
    """Three points that are touched can tell what they share; two of them and two microphones cannot."""
    vector = window(OTHER_PRODUCT)
    three = ("A.H", "B.H", "C.H", "MIC.A")
    two = ("A.H", "B.H", "MIC.A", "MIC.B")
    assert process_change(baseline, vector, three, (), sound_channels=three[3:]) is not None
    assert process_change(baseline, vector, two, ()) is not None
    assert process_change(baseline, vector, two, (), sound_channels=two[2:]) is None


def test_what_all_points_gain_may_be_a_rotor_fault_and_stays_changed(baseline):
    vector = window(shape(1.5, 1.0, 0.5))
    assert baseline.score(vector) > 1.0
    assert process_change(baseline, vector, CHANNELS, ()) is None


def test_a_fault_of_one_point_is_not_hidden_by_a_process_that_changed_too(baseline):
    change = OTHER_PRODUCT.copy()
    change[2, 6:] += 1.5
    assert process_change(baseline, window(change), CHANNELS, ()) is None


def test_what_one_or_two_points_show_is_their_own(baseline):
    for members in (1, 2):
        change = OTHER_PRODUCT.copy()
        change[members:] = 0.0
        assert process_change(baseline, window(change), CHANNELS, ()) is None


def test_directions_of_one_point_are_one_point(baseline):
    assert process_change(baseline, window(OTHER_PRODUCT), ("A.H", "A.V", "B.H", "B.V"), ()) is None


def test_lines_that_have_settled_at_another_speed_are_the_process_and_those_on_their_way_are_not(baseline):
    vector = window(shape(1.5))
    assert process_change(baseline, vector, CHANNELS, (-9, -7, -8, -7)).speed_ratio == pytest.approx(0.95, abs=0.01)
    assert process_change(baseline, vector, CHANNELS, (-3, -5, -7)) is None
    assert process_change(baseline, vector, CHANNELS, (-7, -7)) is None
