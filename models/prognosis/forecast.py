"""The answer: when a trend reaches its limit, or why nobody can say.

In order:

1. the record is looked at as a whole and, finer, in its newest quarter, as a wear of days is a point of months; less
   than `LEAST_POINTS`: *too short*;
2. the level of the newest points is at the limit already: *reached*;
3. growth from an onset to the end must explain a look `STRONG_EVIDENCE` times better than noise of any kind, or a step
   to a new level that stays: else *flat*, or *falling* where it is the level that goes down;
4. half of all draws must arrive within `HORIZON_SPANS` times the look: else *too slow*: nobody has seen the machine for
   long enough to say more;
5. then the median and the interval are told; an upper end that lies beyond the horizon is open.

The widest look that has a number tells it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from models.prognosis.courses import COURSES
from models.prognosis.crossing import crossing_points
from models.prognosis.degradation import Design, Explanations, design_at, explain
from models.prognosis.errors import TrendError
from models.prognosis.trend import EDGE, Trend, record_of, trend_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEAST_POINTS: Final = 24
"""Three times what must lie behind the latest onset: a level before it, and a rise."""
STRONG_EVIDENCE: Final = 20.0
"""Source: Kass and Raftery, Bayes factors, JASA 90 (1995), section 3.2: from 20 to 150 the evidence is strong."""
"""Times as many looks as there are: who looks more often is fooled more often."""
LOOKS: Final = (1.0, 0.25)
"""Shares of the record: all, and the newest quarter. In a sixteenth as well, passing rises of hours made numbers."""
RECENT_POINTS: Final = 8
"""Of the finest look, as many as a rise needs; their median is the level of now: single knocks are not."""
HORIZON_SPANS: Final = 3.0
"""Nothing is told of times beyond so many records like the one that was seen."""
LEVEL: Final = 0.9
"""Of the interval: one of ten comes outside it."""


class Reason(StrEnum):
    """Why there is a forecast, or why none."""

    RISING = "rising"
    REACHED = "reached"
    FLAT = "flat"
    FALLING = "falling"
    TOO_SHORT = "too_short"
    TOO_SLOW = "too_slow"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a trend reaches its limit; all times in seconds.

    Attributes:
        reason: `rising` and `reached` come with numbers, the others without.
        last_s: time of the newest value; the numbers count from here. NaN where there is none.
        median_s, low_s, high_s: until the limit, with the ends of the interval; high is infinite where it is open.
        level: probability of the interval.
        onset_s: since when it rises, where it does.
        course: the most probable one.
        evidence: how many times better growth explains the record than noise alone.
    """

    reason: Reason
    last_s: float = math.nan
    median_s: float = math.nan
    low_s: float = math.nan
    high_s: float = math.nan
    level: float = LEVEL
    onset_s: float | None = None
    course: str | None = None
    evidence: float = 0.0

    @property
    def is_number(self) -> bool:
        """Return whether there is a time to tell."""
        return self.reason in {Reason.RISING, Reason.REACHED}


def forecast(times_s: ArrayLike, values: ArrayLike, limit: float) -> Forecast:
    """Return when values that rise towards a limit reach it.

    Args:
        times_s: (n,) in any order, none from before the last repair.
        values: (n,) in the unit of the limit; what is not finite is left out.
        limit: above which the alarm is.

    Raises:
        TrendError: the limit is not finite, or the arrays are not of one length.

    >>> straight = forecast(range(0, 1000), [1.0 + second / 1000 for second in range(1000)], 3.0)
    >>> straight.reason.value, round(straight.median_s, -2)
    ('rising', 1000.0)
    """
    if not math.isfinite(limit):
        raise TrendError(f"a limit of {limit} is reached at no time; give a finite one")
    times, levels = record_of(times_s, values)
    last_s = float(times[-1]) if len(times) else math.nan
    looks = _looks(times, levels)
    if not looks:
        return Forecast(Reason.TOO_SHORT, last_s)
    if float(np.median(looks[-1].values[-RECENT_POINTS:])) >= limit:
        return Forecast(Reason.REACHED, last_s, 0.0, 0.0, 0.0)
    told = [_looked(look, last_s, limit, STRONG_EVIDENCE * len(looks)) for look in looks]
    return next((one for one in told if one.is_number), told[0])


