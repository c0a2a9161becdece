"""The sentences people read: what it is, on what evidence, with numbers and units, and what to do next.

One function per kind of finding. The wording promises no more than the evidence: *likely* is the strongest word, and
where something is not decided the sentence says what stands in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearing_doubts import Doubt
from models.diagnosis.bearing_lines import HARMONICS, Candidate, Part
from models.diagnosis.report import point_of
from models.diagnosis.sensor import SensorCause
from models.signal.acoustics import level_db

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.diagnosis.band_change import BandChange
    from models.diagnosis.bearing_doubts import BearingFinding
    from models.diagnosis.gear_faults import GearFinding
    from models.diagnosis.report import Damage
    from models.diagnosis.rotor_faults import RotorFinding
    from models.diagnosis.sensor import SensorCheck
    from models.diagnosis.shaft_speed import SpeedEstimate


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence and what to do about it."""

    sentence: str
    next_step: str


NOT_HEARD: Final = "Imbalance, misalignment and looseness are not judged by sound: they need an accelerometer."

PART_WORDS: Final = {
    Part.OUTER_RACE: "outer race",
    Part.INNER_RACE: "inner race",
    Part.BALL: "ball",
    Part.CAGE: "cage",
}
DAMAGE_WORDS: Final = {
    Part.OUTER_RACE: "Outer-race damage",
    Part.INNER_RACE: "Inner-race damage",
    Part.BALL: "Rolling-element damage",
    Part.CAGE: "Cage damage",
}
DAMAGE_STEPS: Final = {
    Part.OUTER_RACE: "Check lubrication and load, look at the trend daily, and plan to replace the bearing.",
    Part.INNER_RACE: "Check the fit on the shaft and lubrication, look at the trend daily, and plan to replace it.",
    Part.BALL: "Take a grease sample, look at the trend daily, and plan to replace the bearing.",
    Part.CAGE: "Take a grease sample and inspect the cage at the next stop.",
}
NOTABLY_STRONGER: Final = 1.1
"""Ratio of modulation depths from which it is said where a line is stronger."""
DOUBT_WORDS: Final = {
    Doubt.SPEED: ("the stated speed does not fit the shaft's own lines", "Measure the shaft speed and record longer."),
    Doubt.RIVAL: ("another part of a bearing fits nearly as well", "Record longer and with a second sensor."),
    Doubt.STRANGER: (
        "a stronger line that belongs to no part of this bearing stands beside it",
        "Check that bearing type and speed are right; look for gears or belts nearby.",
    ),
    Doubt.FRACTION: (
        "it is a multiple of a line that no part of this bearing makes",
        "Check that bearing type and speed are right.",
    ),
    Doubt.SHAFT: (
        "it cannot be told from a multiple of the shaft's speed",
        "Record longer, so that the two lines separate.",
    ),
    Doubt.EDGE: (
        "the line lies at the edge of where slip can move it",
        "Check that bearing type and speed are right.",
    ),
    Doubt.WEAK: ("the record is too short to be sure", "Record longer."),
    Doubt.SHALLOW: (
        "the vibration follows it too faintly for damage",
        "Keep a healthy baseline of this machine and watch the trend.",
    ),
}
"""Why a lead is not named and what would settle it; the first that applies is said."""


def damage(found: Damage, channel_name: str, depth_at: Mapping[str, float] | None = None) -> Words:
    """Return the words for a named bearing fault.

    Args:
        found: what is damaged; its places are those that are left open.
        channel_name: which names it.
        depth_at: modulation depth by point, where the bearings of several points have this line.
    """
    lead, places = found.lead, found.places
    standing = [ratio for line, ratio in zip(lead.lines(), lead.ratio_db, strict=True) if line.matched]
    low, high = round(min(standing, default=0)), round(max(standing, default=0))
    span = f"{low}–{high} dB" if low != high else f"{high} dB"
    elsewhere = not {channel_name, point_of(channel_name)}.intersection(places)
    heard = f", heard at {channel_name}," if elsewhere else ""
    step = DAMAGE_STEPS[lead.part]
    return Words(
        f"{DAMAGE_WORDS[lead.part]} at {' or '.join(places)}{heard} is likely: {len(standing)} of {HARMONICS} "
        f"harmonics of {lead.found_hz:.1f} Hz stand out by {span} and modulate the signal by "
        f"{min(lead.depth, 1):.0%} ({found.bearing_name}, expected {lead.expected_hz:.1f} Hz)."
        + _told_apart(places, depth_at or {}),
        step if len(places) == 1 else f"Listen to the bearings at {' and '.join(places)} before one is opened. {step}",
    )


