"""The health of a whole fleet over its last month, in few numbers each: what a list of a thousand machines shows.

Pairs of days first, then the hours since yesterday, so that a month is seen and so is what changed since the last
shift: at most 60 points a machine. Read from the rollups of all machines at once, whose number decides how long it
takes; a month of summaries would be 43,000 rows for each.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
PAIR_MS: Final = 2 * DAY_MS
PAIRS: Final = 15
LAST_HOURS: Final = 20
"""At least so many hours stand as hours: two shifts and a half. The others come with the day they belong to."""

HealthPoints = tuple[list[int], list[float]]
"""Starts of buckets in ms UTC, ascending, and the mean health in each."""


class RememberedDays:
    """The pairs of days of each machine: half of what a fleet shows, and only late data change it until midnight.

    Several threads read, one writes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: dict[str, HealthPoints] = {}
        self._changes = 0
        self.hours_ms = 0
        """What lies before this is remembered."""

    def known(self, hours_ms: int) -> tuple[dict[str, HealthPoints], int]:
        """Return what is remembered up to a time, and a number that `remember` asks for."""
        with self._lock:
            if hours_ms != self.hours_ms:
                self.hours_ms, self._points = hours_ms, {}
                self._changes += 1
            return dict(self._points), self._changes

    def remember(self, points: Mapping[str, HealthPoints], changes: int) -> None:
        """Remember what was read since `known` was asked, unless something has changed since."""
        with self._lock:
            if changes == self._changes:
                self._points.update(points)

    def forget(self, asset_ids: Iterable[str]) -> None:
        """Forget machines of which late data have come."""
        with self._lock:
            for asset_id in asset_ids:
                self._points.pop(asset_id, None)
                self._changes += 1


def recent_span(until_ms: int) -> tuple[int, int]:
    """Return where the days begin and where the hours begin, ms UTC.

    >>> first, hours = recent_span(40 * DAY_MS + 5 * HOUR_MS)
    >>> first // DAY_MS, hours // DAY_MS
    (9, 39)
    """
    hours_ms = (until_ms - LAST_HOURS * HOUR_MS) // DAY_MS * DAY_MS
    return hours_ms - PAIRS * PAIR_MS, hours_ms


def in_pairs(start_ms: int, hours_ms: int) -> int:
    """Return the start of the pair of days that a day belongs to; pairs end where the hours begin.

    >>> in_pairs(10 * DAY_MS, 13 * DAY_MS) // DAY_MS, in_pairs(11 * DAY_MS, 13 * DAY_MS) // DAY_MS
    (9, 11)
    """
    return hours_ms - -(-(hours_ms - start_ms) // PAIR_MS) * PAIR_MS


def recent_points(rows: Iterable[tuple[str, int, float, float]]) -> dict[str, HealthPoints]:
    """Return the points of each machine.

    Args:
        rows: machine, start of its bucket, how many values and their total; a bucket may come several times.
    """
    sums: dict[str, dict[int, list[float]]] = defaultdict(dict)
    for asset_id, start_ms, count, total in rows:
        buckets = sums[asset_id]
        if (bucket := buckets.get(start_ms)) is None:
            buckets[start_ms] = [count, total]
        else:
            bucket[0] += count
            bucket[1] += total
    found: dict[str, HealthPoints] = {}
    for asset_id, buckets in sums.items():
        times = sorted(start_ms for start_ms, (count, _) in buckets.items() if count)
        found[asset_id] = times, [buckets[start_ms][1] / buckets[start_ms][0] for start_ms in times]
    return found
