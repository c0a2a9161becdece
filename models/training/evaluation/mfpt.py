"""Naming bearing damage under changing load on the rig of the Machinery Failure Prevention Technology society.

The folder holds its .mat files (rate, shaft speed and one sensor in each) and a `labels.csv` with the columns `file`
and `label`.

Source: E. Bechhoefer, Condition Based Maintenance Fault Database, Society for Machinery Failure Prevention Technology.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.diagnosis.bearings import find_bearing
from models.diagnosis.diagnose import BearingAt
from models.recordings.reading import read_recording
from models.training.evaluation.bearing_naming import Case, evaluate_cases, rows_of
from models.training.evaluation.result import EvaluationError

if TYPE_CHECKING:
    from pathlib import Path

    from models.training.evaluation.result import Evaluation

POINT: Final = "bearing"


def evaluate(folder: Path) -> Evaluation:
    """Return how well damage is named on the recordings in a folder.

    Raises:
        EvaluationError: the labels are missing, or a file without a rate or a speed.
        RecordingError: a file cannot be read.
    """
    return evaluate_cases(cases(folder), "MFPT bearing rig")


def cases(folder: Path) -> list[Case]:
    """Return every recording that `labels.csv` lists.

    Raises:
        EvaluationError: the labels are missing, or a file without a rate or a speed.
        RecordingError: a file cannot be read.
    """
    return [_case(folder, row["file"], row["label"]) for row in rows_of(folder)]


def _case(folder: Path, file: str, label: str) -> Case:
    recording = read_recording(folder / file).in_si()
    if recording.sample_rate_hz is None or recording.speed_rpm is None:
        raise EvaluationError(f"{folder / file}: states no sampling rate or no shaft speed")
    bearing = find_bearing("NICE")
    return Case(
        file=file,
        label=label,
        samples=recording.segments[0].samples[:1],
        points=(POINT,),
        sample_rate_hz=recording.sample_rate_hz,
        speed_rpm=recording.speed_rpm,
        bearings=(BearingAt(bearing, POINT),),
        nearest=0,
        damaged=bearing,
    )
