"""A bad sensor is recognised as such, and a machine's own vibration is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines

from models.diagnosis.sensor import SensorCause, check_sensor
from models.recordings.reading import read_recording

RATE_HZ = 25_600.0


def causes(samples: np.ndarray, rate_hz: float = RATE_HZ) -> tuple[SensorCause, ...]:
    return check_sensor(samples, rate_hz).causes


def vibration(seconds: float = 2.0) -> np.ndarray:
    return (
        noise(seconds, RATE_HZ, 1)
        + shaft_lines(seconds, RATE_HZ, 24.6, {1.0: 2.0, 2.0: 0.5})
        + impacts(seconds, RATE_HZ, 88.0, 1, height=20.0)
    )


def test_vibration_is_good() -> None:
    assert causes(vibration()) == ()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_value_that_is_no_number_is_enough(bad: float) -> None:
    samples = vibration()
    samples[500] = bad
    assert causes(samples) == (SensorCause.NOT_FINITE,)


def test_a_constant_and_a_held_signal() -> None:
    assert causes(np.full(25_600, 9.81)) == (SensorCause.CONSTANT,)
    held = vibration()
    held[10_000:40_000] = held[10_000]
    assert causes(held) == (SensorCause.CONSTANT,)


def test_a_clipped_signal_is_flagged_and_heavy_clipping_forbids_judging() -> None:
    strong = noise(2, RATE_HZ, 2)
    check = check_sensor(np.clip(strong, -2, 2), RATE_HZ)
    assert check.causes == (SensorCause.CLIPPED,)
    assert check.clipped_heavily
    light = check_sensor(np.clip(strong, -3.3, 3.3), RATE_HZ)
    assert not light.clipped_heavily


def test_a_coarse_converter_is_not_clipping() -> None:
    assert causes(np.round(noise(2, RATE_HZ, 3) * 3)) == ()


def test_a_contact_that_breaks() -> None:
    samples = vibration()
    for start in range(1000, samples.size, 4000):
        samples[start : start + 200] = 0.0
    assert causes(samples) == (SensorCause.DROPOUT,)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_a_ski_slope(seconds: float) -> None:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    drift = sum(4 / hz * np.cos(2 * np.pi * hz * time_s + hz) for hz in (0.7, 1.3, 2.1, 3.2, 4.4, 5.7, 7.1, 8.9))
    assert causes(noise(seconds, RATE_HZ, 4) + drift) == (SensorCause.SKI_SLOPE,)


def test_a_slow_shaft_is_no_ski_slope() -> None:
    slow = shaft_lines(5, RATE_HZ, 5.0, {1.0: 60.0, 2.0: 20.0}) + noise(5, RATE_HZ, 5, level=0.3)
    assert causes(slow) == ()


@pytest.mark.needs("recordings/cwru", "recordings/mfpt", "recordings/ims")
def test_real_sensors_are_good(recordings: Path) -> None:
    for path in [*recordings.glob("cwru/*.mat"), *recordings.glob("mfpt/*.mat"), *recordings.glob("ims/test*_raw/*")]:
        for channel in read_recording(path, sample_rate_hz=12_000).segments[0].samples:
            assert causes(channel, 12_000.0) == (), path.name
