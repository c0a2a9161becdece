"""What one channel says, in the order in which things are ruled out.

1. The sensor is bad, or nothing turns.
2. Damage in a bearing can be named; the lines of a bearing are absolute and need no baseline. Not where its line is a
   multiple of the turns of a gear wheel whose mesh is bad.
3. The machine runs at another speed than its baseline: nothing more can be compared.
4. Teeth: sidebands around the mesh that grew, or without a baseline are as strong as the mesh; not where more grew at
   the shaft's own orders, with the pattern of a rotor fault, and neither where about as much did.
5. A rotor fault: what grew at the shaft's orders, or without a baseline only at a level that ISO 20816-3 calls bad;
   not where a deep bearing line that falls upon these orders explains most of it: then step 6 applies. The pattern is
   that of all channels together, because each hears its own direction and its own resonances.
6. A bearing line that is deep but not decided (or, without a baseline, faint): uncertain.
7. The level in some band rose beyond its scatter: changed, cause unknown.
8. Healthy within its baseline; without one uncertain at a bad level, else no fault found.

A microphone goes the same way, but for step 5 and every level of ISO 20816-3: a sound has no velocity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.records import Diagnosis, EvidenceLine
from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis import wording
from models.diagnosis.bearing_faults import (
    LONG_TURNS,
    MIN_TURNS,
    NAME_DEPTH,
    NAME_EVIDENCE,
    SEARCH_RANGE,
    Doubt,
    judge_bearings,
)
from models.diagnosis.cage import with_cage
from models.diagnosis.fingerprint import ORDERS, floor_rise_db, largest_change
from models.diagnosis.gear_faults import judge_gears, mesh_lines
from models.diagnosis.iso20816 import zone
from models.diagnosis.rattle import rattles
from models.diagnosis.report import BearingAt, ChannelReport, Damage, point_of
from models.diagnosis.rotor_faults import (
    BAD_MM_S,
    grown_acceleration_m_s2,
    judge_rotor,
    unexplained_share,
)
from models.diagnosis.sensor import SensorCause
from models.diagnosis.usable import is_fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.diagnosis.bearing_faults import BearingFinding, Candidate
    from models.diagnosis.bearings import Bearing
    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.fingerprint import Fingerprint
    from models.diagnosis.gear_faults import Gear, GearFinding
    from models.diagnosis.iso20816 import Zone
    from models.diagnosis.rotor_faults import RotorFinding
    from models.diagnosis.sensor import SensorCheck
    from models.diagnosis.shaft_speed import SpeedEstimate

SHAFT_RATHER: Final = 0.7
"""Growth at the first ten orders with this amplitude of the sidebands, half their power, may be of either: sidebands of
a wheel on the shaft are orders of the shaft as well, which a blow of anything lifts. With the inverse it is no more of
the teeth."""
COMB_FIRST: Final = 4.0
COMB_ORDERS: Final = 5
"""So many orders from there on that grew are a comb, which goes on under the mesh whatever strikes."""
ROTOR_SHARE: Final = 0.5
"""Growth at the shaft's orders is put down to the rotor when a deep bearing line explains at most half of it."""
RATTLE_DB: Final = 2.5
"""The noise rose by more than load alone makes it, 20 % of which are 1.6 dB."""
LOOSE_ACCELERATION: Final = 0.4
"""With less than this share of the grown acceleration (amplitude) at ten orders and below, a blow is not of a foot."""
LOW_ACCELERATION: Final = 0.5
"""Share of the acceleration at ten orders and below (amplitude) with which growth there cannot be of blows."""
FAINT: Final = frozenset({Doubt.SHALLOW, Doubt.CAGE_ALONE})
"""Doubts with which a line is no sign of damage; only without a baseline it is worth a word."""
WHEEL_TOLERANCE: Final = 0.002
"""How near a bearing's line may lie to a multiple of a bad wheel's turns, relative, to be put down to the wheel."""
PROCESS_SPEED_RATIO: Final = 0.03
"""A speed this far from the baseline's is another operating point."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the same for all channels of one diagnosis.

    Attributes:
        sample_rate_hz: of all channels.
        step_hz: distance of the bins of a spectrum of the whole stretch.
        speed: of the shaft.
        bearings: what may be damaged, at which points.
        baseline: the healthy reference, or None.
        now: the fingerprint of what is being judged.
        machine_group: of ISO 20816-3, or None.
        support: of ISO 20816-3, or None.
        points: measurement points of all channels.
        running: per channel, whether its level is that of a running machine.
        levels_known: samples are in m/s², so levels can be compared with absolute limits.
        gears: wheels whose teeth are counted.
        rotor: what grew at the shaft's orders over all running accelerometers together, or None.
        is_sound: per channel, whether it is a microphone.
    """

    sample_rate_hz: float
    step_hz: float
    speed: SpeedEstimate
    bearings: tuple[BearingAt, ...]
    baseline: Fingerprint | None
    now: Fingerprint
    machine_group: int | None
    support: str | None
    points: tuple[str, ...]
    running: tuple[bool, ...]
    levels_known: bool
    gears: tuple[Gear, ...] = ()
    rotor: RotorFinding | None = None
    is_sound: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """Bearings with the same orders, and the points where they sit; a bearing without a point may be at any."""

    bearing: Bearing
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Running:
    """A channel whose sensor is good and whose machine runs."""

    row: int
    name: str
    kinds: tuple[_Kind, ...]
    bearings: BearingFinding | None
    damage: Damage | None
    gear: GearFinding | None
    zone: Zone | None
    baseline: Fingerprint | None
    about: Circumstances

    @property
    def is_sound(self) -> bool:
        return self.about.is_sound[self.row]

    @property
    def velocity_mm_s(self) -> float:
        return float(self.about.now.velocity_mm_s[self.row])

    @property
    def is_bad(self) -> bool:
        """Return whether the velocity is bad by ISO 20816-3, in every table of it when the machine is unknown."""
        if self.is_sound:
            return False
        if self.zone is not None:
            return self.zone.letter in "CD"
        return self.about.levels_known and self.velocity_mm_s >= BAD_MM_S

    def lines(self, candidate: Candidate) -> tuple[EvidenceLine, ...]:
        """Return a candidate's lines, with its place where several bearings must be told apart."""
        kind = self.kinds[candidate.bearing_index]
        return candidate.lines("/".join(kind.points) if len(self.kinds) > 1 else None)

    @property
    def fundamentals(self) -> tuple[EvidenceLine, ...]:
        """Return the first line of every part that was looked for."""
        return () if self.bearings is None else tuple(self.lines(one)[0] for one in self.bearings.candidates)


