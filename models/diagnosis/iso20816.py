"""Which evaluation zone of ISO 20816-3 a vibration velocity falls into.

The standard judges the broadband velocity RMS from 10 to 1000 Hz on the bearing housing. It needs to be told the
machine's group and how it is supported; without both there is no zone. The boundaries are numbers of the standard's
2022 edition, which is stored with every result, because editions differ.

Zones say how good a machine is; alarms say when to act. The standard sets them apart: ALARM where a machine leaves its
own steady level, the baseline, by a quarter of the zone B/C boundary, and TRIP where it must be stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.contract.errors import InputError

EDITION: Final = "ISO 20816-3:2022"


class ZoneError(InputError):
    """A machine group or a support that the standard does not know, or a velocity that is none."""


class Support(StrEnum):
    """How a machine stands: rigid when its lowest natural frequency is well above the running frequency."""

    RIGID = "rigid"
    FLEXIBLE = "flexible"


@dataclass(frozen=True, slots=True)
class Zone:
    """One judgement of the standard.

    Attributes:
        letter: A newly commissioned, B long-term operation, C only for a limited time, D damage is to be expected.
        velocity_rms_mm_s: what was judged, 10 to 1000 Hz.
        boundaries_mm_s: upper limits of A, B and C.
        table: edition, group and support, as stored with results.
    """

    letter: str
    velocity_rms_mm_s: float
    boundaries_mm_s: tuple[float, float, float]
    table: str


class BandError(InputError):
    """A baseline or a person's own limits that cannot be alarm and trip bands."""


ALARM_ABOVE_BASELINE: Final = 0.25
"""Of the upper limit of zone B. Source: ISO 20816-3:2022, operational limits, setting of ALARMs (as ISO 10816-3:2009,
5.4.2): the baseline plus 25 % of the zone boundary B/C."""
ALARM_AT_MOST: Final = 1.25
"""Times the upper limit of zone B. Source: the same clause: an ALARM should normally not exceed it."""
TRIP_AT_MOST: Final = 1.25
"""Times the upper limit of zone C. Source: the same, setting of TRIPs (5.4.3): values are generally within zone C or D,
and it is recommended not to exceed 1.25 times the upper limit of zone C."""


@dataclass(frozen=True, slots=True)
class UserBands:
    """Limits that a person set, velocity RMS in mm/s from 10 to 1000 Hz; None keeps the standard's way."""

    alarm_mm_s: float | None = None
    trip_mm_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bands:
    """Where to raise an alarm and where to stop a machine.

    Attributes:
        alarm_mm_s: velocity RMS, 10 to 1000 Hz.
        trip_mm_s: the same, above the alarm.
        baseline_mm_s: that the alarm stands on; None before there is one.
        alarm_basis: `baseline`, `capped` (the baseline is so high that the limit of 1.25 times B/C holds), `initial`
            (no baseline yet: the boundary B/C itself) or `user`.
        trip_basis: `standard` or `user`.
        table: edition, group and support, as stored with results.
    """

    alarm_mm_s: float
    trip_mm_s: float
    baseline_mm_s: float | None
    alarm_basis: str
    trip_basis: str
    table: str


BOUNDARIES_MM_S: Final = {
    (1, Support.RIGID): (2.3, 4.5, 7.1),
    (1, Support.FLEXIBLE): (3.5, 7.1, 11.0),
    (2, Support.RIGID): (1.4, 2.8, 4.5),
    (2, Support.FLEXIBLE): (2.3, 4.5, 7.1),
}
"""Velocity RMS in mm/s between zones A|B, B|C and C|D. Source: ISO 20816-3:2022, annex A, tables A.1 and A.2.

Group 1: large machines above 300 kW, or electrical machines with a shaft height of 315 mm and more. Group 2: medium
machines of 15 to 300 kW, or electrical machines with a shaft height of 160 to 315 mm.
"""


