"""Which evaluation zone of ISO 20816-3 a vibration velocity falls into.

The standard judges the broadband velocity RMS from 10 to 1000 Hz on the bearing housing. It needs to be told the
machine's group and how it is supported; without both there is no zone. The boundaries are numbers of the standard's
2022 edition, which is stored with every result, because editions differ.

Zones say how good a machine is; alarms say when to act. The standard sets them apart: ALARM where a machine leaves its
own steady level, the baseline, by a quarter of the zone B/C boundary, and TRIP where it must be stopped.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
TRIP_AT: Final = 1.0
"""Times the upper limit of zone C. Source: the same, setting of TRIPs (5.4.3): values are generally within zone C or D,
and should not exceed 1.25 times the upper limit of zone C. Where zone D begins damage does (ISO 20816-1, section 6):
there is no reason to wait for more."""


@dataclass(frozen=True, slots=True)
class UserBands:
    """Limits that a person set, velocity RMS in mm/s from 10 to 1000 Hz; None keeps the standard's way."""

    alarm_mm_s: float | None = None
    trip_mm_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bands:
    """Where to raise an alarm and where to stop a machine.

    Attributes:
        alarm_mm_s: velocity RMS, 10 to 1000 Hz; None where neither the standard nor a person sets it.
        trip_mm_s: the same, above the alarm.
        baseline_mm_s: that the alarm stands on; None before there is one.
        alarm_basis: `baseline`, `capped` (the baseline is so high that the limit of 1.25 times B/C holds), `initial`
            (no baseline yet: the boundary B/C itself), `user` or `none`.
        trip_basis: `standard`, `user` or `none`.
        table: edition, group and support, as stored with results; empty without them.
    """

    alarm_mm_s: float | None
    trip_mm_s: float | None
    baseline_mm_s: float | None
    alarm_basis: str
    trip_basis: str
    table: str

    @property
    def least_mm_s(self) -> float:
        """Return the velocity up to which nothing is to be said."""
        return min(limit for limit in (self.alarm_mm_s, self.trip_mm_s, float("inf")) if limit is not None)

    @property
    def alarm_words(self) -> str:
        """Return where the alarm comes from."""
        return {
            "baseline": f"the healthy {self.baseline_mm_s or 0.0:.3g} mm/s plus a quarter of the zone boundary B/C of "
            f"{self.table}",
            "capped": f"1.25 times the zone boundary B/C of {self.table}, the most that it allows",
            "initial": f"the zone boundary B/C of {self.table}, until there is a baseline",
            "user": "set by the plant",
        }.get(self.alarm_basis, "not set")

    @property
    def trip_words(self) -> str:
        """Return where the trip comes from."""
        words = {"standard": f"the zone boundary C/D of {self.table}", "user": "set by the plant"}
        return words.get(self.trip_basis, "not set")


@dataclass(frozen=True, slots=True)
class Crossing:
    """A channel whose velocity is above a limit.

    Attributes:
        channel: that is furthest above, where several are.
        velocity_mm_s: RMS, 10 to 1000 Hz.
        is_trip: the limit is the trip, else the alarm.
        bands: of this channel.
    """

    channel: str
    velocity_mm_s: float
    is_trip: bool
    bands: Bands

    @property
    def sentence(self) -> str:
        """Return what people read: how much, above which limit of how much, and where that comes from."""
        name, limit, words = (
            ("trip", self.bands.trip_mm_s, self.bands.trip_words)
            if self.is_trip
            else ("alarm", self.bands.alarm_mm_s, self.bands.alarm_words)
        )
        return (
            f"Vibration velocity at {self.channel} is {self.velocity_mm_s:.3g} mm/s RMS, above the {name} limit of "
            f"{limit or 0.0:.3g} mm/s ({words})."
        )

    @property
    def next_step(self) -> str:
        """Return what the standard asks for. Source: ISO 20816-1, operational limits: ALARM and TRIP."""
        if self.is_trip:
            return "Lower the load or stop the machine now: at this level damage is to be expected."
        return "Find the cause and plan the remedy; it may run on for a time meanwhile, while the level is watched."


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
    machine_group: int | None,
    support: str | None,
    baseline_mm_s: float | None = None,
    *,
    user: UserBands | None = None,
) -> Bands:
    """Return alarm and trip bands for a broadband velocity by the standard's way, or as a person set them.

    Args:
        machine_group: 1 or 2, as for `zone`; None with `support` None: the standard has no say, only the user.
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
    (2.2, 4.5, 'baseline')
    """
    if baseline_mm_s is not None and not 0.0 <= baseline_mm_s < float("inf"):
        raise BandError(f"a baseline of {baseline_mm_s} mm/s cannot be; give the finite RMS velocity of a healthy run")
    alarm = trip = None
    basis = trip_basis = "none"
    table = ""
    if machine_group is not None and support is not None:
        judged = zone(baseline_mm_s or 0.0, machine_group, support)
        table = judged.table
        alarm, basis = _standard_alarm(judged.boundaries_mm_s[1], baseline_mm_s)
        trip, trip_basis = TRIP_AT * judged.boundaries_mm_s[2], "standard"
    own = user or UserBands()
    for name, limit in (("alarm", own.alarm_mm_s), ("trip", own.trip_mm_s)):
        if limit is not None and not 0.0 < limit < float("inf"):
            raise BandError(f"an {name} limit of {limit} mm/s cannot be; give a finite RMS velocity above 0")
    if own.alarm_mm_s is not None:
        alarm, basis = own.alarm_mm_s, "user"
    if own.trip_mm_s is not None:
        trip, trip_basis = own.trip_mm_s, "user"
    if alarm is not None and trip is not None and trip <= alarm:
        raise BandError(
            f"the trip limit of {trip:g} mm/s is not above the alarm limit of {alarm:g} mm/s; raise the one or lower "
            "the other"
        )
    return Bands(alarm, trip, baseline_mm_s, basis, trip_basis, table)