def judge_channel(row: int, name: str, samples: FloatArray, check: SensorCheck, about: Circumstances) -> ChannelReport:
    """Return what one channel says.

    Args:
        row: of the channel in fingerprints.
        name: `{point}.{axis}`.
        samples: acceleration (samples,) in m/s², or sound pressure in Pa, finite.
        check: of its sensor.
        about: what is the same for all channels.
    """
    is_sound = about.is_sound[row]
    velocity = math.nan if is_sound else float(about.now.velocity_mm_s[row])
    judged_zone = None
    is_known = about.levels_known and not is_sound and not is_fault(check)
    if about.machine_group is not None and about.support is not None and is_known:
        judged_zone = zone(velocity, about.machine_group, about.support)
    bearings = damage = None
    component = point_of(name)
    causes = check.causes
    if is_fault(check):
        diagnosis = _say(DiagnosisLabel.SENSOR_FAULT, name, 0.95, wording.sensor_fault(check, name))
    elif not about.running[row]:
        diagnosis = _silent(row, name, check, about)
        if diagnosis.label is DiagnosisLabel.SENSOR_FAULT:
            causes = (*causes, SensorCause.DEAD)
    else:
        kinds = _kinds(name, about)
        if about.speed.looked_at is not None and kinds:
            bearings = judge_bearings(
                samples,
                about.sample_rate_hz,
                about.speed.looked_at / 60.0,
                [kind.bearing for kind in kinds],
                speed_in_doubt=about.speed.in_doubt,
                speed_uncertainty=about.speed.uncertainty,
            )
            bearings = with_cage(
                bearings,
                samples,
                about.sample_rate_hz,
                about.speed.looked_at / 60.0,
                [kind.bearing for kind in kinds],
                speed_in_doubt=about.speed.in_doubt,
            )
            damage = _damage(bearings, kinds)
        baseline = about.baseline
        if baseline is not None and np.isnan(baseline.velocity_mm_s[row]):
            baseline = None
        gear = _bad_gear(row, samples, baseline, about)
        if damage is not None and gear is not None and _is_of_wheel(damage.lead, gear, about):
            damage = None
        diagnosis = _judge(_Running(row, name, kinds, bearings, damage, gear, judged_zone, baseline, about))
        if damage is not None:
            component = " or ".join(damage.places)
    return ChannelReport(name, causes, diagnosis, component, bearings, damage, velocity, judged_zone)


