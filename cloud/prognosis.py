"""How long a machine has until its alarm limits, from its stored trends.

In order: since when its parts are the ones that wear (the last label that says a part was replaced, at most
`LOOK_BACK_DAYS` ago); which of its trends have a limit (the score, at 1.0 by definition, and the velocity where group
and support are configured, at the standard's alarm); their hours of the operating state that it mostly runs in; one
forecast each (`models.prognosis`), the most pressing one first.

A forecast is kept until there is a new hour of data, or a new share of a shorter record, a repair, or new facts: pages
ask far more often than machines wear.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from cloud.book.tables import Label
from cloud.trends.store import MAX_POINTS, SCORE
from models.alarming import ON_SCORE
from models.contract.vocabulary import is_steady
from models.diagnosis.iso20816 import BandError, ZoneError, bands
from models.prognosis.forecast import Forecast, Reason, forecast

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Engine

    from cloud.book.tables import Machine
    from cloud.trends.store import StateStrip, TrendStore

LOOK_BACK_DAYS: Final = 60
"""As many hours as one answer of the trend store has points for, with room."""
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
SHARE_FOR_NEW: Final = 64
"""A record is cut into so many points (`models.prognosis.trend`): less new data than one of them changes nothing."""
BASELINE_SHARE: Final = 0.1
"""Oldest part of the record: its velocity stands for the healthy one, as the gateway learns from its first windows."""
KEPT: Final = 256
"""Machines whose forecast is kept: more pages than anybody has open."""
VELOCITY: Final = "velocity_rms"
_URGENCY: Final = {Reason.REACHED: 0, Reason.RISING: 1}


@dataclass(frozen=True, slots=True)
class Prognosis:
    """What can be said of one trend of a machine.

    Attributes:
        feature: name of the trend, such as `score` or `DE.H/velocity_rms`.
        limit: alarm limit, in `unit`.
        forecast: times in seconds since 1970.
        replaced_ms: when a part was last replaced, if that is why the record is short.
    """

    feature: str
    limit: float
    unit: str
    forecast: Forecast
    replaced_ms: int | None = None

    @property
    def sentence(self) -> str:
        """Return what people read."""
        told = self.forecast
        limit = f"the alarm limit of {self.limit:.3g}{'' if self.unit == '1' else f' {self.unit}'}"
        if told.reason is Reason.REACHED:
            return f"The {self._quantity} has reached {limit}."
        if told.reason is Reason.RISING:
            low, median, high, unit = _in_words(told.low_s, told.median_s, told.high_s)
            span = f"{low} or more" if high is None else f"{low} to {high}"
            rise, rise_unit = _duration(told.last_s - (told.onset_s or told.last_s))
            return (
                f"About {median} {unit} to {limit} ({told.level:.0%}: {span}), "
                f"from {rise} {rise_unit} of rising {self._quantity}.".replace("%:", " %:")
            )
        if told.reason is Reason.TOO_SHORT and self.replaced_ms is not None:
            return "No trend yet: too little has been measured since a part was replaced."
        return {
            Reason.TOO_SHORT: "No trend yet: too little has been measured in one operating state.",
            Reason.FALLING: f"No trend towards an alarm limit: the {self._quantity} is going down.",
            Reason.TOO_SLOW: f"The {self._quantity} rises so slowly that nobody can say when it reaches {limit}.",
        }.get(told.reason, "No trend: nothing moves more than it usually does.")

    @property
    def _quantity(self) -> str:
        channel, _, quantity = self.feature.rpartition("/")
        return f"velocity at {channel}" if quantity == VELOCITY else self.feature

    @property
    def urgency(self) -> tuple[int, float]:
        """Return a key that sorts the most pressing first."""
        return _URGENCY.get(self.forecast.reason, 2), self.forecast.median_s if self.forecast.is_number else 0.0


@dataclass(frozen=True, slots=True)
class _Kept:
    facts: tuple[object, ...]
    until_ms: int
    prognoses: tuple[Prognosis, ...]


class Prognoses:
    """Forecasts of machines, each made when somebody asks and kept while nothing is new. For any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, machine: Machine, trends: TrendStore, engine: Engine) -> tuple[Prognosis, ...]:
        """Return what can be said of a machine's trends, the most pressing first; nothing where nothing was measured.

        Raises:
            StoreError: trends or labels cannot be read.
        """
        span = trends.span_ms(machine.id)
        if span is None:
            return ()
        replaced_ms = last_replacement_ms(engine, machine.id, span[1])
        facts = (
            replaced_ms,
            machine.facts.get("machine_group"),
            machine.facts.get("support"),
            tuple(feature["name"] for feature in machine.features),
        )
        with self._lock:
            kept = self._kept.get(machine.id)
            if kept is not None and kept.facts == facts and span[1] < kept.until_ms:
                self._kept.move_to_end(machine.id)
                return kept.prognoses
        from_ms = max(span[0], replaced_ms or 0, span[1] - LOOK_BACK_DAYS * DAY_MS)
        prognoses = _prognoses(machine, trends, (from_ms, span[1] + 1), replaced_ms)
        new_ms = min(max((span[1] - from_ms) // SHARE_FOR_NEW, MINUTE_MS), HOUR_MS)
        with self._lock:
            self._kept[machine.id] = _Kept(facts, span[1] + new_ms, prognoses)
            self._kept.move_to_end(machine.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return prognoses


def last_replacement_ms(engine: Engine, machine_id: str, until_ms: int) -> int | None:
    """Return when a part of a machine was last replaced, ms UTC, or None.

    What was found at an alarm is told after the work was done, a stretch of time ends with it.
    """
    query = select(Label.alarm_id, Label.at_ms, Label.to_ms).where(Label.machine_id == machine_id, Label.part != "")
    with Session(engine) as session:
        times = [to_ms if alarm_id is None else at_ms for alarm_id, at_ms, to_ms in session.execute(query)]
    return max((min(at_ms, until_ms) for at_ms in times), default=None)


def _prognoses(
    machine: Machine, trends: TrendStore, span_ms: tuple[int, int], replaced_ms: int | None
) -> tuple[Prognosis, ...]:
    names = [SCORE, *_velocities(machine)]
    trend = trends.trend(machine.id, names, *span_ms, MAX_POINTS)
    found = []
    for series in trend.series:
        known = _of_usual_state(series.t_ms, trend.states)
        times_s, values = series.t_ms[known] / 1000.0, series.mean[known]
        limit = ON_SCORE if series.name == SCORE else _velocity_limit(machine, times_s, values)
        if limit is not None:
            unit = "1" if series.name == SCORE else "mm/s"
            found.append(Prognosis(series.name, limit, unit, forecast(times_s, values, limit), replaced_ms))
    return tuple(sorted(found, key=lambda one: one.urgency))


def _velocities(machine: Machine) -> list[str]:
    if machine.facts.get("machine_group") is None or machine.facts.get("support") is None:
        return []
    return [
        feature["name"]
        for feature in machine.features
        if feature["name"].rpartition("/")[2] == VELOCITY and feature.get("unit") == "mm/s"
    ]


def _velocity_limit(machine: Machine, times_s: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """Return the alarm of ISO 20816-3 above the oldest part of the record, or None where the standard has none."""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    begin, end = float(times_s[finite][0]), float(times_s[finite][-1])
    oldest = finite & (times_s <= begin + BASELINE_SHARE * (end - begin))
    group, support = machine.facts.get("machine_group"), machine.facts.get("support")
    try:
        return bands(group, support, float(np.median(values[oldest]))).alarm_mm_s
    except (ZoneError, BandError):
        # A gateway of another version may know groups that this one does not.
        return None


def _of_usual_state(t_ms: NDArray[np.int64], states: StateStrip) -> NDArray[np.bool_]:
    """Return which points are of the steady state that there are most of, all of them where no state was told."""
    if not states.t_ms or not len(t_ms):
        return np.ones(len(t_ms), np.bool_)
    at = np.searchsorted(np.asarray(states.t_ms), t_ms, side="right") - 1
    names = [states.value[place] if place >= 0 else None for place in at]
    steady = Counter(name for name in names if name is not None and is_steady(name))
    if not steady:
        return np.zeros(len(t_ms), np.bool_)
    usual = steady.most_common(1)[0][0]
    return np.array([name == usual for name in names], np.bool_)


def _duration(seconds: float) -> tuple[str, str]:
    """Return a duration in two significant digits with its unit."""
    for unit, length_s in (("days", 86_400.0), ("hours", 3_600.0)):
        if seconds >= 2.0 * length_s:
            return _two_digits(seconds / length_s), unit
    return _two_digits(seconds / 60.0), "minutes"


def _in_words(low_s: float, median_s: float, high_s: float) -> tuple[str, str, str | None, str]:
    """Return the ends and the middle of an interval in the unit of the middle, with the unit."""
    median, unit = _duration(median_s)
    length_s = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0}[unit]
    high = None if not np.isfinite(high_s) else _two_digits(high_s / length_s)
    return _two_digits(low_s / length_s), median, high, unit


def _two_digits(number: float) -> str:
    """Return a number as people say it.

    >>> _two_digits(127.0), _two_digits(7.24), _two_digits(0.0)
    ('130', '7.2', '0')
    """
    return f"{float(f'{number:.2g}'):g}"