def _standard_alarm(upper_b_mm_s: float, baseline_mm_s: float | None) -> tuple[float, str]:
    """Return the ALARM and what it stands on."""
    if baseline_mm_s is None:
        return upper_b_mm_s, "initial"
    alarm, highest = baseline_mm_s + ALARM_ABOVE_BASELINE * upper_b_mm_s, ALARM_AT_MOST * upper_b_mm_s
    return (alarm, "baseline") if alarm <= highest else (highest, "capped")


_OfMachine = tuple[tuple[Bands, ...], tuple[float, ...]]
"""Bands of each channel, and of each the velocity up to which nothing is to be said."""
KEPT_BASELINES: Final = 16
"""More operating states than any machine may have."""


class VelocityLimits:
    """Zones and bands of one machine, for many velocities: what never changes is worked out once.

    Args:
        channel_names: of the velocities that will be judged, in their order.
        machine_group: 1 or 2; None with `support` None: there are no zones, and no bands but the user's.
        support: `rigid` or `flexible`.
        user: limits that go before the standard's.

    Raises:
        ZoneError: another group or support.
        BandError: the user's limits contradict the standard's, or would once a baseline is known.
    """

    def __init__(
        self,
        channel_names: Sequence[str],
        machine_group: int | None,
        support: str | None,
        user: UserBands | None = None,
    ) -> None:
        self.channel_names = tuple(channel_names)
        self._group, self._support, self._user = machine_group, support, user
        self._boundaries: tuple[float, float, float] | None = None
        self._initial = self.bands(None)
        if machine_group is not None and support is not None:
            self._boundaries = zone(0.0, machine_group, support).boundaries_mm_s
            self._check_highest(self._boundaries[1])
        self._known: dict[tuple[float, ...] | None, _OfMachine] = {}

    @property
    def has_trip(self) -> bool:
        """Return whether there is a velocity at which the machine must stop."""
        return self._initial.trip_mm_s is not None

    @property
    def has_any(self) -> bool:
        """Return whether there is anything to judge by."""
        return self._initial.least_mm_s < float("inf")

    def bands(self, baseline_mm_s: float | None) -> Bands:
        """Return the bands of a channel with this healthy velocity."""
        return bands(self._group, self._support, baseline_mm_s, user=self._user)

    def zone(self, velocity_rms_mm_s: float) -> str | None:
        """Return the letter of the zone, None where group and support are not known."""
        if self._boundaries is None:
            return None
        return "ABCD"[bisect_left(self._boundaries, velocity_rms_mm_s)]

    def crossed(
        self, velocities_mm_s: Sequence[float], baselines_mm_s: tuple[float, ...] | None, *, margin: float = 1.0
    ) -> Crossing | None:
        """Return the channel that is furthest above its trip, or else its alarm; None where none is.

        Args:
            velocities_mm_s: RMS 10 to 1000 Hz of each channel.
            baselines_mm_s: of each channel when healthy in this operating state; None: not known yet.
            margin: so many times the velocities are compared; above 1 for a level that is only left with a distance.
        """
        limits, least = self._known.get(baselines_mm_s) or self._worked_out(baselines_mm_s)
        if all(margin * velocity <= limit for velocity, limit in zip(velocities_mm_s, least, strict=True)):
            return None
        found = []
        for name, velocity, made in zip(self.channel_names, velocities_mm_s, limits, strict=True):
            for is_trip, limit in ((True, made.trip_mm_s), (False, made.alarm_mm_s)):
                if limit is not None and margin * velocity > limit:
                    found.append((is_trip, velocity / limit, Crossing(name, velocity, is_trip, made)))
        return max(found, key=lambda one: one[:2])[2]

    def _worked_out(self, baselines_mm_s: tuple[float, ...] | None) -> _OfMachine:
        baselines = (None,) * len(self.channel_names) if baselines_mm_s is None else baselines_mm_s
        limits = tuple(self.bands(baseline) for baseline in baselines)
        if len(self._known) >= KEPT_BASELINES:
            self._known.clear()
        made = self._known[baselines_mm_s] = limits, tuple(one.least_mm_s for one in limits)
        return made

    def _check_highest(self, upper_b_mm_s: float) -> None:
        """Refuse a trip that an alarm on a high baseline would reach: nobody could be told of that while it runs."""
        try:
            self.bands(upper_b_mm_s)
        except BandError as error:
            raise BandError(f"{error}; the standard's alarm rises with the baseline: set both limits") from None
