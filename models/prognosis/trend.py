"""A record cut into few robust points, as every fit sees it.

Trends come as thousands of hourly means with gaps and single spikes. What a machine does within months is in a hundred
points as well, so that a fit may try many explanations and still take milliseconds. A point is the median of its
stretch: one knock per stretch changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.prognosis.errors import TrendError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

POINTS: Final = 64
"""Three days of hours, or three weeks of shifts of eight. Half as many again cost three times as much and covered the
simulated paths no better."""
EDGE: Final = 1e-6
"""Of a stretch: above the rounding of seconds since 1970 over an hour, below any sampling."""
SPIKE_SIGMAS: Final = 5.0
"""Beyond so many robust sigmas of its neighbours a point is a spike, of which Gaussian noise has one in a million."""
MAD_TO_SIGMA: Final = 1.4826
"""Of Gaussian noise."""


@dataclass(frozen=True, slots=True)
class Trend:
    """One quantity over time, ascending, without gaps that are not in its times.

    Attributes:
        times_s: (n,) ascending.
        values: (n,) finite.
    """

    times_s: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def span_s(self) -> float:
        """Return how much time it covers."""
        return float(self.times_s[-1] - self.times_s[0])


def record_of(times_s: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times and values in the order of time, without what is not finite.

    Raises:
        TrendError: they are not two lists of one length.
    """
    times, levels = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    if times.ndim != 1 or times.shape != levels.shape:
        raise TrendError(f"times {times.shape} and values {levels.shape} must be two lists of one length")
    known = np.isfinite(times) & np.isfinite(levels)
    order = np.argsort(times[known], kind="stable")
    return times[known][order], levels[known][order]


def trend_of(times_s: NDArray[np.float64], values: NDArray[np.float64]) -> Trend:
    """Return a record as at most `POINTS` robust points.

    Args:
        times_s: (n,) ascending, not all the same.
        values: (n,) finite, in the unit of the limit.

    >>> len(trend_of(np.arange(1000.0), np.arange(1000.0)).values)
    64
    """
    times, levels = (times_s, values) if len(times_s) <= POINTS else _medians(times_s, values)
    # Points at the same moment say the same twice, and leave no time for anything to happen.
    apart = np.diff(times, prepend=-np.inf) > 0
    return Trend(times[apart], _without_spikes(levels[apart]))


def _medians(
    times: NDArray[np.float64], levels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean time and median level of each of `POINTS` equal stretches that holds anything."""
    share = (times - times[0]) / (times[-1] - times[0])
    # Full hours lie on edges, where rounding must not decide: another calendar would say something else.
    place = np.minimum((share * POINTS + EDGE).astype(int), POINTS - 1)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    counts = np.diff(starts, append=len(times))
    # Ordered by stretch and level: the places of the stretches stay, the middle of each is its median.
    ordered = levels[np.lexsort((levels, place))]
    medians = 0.5 * (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2])
    return np.add.reduceat(times, starts) / counts, medians


def _without_spikes(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the levels with single spikes laid onto their neighbours; the last two points may be news, and stay."""
    if len(levels) < 8:
        return levels
    neighbours = np.stack([levels[:-4], levels[1:-3], levels[3:-1], levels[4:]])
    middle = np.median(neighbours, axis=0)
    away = levels[2:-2] - middle
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(away)))
    cleaned = levels.copy()
    cleaned[2:-2] = np.where(np.abs(away) > SPIKE_SIGMAS * sigma, middle, levels[2:-2]) if sigma > 0 else levels[2:-2]
    return cleaned
