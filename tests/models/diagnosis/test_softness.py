"""A blow of a millisecond ends in the spectrum where a blow of metal goes on; noise and healthy teeth are neither."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.diagnosis.fingerprint import fingerprint
from models.diagnosis.softness import Comb, grown_comb

RATE_HZ = 12_000.0
SECONDS = 4.0


def comb_of(extra: NDArray[np.float64], shaft_hz: float, healthy: NDArray[np.float64] | float = 0.0) -> Comb:
    """Return the comb of what is added to noise and to what was there when healthy."""
    random = np.random.default_rng(1)
    size = round(SECONDS * RATE_HZ)
    before = (healthy + random.standard_normal(size))[None].astype(np.float32)
    now = (healthy + extra + random.standard_normal(size))[None].astype(np.float32)
    prints = [fingerprint(samples, RATE_HZ, 60 * shaft_hz, refine_speed=False) for samples in (now, before)]
    return grown_comb(now, prints[0], prints[1], [0], shaft_hz)


def turn(shaft_hz: float) -> NDArray[np.float64]:
    """Return the part of the turn, −0.5 to 0.5, (samples,)."""
    phase: NDArray[np.float64] = np.mod(shaft_hz * np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ, 1.0) - 0.5
    return phase


def pulses(shaft_hz: float, width_s: float, height: float) -> NDArray[np.float64]:
    blow: NDArray[np.float64] = height * np.exp(-0.5 * (turn(shaft_hz) / shaft_hz / width_s) ** 2)
    return blow


@pytest.mark.parametrize("shaft_hz", [11.3, 24.7, 57.1])
def test_a_foot_is_soft_and_metal_is_hard_on_slow_and_fast_machines(shaft_hz: float) -> None:
    foot = comb_of(pulses(shaft_hz, 0.5e-3, 30.0), shaft_hz)
    assert foot.hard == 0.0
    # Its mean square is that of the pulses without their mean, which no line has; noise leaves a few per cent open.
    assert foot.soft == pytest.approx(float(pulses(shaft_hz, 0.5e-3, 30.0).var()), rel=0.1)
    metal = comb_of(pulses(shaft_hz, 0.03e-3, 60.0), shaft_hz)
    assert metal.hard > metal.soft


def test_noise_that_rattles_has_no_lines() -> None:
    rattle = pulses(24.7, 0.5e-3, 5.0) * np.random.default_rng(2).standard_normal(round(SECONDS * RATE_HZ))
    comb = comb_of(rattle, 24.7)
    assert comb.grown > 0
    assert comb.soft == comb.hard == 0.0


def test_healthy_teeth_do_not_count() -> None:
    teeth = 3 * np.cos(2 * np.pi * 80 * turn(24.7))  # at 1976 Hz
    comb = comb_of(pulses(24.7, 0.5e-3, 30.0), 24.7, teeth)
    assert comb.hard < 0.05 * comb.soft
