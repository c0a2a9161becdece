"""What repeats with a shaft is kept, the rest fades as the root of turns; sidebands and indicators of known gears."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.errors import ResolutionError, SampleError, SpeedError
from models.signal.order_tracking import AngularSamples, resampled_to_angle
from models.signal.synchronous_average import (
    SynchronousAverage,
    difference_signal,
    gear_indicators,
    mesh_sidebands,
    na4,
    synchronous_average,
    without_average,
)
from models.signal.tacho import shaft_angle

TEETH = 20
PER_TURN = 256
TURN = np.arange(PER_TURN) / PER_TURN


def gear(modulation=0.0, dent=0.0):
    """Return one turn of two mesh harmonics, modulated at two orders, with one tooth that knocks."""
    mesh = np.sin(2 * np.pi * TEETH * TURN) + 0.5 * np.sin(2 * np.pi * 2 * TEETH * TURN + 1)
    knock = dent * np.exp(-(((TURN - 0.4) / 0.01) ** 2)) * np.sin(2 * np.pi * 55 * TURN)
    return (1 + modulation * np.cos(2 * np.pi * 2 * TURN)) * mesh + knock


def repeated(turn, turns, seed=1, noise=0.0, channels=1):
    x = np.tile(turn, (channels, turns)) + noise * np.random.default_rng(seed).standard_normal((channels, turns * 256))
    return AngularSamples(x, PER_TURN, 0.0, np.full(turns, 25.0))


def average_of(turn):
    return SynchronousAverage(np.atleast_2d(turn), 10, np.zeros(1))


@pytest.mark.parametrize("turns", [16, 64, 256])
def test_noise_fades_with_the_root_of_turns_and_is_stated(turns):
    """256 samples tell an RMS to 1/√512 = 4.4 %: three times that."""
    average = synchronous_average(repeated(gear(), turns, noise=1.0, channels=2))
    left = average.samples - gear()
    assert average.turns == turns
    assert np.sqrt((left**2).mean(axis=1)) == pytest.approx(1 / np.sqrt(turns), rel=0.14)
    assert average.noise_rms == pytest.approx(1 / np.sqrt(turns), rel=0.05)


def test_another_shaft_fades_and_the_residual_keeps_it():
    """A line at 7.3 orders over 100 turns: |sin(π·100·7.3)/(100 sin(π·7.3))| = 0; at 7.31 it is 1 %."""
    angular = repeated(gear(), 100)
    turns = np.arange(25600) / 256
    other = np.sin(2 * np.pi * 7.305 * turns)
    angular = AngularSamples(angular.samples + other, PER_TURN, 0.0, angular.speed_hz)
    average = synchronous_average(angular)
    assert average.samples[0] == pytest.approx(gear(), abs=0.02)
    assert without_average(angular, average)[0] == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize("modulation", [0.1, 0.4])
def test_sidebands_have_half_the_modulation_each(modulation):
    """(1 + m cos 2θ) sin Tθ has m/2 at T ± 2. The turn is exact: 1e-9."""
    lines = mesh_sidebands(average_of(gear(modulation)), TEETH, harmonics=2, sidebands=3)
    assert lines.mesh_rms[0] * np.sqrt(2) == pytest.approx([1.0, 0.5], rel=1e-9)
    assert lines.lower_rms[0, 0] * np.sqrt(2) == pytest.approx([0, modulation / 2, 0], abs=1e-9)
    assert lines.upper_rms[0, 1] * np.sqrt(2) == pytest.approx([0, modulation / 4, 0], abs=1e-9)
    assert lines.ratio[0] == pytest.approx([modulation, modulation], rel=1e-9)


def test_fm0_is_peak_to_peak_over_the_sum_of_mesh_amplitudes():
    turn = 2.0 * np.sin(2 * np.pi * 16 * TURN)
    assert gear_indicators(average_of(turn), 16).fm0[0] == pytest.approx(4.0 / 2.0, rel=1e-9)
    whole = gear_indicators(average_of(gear()), TEETH)
    assert whole.fm0[0] == pytest.approx(np.ptp(gear()) / 1.5, rel=1e-9)


def test_the_difference_of_a_healthy_gear_is_nothing_and_of_noise_has_a_kurtosis_of_3():
    """Deviation of a kurtosis of 256 values: √(24/256) = 0.31; the mean of 50 channels a seventh of that."""
    assert np.abs(difference_signal(average_of(gear()), TEETH)).max() < 1e-12
    assert gear_indicators(average_of(np.zeros(PER_TURN)), TEETH).fm4[0] == 0.0
    noise = np.random.default_rng(3).standard_normal((50, PER_TURN))
    noise -= noise.mean(axis=1, keepdims=True)
    indicators = gear_indicators(SynchronousAverage(noise, 10, np.zeros(50)), TEETH)
    assert indicators.fm4.mean() == pytest.approx(3.0, abs=0.2)


def test_one_bad_tooth_raises_fm4_and_sidebands_of_a_regular_gear_do_not():
    quiet = 0.02 * np.random.default_rng(4).standard_normal(PER_TURN)
    healthy = gear_indicators(average_of(gear() + quiet), TEETH)
    dented = gear_indicators(average_of(gear(dent=0.5) + quiet), TEETH)
    assert healthy.fm4[0] < 4.5
    assert dented.fm4[0] > 10
    assert dented.difference_rms[0] > 2 * healthy.difference_rms[0]
    wobbling = (1 + 0.3 * np.cos(2 * np.pi * TURN)) * np.sin(2 * np.pi * TEETH * TURN)
    assert gear_indicators(average_of(wobbling + quiet), TEETH).difference_rms[0] < 1.2 * healthy.difference_rms[0]


def test_na4_keeps_rising_with_damage_where_fm4_does_not():
    """Twice the residual is sixteen times the fourth moment over the same healthy variance."""
    noise = np.random.default_rng(5).standard_normal(PER_TURN)
    residual = difference_signal(average_of(noise), TEETH, regular_sidebands=0)
    healthy = (residual**2).mean(axis=1)
    once, twice = na4(average_of(noise), TEETH, healthy), na4(average_of(2 * noise), TEETH, healthy)
    assert once[0] == pytest.approx(3.0, abs=1.0)
    assert twice == pytest.approx(16 * once, rel=1e-9)
    same = [gear_indicators(average_of(k * noise), TEETH).fm4[0] for k in (1, 2)]
    assert same[1] == pytest.approx(same[0], rel=1e-9)


def test_from_samples_and_pulses_of_a_run_up_to_the_gear():
    """The whole way, in float32: a gear of 20 teeth at 10 to 16 Hz under noise louder than itself.

    Noise of RMS 0.5 in 60 turns of 256 samples moves the RMS of a line by 0.5/√(60 · 256) = 0.004; five times that.
    Of white noise the angle's own Nyquist leaves the share of its rate, and the average takes one part of 60.
    """
    rate_hz = 12800.0
    t = np.arange(int(rate_hz * 6)) / rate_hz
    turns = 10 * t + 4 / 6 * t**2
    pulses = (-10 + np.sqrt(100 + 4 * 4 / 6 * np.arange(int(turns[-1])))) / (2 * 4 / 6)
    mesh = (1 + 0.4 * np.cos(2 * np.pi * 2 * turns)) * np.sin(2 * np.pi * TEETH * turns)
    x = (mesh + np.random.default_rng(6).standard_normal(t.size))[None].astype(np.float32)
    angular = resampled_to_angle(x, rate_hz, shaft_angle(pulses), samples_per_turn=PER_TURN, turns=60)
    average = synchronous_average(angular)
    assert average.samples.dtype == np.float32
    lines = mesh_sidebands(average, TEETH, harmonics=1)
    assert lines.mesh_rms[0, 0] == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert lines.upper_rms[0, 0, 1] == pytest.approx(0.2 * np.sqrt(0.5), abs=0.02)
    passed = (PER_TURN * angular.speed_hz / rate_hz).mean() * 59 / 60
    assert without_average(angular, average).std() == pytest.approx(np.sqrt(passed), rel=0.03)


def test_scale_and_channel_order():
    turns = np.stack([gear(0.2, 0.3), gear(0.0, 1.0), gear(0.5)])
    one = gear_indicators(average_of(turns), TEETH)
    other = gear_indicators(average_of(3 * turns[::-1]), TEETH)
    assert other.fm0[::-1] == pytest.approx(one.fm0, rel=1e-9)
    assert other.fm4[::-1][:2] == pytest.approx(one.fm4[:2], rel=1e-6)
    assert other.difference_rms[::-1] == pytest.approx(3 * one.difference_rms, rel=1e-9, abs=1e-12)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ResolutionError, match="3 turns"):
        synchronous_average(repeated(gear(), 3))
    average = synchronous_average(repeated(gear(), 8))
    with pytest.raises(SampleError):
        without_average(repeated(gear(), 8, channels=2), average)
    with pytest.raises(ResolutionError, match="at least 458 samples per turn"):
        mesh_sidebands(average, 60)
    for teeth, harmonics, sidebands in ((0, 1, 1), (20, 0, 1), (20, 1, 10), (20, 1, -1)):
        with pytest.raises(SpeedError, match="cannot be measured"):
            mesh_sidebands(average, teeth, harmonics=harmonics, sidebands=sidebands)
    for variance in (np.zeros(1), np.ones(2), np.array([np.nan])):
        with pytest.raises(SampleError, match="per channel"):
            na4(average, TEETH, variance)
