"""Which channels may be judged: sensors that are good, in the right unit, and hear something turn.

What a channel's own samples tell is in `sensor.py`; here it is compared with its healthy level and with the others.
Accelerometers are compared among each other: a microphone's numbers are of another quantity, and it also hears what
this machine did not make. Where something touches the machine, that says whether it runs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from models.diagnosis.band_change import common_bands
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


def which_run(
    checks: Sequence[SensorCheck],
    is_sound: Sequence[bool],
    baseline: Fingerprint | None,
    speed: SpeedEstimate,
    *,
    levels_known: bool,
) -> tuple[bool, ...]:
    """Return for each channel whether its sensor is good and hears a machine that runs.

    Args:
        checks: of the sensors.
        is_sound: which of them are microphones.
        baseline: the healthy reference, or None.
        speed: of the shaft.
        levels_known: accelerations are in m/s².
    """
    levels = motion_levels(checks, is_sound)
    good = [not is_fault(check) for check in checks]
    touching = [row for row, usable in enumerate(good) if usable and not is_sound[row]]
    moves = {row for row in touching if not is_off(levels, row, baseline, speed, levels_known=levels_known)}
    runs = list(good)
    for row in range(len(checks)):
        if not good[row]:
            continue
        if not is_sound[row]:
            runs[row] = row in moves
        elif touching and not moves:
            runs[row] = False
        else:
            heard = [check.rms for check in checks]
            runs[row] = not is_off(heard, row, baseline, speed, levels_known=False, turning=bool(moves))
    return tuple(runs)


def motion_levels(checks: Sequence[SensorCheck], is_sound: Sequence[bool]) -> list[float]:
    """Return the levels of the accelerometers, 0 in the places of microphones."""
    return [0.0 if sound else check.rms for check, sound in zip(checks, is_sound, strict=True)]


def is_off(
    rms_m_s2: Sequence[float],
    row: int,
    baseline: Fingerprint | None,
    speed: SpeedEstimate,
    *,
    levels_known: bool,
    turning: bool = False,
) -> bool:
    """Return whether a channel hears nothing turn: the machine stands still, or its sensor is dead.

    A channel is silent when it lies far below its own healthy level or, without a baseline, at the level of a
    sensor's own noise. While the shaft's lines show, on any channel, the machine runs: then only a channel that lies
    much further below, against its baseline or the other channels, is called silent. The same where other channels
    have said already that it turns.
    """
    level = rms_m_s2[row]
    turning = turning or speed.estimated is not None
    if baseline is not None and not math.isnan(float(baseline.acceleration_m_s2[row])):
        return level < (DEAD_RATIO if turning else OFF_RATIO) * float(baseline.acceleration_m_s2[row])
    if not levels_known or level >= OFF_RMS_M_S2:
        return False
    return not turning or level < DEAD_RATIO * max(rms_m_s2)


def with_unit_checked(
    checks: Sequence[SensorCheck],
    is_sound: Sequence[bool],
    now: Fingerprint,
    baseline: Fingerprint | None,
    *,
    levels_known: bool,
) -> list[SensorCheck]:
    """Return the checks, with every accelerometer named whose level is off by the ratio of two units."""
    levels = motion_levels(checks, is_sound)
    factors = [
        None if check.causes or is_sound[row] else _unit_factor(row, levels, now, baseline, levels_known=levels_known)
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