def _kinds(name: str, about: Circumstances) -> tuple[_Kind, ...]:
    """Return what this channel can tell apart, its own bearing first."""
    own = {name, point_of(name)}
    found: dict[tuple[float, ...], _Kind] = {}
    for at in sorted(about.bearings, key=lambda at: at.point is not None and at.point not in own):
        bearing = at.bearing
        orders = tuple(round(order, 6) for order in (bearing.bpfo, bearing.bpfi, bearing.bsf, bearing.ftf))
        here = about.points if at.point is None else (at.point,)
        known = found.get(orders, _Kind(bearing, ()))
        found[orders] = _Kind(known.bearing, tuple(dict.fromkeys(known.points + here)))
    return tuple(found.values())


def _damage(finding: BearingFinding, kinds: tuple[_Kind, ...]) -> Damage | None:
    """Return the named damage with every point whose bearing has the found line within its search range."""
    lead = finding.lead
    if lead is None or not finding.named:
        return None
    shaft_hz = lead.expected_hz / lead.order
    fitting = [
        kind
        for kind in kinds
        if abs(lead.found_hz / (lead.part.order(kind.bearing) * shaft_hz) - 1) <= SEARCH_RANGE[lead.part]
    ]
    own = kinds[lead.bearing_index]
    places = dict.fromkeys(point for kind in (own, *fitting) for point in kind.points)
    return Damage(lead, own.bearing.name, tuple(places))


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
    if found is None or found.label is DiagnosisLabel.IMBALANCE:
        return found
    in_blows = rattles(samples[known], now.sample_rate_hz, shaft_hz)
    return judge_rotor(together(now.order_mm_s[known]), seen, shaft_hz, rattles=in_blows)


def _bad_gear(row: int, samples: FloatArray, baseline: Fingerprint | None, about: Circumstances) -> GearFinding | None:
    if not about.gears or about.speed.used is None:
        return None
    heard = mesh_lines(samples, about.sample_rate_hz, about.speed.used / 60.0, about.gears)
    comparable = baseline is not None and not _is_other_speed(baseline, about)
    return judge_gears(heard, baseline.mesh_levels(row, about.gears) if baseline is not None and comparable else None)


def _is_of_wheel(lead: Candidate, gear: GearFinding, about: Circumstances) -> bool:
    """Return whether a bearing's line may be a multiple of the turns of a bad wheel."""
    wheel_hz = gear.heard.mesh_hz / gear.heard.gear.teeth
    apart_hz = abs(lead.found_hz - round(lead.found_hz / wheel_hz) * wheel_hz)
    return apart_hz <= max(2 * about.step_hz, WHEEL_TOLERANCE * lead.found_hz)


def _silent(row: int, name: str, check: SensorCheck, about: Circumstances) -> Diagnosis:
    others_run = any(about.running)
    label = DiagnosisLabel.SENSOR_FAULT if others_run else DiagnosisLabel.MACHINE_OFF
    healthy = None if about.baseline is None else float(about.baseline.acceleration_m_s2[row])
    words = wording.silent(name, check.rms, healthy, others_run=others_run, is_sound=about.is_sound[row])
    return _say(label, name, 0.9, words)


