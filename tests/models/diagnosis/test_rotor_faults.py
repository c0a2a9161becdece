"""What grew at which order decides between imbalance, misalignment and looseness, or leaves it open."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.fingerprint import ORDERS
from models.diagnosis.rotor_faults import judge_rotor

SHAFT_HZ = 22.0
"""No order of it lies where a motor pulls at twice the mains."""
HEALTHY = {1.0: 0.8, 2.0: 0.3, 3.0: 0.15, 4.0: 0.1, 6.0: 0.4}


def velocities(**changes: float) -> np.ndarray:
    """Return velocity RMS at the orders; `x1=3.0` puts 3 mm/s at 1x, `x0_5` at 0.5x."""
    levels = HEALTHY | {float(name[1:].replace("_", ".")): level for name, level in changes.items()}
    return np.array([levels.get(order, 0.02) for order in ORDERS])


@pytest.mark.parametrize(
    ("now", "label"),
    [
        (velocities(x1=3.0), DiagnosisLabel.IMBALANCE),
        (velocities(x1=1.5), DiagnosisLabel.IMBALANCE),
        (velocities(x2=2.0), DiagnosisLabel.MISALIGNMENT),
        (velocities(x1=2.0, x2=1.8, x3=0.6), DiagnosisLabel.MISALIGNMENT),
        (velocities(x1=1.6, x3=0.8, x4=0.7, x5=0.6, x6=1.2, x7=0.5), DiagnosisLabel.LOOSENESS),
        (velocities(x0_5=0.8, x1=1.5, x1_5=0.5), DiagnosisLabel.LOOSENESS),
        (velocities(x1=3.0, x2=1.15), DiagnosisLabel.UNCERTAIN),
    ],
)
def test_patterns(now: np.ndarray, label: DiagnosisLabel) -> None:
    finding = judge_rotor(now, velocities(), SHAFT_HZ, rattles=False)
    assert finding is not None
    assert finding.label is label


@pytest.mark.parametrize(
    ("now", "rattles", "label"),
    [
        # The coupling is named only where the noise is known to be steady.
        (velocities(x2=2.0), None, DiagnosisLabel.UNCERTAIN),
        (velocities(x2=2.0), True, DiagnosisLabel.UNCERTAIN),
        # A resonance at 4x may be of either; blows decide for what is loose, steady noise for the coupling.
        (velocities(x2=1.5, x3=1.0, x4=3.0), None, DiagnosisLabel.UNCERTAIN),
        (velocities(x2=1.5, x3=1.0, x4=3.0), True, DiagnosisLabel.LOOSENESS),
        (velocities(x2=1.5, x3=1.0, x4=3.0), False, DiagnosisLabel.MISALIGNMENT),
        # Four vanes, and nothing at 2x: neither.
        (velocities(x4=3.0), False, DiagnosisLabel.UNCERTAIN),
        # What the orders decide needs no blows.
        (velocities(x1=3.0), True, DiagnosisLabel.IMBALANCE),
        (velocities(x0_5=0.8, x1=1.5, x1_5=0.5), False, DiagnosisLabel.LOOSENESS),
    ],
)
def test_blows_in_the_noise_decide_where_orders_do_not(
    now: np.ndarray, *, rattles: bool | None, label: DiagnosisLabel
) -> None:
    finding = judge_rotor(now, velocities(), SHAFT_HZ, rattles=rattles)
    assert finding is not None
    assert finding.label is label
    assert finding.rattles is rattles


@pytest.mark.parametrize(
    ("now", "shaft_hz", "label"),
    [
        # Twice a turn of a motor with two poles is nearly twice the mains.
        (velocities(x2=2.0), 49.7, DiagnosisLabel.UNCERTAIN),
        (velocities(x2=2.0), 59.5, DiagnosisLabel.UNCERTAIN),
        (velocities(x2=2.0), 46.0, DiagnosisLabel.MISALIGNMENT),
        # Four times a turn of one with four poles is as well, but here 2x and 3x say the same.
        (velocities(x2=2.0, x3=1.0, x4=1.0), 24.9, DiagnosisLabel.MISALIGNMENT),
        (velocities(x1=3.0, x2=0.6), 49.7, DiagnosisLabel.IMBALANCE),
    ],
)
def test_a_name_must_hold_without_the_orders_where_the_motor_pulls(
    now: np.ndarray, shaft_hz: float, label: DiagnosisLabel
) -> None:
    finding = judge_rotor(now, velocities(), shaft_hz, rattles=False)
    assert finding is not None
    assert finding.label is label


def test_high_orders_that_one_resonance_makes_are_no_looseness_by_themselves() -> None:
    # 5x is lifted; 7x and 8x did not quite double.
    coupling = velocities(x2=2.5, x3=2.8, x4=2.8, x5=3.9, x7=0.6, x8=0.6)
    healthy = velocities(x7=0.32, x8=0.32)
    assert np.count_nonzero(coupling > 1.6 * healthy) == 6
    finding = judge_rotor(coupling, healthy, SHAFT_HZ, rattles=False)
    assert finding is not None
    assert finding.label is DiagnosisLabel.UNCERTAIN


def heard(forces: dict[float, float], gain: dict[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return velocities of forces through a structure, and the noise around the orders that comes through it as well.

    A force of 1 makes as much acceleration as 2 mm/s at 2x; `gain` lifts or weakens an order and the noise around it.
    """
    order = np.array(ORDERS)
    lifted = np.array([gain.get(one, 1.0) for one in ORDERS])
    grown = np.array([forces.get(one, 0.0) for one in ORDERS]) * lifted * 4.0 / order
    return np.sqrt(velocities() ** 2 + grown**2), (1e-3 * lifted) ** 2


