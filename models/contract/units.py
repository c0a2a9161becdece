"""Units: one table from what people type to UCUM, to the Sparkplug property `engUnit`, and to SI.

On the command line `g` is standard gravity, never gram, and `mg` a thousandth of it: this is a table for vibration,
for sound and for the slow signals around a machine, nothing else. A channel in Pa, mPa or µPa is a microphone where
machines vibrate (`is_sound`); kPa and bar are the pressure of a process.

Source: The Unified Code for Units of Measure 2.1; CGPM 1901 for standard gravity; ISO 1683 for the level of sound.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Final

from models.contract.errors import UnitError

STANDARD_GRAVITY: Final = 9.80665
"""m/s², exact by definition (3rd CGPM, 1901)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit and how it relates to SI.

    Attributes:
        name: what people type in a configuration or on the command line.
        eng_unit: what people read, and what stands in the Sparkplug property `engUnit`.
        ucum: the code of UCUM, case sensitive.
        quantity: what it measures; only units of one quantity convert into each other.
        to_si: value in SI = value × to_si + si_offset.
        si_offset: zero but for temperatures.
    """

    name: str
    eng_unit: str
    ucum: str
    quantity: str
    to_si: float
    si_offset: float = 0.0


UNITS: Final[tuple[Unit, ...]] = (
    Unit("m/s2", "m/s²", "m/s2", "acceleration", 1.0),
    Unit("g", "g", "[g]", "acceleration", STANDARD_GRAVITY),
    Unit("mg", "mg", "m[g]", "acceleration", STANDARD_GRAVITY / 1000.0),
    Unit("mm/s2", "mm/s²", "mm/s2", "acceleration", 1e-3),
    Unit("m/s", "m/s", "m/s", "velocity", 1.0),
    Unit("mm/s", "mm/s", "mm/s", "velocity", 1e-3),
    Unit("in/s", "in/s", "[in_i]/s", "velocity", 0.0254),
    Unit("m", "m", "m", "displacement", 1.0),
    Unit("mm", "mm", "mm", "displacement", 1e-3),
    Unit("um", "µm", "um", "displacement", 1e-6),
    Unit("mil", "mil", "[mil_i]", "displacement", 2.54e-5),
    Unit("Hz", "Hz", "Hz", "frequency", 1.0),
    Unit("kHz", "kHz", "kHz", "frequency", 1000.0),
    Unit("rpm", "rpm", "{rpm}/min", "frequency", 1.0 / 60.0),
    Unit("s", "s", "s", "time", 1.0),
    Unit("ms", "ms", "ms", "time", 1e-3),
    Unit("h", "h", "h", "time", 3600.0),
    Unit("K", "K", "K", "temperature", 1.0),
    Unit("degC", "°C", "Cel", "temperature", 1.0, 273.15),
    Unit("degF", "°F", "[degF]", "temperature", 5.0 / 9.0, 459.67 * 5.0 / 9.0),
    Unit("Pa", "Pa", "Pa", "pressure", 1.0),
    Unit("mPa", "mPa", "mPa", "pressure", 1e-3),
    Unit("uPa", "µPa", "uPa", "pressure", 1e-6),
    Unit("kPa", "kPa", "kPa", "pressure", 1e3),
    Unit("MPa", "MPa", "MPa", "pressure", 1e6),
    Unit("mbar", "mbar", "mbar", "pressure", 1e2),
    Unit("bar", "bar", "bar", "pressure", 1e5),
    Unit("psi", "psi", "[psi]", "pressure", 6_894.757293168),
    # A logarithm: of its own quantity, because no factor turns it into a pressure.
    Unit("dB", "dB re 20 µPa", "dB[SPL]", "sound pressure level", 1.0),
    Unit("N", "N", "N", "force", 1.0),
    Unit("N.m", "N·m", "N.m", "torque", 1.0),
    Unit("A", "A", "A", "current", 1.0),
    Unit("mA", "mA", "mA", "current", 1e-3),
    Unit("V", "V", "V", "voltage", 1.0),
    Unit("mV", "mV", "mV", "voltage", 1e-3),
    Unit("W", "W", "W", "power", 1.0),
    Unit("kW", "kW", "kW", "power", 1e3),
    Unit("l/s", "l/s", "L/s", "flow", 1e-3),
    Unit("l/min", "l/min", "L/min", "flow", 1e-3 / 60.0),
    Unit("m3/h", "m³/h", "m3/h", "flow", 1.0 / 3600.0),
    Unit("%", "%", "%", "ratio", 1e-2),
    Unit("1", "1", "1", "ratio", 1.0),
)
"""Every unit that is known, grouped by quantity."""

_OTHER_SPELLINGS: Final = {
    "m/s^2": "m/s2",
    "m/s**2": "m/s2",
    "ms-2": "m/s2",
    "gn": "g",
    "g_n": "g",
    "milli_g": "mg",
    "mm/s^2": "mm/s2",
    "ips": "in/s",
    "μm": "um",  # the Greek letter, which many keyboards give for the micro sign
    "μPa": "uPa",
    "r/min": "rpm",
    "1/min": "rpm",
    "C": "degC",
    "F": "degF",
    "Nm": "N.m",
    "": "1",
}

SOUND_UNITS: Final = ("Pa", "mPa", "uPa")
"""What microphones are calibrated in; a pressure in kPa or bar is no sound that anybody could stand beside."""

_BY_SPELLING: Final = {spelling: unit for unit in UNITS for spelling in (unit.name, unit.eng_unit, unit.ucum)} | {
    spelling: unit for spelling, name in _OTHER_SPELLINGS.items() for unit in UNITS if unit.name == name
}


def parse_unit(text: str) -> Unit:
    """Return the unit that a person, a file or a Sparkplug property means.

    >>> parse_unit("g").ucum
    '[g]'
    >>> parse_unit("m/s²") is parse_unit("m/s2")
    True

    Args:
        text: name, engUnit, UCUM code or a common other spelling; spaces around it do not matter.

    Raises:
        UnitError: not in the table; names the nearest and lists all.
    """
    wanted = text.strip()
    unit = _BY_SPELLING.get(wanted)
    if unit is None:
        near = difflib.get_close_matches(wanted, list(_BY_SPELLING), n=1, cutoff=0.5)
        hint = f", did you mean {near[0]!r}?" if near and near[0] else ";"
        raise UnitError(f"unknown unit {text[:40]!r}{hint} known units: {', '.join(u.name for u in UNITS)}")
    return unit


def is_sound(unit: Unit | str) -> bool:
    """Return whether a channel that is sampled like vibration is a microphone.

    >>> is_sound("Pa"), is_sound("µPa"), is_sound("bar"), is_sound("g")
    (True, True, False, False)

    Raises:
        UnitError: an unknown unit.
    """
    return (parse_unit(unit) if isinstance(unit, str) else unit).name in SOUND_UNITS


def convert_factor(from_unit: Unit | str, to_unit: Unit | str) -> float:
    """Return the factor that turns values of one unit into values of the other.

    >>> convert_factor("g", "m/s2")
    9.80665

    Raises:
        UnitError: an unknown unit, different quantities, or temperatures with different zeros (use `convert`).
    """
    source, target = _pair(from_unit, to_unit)
    if not math.isclose(source.si_offset, target.si_offset):
        raise UnitError(f"{source.name} and {target.name} have different zeros: a factor is not enough")
    return source.to_si / target.to_si


def convert(value: float, from_unit: Unit | str, to_unit: Unit | str) -> float:
    """Return one value in another unit, zeros of temperature scales included.

    >>> round(convert(212.0, "degF", "degC"), 9)
    100.0

    Raises:
        UnitError: an unknown unit or different quantities.
    """
    source, target = _pair(from_unit, to_unit)
    return (value * source.to_si + source.si_offset - target.si_offset) / target.to_si


def _pair(from_unit: Unit | str, to_unit: Unit | str) -> tuple[Unit, Unit]:
    source = parse_unit(from_unit) if isinstance(from_unit, str) else from_unit
    target = parse_unit(to_unit) if isinstance(to_unit, str) else to_unit
    if source.quantity != target.quantity:
        raise UnitError(f"{source.name} measures {source.quantity}, {target.name} measures {target.quantity}")
    return source, target
