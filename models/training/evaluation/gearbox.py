"""Gearbox: a broken tooth under loads that were learnt, and loads that were not. The healthy runs are the louder ones.

In order, with the pipeline that ships and the load as its context channel:

1. it learns from the first windows of the healthy run at each load, one baseline per load,
2. the rest of the healthy runs and all of the broken ones are judged, each at its own load,
3. again for each load left out of learning: its windows must be an *unknown* state, neither scored nor alarmed.

Neither rate nor unit of the set is known. Features are bands of the rate, so any rate gives the same ones (a stand-in
is told to the pipeline; ISO zones, which would need a real one, are not configured), and units cancel against the
baseline. A run of a few seconds cannot last ten minutes of twelve: one window stands for one decision, as in a
time-lapse; everything else is the default profile.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.context import ContextChannel, ContextValue
from models.contract.vocabulary import UNKNOWN
from models.pipeline import Pipeline
from models.signal.windows import Window
from models.training.evaluation.judged import NS_PER_S, SHIPPED, through_pipeline
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from models.pipeline_state import PipelineState
    from models.training.evaluation.judged import Judged

STAND_IN_RATE_HZ: Final = 25_600.0
WINDOW_SAMPLES: Final = 2_048
"""About 14 turns of the slow line (0.0070 cycles per sample) and 150 of the fast one."""
HOP_SAMPLES: Final = WINDOW_SAMPLES // 2
LOAD_WIDTH_PERCENT: Final = 20.0
UNLEARNT_WINDOWS: Final = 50
"""Of each run at a load that was left out: fewer than it takes to learn it."""

TIME_LAPSE: Final = replace(
    SHIPPED,
    sample_rate_hz=STAND_IN_RATE_HZ,
    window_samples=WINDOW_SAMPLES,
    alarm=replace(SHIPPED.alarm, decision_s=0.0),
    context=(ContextChannel("load", "%", state_width=LOAD_WIDTH_PERCENT),),
)

PROTOCOL: Final = (
    "The pipeline of the default profile, one window of 2,048 samples (half overlapping) standing for one decision, "
    "learns from the first 60 windows of the healthy run at each load, with the load as context; scored are the other "
    "windows of the healthy runs and all windows of the broken ones at their own load (tp, fn, fp, tn: windows beyond "
    "the threshold; an alarm is four of five windows at twice the threshold or ten of twelve at it); and for each load "
    "left out of learning, whether its windows are an unknown state. Nothing was chosen on the broken runs of one load "
    "for another; threshold and shape judge are those of all sets."
)


@dataclass(frozen=True, slots=True)
class Run:
    """One recording.

    Attributes:
        name: of its file.
        broken: a tooth is.
        load_percent: stated load.
        samples: (channels, n), unit unknown.
    """

    name: str
    broken: bool
    load_percent: float
    samples: NDArray[np.float32]


def evaluate(folder: Path) -> Evaluation:
    """Return how well broken runs are told from healthy ones, and what is said of loads never learnt.

    Raises:
        EvaluationError: the folder is not laid out like the set.
    """
    runs = read_runs(folder)
    loads = sorted({run.load_percent for run in runs})
    rows = [*_learnt_rows(runs), *(row for load in loads for row in _unlearnt_rows(runs, load))]
    learnt = [row for row in rows if row["learnt"]]
    unlearnt = [row for row in rows if not row["learnt"]]
    total = {key: sum(int(row[key] or 0) for row in learnt) for key in ("tp", "fp", "fn", "tn")}
    pooled: dict[str, Value] = {
        **total,
        "detected_percent": round(100.0 * total["tp"] / max(total["tp"] + total["fn"], 1), 1),
        "false_alarms_percent": round(100.0 * total["fp"] / max(total["fp"] + total["tn"], 1), 1),
        "broken_runs_alarmed": sum(int(row["alarms"] or 0) > 0 for row in learnt if row["label"] == "broken_tooth"),
        "broken_runs": sum(row["label"] == "broken_tooth" for row in learnt),
        "healthy_runs_alarmed": sum(int(row["alarms"] or 0) > 0 for row in learnt if row["label"] == "healthy"),
        "lowest_auc": min(float(row["auc"]) for row in learnt if row["auc"] is not None),
        "unlearnt_load_unknown_percent": round(
            100.0 * float(np.mean([float(row["unknown_share"] or 0.0) for row in unlearnt])), 1
        ),
        "unlearnt_load_windows_scored": sum(int(row["scored"] or 0) for row in unlearnt),
        "unlearnt_load_alarms": sum(int(row["alarms"] or 0) for row in unlearnt),
    }
    return Evaluation(PROTOCOL, pooled, tuple(rows))


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Return all runs that the set's labels name.

    Raises:
        EvaluationError: labels or a run are missing, or a load lacks its healthy run.
    """
    labels = folder / "labels.csv"
    if not labels.is_file():
        raise EvaluationError(f"{labels}: missing; it names the load of each run")
    header, *lines = [line.split(",") for line in labels.read_text(encoding="utf-8").splitlines()]
    runs = []
    for line in lines:
        facts = dict(zip(header, line, strict=False))
        path = folder / facts["file"]
        if not path.is_file():
            raise EvaluationError(f"{path}: missing")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = np.loadtxt(file, np.float32, delimiter=",", skiprows=1, ndmin=2)
        broken = facts["label"] != "healthy"
        runs.append(Run(path.name, broken, float(facts["load_pct"]), np.ascontiguousarray(rows.T)))
    healthy_loads = {run.load_percent for run in runs if not run.broken}
    if not runs or {run.load_percent for run in runs} != healthy_loads:
        raise EvaluationError(f"{labels}: each load needs a healthy run to learn from")
    return tuple(runs)


