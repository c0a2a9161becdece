"""What goes round with the cage is known by its sidebands; what stands still, and a cage that knocks, have others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearing_doubts import Doubt
from models.diagnosis.bearing_faults import judge_bearings
from models.diagnosis.bearing_lines import Part, search
from models.diagnosis.bearings import Bearing
from models.diagnosis.diagnose import BearingAt, diagnose, fingerprint
from models.diagnosis.envelope_lines import envelope_lines
from models.diagnosis.gear_faults import Gear
from models.diagnosis.load_passage import is_carried

RATE_HZ = 12_000.0
SHAFT_HZ = 24.7
SECONDS = 4.0
SLIP = 0.005
APART = Bearing("apart", 4.3, 6.7, 2.65, 0.39)
ON_OUTER = Bearing("on the outer race", 4.80, 7.20, 2.40, 0.40)
ON_SHAFT = Bearing("on a whole order", 4.80, 7.20, 2.502, 0.40)


def blows(order: float, swell: NDArray[np.float64] | float, *, seed: int = 3) -> NDArray[np.float64]:
    """Return noise with blows so many times per turn, a little slow, each as strong as `swell` (samples,) is then."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    at = np.arange(1, SECONDS * order * SHAFT_HZ * (1 - SLIP) - 1) / (order * SHAFT_HZ * (1 - SLIP))
    at += 0.005 / (order * SHAFT_HZ) * random.standard_normal(at.size)
    force = np.zeros(time_s.size)
    index = np.rint(at * RATE_HZ).astype(int)
    force[index] = np.broadcast_to(swell, time_s.shape)[index]
    ring_s = np.arange(96) / RATE_HZ
    ring = np.exp(-ring_s / 0.0012) * np.sin(2 * np.pi * 3100 * ring_s)
    heard: NDArray[np.float64] = 12 * np.convolve(force, ring)[: time_s.size] + random.standard_normal(time_s.size)
    return heard


def passage(order: float) -> NDArray[np.float64]:
    """Return how a load that lies below is passed, so many times per turn."""
    time_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    zone = np.maximum(np.cos(2 * np.pi * order * SHAFT_HZ * (1 - SLIP) * time_s), 0.0)
    swell: NDArray[np.float64] = 0.2 + 0.8 * zone**1.5
    return swell


def knocks(order: float) -> NDArray[np.float64]:
    """Return a strength that jumps for a moment, so many times per turn."""
    time_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    turn = np.mod(order * SHAFT_HZ * (1 - SLIP) * time_s + 0.5, 1.0) - 0.5
    swell: NDArray[np.float64] = 0.3 + 1.7 * np.exp(-0.5 * (turn / 0.03) ** 2)
    return swell


def carried(heard: NDArray[np.float64], bearing: Bearing) -> bool:
    lines = envelope_lines(heard, RATE_HZ, 25 * SHAFT_HZ)
    roller = search(lines, SHAFT_HZ, bearing, Part.BALL)
    assert roller is not None
    return is_carried(lines, roller, bearing, SHAFT_HZ)


@pytest.mark.parametrize("bearing", [APART, ON_OUTER, ON_SHAFT], ids=lambda bearing: bearing.name)
@pytest.mark.parametrize("seed", range(3))
def test_only_what_swells_smoothly_with_the_cage_is_carried(bearing: Bearing, seed: int) -> None:
    order = 2 * bearing.bsf
    assert carried(blows(order, passage(bearing.ftf), seed=seed), bearing)
    assert not carried(blows(order, 1.0, seed=seed), bearing)
    assert not carried(blows(order, passage(1.0), seed=seed), bearing)
    assert not carried(blows(order, knocks(bearing.ftf), seed=seed), bearing)


@pytest.mark.parametrize("bearing", [ON_OUTER, ON_SHAFT], ids=lambda bearing: bearing.name)
def test_a_ball_is_named_where_its_line_is_another_ones_as_well(bearing: Bearing) -> None:
    finding = judge_bearings(blows(2 * bearing.bsf, passage(bearing.ftf)), RATE_HZ, SHAFT_HZ, [bearing])
    assert finding.named
    assert finding.lead is not None
    assert finding.lead.part is Part.BALL


def test_a_line_without_sidebands_of_the_cage_stays_open_between_ball_outer_race_and_shaft() -> None:
    beside_ball = judge_bearings(blows(ON_OUTER.bpfo, 1.0), RATE_HZ, SHAFT_HZ, [ON_OUTER])
    assert not beside_ball.named
    assert Doubt.RIVAL in beside_ball.doubts
    beside_shaft = judge_bearings(blows(5 / (1 - SLIP), 1.0), RATE_HZ, SHAFT_HZ, [ON_SHAFT])
    assert not beside_shaft.named
    assert Doubt.SHAFT in beside_shaft.doubts


def test_a_deeper_sideband_of_a_ball_leads_to_the_ball() -> None:
    """One turn of the cage below the ball lies the outer race, and the sideband there may be the deeper line."""
    bearing = Bearing("one cage turn below", 4.90, 7.10, 2.65, 0.40)
    finding = judge_bearings(blows(2 * bearing.bsf, passage(bearing.ftf)), RATE_HZ, SHAFT_HZ, [bearing])
    assert finding.named
    assert finding.lead is not None
    assert finding.lead.part is Part.BALL


def test_a_ball_whose_line_lies_on_a_wheel_does_not_make_its_teeth_bad() -> None:
    """A ball strikes eleven times per turn of a wheel: its lines are sidebands of the mesh as well."""
    wheel = Gear(25, 0.72)
    bearing = Bearing("on the wheel", 5.60, 8.40, 3.98, 0.43)
    time_s = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    mesh = sum(np.cos(2 * np.pi * harmonic * 18 * SHAFT_HZ * time_s) for harmonic in (1, 2, 3))
    ball = blows(2 * bearing.bsf, passage(bearing.ftf))
    healthy = mesh + np.random.default_rng(9).standard_normal(time_s.size)
    known = fingerprint(healthy[None], RATE_HZ, 60 * SHAFT_HZ, speed_measured=True, gears=[wheel])
    report = diagnose(
        (mesh + ball)[None],
        RATE_HZ,
        ["DE"],
        speed_rpm=60 * SHAFT_HZ,
        speed_measured=True,
        bearings=[BearingAt(bearing)],
        baseline=known,
        gears=[wheel],
    )
    assert report.verdict.label is DiagnosisLabel.BALL
