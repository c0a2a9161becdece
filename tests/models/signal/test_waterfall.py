"""Run-ups in Hz and orders: lines where they belong, resonances at their speed, a result as large as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from models.signal.averaging import averaged_spectrum
from models.signal.errors import BandError, ResolutionError, SampleError, SpeedError
from models.signal.speed_track import estimated_speed
from models.signal.tacho import shaft_angle
from models.signal.waterfall import Rows, frequency_waterfall, order_waterfall

RATE_HZ = 2560.0
SECONDS = 30.0
START_HZ, PER_S = 10.0, 1.0
T = np.arange(int(RATE_HZ * SECONDS)) / RATE_HZ
TURNS = START_HZ * T + PER_S * T**2 / 2
ANGLE = shaft_angle((-START_HZ + np.sqrt(START_HZ**2 + 2 * PER_S * np.arange(int(TURNS[-1])))) / PER_S)
SPEED_HZ = START_HZ + PER_S * T
RESONANCE = 1 / np.sqrt((1 - (SPEED_HZ / 25) ** 2) ** 2 + (0.1 * SPEED_HZ / 25) ** 2)
RUN_UP = (RESONANCE * np.sin(2 * np.pi * TURNS) + 0.5 * np.sin(2 * np.pi * 3 * TURNS))[None]


def test_orders_stay_in_their_bins_while_frequencies_move():
    orders = order_waterfall(RUN_UP, RATE_HZ, ANGLE, turns_per_window=10, highest_order=8.0)
    assert orders.axis_unit == "order"
    assert orders.axis[-1] == 8.0
    assert (orders.power[0, :, 20:].argmax(axis=1) + 20 == 30).all()
    assert np.sqrt(orders.power[0, :, 30]) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    frequencies = frequency_waterfall(RUN_UP, RATE_HZ, ANGLE, resolution_hz=2.5, highest_hz=150.0)
    strongest_hz = frequencies.axis[frequencies.power[0].argmax(axis=1)]
    assert (np.abs(strongest_hz - frequencies.speed_rpm / 60) < 2.5).mean() > 0.8


def test_a_slice_of_one_order_over_speed_is_the_resonance_curve():
    """Windows of ten turns see a change of up to 1 Hz of 25: the peak of Q = 10 is flattened by some per cent."""
    orders = order_waterfall(RUN_UP, RATE_HZ, ANGLE, turns_per_window=10, highest_order=4.0, rows=Rows.SPEED)
    assert (np.diff(orders.speed_rpm) > 0).all()
    first = orders.order_slice(1.0, half_width=0.25)[0]
    speed_hz = orders.speed_rpm / 60
    assert speed_hz[first.argmax()] == pytest.approx(25.0, abs=0.7)
    expected = 1 / np.sqrt((1 - (speed_hz / 25) ** 2) ** 2 + (0.1 * speed_hz / 25) ** 2) / np.sqrt(2)
    away = np.abs(speed_hz - 25) > 2
    assert first[away] == pytest.approx(expected[away], rel=0.08)
    assert first.max() == pytest.approx(10 / np.sqrt(2), rel=0.15)


def test_the_same_slice_comes_from_rows_in_hz():
    """Over 0.4 s the first order moves by 0.4 Hz, a sixth of a bin."""
    rows = frequency_waterfall(RUN_UP, RATE_HZ, ANGLE, resolution_hz=2.5, highest_hz=200.0)
    third = rows.order_slice(3.0, half_width=0.2)[0]
    assert third == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_the_result_is_bounded_and_every_window_is_in_it():
    noise = np.random.default_rng(1).standard_normal((2, T.size)).astype(np.float32)
    rows = frequency_waterfall(noise, RATE_HZ, resolution_hz=5.0, highest_hz=1280.0, most_rows=7)
    assert rows.power.shape == (2, 7, 257)
    assert rows.power.dtype == np.float32
    assert np.isnan(rows.speed_rpm).all()
    assert rows.windows.sum() == T.size // 256 - 1
    assert (np.diff(rows.time_s) > 0).all()
    whole = averaged_spectrum(noise, RATE_HZ, resolution_hz=5.0).spectrum.power
    mean = (rows.power * rows.windows[:, None]).sum(axis=1) / rows.windows.sum()
    assert np.abs(mean / whole - 1).max() < 1e-4


def test_rows_over_speed_gather_run_up_and_coast_down():
    """Up and down again: each speed is passed twice, and both are in one row."""
    turns = np.where(T < 15, 10 * T + T**2 / 2, 10 * 15 + 112.5 + 25 * (T - 15) - (T - 15) ** 2 / 2)
    angle = shaft_angle(np.interp(np.arange(int(turns[-1])), turns, T))
    x = np.sin(2 * np.pi * turns)[None]
    rows = order_waterfall(x, RATE_HZ, angle, turns_per_window=8, highest_order=4.0, rows=Rows.SPEED, most_rows=10)
    assert rows.power.shape[1] <= 10
    assert rows.time_s == pytest.approx(15.0, abs=3.0)
    assert (np.diff(rows.speed_rpm) > 0).all()


def test_scale_and_channel_order():
    x = np.random.default_rng(2).standard_normal((3, 20000))
    asked = {"turns_per_window": 8, "highest_order": 5.0, "most_rows": 5}
    one = order_waterfall(x, RATE_HZ, ANGLE, **asked).power
    assert order_waterfall(2 * x[::-1], RATE_HZ, ANGLE, **asked).power[::-1] == pytest.approx(4 * one, rel=1e-9)


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(SpeedError, match="tacho"):
        frequency_waterfall(RUN_UP, RATE_HZ, resolution_hz=5.0, highest_hz=100.0, rows=Rows.SPEED)
    with pytest.raises(SpeedError, match="at least 1"):
        frequency_waterfall(RUN_UP, RATE_HZ, resolution_hz=5.0, highest_hz=100.0, most_rows=0)
    with pytest.raises(BandError, match="rate of at least"):
        frequency_waterfall(RUN_UP, RATE_HZ, resolution_hz=5.0, highest_hz=2000.0)
    with pytest.raises(ResolutionError, match="record at least"):
        frequency_waterfall(RUN_UP, RATE_HZ, resolution_hz=0.01, highest_hz=100.0)
    with pytest.raises(ResolutionError, match="turns"):
        order_waterfall(RUN_UP, RATE_HZ, ANGLE, turns_per_window=5000, highest_order=4.0)
    for turns, order in ((0, 4.0), (8, 0.0), (8, float("nan"))):
        with pytest.raises(SpeedError, match="above 0"):
            order_waterfall(RUN_UP, RATE_HZ, ANGLE, turns_per_window=turns, highest_order=order)
    with pytest.raises(SampleError):
        frequency_waterfall(RUN_UP * np.nan, RATE_HZ, resolution_hz=5.0, highest_hz=100.0)
    rows = frequency_waterfall(RUN_UP, RATE_HZ, resolution_hz=5.0, highest_hz=100.0)
    with pytest.raises(SpeedError):
        rows.order_slice(1.0)
    with pytest.raises(BandError, match="beyond"):
        frequency_waterfall(RUN_UP, RATE_HZ, ANGLE, resolution_hz=5.0, highest_hz=100.0).order_slice(3.0)


def test_an_estimated_speed_will_do_instead_of_a_tacho():
    """Third order of a run-up with four harmonics in noise; the estimate is good to 1 %, a third of a bin there."""
    lines = sum(0.5 * np.sin(2 * np.pi * k * TURNS + k) for k in range(1, 5))
    x = (lines + 0.5 * np.random.default_rng(3).standard_normal(T.size))[None]
    track = estimated_speed(x, RATE_HZ, low_rpm=500, high_rpm=2700, window_s=0.8)
    assert track is not None
    rows = order_waterfall(x, RATE_HZ, track.angle(), turns_per_window=10, highest_order=5.0)
    assert np.median(rows.order_slice(3.0, half_width=0.2)[0]) == pytest.approx(0.5 / np.sqrt(2), rel=0.15)
