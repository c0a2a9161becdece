"""Damage is named when its lines are certain and deep and nothing else explains them."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import impacts, noise

from models.diagnosis.bearing_doubts import Doubt
from models.diagnosis.bearing_faults import judge_bearings
from models.diagnosis.bearing_lines import Part, family_bins
from models.diagnosis.bearings import Bearing, find_bearing

RATE_HZ = 25_600.0
SHAFT_HZ = 24.6
BEARING = find_bearing("6205")


def damaged(part: Part, seconds: float, *, slip: float = 0.004, height: float = 5.0, seed: int = 1) -> np.ndarray:
    frequency_hz = part.order(BEARING) * SHAFT_HZ * (1 - slip)
    return noise(seconds, RATE_HZ, seed) + impacts(seconds, RATE_HZ, frequency_hz, seed, height=height)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("part", [Part.OUTER_RACE, Part.INNER_RACE, Part.BALL])
def test_blows_of_each_part_are_named(part: Part, seconds: float) -> None:
    finding = judge_bearings(damaged(part, seconds), RATE_HZ, SHAFT_HZ, [BEARING])
    assert finding.named
    assert finding.lead is not None
    assert finding.lead.part is part
    assert all(line.matched for line in finding.lead.lines()[:2])
    assert finding.lead.found_hz == pytest.approx(part.order(BEARING) * SHAFT_HZ * 0.996, rel=0.01)


def test_a_healthy_machine_is_never_named() -> None:
    for seed in range(20):
        finding = judge_bearings(noise(2, RATE_HZ, seed), RATE_HZ, SHAFT_HZ, [BEARING])
        assert not finding.named
        assert finding.lead is None


def test_certain_but_faint_is_not_enough() -> None:
    signal = noise(10, RATE_HZ, 3)
    time_s = np.arange(signal.size) / RATE_HZ
    for harmonic in (1, 2, 3, 4):
        signal = signal * (1 + 0.035 * np.cos(2 * np.pi * harmonic * BEARING.bpfo * SHAFT_HZ * time_s))
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING])
    assert finding.lead is not None
    assert finding.lead.evidence > 10
    assert not finding.named
    assert Doubt.SHALLOW in finding.doubts


def test_the_cage_is_never_named_alone() -> None:
    signal = noise(10, RATE_HZ, 4)
    time_s = np.arange(signal.size) / RATE_HZ
    cage = sum(np.cos(2 * np.pi * harmonic * BEARING.ftf * SHAFT_HZ * time_s) for harmonic in (1, 2, 3, 4))
    finding = judge_bearings(signal * (1 + 0.2 * cage), RATE_HZ, SHAFT_HZ, [BEARING])
    assert not finding.named
    assert finding.doubts == (Doubt.CAGE_ALONE,)


def test_two_parts_at_once_are_not_decided() -> None:
    signal = damaged(Part.OUTER_RACE, 5) + impacts(5, RATE_HZ, BEARING.bpfi * SHAFT_HZ, 9)
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING])
    assert not finding.named
    assert Doubt.RIVAL in finding.doubts


def test_half_of_the_line_being_the_fundamental_is_noticed() -> None:
    # Something strikes at half the outer-race frequency: every second harmonic falls on the bearing's lines.
    signal = noise(5, RATE_HZ, 5) + impacts(5, RATE_HZ, BEARING.bpfo * SHAFT_HZ / 2, 5)
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING])
    assert not finding.named
    assert Doubt.FRACTION in finding.doubts


def test_a_line_beside_the_search_range_is_not_drawn_in() -> None:
    signal = noise(5, RATE_HZ, 6) + impacts(5, RATE_HZ, BEARING.bpfo * SHAFT_HZ * 1.013, 6)
    assert not judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING]).named


def test_a_multiple_of_the_shaft_is_not_taken_for_a_ball() -> None:
    near_four = find_bearing("6203")  # its ball defect order is 3.987
    signal = noise(5, RATE_HZ, 7) + impacts(5, RATE_HZ, 4 * SHAFT_HZ, 7)
    assert not judge_bearings(signal, RATE_HZ, SHAFT_HZ, [near_four]).named


def test_a_speed_in_doubt_names_nothing() -> None:
    finding = judge_bearings(damaged(Part.OUTER_RACE, 2), RATE_HZ, SHAFT_HZ, [BEARING], speed_in_doubt=True)
    assert not finding.named
    assert finding.doubts == (Doubt.SPEED,)


def test_the_right_one_of_two_bearings_is_named() -> None:
    finding = judge_bearings(damaged(Part.INNER_RACE, 5), RATE_HZ, SHAFT_HZ, [find_bearing("6203"), BEARING])
    assert finding.named
    assert finding.lead is not None
    assert finding.lead.bearing_index == 1


def test_a_line_that_may_be_another_part_is_not_named() -> None:
    # A ball's line 1.3 % above the outer race's: with the slip of a bearing either may lie at either place.
    near = Bearing("x", 6.874, 10.126, 6.966 / 2, 0.404)
    signal = noise(5, RATE_HZ, 7) + impacts(5, RATE_HZ, 6.966 * SHAFT_HZ * 0.992, 7)
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [near])
    assert not finding.named
    assert finding.doubts == (Doubt.RIVAL,)
    assert finding.rival is not None


def test_an_unsettled_speed_names_nothing_that_another_line_could_be() -> None:
    # The ball of the one bearing lies 5 % below the inner race of the other: a speed stated 4 % low moves it there.
    both = [BEARING, find_bearing("6203")]
    signal = damaged(Part.BALL, 5)
    assert judge_bearings(signal, RATE_HZ, SHAFT_HZ, both).named
    stated_hz = SHAFT_HZ * 0.955
    wrong = judge_bearings(signal, RATE_HZ, stated_hz, both)
    assert wrong.lead is not None
    assert wrong.lead.part is Part.INNER_RACE  # so it would be named, were the speed known to be right
    unsettled = judge_bearings(signal, RATE_HZ, stated_hz, both, speed_uncertainty=0.05)
    assert not unsettled.named
    assert Doubt.RIVAL in unsettled.doubts
    # Alone in its bearing it has no neighbour within 5 %, and is named though the speed is not settled.
    assert judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING], speed_uncertainty=0.05).named


def test_a_ball_that_strikes_one_race_harder_is_a_ball() -> None:
    # Every second blow weaker: the true fundamental is the spin, half of the line that is looked for.
    seconds, spin_hz = 5.0, BEARING.bsf * SHAFT_HZ * 0.996
    signal = noise(seconds, RATE_HZ, 8) + impacts(seconds, RATE_HZ, 2 * spin_hz, 8, height=5.0)
    signal += impacts(seconds, RATE_HZ, spin_hz, 9, height=3.0)
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING])
    assert finding.lead is not None
    assert finding.lead.part is Part.BALL
    assert Doubt.FRACTION not in finding.doubts


def test_the_cage_as_the_shaft_sees_it_is_no_stranger() -> None:
    # One ball larger than the others passes each point of the turning shaft 1 − FTF times a turn.
    background = noise(5, RATE_HZ, 10)
    time_s = np.arange(background.size) / RATE_HZ
    background *= 1 + 0.5 * np.cos(2 * np.pi * (1 - BEARING.ftf) * SHAFT_HZ * time_s)
    signal = background + impacts(5, RATE_HZ, 2 * BEARING.bsf * SHAFT_HZ * 0.996, 10, height=3.0)
    finding = judge_bearings(signal, RATE_HZ, SHAFT_HZ, [BEARING])
    assert finding.named
    assert finding.lead is not None
    assert finding.lead.part is Part.BALL


def test_a_few_turns_are_not_judged() -> None:
    finding = judge_bearings(damaged(Part.OUTER_RACE, 0.3), RATE_HZ, SHAFT_HZ, [BEARING])
    assert finding.candidates == ()


def test_lines_above_the_spectrum_are_left_out() -> None:
    # 1,000 samples a second end at 500 Hz; a turbine bearing's inner race lies above.
    finding = judge_bearings(noise(5, 1000.0, 8), 1000.0, 100.0, [Bearing("x", 8.1, 11.9, 3.4, 0.41)])
    assert {candidate.part for candidate in finding.candidates} == {Part.CAGE}


def test_a_family_is_harmonics_with_sidebands() -> None:
    bins = family_bins(100.0, 25.0, 1.0, 210.0)
    assert {100, 75, 125, 200, 150, 25, 98, 102} <= set(bins.tolist())
    assert not {88, 112, 162} & set(bins.tolist())
