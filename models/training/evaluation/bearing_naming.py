"""How well bearing damage is named on recordings of known damage: what every such set is scored by.

Every recording is judged by `diagnose`, as an agent or a person does it, with nothing fitted and no baseline: whole
with the sensor nearest to the damage and that bearing alone; whole with all sensors and all bearings; cut into
stretches; and with a stated speed that is off. Healthy recordings are judged in short overlapping stretches, by every
sensor for every bearing.

A verdict is *right*, *open* (nothing is named where something is damaged) or *wrong* (another name, or the right one
only at another place). On a healthy machine every name is wrong. Labels are read only to score.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.diagnosis.bearing_faults import Part
from models.diagnosis.diagnose import BearingAt, diagnose
from models.training.evaluation.result import Evaluation, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from models.diagnosis.bearings import Bearing
    from models.diagnosis.diagnose import Report
    from models.training.evaluation.result import Value

    Samples = NDArray[np.float32]

HEALTHY: Final = frozenset({"normal", "healthy", "baseline"})
"""How sets call a machine without damage."""
BEARING_LABELS: Final = frozenset(part.value for part in Part)
CUTS_S: Final = (5.0, 2.0, 1.0)
SPEED_ERRORS: Final = (-0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04)
HEALTHY_CUTS_S: Final = (0.25, 0.5, 1.0, 2.0)
HEALTHY_OVERLAP: Final = 0.75


@dataclass(frozen=True, slots=True)
class Case:
    """One recording with what is known about it.

    Attributes:
        file: its name.
        label: `inner_race`, `outer_race`, `ball` or `normal`.
        samples: acceleration (channels, samples) in m/s².
        points: measurement point of each channel.
        sample_rate_hz: of all channels.
        speed_rpm: stated.
        bearings: all of the machine, at their points.
        nearest: row of the channel nearest to the damage.
        damaged: the bearing that is damaged; of a healthy machine the one nearest to the channel.
    """

    file: str
    label: str
    samples: Samples
    points: tuple[str, ...]
    sample_rate_hz: float
    speed_rpm: float
    bearings: tuple[BearingAt, ...]
    nearest: int
    damaged: Bearing

    def cut(self, length_s: float, overlap: float = 0.0) -> Iterator[Samples]:
        """Return stretches (channels, samples) of one length, one after the other; what is left over is not used."""
        length = round(length_s * self.sample_rate_hz)
        step = max(1, round(length * (1 - overlap)))
        for start in range(0, self.samples.shape[1] - length + 1, step):
            yield self.samples[:, start : start + length]


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a set's `labels.csv`.

    Raises:
        EvaluationError: there is none, or it does not name files and labels.
    """
    path = folder / "labels.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror or error}; the set needs its list of labels") from error
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise EvaluationError(f"{path}: has no rows with the columns file and label")
    return rows


def one_sensor(case: Case, stretch: Samples, *, speed_error: float = 0.0) -> Report:
    """Return what the sensor nearest to the damage says, knowing that bearing alone."""
    return diagnose(
        stretch[case.nearest][None],
        case.sample_rate_hz,
        [case.points[case.nearest]],
        speed_rpm=case.speed_rpm * (1 + speed_error),
        bearings=[BearingAt(case.damaged)],
    )


def all_channels(case: Case, stretch: Samples, *, speed_error: float = 0.0) -> Report:
    """Return what all sensors say together, knowing all bearings at their points."""
    return diagnose(
        stretch,
        case.sample_rate_hz,
        case.points,
        speed_rpm=case.speed_rpm * (1 + speed_error),
        bearings=case.bearings,
    )


def score(case: Case, report: Report) -> str:
    """Return `right`, `open` or `wrong`."""
    name = report.verdict.label.value
    if case.label in HEALTHY:
        return "wrong" if name in BEARING_LABELS else "right"
    if name not in BEARING_LABELS:
        return "open"
    at = {at.point for at in case.bearings if at.bearing == case.damaged}
    in_place = len(case.points) == 1 or None in at or len(report.channels) == 1
    in_place = in_place or bool(at.intersection(report.component.split(" or ")))
    return "right" if name == case.label and in_place else "wrong"


