"""From pulses to angle: exact where the physics is, and honest about pulses that are bad."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.signal.errors import PulseError, RateError, SampleError, SpeedError
from models.signal.tacho import pulse_times, shaft_angle

RATE_HZ = 10000.0


def ramp_pulses(start_hz, per_s, seconds, pulses_per_turn=1):
    """Return the moments at which a shaft of constant acceleration has turned by whole pulses."""
    turns = start_hz * seconds + per_s * seconds**2 / 2
    k = np.arange(int(turns * pulses_per_turn) + 1) / pulses_per_turn
    return k / start_hz if per_s == 0 else (-start_hz + np.sqrt(start_hz**2 + 2 * per_s * k)) / per_s


@settings(max_examples=25, deadline=None)
@given(start_hz=st.floats(5, 50), per_s=st.just(0.0) | st.floats(0.1, 10), pulses_per_turn=st.sampled_from([1, 4, 60]))
def test_constant_acceleration_is_met_exactly(start_hz, per_s, pulses_per_turn):
    """A parabola through three points is the motion itself; 1e-7 turns for rounding of differences of times."""
    times = ramp_pulses(start_hz, per_s, 2.0, pulses_per_turn)
    angle = shaft_angle(times, pulses_per_turn=pulses_per_turn)
    t = np.linspace(times[0], times[-1], 500)
    turns = start_hz * t + per_s * t**2 / 2
    assert angle.turns_at(t) == pytest.approx(turns, abs=1e-7)
    assert angle.speed_hz_at(t) == pytest.approx(start_hz + per_s * t, rel=1e-4)
    assert angle.times_at(turns) == pytest.approx(t, abs=1e-7)
    assert (angle.dropped, angle.missing) == (0, 0)


def test_pulses_are_timed_between_samples():
    """A trapezoid whose edge takes two samples: linear interpolation is exact."""
    t = np.arange(20000) / RATE_HZ
    phase = (t * 23.7 + 0.5) % 1.0
    edge = 2 / RATE_HZ * 23.7
    tacho = 5 * np.clip((phase - 0.5) / edge + 0.5, 0, 1) * (phase < 0.7)
    times = pulse_times(tacho, RATE_HZ)
    assert times == pytest.approx(np.arange(1, times.size + 1) / 23.7, abs=1e-9) or times == pytest.approx(
        np.arange(times.size) / 23.7, abs=1e-9
    )
    assert np.diff(times) == pytest.approx(1 / 23.7, abs=1e-9)


def test_noise_on_the_edge_does_not_make_two_pulses():
    """Noise of 1 % of the swing against a hysteresis of 10 %."""
    t = np.arange(49000) / RATE_HZ
    tacho = np.sin(2 * np.pi * 5 * t) + 0.02 * np.random.default_rng(1).standard_normal(t.size)
    assert pulse_times(tacho.astype(np.float32), RATE_HZ).size == 24
    assert pulse_times(tacho, RATE_HZ, falling=True)[0] == pytest.approx(0.1, abs=2e-3)
    assert pulse_times(tacho, RATE_HZ, threshold=0.5)[0] == pytest.approx(1 / 60, abs=2e-3)


def test_a_bounce_is_dropped_and_a_missing_pulse_counted():
    true = ramp_pulses(10.0, 2.0, 8.0)
    bad = np.sort(np.concatenate([np.delete(true, [20, 50, 51]), true[[10, 30]] + 0.002, true[[70]] - 0.02]))
    angle = shaft_angle(bad)
    assert (angle.dropped, angle.missing) == (3, 3)
    assert angle.turns[-1] == true.size - 1
    t = np.linspace(true[0], true[-1], 1000)
    assert angle.turns_at(t) == pytest.approx(10 * t + t**2, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(5, 110), max_size=8, unique=True), st.lists(st.integers(5, 110), max_size=8, unique=True))
def test_any_few_bad_pulses_leave_the_count_of_turns_right(missing, bounced):
    """One pulse at a time: five in a row are a gap."""
    true = ramp_pulses(20.0, 0.0, 6.0)
    lonely = [k for k in missing if not {k - 1, k + 1} & set(missing)]
    times = np.sort(np.concatenate([np.delete(true, lonely), true[bounced] + 0.004]))
    angle = shaft_angle(times)
    assert angle.turns_at(np.array([5.9]))[0] == pytest.approx(118.0, abs=0.1)


def test_another_wheel_turns_by_the_ratio():
    angle = shaft_angle(ramp_pulses(10.0, 0.0, 5.0))
    geared = angle.geared(29 / 17)
    assert geared.speed_hz_at(np.array([2.0]))[0] == pytest.approx(10 * 29 / 17)
    slow = shaft_angle(ramp_pulses(10.0, 0.0, 5.0), pulses_per_turn=0.5)
    assert slow.speed_hz_at(np.array([2.0]))[0] == pytest.approx(20.0)
    for ratio in (0.0, -1.0, float("nan")):
        with pytest.raises(SpeedError):
            angle.geared(ratio)


def test_pulses_that_give_no_angle_are_refused():
    good = ramp_pulses(10.0, 0.0, 5.0)
    with pytest.raises(PulseError, match="at least 4"):
        shaft_angle(good[:3])
    with pytest.raises(PulseError, match="later"):
        shaft_angle(good[::-1])
    with pytest.raises(PulseError, match="later"):
        shaft_angle(np.array([0.0, 0.1, np.nan, 0.3, 0.4]))
    with pytest.raises(PulseError, match=r"no tacho pulse for 1\.\d+ s"):
        shaft_angle(np.delete(good, range(20, 30)))
    with pytest.raises(PulseError, match="too early"):
        shaft_angle(np.sort(np.concatenate([good, np.random.default_rng(2).uniform(0, 4.9, 30)])))
    for pulses_per_turn in (0.0, -1.0, float("inf")):
        with pytest.raises(SpeedError):
            shaft_angle(good, pulses_per_turn=pulses_per_turn)


def test_a_tacho_that_is_not_connected_is_named():
    for flat in (np.zeros(1000), np.full(1000, 2.5)):
        with pytest.raises(PulseError, match="connected"):
            pulse_times(flat, RATE_HZ)
    with pytest.raises(PulseError, match="never passes 9"):
        pulse_times(np.sin(np.arange(1000)), RATE_HZ, threshold=9.0)
    with pytest.raises(SampleError):
        pulse_times(np.full(1000, np.nan), RATE_HZ)
    with pytest.raises(RateError):
        pulse_times(np.zeros(1000), 0.0)
