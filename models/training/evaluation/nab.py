"""NAB machine_temperature: failures of a large machine, seen in one temperature.

In this order:

1. The temperature goes through the pipeline of a process whose detector is the discord, everything else as a gateway
   has it by itself: windows of three values, learning until the detector can judge, its alarm condition. The
   probationary rows of the benchmark, the first 750, are among those that are learnt.
2. A detection is an alarm that people are told, at the row where it is told.
3. Detections are scored as the benchmark does, standard profile: +1 for a labelled window, less the later it is found,
   −1 for one that is missed, up to −0.11 for every detection outside, less when shortly after a window.

The score is the raw one of this file: 4 is perfect, −4 is silence. Four events are few and the detector was made on
them, so the whole is repeated with other windows and margins, and how many of those hold is part of the result. The
repetitions cut the series into windows of an hour, which is what a row of the detector is: the same rows, in a twelfth
of the time.

Source: Lavin and Ahmad (2015), Evaluating Real-time Anomaly Detection Algorithms; the Numenta Anomaly Benchmark 1.1,
application profile "standard" and its sweeper.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from models.detectors.discord import Discord, DiscordSettings
from models.process import usual
from models.recordings import delimited
from models.training.evaluation.result import Evaluation, EvaluationError, Value
from models.training.evaluation.slow_series import Process, through_process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.training.evaluation.judged import Judged

SERIES: Final = "machine_temperature_system_failure.csv"
LABELS: Final = "labels.json"
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1.0, 0.11, 1.0
"""Weights of the standard profile."""
PROBATION_SHARE, PROBATION_ROWS = 0.15, 5000
FAR_PAST: Final = 3.0
"""In lengths of the window before: from there on a false detection counts in full."""
ROW_S: Final = 300.0
ROWS_PER_HOUR: Final = 12
UNIT: Final = "°F"
"""The set does not say; its values look like it, and the detector takes any."""
OTHER_WINDOWS_BLOCKS: Final = (24, 36, 48)
OTHER_MARGINS: Final = (1.1, 1.25, 1.4)
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

    def end_s(self, row: int) -> float:
        """Return when a row is over, in seconds from the beginning."""
        return (row + 1) * ROW_S


def evaluate(folder: Path) -> Evaluation:
    """Return how well and how early the discord detector finds the labelled events.

    Raises:
        EvaluationError: the folder is not laid out like this part of NAB.
        RecordingError: the series cannot be read.
    """
    series = read_series(folder)
    detections = detect(series)
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


def judged(series: Labelled, discord: DiscordSettings | None = None, *, by_the_hour: bool = False) -> Judged:
    """Return what becomes of the temperature of such a machine on a gateway.

    Args:
        series: to be judged.
        discord: settings of the detector; None for the usual ones.
        by_the_hour: windows of an hour, which the detector's rows are anyway, instead of the usual ones.
    """
    process = Process((UNIT,), ROW_S, (Discord.name,))
    if discord is not None:
        process = replace(process, options={Discord.name: discord})
    if by_the_hour:
        learning_windows = usual.LEARNING_WINDOWS // ROWS_PER_HOUR
        process = replace(process, window_rows=ROWS_PER_HOUR, hop_rows=ROWS_PER_HOUR, learning_windows=learning_windows)
    return through_process(series.rows, process)


def detect(series: Labelled, discord: DiscordSettings | None = None, *, by_the_hour: bool = False) -> list[int]:
    """Return the rows at which an alarm was told, each decided from the rows up to it alone."""
    alarms = judged(series, discord, by_the_hour=by_the_hour).alarms
    return [round(alarm.told_s / ROW_S) - 1 for alarm in alarms]


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
        settings = DiscordSettings(window_blocks=window, newest_blocks=window // 3, margin=margin)
        rows = detect(series, settings, by_the_hour=True)
        results.append((standard_score(rows, series), _false_alarms(rows, series)))
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
    settings, persistence = DiscordSettings(), Discord.persistence
    assert persistence is not None  # noqa: S101 - the discord has one of its own
    return (
        f"NAB standard profile on {SERIES}, raw score ({len(series.windows)} is perfect, -{len(series.windows)} is "
        "silence): the series through the pipeline of a gateway, as a process with the discord detector and nothing "
        f"else configured; it learns from the first {Discord.learning_rows().least} hours (the probationary rows are "
        f"{series.probation_rows * ROW_S / 3600.0:g} hours) and judges all others in the order of time; a detection is "
        f"an alarm that is told. Hourly means, windows of {settings.window_blocks} h of which the "
        f"{settings.odd_blocks} oddest hours have no say, threshold {settings.margin:g} times the "
        f"{settings.quantile:g} quantile of the discords so far, {persistence.on[0]} of {persistence.on[1]} hours at "
        "it. The detector was made on this one series; variants_* repeat it with other windows and margins."
    )
