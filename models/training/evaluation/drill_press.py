"""Drill press: added imbalance, heard by a cheap sensor whose time stamps come when they come.

In order:

1. the three axes of each file are read; the stamps jitter from 0 to 0.2 s, so the rate is their mean, 100 Hz,
2. the pipeline that ships learns from the first half of `base` (the press with its wooden base, healthy) and judges the
   second half of it, `imbalance_1`, and `dry_run`, the press without the base, which was never learnt,
3. the diagnosis compares longer stretches with the fingerprint of the same first half.

Neither unit nor speed is stated: levels are only compared with their own baseline, and without a speed no order and so
no fault can be named. The most that may be said of `imbalance_1` is that the press has changed. A file of a minute or
two cannot last ten minutes of twelve: one window stands for one decision, as in a time-lapse.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.diagnosis.diagnose import combine, diagnose, fingerprint
from models.pipeline import Pipeline
from models.recordings.reading import read_recording
from models.signal.windows import Window
from models.training.evaluation.judged import NS_PER_S, SHIPPED, through_pipeline
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from models.training.evaluation.judged import Judged

AXES: Final = ("ax", "ay", "az")
"""The fourth column is computed from these."""
FILES: Final = ("base", "dry_run", "imbalance_1")
WINDOW_SAMPLES: Final = 256
"""The shortest that features take, 2.6 s."""
HOP_SAMPLES: Final = WINDOW_SAMPLES // 4
"""Half of the file then holds the windows that learning asks for."""
STRETCH_SAMPLES: Final = 1_024
"""For the diagnosis, 10 s: the first half of `base` gives five for the fingerprint."""

PROTOCOL: Final = (
    "Features and judges of the default profile on 2.6 s windows (overlapping by three quarters), one window standing "
    "for one decision: learnt on the first half of base, scored on the windows of its second half (healthy) and of "
    "imbalance_1 (tp, fn, fp, tn: windows beyond the threshold; an alarm is what the default profile makes of them). "
    "dry_run is healthy in a state never learnt and is listed apart. The diagnosis compares 10 s stretches with the "
    "fingerprint of the first half of base. Nothing was chosen on the set: window and hop are the shortest that give "
    "features and enough windows to learn from."
)


@dataclass(frozen=True, slots=True)
class Run:
    """One file.

    Attributes:
        name: of the file.
        sample_rate_hz: mean of its stamps.
        samples: of the axes (3, n), unit unknown.
        notes: what the reader says about the stamps.
    """

    name: str
    sample_rate_hz: float
    samples: NDArray[np.float32]
    notes: str

    def between(self, first: float, last: float) -> Run:
        """Return a part of the file, given in shares of its length."""
        count = self.samples.shape[1]
        return replace(self, samples=self.samples[:, round(first * count) : round(last * count)])


def evaluate(folder: Path) -> Evaluation:
    """Return how well the imbalance is told from the healthy press, and what it is called.

    Raises:
        EvaluationError: the folder is not laid out like the set.
        RecordingError: a file in it cannot be read.
    """
    runs = {name: read_run(folder, name) for name in FILES}
    learnt = runs["base"].between(0.0, 0.5)
    scored = {
        "base": runs["base"].between(0.5, 1.0),
        "imbalance_1": runs["imbalance_1"],
        "dry_run": runs["dry_run"],
    }
    said = _diagnosed(learnt, scored)
    judged = _judged(learnt, scored)
    rows = tuple(_row(run, judged[name], said[name]) for name, run in scored.items())
    healthy, faulty, unlearnt = rows
    pooled: dict[str, Value] = {
        "tp": faulty["tp"],
        "fn": faulty["fn"],
        "fp": healthy["fp"],
        "tn": healthy["tn"],
        "detected_percent": faulty["beyond_percent"],
        "false_alarms_percent": healthy["beyond_percent"],
        "imbalance_alarms": faulty["alarms"],
        "healthy_alarms": healthy["alarms"],
        "diagnosis_of_imbalance": faulty["predicted"],
        "diagnosis_of_healthy": healthy["predicted"],
        "unlearnt_dry_run_beyond_percent": unlearnt["beyond_percent"],
    }
    return Evaluation(PROTOCOL, pooled, rows)


def read_run(folder: Path, name: str) -> Run:
    """Return one file's axes.

    Raises:
        EvaluationError: the file is missing, has no usable stamps, or lacks an axis.
        RecordingError: it cannot be read.
    """
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise EvaluationError(f"{path}: missing; the set has {', '.join(f'{one}.csv' for one in FILES)}")
    recording = read_recording(path)
    names = [channel.name for channel in recording.channels]
    if recording.sample_rate_hz is None or not set(AXES) <= set(names):
        raise EvaluationError(f"{path}: needs a column of times and the axes {', '.join(AXES)}")
    rows = [names.index(axis) for axis in AXES]
    samples = np.concatenate([segment.samples[rows] for segment in recording.segments], axis=1)
    return Run(name, recording.sample_rate_hz, np.ascontiguousarray(samples), "; ".join(recording.notes))


def _judged(learnt: Run, scored: Mapping[str, Run]) -> dict[str, Judged]:
    """Return what the pipeline says of each run, after it learnt from the first."""
    settings = replace(
        SHIPPED,
        channel_names=AXES,
        sample_rate_hz=learnt.sample_rate_hz,
        window_samples=WINDOW_SAMPLES,
        alarm=replace(SHIPPED.alarm, decision_s=0.0),
    )
    pipeline = Pipeline(settings)
    windows = _windows(learnt, learnt.sample_rate_hz)
    _, state = through_pipeline(pipeline, windows)
    return {
        name: through_pipeline(pipeline, _windows(run, learnt.sample_rate_hz, begin=len(windows)), state)[0]
        for name, run in scored.items()
    }


def _windows(run: Run, sample_rate_hz: float, *, begin: int = 0) -> list[Window]:
    """Return the windows of a run; the rates of the files agree within a thousandth, and the pipeline has one."""
    hop_ns = round(HOP_SAMPLES / sample_rate_hz * NS_PER_S)
    starts = range(0, run.samples.shape[1] - WINDOW_SAMPLES + 1, HOP_SAMPLES)
    return [
        Window(
            np.ascontiguousarray(run.samples[:, start : start + WINDOW_SAMPLES]),
            sample_rate_hz,
            begin + number,
            0,
            (begin + number + 1) * hop_ns,
            None,
        )
        for number, start in enumerate(starts)
    ]


def _diagnosed(learnt: Run, scored: Mapping[str, Run]) -> dict[str, Counter[str]]:
    """Return how often each label is the verdict on the stretches of each run."""
    rate_hz = learnt.sample_rate_hz
    baseline = combine([fingerprint(stretch, rate_hz, None) for stretch in _stretches(learnt)])
    return {
        name: Counter(
            str(diagnose(stretch, rate_hz, AXES, speed_rpm=None, baseline=baseline, levels_known=False).verdict.label)
            for stretch in _stretches(run)
        )
        for name, run in scored.items()
    }


def _stretches(run: Run) -> list[NDArray[np.float32]]:
    starts = range(0, run.samples.shape[1] - STRETCH_SAMPLES + 1, STRETCH_SAMPLES)
    return [run.samples[:, start : start + STRETCH_SAMPLES] for start in starts]


def _row(run: Run, judged: Judged, said: Counter[str]) -> dict[str, Value]:
    scores = judged.scores[np.isfinite(judged.scores)]
    beyond = int((scores >= 1.0).sum())
    faulty = run.name == "imbalance_1"
    return {
        "file": f"{run.name}.csv",
        "label": "imbalance" if faulty else "healthy",
        "learnt": run.name != "dry_run",
        "predicted": said.most_common(1)[0][0] if said else "uncertain",
        "stretches": ", ".join(f"{label} {count}" for label, count in said.most_common()),
        "windows": len(judged.scores),
        "scored": int(scores.size),
        "tp": beyond if faulty else 0,
        "fn": int(scores.size) - beyond if faulty else 0,
        "fp": 0 if faulty else beyond,
        "tn": 0 if faulty else int(scores.size) - beyond,
        "beyond_percent": round(100.0 * beyond / max(scores.size, 1), 1),
        "alarms": len(judged.alarms),
        "states": ", ".join(f"{state} {count}" for state, count in Counter(judged.states).most_common()),
        "stamps": run.notes,
    }
