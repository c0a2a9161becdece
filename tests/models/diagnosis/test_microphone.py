"""A microphone as evidence: it hears bearings and teeth, and is asked nothing that a sound cannot tell.

The sound here is what the housing radiates: the acceleration of a sensor, twenty milliseconds late and at 0.02 Pa for
each m/s², with the noise of a hall under it. At 1 m/s² RMS that is 60 dB, a quiet machine.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines
from support.machine_signals import Run, drawn, record

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt, Fingerprint, Report, combine, diagnose, fingerprint
from models.diagnosis.gear_faults import Gear
from models.diagnosis.sensor import SensorCause, check_sensor
from models.diagnosis.wording import NOT_HEARD

RATE_HZ = 25_600.0
SHAFT_HZ = 24.6
NAMES = ("DE.H", "NDE.H", "MIC.A")
MICROPHONE = ("MIC.A",)
BEARINGS = (BearingAt(find_bearing("6205"), "DE"),)
PA_PER_M_S2 = 0.02
SECONDS = 2.0


def vibration(seed: int, *, x1: float = 0.8, blows: float = 0.0) -> np.ndarray:
    """Return two accelerometers; `x1` is the velocity at the shaft's order in mm/s."""
    levels = {1.0: x1, 2.0: 0.3, 3.0: 0.15, **{float(order): 0.1 / order for order in range(4, 25)}}
    lines = shaft_lines(SECONDS, RATE_HZ, SHAFT_HZ, levels)
    samples = np.stack([noise(SECONDS, RATE_HZ, seed + row) + lines for row in range(2)])
    if blows:
        samples[0] += impacts(SECONDS, RATE_HZ, BEARINGS[0].bearing.bpfo * SHAFT_HZ * 0.996, seed, height=blows)
    return samples


def radiated(acceleration: np.ndarray, seed: int, hall_pa: float = 0.005) -> np.ndarray:
    late = np.roll(acceleration, round(0.02 * RATE_HZ))
    return PA_PER_M_S2 * late + noise(SECONDS, RATE_HZ, 1000 + seed, hall_pa)


def machine(seed: int, **more: float) -> np.ndarray:
    touching = vibration(seed, **more)
    return np.vstack([touching, radiated(touching[0], seed)])


@pytest.fixture(scope="module")
def baseline() -> Fingerprint:
    return combine([fingerprint(machine(10 * seed), RATE_HZ, 60 * SHAFT_HZ) for seed in range(4)])


def judged(samples: np.ndarray, names: tuple[str, ...] = NAMES, **settings: object) -> Report:
    settings = {"speed_rpm": 60 * SHAFT_HZ, "bearings": BEARINGS, "sound_channels": MICROPHONE} | settings
    return diagnose(samples, RATE_HZ, names, **settings)  # type: ignore[arg-type]  # plain keywords


def alone(samples: np.ndarray, **settings: object) -> Report:
    return judged(samples[2:], MICROPHONE, **settings)


def test_a_microphone_alone_names_damage_of_a_bearing() -> None:
    report = alone(machine(1, blows=8.0), bearings=(BearingAt(find_bearing("6205")),))
    assert report.verdict.label is DiagnosisLabel.OUTER_RACE
    assert report.verdict.channel == "MIC.A"
    assert any(line.line == "BPFO" and line.matched for line in report.lines)


def test_a_microphone_hears_the_teeth_of_a_wheel_and_tells_them_in_pascal() -> None:
    build = drawn(3, channels=1, geared=True)
    assert build.teeth is not None
    gear = Gear(build.teeth.pinion)
    healthy, broken = (record(build, run) for run in (Run(6.0, seed=1), Run(6.0, seed=2, fault="gear", severity=4.0)))
    reference = fingerprint(PA_PER_M_S2 * healthy.samples, build.rate_hz, healthy.speed_rpm, gears=[gear])
    report = diagnose(
        PA_PER_M_S2 * broken.samples,
        build.rate_hz,
        MICROPHONE,
        speed_rpm=broken.speed_rpm,
        gears=[gear],
        baseline=reference,
        sound_channels=MICROPHONE,
    )
    assert report.verdict.label is DiagnosisLabel.GEAR
    assert re.search(r"grew from [\d.]+ to [\d.]+ Pa\.$", report.verdict.sentence)


def test_its_numbers_are_not_compared_with_those_of_accelerometers() -> None:
    """Its 0.02 Pa would be a dead accelerometer beside 1 m/s², and 1,000 Pa one in a wrong unit."""
    for scale in (1.0, 1e-3, 1e6):
        samples = machine(100)
        samples[2] *= scale
        report = judged(samples)
        assert [one.causes for one in report.channels] == [(), (), ()]
        assert report.verdict.label is DiagnosisLabel.NO_FAULT_FOUND