def _told_apart(places: tuple[str, ...], depth_at: Mapping[str, float]) -> str:
    """Return by what the damaged one of several bearings with the same line was found, or why it is left open."""
    if len(depth_at) + len(places) < 3:
        return ""
    ranked = sorted(depth_at, key=lambda point: -depth_at[point])
    if len(places) == 1:
        rest = " and ".join(f"{point} ({min(depth_at[point], 1):.0%})" for point in ranked if point not in places)
        return f" The same line shows less at {rest}."
    open_words = f" The bearings at {' and '.join(places)} have the same line"
    silent = [point for point in places if point not in depth_at]
    if silent:
        return f"{open_words}, and no sensor can be judged at {' and '.join(silent)}."
    if depth_at[ranked[0]] >= NOTABLY_STRONGER * depth_at[ranked[1]]:
        return f"{open_words}; it is stronger at {ranked[0]}, but not clearly enough to rule the other out."
    return f"{open_words}, and it is equally strong at each."


def doubtful(finding: BearingFinding, lead: Candidate, place: str, speed: SpeedEstimate) -> Words:
    """Return the words for a bearing line that is not named."""
    if finding.doubts == (Doubt.CAGE_ALONE,):
        return Words(
            f"The cage line at {lead.found_hz:.1f} Hz shows at {place}, but healthy machines show it as well; "
            "nothing is named.",
            "Keep a healthy baseline of this machine and watch the trend.",
        )
    doubt = next(kind for kind in DOUBT_WORDS if kind in finding.doubts)
    reason, step = DOUBT_WORDS[doubt]
    if doubt is Doubt.SPEED and speed.stated is not None:
        reason = f"the stated {speed.stated:.0f} rpm does not fit the shaft's own lines"
    elif doubt is Doubt.SPEED and speed.estimated is not None:
        reason = f"the speed is unknown and {speed.estimated:.0f} rpm only a suggestion of the vibration's own lines"
    if doubt is Doubt.RIVAL and finding.rival is not None:
        reason = f"the {PART_WORDS[finding.rival.part]} ({finding.rival.found_hz:.1f} Hz) fits nearly as well"
    matched = sum(line.matched for line in lead.lines())
    return Words(
        f"Uncertain at {place}: {matched} of {HARMONICS} harmonics of the {PART_WORDS[lead.part]} line "
        f"({lead.found_hz:.1f} Hz, {min(lead.depth, 1):.0%} modulation) stand out, but {reason}.",
        step,
    )


ROTOR_WORDS: Final = {
    DiagnosisLabel.IMBALANCE: (
        "Imbalance at {place} is likely",
        "Look for deposits or lost weights, then balance the rotor.",
    ),
    DiagnosisLabel.MISALIGNMENT: (
        "Misalignment at {place} is likely",
        "Check the coupling's alignment, hot and cold, and soft foot.",
    ),
    DiagnosisLabel.LOOSENESS: (
        "Looseness at {place} is likely",
        "Check foundation bolts, bearing seats and cracks in the frame.",
    ),
    DiagnosisLabel.UNCERTAIN: (
        "Uncertain at {place}: vibration at the shaft's orders is high, but the pattern fits no single cause",
        "Measure in all three directions and the phase across the coupling.",
    ),
}


def rotor(finding: RotorFinding, place: str, *, against_baseline: bool) -> Words:
    """Return the words for imbalance, misalignment, looseness, or a pattern between them."""
    opening, step = ROTOR_WORDS[finding.label]
    how = "grew" if against_baseline else "is at a level that ISO 20816-3 calls bad"
    return Words(
        f"{opening.format(place=place)}: vibration velocity at the shaft's orders {how} ({finding.detail}).", step
    )


def gear(finding: GearFinding, place: str, *, is_sound: bool = False) -> Words:
    """Return the words for damaged teeth."""
    heard = finding.heard
    wheel_hz = heard.mesh_hz / heard.gear.teeth
    unit = "Pa" if is_sound else "m/s²"
    how = (
        f"together they are {heard.sides / max(heard.mesh, 1e-9):.1f} times as strong as it, which good teeth are not"
        if finding.healthy is None
        else f"together they grew from {finding.healthy.sides:.2g} to {heard.sides:.2g} {unit}"
    )
    return Words(
        f"Damaged teeth are likely on the wheel with {heard.gear.teeth} teeth, heard at {place}: "
        f"{heard.matched} sidebands at its {wheel_hz:.2f} turns a second stand around the mesh of "
        f"{heard.mesh_hz:.1f} Hz; {how}.",
        "Look at the teeth through the inspection cover, take an oil sample for metal, and look at the trend daily.",
    )


