"""Cyclic indicators against known modulation, and against noise that has none."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.cyclostationarity import cyclic_indicator, cyclic_modulation
from models.signal.envelope import squared_envelope_spectrum
from models.signal.errors import BandError, ResolutionError, SampleError, SpeedError
from models.signal.spectra import hann

RATE_HZ = 12000.0
N = 24000
T = np.arange(N) / RATE_HZ


def envelope_of(x, highest_hz=1000.0):
    return squared_envelope_spectrum(x, RATE_HZ, 2000.0, 4000.0, highest_hz=highest_hz)


def modulated_noise(depth, modulation_hz, seed=1):
    return (1 + depth * np.cos(2 * np.pi * modulation_hz * T)) * np.random.default_rng(seed).standard_normal((2, N))


@pytest.mark.parametrize("depth", [0.2, 0.6, 1.0])
def test_a_modulated_line_has_the_value_of_its_depth(depth):
    """Squared envelope 1 + m²/2 + 2m cos + (m²/2) cos 2: half of (2m)² + (m²/2)², over (1 + m²/2)²; 0.2 % beside."""
    x = ((1 + depth * np.cos(2 * np.pi * 107 * T)) * np.cos(2 * np.pi * 3000 * T))[None]
    indicator = cyclic_indicator(envelope_of(x), 107.0)
    expected = ((2 * depth) ** 2 + (depth**2 / 2) ** 2) / 2 / (1 + depth**2 / 2) ** 2
    assert indicator.value[0] == pytest.approx(expected, rel=2e-3)
    assert indicator.chance[0] < 1e-6
    assert indicator.lines[0, 2] < 1e-6


def test_modulated_noise_has_the_same_value_plus_chance():
    """2 m²/(1 + m²/2)² at the first line; 4,000 independent values of noise move it by some 5 %: 15 %."""
    indicator = cyclic_indicator(envelope_of(modulated_noise(0.6, 107.0)), 107.0)
    expected = 2 * 0.6**2 / (1 + 0.6**2 / 2) ** 2
    assert indicator.lines[:, 0] == pytest.approx(expected, rel=0.15)
    assert (indicator.value > 30 * indicator.chance).all()


def test_stationary_noise_has_the_value_of_chance():
    """15 bins of exponential values over 100 records: the mean ratio is 1 within 10 %."""
    x = np.random.default_rng(2).standard_normal((100, N))
    indicator = cyclic_indicator(envelope_of(x), 107.3)
    assert (indicator.value / indicator.chance).mean() == pytest.approx(1.0, abs=0.15)
    assert (indicator.value / indicator.chance).max() < 4


def test_scale_does_not_matter_and_channels_keep_their_order():
    x = np.concatenate([modulated_noise(0.6, 107.0), modulated_noise(0.1, 107.0)])
    one = cyclic_indicator(envelope_of(x), 107.0).value
    assert cyclic_indicator(envelope_of(5 * x[::-1]), 107.0).value[::-1] == pytest.approx(one, rel=1e-9)


def test_the_modulation_of_a_line_is_found_at_its_carrier_with_its_depth():
    """The window smooths the modulation by its transform W(Ω)/W(0): (2m W)²/2 over the squared mean."""
    depth, modulation_hz = 0.3, 25.0
    x = ((1 + depth * np.cos(2 * np.pi * modulation_hz * T)) * np.cos(2 * np.pi * 3000 * T))[None]
    x = x + 1e-3 * np.random.default_rng(3).standard_normal((1, N))
    result = cyclic_modulation(x, RATE_HZ, carrier_resolution_hz=100.0, highest_hz=100.0)
    assert result.carrier_step_hz == 100.0
    place = round(modulation_hz / result.modulation_step_hz)
    turns = np.exp(-2j * np.pi * modulation_hz / RATE_HZ * np.arange(120))
    passed = abs((hann(120) * turns).sum()) / hann(120).sum()
    mean = 1 + (depth * passed) ** 2 / 2
    found = result.power[0, 30, place - 2 : place + 3].sum() / 1.5
    assert found == pytest.approx((2 * depth * passed / mean) ** 2 / 2, rel=0.02)
    assert result.power[0, 5, place - 1 : place + 2].max() < 0.1 * found


def test_integration_over_the_right_carriers_shows_what_the_whole_spectrum_hides():
    rng = np.random.default_rng(4)
    bins = np.fft.rfft(modulated_noise(0.8, 31.0)[:1])
    frequency_hz = np.fft.rfftfreq(N, 1 / RATE_HZ)
    band = np.fft.irfft(bins * ((frequency_hz > 3000) & (frequency_hz < 3600)))
    x = (band + 0.3 * rng.standard_normal((1, N))).astype(np.float32)
    result = cyclic_modulation(x, RATE_HZ, carrier_resolution_hz=200.0, highest_hz=150.0)
    assert result.power.dtype == np.float32
    right = result.integrated(3000.0, 3600.0)
    place = round(31.0 / right.step_hz)
    assert abs(int(right.power[0, 4:].argmax()) + 4 - place) <= 1
    wrong = result.integrated(1000.0, 2500.0)
    assert right.power[0, place] > 10 * wrong.power[0, place]


def test_what_cannot_be_resolved_is_refused():
    envelope = envelope_of(modulated_noise(0.5, 107.0))
    for frequency_hz in (0.0, -1.0, float("nan")):
        with pytest.raises(SpeedError):
            cyclic_indicator(envelope, frequency_hz)
    with pytest.raises(ResolutionError, match=r"at least 5 s"):
        cyclic_indicator(envelope, 1.0)
    with pytest.raises(BandError):
        cyclic_indicator(envelope, 1500.0)
    x = modulated_noise(0.5, 107.0)
    for asked in (
        {"carrier_resolution_hz": 50.0, "highest_hz": 100.0},
        {"carrier_resolution_hz": 2.0, "highest_hz": 1.0},
    ):
        with pytest.raises(ResolutionError):
            cyclic_modulation(x, RATE_HZ, **asked)
    with pytest.raises(SampleError):
        cyclic_modulation(x * np.nan, RATE_HZ, carrier_resolution_hz=100.0, highest_hz=100.0)
    with pytest.raises(BandError):
        cyclic_modulation(x, RATE_HZ, carrier_resolution_hz=100.0, highest_hz=100.0).integrated(3000.0, 9000.0)
