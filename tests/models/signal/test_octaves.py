"""Fractional octaves and own bands: names and edges of the standard, levels of known signals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.signal.averaging import averaged_spectrum
from models.signal.errors import BandError, ResolutionError
from models.signal.octaves import band_values, bands_between, fractional_octaves, level_db
from models.signal.spectra import power_spectrum

RATE_HZ = 25600.0
NOISE = np.random.default_rng(5).standard_normal((1, 25600 * 4))


def test_third_octaves_have_the_names_and_exact_middles_of_iec_61260_1():
    """Table E.1: middles are 10^(n/10), edges a sixth of an octave (10^0.05) to either side."""
    bands = fractional_octaves(10.0, 10000.0)
    names = "10 12.5 16 20 25 31.5 40 50 63 80 100 125 160 200 250 315 400 500 630 800 1000 1250 1600 2000 2500 3150"
    assert [band.name for band in bands] == [*names.split(), "4000", "5000", "6300", "8000", "10000"]
    assert [band.mid_hz for band in bands] == pytest.approx([10 ** (n / 10) for n in range(10, 41)], rel=1e-12)
    assert bands[20].low_hz == pytest.approx(1000 / 10**0.05, rel=1e-12)
    assert all(one.high_hz == pytest.approx(two.low_hz, rel=1e-12) for one, two in itertools.pairwise(bands))


def test_octaves_and_twelfths_have_theirs():
    names = [band.name for band in fractional_octaves(16.0, 16000.0, 1)]
    assert names == ["16", "31.5", "63", "125", "250", "500", "1000", "2000", "4000", "8000", "16000"]
    twelfths = fractional_octaves(500.0, 2000.0, 12)
    # Even fractions have an edge at 1000 Hz: G^(1/24) above it lies 1029 Hz, named 1030.
    assert any(band.low_hz == pytest.approx(1000.0, rel=1e-12) and band.name == "1030" for band in twelfths)


@given(st.integers(1, 24))
def test_bands_of_any_fraction_touch_and_rise(fraction):
    bands = fractional_octaves(20.0, 5000.0, fraction)
    assert all(band.low_hz < band.mid_hz < band.high_hz for band in bands)
    assert all(one.high_hz == pytest.approx(two.low_hz) for one, two in itertools.pairwise(bands))


def test_a_sine_is_in_its_band_and_nowhere_else():
    """A Hann window leaves 1e-4 of a line's power four bins away; 40 Hz is 5 Hz from its band's edges at 1 Hz."""
    t = np.arange(25600) / RATE_HZ
    values = band_values(power_spectrum(2.0 * np.sin(2 * np.pi * 40.3 * t)[None], RATE_HZ), fractional_octaves(25, 63))
    assert values[0] == pytest.approx([0, 0, np.sqrt(2), 0, 0], abs=0.01)


def test_white_noise_rises_by_one_db_per_third_octave():
    """Band power ∝ bandwidth: 10^0.1 per band. 4,000 Hz and up hold thousands of bins: 2 %."""
    spectrum = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=2.0).spectrum
    bands = fractional_octaves(1000.0, 10000.0)
    widths = np.array([band.high_hz - band.low_hz for band in bands])
    assert band_values(spectrum, bands)[0] == pytest.approx(np.sqrt(widths / (RATE_HZ / 2)), rel=0.03)


def test_bands_that_touch_add_up_to_the_whole():
    spectrum = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=2.0).spectrum
    whole = band_values(spectrum, bands_between((100.0, 9000.0)))
    parts = band_values(spectrum, bands_between((100.0, 333.3, 1234.56, 4321.0, 9000.0)))
    assert np.sqrt((parts**2).sum()) == pytest.approx(whole[0, 0], rel=1e-12)


def test_bands_of_orders_follow_the_speed():
    bands = bands_between((0.5, 1.5, 2.5), speed_hz=24.0)
    assert [(band.low_hz, band.mid_hz, band.high_hz) for band in bands] == [(12.0, 24.0, 36.0), (36.0, 48.0, 60.0)]


def test_levels_have_the_references_of_iso_1683():
    """1 m/s² is 120 dB, 1 mm/s 120 dB, 1 µm 120 dB."""
    for unit in ("m/s2", "mm/s", "um"):
        assert level_db(np.array([1.0, 10.0]), unit) == pytest.approx([120.0, 140.0])
    assert level_db(np.array([0.0]), "m/s2")[0] == -np.inf
    with pytest.raises(BandError, match="reference"):
        level_db(np.array([1.0]), "furlong")


def test_bands_that_cannot_be_are_refused():
    spectrum = power_spectrum(NOISE[:, :25600], RATE_HZ)
    with pytest.raises(BandError, match="12800 Hz"):
        band_values(spectrum, fractional_octaves(10000.0, 16000.0))
    with pytest.raises(ResolutionError, match=r"at least 1\.7\d* s"):
        band_values(spectrum, fractional_octaves(10.0, 10.0))
    for low_hz, high_hz, fraction in (
        (0.0, 10.0, 3),
        (20.0, 10.0, 3),
        (10.0, 20.0, 0),
        (10.0, 20.0, 25),
        (11.0, 12.0, 1),
    ):
        with pytest.raises(BandError):
            fractional_octaves(low_hz, high_hz, fraction)
    for edges in ((), (1.0,), (2.0, 1.0), (-1.0, 1.0), (1.0, float("inf"))):
        with pytest.raises(BandError):
            bands_between(edges)
    with pytest.raises(BandError, match="speed"):
        bands_between((0.5, 1.5), speed_hz=0.0)