def windows_of(run: Run, first: int = 0, end: int | None = None, *, begin: int = 0) -> list[Window]:
    """Return the windows of a run from number `first` to before `end`.

    Args:
        run: see there.
        first: number of the first window.
        end: one past the last, None for all.
        begin: what the machine's windows are counted from; runs of one machine follow each other in time.
    """
    hop_ns = round(HOP_SAMPLES / STAND_IN_RATE_HZ * NS_PER_S)
    starts = range(0, run.samples.shape[1] - WINDOW_SAMPLES + 1, HOP_SAMPLES)[first:end]
    load = (ContextValue("load", run.load_percent, "%"),)
    return [
        Window(
            np.ascontiguousarray(run.samples[:, start : start + WINDOW_SAMPLES]),
            STAND_IN_RATE_HZ,
            begin + number,
            0,
            (begin + number + 1) * hop_ns,
            None,
            context=load,
        )
        for number, start in enumerate(starts)
    ]


def learnt_from(runs: Iterable[Run]) -> tuple[Pipeline, PipelineState, int]:
    """Return the pipeline, its state after the learning windows of each run, and how many windows that took."""
    runs = list(runs)
    names = tuple(f"a{number}" for number in range(1, len(runs[0].samples) + 1))
    pipeline = Pipeline(replace(TIME_LAPSE, channel_names=names))
    state, begin = pipeline.start(), 0
    for run in runs:
        windows = windows_of(run, 0, TIME_LAPSE.learning_windows + SETTLING, begin=begin)
        _, state = through_pipeline(pipeline, windows, state)
        begin += len(windows)
    return pipeline, state, begin


SETTLING: Final = TIME_LAPSE.operating.settle_windows + 2
"""A change of load is a transient first, then a start: so many windows of a run are not learnt from."""


def _learnt_rows(runs: tuple[Run, ...]) -> list[dict[str, Value]]:
    pipeline, state, begin = learnt_from(run for run in runs if not run.broken)
    judged = {
        run.name: through_pipeline(
            pipeline,
            windows_of(run, 0 if run.broken else TIME_LAPSE.learning_windows + SETTLING, begin=begin),
            state,
        )[0]
        for run in runs
    }
    rows = []
    for run in runs:
        scores = _scored(judged[run.name])
        beyond = int((scores >= 1.0).sum())
        healthy = [_scored(judged[one.name]) for one in runs if not one.broken and one.load_percent == run.load_percent]
        row: dict[str, Value] = {
            **_facts(run, judged[run.name], learnt=True),
            "tp": beyond if run.broken else 0,
            "fn": scores.size - beyond if run.broken else 0,
            "fp": 0 if run.broken else beyond,
            "tn": 0 if run.broken else scores.size - beyond,
            "lowest_score": round(float(scores.min()), 2),
            "highest_score": round(float(scores.max()), 2),
            "auc": round(auc(scores, np.concatenate(healthy)), 3) if run.broken else None,
        }
        rows.append(row)
    return rows


def _unlearnt_rows(runs: tuple[Run, ...], load_percent: float) -> list[dict[str, Value]]:
    learnt = [run for run in runs if not run.broken and run.load_percent != load_percent]
    pipeline, state, begin = learnt_from(learnt)
    rows = []
    for run in runs:
        if run.load_percent != load_percent:
            continue
        judged, _ = through_pipeline(pipeline, windows_of(run, 0, UNLEARNT_WINDOWS, begin=begin), state)
        # While the load moves the machine is in transient and starting, which are no states of their own.
        settled = judged.states[SETTLING:]
        row: dict[str, Value] = {
            **_facts(run, judged, learnt=False),
            "scored": int(np.isfinite(judged.scores).sum()),
            "unknown_share": round(sum(state == UNKNOWN for state in settled) / max(len(settled), 1), 3),
        }
        rows.append(row)
    return rows


def _facts(run: Run, judged: Judged, *, learnt: bool) -> dict[str, Value]:
    return {
        "file": run.name,
        "label": "broken_tooth" if run.broken else "healthy",
        "load_percent": run.load_percent,
        "learnt": learnt,
        "predicted": ("changed" if judged.alarms else "healthy") if learnt else "unknown state",
        "windows": len(judged.scores),
        "alarms": len(judged.alarms),
    }


def _scored(judged: Judged) -> NDArray[np.float64]:
    return judged.scores[np.isfinite(judged.scores)]


def auc(above: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    """Return how often a score of the first is larger than one of the second, ties counted half.

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    difference = above[:, None] - below[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))
