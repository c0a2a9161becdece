from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_agent.sources.plant.faults import Fault
from edge_agent.sources.plant.impacts import BearingOrders, ImpactTrain

SKF_6205 = BearingOrders(outer=3.5848, inner=5.4152, ball_spin=2.3567, cage=0.39828)


@pytest.mark.parametrize(
    ("fault", "order"), [(Fault.OUTER_RACE, 3.5848), (Fault.INNER_RACE, 5.4152), (Fault.BALL, 2 * 2.3567)]
)
def test_a_damaged_part_strikes_at_its_order_a_little_late_by_slip(fault: Fault, order: float) -> None:
    for seed in range(8):
        places, _strength = ImpactTrain.drawn(fault, SKF_6205, seed).between(0.0, 4000.0)
        per_turn = len(places) / 4000.0
        # Slip of a real bearing: below 1 %; the search of the diagnosis covers ± 0.7 % for an inner race.
        assert 0.994 * order < per_turn < 0.9995 * order


def test_blows_come_unevenly_and_no_two_are_alike() -> None:
    places, strength = ImpactTrain.drawn(Fault.OUTER_RACE, SKF_6205, 5).between(100.0, 1100.0)
    spacing = np.diff(np.sort(places)) * 3.5848
    # Two neighbours each jitter by 0.5 to 2 % of a spacing, so their distance does by 1.4 times that.
    assert 0.005 < spacing.std() < 0.04
    assert 0.15 < np.log(strength).std() < 0.25


def test_every_blow_belongs_to_exactly_one_stretch() -> None:
    train = ImpactTrain.drawn(Fault.INNER_RACE, SKF_6205, 9)
    whole, strength = train.between(0.0, 300.0)
    edges = np.concatenate(([0.0], np.sort(np.random.default_rng(1).uniform(0.0, 300.0, 200)), [300.0]))
    pieces = [train.between(first, last) for first, last in itertools.pairwise(edges)]
    joined = np.concatenate([places for places, _ in pieces])
    assert np.array_equal(np.sort(joined), np.sort(whole))
    assert np.isclose(sum(strengths.sum() for _, strengths in pieces), strength.sum())


@pytest.mark.parametrize(("fault", "cycle_turns"), [(Fault.INNER_RACE, 1.0), (Fault.BALL, 1.0 / 0.39828)])
def test_the_load_zone_modulates_what_goes_round_with_shaft_or_cage(fault: Fault, cycle_turns: float) -> None:
    places, strength = ImpactTrain.drawn(fault, SKF_6205, 2).between(0.0, 1000.0)
    in_zone = np.cos(2.0 * np.pi * places / cycle_turns) > 0.5
    assert strength[in_zone].mean() > 4.0 * strength[~in_zone].mean()


def test_an_outer_race_stays_in_its_load_zone() -> None:
    places, strength = ImpactTrain.drawn(Fault.OUTER_RACE, SKF_6205, 2).between(0.0, 1000.0)
    once_per_turn = np.abs(np.mean(strength * np.exp(-2j * np.pi * places)))
    # Without a modulation only the scatter of 3,585 blows is left: 0.2 / √3585 = 0.003; 0.02 is six times that.
    assert once_per_turn < 0.02
