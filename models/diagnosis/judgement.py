"""What one channel says, in the order in which things are ruled out.

1. The sensor is bad, or nothing turns.
2. Damage in a bearing can be named; the lines of a bearing are absolute and need no baseline. Not where its line is a
   multiple of the turns of a gear wheel whose mesh is bad, unless it goes round with the cage: then it is the ball that
   makes the wheel seem bad.
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
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis import wording
from models.diagnosis.band_change import largest_change
from models.diagnosis.bearing_doubts import FAINT, Doubt
from models.diagnosis.bearing_faults import LONG_TURNS, MIN_TURNS, NAME_DEPTH, NAME_EVIDENCE, judge_bearings
from models.diagnosis.bearing_lines import SEARCH_RANGE
from models.diagnosis.cage import with_cage
from models.diagnosis.circumstances import Kind, RunningChannel, say
from models.diagnosis.gear_faults import judge_gears
from models.diagnosis.iso20816 import zone
from models.diagnosis.mesh import mesh_lines
from models.diagnosis.report import ChannelReport, Damage, point_of
from models.diagnosis.rotor_faults import (
    BAD_MM_S,
)
from models.diagnosis.sensor import SensorCause
from models.diagnosis.usable import is_fault
from models.diagnosis.whose_orders import named_gear, named_rotor

if TYPE_CHECKING:
    from models.contract.records import Diagnosis
    from models.diagnosis.bearing_doubts import BearingFinding
    from models.diagnosis.circumstances import Circumstances
    from models.diagnosis.envelope_lines import FloatArray
    from models.diagnosis.fingerprint import Fingerprint
    from models.diagnosis.gear_faults import GearFinding
    from models.diagnosis.sensor import SensorCheck

WHEEL_TOLERANCE: Final = 0.002
"""How near a bearing's line may lie to a multiple of a bad wheel's turns, relative, to be put down to the wheel."""
PROCESS_SPEED_RATIO: Final = 0.03
"""A speed this far from the baseline's is another operating point."""


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
        diagnosis = say(DiagnosisLabel.SENSOR_FAULT, name, 0.95, wording.sensor_fault(check, name))
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
        if gear is not None and bearings is not None and _lies_on_wheel(bearings, gear, about):
            is_of_ball = _goes_with_cage(bearings, kinds, gear, about)
            damage, gear = (damage, None) if is_of_ball else (None, gear)
        diagnosis = _judge(RunningChannel(row, name, kinds, bearings, damage, gear, judged_zone, baseline, about))
        if damage is not None:
            component = " or ".join(damage.places)
    return ChannelReport(name, causes, diagnosis, component, bearings, damage, velocity, judged_zone)


def _kinds(name: str, about: Circumstances) -> tuple[Kind, ...]:
    """Return what this channel can tell apart, its own bearing first."""
    own = {name, point_of(name)}
    found: dict[tuple[float, ...], Kind] = {}
    for at in sorted(about.bearings, key=lambda at: at.point is not None and at.point not in own):
        bearing = at.bearing
        orders = tuple(round(order, 6) for order in (bearing.bpfo, bearing.bpfi, bearing.bsf, bearing.ftf))
        here = about.points if at.point is None else (at.point,)
        known = found.get(orders, Kind(bearing, ()))
        found[orders] = Kind(known.bearing, tuple(dict.fromkeys(known.points + here)))
    return tuple(found.values())


def _damage(finding: BearingFinding, kinds: tuple[Kind, ...]) -> Damage | None:
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


def _bad_gear(row: int, samples: FloatArray, baseline: Fingerprint | None, about: Circumstances) -> GearFinding | None:
    if not about.gears or about.speed.used is None:
        return None
    heard = mesh_lines(samples, about.sample_rate_hz, about.speed.used / 60.0, about.gears)
    comparable = baseline is not None and not _is_other_speed(baseline, about)
    return judge_gears(heard, baseline.mesh_levels(row, about.gears) if baseline is not None and comparable else None)


def _lies_on_wheel(finding: BearingFinding, gear: GearFinding, about: Circumstances) -> bool:
    return finding.lead is not None and _is_of_wheel(finding.lead.found_hz, gear, about)


def _is_of_wheel(line_hz: float, gear: GearFinding, about: Circumstances) -> bool:
    """Return whether a line may be a multiple of the turns of a bad wheel."""
    wheel_hz = gear.heard.mesh_hz / gear.heard.gear.teeth
    apart_hz = abs(line_hz - round(line_hz / wheel_hz) * wheel_hz)
    return apart_hz <= max(2 * about.step_hz, WHEEL_TOLERANCE * line_hz)


