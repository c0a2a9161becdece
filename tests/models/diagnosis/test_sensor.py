"""A bad sensor is recognised as such, and a machine's own vibration is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines
from support.sensor_failures import spoiled

from models.diagnosis.sensor import SensorCause, check_sensor, wrong_unit
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


def spoil(kind: str, seed: int) -> np.ndarray:
    return spoiled(vibration().astype(np.float32), RATE_HZ, kind, np.random.default_rng(seed), 0.005)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("not_finite", SensorCause.NOT_FINITE),
        ("stuck", SensorCause.CONSTANT),
        ("saturated", SensorCause.SATURATED),
        ("loose_cable", SensorCause.LOOSE_CABLE),
        ("ski_slope", SensorCause.SKI_SLOPE),
        ("spikes", SensorCause.SPIKES),
    ],
)
def test_each_way_to_fail_has_its_name(kind: str, cause: SensorCause, seed: int) -> None:
    assert cause in causes(spoil(kind, seed))


def test_a_sine_of_any_size_is_not_saturated_and_a_machine_that_stops_has_no_loose_cable() -> None:
    time_s = np.arange(round(2 * RATE_HZ)) / RATE_HZ
    for hz in (9.7, 49.3, 1234.5):
        assert causes(np.sin(2 * np.pi * hz * time_s) + noise(2, RATE_HZ, 1, level=0.001)) == ()
    stops = noise(2, RATE_HZ, 2)
    stops[30_000:] *= 0.001
    assert causes(stops) == ()


def test_blows_that_ring_are_no_spikes_however_hard() -> None:
    for hz in (20.0, 88.0):
        assert causes(noise(2, RATE_HZ, 3, level=0.2) + impacts(2, RATE_HZ, hz, 4, height=200.0)) == ()


@pytest.mark.parametrize("factor", [9.80665, 1 / 9.80665, 1000.0, 1e-3])
def test_a_wrong_unit_is_every_level_off_by_its_factor(factor: float) -> None:
    random = np.random.default_rng(7)
    healthy_db = random.uniform(-40, 0, 25)
    now_db = healthy_db + 20 * np.log10(factor) + random.normal(0, 0.5, 25)
    assert wrong_unit(now_db, healthy_db) == factor
    assert wrong_unit(healthy_db + random.normal(0, 0.5, 25), healthy_db) is None
    louder = healthy_db + np.linspace(0, 2, 25) * 20 * np.log10(factor)  # another shape: the machine
    assert wrong_unit(louder, healthy_db) is None
