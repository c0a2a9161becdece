"""Which channels may be judged: sensors that are good, in the right unit, and hear something turn.

What a channel's own samples tell is in `sensor.py`; here it is compared with its healthy level and with the others.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from models.diagnosis.fingerprint import common_bands
from models.diagnosis.sensor import (
    DEAD_RATIO,
    OFF_RATIO,
    OFF_RMS_M_S2,
    UNIT_FACTORS,
    SensorCause,
    SensorCheck,
    is_thousandfold,
    wrong_unit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.fingerprint import Fingerprint
    from models.diagnosis.shaft_speed import SpeedEstimate


def is_fault(check: SensorCheck) -> bool:
    """Return whether a sensor is too bad to judge anything by it."""
    return any(cause is not SensorCause.CLIPPED for cause in check.causes) or check.clipped_heavily


def is_off(
    rms_m_s2: Sequence[float], row: int, baseline: Fingerprint | None, speed: SpeedEstimate, *, levels_known: bool
) -> bool:
    """Return whether a channel hears nothing turn: the machine stands still, or its sensor is dead.

    A channel is silent when it lies far below its own healthy level or, without a baseline, at the level of a
    sensor's own noise. While the shaft's lines show, on any channel, the machine runs: then only a channel that lies
    much further below, against its baseline or the other channels, is called silent.
    """
    level = rms_m_s2[row]
    turning = speed.estimated is not None
    if baseline is not None and not math.isnan(float(baseline.acceleration_m_s2[row])):
        return level < (DEAD_RATIO if turning else OFF_RATIO) * float(baseline.acceleration_m_s2[row])
    if not levels_known or level >= OFF_RMS_M_S2:
        return False
    return not turning or level < DEAD_RATIO * max(rms_m_s2)


def with_unit_checked(
    checks: Sequence[SensorCheck], now: Fingerprint, baseline: Fingerprint | None, *, levels_known: bool
) -> list[SensorCheck]:
    """Return the checks, with every channel named whose level is off by the ratio of two units."""
    levels = [check.rms for check in checks]
    factors = [
        None if check.causes else _unit_factor(row, levels, now, baseline, levels_known=levels_known)
        for row, check in enumerate(checks)
    ]
    return [
        check
        if factor is None
        else replace(
            check,
            causes=(SensorCause.WRONG_UNIT,),
            detail=f"every level is {factor:.4g} times the reference, which looks like {UNIT_FACTORS[factor]}",
        )
        for check, factor in zip(checks, factors, strict=True)
    ]


def _unit_factor(
    row: int, levels: Sequence[float], now: Fingerprint, baseline: Fingerprint | None, *, levels_known: bool
) -> float | None:
    """Return the ratio of units by which a channel is off its baseline or, without one, its neighbours."""
    if baseline is not None and not math.isnan(float(baseline.acceleration_m_s2[row])):
        here, there = common_bands(now, baseline)
        return wrong_unit(now.band_db[row, here], baseline.band_db[row, there])
    return 1000.0 if levels_known and is_thousandfold(levels, row) else None
