"""NAB machine_temperature: failures of a large machine, seen in one temperature.

In this order:

1. The probationary rows of the benchmark, the first 750, are what the discord detector learns from.
2. All others are judged in the order of time. A detection is the first score above the threshold after 72 hours without
   one: two windows, so that what the detector compares has left the fault and the rows before it.
3. Detections are scored as the benchmark does, standard profile: +1 for a labelled window, less the later it is found,
   −1 for one that is missed, up to −0.11 for every detection outside, less when shortly after a window.

The score is the raw one of this file: 4 is perfect, −4 is silence. Four events are few and the setting was chosen on
them, so the whole is repeated with other windows, margins and re-arm times, and how many of those hold is part of the
result: it is a fragile number.

Source: Lavin and Ahmad (2015), Evaluating Real-time Anomaly Detection Algorithms; the Numenta Anomaly Benchmark 1.1,
application profile "standard" and its sweeper.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from models.detectors.discord import Discord, DiscordSettings
from models.recordings import delimited
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SERIES: Final = "machine_temperature_system_failure.csv"
LABELS: Final = "labels.json"
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1.0, 0.11, 1.0
"""Weights of the standard profile."""
PROBATION_SHARE, PROBATION_ROWS = 0.15, 5000
FAR_PAST: Final = 3.0
"""In lengths of the window before: from there on a false detection counts in full."""
ROW_S: Final = 300.0
REARM_H: Final = 72.0
OTHER_WINDOWS_BLOCKS: Final = (24, 30, 36, 42, 48)
OTHER_MARGINS: Final = (1.1, 1.25, 1.4)
OTHER_REARM_H: Final = (48.0, 72.0, 96.0)
GOOD: Final = 3.0
"""Above the best published score of a streaming detector on this file (ARTime, 2.56)."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series with the windows in which a detection counts.

    Attributes:
        rows: (n, 1).
        windows: first and last row of each, both inclusive.
    """

    rows: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]

    @property
    def probation_rows(self) -> int:
        """Return how many rows at the start are not scored."""
        return int(min(PROBATION_SHARE * len(self.rows), PROBATION_SHARE * PROBATION_ROWS))


def evaluate(folder: Path) -> Evaluation:
    """Return how well and how early the discord detector finds the labelled events.

    Raises:
        EvaluationError: the folder is not laid out like this part of NAB.
        RecordingError: the series cannot be read.
    """
    series = read_series(folder)
    detections = detect(series, DiscordSettings(), REARM_H)
    score = standard_score(detections, series)
    variants = _variants(series)
    scores = np.array([one for one, _ in variants])
    false_alarms = _false_alarms(detections, series)
    months = (len(series.rows) - series.probation_rows) * ROW_S / (30.44 * 86400.0)
    pooled: dict[str, Value] = {
        "standard_score": round(score, 3),
        "standard_score_normalised": round(normalised(score, len(series.windows)), 1),
        "windows": len(series.windows),
        "windows_found": len({_window_of(row, series.windows) for row in detections} - {None}),
        "false_alarms": false_alarms,
        "false_alarms_per_month": round(false_alarms / months, 2),
        "variants_tried": len(variants),
        "variants_at_least_3": int((scores >= GOOD).sum()),
        "variants_median_score": round(float(np.median(scores)), 3),
        "variants_lowest_score": round(float(scores.min()), 3),
        "variants_most_false_alarms": max(alarms for _, alarms in variants),
    }
    return Evaluation(
        _protocol(series), pooled, tuple(_row(number, series, detections) for number in range(len(series.windows)))
    )


def read_series(folder: Path) -> Labelled:
    """Return the temperature and its windows.

    Raises:
        EvaluationError: a file or a label is missing.
    """
    for name in (SERIES, LABELS):
        if not (folder / name).is_file():
            raise EvaluationError(f"{folder}: has no {name}: not laid out like the machine temperature of NAB")
    contents = delimited.read(folder / SERIES)
    labels = json.loads((folder / LABELS).read_text(encoding="utf-8")).get(SERIES, {}).get("windows", [])
    stamps = [line.split(",", 1)[0] for line in (folder / SERIES).read_text(encoding="utf-8").splitlines()[1:]]
    at = {datetime.fromisoformat(stamp): row for row, stamp in reversed(list(enumerate(stamps)))}
    try:
        windows = tuple((at[datetime.fromisoformat(first)], at[datetime.fromisoformat(last)]) for first, last in labels)
    except KeyError as error:
        raise EvaluationError(f"{folder / LABELS}: {error} is no time of {SERIES}") from error
    if not windows:
        raise EvaluationError(f"{folder / LABELS}: has no windows of {SERIES}")
    return Labelled(np.asarray(contents.series[0].values, np.float64)[:, None], windows)


def detect(series: Labelled, settings: DiscordSettings, rearm_h: float) -> list[int]:
    """Return the rows at which an alarm began, each decided from the rows up to it alone."""
    return began(above_threshold(series, settings), rearm_h)


def above_threshold(series: Labelled, settings: DiscordSettings) -> list[int]:
    """Return the rows after probation whose score is at the threshold or above."""
    learnt = series.probation_rows
    detector = Discord.fit(series.rows[:learnt], settings=settings)
    # What is above the threshold is not learnt from anyway, so that no alarm has to be handed back row by row.
    _, scores = detector.step(detector.start(), series.rows[learnt:], in_alarm=False)
    return [int(row) + learnt for row in np.flatnonzero(scores.level[:, 0] >= 1.0)]


def began(rows: Sequence[int], rearm_h: float) -> list[int]:
    """Return those rows before which there was none for so many hours.

    >>> began([1000, 1012, 1600, 3000], rearm_h=72.0)
    [1000, 3000]
    """
    rearm_rows = rearm_h * 3600.0 / ROW_S
    return [row for row, last in zip(rows, [-math.inf, *rows[:-1]], strict=True) if row - last > rearm_rows]


def standard_score(detections: Sequence[int], series: Labelled) -> float:
    """Return the raw score of the standard profile; at most the number of windows.

    >>> series = Labelled(np.zeros((10_000, 1)), ((2000, 2999),))
    >>> [round(standard_score(rows, series), 2) for rows in ([], [2000], [2500], [2000, 9000], [700, 2000])]
    [-1.0, 1.0, 0.86, 0.89, 1.0]

    Args:
        detections: rows; those on probation do not count.
        series: whose windows they are judged by.
    """
    found = dict.fromkeys(series.windows, -FALSE_NEGATIVE)
    outside = 0.0
    for row in detections:
        if row < series.probation_rows:
            continue
        window = _window_of(row, series.windows)
        if window is None:
            outside += FALSE_POSITIVE * _past(row, series.windows)
            continue
        first, last = window
        early = _sigmoid(-(last - row + 1) / (last - first + 1)) / _sigmoid(-1.0)
        found[window] = max(found[window], TRUE_POSITIVE * early)
    return sum(found.values()) + outside


def normalised(score: float, windows: int) -> float:
    """Return the score on the benchmark's scale: 0 for silence, 100 for all windows at their first row."""
    silence, perfect = -FALSE_NEGATIVE * windows, TRUE_POSITIVE * windows
    return 100.0 * (score - silence) / (perfect - silence)


