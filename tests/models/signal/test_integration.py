"""Velocity and displacement against the integrals of sines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.errors import BandError, ResolutionError, SampleError
from models.signal.integration import displacement, integrated, velocity
from models.signal.spectra import power_spectrum, velocity_rms

RATE_HZ = 5120.0
N = 5120
T = np.arange(N) / RATE_HZ


@settings(max_examples=40, deadline=None)
@given(frequency_hz=st.floats(10.0, 2400.0), phase=st.floats(0.0, 6.3))
def test_a_sine_of_any_frequency_and_phase_is_within_the_stated_ends(frequency_hz, phase):
    """1 % of the amplitude for velocity and 2 % for displacement, as the module says."""
    omega = 2 * np.pi * frequency_hz
    acceleration = np.sin(omega * T + phase)[None]
    one, two = velocity(acceleration, RATE_HZ), displacement(acceleration, RATE_HZ)
    inside = one.settled
    assert np.abs(one.samples[0, inside] * omega / 1e3 + np.cos(omega * T + phase)[inside]).max() < 0.01
    assert np.abs(two.samples[0, inside] * omega**2 / 1e6 + np.sin(omega * T + phase)[inside]).max() < 0.02


def test_one_mm_per_s_at_50_hz():
    """0.444 m/s² peak at 50 Hz: 1 mm/s RMS, 4.50 µm peak, 9.00 µm peak-to-peak. 1 % for the ends."""
    acceleration = (np.sqrt(2) * 1e-3 * 2 * np.pi * 50 * np.sin(2 * np.pi * 50 * T))[None]
    v, d = velocity(acceleration, RATE_HZ), displacement(acceleration, RATE_HZ)
    assert (v.unit, d.unit) == ("mm/s", "um")
    assert v.rms[0] == pytest.approx(1.0, rel=0.01)
    assert v.peak[0] == pytest.approx(np.sqrt(2), rel=0.01)
    assert d.peak[0] == pytest.approx(4.502, rel=0.02)
    assert d.peak_to_peak[0] == pytest.approx(9.003, rel=0.02)


def test_waveform_and_spectrum_agree_on_noise():
    """Noise from 50 Hz to 1500 Hz, inside both bands; 8 % because they weigh some 400 periods of it differently."""
    bins = np.fft.rfft(np.random.default_rng(1).standard_normal((4, 10 * N)))
    frequency_hz = np.fft.rfftfreq(10 * N, 1 / RATE_HZ)
    x = np.fft.irfft(bins * ((frequency_hz > 50) & (frequency_hz < 1500)))
    assert velocity(x, RATE_HZ).rms == pytest.approx(velocity_rms(power_spectrum(x, RATE_HZ), 10.0, 2560.0), rel=0.08)


def test_an_offset_and_what_is_slow_do_not_arrive():
    """1 g offset and a 2 Hz sway of 1 m/s², which alone would be 80 mm/s."""
    x = (9.81 + np.sin(2 * np.pi * 2 * T))[None]
    assert velocity(x, RATE_HZ).peak[0] < 0.5


def test_float32_stays_and_channels_do_not_touch_each_other():
    x = np.random.default_rng(2).standard_normal((3, N)).astype(np.float32)
    together = velocity(x, RATE_HZ).samples
    assert together.dtype == np.float32
    alone = np.concatenate([velocity(x[[k]], RATE_HZ).samples for k in (2, 0, 1)])
    assert np.allclose(together[[2, 0, 1]], alone, atol=1e-4)


def test_integrating_once_twice_is_integrating_twice_where_the_low_cut_is_flat():
    x = np.sin(2 * np.pi * 80 * T)[None]
    once = integrated(x, RATE_HZ, times=1, low_cut_hz=10.0, unit="")
    inner = integrated(once.samples, RATE_HZ, times=1, low_cut_hz=10.0, unit="").samples[:, once.settled]
    both = integrated(x, RATE_HZ, times=2, low_cut_hz=10.0, unit="").samples[:, once.settled]
    assert np.abs(inner - both).max() < 0.03 * np.abs(both).max()


@pytest.mark.parametrize("low_cut_hz", [0.0, -1.0, 2560.0, float("nan")])
def test_a_low_cut_outside_the_spectrum_is_refused(low_cut_hz):
    with pytest.raises(BandError):
        velocity(np.zeros((1, N)), RATE_HZ, low_cut_hz=low_cut_hz)
    with pytest.raises(BandError):
        integrated(np.zeros((1, N)), RATE_HZ, times=3, low_cut_hz=10.0, unit="")


def test_short_and_broken_records_are_refused():
    with pytest.raises(ResolutionError, match=r"at least 0\.7 s"):
        velocity(np.zeros((1, 2560)), RATE_HZ)
    with pytest.raises(SampleError):
        velocity(np.full((1, N), np.nan), RATE_HZ)
