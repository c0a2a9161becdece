"""Spectra, bands and velocity against closed forms. Tolerance 1e-5 for float32, others with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.errors import BandError, SignalError
from models.signal.spectra import Spectrum, band_rms, hann, power_spectrum, velocity_rms, velocity_spectrum

RATE_HZ = 12000.0
N = 12000
T = np.arange(N) / RATE_HZ


def sines(*lines, offset=0.0, dtype=np.float32):
    return (offset + sum(a * np.sin(2 * np.pi * f * T) for a, f in lines))[None].astype(dtype)


def test_a_line_in_the_middle_of_a_bin_has_its_rms_there():
    spectrum = power_spectrum(sines((3.0, 1000.0), offset=9.81), RATE_HZ)
    assert spectrum.step_hz == 1.0
    assert spectrum.power.dtype == np.float32
    assert spectrum.rms[0, 1000] == pytest.approx(3 / np.sqrt(2), rel=1e-5)
    assert int(spectrum.power[0].argmax()) == 1000
    assert spectrum.frequency_hz[1000] == 1000.0


def test_a_line_between_two_bins_is_15_percent_low_in_each_and_whole_in_a_band():
    """The scallop loss of a Hann window is 1.42 dB."""
    spectrum = power_spectrum(sines((3.0, 1000.5)), RATE_HZ)
    assert spectrum.rms[0, 1000] == pytest.approx(0.849 * 3 / np.sqrt(2), rel=1e-3)
    assert band_rms(spectrum, 990.0, 1011.0)[0] == pytest.approx(3 / np.sqrt(2), rel=1e-3)


def test_the_mean_is_not_in_the_spectrum():
    spectrum = power_spectrum(sines((1.0, 50.0), offset=9.81), RATE_HZ)
    assert spectrum.power[0, :3].max() < 1e-9


@pytest.mark.parametrize("n", [12000, 11999])
def test_all_bins_together_hold_the_mean_square_of_the_samples(n):
    """Parseval; 2 % because a window looks at 12,000 random samples with unequal weight."""
    x = np.random.default_rng(2).standard_normal((3, n)).astype(np.float32)
    spectrum = power_spectrum(x, RATE_HZ)
    total = spectrum.power.sum(axis=1) / spectrum.noise_bandwidth_bins
    assert np.allclose(total, x.var(axis=1), rtol=0.03)


def test_float64_stays_float64():
    spectrum = power_spectrum(sines((1.0, 50.0), dtype=np.float64), RATE_HZ)
    assert spectrum.power.dtype == np.float64
    assert spectrum.rms[0, 50] == pytest.approx(1 / np.sqrt(2), rel=1e-12)


def test_band_edges_are_inclusive_below_and_exclusive_above():
    power = np.zeros((1, 101))
    power[0, 10] = power[0, 20] = 1.0
    spectrum = Spectrum(power, 1.0, noise_bandwidth_bins=1.0)
    assert band_rms(spectrum, 10.0, 20.0)[0] == 1.0
    assert band_rms(spectrum, 10.5, 20.5)[0] == 1.0
    assert band_rms(spectrum, 10.0, 20.1)[0] == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "says"),
    [
        (20.0, 10.0, "empty"),
        (-1.0, 10.0, "empty"),
        (10.0, 10.0, "empty"),
        (10.0, 7000.0, "6000 Hz"),
        (10.1, 10.9, "no bin"),
    ],
)
def test_bands_that_cannot_be_are_refused(low_hz, high_hz, says):
    with pytest.raises(BandError, match=says):
        band_rms(power_spectrum(sines((1.0, 50.0)), RATE_HZ), low_hz, high_hz)


def test_velocity_is_acceleration_over_omega_in_mm_per_s():
    """1 mm/s RMS at 50 Hz is 0.444 m/s² peak."""
    amplitude = 2 * np.pi * 50 * 1e-3 * np.sqrt(2)
    spectrum = power_spectrum(sines((amplitude, 50.0)), RATE_HZ)
    assert velocity_rms(spectrum)[0] == pytest.approx(1.0, rel=1e-3)
    assert velocity_spectrum(spectrum).rms[0, 50] == pytest.approx(1.0, rel=1e-4)
    assert velocity_spectrum(spectrum).power[0, 0] == 0.0


def test_velocity_of_a_slow_sensor_ends_at_its_nyquist():
    x = np.random.default_rng(0).standard_normal((1, 1000)).astype(np.float32)
    assert np.isfinite(velocity_rms(power_spectrum(x, 500.0)))


def test_a_snapshot_of_a_tenth_of_a_second_starts_at_its_first_bin():
    """FEMTO: 2,560 samples at 25.6 kHz resolve 10 Hz."""
    t = np.arange(2560) / 25600
    x = np.sin(2 * np.pi * 100 * t)[None]
    expected = 1000 / np.sqrt(2) / (2 * np.pi * 100)
    assert velocity_rms(power_spectrum(x, 25600.0))[0] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("n", "rate"), [(7, 100.0), (100, 0.0), (100, float("nan"))])
def test_too_few_samples_or_no_rate_have_no_spectrum(n, rate):
    with pytest.raises(SignalError):
        power_spectrum(np.zeros((1, n), np.float32), rate)


def test_a_spectrum_without_bins_has_no_velocity():
    with pytest.raises(BandError):
        velocity_spectrum(Spectrum(np.zeros((1, 1)), 1.0))


def test_the_hann_window_is_periodic():
    assert hann(8)[0] == 0.0
    assert hann(8)[4] == 1.0
    assert np.mean(hann(64)) == pytest.approx(0.5)
