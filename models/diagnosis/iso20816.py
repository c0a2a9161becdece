"""Which evaluation zone of ISO 20816-3 a vibration velocity falls into.

The standard judges the broadband velocity RMS from 10 to 1000 Hz on the bearing housing. It needs to be told the
machine's group and how it is supported; without both there is no zone. The boundaries are numbers of the standard's
2022 edition, which is stored with every result, because editions differ.
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