def sensor_fault(check: SensorCheck, place: str) -> Words:
    """Return the words for a channel that cannot be judged."""
    steps = {
        SensorCause.NOT_FINITE: "Check the acquisition and the export of the file.",
        SensorCause.CONSTANT: "Check the sensor's cable and supply.",
        SensorCause.DROPOUT: "Check the cable and its plugs: the contact breaks.",
        SensorCause.CLIPPED: "Use a larger measuring range or a less sensitive sensor.",
        SensorCause.SATURATED: "Use a larger measuring range or a less sensitive sensor; check the sensor's supply.",
        SensorCause.LOOSE_CABLE: "Check the cable and its plugs: the contact breaks.",
        SensorCause.SPIKES: "Lead the cable away from drives and contactors; check its shield and earth.",
        SensorCause.DEAD: "Check the sensor's mounting, cable and supply.",
        SensorCause.WRONG_UNIT: "Check unit and sensitivity in the configuration of this channel.",
        SensorCause.SKI_SLOPE: "Check the sensor's mounting and cable; let its amplifier settle.",
    }
    return Words(f"The sensor at {place} cannot be trusted: {check.detail}.", steps[check.causes[0]])


def silent(place: str, rms: float, healthy_rms: float | None, *, others_run: bool, is_sound: bool = False) -> Words:
    """Return the words for a level so low that nothing turns, or that one sensor alone hears nothing."""
    against = "" if healthy_rms is None else f", {_level(healthy_rms, is_sound=is_sound)} when healthy"
    heard = f"{_level(rms, is_sound=is_sound)}{'' if is_sound else ' RMS'}{against}"
    if others_run:
        return Words(
            f"The sensor at {place} hears nothing ({heard}) while the others do.",
            "Check the sensor's mounting and cable.",
        )
    return Words(
        f"The machine is off or the sensor at {place} hangs free: {heard}.",
        "Nothing, if the machine is meant to stand still.",
    )


def _level(rms: float, *, is_sound: bool) -> str:
    return f"{float(level_db(rms)):.0f} dB re 20 µPa" if is_sound else f"{rms:.2g} m/s²"


def process_changed(place: str, healthy_rpm: float, used_rpm: float) -> Words:
    """Return the words for a machine that runs differently from its baseline."""
    return Words(
        f"The shaft at {place} turns at {used_rpm:.0f} rpm, its baseline is of {healthy_rpm:.0f} rpm: not comparable.",
        "Learn a baseline at this speed.",
    )


def changed(place: str, change: BandChange, *, is_sound: bool = False) -> Words:
    """Return the words for a change against the baseline without a recognised cause."""
    what = (
        f"the whole level fell by {-change.change_db:.0f} dB"
        if change.band_hz is None
        else f"the level around {change.band_hz:.0f} Hz rose by {change.change_db:.0f} dB"
    )
    deaf = f" {NOT_HEARD}" if is_sound else ""
    return Words(
        f"The {_what(is_sound=is_sound)} at {place} has changed against its baseline ({what}); the cause is not "
        f"recognised.{deaf}",
        "Ask what was changed on the machine; if nothing was, have it looked at and record longer.",
    )


def unchanged(place: str, *, is_sound: bool = False) -> Words:
    """Return the words for a machine within its baseline."""
    return Words(f"The {_what(is_sound=is_sound)} at {place} is within its healthy baseline.", "Nothing.")


def _what(*, is_sound: bool) -> str:
    return "sound" if is_sound else "vibration"


def bad_level(place: str, velocity_mm_s: float, zone_text: str) -> Words:
    """Return the words for a velocity that is bad without a recognised pattern."""
    return Words(
        f"Uncertain at {place}: {velocity_mm_s:.1f} mm/s RMS is {zone_text}, but no cause is recognised.",
        "Measure in all three directions and compare with an earlier recording of this machine.",
    )


def nothing_found(place: str, missing: str | None, *, is_sound: bool = False) -> Words:
    """Return the words when no fault shows and no baseline could say more."""
    deaf = f" {NOT_HEARD}" if is_sound else ""
    if missing is not None:
        return Words(f"No fault is named at {place}: {missing}.{deaf}", "Give what is missing, or a healthy baseline.")
    return Words(
        f"No fault shows at {place}; without a healthy baseline more cannot be said.{deaf}",
        "Record the healthy machine as a baseline.",
    )
