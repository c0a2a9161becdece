"""What naming bearing damage attains on public recordings, one sensor, one setting for all files.

The numbers are floors, stated here so that a change for the worse is seen. Never a wrong name is the harder promise:
it is asserted everywhere, also where the stated speed, the window or the bearing is not what it should be.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.naming import BEARING_LABELS, Case, cwru, mfpt, name_fault, score, tally

from models.diagnosis.bearings import bearing_library
from models.diagnosis.diagnose import BearingAt, diagnose
from models.recordings.reading import read_recording

pytestmark = pytest.mark.needs("recordings/cwru", "recordings/mfpt")


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    from conftest import RECORDINGS

    return cwru(RECORDINGS / "cwru") + mfpt(RECORDINGS / "mfpt")


def test_whole_recordings_17_of_18_right_none_wrong(cases: list[Case]) -> None:
    verdicts = {case.name: score(case.label, name_fault(case, case.samples)) for case in cases}
    assert len(verdicts) == 18
    assert [name for name, verdict in verdicts.items() if verdict == "wrong"] == []
    # The ball fault of record 118 has no line of its own in any variant: uncertain is the honest verdict.
    assert [name for name, verdict in verdicts.items() if verdict == "open"] == ["12k_DE_B_007_118_0.mat"]


@pytest.mark.parametrize(("length_s", "least_right"), [(5.0, 22), (2.0, 70), (1.0, 150)])
def test_windows_with_half_overlap(cases: list[Case], length_s: float, least_right: int) -> None:
    counts = tally(cases, length_s)
    assert counts["wrong"] == 0
    assert counts["right"] >= least_right  # of 25, 93 and 205


@pytest.mark.parametrize(
    ("length_s", "error", "least_right"), [(3.0, 0.02, 40), (3.0, -0.03, 40), (3.0, 0.04, 40), (1.0, 0.03, 0)]
)
def test_with_a_wrong_stated_speed_nothing_is_named_wrongly(
    cases: list[Case], length_s: float, error: float, least_right: int
) -> None:
    counts = tally(cases, length_s, stated_speed_error=error)
    assert counts["wrong"] == 0
    assert counts["right"] >= least_right  # of 50 windows of 3 s; one second is too short to settle the speed


@pytest.mark.parametrize("length_s", [1.0, 2.0])
@pytest.mark.parametrize("error", [-0.02, 0.0, 0.01])
def test_no_fault_is_ever_named_on_a_healthy_motor(
    cases: list[Case], recordings: Path, length_s: float, error: float
) -> None:
    healthy = next(case for case in cases if case.label == "normal")
    both = read_recording(recordings / "cwru" / healthy.name, sample_rate_hz=48_000, unit="g").in_si()
    samples = both.segments[0].samples
    length = round(length_s * 48_000)
    for start in range(0, samples.shape[1] - length + 1, length // 8):
        for row in bearing_library():
            report = diagnose(
                samples[:, start : start + length],
                48_000,
                ["DE", "FE"],
                speed_rpm=healthy.speed_rpm * (1 + error),
                bearings=[BearingAt(row.bearing)],
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


def test_the_bearing_is_told_from_the_one_at_the_other_end(cases: list[Case], recordings: Path) -> None:
    bearings = {row.bearing.name: row.bearing for row in bearing_library()}
    at = [BearingAt(bearings["6205-2RS JEM"], "DE"), BearingAt(bearings["6203-2RS JEM"], "FE")]
    for case in cases[:10]:
        recording = read_recording(
            recordings / "cwru" / case.name, sample_rate_hz=case.sample_rate_hz, unit="g", speed_rpm=case.speed_rpm
        ).in_si()
        samples = np.asarray(recording.segments[0].samples)
        names = [channel.name for channel in recording.channels]
        report = diagnose(samples, case.sample_rate_hz, names, speed_rpm=case.speed_rpm, bearings=at)
        if report.verdict.label.value in BEARING_LABELS:
            assert report.verdict.label.value == case.label
            assert report.component == ("FE" if case.bearing.name.startswith("6203") else "DE")
        else:
            assert case.label == "normal" or "118" in case.name


def test_of_two_bearings_of_one_type_the_wrong_one_is_never_named(cases: list[Case], recordings: Path) -> None:
    """The rig has different bearings; here both are said to be the damaged one's type, so only the place can differ."""
    places: Counter[str] = Counter()
    for case in cases[1:10]:
        recording = read_recording(
            recordings / "cwru" / case.name, sample_rate_hz=case.sample_rate_hz, unit="g", speed_rpm=case.speed_rpm
        ).in_si()
        samples = np.asarray(recording.segments[0].samples)
        names = [channel.name for channel in recording.channels]
        true_end = "FE" if case.bearing.name.startswith("6203") else "DE"
        length = round(2.0 * case.sample_rate_hz)
        for start in range(0, samples.shape[1] - length + 1, length):
            report = diagnose(
                samples[:, start : start + length],
                case.sample_rate_hz,
                names,
                speed_rpm=case.speed_rpm,
                bearings=[BearingAt(case.bearing, "DE"), BearingAt(case.bearing, "FE")],
            )
            if report.verdict.label.value in BEARING_LABELS:
                assert report.verdict.label.value == case.label
                assert true_end in report.component.split(" or ")
                places["one" if report.component == true_end else "open"] += 1
    # Of 32 named windows; the rest are open: faults at the fan end are heard as deep at the drive end, and one
    # recording has only one sensor.
    assert places["one"] >= 10
