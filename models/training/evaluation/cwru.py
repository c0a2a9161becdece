"""Naming bearing damage on the motor rig of Case Western Reserve University: drive end, fan end, base plate.

The folder holds .mat files of the Bearing Data Center and a `labels.csv` with the columns `file`, `label`,
`faulty_bearing`, `fs_hz`, `rpm_nominal` and `channels` (the variables in the file, by which a file of several records
is read right).

Source: Case Western Reserve University, Bearing Data Center; W. A. Smith and R. B. Randall, Mech. Syst. Signal
Process. 64-65 (2015) 100-131 (which of its records can be diagnosed at all).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt
from models.recordings.reading import read_recording
from models.training.evaluation.bearing_naming import Case, evaluate_cases, rows_of
from models.training.evaluation.result import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

    from models.training.evaluation.result import Evaluation

BEARINGS: Final = {"DE": "6205-2RS JEM", "FE": "6203-2RS JEM"}
ENDS: Final = {"drive_end": "DE", "fan_end": "FE"}
_VARIABLE: Final = re.compile(r"_(?P<point>[A-Z]+)_time$")


def evaluate(folder: Path) -> Evaluation:
    """Return how well damage is named on the recordings in a folder.

    Raises:
        EvaluationError: the labels are missing, or a column that is needed.
        RecordingError: a file cannot be read.
    """
    return evaluate_cases(cases(folder), "CWRU motor rig")


def cases(folder: Path) -> list[Case]:
    """Return every recording that `labels.csv` lists.

    Raises:
        EvaluationError: the labels are missing, or a column that is needed.
        RecordingError: a file cannot be read.
    """
    rows = rows_of(folder)
    missing = {"faulty_bearing", "fs_hz", "rpm_nominal", "channels"} - rows[0].keys()
    if missing:
        raise EvaluationError(f"{folder / 'labels.csv'}: has no column {', '.join(sorted(missing))}")
    return [_case(folder, row) for row in rows]


def _case(folder: Path, row: dict[str, str]) -> Case:
    variables = row["channels"].split()
    found = [_VARIABLE.search(variable) for variable in variables]
    points = tuple(match["point"] for match in found if match is not None)
    end = ENDS.get(row["faulty_bearing"], "DE")
    if len(points) != len(variables) or end not in points:
        raise EvaluationError(f"{folder / 'labels.csv'}: {row['file']} has no channel of the end {end}: {variables}")
    recording = read_recording(folder / row["file"], channel=variables, sample_rate_hz=float(row["fs_hz"]), unit="g")
    bearings = {point: BearingAt(find_bearing(name), point) for point, name in BEARINGS.items()}
    return Case(
        file=row["file"],
        label=row["label"],
        samples=recording.in_si().segments[0].samples,
        points=points,
        sample_rate_hz=float(row["fs_hz"]),
        speed_rpm=recording.speed_rpm or float(row["rpm_nominal"]),
        bearings=tuple(bearings.values()),
        nearest=points.index(end),
        damaged=bearings[end].bearing,
    )
