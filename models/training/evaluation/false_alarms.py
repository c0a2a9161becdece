"""False alarms over every healthy stretch of the public sets, with every degradation that follows them.

In order: judge each set with what ships (`healthy_stretches`), add up healthy time, alarms and time in alarm, count
the degradations found, and say how far the count can be trusted. The rate has an exact Poisson interval. Bearings of
one rig are a machine each, for their time as for their alarms; what they have in common makes the interval narrower
than it really is.

Source: Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scipy.special import gammaincinv

from models.detectors.discord import DiscordSettings
from models.training.evaluation import healthy_stretches, skab
from models.training.evaluation.result import Evaluation, EvaluationError, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from models.training.evaluation.healthy_stretches import Stretch

MONTH_S: Final = 365.25 / 12.0 * 86_400.0
CONFIDENCE: Final = 0.95
MOST_IN_ALARM_PERCENT: Final = 0.5
OTHER_NEWEST_BLOCKS: Final = (6, 9, 18, 24)
"""Hours that could end an alarm of the discord."""
OTHER_ODD_BLOCKS: Final = (0, 1, 2, 4, 6)
"""Hours of a window that could have no say."""

SETS: Final[Mapping[str, Callable[[Path], list[Stretch]]]] = {
    "femto": healthy_stretches.of_femto,
    "ims": healthy_stretches.of_ims,
    "cwru": healthy_stretches.of_cwru,
    "gearbox": healthy_stretches.of_gearbox,
    "drill_press": healthy_stretches.of_drill_press,
    "skab": healthy_stretches.of_skab,
}

PROTOCOL: Final = (
    "Every healthy stretch of FEMTO, IMS, CWRU, gearbox, drill press and SKAB through the default profile that ships, "
    "causally, each machine learning from its own first windows only: FEMTO until the onset in its labels, each IMS "
    "bearing in the first half of test 2, what was not learnt of the healthy CWRU, gearbox and drill-press recordings, "
    "SKAB's anomaly-free experiment after an hour and its others from row 400 until the anomaly. Decisions are made "
    "each minute, or each snapshot where those are rarer; recordings of seconds (CWRU, gearbox, drill press) are a "
    "time-lapse, one window one decision. SKAB goes through the pipeline of a process with the tracking detector, its "
    "windows three rows each second (skab_anomaly_free_alarms_usual_windows: those that a gateway uses by itself). "
    "*_with_nab adds NAB's temperature outside its labelled windows through the same pipeline with the discord "
    "detector, as a gateway has it by itself: a row an hour, four of six at the threshold, the three oddest hours of "
    "its window of 36 h have no say, its newest 12 h end an alarm. These were chosen when this series had been seen; "
    "how many others keep to 0.5 % is printed. Alarms between the labelled precursor and the failure count as false. "
    "Margin and persistence were chosen on these sets. This much data cannot prove a rate: the interval says what it "
    "is compatible with, and machines in a plant stop, start and change more than these do."
)


def evaluate(folder: Path) -> Evaluation:
    """Return alarms per machine-month of healthy time and the degradations found.

    Args:
        folder: the parent of the sets' folders; those that are missing are left out, and said.

    Raises:
        EvaluationError: none of the sets is there, or one is not laid out like it should be.
        RecordingError: a file in it cannot be read.
    """
    present = [name for name in SETS if (folder / name).is_dir()]
    if not present:
        raise EvaluationError(f"{folder}: holds none of {', '.join(SETS)}: give the parent of the sets' folders")
    stretches = [stretch for name in present for stretch in SETS[name](folder / name)]
    months = sum(one.judged_s for one in stretches) / MONTH_S
    alarms = sum(one.alarms for one in stretches)
    low, high = poisson_interval(alarms)
    fast = [one.windows_to_alarm for one in stretches if one.windows_to_alarm is not None]
    pooled: dict[str, Value] = {
        "sets": ", ".join(present),
        "healthy_stretches": sum(one.is_healthy for one in stretches),
        "machine_months": round(months, 3),
        "false_alarms": alarms,
        "false_alarms_per_machine_month": _per(alarms, months),
        "at_least_per_machine_month_95": _per(low, months),
        "at_most_per_machine_month_95": _per(high, months),
        "time_in_alarm_percent": _in_alarm_percent(stretches),
        "degradations": sum(one.degradations for one in stretches),
        "degradations_found": sum(one.found for one in stretches),
        "events_of_minutes": sum(one.events for one in stretches),
        "events_of_minutes_found": sum(one.events_found for one in stretches),
        "alarms_felt_from_a_failing_neighbour": sum(one.felt_alarms for one in stretches),
        "most_windows_from_onset_to_alarm": max(fast, default=None),
    }
    if (folder / "nab").is_dir():
        more = healthy_stretches.of_nab(folder / "nab")
        pooled |= _with_nab([*stretches, *more], more) | _other_settings(folder / "nab", stretches)
        stretches += more
    if "skab" in present:
        impatient = healthy_stretches.anomaly_free(folder / "skab", skab.LEARNT_ROWS)
        pooled["skab_anomaly_free_alarms_if_learnt_for_400_s"] = impatient.alarms
        usual = healthy_stretches.anomaly_free(
            folder / "skab", healthy_stretches.ANOMALY_FREE_LEARNT_ROWS, usual_windows=True
        )
        pooled["skab_anomaly_free_alarms_usual_windows"] = usual.alarms
        pooled["skab_anomaly_free_in_alarm_h_if_learnt_for_400_s"] = round(impatient.alarmed_s / 3_600.0, 2)
    return Evaluation(PROTOCOL, pooled, tuple(_row(one) for one in stretches))


def _with_nab(all_stretches: list[Stretch], nab: list[Stretch]) -> dict[str, Value]:
    """Return the same sums with NAB's months of one temperature."""
    judged_s, alarms = sum(one.judged_s for one in all_stretches), sum(one.alarms for one in all_stretches)
    months = judged_s / MONTH_S
    low, high = poisson_interval(alarms)
    return {
        "machine_months_with_nab": round(months, 3),
        "false_alarms_with_nab": alarms,
        "false_alarms_per_machine_month_with_nab": _per(alarms, months),
        "at_least_per_machine_month_95_with_nab": _per(low, months),
        "at_most_per_machine_month_95_with_nab": _per(high, months),
        "time_in_alarm_percent_with_nab": _in_alarm_percent(all_stretches),
        "nab_events": sum(one.events for one in nab),
        "nab_events_found": sum(one.events_found for one in nab),
    }