def _judge(channel: _Running) -> Diagnosis:
    """Return the first of steps 2 to 8 that applies."""
    steps = (_named_bearing, _process_changed, _gear, _rotor, _doubtful_bearing, _changed)
    found = next((diagnosis for step in steps if (diagnosis := step(channel)) is not None), None)
    return found if found is not None else _nothing(channel)


def _named_bearing(channel: _Running) -> Diagnosis | None:
    damage = channel.damage
    if damage is None:
        return None
    lead = damage.lead
    by_evidence = min(1.0, (lead.evidence - NAME_EVIDENCE) / 10)
    by_depth = min(1.0, max(0.0, lead.depth / NAME_DEPTH - 1) / 2)
    confidence = min(0.98, 0.5 + 0.25 * by_evidence + 0.25 * by_depth)
    lines = channel.lines(lead)
    others = tuple(line for line in channel.fundamentals if line.line != lines[0].line)
    words = wording.damage(damage, channel.name)
    return _say(lead.part.label, channel.name, confidence, words, lines + others)


def _process_changed(channel: _Running) -> Diagnosis | None:
    if channel.baseline is None or not _is_other_speed(channel.baseline, channel.about):
        return None
    healthy, used = channel.baseline.speed_rpm or 0.0, channel.about.speed.used or 0.0
    words = wording.process_changed(channel.name, healthy, used)
    return _say(DiagnosisLabel.PROCESS_CHANGED, channel.name, 0.9, words, channel.fundamentals)


def _is_other_speed(baseline: Fingerprint, about: Circumstances) -> bool:
    healthy, used = baseline.speed_rpm, about.speed.used
    return bool(healthy and used and abs(used / healthy - 1) > PROCESS_SPEED_RATIO)


def _gear(channel: _Running) -> Diagnosis | None:
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
        if grown > SHAFT_RATHER * gear.heard.sides or (is_comb and gear.heard.gear.order == 1.0):
            words = wording.rotor(
                replace(rotor, label=DiagnosisLabel.UNCERTAIN),
                channel.name,
                against_baseline=channel.baseline is not None,
            )
            return _say(DiagnosisLabel.UNCERTAIN, channel.name, 0.3, words, gear.heard.lines(speed / 60.0))
    words = wording.gear(gear, channel.name, is_sound=channel.is_sound)
    return _say(DiagnosisLabel.GEAR, channel.name, gear.confidence, words, gear.heard.lines(speed / 60.0))


def _rotor(channel: _Running) -> Diagnosis | None:
    speed = channel.about.speed.used
    if speed is None or channel.is_sound or (channel.baseline is None and not channel.is_bad):
        return None
    healthy = None if channel.baseline is None else channel.baseline.seen_order_mm_s(channel.row)
    if healthy is not None and np.isnan(healthy).all():
        return None
    together = channel.about.rotor
    in_blows = None if together is None else together.rattles
    # Hard metal that strikes every turn makes no half orders; what lifts and misses a turn does.
    lifts = together is not None and together.has_halves and bool(in_blows)
    found = judge_rotor(channel.about.now.order_mm_s[channel.row], healthy, speed / 60.0, rattles=in_blows)
    if found is not None and together is not None:
        found = replace(found, label=together.label, confidence=together.confidence)
    if found is not None and (
        (found.label is DiagnosisLabel.MISALIGNMENT and _is_noisier(channel, speed / 60.0))
        or (found.label is DiagnosisLabel.LOOSENESS and not lifts and _strikes_elsewhere(channel, speed / 60.0))
    ):
        found = replace(found, label=DiagnosisLabel.UNCERTAIN, confidence=0.3)
    if found is None or _is_rather_of_blows(found, channel, speed / 60.0):
        return None
    words = wording.rotor(found, channel.name, against_baseline=channel.baseline is not None)
    return _say(found.label, channel.name, found.confidence, words, found.lines)


