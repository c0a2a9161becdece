"""Teeth, rotor, or blows of a bearing: whose is what grew at the orders of the shaft?

All three may lift the same lines: sidebands of a wheel on the shaft are orders of the shaft, and so are the lines of a
bearing whose blows come near a whole order. Here is who yields to whom, where a name would be a guess.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis import wording
from models.diagnosis.band_change import floor_rise_db
from models.diagnosis.bearing_doubts import FAINT
from models.diagnosis.circumstances import say
from models.diagnosis.fingerprint import ORDERS
from models.diagnosis.order_noise import noise_around_orders
from models.diagnosis.rattle import rattles
from models.diagnosis.rotor_faults import SIGNIFICANT_MM_S, grown_acceleration_m_s2, judge_rotor, unexplained_share
from models.diagnosis.softness import grown_comb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.contract.records import Diagnosis
    from models.diagnosis.circumstances import RunningChannel
    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.fingerprint import Fingerprint
    from models.diagnosis.rotor_faults import RotorFinding
    from models.diagnosis.softness import Comb

SHAFT_RATHER: Final = 0.7
"""Growth at the first ten orders with this amplitude of the sidebands, half their power, may be of either: sidebands of
a wheel on the shaft are orders of the shaft as well, which a blow of anything lifts. With the inverse it is no more of
the teeth."""
COMB_FIRST: Final = 4.0
COMB_ORDERS: Final = 4
"""So many orders from there on that grew are a comb, which goes on under the mesh whatever strikes."""
ROTOR_SHARE: Final = 0.5
"""Growth at the shaft's orders is put down to the rotor when a deep bearing line explains at most half of it."""
RATTLE_DB: Final = 2.5
"""The noise rose by more than load alone makes it, 20 % of which are 1.6 dB."""
LOOSE_ACCELERATION: Final = 0.4
"""With less than this share of the grown acceleration (amplitude) in a soft comb, and no rattling, it is no foot."""
HARD_SHARE: Final = 0.7
"""Nor with this much of the soft comb (amplitude, half of its power) beyond where soft blows end."""
LOW_ACCELERATION: Final = 0.5
"""Share of the acceleration at ten orders and below (amplitude) with which growth there cannot be of blows."""


def pooled_rotor(
    now: Fingerprint,
    baseline: Fingerprint | None,
    samples: NDArray[np.floating],
    rows: Sequence[int],
    shaft_hz: float | None,
) -> RotorFinding | None:
    """Return what grew at the shaft's orders over several channels together; None for nothing, or nothing to judge.

    Args:
        now: the fingerprint of what is being judged.
        baseline: the healthy reference, or None.
        samples: what is being judged (channels, samples), finite.
        rows: channels that count.
        shaft_hz: turns per second, None when unknown.
    """
    known = [row for row in rows if baseline is None or not math.isnan(float(baseline.velocity_mm_s[row]))]
    if shaft_hz is None or not known or np.isnan(now.order_mm_s[known]).all():
        return None

    def together(rows_mm_s: FloatArray) -> FloatArray:
        total: FloatArray = np.sqrt(np.nansum(np.square(rows_mm_s), axis=0))
        return total

    seen = None
    if baseline is not None:
        if np.isnan(baseline.order_mm_s[known]).all():
            return None
        seen = together(np.stack([baseline.seen_order_mm_s(row) for row in known]))
    found = judge_rotor(together(now.order_mm_s[known]), seen, shaft_hz, rattles=False)
    if found is not None and found.grown_mm_s < SIGNIFICANT_MM_S:
        return replace(found, label=DiagnosisLabel.UNCERTAIN, confidence=0.3)
    if found is None or found.label is DiagnosisLabel.IMBALANCE:
        return found
    in_blows = rattles(samples[known], now.sample_rate_hz, shaft_hz)
    noise = noise_around_orders(samples[known], now.sample_rate_hz, shaft_hz).sum(axis=0)
    found = judge_rotor(together(now.order_mm_s[known]), seen, shaft_hz, rattles=in_blows, noise=noise)
    if found is None or baseline is None or found.label is not DiagnosisLabel.LOOSENESS:
        return found
    comb = grown_comb(samples, now, baseline, known, shaft_hz)
    return found if _is_soft(comb, found) else replace(found, label=DiagnosisLabel.UNCERTAIN, confidence=0.3)