def test_a_sound_has_no_velocity_and_no_zone_however_loud_it_is() -> None:
    samples = machine(3)
    samples[2] *= 1e4
    report = judged(samples, machine_group=2, support="rigid")
    assert [one.zone is None for one in report.channels] == [False, False, True]
    assert math.isnan(report.channels[2].velocity_rms_mm_s)
    assert report.channels[2].diagnosis.label is DiagnosisLabel.NO_FAULT_FOUND
    assert NOT_HEARD in report.channels[2].diagnosis.sentence


def test_imbalance_is_named_by_accelerometers_and_only_called_changed_by_sound(baseline: Fingerprint) -> None:
    """Eight times the velocity at the shaft's order: 18 dB there, which changes the sound as well."""
    samples = machine(5, x1=6.4)
    report = judged(samples, baseline=baseline)
    assert report.verdict.label is DiagnosisLabel.IMBALANCE
    assert report.verdict.channel != "MIC.A"
    by_ear = alone(samples, baseline=baseline.select([2]))
    assert by_ear.verdict.label in {DiagnosisLabel.CHANGED, DiagnosisLabel.HEALTHY}
    assert alone(samples).verdict.label is DiagnosisLabel.NO_FAULT_FOUND


def test_a_changed_sound_is_called_a_sound_and_says_what_was_not_judged(baseline: Fingerprint) -> None:
    samples = machine(7)
    # A hiss around 5 kHz, ten times what is usual there.
    samples[2] += np.convolve(noise(SECONDS, RATE_HZ, 1, 0.1), np.sin(np.arange(64) * 1.2) / 8, mode="same")
    report = judged(samples, baseline=baseline)
    assert report.verdict.label is DiagnosisLabel.CHANGED
    assert report.verdict.channel == "MIC.A"
    assert report.verdict.sentence.startswith("The sound at MIC.A has changed against its baseline")
    assert NOT_HEARD in report.verdict.sentence
    assert alone(machine(8), baseline=baseline.select([2])).verdict.sentence == (
        "The sound at MIC.A is within its healthy baseline."
    )


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (lambda x: np.clip(x, -0.02, 0.02), SensorCause.CLIPPED),
        (lambda x: np.full_like(x, 0.004), SensorCause.CONSTANT),
        (lambda x: np.where(np.arange(x.size) == 99, np.nan, x), SensorCause.NOT_FINITE),
        (lambda x: np.where(np.arange(x.size) % 4000 < 200, 0.0, x), SensorCause.DROPOUT),
    ],
)
def test_a_bad_microphone_is_no_bad_machine(broken: object, cause: SensorCause, baseline: Fingerprint) -> None:
    samples = machine(9)
    samples[2] = broken(samples[2])  # type: ignore[operator]  # one of the functions above
    report = judged(samples, baseline=baseline)
    assert report.channels[2].causes == (cause,)
    assert report.channels[2].diagnosis.label is DiagnosisLabel.SENSOR_FAULT
    assert [one.diagnosis.label for one in report.channels[:2]] == [DiagnosisLabel.HEALTHY] * 2


def test_a_dead_microphone_shows_against_its_baseline_while_the_machine_runs(baseline: Fingerprint) -> None:
    samples = machine(11)
    samples[2] = noise(SECONDS, RATE_HZ, 11, 1e-4)
    found = judged(samples, baseline=baseline).channels[2]
    assert found.diagnosis.label is DiagnosisLabel.SENSOR_FAULT
    assert found.causes == (SensorCause.DEAD,)
    assert "hears nothing (14 dB re 20 µPa, 60 dB re 20 µPa when healthy)" in found.diagnosis.sentence


def test_a_machine_is_off_although_the_microphone_hears_its_neighbours(baseline: Fingerprint) -> None:
    samples = np.vstack([noise(SECONDS, RATE_HZ, 1, 0.01), noise(SECONDS, RATE_HZ, 2, 0.01), machine(13)[2]])
    for reference in (None, baseline):
        report = judged(samples, baseline=reference)
        assert report.verdict.label is DiagnosisLabel.MACHINE_OFF


def test_wind_silence_and_cracks_are_no_fault_of_a_microphone() -> None:
    """Each of these is one of an accelerometer, and common in the air."""
    steady = noise(4.0, RATE_HZ, 21, 0.02)
    wind = np.cumsum(noise(4.0, RATE_HZ, 22, 0.002))
    pauses = np.where(np.arange(steady.size) % 30_011 < 9_000, 0.01 * steady, steady)
    cracks = steady.copy()
    cracks[[9_000, 31_007, 54_321, 88_888]] += 2.0
    for sound in (steady + wind - wind.mean(), pauses, cracks):
        assert check_sensor(sound, RATE_HZ).causes != ()
        assert check_sensor(sound, RATE_HZ, is_sound=True).causes == ()