def healthy_windows(case: Case) -> tuple[int, int]:
    """Return how many judgements short stretches of a healthy machine gave, and how many of them named damage.

    One judgement is one sensor for one bearing, or all sensors for all.
    """
    judged = named = 0
    for length_s in HEALTHY_CUTS_S:
        for stretch in case.cut(length_s, HEALTHY_OVERLAP):
            kinds = {at.bearing.name: BearingAt(at.bearing) for at in case.bearings}
            for bearings in (*([kind] for kind in kinds.values()), list(case.bearings)):
                report = diagnose(
                    stretch, case.sample_rate_hz, case.points, speed_rpm=case.speed_rpm, bearings=bearings
                )
                labels = [channel.diagnosis.label.value for channel in report.channels] + [report.verdict.label.value]
                judged += len(labels)
                named += sum(label in BEARING_LABELS for label in labels)
    return judged, named


def evaluate_cases(cases: Sequence[Case], machine: str) -> Evaluation:
    """Return how well the damage in recordings is named.

    Args:
        cases: of one set.
        machine: what they are recordings of, for the protocol.
    """
    counts: Counter[str] = Counter()
    files = [_judge(case, counts) for case in cases]
    cuts = [f"cut_{length_s:g}_s" for length_s in CUTS_S]
    pooled: dict[str, Value] = {"files": len(cases)}
    for task in ("whole", "all_channels", *cuts, "speed_off"):
        pooled |= {f"{task}_{result}": counts[f"{task}_{result}"] for result in ("right", "open", "wrong")}
    pooled |= {key: counts[key] for key in ("healthy_windows", "healthy_windows_named")}
    errors = ", ".join(f"{100 * error:+.0f}" for error in SPEED_ERRORS)
    protocol = (
        f"{machine}: every recording judged without fitting and without a baseline, one setting for all files, labels "
        "read only to score. whole: nearest sensor, its own bearing; all_channels: all sensors, all bearings at their "
        f"points; cut: the nearest sensor in stretches one after the other; speed_off: whole, speed stated {errors} % "
        "off. open: nothing named. wrong: another name or place, or any name on a healthy machine; healthy_windows: "
        f"verdicts on healthy stretches of {', '.join(f'{cut:g}' for cut in HEALTHY_CUTS_S)} s, three quarters "
        "overlapping, every sensor, every bearing. Constants were set on 18 files of CWRU and MFPT together."
    )
    return Evaluation(protocol, pooled, tuple(files))


def _judge(case: Case, counts: Counter[str]) -> dict[str, Value]:
    """Return a file's row and add its scores to the counts."""
    mine: Counter[str] = Counter()
    whole, together = one_sensor(case, case.samples), all_channels(case, case.samples)
    mine[f"whole_{score(case, whole)}"] += 1
    mine[f"all_channels_{score(case, together)}"] += 1
    for length_s in CUTS_S:
        for stretch in case.cut(length_s):
            mine[f"cut_{length_s:g}_s_{score(case, one_sensor(case, stretch))}"] += 1
    for error in SPEED_ERRORS:
        mine[f"speed_off_{score(case, one_sensor(case, case.samples, speed_error=error))}"] += 1
    if case.label in HEALTHY:
        mine["healthy_windows"], mine["healthy_windows_named"] = healthy_windows(case)
    counts += mine
    row: dict[str, Value] = {
        "file": case.file,
        "label": case.label,
        "predicted": whole.verdict.label.value,
        "all_channels": together.verdict.label.value,
        "place": together.component,
    }
    for task in (*(f"cut_{length_s:g}_s" for length_s in CUTS_S), "speed_off"):
        row |= {f"{task}_{result}": mine[f"{task}_{result}"] for result in ("right", "open", "wrong")}
    return row