COUPLING = {1.0: 0.4, 2.0: 1.0, 3.0: 0.6, 4.0: 0.25, 5.0: 0.08}
BLOW = {1.0: 1.0, 2.0: 0.9, 3.0: 0.8, 4.0: 0.65, 5.0: 0.5, 6.0: 0.35, 7.0: 0.25, 8.0: 0.15, 9.0: 0.1}


@pytest.mark.parametrize("lifted", [2.0, 3.0, 4.0])
def test_forces_tell_a_blow_from_a_coupling_whatever_a_resonance_lifts(lifted: float) -> None:
    gain = {lifted: 6.0}
    now, noise = heard(COUPLING, gain)
    coupling = judge_rotor(now, velocities(), SHAFT_HZ, rattles=False, noise=noise)
    assert coupling is not None
    assert coupling.label is DiagnosisLabel.MISALIGNMENT
    now, noise = heard(BLOW, gain)
    for rattles in (True, None, False):
        blow = judge_rotor(now, velocities(), SHAFT_HZ, rattles=rattles, noise=noise)
        assert blow is not None
        assert blow.label is DiagnosisLabel.LOOSENESS


def test_a_coupling_that_seems_to_rattle_is_left_open() -> None:
    now, noise = heard(COUPLING, {})
    finding = judge_rotor(now, velocities(), SHAFT_HZ, rattles=True, noise=noise)
    assert finding is not None
    assert finding.label is DiagnosisLabel.UNCERTAIN


def test_a_lost_weight_stays_imbalance_where_a_resonance_lifts_its_second_order() -> None:
    now, noise = heard({1.0: 1.0, 2.0: 0.05}, {2.0: 20.0})
    assert judge_rotor(now, velocities(), SHAFT_HZ, rattles=False) != judge_rotor(
        now, velocities(), SHAFT_HZ, rattles=False, noise=noise
    )
    finding = judge_rotor(now, velocities(), SHAFT_HZ, rattles=False, noise=noise)
    assert finding is not None
    assert finding.label is DiagnosisLabel.IMBALANCE


@pytest.mark.parametrize("now", [velocities(), velocities() * 1.3, velocities(x5=0.1), velocities(x1=0.5)])
def test_what_hardly_grew_is_nothing(now: np.ndarray) -> None:
    assert judge_rotor(now, velocities(), SHAFT_HZ) is None


def test_the_lines_say_by_how_much() -> None:
    finding = judge_rotor(velocities(x1=3.2), velocities(), SHAFT_HZ)
    assert finding is not None
    first = next(line for line in finding.lines if line.line == "1x")
    assert first.matched
    assert first.snr_db == pytest.approx(12.0, abs=0.1)  # four times the velocity
    assert "1x from 0.8 to 3.2 mm/s" in finding.detail
    assert not next(line for line in finding.lines if line.line == "2x").matched


def test_without_a_baseline_the_level_itself_has_the_pattern() -> None:
    finding = judge_rotor(velocities(x1=9.0), None, SHAFT_HZ)
    assert finding is not None
    assert finding.label is DiagnosisLabel.IMBALANCE
