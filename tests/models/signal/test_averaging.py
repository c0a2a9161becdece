"""Averaged spectra: lines, noise, peak hold, and what the average is worth; scipy.signal.welch is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.averaging import Averaging, WindowShape, averaged_spectrum, density, line_peak
from models.signal.errors import ResolutionError, SignalError
from models.signal.spectra import band_rms, flat_top, hann

RATE_HZ = 4096.0
NOISE = np.random.default_rng(7).standard_normal((2, 40960))


def sine(amplitude, frequency_hz, n=40960):
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(n) / RATE_HZ)[None]


@pytest.mark.parametrize("n", [8, 64, 1000])
def test_windows_are_those_of_scipy(n):
    assert flat_top(n) == pytest.approx(scipy.signal.windows.flattop(n, sym=False), abs=1e-12)
    assert hann(n) == pytest.approx(scipy.signal.windows.hann(n, sym=False), abs=1e-12)


@pytest.mark.parametrize(("shape", "name"), [(WindowShape.HANN, "hann"), (WindowShape.FLAT_TOP, "flattop")])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_power_and_density_are_those_of_welch(shape, name, overlap):
    """Twice scipy's own rounding; peak amplitudes squared over 2 is what scipy calls `spectrum`."""
    ours = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=4.0, shape=shape, overlap=overlap)
    assert ours.window_samples == 1024
    asked = {"fs": RATE_HZ, "window": name, "nperseg": 1024, "noverlap": int(1024 * overlap), "detrend": "constant"}
    _, lines = scipy.signal.welch(NOISE, scaling="spectrum", **asked)
    _, per_hz = scipy.signal.welch(NOISE, scaling="density", **asked)
    assert ours.spectrum.power == pytest.approx(lines, rel=1e-9, abs=1e-15)
    assert density(ours.spectrum) == pytest.approx(per_hz, rel=1e-9, abs=1e-15)


@settings(max_examples=40, deadline=None)
@given(frequency_hz=st.floats(100.0, 1900.0))
def test_a_flat_top_measures_a_line_wherever_it_lies(frequency_hz):
    """0.02 dB of scallop loss is 0.12 % in amplitude; 0.2 % with what leaks from the other side."""
    ours = averaged_spectrum(sine(3.0, frequency_hz), RATE_HZ, resolution_hz=4.0, shape=WindowShape.FLAT_TOP)
    assert line_peak(ours.spectrum).max() == pytest.approx(3.0, rel=2e-3)


def test_a_hann_window_separates_lines_a_flat_top_does_not():
    two = sine(1.0, 1000.0) + sine(1.0, 1016.0)
    hann_power = averaged_spectrum(two, RATE_HZ, resolution_hz=4.0).spectrum.power[0]
    flat_power = averaged_spectrum(two, RATE_HZ, resolution_hz=4.0, shape=WindowShape.FLAT_TOP).spectrum.power[0]
    assert hann_power[252] < 0.01 * hann_power[250]
    assert flat_power[252] > 0.1 * flat_power[250]


@pytest.mark.parametrize("shape", list(WindowShape))
def test_white_noise_has_its_density_and_its_band_rms_under_either_window(shape):
    """σ² = 1 over 2048 Hz. 79 windows at 50 % overlap: the mean over hundreds of bins is within 2 %."""
    ours = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=4.0, shape=shape, overlap=0.5)
    assert density(ours.spectrum)[:, 8:-8].mean(axis=1) == pytest.approx(1 / 2048, rel=0.02)
    assert band_rms(ours.spectrum, 512.0, 1024.0) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(
    ("shape", "overlap"), [(WindowShape.HANN, 0.0), (WindowShape.HANN, 0.5), (WindowShape.FLAT_TOP, 0.75)]
)
def test_the_degrees_of_freedom_are_those_that_noise_shows(shape, overlap):
    """2 mean²/variance over 20 records × 480 bins; its own scatter is 2–3 %, neighbours are correlated: 8 %."""
    x = np.random.default_rng(3).standard_normal((20, 8192))
    ours = averaged_spectrum(x, RATE_HZ, resolution_hz=4.0, shape=shape, overlap=overlap)
    power = ours.spectrum.power[:, 16:-16]
    assert 2 * power.mean() ** 2 / power.var() == pytest.approx(ours.degrees_of_freedom, rel=0.08)


def test_without_overlap_each_window_counts_two():
    ours = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=4.0, overlap=0.0)
    assert ours.windows == 40
    assert ours.degrees_of_freedom == 80.0


@pytest.mark.parametrize(("freedom_windows", "tolerance"), [(2, 0.08), (8, 0.01), (40, 0.01)])
def test_the_confidence_interval_is_that_of_chi_square(freedom_windows, tolerance):
    """Wilson and Hilferty's cube root is within 1 % from 16 degrees of freedom on, within 8 % at four."""
    ours = averaged_spectrum(NOISE[:, : 1024 * freedom_windows], RATE_HZ, resolution_hz=4.0, overlap=0.0)
    freedom = ours.degrees_of_freedom
    exact = freedom / scipy.stats.chi2.ppf([0.975, 0.025], freedom)
    assert ours.confidence(0.95) == pytest.approx(tuple(exact), rel=tolerance)


def test_peak_hold_keeps_the_knock_that_the_mean_forgets():
    x = np.zeros((1, 40960))
    x[0, 20000:21024] = sine(1.0, 800.0, 1024)
    mean = averaged_spectrum(x, RATE_HZ, resolution_hz=4.0)
    held = averaged_spectrum(x, RATE_HZ, resolution_hz=4.0, averaging=Averaging.PEAK_HOLD)
    assert line_peak(held.spectrum)[0, 200] == pytest.approx(1.0, rel=0.1)
    assert line_peak(mean.spectrum)[0, 200] < 0.2
    assert np.isnan(held.degrees_of_freedom)
    with pytest.raises(SignalError):
        held.confidence()


def test_scaling_channel_order_and_float32():
    """float32 against float64: 1e-5, a few hundred roundings of 6e-8."""
    ours = averaged_spectrum(NOISE, RATE_HZ, resolution_hz=4.0).spectrum.power
    assert averaged_spectrum(3 * NOISE, RATE_HZ, resolution_hz=4.0).spectrum.power == pytest.approx(9 * ours, rel=1e-12)
    assert np.array_equal(averaged_spectrum(NOISE[::-1], RATE_HZ, resolution_hz=4.0).spectrum.power, ours[::-1])
    single = averaged_spectrum(NOISE.astype(np.float32), RATE_HZ, resolution_hz=4.0).spectrum.power
    assert single.dtype == np.float32
    assert np.abs(single[:, 2:] / ours[:, 2:] - 1).max() < 1e-3
    assert np.abs(single - ours).max() < 1e-5 * ours.max()


@pytest.mark.parametrize("resolution_hz", [0.0, -1.0, float("nan"), 0.05, 2048.0])
def test_a_resolution_that_the_record_does_not_have_is_refused(resolution_hz):
    with pytest.raises(ResolutionError, match="resol"):
        averaged_spectrum(NOISE, RATE_HZ, resolution_hz=resolution_hz)


def test_an_overlap_of_everything_is_refused():
    with pytest.raises(SignalError, match="overlap"):
        averaged_spectrum(NOISE, RATE_HZ, resolution_hz=4.0, overlap=1.0)
