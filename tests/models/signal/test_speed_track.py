"""Speed from the signal itself: right where there is a shaft's comb, None where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.errors import ResolutionError, SampleError, SpeedError
from models.signal.order_tracking import order_spectrum, resampled_to_angle
from models.signal.speed_track import estimated_speed

RATE_HZ = 5120.0
T = np.arange(int(RATE_HZ * 10)) / RATE_HZ
RANGE = {"low_rpm": 600.0, "high_rpm": 3000.0}


def shaft(start_hz, per_s, amplitudes, seed):
    turns = start_hz * T + per_s * T**2 / 2
    lines = sum(a * np.sin(2 * np.pi * k * turns + k * k) for k, a in enumerate(amplitudes, 1))
    return (lines + np.random.default_rng(seed).standard_normal(T.size))[None]


@pytest.mark.parametrize("amplitudes", [(0.3, 0.3, 0.3, 0.3), (0.5, 0.0, 0.3, 0.2, 0.2), (0.2,) * 8])
@pytest.mark.parametrize(("start_hz", "per_s"), [(24.6, 0.0), (15.0, 1.0), (45.0, -1.0), (29.5, 0.02)])
def test_the_speed_is_followed_through_run_up_and_coast_down(amplitudes, start_hz, per_s):
    """A bin is 0.83 Hz, teeth up to 8 of it: a few tenths of a bin in one window, 1 % RMS over all."""
    track = estimated_speed(shaft(start_hz, per_s, amplitudes, 1), RATE_HZ, **RANGE)
    assert track is not None
    error = track.rpm / 60 / (start_hz + per_s * track.time_s) - 1
    assert np.sqrt((error**2).mean()) < 0.01
    assert 1 / 3 <= track.confidence <= 1
    assert track.strength.mean() > 2


@pytest.mark.parametrize("seed", range(8))
def test_noise_and_single_lines_have_no_speed(seed):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((1, T.size))
    assert estimated_speed(noise, RATE_HZ, **RANGE) is None
    lines = sum(np.sin(2 * np.pi * f * T) for f in rng.uniform(5, 400, 6))
    assert estimated_speed(noise + lines, RATE_HZ, **RANGE) is None
    assert estimated_speed(noise + np.sin(2 * np.pi * 24.6 * T), RATE_HZ, **RANGE) is None


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_mains_outside_the_range_are_not_a_speed_within(mains_hz):
    hum = sum(np.sin(2 * np.pi * mains_hz * k * T) for k in (1, 2, 3))
    noise = np.random.default_rng(3).standard_normal((1, T.size))
    assert estimated_speed(noise + hum, RATE_HZ, low_rpm=600, high_rpm=2700) is None


def test_more_channels_and_another_scale_find_the_same():
    one = np.concatenate([shaft(24.6, 0.5, (0.3,) * 4, seed) for seed in (1, 2, 3)])
    track = estimated_speed(one, RATE_HZ, **RANGE)
    other = estimated_speed((100 * one[::-1]).astype(np.float32), RATE_HZ, **RANGE)
    assert track is not None
    assert other is not None
    assert other.rpm == pytest.approx(track.rpm, rel=1e-3)


def test_the_estimated_angle_sharpens_the_orders_of_a_run_up():
    """Between 15 and 25 Hz a line smears over 10 Hz; over orders most of it is within 2 % of its place."""
    x = shaft(15.0, 1.0, (0.5, 0.5, 0.5, 0.5), 4)
    track = estimated_speed(x, RATE_HZ, **RANGE)
    assert track is not None
    spectrum = order_spectrum(resampled_to_angle(x, RATE_HZ, track.angle(), samples_per_turn=32))
    near = np.abs(spectrum.frequency_hz - 1.0) < 0.02
    assert spectrum.power[0, near].sum() / 1.5 == pytest.approx(0.125, rel=0.2)


def test_ranges_and_records_that_cannot_be_are_refused():
    x = shaft(24.6, 0.0, (0.3,) * 4, 1)
    for low_rpm, high_rpm in ((0.0, 3000.0), (3000.0, 600.0), (-1.0, 3000.0), (600.0, float("inf"))):
        with pytest.raises(SpeedError):
            estimated_speed(x, RATE_HZ, low_rpm=low_rpm, high_rpm=high_rpm)
    with pytest.raises(SpeedError, match="three harmonics"):
        estimated_speed(x, RATE_HZ, low_rpm=600, high_rpm=60000)
    with pytest.raises(ResolutionError, match="shorter than a window"):
        estimated_speed(x[:, :4000], RATE_HZ, **RANGE)
    with pytest.raises(ResolutionError, match="does not separate"):
        estimated_speed(x, RATE_HZ, window_s=0.2, **RANGE)
    with pytest.raises(SampleError):
        estimated_speed(x * np.nan, RATE_HZ, **RANGE)
    short = estimated_speed(x[:, : int(RATE_HZ * 1.9)], RATE_HZ, **RANGE)
    if short is not None:
        with pytest.raises(ResolutionError, match="at least 3"):
            short.angle()
