"""FEMTO / PRONOSTIA: bearings overloaded until they fail within hours. How long before the end are people told?

In order, for every run of snapshots in the folder:

1. all snapshots go through the pipeline that ships, in its default profile: quality, features of both axes, operating
   state, learning from the first good ones, score, alarm,
2. the alarm that stands at the end is the one that found the failure; its lead is counted to the last snapshot,
3. every other alarm, and one that came in the first half of a bearing's life, is *early*: a false alarm.

When wear begins is nobody's label (the set's own onset is a rule of thumb, for orientation), so half of life is the
bound. A snapshot of 0.1 s every 10 s says nothing about what lies between; a minute is six of them.

Source: Nectoux et al., PRONOSTIA: an experimental platform for bearings accelerated degradation tests, PHM 2012.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.pipeline import Pipeline
from models.recordings.reading import read_recording
from models.signal.quality import sample_quality
from models.signal.windows import Window
from models.training.evaluation.judged import NS_PER_S, SHIPPED, through_pipeline
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.recordings.recording import Recording
    from models.training.evaluation.judged import Judged

EARLIEST_OF_LIFE: Final = 0.5
"""An alarm in the first half of a run is early, whatever comes of it."""

PROTOCOL: Final = (
    "Every run goes snapshot by snapshot, causally, through the pipeline in its default profile, which learns from the "
    "first 60 good snapshots of that run and knows nothing else of it; found is an alarm that stands at the last "
    "snapshot, its lead is counted to that snapshot; early is every alarm in the first half of life and every alarm "
    "that returned. One setting for all runs, the one that ships; its margin and persistence were chosen on these runs "
    "and the other sets together, so the leads are no forecast for other bearings."
)


def evaluate(folder: Path) -> Evaluation:
    """Return the lead of each run and the alarms that came too early.

    Raises:
        EvaluationError: no run in the folder.
        RecordingError: a file in it cannot be read.
    """
    paths = sorted(folder.glob("Bearing*.npz"))
    if not paths:
        raise EvaluationError(f"{folder}: no Bearing*.npz: not laid out like FEMTO")
    rows = [_row(path.name, judged_run(path)) for path in paths]
    leads = [row["lead_time_s"] for row in rows if isinstance(row["lead_time_s"], float)]
    pooled: dict[str, Value] = {
        "runs": len(rows),
        "found": len(leads),
        "early_alarms": sum(int(row["false_alarms"] or 0) for row in rows),
        "shortest_lead_time_s": min(leads, default=None),
        "median_lead_time_s": float(np.median(leads)) if leads else None,
        "longest_lead_time_s": max(leads, default=None),
    }
    return Evaluation(PROTOCOL, pooled, tuple(rows))


def judged_run(path: Path) -> Judged:
    """Return one run, judged by the pipeline.

    Raises:
        EvaluationError: it is no run of snapshots.
        RecordingError: the file cannot be read.
    """
    recording = read_recording(path).in_si()
    rate_hz = recording.sample_rate_hz
    if rate_hz is None:
        raise EvaluationError(f"{path}: states no sample rate: not a run of FEMTO")
    settings = replace(
        SHIPPED,
        channel_names=tuple(channel.name for channel in recording.channels),
        sample_rate_hz=rate_hz,
        window_samples=recording.segments[0].samples.shape[1],
    )
    return through_pipeline(Pipeline(settings), _snapshots(recording, rate_hz))[0]


def _snapshots(recording: Recording, rate_hz: float) -> Iterator[Window]:
    for number, segment in enumerate(recording.segments):
        samples = np.ascontiguousarray(segment.samples)
        causes = tuple(dict.fromkeys(cause for channel in sample_quality(samples) for cause in channel))
        end_ns = round(segment.start_s * NS_PER_S)
        yield Window(samples, rate_hz, number, 0, end_ns, None, causes)


def _row(name: str, judged: Judged) -> dict[str, Value]:
    end_s = float(judged.times_s[-1])
    standing = judged.last_standing
    early = [one for one in judged.alarms if one.told_s < EARLIEST_OF_LIFE * end_s or not math.isinf(one.returned_s)]
    found = standing is not None and standing not in early
    before = judged.scores[(judged.times_s < EARLIEST_OF_LIFE * end_s) & np.isfinite(judged.scores)]
    return {
        "file": name,
        "label": "run_to_failure",
        "predicted": "changed" if found else "healthy",
        "lead_time_s": end_s - standing.told_s if found and standing else None,
        "lead_time_h": round((end_s - standing.told_s) / 3_600.0, 2) if found and standing else None,
        "false_alarms": len(early),
        "life_s": end_s,
        "learnt_at_s": float(judged.times_s[np.flatnonzero(np.isfinite(judged.scores))[0]]),
        "median_score_of_first_half": round(float(np.median(before)), 2),
    }
