"""How well bearing damage is named on public recordings: the protocol that tests and people share.

One sensor, nearest to the bearing; its own geometry; one setting for all files; the label is read only to score.
Run it for the table: `python -m support.naming` from the folder tests/.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import Bearing, find_bearing
from models.diagnosis.diagnose import BearingAt, diagnose
from models.recordings.reading import read_recording

BEARING_LABELS = {"inner_race", "outer_race", "ball", "cage"}


@dataclass(frozen=True)
class Case:
    """One recording of one sensor with what is known about it."""

    name: str
    samples: NDArray[np.float32]
    sample_rate_hz: float
    speed_rpm: float
    bearing: Bearing
    label: str
    """`inner_race`, `outer_race`, `ball` or `normal`."""

    def windows(self, length_s: float, overlap: float) -> Iterator[NDArray[np.float32]]:
        """Return stretches of the recording."""
        length = round(length_s * self.sample_rate_hz)
        for start in range(0, self.samples.size - length + 1, max(1, round(length * (1 - overlap)))):
            yield self.samples[start : start + length]


def cwru(folder: Path) -> list[Case]:
    """Return the sensor at the faulty bearing of every file."""
    cases = []
    for row in _rows(folder / "labels.csv"):
        at_fan = row["faulty_bearing"] == "fan_end"
        recording = read_recording(
            folder / row["file"], channel="FE" if at_fan else "DE", sample_rate_hz=float(row["fs_hz"]), unit="g"
        ).in_si()
        cases.append(
            Case(
                name=row["file"],
                samples=recording.segments[0].samples[0],
                sample_rate_hz=float(row["fs_hz"]),
                speed_rpm=recording.speed_rpm or float(row["rpm_nominal"]),
                bearing=find_bearing("6203-2RS JEM" if at_fan else "6205-2RS JEM"),
                label=row["label"],
            )
        )
    return cases


def mfpt(folder: Path) -> list[Case]:
    """Return every file; rate, speed and unit are in it."""
    cases = []
    for row in _rows(folder / "labels.csv"):
        recording = read_recording(folder / row["file"]).in_si()
        assert recording.sample_rate_hz is not None
        assert recording.speed_rpm is not None
        samples = recording.segments[0].samples[0]
        case = Case(
            row["file"], samples, recording.sample_rate_hz, recording.speed_rpm, find_bearing("NICE"), row["label"]
        )
        cases.append(case)
    return cases


def name_fault(case: Case, samples: NDArray[np.float32], *, stated_speed_error: float = 0.0) -> DiagnosisLabel:
    """Return the verdict on some samples of one sensor."""
    report = diagnose(
        samples[None],
        case.sample_rate_hz,
        ["DE"],
        speed_rpm=case.speed_rpm * (1 + stated_speed_error),
        bearings=[BearingAt(case.bearing)],
    )
    return report.verdict.label


def score(label: str, verdict: DiagnosisLabel) -> str:
    """Return `right`, `open` (nothing is named where something is wrong) or `wrong`."""
    named = verdict.value in BEARING_LABELS
    if label == "normal":
        return "wrong" if named else "right"
    if not named:
        return "open"
    return "right" if verdict.value == label else "wrong"


def tally(
    cases: list[Case], length_s: float | None, *, overlap: float = 0.5, stated_speed_error: float = 0.0
) -> Counter[str]:
    """Return how often each score occurred; whole recordings when no length is given."""
    counts: Counter[str] = Counter()
    for case in cases:
        for window in [case.samples] if length_s is None else case.windows(length_s, overlap):
            counts[score(case.label, name_fault(case, window, stated_speed_error=stated_speed_error))] += 1
    return counts


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Print the table."""
    default = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    recordings = Path(os.environ.get("PLANTPULSE_RECORDINGS", default))
    cases = cwru(recordings / "cwru") + mfpt(recordings / "mfpt")
    write = sys.stdout.write
    write(f"{'file':28} {'label':11} {'verdict':16} seconds\n")
    for case in cases:
        before = time.perf_counter()
        verdict = name_fault(case, case.samples)
        write(f"{case.name[:28]:28} {case.label:11} {verdict.value:16} {time.perf_counter() - before:.3f}\n")
    write(f"\n{'windows':10} {'speed stated':>12}  right  open  wrong\n")
    for length_s, error in [(None, 0.0), (5, 0.0), (2, 0.0), (1, 0.0), (3, 0.02), (3, -0.03), (3, 0.04), (1, 0.02)]:
        counts = tally(cases, length_s, stated_speed_error=error)
        name = "whole" if length_s is None else f"{length_s} s"
        write(f"{name:10} {error:>+12.0%}  {counts['right']:5} {counts['open']:5} {counts['wrong']:6}\n")


if __name__ == "__main__":
    main()
