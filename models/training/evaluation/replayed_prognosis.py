"""A record played again to the prognosis: at many moments it is asked how long there is, and the record knows.

The crossing that is forecast is the one that people would be told of as *reached*: the level of the newest points, not
a single knock, is at the limit. An answer is right when the crossing lies in its interval; before a crossing that never
comes only an open interval is. A moment without an answer is no error, it is counted beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.prognosis.forecast import RECENT_POINTS, Forecast, Reason, forecast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from models.training.evaluation.result import Value

ASKED_EVERY: Final = 0.025
"""Of the record: forty questions; closer ones ask the same twice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question.

    Attributes:
        at_s: when it was asked.
        left_s: how long there was, infinite where the limit was never reached.
        told: the answer.
    """

    at_s: float
    left_s: float
    told: Forecast

    @property
    def is_forecast(self) -> bool:
        """Return whether a time was told, and not that the limit is reached."""
        return self.told.reason is Reason.RISING

    @property
    def is_covered(self) -> bool:
        """Return whether the truth lies in the interval."""
        return self.told.low_s <= self.left_s <= self.told.high_s


def crossing_s(times_s: NDArray[np.float64], values: NDArray[np.float64], limit: float) -> float:
    """Return when the median of the newest points first is at the limit, infinite where it never is.

    >>> crossing_s(np.arange(20.0), np.arange(20.0), 10.0)
    14.0
    """
    newest = np.lib.stride_tricks.sliding_window_view(values, RECENT_POINTS)
    reached = np.flatnonzero(np.median(newest, axis=1) >= limit)
    return float(times_s[reached[0] + RECENT_POINTS - 1]) if len(reached) else math.inf


def replayed(
    times_s: NDArray[np.float64], values: NDArray[np.float64], limit: float, until_s: float = math.inf
) -> tuple[Asked, ...]:
    """Return the questions of a record, asked causally up to the crossing and not after `until_s`."""
    end_s = crossing_s(times_s, values, limit)
    begin, span = times_s[0], times_s[-1] - times_s[0]
    moments = begin + span * np.arange(ASKED_EVERY, 1.0, ASKED_EVERY)
    asked = []
    for at_s in moments[(moments < end_s) & (moments < until_s)]:
        known = times_s <= at_s
        asked.append(Asked(float(at_s), end_s - float(at_s), forecast(times_s[known], values[known], limit)))
    return tuple(asked)


def counted(asked: Iterable[Asked]) -> dict[str, Value]:
    """Return how many questions, forecasts and right intervals there are, and by how much medians were off."""
    every = list(asked)
    told = [one for one in every if one.is_forecast]
    ratios = [one.told.median_s / one.left_s for one in told if 0.0 < one.left_s < math.inf]
    return {
        "asked": len(every),
        "forecasts": len(told),
        "covered": sum(one.is_covered for one in told),
        "too_early": sum(one.told.high_s < one.left_s for one in told),
        "too_late": sum(one.told.low_s > one.left_s for one in told),
        "never_reached": sum(math.isinf(one.left_s) for one in told),
        "median_told_over_true": float(np.median(ratios)) if ratios else None,
    }
