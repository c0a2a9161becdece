"""Channels together make one verdict, with a sentence, a next step and evidence for and against."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt, Fingerprint, Report, combine, diagnose, fingerprint
from models.diagnosis.fingerprint import FingerprintError

RATE_HZ = 25_600.0
SHAFT_HZ = 24.6
NAMES = ("DE.H", "DE.V", "NDE.H")
BEARINGS = (BearingAt(find_bearing("6205"), "DE"), BearingAt(find_bearing("6203"), "NDE"))


def machine(seed: int, seconds: float = 2.0, **orders: float) -> np.ndarray:
    """Return three channels of a healthy machine; `x1=3.0` puts 3 mm/s at 1x."""
    levels = {1.0: 0.8, 2.0: 0.3, 3.0: 0.15, **{float(order): 0.1 / order for order in range(4, 25)}}
    levels |= {float(name[1:]): level for name, level in orders.items()}
    lines = shaft_lines(seconds, RATE_HZ, SHAFT_HZ, levels)
    return np.stack([noise(seconds, RATE_HZ, seed + row) + lines for row in range(len(NAMES))])


@pytest.fixture(scope="module")
def baseline() -> Fingerprint:
    return combine([fingerprint(machine(10 * seed), RATE_HZ, 60 * SHAFT_HZ) for seed in range(4)])


def judged(samples: np.ndarray, baseline: Fingerprint | None = None, **settings: object) -> Report:
    settings = {"speed_rpm": 60 * SHAFT_HZ, "bearings": BEARINGS} | settings
    return diagnose(samples, RATE_HZ, NAMES, baseline=baseline, **settings)  # type: ignore[arg-type]  # plain keywords


def test_healthy_only_against_a_baseline(baseline: Fingerprint) -> None:
    assert judged(machine(100)).verdict.label is DiagnosisLabel.NO_FAULT_FOUND
    assert judged(machine(100), baseline).verdict.label is DiagnosisLabel.HEALTHY


def test_damage_is_named_where_it_is_also_when_heard_elsewhere() -> None:
    samples = machine(1)
    blows = impacts(2, RATE_HZ, BEARINGS[1].bearing.bpfo * SHAFT_HZ * 0.996, 1, height=8.0)
    samples[2] += blows
    samples[0] += 0.7 * blows
    report = judged(samples)
    assert report.verdict.label is DiagnosisLabel.OUTER_RACE
    assert report.component == "NDE"
    assert report.verdict.channel == "NDE.H"
    assert report.channels[0].component == "NDE"
    assert "heard at DE.H" in report.channels[0].diagnosis.sentence


def test_a_verdict_has_words_numbers_and_lines_for_and_against() -> None:
    samples = machine(1)
    samples[0] += impacts(2, RATE_HZ, BEARINGS[0].bearing.bpfi * SHAFT_HZ * 0.996, 1, height=8.0)
    report = judged(samples)
    assert report.verdict.label is DiagnosisLabel.INNER_RACE
    assert report.verdict.sentence.startswith(
        "Inner-race damage at DE is likely: 4 of 4 harmonics of 132.7 Hz stand out by"
    )
    assert report.verdict.next_step
    assert 0.5 <= report.verdict.confidence <= 1
    matched = {line.line for line in report.lines if line.matched}
    unmatched = [line for line in report.lines if not line.matched]
    assert {"BPFI@DE", "2x BPFI@DE", "3x BPFI@DE", "4x BPFI@DE"} <= matched
    assert {"BPFO@DE", "BPFO@NDE"} <= {line.line for line in unmatched}
    assert all(line.found_hz is None and line.snr_db is None for line in unmatched)


@pytest.mark.parametrize(
    ("orders", "label"),
    [
        ({"x1": 4.0}, DiagnosisLabel.IMBALANCE),
        ({"x2": 3.0}, DiagnosisLabel.MISALIGNMENT),
        ({"x1": 1.5, "x3": 1.0, "x4": 1.0, "x5": 0.9, "x6": 0.8, "x7": 0.7}, DiagnosisLabel.LOOSENESS),
    ],
)
@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_rotor_faults_are_what_grew(
    baseline: Fingerprint, orders: dict[str, float], label: DiagnosisLabel, seconds: float
) -> None:
    report = judged(machine(50, seconds, **orders), baseline)
    assert report.verdict.label is label
    assert "mm/s" in report.verdict.sentence


def test_without_a_baseline_a_rotor_fault_needs_a_bad_level() -> None:
    assert judged(machine(51, x1=4.0)).verdict.label is DiagnosisLabel.NO_FAULT_FOUND
    assert judged(machine(51, x1=9.0)).verdict.label is DiagnosisLabel.IMBALANCE
    # 4 mm/s is zone C for a medium machine on a rigid foundation.
    assert judged(machine(51, x1=4.0), machine_group=2, support="rigid").verdict.label is DiagnosisLabel.IMBALANCE


def test_a_change_without_a_cause_is_said_as_such(baseline: Fingerprint) -> None:
    samples = machine(60)
    time_s = np.arange(samples.shape[1]) / RATE_HZ
    samples[1] += 8 * np.cos(2 * np.pi * 3170 * time_s + 3 * np.cos(2 * np.pi * 7 * time_s))
    report = judged(samples, baseline)
    assert report.verdict.label is DiagnosisLabel.CHANGED
    assert report.verdict.channel == "DE.V"
    assert "3162 Hz rose by" in report.verdict.sentence


def test_another_speed_is_a_changed_process_not_a_fault(baseline: Fingerprint) -> None:
    lines = shaft_lines(2, RATE_HZ, 20.0, {float(order): 1.0 / order for order in range(1, 25)})
    samples = np.stack([noise(2, RATE_HZ, row) + lines for row in range(3)])
    assert judged(samples, baseline, speed_rpm=1200.0).verdict.label is DiagnosisLabel.PROCESS_CHANGED


def test_a_machine_that_stands_still(baseline: Fingerprint) -> None:
    quiet = np.stack([noise(2, RATE_HZ, row, level=0.005) for row in range(3)])
    assert judged(quiet).verdict.label is DiagnosisLabel.MACHINE_OFF
    assert judged(quiet, baseline).verdict.label is DiagnosisLabel.MACHINE_OFF


@pytest.mark.parametrize(
    "spoil", [lambda x: x * np.nan, lambda x: x * 0 + 1, lambda x: np.clip(x, -0.5, 0.5), lambda x: x * 1e-3]
)
def test_a_bad_sensor_never_looks_like_a_bad_machine(baseline: Fingerprint, spoil) -> None:
    samples = machine(70)
    samples[1] = spoil(samples[1])
    report = judged(samples, baseline)
    assert report.verdict.label is DiagnosisLabel.SENSOR_FAULT
    assert report.verdict.channel == "DE.V"
    assert {str(report.channels[row].diagnosis.label) for row in (0, 2)} == {"healthy"}


def test_damage_beside_a_bad_sensor_is_still_named() -> None:
    samples = machine(1)
    samples[0] += impacts(2, RATE_HZ, BEARINGS[0].bearing.bpfo * SHAFT_HZ, 1, height=8.0)
    samples[2] = np.nan
    assert judged(samples).verdict.label is DiagnosisLabel.OUTER_RACE


def test_two_channels_that_contradict_each_other_leave_it_open() -> None:
    samples = machine(2)
    samples[0] += impacts(2, RATE_HZ, BEARINGS[0].bearing.bpfo * SHAFT_HZ, 1, height=8.0)
    samples[2] += impacts(2, RATE_HZ, BEARINGS[1].bearing.bpfi * SHAFT_HZ, 2, height=8.0)
    report = judged(samples)
    assert report.verdict.label is DiagnosisLabel.UNCERTAIN
    assert "outer race" in report.verdict.sentence
    assert "inner race" in report.verdict.sentence


def test_without_speed_or_bearing_it_says_what_is_missing() -> None:
    assert "shaft speed" in judged(machine(3), speed_rpm=None).verdict.sentence
    assert "no bearing is given" in judged(machine(3), bearings=()).verdict.sentence
    assert "too short" in judged(machine(3, 0.3)).verdict.sentence


def test_an_unknown_unit_is_not_compared_with_limits() -> None:
    tiny = np.stack([noise(2, RATE_HZ, row, level=0.005) for row in range(3)])
    assert judged(tiny, levels_known=False).verdict.label is DiagnosisLabel.NO_FAULT_FOUND
    assert judged(machine(51, x1=90.0), levels_known=False).verdict.label is DiagnosisLabel.NO_FAULT_FOUND


def test_a_baseline_of_other_channels_is_refused(baseline: Fingerprint) -> None:
    with pytest.raises(FingerprintError, match="3 channels"):
        diagnose(machine(1)[:2], RATE_HZ, NAMES[:2], speed_rpm=None, baseline=baseline)


def test_ten_seconds_of_a_channel_take_less_than_a_tenth_of_a_second() -> None:
    samples = noise(10, 12_000.0, 1)[None]
    times = []
    for _ in range(5):
        before = time.perf_counter()
        diagnose(samples, 12_000.0, ["DE"], speed_rpm=1797.0, bearings=[BEARINGS[0]])
        times.append(time.perf_counter() - before)
    assert min(times) < 0.1


def test_the_agent_may_import_it_cheaply() -> None:
    code = "import sys, models.diagnosis.diagnose; print('scipy.signal' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