def _looks(times: NDArray[np.float64], values: NDArray[np.float64]) -> list[Trend]:
    """Return the whole record and its newest parts, each cut into points, as long as they have enough of them."""
    looks = []
    for share in LOOKS:
        if not len(times):
            break
        part = times >= times[-1] - (share + EDGE) * (times[-1] - times[0])
        if np.count_nonzero(part) >= LEAST_POINTS and times[-1] > times[part][0]:
            look = trend_of(times[part], values[part])
            if len(look.values) >= LEAST_POINTS:
                looks.append(look)
    return looks


def _looked(trend: Trend, last_s: float, limit: float, strong: float) -> Forecast:
    """Return what one look at a record says."""
    values = trend.values
    scale = float(np.abs(values).max())
    if float(np.ptp(values)) <= 1e-9 * scale:
        return Forecast(Reason.FLAT, last_s)
    per_point_s = trend.span_s / (len(values) - 1)
    design = design_at((trend.times_s - trend.times_s[0]) / per_point_s)
    has_logarithms = values.min() > 0 and limit > 0
    courses = [course for course in COURSES if has_logarithms or not course.in_logarithms]
    tried = [explain(values / scale, design, course) for course in courses]
    evidence, rising = _evidence(tried)
    if evidence < strong or rising < 0.5:
        return Forecast(Reason.FLAT if evidence < strong else Reason.FALLING, last_s, evidence=evidence)
    onset, course = _likeliest(tried, design)
    onset_s = float(trend.times_s[0] + onset * per_point_s)
    # The last point is a stretch, and lies in the middle of it.
    since_point_s = last_s - float(trend.times_s[-1])
    drawn = np.maximum(crossing_points(tried, design, limit / scale) * per_point_s - since_point_s, 0.0)
    tail = (1.0 - LEVEL) / 2.0
    low, median, high = (float(np.quantile(drawn, at, method="nearest")) for at in (tail, 0.5, 1.0 - tail))
    horizon_s = HORIZON_SPANS * trend.span_s
    if median > horizon_s:
        return Forecast(Reason.TOO_SLOW, last_s, onset_s=onset_s, course=course, evidence=evidence)
    high = high if high <= horizon_s else math.inf
    return Forecast(Reason.RISING, last_s, median, low, high, LEVEL, onset_s, course, evidence)


def _evidence(tried: list[Explanations]) -> tuple[float, float]:
    """Return how many times better growth explains the record than none does, and the probability that it rises."""
    growth = np.stack([one.log_evidence for one in tried])
    none = np.stack([one.log_evidence_of_none for one in tried])
    step = np.stack([one.log_evidence_of_step for one in tried])
    top = max(float(growth.max()), float(none.max()), float(step.max()))
    weights = np.exp(growth - top)
    against = 0.5 * float(np.exp(none - top).mean()) + 0.5 * float(np.exp(step - top).mean())
    rises = np.stack([one.amount for one in tried]) > 0
    rising = float(weights[rises].sum() / weights.sum()) if weights.sum() > 0 else 0.0
    return float(weights.mean()) / max(against, np.finfo(np.float64).tiny), rising


def _likeliest(tried: list[Explanations], design: Design) -> tuple[float, str]:
    """Return the median onset, in points, and the most probable course, weighed by evidence."""
    log_evidence = np.stack([one.log_evidence for one in tried])
    weights = np.exp(log_evidence - log_evidence.max())
    by_onset = np.cumsum(weights.sum(axis=(0, 1)))
    onset = float(design.onsets[int(np.searchsorted(by_onset, 0.5 * by_onset[-1]))])
    by_name: dict[str, float] = {}
    for one, weight in zip(tried, weights.sum(axis=(1, 2)), strict=True):
        by_name[one.course.name] = by_name.get(one.course.name, 0.0) + float(weight)
    return onset, max(by_name, key=lambda name: by_name[name])