def _is_noisier(channel: _Running, shaft_hz: float) -> bool:
    """Return whether the noise rose as well: a bent coupling makes lines, what is loose also rattles."""
    if channel.baseline is None:
        return False
    rise_db = floor_rise_db(channel.about.now, channel.baseline, channel.row, (ORDERS[-1] + 1) * shaft_hz)
    return rise_db >= RATTLE_DB


def _strikes_elsewhere(channel: _Running, shaft_hz: float) -> bool:
    """Return whether what strikes once per turn is hard metal, such as teeth: most of its acceleration lies far above.

    A foot that falls back is soft and touches for a millisecond: what it makes lies at the first orders of the shaft.
    """
    baseline, about = channel.baseline, channel.about
    if baseline is None:
        return False
    rows = [
        row
        for row, runs in enumerate(about.running)
        if runs and not about.is_sound[row] and not math.isnan(baseline.acceleration_m_s2[row])
    ]
    orders = [grown_acceleration_m_s2(about.now.order_mm_s[row], baseline.order_mm_s[row], shaft_hz) for row in rows]
    grown = np.maximum(about.now.acceleration_m_s2[rows] ** 2 - baseline.acceleration_m_s2[rows] ** 2, 0.0)
    return float(np.sum(np.square(orders))) < LOOSE_ACCELERATION**2 * float(grown.sum())


def _is_rather_of_blows(found: RotorFinding, channel: _Running, shaft_hz: float) -> bool:
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


def _doubtful_bearing(channel: _Running) -> Diagnosis | None:
    bearings = channel.bearings
    if bearings is None or bearings.lead is None:
        return None
    if FAINT.intersection(bearings.doubts) and channel.baseline is not None:
        return None
    words = wording.doubtful(bearings, bearings.lead, channel.name, channel.about.speed)
    # A cage line alone is no reason to doubt a machine: healthy ones imitate it.
    label = DiagnosisLabel.NO_FAULT_FOUND if Doubt.CAGE_ALONE in bearings.doubts else DiagnosisLabel.UNCERTAIN
    return _say(label, channel.name, 0.3, words, channel.lines(bearings.lead))


def _changed(channel: _Running) -> Diagnosis | None:
    if channel.baseline is None:
        return None
    change = largest_change(channel.about.now, channel.baseline, channel.row)
    if change is None:
        words = wording.unchanged(channel.name, is_sound=channel.is_sound)
        return _say(DiagnosisLabel.HEALTHY, channel.name, 0.9, words, channel.fundamentals)
    words = wording.changed(channel.name, change, is_sound=channel.is_sound)
    return _say(DiagnosisLabel.CHANGED, channel.name, 0.8, words, channel.fundamentals)


def _nothing(channel: _Running) -> Diagnosis:
    lines = channel.fundamentals
    if channel.is_bad:
        zone_text = f"in zone {channel.zone.letter}" if channel.zone else f"above {BAD_MM_S:g} mm/s"
        words = wording.bad_level(channel.name, channel.velocity_mm_s, zone_text)
        return _say(DiagnosisLabel.UNCERTAIN, channel.name, 0.3, words, lines)
    words = wording.nothing_found(channel.name, _what_is_missing(channel), is_sound=channel.is_sound)
    return _say(DiagnosisLabel.NO_FAULT_FOUND, channel.name, 0.5, words, lines)


def _what_is_missing(channel: _Running) -> str | None:
    if channel.about.speed.used is None:
        return "without a shaft speed the lines of bearings and orders cannot be placed"
    if not channel.kinds:
        if channel.is_sound:
            return "no bearing is given"
        return "no bearing is given, so only the shaft's orders were looked at"
    if channel.bearings is not None and not channel.bearings.candidates:
        return f"the record is too short for bearing lines, which need {MIN_TURNS:.0f} turns, better {LONG_TURNS:.0f}"
    return None


def _say(
    label: DiagnosisLabel,
    channel: str,
    confidence: float,
    words: wording.Words,
    evidence: tuple[EvidenceLine, ...] = (),
) -> Diagnosis:
    return Diagnosis(label, channel, round(confidence, 3), words.sentence, words.next_step, evidence)
