"""Lines that move together are another speed; lines that come, grow or drown are not."""

from __future__ import annotations

import numpy as np
import pytest

from models.line_shift import POINTS, Lines, is_moving, line_spectrum, ratio

RATE_HZ = 6400.0
ORDERS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0)


def window(speed_hz, *, seed=0, noise=0.3, lines=(), mains=True, drift=0.0):
    """One second of two channels: orders of a shaft, the mains, noise, further (hz, amplitude) lines.

    `drift` is the relative change of speed within the second.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE_HZ)) / RATE_HZ
    angle = 2.0 * np.pi * speed_hz * (t + 0.5 * drift * (t - 0.5) ** 2)
    tones = sum(np.sin(order * angle + order) / np.sqrt(order) for order in ORDERS)
    tones = tones + sum(amplitude * np.sin(2.0 * np.pi * hz * t) for hz, amplitude in lines)
    if mains:
        tones = tones + 0.3 * np.sin(2.0 * np.pi * 100.0 * t)
    return (tones + noise * rng.standard_normal((2, t.size))).astype(np.float32)


@pytest.fixture(scope="module")
def learnt():
    lines = Lines.none()
    for seed in range(30):
        lines = lines.added(line_spectrum(window(24.7, seed=seed), RATE_HZ))
    return lines


@pytest.mark.parametrize("true", [0.75, 0.9, 0.96, 0.975, 1.03, 1.2])
def test_the_ratio_of_speeds_is_found_to_one_point(learnt, true):
    shift = learnt.shift(line_spectrum(window(24.7 * true, seed=99), RATE_HZ))
    # One point is 0.7 %; a bin of 1 Hz is wider than that for the low orders, so one more point is allowed.
    assert ratio(shift) == pytest.approx(true, rel=0.014)


def test_also_while_the_speed_falls_by_four_percent_in_the_window(learnt):
    shift = learnt.shift(line_spectrum(window(24.7 * 0.94, seed=99, drift=-0.04), RATE_HZ))
    assert ratio(shift) == pytest.approx(0.94, rel=0.014)


@pytest.mark.parametrize("slip", [0.995, 1.0, 1.005])
def test_slip_is_no_other_speed(learnt, slip):
    assert learnt.shift(line_spectrum(window(24.7 * slip, seed=98), RATE_HZ)) is None


def test_neither_new_lines_nor_grown_ones_nor_a_raised_floor_are_another_speed(learnt):
    bearing = [(88.4 * harmonic, 2.0) for harmonic in range(1, 12)]
    for changed in (
        window(24.7, seed=1, lines=bearing),
        window(24.7, seed=2, lines=[(24.7, 10.0)]),
        window(24.7, seed=3, noise=5.0),
        window(24.7, seed=4, lines=[(24.7 * half, 1.0) for half in (0.5, 1.5, 2.5, 3.5)]),
    ):
        assert learnt.shift(line_spectrum(changed, RATE_HZ)) is None


def test_noise_alone_and_windows_too_short_for_lines_have_no_shift(learnt):
    noise = np.random.default_rng(5).standard_normal((2, 6400)).astype(np.float32)
    assert learnt.shift(line_spectrum(noise, RATE_HZ)) is None
    short = line_spectrum(noise[:, :32], RATE_HZ)
    assert short.shape == (POINTS,)
    assert not short.any()


def test_a_shaft_that_runs_down_moves_and_one_at_another_speed_does_not(learnt):
    speeds = 24.7 * np.linspace(0.98, 0.94, 6)
    falling = [learnt.shift(line_spectrum(window(speed, seed=n), RATE_HZ)) for n, speed in enumerate(speeds)]
    settled = [learnt.shift(line_spectrum(window(24.7 * 0.95, seed=n), RATE_HZ)) for n in range(8)]
    assert is_moving(falling[:4])
    assert not is_moving(settled)


def test_the_unit_does_not_matter(learnt):
    in_g = window(24.7 * 0.9, seed=7) / np.float32(9.80665)
    assert learnt.shift(line_spectrum(in_g, RATE_HZ)) == learnt.shift(
        line_spectrum(window(24.7 * 0.9, seed=7), RATE_HZ)
    )
