"""What the names in a file say: units, rates, speeds, times, and a short name for a channel.

People write `acc_milli_g`, `DE [g]`, `gs`, `fs_hz`, `X118RPM`. Only what is unmistakable is understood; everything
else stays unknown and is asked for.
"""

from __future__ import annotations

import re
from typing import Final

from models.contract.errors import UnitError
from models.contract.units import parse_unit

_BRACKETED: Final = re.compile(r"^(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*$")
_SUFFIXES: Final = (
    ("_milli_g", "mg"),
    ("_mg", "mg"),
    ("_g", "g"),
    ("_m_s2", "m/s2"),
    ("_mps2", "m/s2"),
    ("_mm_s", "mm/s"),
    ("_degc", "degC"),
    ("_bar", "bar"),
    ("_pa", "Pa"),  # not _mpa, which may be a million or a thousandth
)
_WHOLE_NAMES: Final = {"gs": "g"}
_RATES: Final = frozenset(
    {"fs", "fs_hz", "sr", "samplerate", "sample_rate", "sample_rate_hz", "sampling_rate", "sampling_rate_hz", "rate_hz"}
)
_CWRU_STYLE: Final = re.compile(r"^X?\d+_(?P<name>.+)_time$")
_TIMES: Final = frozenset({"t", "t_s", "time", "time_s", "timestamp", "datetime", "date_time", "date", "seconds"})


def unit_of(name: str) -> tuple[str, str | None]:
    """Return a name without its unit, and the unit it states.

    >>> unit_of("acc_milli_g"), unit_of("Air temperature [K]"), unit_of("speed (left)"), unit_of("gs")
    (('acc', 'mg'), ('Air temperature', 'K'), ('speed (left)', None), ('gs', 'g'))
    """
    if name.lower() in _WHOLE_NAMES:
        return name, _WHOLE_NAMES[name.lower()]
    bracketed = _BRACKETED.match(name)
    if bracketed and bracketed["name"] and bracketed["unit"].strip():
        try:
            return bracketed["name"], parse_unit(bracketed["unit"]).name
        except UnitError:
            return name, None
    for suffix, unit in _SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], unit
    return name, None


def is_rate(name: str) -> bool:
    """Return whether a number of this name is a sample rate in Hz."""
    return _leaf(name) in _RATES


def speed_factor(name: str, *, beside_a_rate: bool) -> float | None:
    """Return what turns a number of this name into rpm, or None if it is no shaft speed.

    `rate` means shaft turns per second where a sample rate of its own stands beside it, as in the MFPT files.

    >>> speed_factor("X118RPM", beside_a_rate=False), speed_factor("bearing.rate", beside_a_rate=True)
    (1.0, 60.0)
    """
    leaf = _leaf(name)
    if leaf.endswith("rpm"):
        return 1.0
    if leaf in {"shaft_hz", "speed_hz"} or (leaf == "rate" and beside_a_rate):
        return 60.0
    return None


def is_time(name: str) -> bool:
    """Return whether a column of this name holds times.

    >>> is_time("datetime"), is_time("Time [s]"), is_time("timer")
    (True, True, False)
    """
    bare = _BRACKETED.match(name)
    return _leaf(bare["name"] if bare and bare["name"] else name) in _TIMES


def short_name(source_name: str) -> str:
    """Return a channel's name that is equal over the files of one set, without record number, path and unit.

    >>> short_name("X118_DE_time"), short_name("bearing.gs"), short_name("acc_milli_g")
    ('DE', 'gs', 'acc')
    """
    leaf = source_name.rsplit(".", 1)[-1]
    numbered = _CWRU_STYLE.match(leaf)
    return numbered["name"] if numbered else unit_of(leaf)[0]


def is_numbered(source_name: str) -> bool:
    """Return whether this is `X118_DE_time`, the form that marks signals among other variables of a file."""
    return _CWRU_STYLE.match(source_name) is not None


def _leaf(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip().lower()
