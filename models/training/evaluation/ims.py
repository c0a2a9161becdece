"""NASA / IMS test 2: four bearings on one shaft until one fails. Which one is told, how long before the end?

Of the failing week only trends are public, so the level of each bearing (mean absolute acceleration of a snapshot every
ten minutes) goes through the operating state, learning, score and alarm that ship, in this order:

1. each bearing learns from its own first snapshots, and is judged by itself from then on,
2. what more than half of the bearings show at the same time is taken away first (`models.neighbours`): one shaft, one
   load and one oil temperature are theirs in common,
3. the lead is counted to the last snapshot on the running rig. The rig stands still in the very last ones: they must be
   *machine off*.

The outcome of the test is an outer-race failure of bearing 1. What its neighbours feel of it through the shaft is no
failure of theirs: their alarms are counted beside the lead, and as *early* where they come before bearing 1's.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from models.contract.vocabulary import OFF
from models.training.evaluation.judged import STANDARD_GRAVITY, through_judges
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from models.training.evaluation.judged import Judged

TREND: Final = "test2_trend_mean_abs.csv"
BEARINGS: Final = 4
FAILED: Final = 1
HOUR_S: Final = 3_600.0


def evaluate(folder: Path) -> Evaluation:
    """Return when each bearing of test 2 was told.

    Raises:
        EvaluationError: the folder is not laid out like the set.
    """
    times_s, levels = read_trend(folder)
    bearings = through_judges(levels, times_s, neighbours=True)
    alone = through_judges(levels, times_s, neighbours=False)
    end_s = end_of_running_s(bearings)
    rows = [_row(number, one, end_s) for number, one in enumerate(bearings, start=1)]
    failed, healthy = bearings[FAILED - 1], [one for one in bearings if one is not bearings[FAILED - 1]]
    first_s = min((one.told_s for one in failed.alarms), default=end_s)
    early = sum(len(one.told_between(0.0, first_s)) for one in healthy)
    early += sum(alarm.returned_s < end_s for alarm in failed.alarms)
    pooled: dict[str, Value] = {
        "lead_time_h": rows[FAILED - 1]["lead_time_h"],
        "first_bearing_told": 1
        + int(np.argmin([min([a.told_s for a in one.alarms], default=np.inf) for one in bearings])),
        "early_alarms": early,
        "alarms_on_healthy_bearings": sum(len(one.alarms) for one in healthy),
        "healthy_bearings_in_alarm_h_before_the_end": max((_lead_h(one, end_s) or 0.0 for one in healthy), default=0.0),
        "lead_time_h_without_neighbours": _lead_h(alone[FAILED - 1], end_s),
        "alarms_on_healthy_bearings_without_neighbours": sum(
            len(one.alarms) for number, one in enumerate(alone, start=1) if number != FAILED
        ),
        "snapshots_machine_off": sum(state == OFF for state in failed.states),
    }
    return Evaluation(PROTOCOL, pooled, tuple(rows))


PROTOCOL: Final = (
    "Each of the four bearings learns its mean absolute level from its first 60 snapshots (ten hours) and is judged by "
    "the operating state, score and alarm of the default profile, one decision per snapshot, causally, after what more "
    "than half of the bearings share was taken away; the lead is counted from bearing 1's first alarm to the last "
    "snapshot on the running rig; early are alarms on another bearing before that one and alarms on bearing 1 that "
    "returned; nothing was fitted to the failure, and the profile is the one of all other sets."
)


def read_trend(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times in seconds since the first snapshot (n,) and the levels in m/s² (n, 4).

    Raises:
        EvaluationError: the trend is missing or has other columns.
    """
    path = folder / TREND
    if not path.is_file():
        raise EvaluationError(f"{path}: missing; the trend of test 2 is what this set is judged by")
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    if not rows or any(len(row) != 1 + BEARINGS for row in rows):
        raise EvaluationError(f"{path}: expected a time and {BEARINGS} levels in each row")
    times_s = [datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp() for row in rows]
    levels_g = np.array([[float(value) for value in row[1:]] for row in rows])
    return np.array(times_s) - times_s[0], levels_g * STANDARD_GRAVITY


def end_of_running_s(bearings: tuple[Judged, ...]) -> float:
    """Return the time of the last snapshot in which no bearing was off."""
    running = np.logical_and.reduce([np.array(one.states) != OFF for one in bearings])
    return float(bearings[0].times_s[np.flatnonzero(running)[-1]])


def _lead_h(judged: Judged, end_s: float) -> float | None:
    return round((end_s - judged.alarms[0].told_s) / HOUR_S, 1) if judged.alarms else None


def _row(number: int, judged: Judged, end_s: float) -> dict[str, Value]:
    quiet = (judged.times_s < 0.5 * end_s) & np.isfinite(judged.scores)
    return {
        "file": f"test 2, bearing {number}",
        "label": "outer_race" if number == FAILED else "no failure",
        "lead_time_h": _lead_h(judged, end_s),
        "alarms": len(judged.alarms),
        "false_alarms": len(judged.told_between(0.0, 0.5 * end_s)) if number == FAILED else len(judged.alarms),
        "highest_score_of_first_half": round(float(judged.scores[quiet].max()), 2),
    }
