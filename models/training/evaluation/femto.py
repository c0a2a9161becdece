"""FEMTO / PRONOSTIA: bearings overloaded until they fail within hours. How long before the end are people told?

In order, for every run of snapshots in the folder:

1. all snapshots go through the pipeline that ships, in its default profile: quality, features of both axes, operating
   state, learning from the first good ones, score, alarm,
2. the alarm that stands at the end is the one that found the failure; its lead is counted to the last snapshot,
3. every other alarm, and one that came in the first half of a bearing's life, is *early*: a false alarm,
4. the prognosis is asked forty times per run and trend (the score, and the acceleration of each axis) how long there is
   until its limit; the snapshots know (`replayed_prognosis`),
5. where the organisers cut a run off, it is asked what they asked: how long until the end. No trend is told scores 0.

When wear begins is nobody's label (the set's own onset is a rule of thumb, for orientation), so half of life is the
bound. A snapshot of 0.1 s every 10 s says nothing about what lies between; a minute is six of them.

Source: Nectoux et al., PRONOSTIA: an experimental platform for bearings accelerated degradation tests, PHM 2012 (the
set, and the score of its challenge in section IV).
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.alarming import ON_SCORE
from models.pipeline import Pipeline
from models.prognosis.forecast import forecast
from models.recordings.reading import read_recording
from models.signal.features import FeatureExtractor
from models.signal.quality import sample_quality
from models.signal.windows import Window
from models.training.evaluation.judged import NS_PER_S, SHIPPED, through_pipeline
from models.training.evaluation.replayed_prognosis import counted, replayed
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from models.recordings.recording import Recording
    from models.training.evaluation.judged import Judged

EARLIEST_OF_LIFE: Final = 0.5
"""An alarm in the first half of a run is early, whatever comes of it."""

TIMES_LEARNT: Final = (2.0, 4.0)
"""Alarm limits of acceleration, in levels of the snapshots that the pipeline learns from: 6 and 12 dB, the steps of the
usual rules of thumb (a change of a factor of two is significant, of four serious)."""
LEARNT_SNAPSHOTS: Final = 60
ACCELERATION: Final = "acceleration_rms"
LATE_HALVES_AT, EARLY_HALVES_AT = 5.0, 20.0
"""Percent of error, told too long and too short, at which the challenge's score is one half."""
PUBLISHED_OF_2_6: Final = (("winner_sutrisno_2012", 49.0, 0.31), ("recurrent_guo_2017", -13.95, 0.26))
"""Percent of error on Bearing2_6 and mean score over the challenge's 11 bearings, which the errors of all 11 add up to.
Source: Sutrisno et al., Estimation of remaining useful life of ball bearings using data driven methodologies, PHM 2012;
Guo et al., A recurrent neural network based health indicator for remaining useful life prediction of bearings,
Neurocomputing 240 (2017), table of comparison."""

PROTOCOL: Final = (
    "Every run goes snapshot by snapshot, causally, through the pipeline in its default profile, which learns from the "
    "first 60 good snapshots of that run and knows nothing else of it; found is an alarm that stands at the last "
    "snapshot, its lead is counted to that snapshot; early is every alarm in the first half of life and every alarm "
    "that returned. One setting for all runs, the one that ships; its margin and persistence were chosen on these runs "
    "and the other sets together, so the leads are no forecast for other bearings. Prognosis: at every fortieth of a "
    "run, causally, how long until the score is at 1, and the acceleration of each axis at two and four times the "
    "median of the snapshots learnt from; covered is a crossing within the interval stated at 90 %, a moment at which "
    "no trend is told is no forecast. How much the pace of wear may change was chosen on these runs and on IMS. "
    "Challenge: the one bearing here that was cut off in it, beside published figures; to tell no trend counts as 0."
)