def named_gear(channel: RunningChannel) -> Diagnosis | None:
    """Return the damaged wheel, or that growth may be the wheel's or the shaft's; None without a bad mesh."""
    gear, speed = channel.gear, channel.about.speed.used
    if gear is None or speed is None:
        return None
    rotor = channel.about.rotor
    before = None if channel.baseline is None else channel.baseline.order_mm_s[channel.row]
    if rotor is not None:
        grown = grown_acceleration_m_s2(channel.about.now.order_mm_s[channel.row], before, speed / 60.0)
        if grown > gear.heard.sides / SHAFT_RATHER:
            return None
        is_comb = int(np.count_nonzero(rotor.share[np.array(ORDERS) >= COMB_FIRST])) >= COMB_ORDERS
        is_either = is_comb and gear.heard.gear.order == 1.0 and not gear.is_hard
        if grown > SHAFT_RATHER * gear.heard.sides or is_either:
            words = wording.rotor(
                replace(rotor, label=DiagnosisLabel.UNCERTAIN),
                channel.name,
                against_baseline=channel.baseline is not None,
            )
            return say(DiagnosisLabel.UNCERTAIN, channel.name, 0.3, words, gear.heard.lines(speed / 60.0))
    words = wording.gear(gear, channel.name, is_sound=channel.is_sound)
    return say(DiagnosisLabel.GEAR, channel.name, gear.confidence, words, gear.heard.lines(speed / 60.0))


def named_rotor(channel: RunningChannel) -> Diagnosis | None:
    """Return the rotor fault, or that its pattern is open; None where the orders say nothing."""
    speed = channel.about.speed.used
    if speed is None or channel.is_sound or (channel.baseline is None and not channel.is_bad):
        return None
    healthy = None if channel.baseline is None else channel.baseline.seen_order_mm_s(channel.row)
    if healthy is not None and np.isnan(healthy).all():
        return None
    together = channel.about.rotor
    in_blows = None if together is None else together.rattles
    found = judge_rotor(channel.about.now.order_mm_s[channel.row], healthy, speed / 60.0, rattles=in_blows)
    if found is None or (found if together is None else together).grown_mm_s < SIGNIFICANT_MM_S:
        return None
    if together is not None:
        found = replace(found, label=together.label, confidence=together.confidence)
    else:
        # What all sensors together hardly notice is no rotor's: whose forces reach them all.
        found = replace(found, label=DiagnosisLabel.UNCERTAIN, confidence=0.3)
    if found.label is DiagnosisLabel.MISALIGNMENT and _is_noisier(channel, speed / 60.0):
        found = replace(found, label=DiagnosisLabel.UNCERTAIN, confidence=0.3)
    if _is_rather_of_blows(found, channel, speed / 60.0):
        return None
    words = wording.rotor(found, channel.name, against_baseline=channel.baseline is not None)
    return say(found.label, channel.name, found.confidence, words, found.lines)


def _is_noisier(channel: RunningChannel, shaft_hz: float) -> bool:
    """Return whether the noise rose as well: a bent coupling makes lines, what is loose also rattles."""
    if channel.baseline is None:
        return False
    rise_db = floor_rise_db(channel.about.now, channel.baseline, channel.row, (ORDERS[-1] + 1) * shaft_hz)
    return rise_db >= RATTLE_DB


def _is_soft(comb: Comb, found: RotorFinding) -> bool:
    """Return whether what strikes once per turn may be a foot that falls back, and not hard metal such as teeth.

    A foot is soft and touches for a millisecond: what grew is a comb that ends early, or the noise of what rattles with
    it. Hard metal that strikes every turn makes no half orders; what lifts and misses a turn does.
    """
    if found.has_halves and found.rattles:
        return True
    is_comb = comb.soft >= LOOSE_ACCELERATION**2 * comb.grown
    return comb.hard <= HARD_SHARE**2 * comb.soft and (is_comb or bool(found.rattles))


def _is_rather_of_blows(found: RotorFinding, channel: RunningChannel, shaft_hz: float) -> bool:
    """Return whether a deep bearing line near whole orders, not to be named, explains most of what grew there."""
    bearings = channel.bearings
    if bearings is None or bearings.lead is None or FAINT.intersection(bearings.doubts):
        return False
    step_hz = channel.about.step_hz
    # A line of blows has its sidebands a whole turn apart: half orders are the rotor's. And blows ring the structure
    # far above these orders: where most of the acceleration is at them, it is not of blows.
    healthy = None if channel.baseline is None else channel.baseline.order_mm_s[channel.row]
    at_orders = grown_acceleration_m_s2(channel.about.now.order_mm_s[channel.row], healthy, shaft_hz)
    if found.has_halves or at_orders >= LOW_ACCELERATION * float(channel.about.now.acceleration_m_s2[channel.row]):
        return False
    return unexplained_share(found, bearings.lead.found_hz, shaft_hz, step_hz) < ROTOR_SHARE
