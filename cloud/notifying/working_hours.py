"""Hours of a week in the plant's time zone: shifts, quiet hours, times of digests. Pure.

Spans are written on the wall clock ("mon-fri 22:00-06:00") and compared as moments: a night shift is nine hours long
when the clocks go back and seven when they go forward, and no moment is in it twice. A span belongs to the day on
which it begins, also over midnight; a holiday therefore takes away the night that begins on it, not the one that ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_PER_DAY: Final = 1_440

_SPAN: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-,][a-z]{3})*)\s+)?(?P<begin>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
)
_LOOK_AHEAD_DAYS: Final = 15
"""A week's pattern that leaves no gap in two weeks has none; one day more for the span that begins before now."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of some days of the week.

    Attributes:
        days: 0 is Monday.
        begin_min, end_min: minutes of the wall clock since midnight; an end at or before the begin is the next day's.
    """

    days: frozenset[int]
    begin_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Hours:
    """The spans of a week, and the days on which none of them begins.

    Attributes:
        days_off: holidays, or when a shift does not work.
        extra: spans of single days, also on days off: (day, begin_min, end_min).
    """

    spans: tuple[Span, ...]
    days_off: frozenset[date] = frozenset()
    extra: tuple[tuple[date, int, int], ...] = ()

    def contains(self, now_ms: int, zone: ZoneInfo) -> bool:
        """Return whether a moment is inside."""
        return any(begin <= now_ms < end for begin, end in self._around(now_ms, zone, 1))

    def end_ms(self, now_ms: int, zone: ZoneInfo) -> int | None:
        """Return when the stretch around a moment ends, spans that touch taken as one.

        Returns:
            ms UTC, `now_ms` for a moment outside, None for a stretch that does not end within two weeks.
        """
        end = now_ms
        for begin, other in sorted(self._around(now_ms, zone, _LOOK_AHEAD_DAYS)):
            if begin <= end < other:
                end = other
        return end if end - now_ms < (_LOOK_AHEAD_DAYS - 1) * 86_400_000 else None

    def _around(self, now_ms: int, zone: ZoneInfo, days_ahead: int) -> Iterator[tuple[int, int]]:
        """Yield begin and end, ms UTC, of the spans that begin from the day before a moment on."""
        today = datetime.fromtimestamp(now_ms / 1000, zone).date()
        for offset in range(-1, days_ahead + 1):
            day = today + timedelta(days=offset)
            for span in self.spans:
                if day.weekday() in span.days and day not in self.days_off:
                    yield _moments(day, span.begin_min, span.end_min, zone)
            for extra_day, begin_min, end_min in self.extra:
                if extra_day == day:
                    yield _moments(day, begin_min, end_min, zone)


def parse_span(text: str) -> Span:
    """Return a span such as ``mon-fri 06:00-14:00``; without days, every day.

    >>> parse_span("sat,sun 22:00-06:00")
    Span(days=frozenset({5, 6}), begin_min=1320, end_min=360)

    Raises:
        ValueError: it is none; says what would be.
    """
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no span of the week: write it as 'mon-fri 06:00-14:00'")
    days = _days(found["days"]) if found["days"] else frozenset(range(7))
    begin_min, end_min = parse_clock(found["begin"]), parse_clock(found["end"], last=MINUTES_PER_DAY)
    if begin_min == end_min:
        raise ValueError(f"{text!r} begins when it ends: for a whole day write 00:00-24:00")
    return Span(days, begin_min, end_min)


def parse_clock(text: str, last: int = MINUTES_PER_DAY - 1) -> int:
    """Return a time of day in minutes.

    >>> parse_clock("07:30")
    450

    Raises:
        ValueError: it is none.
    """
    hours, _, minutes = text.strip().partition(":")
    if hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and int(minutes) < 60:
        of_day = int(hours) * 60 + int(minutes)
        if of_day <= last:
            return of_day
    raise ValueError(f"{text!r} is no time of day: write it as '07:30'")


def next_time_ms(times_min: tuple[int, ...], now_ms: int, zone: ZoneInfo) -> int:
    """Return the next of some times of day after a moment, ms UTC.

    Args:
        times_min: at least one, minutes of the wall clock.
        now_ms: the moment.
        zone: the plant's.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    moments = (
        _moment(today + timedelta(days=offset), minutes, zone) for offset in range(-1, 3) for minutes in times_min
    )
    return min(moment for moment in moments if moment > now_ms)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        names = part.split("-")
        for name in names:
            if name not in DAYS:
                raise ValueError(f"{name!r} is no day: days are {', '.join(DAYS)}")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        # "sat-mon" goes over the end of the week.
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)


def _moments(day: date, begin_min: int, end_min: int, zone: ZoneInfo) -> tuple[int, int]:
    ends_on = day if end_min > begin_min else day + timedelta(days=1)
    return _moment(day, begin_min, zone), _moment(ends_on, end_min, zone)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> int:
    """Return a wall clock time as ms UTC; one that comes twice is its first, one that is left out its later side."""
    local = datetime.combine(day, time(), zone) + timedelta(minutes=minutes)
    return int(local.astimezone(UTC).timestamp() * 1000)
