"""Tables of a machine that vibrates: the wheels of its gears, and the limits that the plant sets its velocity.

Here is what a person may write; `models.diagnosis` explains what it is used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from edge_agent.settings_table import Positive, Table, as_value_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.diagnosis.gear_faults import Gear
    from models.diagnosis.iso20816 import UserBands, VelocityLimits


def _parsed(text: str) -> Gear:
    from models.diagnosis.gear_faults import Gear  # here, because most machines have no gear

    return as_value_error(lambda: Gear.parsed(text))


def _checked_gear(text: str) -> str:
    _parsed(text)
    return text


class BandsTable(Table):
    """The plant's own limits of the vibration velocity, RMS from 10 to 1000 Hz; each goes before the standard's."""

    alarm_mm_s: Positive | None = None
    """Above it is alert. Default: by ISO 20816-3, what each channel learnt plus a quarter of zone boundary B/C."""
    trip_mm_s: Positive | None = None
    """Above it is danger. Default: by ISO 20816-3, zone boundary C/D."""

    def limits(self) -> UserBands | None:
        """Return the limits as the pipeline needs them, None where none is set."""
        from models.diagnosis.iso20816 import UserBands

        own = UserBands(self.alarm_mm_s, self.trip_mm_s)
        return None if own == UserBands() else own

    def velocity_limits(
        self, channel_names: Sequence[str], machine_group: int | None, support: str | None
    ) -> VelocityLimits | None:
        """Return what judges the velocity of these channels, None where nothing is stated to judge it by.

        Raises:
            InputError: a machine group that the standard does not know, or limits that contradict it.
        """
        from models.diagnosis.iso20816 import VelocityLimits

        made = VelocityLimits(channel_names, machine_group, support, self.limits())
        return made if made.has_any else None


class GearTable(Table):
    """One toothed wheel; both wheels of a pair may be given, because either may be the damaged one."""

    spec: Annotated[str, AfterValidator(_checked_gear)]
    """`TEETH` on the shaft whose speed is stated, else `TEETH@ORDER`: turns of its shaft per turn of that one, which
    may be a ratio of teeth (`57@20/57`), as `plantpulse analyze --gear` takes it."""

    def gear(self) -> Gear:
        """Return the wheel as the diagnosis needs it."""
        return _parsed(self.spec)
