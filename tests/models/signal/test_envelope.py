"""The squared envelope of a band and its spectrum, against known modulation."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.envelope import squared_envelope, squared_envelope_spectra, squared_envelope_spectrum
from models.signal.errors import BandError
from models.signal.fourier import rfft

RATE_HZ = 12000.0
T = np.arange(12000) / RATE_HZ


def modulated(amplitude, depth, modulation_hz, carrier_hz):
    return amplitude * (1 + depth * np.cos(2 * np.pi * modulation_hz * T)) * np.cos(2 * np.pi * carrier_hz * T)


@pytest.mark.parametrize("depth", [0.05, 0.3, 1.0])
def test_a_modulation_of_known_depth_gives_lines_at_its_frequency_and_twice_it(depth):
    """A²(1 + 2m cos + m²/2 + m²/2 cos 2Ωt): 1e-4 for float32."""
    x = modulated(3.0, depth, 107.0, 3000.0)[None].astype(np.float32)
    spectrum = squared_envelope_spectrum(x, RATE_HZ, 2500.0, 3500.0, highest_hz=500.0)
    assert spectrum.step_hz == 1.0
    assert spectrum.power.shape == (1, 501)
    assert spectrum.power[0, 0] == pytest.approx((9 * (1 + depth**2 / 2)) ** 2, rel=1e-4)
    assert spectrum.power[0, 107] == pytest.approx((9 * 2 * depth) ** 2 / 2, rel=1e-4)
    assert spectrum.power[0, 214] == pytest.approx((9 * depth**2 / 2) ** 2 / 2, rel=1e-4)


def test_the_squared_envelope_of_a_sine_is_its_amplitude_squared():
    transform = rfft(modulated(3.0, 0.0, 0.0, 3000.0)[None])
    envelope, rate_hz = squared_envelope(transform, 12000, RATE_HZ, 2500.0, 3500.0)
    assert np.allclose(envelope, 9.0)
    assert rate_hz == 2000.0


def test_other_bands_do_not_hear_it():
    x = modulated(3.0, 0.5, 107.0, 3000.0)[None].astype(np.float32)
    here, there = squared_envelope_spectra(x, RATE_HZ, ((2500.0, 3500.0), (4000.0, 5000.0)), highest_hz=500.0)
    assert there.power[0, 107] < 1e-9 * here.power[0, 107]


def test_bands_that_share_a_transform_equal_bands_one_by_one():
    x = np.random.default_rng(4).standard_normal((3, 12000)).astype(np.float32)
    bands = ((500.0, 1500.0), (1500.0, 2600.0), (3000.0, 6000.0))
    for band, shared in zip(bands, squared_envelope_spectra(x, RATE_HZ, bands), strict=True):
        assert np.array_equal(shared.power, squared_envelope_spectrum(x, RATE_HZ, *band).power)


def test_impacts_at_a_fault_rate_stand_out_of_noise_that_hides_them_in_the_spectrum():
    rng = np.random.default_rng(9)
    impacts = np.zeros(12000)
    impacts[:: round(RATE_HZ / 100.0)] = 6.0
    ring = np.exp(-T[:200] * 1500) * np.sin(2 * np.pi * 3200 * T[:200])
    x = np.convolve(impacts, ring)[:12000] + rng.standard_normal(12000)
    power = squared_envelope_spectrum(x[None], RATE_HZ, 2600.0, 3800.0, highest_hz=450.0).power[0]
    background = np.median(power[20:])
    assert power[100] > 20 * background
    assert power[200] > 10 * background
    assert int(power[20:].argmax()) + 20 in {100, 200}


def test_modulation_faster_than_the_band_is_wide_is_not_claimed():
    x = np.random.default_rng(4).standard_normal((1, 12000))
    assert squared_envelope_spectrum(x, RATE_HZ, 2000.0, 2300.0).power.shape[1] == 301


@pytest.mark.parametrize(("low_hz", "high_hz"), [(2000.0, 1000.0), (5000.0, 7000.0), (1000.0, 1004.0)])
def test_bands_that_carry_nothing_are_refused(low_hz, high_hz):
    with pytest.raises(BandError):
        squared_envelope_spectrum(np.ones((1, 12000), np.float32), RATE_HZ, low_hz, high_hz)
