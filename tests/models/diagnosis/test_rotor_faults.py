"""What grew at which order decides between imbalance, misalignment and looseness, or leaves it open."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.fingerprint import ORDERS
from models.diagnosis.rotor_faults import judge_rotor

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
    finding = judge_rotor(now, velocities(), 25.0, rattles=False)
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
    finding = judge_rotor(now, velocities(), 25.0, rattles=rattles)
    assert finding is not None
    assert finding.label is label
    assert finding.rattles is rattles


@pytest.mark.parametrize("now", [velocities(), velocities() * 1.3, velocities(x5=0.1), velocities(x1=0.5)])
def test_what_hardly_grew_is_nothing(now: np.ndarray) -> None:
    assert judge_rotor(now, velocities(), 25.0) is None


def test_the_lines_say_by_how_much() -> None:
    finding = judge_rotor(velocities(x1=3.2), velocities(), 25.0)
    assert finding is not None
    first = next(line for line in finding.lines if line.line == "1x")
    assert first.matched
    assert first.snr_db == pytest.approx(12.0, abs=0.1)  # four times the velocity
    assert "1x from 0.8 to 3.2 mm/s" in finding.detail
    assert not next(line for line in finding.lines if line.line == "2x").matched


def test_without_a_baseline_the_level_itself_has_the_pattern() -> None:
    finding = judge_rotor(velocities(x1=9.0), None, 25.0)
    assert finding is not None
    assert finding.label is DiagnosisLabel.IMBALANCE
