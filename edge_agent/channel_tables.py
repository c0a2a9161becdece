"""Tables of what is measured: channels with their sensors and bearings, and the context of a controller.

In order: names and units, the sensor's calibration, the bearing beside it, then the tables.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edge_agent.settings_table import Positive, Table
from edge_agent.settings_table import as_value_error as _as_value_error
from models.context import ContextChannel
from models.contract.topics import check_id
from models.contract.units import Unit, convert_factor, is_sound, parse_unit

if TYPE_CHECKING:
    from models.diagnosis.bearings import Bearing
    from models.signal.calibration import Calibration

RAW: Final = Unit("raw", "", "1", "raw", 1.0)
"""What a converter delivers where only the calibration knows: volts, counts, whatever the sensitivity is given in."""


def not_empty(tables: Any) -> Any:
    """Refuse an empty list of tables, before each is looked at: a bound on a tuple counts those that are wrong as none.

    Raises:
        ValueError: nothing is in it.
    """
    if isinstance(tables, list | tuple) and not tables:
        raise ValueError("is empty: give at least one")
    return tables


def _checked_channel(text: str) -> str:
    _as_value_error(lambda: check_id(text))
    point, dot, axis = text.partition(".")
    if not point or not dot or not axis or "." in axis:
        raise ValueError(f"channel {text!r} is not point.axis: write for instance DE.H")
    return text


def _checked_unit(text: str) -> str:
    _as_value_error(lambda: parse_unit(text))
    return text


def _checked_context(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", text):
        raise ValueError(f"context {text!r}: write lower-case letters, digits and _, such as load or inlet_temperature")
    return text


def _checked_context_unit(text: str) -> str:
    return _as_value_error(lambda: parse_unit(text).name)


def _checked_sensitivity(given: Any) -> Any:
    if given is None:
        return None
    if isinstance(given, str):
        from models.signal.calibration import parse_sensitivity  # here, because most channels need none

        if _as_value_error(lambda: parse_sensitivity(given)).output.endswith("C"):
            raise ValueError(f"{given!r} is in charge: give what comes out of the charge amplifier, such as 100 mV/g")
        return given
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and math.isfinite(given) and given > 0):
        raise ValueError(
            f"sensitivity {given!r}: write how many raw units a unit of the channel makes, above 0, such as 0.1 (volts "
            'per g), or what the certificate says, such as "100 mV/g"'
        )
    return float(given)


class BearingOrders(Table):
    """A bearing by its fault orders per shaft turn; bsf is the ball spin order."""

    bpfo: Positive
    bpfi: Positive
    bsf: Positive
    ftf: Positive


class ChannelTable(Table):
    """One measured direction of one point."""

    name: Annotated[str, AfterValidator(_checked_channel)]
    unit: Annotated[str, AfterValidator(_checked_unit)]
    source_channel: str | None = None
    sensitivity: Annotated[float | str | None, BeforeValidator(_checked_sensitivity)] = None
    """Of the sensor, where the source delivers what its converter reads: a number is raw units per `unit` (volts per g,
    counts per g); a text is the certificate's (`"100 mV/g"`), and the source delivers volts."""
    offset: float = Field(default=0.0, allow_inf_nan=False)
    """What the source delivers when nothing is measured, in the same raw units; taken away first."""
    bearing: str | None = None
    bearing_orders: BearingOrders | None = None

    @model_validator(mode="after")
    def _one_bearing(self) -> Self:
        if self.bearing is not None and self.bearing_orders is not None:
            raise ValueError("give bearing or bearing_orders, not both")
        if self.bearing is not None:
            _as_value_error(self.known_bearing)
        return self

    @model_validator(mode="after")
    def _calibrated(self) -> Self:
        if self.offset and self.sensitivity is None:
            raise ValueError(
                f"offset = needs a sensitivity: write sensitivity = 1.0 where the samples are in {self.unit} already"
            )
        _as_value_error(self._try_calibration)
        return self

    @property
    def raw_unit(self) -> Unit:
        """Return what the source delivers."""
        if self.sensitivity is None:
            return parse_unit(self.unit)
        return parse_unit("V") if isinstance(self.sensitivity, str) else RAW

    def judged_unit(self, *, is_vibration: bool) -> str:
        """Return the unit in which samples are judged: SI of what vibrates, a process's as the plant reads it."""
        unit = parse_unit(self.unit)
        if unit.quantity == "acceleration":
            return "m/s2"
        return "Pa" if is_vibration and is_sound(unit) else unit.name

    def calibration(self, *, is_vibration: bool) -> Calibration:
        """Return how raw samples become those that are judged; what needs none passes as it is."""
        from models.signal.calibration import Calibration, Sensitivity, parse_sensitivity

        to_unit = self.judged_unit(is_vibration=is_vibration)
        if self.sensitivity is None:
            return Calibration(Sensitivity(1.0, "V", parse_unit(to_unit)), to_unit)
        if isinstance(self.sensitivity, str):
            return Calibration(parse_sensitivity(self.sensitivity), to_unit, offset=self.offset)
        return Calibration(Sensitivity(self.sensitivity, "V", parse_unit(self.unit)), to_unit, offset=self.offset)

    def _try_calibration(self) -> None:
        """Refuse a sensitivity that measures something else than the channel.

        Raises:
            InputError: two different quantities.
        """
        if isinstance(self.sensitivity, str):
            from models.signal.calibration import parse_sensitivity

            convert_factor(parse_sensitivity(self.sensitivity).per, self.unit)

    def known_bearing(self) -> Bearing | None:
        """Return the bearing at this channel's point, or None.

        Raises:
            InputError: not in the table of bearings.
        """
        if self.bearing is None and self.bearing_orders is None:
            return None
        from models.diagnosis import bearings  # here, because most checks need no bearing

        if self.bearing_orders is not None:
            orders = self.bearing_orders
            return bearings.Bearing("custom", orders.bpfo, orders.bpfi, orders.bsf, orders.ftf)
        return bearings.find_bearing(self.bearing or "")


class ContextTable(Table):
    """What a controller or a slow sensor says about how the machine runs; models.context explains each."""

    name: Annotated[str, AfterValidator(_checked_context)]
    """`speed`, `load`, `temperature` or a name of the plant's own."""
    unit: Annotated[str, AfterValidator(_checked_context_unit)] = "1"
    source_channel: str | None = None
    """Slow channel of the same recording or source; left out where the source has it under its own name."""
    value: float | None = Field(default=None, allow_inf_nan=False)
    """For what nobody measures and never changes."""
    tolerance_s: Positive = 10.0
    """A value further away in time is stale, and the operating state unknown; ten missed readings of a controller."""
    state_width: Positive | None = None
    """Values so far apart are different operating states with baselines of their own; left out: only carried."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.value is not None and self.source_channel is not None:
            raise ValueError("give value or source_channel, not both")
        _as_value_error(self.channel)
        return self

    def channel(self) -> ContextChannel:
        """Return the channel as the windows need it."""
        return ContextChannel(self.name, self.unit, self.tolerance_s, self.state_width, self.value)