def zone(velocity_rms_mm_s: float, machine_group: int, support: str) -> Zone:
    """Return the evaluation zone of a broadband velocity.

    Args:
        velocity_rms_mm_s: velocity RMS from 10 to 1000 Hz.
        machine_group: 1 (large, above 300 kW) or 2 (medium, 15 to 300 kW).
        support: `rigid` or `flexible`.

    Raises:
        ZoneError: another group or support, or a velocity below zero or not finite.

    Source: ISO 20816-3:2022, annex A.

    >>> zone(3.1, 2, "rigid").letter
    'C'
    """
    known = {str(kind) for kind in Support}
    if machine_group not in {1, 2} or support not in known:
        raise ZoneError(
            f"machine group {machine_group} with {support} support is not in {EDITION}; "
            "give group 1 (above 300 kW) or 2 (15 to 300 kW) and support rigid or flexible"
        )
    if not 0.0 <= velocity_rms_mm_s < float("inf"):
        raise ZoneError(f"a velocity of {velocity_rms_mm_s} mm/s cannot be judged; give a finite RMS value")
    boundaries = BOUNDARIES_MM_S[machine_group, Support(support)]
    letter = "ABCD"[sum(velocity_rms_mm_s > limit for limit in boundaries)]
    return Zone(letter, velocity_rms_mm_s, boundaries, f"{EDITION}, group {machine_group}, {support}")


def bands(
    machine_group: int, support: str, baseline_mm_s: float | None = None, *, user: UserBands | None = None
) -> Bands:
    """Return alarm and trip bands for a broadband velocity by the standard's way, or as a person set them.

    Args:
        machine_group: 1 or 2, as for `zone`.
        support: `rigid` or `flexible`.
        baseline_mm_s: steady velocity RMS of this machine when healthy; None: it is not known yet, then the boundary
            B/C stands in for the alarm until it is.
        user: limits that go before the standard's, each on its own.

    Raises:
        ZoneError: another group or support.
        BandError: a baseline below zero or not finite, limits that are not above zero, or a trip not above its alarm.

    Source: ISO 20816-3:2022, operational limits (ALARM and TRIP); before it ISO 10816-3:2009, 5.4.

    >>> made = bands(2, "rigid", 1.5)
    >>> made.alarm_mm_s, made.trip_mm_s, made.alarm_basis
    (2.2, 5.625, 'baseline')
    """
    if baseline_mm_s is not None and not 0.0 <= baseline_mm_s < float("inf"):
        raise BandError(f"a baseline of {baseline_mm_s} mm/s cannot be; give the finite RMS velocity of a healthy run")
    judged = zone(baseline_mm_s or 0.0, machine_group, support)
    _, upper_b, upper_c = judged.boundaries_mm_s
    highest = ALARM_AT_MOST * upper_b
    alarm, basis = upper_b, "initial"
    if baseline_mm_s is not None:
        alarm, basis = baseline_mm_s + ALARM_ABOVE_BASELINE * upper_b, "baseline"
        if alarm > highest:
            alarm, basis = highest, "capped"
    trip, trip_basis = TRIP_AT_MOST * upper_c, "standard"
    own = user or UserBands()
    for name, limit in (("alarm", own.alarm_mm_s), ("trip", own.trip_mm_s)):
        if limit is not None and not 0.0 < limit < float("inf"):
            raise BandError(f"an {name} limit of {limit} mm/s cannot be; give a finite RMS velocity above 0")
    if own.alarm_mm_s is not None:
        alarm, basis = own.alarm_mm_s, "user"
    if own.trip_mm_s is not None:
        trip, trip_basis = own.trip_mm_s, "user"
    if trip <= alarm:
        raise BandError(
            f"the trip limit of {trip:g} mm/s is not above the alarm limit of {alarm:g} mm/s; raise the one or lower "
            "the other"
        )
    return Bands(alarm, trip, baseline_mm_s, basis, trip_basis, judged.table)
