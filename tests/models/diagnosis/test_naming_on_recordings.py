"""Never a wrong name on public recordings, however they are cut, disturbed, mixed, heard or said to turn.

What is right is counted where the sets are evaluated (tests/models/training/evaluation); here the recordings are made
into others that nobody tuned anything on. Cuts and disturbances are drawn from a seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.diagnosis.bearings import Bearing, bearing_library
from models.diagnosis.diagnose import BearingAt, diagnose
from models.recordings.reading import read_recording
from models.signal.fourier import irfft, rfft
from models.training.evaluation import cwru, mfpt
from models.training.evaluation.bearing_naming import BEARING_LABELS, Case, all_channels, one_sensor, score

pytestmark = pytest.mark.needs("recordings/cwru", "recordings/mfpt")

Samples = NDArray[np.float32]
LENGTHS_S = (0.6, 1.0, 1.5, 2.0, 3.0, 5.0)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    from conftest import RECORDINGS

    return cwru.cases(RECORDINGS / "cwru") + mfpt.cases(RECORDINGS / "mfpt")


@pytest.fixture(scope="module")
def damaged(cases: list[Case]) -> list[Case]:
    return [case for case in cases if case.label != "normal"]


@pytest.fixture(scope="module")
def healthy(cases: list[Case]) -> Case:
    return next(case for case in cases if case.label == "normal")


def drawn(case: Case, random: np.random.Generator) -> Samples:
    """Return a stretch of random length from a random place."""
    length = min(round(float(random.choice(LENGTHS_S)) * case.sample_rate_hz), case.samples.shape[1])
    start = int(random.integers(case.samples.shape[1] - length + 1))
    return case.samples[:, start : start + length]


def halved(samples: Samples) -> Samples:
    """Return the samples at half their rate, by leaving out the upper half of the spectrum."""
    size = samples.shape[1] // 4 * 4
    spectrum = rfft(samples[:, :size].astype(np.float64))
    kept: Samples = irfft(spectrum[:, : size // 4 + 1] / 2, size // 2).astype(np.float32)
    return kept


def test_two_second_windows_with_half_overlap(cases: list[Case]) -> None:
    counts = Counter(score(case, one_sensor(case, window)) for case in cases for window in case.cut(2.0, overlap=0.5))
    assert counts["wrong"] == 0
    assert counts["right"] >= 75  # of 93: the must-hold of 80 %


def disturbed(case: Case, window: Samples, kind: str, random: np.random.Generator) -> tuple[Case, Samples]:
    """Return a stretch after something was done to it that changes neither the fault nor its orders."""
    if kind == "louder":
        return case, window * np.float32(10.0 ** random.uniform(-2, 2))
    if kind == "resampled":
        factor = float(random.choice([0.97, 1.03]))
        return replace(case, sample_rate_hz=case.sample_rate_hz * factor, speed_rpm=case.speed_rpm * factor), window
    if kind == "halved":
        return replace(case, sample_rate_hz=case.sample_rate_hz / 2), halved(window)
    if kind == "noise":
        level = window.std(axis=1, keepdims=True) * 10.0 ** random.uniform(-1, 0.5)
        return case, window + (level * random.standard_normal(window.shape)).astype(np.float32)
    if kind == "other sensor":
        return replace(case, nearest=int(random.integers(len(case.points)))), window
    return case, window


@pytest.mark.parametrize("kind", ["cut", "louder", "resampled", "halved", "noise", "all channels", "other sensor"])
@pytest.mark.parametrize("speed_error", [0.0, 0.045])
def test_nothing_done_to_a_recording_gives_it_a_wrong_name(damaged: list[Case], kind: str, speed_error: float) -> None:
    """Speed errors are drawn evenly up to the one given, to both sides."""
    random = np.random.default_rng([len(kind), round(1e3 * speed_error)])
    counts: Counter[str] = Counter()
    judge = all_channels if kind == "all channels" else one_sensor
    for whole in damaged:
        error = float(random.uniform(-speed_error, speed_error))
        case, window = disturbed(whole, drawn(whole, random), kind, random)
        counts[score(case, judge(case, window, speed_error=error))] += 1
    assert counts["wrong"] == 0
    assert counts["right"] > 0


def test_a_fault_under_a_healthy_machine_is_named_rightly_or_not_at_all(damaged: list[Case], healthy: Case) -> None:
    random = np.random.default_rng(5)
    counts: Counter[str] = Counter()
    for case in damaged:
        # The healthy motor was sampled at 48 kHz; at 12 kHz it is heard after halving twice, elsewhere as it is.
        quiet = halved(halved(healthy.samples)) if case.sample_rate_hz < 20_000 else healthy.samples
        loud = case.samples[case.nearest]
        size = min(quiet.shape[1], loud.size)
        for share in (0.1, 0.3, 1.0):
            start = int(random.integers(loud.size - size + 1))
            part = loud[start : start + size]
            mixed = quiet[0, :size] / quiet[0].std() + np.float32(share) * part / part.std()
            counts[score(case, one_sensor(replace(case, nearest=0, points=("DE",)), mixed[None]))] += 1
    assert counts["wrong"] == 0
    assert counts["right"] > 0


def test_without_a_stated_speed_nothing_is_named(damaged: list[Case]) -> None:
    for case in damaged:
        report = diagnose(
            case.samples[case.nearest][None],
            case.sample_rate_hz,
            [case.points[case.nearest]],
            speed_rpm=None,
            bearings=[BearingAt(case.damaged)],
        )
        assert report.verdict.label.value not in BEARING_LABELS
        if report.speed.estimated is not None:
            # The rig of MFPT states 1500 rpm and turns 0.7 % slower.
            assert report.speed.estimated == pytest.approx(case.speed_rpm, rel=0.012)


@pytest.mark.parametrize("length_s", [0.25, 0.5, 1.0, 2.0])
def test_no_bearing_of_any_geometry_is_named_on_a_healthy_motor(healthy: Case, length_s: float) -> None:
    random = np.random.default_rng(round(100 * length_s))
    library = [row.bearing for row in bearing_library()]
    for window in healthy.cut(length_s, overlap=0.75):
        balls, angle = int(random.integers(6, 20)), float(random.choice([0, 15, 25, 40]))
        size = min(float(random.uniform(0.12, 0.35)), 0.9 * float(np.sin(np.pi / balls)))
        made_up = Bearing.from_geometry("made up", balls, size, 1.0, angle)
        for bearing in (made_up, library[int(random.integers(len(library)))]):
            report = diagnose(
                window,
                healthy.sample_rate_hz,
                healthy.points,
                speed_rpm=healthy.speed_rpm * (1 + float(random.uniform(-0.04, 0.04))),
                bearings=[BearingAt(bearing)],
            )
            assert {str(channel.diagnosis.label) for channel in report.channels} <= {"no_fault_found", "uncertain"}


@pytest.mark.needs("recordings/ims")
def test_healthy_and_stopped_rigs_are_not_named(recordings: Path) -> None:
    for path in sorted((recordings / "ims").glob("test*_raw/*")):
        recording = read_recording(path, sample_rate_hz=20_480, unit="g", speed_rpm=2000).in_si()
        names = [channel.name for channel in recording.channels]
        for row in bearing_library():
            report = diagnose(
                recording.segments[0].samples, 20_480, names, speed_rpm=2000, bearings=[BearingAt(row.bearing)]
            )
            assert report.verdict.label.value not in BEARING_LABELS, (path.name, row.bearing.name)
        if path.name == "2004.02.19.06.22.39":
            assert report.verdict.label.value == "machine_off"


def test_the_bearing_is_told_from_the_one_at_the_other_end(damaged: list[Case]) -> None:
    for case in damaged:
        report = all_channels(case, case.samples)
        if report.verdict.label.value in BEARING_LABELS:
            assert report.component == next(at.point for at in case.bearings if at.bearing == case.damaged)


def test_of_two_bearings_of_one_type_the_wrong_one_is_never_named(damaged: list[Case]) -> None:
    """The rig has different bearings; here both are said to be the damaged one's type, so only the place can differ."""
    places: Counter[str] = Counter()
    for case in damaged:
        if len(case.bearings) < 2:
            continue
        true_end = next(at.point for at in case.bearings if at.bearing == case.damaged)
        for window in case.cut(2.0):
            report = diagnose(
                window,
                case.sample_rate_hz,
                case.points,
                speed_rpm=case.speed_rpm,
                bearings=[BearingAt(case.damaged, "DE"), BearingAt(case.damaged, "FE")],
            )
            if report.verdict.label.value in BEARING_LABELS:
                assert report.verdict.label.value == case.label
                assert true_end in report.component.split(" or ")
                places["one" if report.component == true_end else "open"] += 1
    # Of some thirty named windows; the rest are open: faults at the fan end are heard as deep at the drive end, and
    # one recording has only one sensor.
    assert places["one"] >= 10