def _other_settings(folder: Path, stretches: list[Stretch]) -> dict[str, Value]:
    """Return what becomes of time in alarm and of the events with other settings of the discord detector."""
    usual = DiscordSettings()
    others = [
        *(replace(usual, newest_blocks=blocks) for blocks in OTHER_NEWEST_BLOCKS),
        *(replace(usual, odd_blocks=blocks) for blocks in OTHER_ODD_BLOCKS),
    ]
    percents, found = [], []
    for discord in others:
        more = healthy_stretches.of_nab(folder, discord)
        percents.append(_in_alarm_percent([*stretches, *more]))
        found.append(sum(one.events_found for one in more))
    whole = healthy_stretches.of_nab(folder, replace(usual, newest_blocks=usual.window_blocks))
    return {
        "nab_other_settings_tried": len(others),
        "nab_other_settings_within_half_a_percent": sum(percent <= MOST_IN_ALARM_PERCENT for percent in percents),
        "nab_other_settings_that_find_all_events": sum(one == max(found) for one in found),
        "time_in_alarm_percent_with_nab_if_all_hours_count": percents[len(OTHER_NEWEST_BLOCKS)],
        "time_in_alarm_percent_with_nab_if_the_whole_window_ends_it": _in_alarm_percent([*stretches, *whole]),
    }


def _in_alarm_percent(stretches: list[Stretch]) -> float:
    judged_s = sum(one.judged_s for one in stretches)
    return round(100.0 * sum(one.alarmed_s for one in stretches) / max(judged_s, 1.0), 3)


def _per(count: float, months: float) -> float | None:
    """Return a rate; None where the sets at hand hold no healthy time whose length is known."""
    return round(count / months, 2) if months > 0.0 else None


def poisson_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact two-sided interval of a Poisson mean from one count.

    >>> [round(end, 2) for end in poisson_interval(0)], [round(end, 2) for end in poisson_interval(3)]
    ([0.0, 3.69], [0.62, 8.77])

    Args:
        count: events.
        confidence: 0 to 1.
    """
    tail = (1.0 - confidence) / 2.0
    low = float(gammaincinv(count, tail)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1.0 - tail))


def _row(stretch: Stretch) -> dict[str, Value]:
    return {
        "file": stretch.name,
        "healthy_h": round(stretch.judged_s / 3_600.0, 3),
        "false_alarms": stretch.alarms,
        "in_alarm_h": round(stretch.alarmed_s / 3_600.0, 3),
        "degradations": stretch.degradations,
        "found": stretch.found,
        "windows_to_alarm": stretch.windows_to_alarm,
        "events": stretch.events,
        "events_found": stretch.events_found,
        "felt_alarms": stretch.felt_alarms,
    }
