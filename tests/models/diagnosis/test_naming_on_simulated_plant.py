"""What is named on machines whose fault is known by construction, with every fault at either end.

The simulated plant has slip, jitter, a wandering speed and a structure between fault and sensor; here it is the
reference, so the promise is the same as on recordings: never a wrong name, never a wrong end.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from edge_agent.sources.plant.faults import Fault, FaultGrowth
from edge_agent.sources.plant.impacts import BearingOrders
from edge_agent.sources.plant.machine import MachinePhysics, PlantMachine
from edge_agent.sources.plant.programme import OperatingPoint, OperatingProgramme
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt, Report, diagnose, fingerprint

RATE_HZ = 25_600
NAMES = ("DE.H", "DE.A", "NDE.H")
HEALTHY_S, GROWN_S = 20, 500
G_M_S2 = np.float32(9.80665)


@functools.cache
def machine(fault: Fault, point: str, bearings: tuple[str, str], speed_rpm: float, seed: int) -> PlantMachine:
    """Return a machine whose fault begins after 100 s."""
    found = {end: find_bearing(name) for end, name in zip(("DE", "NDE"), bearings, strict=True)}
    return PlantMachine(
        MachinePhysics(
            seed=seed,
            sample_rate_hz=RATE_HZ,
            channel_names=NAMES,
            rated_speed_rpm=speed_rpm,
            programme=OperatingProgramme((OperatingPoint(0.0, speed_rpm),), seed=seed),
            bearings={end: BearingOrders(one.bpfo, one.bpfi, one.bsf, one.ftf) for end, one in found.items()},
            passing_orders=(9.0,),
            faults=(FaultGrowth(fault, point, onset_s=100.0, time_constant_s=150.0),),
        )
    )


def judged(
    made: PlantMachine, bearings: tuple[str, str], seconds: float, at_s: int = GROWN_S, *, measured: bool = True
) -> Report:
    """Return the verdict on a stretch after the fault has grown, against one before."""
    count = round(seconds * RATE_HZ)
    healthy, now = (made.samples(second * RATE_HZ, count) * G_M_S2 for second in (HEALTHY_S, at_s))
    before_rpm, now_rpm = (made.speed_rpm(second * RATE_HZ, count) for second in (HEALTHY_S, at_s))
    return diagnose(
        now,
        RATE_HZ,
        NAMES,
        speed_rpm=now_rpm,
        speed_measured=measured,
        bearings=[BearingAt(find_bearing(name), end) for end, name in zip(("DE", "NDE"), bearings, strict=True)],
        baseline=fingerprint(healthy, RATE_HZ, before_rpm, speed_measured=measured),
        machine_group=2,
        support="rigid",
    )


@pytest.mark.parametrize("seed", [1, 3])
def test_an_inner_race_near_five_orders_does_not_pull_a_measured_speed_over(seed: int) -> None:
    # The SKF 6203 strikes 4.947 times a turn; with the shaft's sidebands that makes a comb 1 % below the shaft's.
    bearings = ("SKF 6203", "SKF 6205")
    report = judged(machine(Fault.INNER_RACE, "DE", bearings, 1180.0, seed), bearings, 5.0)
    assert report.verdict.label is DiagnosisLabel.INNER_RACE
    assert report.component == "DE"
    assert report.speed.used == pytest.approx(1180.0, rel=0.003)


@pytest.mark.parametrize("point", ["DE", "NDE"])
@pytest.mark.parametrize("fault", [Fault.OUTER_RACE, Fault.INNER_RACE, Fault.BALL])
def test_with_the_same_bearing_at_both_ends_the_damaged_one_modulates_more(fault: Fault, point: str) -> None:
    bearings = ("SKF 6205", "SKF 6205")
    report = judged(machine(fault, point, bearings, 1480.0, 2), bearings, 5.0, at_s=175)
    assert report.verdict.label == fault.value
    assert report.component == point
    other = {"DE": "NDE", "NDE": "DE"}[point]
    assert f"The same line shows less at {other} (" in report.verdict.sentence
    assert {line.line for line in report.lines} >= {"BPFO", "BPFI", "2BSF"}


def test_blows_as_deep_at_both_ends_leave_the_place_open_and_the_name_certain() -> None:
    bearings = ("SKF 6205", "SKF 6205")
    # Fully grown, the blows alone are heard at either end, and modulation cannot be deeper than full.
    report = judged(machine(Fault.OUTER_RACE, "NDE", bearings, 1480.0, 2), bearings, 5.0)
    assert report.verdict.label is DiagnosisLabel.OUTER_RACE
    assert report.component == "NDE or DE"
    assert "The bearings at NDE and DE have the same line" in report.verdict.sentence
    assert report.verdict.next_step.startswith("Listen to the bearings at NDE and DE before one is opened.")


@pytest.mark.parametrize("seconds", [1.0, 2.0])
@pytest.mark.parametrize("measured", [True, False])
def test_blows_that_fall_upon_whole_orders_are_not_called_looseness(seconds: float, *, measured: bool) -> None:
    bearings = ("SKF 6203", "SKF 6203")
    made = machine(Fault.INNER_RACE, "DE", bearings, 1180.0, 3)
    report = judged(made, bearings, seconds, measured=measured)
    assert report.verdict.label in {DiagnosisLabel.INNER_RACE, DiagnosisLabel.UNCERTAIN}


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_loose_machine_is_still_called_loose_whatever_its_bearing(seconds: float) -> None:
    bearings = ("SKF 6203", "SKF 6203")
    report = judged(machine(Fault.LOOSENESS, "DE", bearings, 1180.0, 3), bearings, seconds)
    assert report.verdict.label is DiagnosisLabel.LOOSENESS