def _variants(series: Labelled) -> list[tuple[float, int]]:
    """Return score and false alarms of other settings."""
    results = []
    for window, margin in itertools.product(OTHER_WINDOWS_BLOCKS, OTHER_MARGINS):
        rows = above_threshold(series, DiscordSettings(window_blocks=window, margin=margin))
        alarms = [began(rows, rearm_h) for rearm_h in OTHER_REARM_H]
        results += [(standard_score(one, series), _false_alarms(one, series)) for one in alarms]
    return results


def _false_alarms(detections: Sequence[int], series: Labelled) -> int:
    return sum(_window_of(row, series.windows) is None for row in detections)


def _sigmoid(position: float) -> float:
    """Return +1 well inside a window's left edge, 0 at its right edge, −1 three windows later."""
    return -1.0 if position >= FAR_PAST else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def _window_of(row: int, windows: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    return next((window for window in windows if window[0] <= row <= window[1]), None)


def _past(row: int, windows: Sequence[tuple[int, int]]) -> float:
    """Return what a detection outside all windows counts, −1 to 0, by how long ago the last window was."""
    before = [window for window in windows if window[1] < row]
    if not before:
        return -1.0
    first, last = max(before)
    return _sigmoid((row - last) / (last - first))


def _row(number: int, series: Labelled, detections: Sequence[int]) -> dict[str, Value]:
    first, last = series.windows[number]
    found = [row for row in detections if first <= row <= last]
    return {
        "file": f"{SERIES} window {number + 1}",
        "found": bool(found),
        "hours_after_window_opens": round((found[0] - first) * ROW_S / 3600.0, 1) if found else None,
        "window_hours": round((last - first + 1) * ROW_S / 3600.0, 1),
        "score": round(standard_score(found, Labelled(series.rows, (series.windows[number],))), 3),
    }


def _protocol(series: Labelled) -> str:
    settings = DiscordSettings()
    return (
        f"NAB standard profile on {SERIES}, raw score ({len(series.windows)} is perfect, -{len(series.windows)} is "
        f"silence): the discord detector learnt from the {series.probation_rows} probationary rows and judged all "
        f"others in the order of time, hourly means, windows of {settings.window_blocks} h, threshold "
        f"{settings.margin:g} times the {settings.quantile:g} quantile of the discords so far, one alarm until "
        f"{REARM_H:g} h without another. The setting was chosen on this one series; variants_* repeat it with other "
        "windows, margins and re-arm times."
    )
