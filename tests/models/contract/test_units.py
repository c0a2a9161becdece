"""Units: one spelling in, one meaning out, and never a silent guess."""

from __future__ import annotations

import itertools

import pytest

from models.contract.errors import InputError, UnitError
from models.contract.units import UNITS, Unit, convert, convert_factor, is_sound, parse_unit


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_is_found_by_name_eng_unit_and_ucum(unit: Unit) -> None:
    assert parse_unit(unit.name) is parse_unit(unit.eng_unit) is parse_unit(unit.ucum) is unit


def test_no_spelling_means_two_units() -> None:
    spellings = [(s, u.name) for u in UNITS for s in {u.name, u.eng_unit, u.ucum}]
    assert len({s for s, _ in spellings}) == len(spellings)


def test_g_is_standard_gravity_and_mg_a_thousandth_of_it() -> None:
    assert convert_factor("g", "m/s2") == 9.80665
    assert convert_factor("mg", "g") == pytest.approx(1e-3, rel=1e-15)
    assert parse_unit("g").ucum == "[g]"


@pytest.mark.parametrize(
    ("value", "start", "end", "expected"),
    [
        (1.0, "in/s", "mm/s", 25.4),
        (1500.0, "rpm", "Hz", 25.0),
        (100.0, "degC", "K", 373.15),
        (32.0, "degF", "degC", 0.0),
        (1.0, "mil", "um", 25.4),
        (60.0, "l/min", "m3/h", 3.6),
    ],
)
def test_conversions_against_a_table_of_physics(value: float, start: str, end: str, expected: float) -> None:
    """Tolerance: a few float64 roundings."""
    assert convert(value, start, end) == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_units_of_different_quantities_never_convert() -> None:
    for a, b in itertools.permutations(UNITS, 2):
        if a.quantity != b.quantity:
            with pytest.raises(UnitError):
                convert_factor(a, b)


def test_sound_is_what_microphones_are_calibrated_in_and_a_level_is_no_pressure() -> None:
    assert [unit.name for unit in UNITS if is_sound(unit)] == ["Pa", "mPa", "uPa"]
    assert convert_factor("mPa", "Pa") == 1e-3
    assert parse_unit("μPa") is parse_unit("µPa") is parse_unit("uPa")
    assert parse_unit("mPa") is not parse_unit("Pa")
    with pytest.raises(UnitError, match="sound pressure level"):
        convert_factor("dB", "Pa")


def test_a_factor_is_refused_between_scales_with_different_zeros() -> None:
    with pytest.raises(UnitError, match="zeros"):
        convert_factor("degC", "K")


@pytest.mark.parametrize("text", ["gram", "M/S2", "G", "furlong", "m/s2 rms"])
def test_an_unknown_unit_lists_the_known_ones(text: str) -> None:
    with pytest.raises(InputError, match=r"known units: m/s2, g, mg"):
        parse_unit(text)
