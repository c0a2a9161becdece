"""Tables of a machine that vibrates: the wheels of its gears, which nobody can hear from outside.

Here is what a person may write; `models.diagnosis` explains what it is used for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from edge_agent.settings_table import Table, as_value_error

if TYPE_CHECKING:
    from models.diagnosis.gear_faults import Gear


def _parsed(text: str) -> Gear:
    from models.diagnosis.gear_faults import Gear  # here, because most machines have no gear

    return as_value_error(lambda: Gear.parsed(text))


def _checked_gear(text: str) -> str:
    _parsed(text)
    return text


class GearTable(Table):
    """One toothed wheel; both wheels of a pair may be given, because either may be the damaged one."""

    spec: Annotated[str, AfterValidator(_checked_gear)]
    """`TEETH` on the shaft whose speed is stated, else `TEETH@ORDER`: turns of its shaft per turn of that one, which
    may be a ratio of teeth (`57@20/57`), as `plantpulse analyze --gear` takes it."""

    def gear(self) -> Gear:
        """Return the wheel as the diagnosis needs it."""
        return _parsed(self.spec)
