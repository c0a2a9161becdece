"""Samples at constant angle against the closed form of orders on a run-up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.errors import ResolutionError, SampleError, SpeedError
from models.signal.order_tracking import order_spectrum, resampled_to_angle
from models.signal.spectra import power_spectrum
from models.signal.tacho import ShaftAngle, shaft_angle

RATE_HZ = 6400.0
SECONDS = 8.0
START_HZ, PER_S = 8.0, 3.0
T = np.arange(int(RATE_HZ * SECONDS)) / RATE_HZ
TURNS = START_HZ * T + PER_S * T**2 / 2
PULSES = (-START_HZ + np.sqrt(START_HZ**2 + 2 * PER_S * np.arange(int(TURNS[-1])))) / PER_S
ANGLE = shaft_angle(PULSES)


@settings(max_examples=10, deadline=None)
@given(order=st.floats(0.5, 25.6), phase=st.floats(0, 6.3))
def test_an_order_up_to_0_4_of_the_samples_per_turn_is_kept_through_the_run_up(order, phase):
    """80 dB of the Kaiser window: 1e-4, tenfold margin for the edge of the band."""
    x = np.sin(2 * np.pi * order * TURNS + phase)[None]
    angular = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=64)
    turns = angular.first_turn + np.arange(angular.samples.shape[1]) / 64
    assert np.abs(angular.samples[0] - np.sin(2 * np.pi * order * turns + phase)).max() < 1e-3


@pytest.mark.parametrize("order", [39.0, 60.0, 64.0, 90.0])
def test_orders_beyond_do_not_fold_back(order):
    """All of them would fold below order 26 where nothing is; at 64 samples per turn the band begins to close at 27."""
    x = np.sin(2 * np.pi * order * TURNS)[None]
    angular = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=64)
    assert np.abs(angular.samples).max() < 1e-3


def test_what_smears_over_frequency_is_a_line_over_orders():
    """96 whole turns: order 5 lies in the middle of a bin."""
    x = 3.0 * np.sin(2 * np.pi * 5 * TURNS)[None]
    angular = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32, turns=96)
    spectrum = order_spectrum(angular)
    assert spectrum.step_hz == pytest.approx(1 / 96)
    assert spectrum.rms[0, 5 * 96] == pytest.approx(3 / np.sqrt(2), rel=1e-3)
    assert power_spectrum(x, RATE_HZ).rms.max() < 0.3


def test_each_turn_knows_its_speed():
    angular = resampled_to_angle(np.zeros((1, T.size)), RATE_HZ, ANGLE, samples_per_turn=16)
    middle = angular.first_turn + np.arange(angular.speed_hz.size) + 0.5
    assert angular.speed_hz == pytest.approx(np.sqrt(START_HZ**2 + 2 * PER_S * middle), rel=1e-3)
    assert angular.by_turn.shape == (1, angular.speed_hz.size, 16)


def test_float32_stays_channels_keep_their_order_and_scale_scales():
    x = np.random.default_rng(1).standard_normal((3, T.size))
    one = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32).samples
    other = resampled_to_angle(2.5 * x[::-1], RATE_HZ, ANGLE, samples_per_turn=32).samples
    assert other[::-1] == pytest.approx(2.5 * one, abs=1e-12)
    single = resampled_to_angle(x.astype(np.float32), RATE_HZ, ANGLE, samples_per_turn=32).samples
    assert single.dtype == np.float32
    assert np.abs(single - one).max() < 1e-5


def test_noise_keeps_its_power_where_the_record_is_slower_than_the_angle():
    """At 1,000 samples per turn the cut-off is the record's Nyquist; 3 % because the transition takes some."""
    x = np.random.default_rng(2).standard_normal((1, T.size))
    angular = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=1000, turns=60)
    assert angular.samples.var() == pytest.approx(1.0, abs=0.05)


def test_asking_for_a_stretch_gives_that_stretch():
    x = np.random.default_rng(3).standard_normal((1, T.size))
    whole = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32)
    part = resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32, first_turn=whole.first_turn + 10, turns=5)
    assert part.samples == pytest.approx(whole.samples[:, 320:480], abs=1e-3)


def test_what_cannot_be_resampled_is_refused():
    x = np.zeros((1, T.size))
    with pytest.raises(SpeedError, match="at least 4"):
        resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=2)
    with pytest.raises(ResolutionError, match="share the turns"):
        resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32, turns=10000)
    with pytest.raises(ResolutionError, match="share the turns"):
        resampled_to_angle(x, RATE_HZ, ANGLE, samples_per_turn=32, first_turn=-5.0, turns=3)
    with pytest.raises(ResolutionError):
        resampled_to_angle(x[:, :200], RATE_HZ, ANGLE, samples_per_turn=32)
    stopped = ShaftAngle(np.arange(8.0), np.array([0, 10, 20, 20, 20, 20, 30, 40.0]))
    with pytest.raises(SpeedError, match="stands still"):
        resampled_to_angle(x, RATE_HZ, stopped, samples_per_turn=32)
    with pytest.raises(SampleError):
        resampled_to_angle(x * np.nan, RATE_HZ, ANGLE, samples_per_turn=32)
