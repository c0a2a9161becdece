"""Kurtosis over frequency: closed forms for noise, lines and gated noise; which band is chosen, and which is not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from models.signal.errors import BandError, ResolutionError, SampleError
from models.signal.kurtogram import envelope_in_best_band, fast_kurtogram, spectral_kurtosis

RATE_HZ = 25600.0
N = 25600
T = np.arange(N) / RATE_HZ


def noise(seed, channels=1, n=N):
    return np.random.default_rng(seed).standard_normal((channels, n))


def impacts(carrier_hz, fault_hz, strength, *, damping_hz=600.0):
    """Return a ring of `carrier_hz` at every multiple of 1/fault_hz."""
    struck = np.zeros(N)
    struck[np.rint(np.arange(0, 1, 1 / fault_hz) * RATE_HZ).astype(int)] = strength
    return np.convolve(struck, np.exp(-T[:512] * damping_hz) * np.sin(2 * np.pi * carrier_hz * T[:512]))[:N]


def test_noise_has_a_kurtosis_of_0_and_its_choice_is_none():
    """200 records of 316 bands: chance 1e-3 each at most, so even one would be rare."""
    chosen = 0
    for seed in range(20):
        kurtogram = fast_kurtogram(noise(seed, 10, 8192).astype(np.float32), RATE_HZ)
        chosen += sum(kurtogram.carrier(channel) is not None for channel in range(10))
        # Level 0 has 4,096 values: deviation 0.031.
        assert np.abs(kurtogram.kurtosis[:, 0]).max() < 5 * 0.032
    assert chosen == 0


def test_a_line_has_a_kurtosis_of_minus_1():
    kurtogram = fast_kurtogram(np.sin(2 * np.pi * 3000 * T)[None] + 1e-4 * noise(1), RATE_HZ)
    narrow = [k for k, band in enumerate(kurtogram.bands) if band.low_hz + 100 < 3000 < band.high_hz - 100]
    assert kurtogram.kurtosis[0, narrow] == pytest.approx(-1.0, abs=1e-3)


@pytest.mark.parametrize("duty", [0.5, 0.25, 0.125])
def test_gated_noise_has_a_kurtosis_of_2_over_duty_less_2(duty):
    """Fourth moment 2σ⁴d over (σ²d)². Each of three bands holds 40,000 values of it: 8 % for the tails."""
    gate = (np.arange(10 * N) % 8192) < duty * 8192
    kurtogram = fast_kurtogram(noise(2, n=10 * N) * gate, RATE_HZ, finest_level=3)
    assert kurtogram.kurtosis[0, :6] == pytest.approx(2 / duty - 2, rel=0.08, abs=0.05)
    kurtosis, _, _ = spectral_kurtosis(noise(2, n=10 * N) * gate, RATE_HZ, resolution_hz=400.0)
    assert kurtosis[0, 2:-2].mean() == pytest.approx(2 / duty - 2, rel=0.08, abs=0.05)


def test_bands_tile_every_level_of_the_binary_and_ternary_tree():
    kurtogram = fast_kurtogram(noise(3), RATE_HZ, finest_level=3)
    rows = kurtogram.level_rows(0)
    assert [row.size for _, row in rows] == [1, 2, 3, 4, 6, 8, 12]
    assert [level for level, _ in rows] == pytest.approx([np.log2(count) for count in (1, 2, 3, 4, 6, 8, 12)])
    assert sum(band.high_hz - band.low_hz for band in kurtogram.bands) == pytest.approx(7 * 12800)


@pytest.mark.parametrize(("carrier_hz", "fault_hz"), [(3200.0, 97.0), (7100.0, 31.0), (1500.0, 160.0)])
def test_the_band_of_the_impacts_is_chosen_and_its_envelope_shows_their_rate(carrier_hz, fault_hz):
    x = impacts(carrier_hz, fault_hz, 4.0) + noise(4)[0] + 3 * np.sin(2 * np.pi * 50 * T)
    (found,) = envelope_in_best_band(x[None].astype(np.float32), RATE_HZ, highest_hz=500.0)
    assert found is not None
    band, spectrum = found
    assert band.low_hz - 300 < carrier_hz < band.high_hz + 300
    power = spectrum.power[0]
    assert int(power[8:].argmax()) + 8 in {round(k * fault_hz) for k in range(1, 5)}
    assert power.dtype == np.float32


def test_one_knock_is_in_the_kurtogram_but_does_not_choose():
    knock = np.zeros(N)
    knock[9000:9512] = 30 * np.exp(-T[:512] * 600) * np.sin(2 * np.pi * 9000 * T[:512])
    alone = fast_kurtogram((noise(5)[0] + knock)[None], RATE_HZ)
    assert alone.kurtosis.max() > 50
    assert alone.carrier(0) is None
    both = fast_kurtogram((impacts(3200.0, 97.0, 4.0) + noise(5)[0] + knock)[None], RATE_HZ).carrier(0)
    assert both is not None
    assert both.low_hz - 300 < 3200 < both.high_hz + 300


def test_width_and_lowest_frequency_of_the_band_are_respected():
    kurtogram = fast_kurtogram((impacts(3200.0, 97.0, 6.0) + noise(6)[0])[None], RATE_HZ)
    band = kurtogram.carrier(0, narrowest_hz=1500.0)
    assert band is not None
    assert band.high_hz - band.low_hz >= 1500.0
    beyond = kurtogram.carrier(0, lowest_hz=6000.0)
    assert beyond is None or beyond.low_hz >= 6000.0


def test_neither_scale_nor_offset_nor_a_shift_in_time_changes_it_and_channels_keep_their_order():
    """A cyclic shift only turns the phases of a transform; lengths are such that nothing is cut off."""
    x = (impacts(3200.0, 97.0, 4.0) + noise(7, 3))[:, :24576]
    one = fast_kurtogram(x, RATE_HZ)
    other = fast_kurtogram(7.0 * np.roll(x[::-1], 24576 // 2, axis=1) - 3.0, RATE_HZ)
    assert other.kurtosis[::-1] == pytest.approx(one.kurtosis, abs=0.05)
    assert fast_kurtogram(7.0 * x[::-1] - 3.0, RATE_HZ).kurtosis[::-1] == pytest.approx(one.kurtosis, abs=1e-9)


def test_spectral_kurtosis_is_that_of_scipys_short_time_spectra():
    x = noise(8, 2)
    kurtosis, step_hz, deviation = spectral_kurtosis(x, RATE_HZ, resolution_hz=200.0)
    centred = x - x.mean(axis=1, keepdims=True)
    _, _, parts = scipy.signal.stft(centred, RATE_HZ, "hann", 128, 96, boundary=None, padded=False)
    power = np.abs(parts) ** 2
    expected = (power**2).mean(axis=2) / power.mean(axis=2) ** 2 - 2
    expected[:, [0, -1]] -= 1
    assert step_hz == 200.0
    assert kurtosis == pytest.approx(expected, abs=1e-9)
    assert kurtosis[:, 2:-2].std() == pytest.approx(deviation, rel=0.15)


def test_silence_has_no_kurtosis_and_no_band():
    kurtogram = fast_kurtogram(np.full((1, N), 9.81), RATE_HZ)
    assert np.isfinite(kurtogram.kurtosis).all()
    assert kurtogram.carrier(0) is None
    assert envelope_in_best_band(np.zeros((1, N)), RATE_HZ, highest_hz=500.0) == (None,)


def test_short_and_broken_records_are_refused():
    with pytest.raises(ResolutionError, match="1024"):
        fast_kurtogram(noise(0, n=1000), RATE_HZ)
    with pytest.raises(ResolutionError):
        fast_kurtogram(noise(0), RATE_HZ, finest_level=-1)
    with pytest.raises(ResolutionError, match="16 windows"):
        spectral_kurtosis(noise(0), RATE_HZ, resolution_hz=5.0)
    with pytest.raises(SampleError):
        fast_kurtogram(np.full((1, N), np.nan), RATE_HZ)
    with pytest.raises(BandError):
        envelope_in_best_band(noise(0), RATE_HZ, highest_hz=20000.0)