def _goes_with_cage(finding: BearingFinding, kinds: tuple[Kind, ...], gear: GearFinding, about: Circumstances) -> bool:
    """Return whether a bearing's line goes round with its cage, whose turns are none of the wheel's.

    Then the lines of a ball lie among the sidebands of the mesh, and the wheel only seems to be bad.
    """
    if finding.lead is None or not finding.is_carried:
        return False
    cage_hz = kinds[finding.lead.bearing_index].bearing.ftf * finding.lead.expected_hz / finding.lead.order
    return not _is_of_wheel(cage_hz, gear, about)


def _silent(row: int, name: str, check: SensorCheck, about: Circumstances) -> Diagnosis:
    others_run = any(about.running)
    label = DiagnosisLabel.SENSOR_FAULT if others_run else DiagnosisLabel.MACHINE_OFF
    healthy = None if about.baseline is None else float(about.baseline.acceleration_m_s2[row])
    words = wording.silent(name, check.rms, healthy, others_run=others_run, is_sound=about.is_sound[row])
    return say(label, name, 0.9, words)


def _judge(channel: RunningChannel) -> Diagnosis:
    """Return the first of steps 2 to 8 that applies."""
    steps = (_named_bearing, _process_changed, named_gear, named_rotor, _doubtful_bearing, _changed)
    found = next((diagnosis for step in steps if (diagnosis := step(channel)) is not None), None)
    return found if found is not None else _nothing(channel)


def _named_bearing(channel: RunningChannel) -> Diagnosis | None:
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
    return say(lead.part.label, channel.name, confidence, words, lines + others)


def _process_changed(channel: RunningChannel) -> Diagnosis | None:
    if channel.baseline is None or not _is_other_speed(channel.baseline, channel.about):
        return None
    healthy, used = channel.baseline.speed_rpm or 0.0, channel.about.speed.used or 0.0
    words = wording.process_changed(channel.name, healthy, used)
    return say(DiagnosisLabel.PROCESS_CHANGED, channel.name, 0.9, words, channel.fundamentals)


def _is_other_speed(baseline: Fingerprint, about: Circumstances) -> bool:
    healthy, used = baseline.speed_rpm, about.speed.used
    return bool(healthy and used and abs(used / healthy - 1) > PROCESS_SPEED_RATIO)


def _doubtful_bearing(channel: RunningChannel) -> Diagnosis | None:
    bearings = channel.bearings
    if bearings is None or bearings.lead is None:
        return None
    if FAINT.intersection(bearings.doubts) and channel.baseline is not None:
        return None
    words = wording.doubtful(bearings, bearings.lead, channel.name, channel.about.speed)
    # A cage line alone is no reason to doubt a machine: healthy ones imitate it.
    label = DiagnosisLabel.NO_FAULT_FOUND if Doubt.CAGE_ALONE in bearings.doubts else DiagnosisLabel.UNCERTAIN
    return say(label, channel.name, 0.3, words, channel.lines(bearings.lead))


def _changed(channel: RunningChannel) -> Diagnosis | None:
    if channel.baseline is None:
        return None
    change = largest_change(channel.about.now, channel.baseline, channel.row)
    if change is None:
        words = wording.unchanged(channel.name, is_sound=channel.is_sound)
        return say(DiagnosisLabel.HEALTHY, channel.name, 0.9, words, channel.fundamentals)
    words = wording.changed(channel.name, change, is_sound=channel.is_sound)
    return say(DiagnosisLabel.CHANGED, channel.name, 0.8, words, channel.fundamentals)


def _nothing(channel: RunningChannel) -> Diagnosis:
    lines = channel.fundamentals
    if channel.is_bad:
        zone_text = f"in zone {channel.zone.letter}" if channel.zone else f"above {BAD_MM_S:g} mm/s"
        words = wording.bad_level(channel.name, channel.velocity_mm_s, zone_text)
        return say(DiagnosisLabel.UNCERTAIN, channel.name, 0.3, words, lines)
    words = wording.nothing_found(channel.name, _what_is_missing(channel), is_sound=channel.is_sound)
    return say(DiagnosisLabel.NO_FAULT_FOUND, channel.name, 0.5, words, lines)


def _what_is_missing(channel: RunningChannel) -> str | None:
    if channel.about.speed.used is None:
        return "without a shaft speed the lines of bearings and orders cannot be placed"
    if not channel.kinds:
        if channel.is_sound:
            return "no bearing is given"
        return "no bearing is given, so only the shaft's orders were looked at"
    if channel.bearings is not None and not channel.bearings.candidates:
        return f"the record is too short for bearing lines, which need {MIN_TURNS:.0f} turns, better {LONG_TURNS:.0f}"
    return None