class Limited(NamedTuple):
    """A trend with its alarm limit; arrays (n,)."""

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    limit: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run, judged by the pipeline, and the trends that the prognosis is asked about."""

    name: str
    judged: Judged
    trends: tuple[Limited, ...]


def evaluate(folder: Path) -> Evaluation:
    """Return the lead of each run and the alarms that came too early.

    Raises:
        EvaluationError: no run in the folder.
        RecordingError: a file in it cannot be read.
    """
    paths = sorted(folder.glob("Bearing*.npz"))
    if not paths:
        raise EvaluationError(f"{folder}: no Bearing*.npz: not laid out like FEMTO")
    runs = [_run(path) for path in paths]
    asked = {run.name: [one for trend in run.trends for one in replayed(*trend)] for run in runs}
    rows = [_row(run.name, run.judged) | counted(asked[run.name]) for run in runs]
    leads = [row["lead_time_s"] for row in rows if isinstance(row["lead_time_s"], float)]
    pooled: dict[str, Value] = {
        "runs": len(rows),
        "found": len(leads),
        "early_alarms": sum(int(row["false_alarms"] or 0) for row in rows),
        "shortest_lead_time_s": min(leads, default=None),
        "median_lead_time_s": float(np.median(leads)) if leads else None,
        "longest_lead_time_s": max(leads, default=None),
    }
    halves = {run.name: EARLIEST_OF_LIFE * float(run.judged.times_s[-1]) for run in runs}
    healthy = [one for name, every in asked.items() for one in every if one.at_s < halves[name]]
    pooled |= {
        f"prognosis_{name}": value for name, value in counted(one for every in asked.values() for one in every).items()
    }
    pooled |= {f"prognosis_first_half_{name}": counted(healthy)[name] for name in ("asked", "forecasts", "covered")}
    pooled |= _challenge(folder, runs)
    return Evaluation(PROTOCOL, pooled, tuple(rows))


def judged_run(path: Path) -> Judged:
    """Return one run, judged by the pipeline.

    Raises:
        EvaluationError: it is no run of snapshots.
        RecordingError: the file cannot be read.
    """
    return _run(path).judged


def _run(path: Path) -> Run:
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
    judged = through_pipeline(Pipeline(settings), _snapshots(recording, rate_hz))[0]
    extract = FeatureExtractor(rate_hz, settings.window_samples, [ACCELERATION])
    levels = np.array([extract(np.ascontiguousarray(one.samples))[:, 0] for one in recording.segments], np.float64)
    known = np.isfinite(judged.scores)
    trends = [Limited(judged.times_s[known], judged.scores[known], ON_SCORE)]
    for axis in levels.T:
        learnt = float(np.median(axis[:LEARNT_SNAPSHOTS]))
        trends += [Limited(judged.times_s, axis, times * learnt) for times in TIMES_LEARNT]
    return Run(path.name, judged, tuple(trends))


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


def challenge_score(error_percent: float) -> float:
    """Return the score of the challenge for one bearing: 1 is exact, too long a life is punished four times as hard.

    Args:
        error_percent: 100 (true - told) / true.

    Source: Nectoux et al. 2012, section IV.

    >>> round(challenge_score(20.0), 2), round(challenge_score(-5.0), 2)
    (0.5, 0.5)
    """
    return float(0.5 ** (error_percent / EARLY_HALVES_AT if error_percent > 0 else -error_percent / LATE_HALVES_AT))


def _challenge(folder: Path, runs: list[Run]) -> dict[str, Value]:
    """Return what is told where the organisers cut runs off, beside what others told of the same bearing."""
    labels = folder / "labels.csv"
    if not labels.is_file():
        return {}
    with labels.open(encoding="utf-8", newline="") as file:
        cut = {row["file"]: float(row["official_rul_s"]) for row in csv.DictReader(file) if row.get("official_rul_s")}
    found: dict[str, Value] = {}
    for run in runs:
        if run.name in cut:
            at_s = float(run.judged.times_s[-1]) - cut[run.name]
            told = [
                forecast(trend.times_s[trend.times_s <= at_s], trend.values[trend.times_s <= at_s], trend.limit)
                for trend in run.trends
            ]
            times = [one.median_s for one in told if one.is_number]
            error = 100.0 * (cut[run.name] - min(times)) / cut[run.name] if times else None
            name = run.name.removesuffix(".npz").lower()
            found |= {
                f"challenge_{name}_left_s": cut[run.name],
                f"challenge_{name}_told_s": min(times) if times else None,
                f"challenge_{name}_score": 0.0 if error is None else challenge_score(error),
            }
    for name, error, mean in PUBLISHED_OF_2_6:
        found |= {
            f"published_{name}_score_on_bearing2_6": challenge_score(error),
            f"published_{name}_mean_score_of_11": mean,
        }
    return found
