"""Machines nobody tuned anything on: random bearings, speeds, slips, resonances, noise, mains, a second shaft.

What is asserted is that no name is wrong, with the speed stated exactly, off by up to 4 %, or not at all; how much is
right is a floor well below what was measured.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from support.bearing_signals import any_bearing, any_machine, blows, noise

from models.diagnosis.bearings import Bearing
from models.diagnosis.diagnose import BearingAt, diagnose
from models.training.evaluation.bearing_naming import BEARING_LABELS

PARTS = ("none", "outer_race", "inner_race", "ball")
MACHINES = 60


@dataclass(frozen=True)
class Machine:
    """One sensor at a bearing with a fault, or none, and a second bearing elsewhere."""

    samples: np.ndarray
    rate_hz: float
    shaft_hz: float
    part: str
    bearing: Bearing
    other: Bearing


def machine(seed: int) -> Machine:
    random = np.random.default_rng(seed)
    rate_hz = float(random.choice([12_000.0, 20_480.0, 25_600.0]))
    seconds, shaft_hz = float(random.choice([1.0, 2.0, 3.0, 5.0])), float(random.uniform(10, 60))
    bearing, part = any_bearing(random), str(random.choice(PARTS))
    samples = noise(seconds, rate_hz, seed) + any_machine(seconds, rate_hz, shaft_hz, random)
    if part != "none":
        samples += blows(random, part, bearing, seconds=seconds, rate_hz=rate_hz, shaft_hz=shaft_hz)
    return Machine(samples, rate_hz, shaft_hz, part, bearing, any_bearing(random))


@pytest.fixture(scope="module")
def machines() -> list[Machine]:
    return [machine(seed) for seed in range(MACHINES)]


def verdicts(machines: list[Machine], speed_error: float | None) -> Counter[str]:
    random = np.random.default_rng(1)
    counts: Counter[str] = Counter()
    for one in machines:
        error = 0.0 if speed_error is None else float(random.uniform(-speed_error, speed_error))
        report = diagnose(
            one.samples[None],
            one.rate_hz,
            ["DE"],
            speed_rpm=None if speed_error is None else 60 * one.shaft_hz * (1 + error),
            bearings=[BearingAt(one.bearing, "DE"), BearingAt(one.other, "NDE")],
        )
        label = report.verdict.label.value
        if label not in BEARING_LABELS:
            counts["open"] += 1
        else:
            right = label == one.part and "DE" in report.component.split(" or ")
            counts["right" if right else "wrong"] += 1
    return counts


@pytest.mark.parametrize(("speed_error", "least_right"), [(0.0, 12), (0.04, 6), (None, 0)])
def test_no_made_up_machine_gets_a_wrong_name(
    machines: list[Machine], speed_error: float | None, least_right: int
) -> None:
    counts = verdicts(machines, speed_error)
    assert counts["wrong"] == 0
    assert counts["right"] >= least_right
    if speed_error is None:
        assert counts["right"] == 0
