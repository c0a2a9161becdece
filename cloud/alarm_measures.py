"""How much the alarms ask of people: the measures of ISA-18.2 and EEMUA 191 over a stretch of time. Pure.

In this order: annunciations are counted in periods of ten minutes; periods make floods; annunciations of one alarm
that follow each other within a minute make it chatter; alarms that have been active for a day are stale; the ten
most frequent ones, and the priorities, show where the load comes from. Each measure stands beside what the standards
call acceptable, and says whether it is.

An *annunciation* is one time that an alarm became active: an occurrence.

Source: ANSI/ISA-18.2-2016, clause 16.5 and table 7 (performance metrics); EEMUA 191, 3rd edition, section 6.5 (the
same numbers per operator); ISA-TR18.2.5-2012, section 6 (chattering, stale, flood).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
PERIOD_MS: Final = 10 * MINUTE_MS
"""The period in which both standards count."""

PER_OPERATOR_HOUR: Final = 6.0
"""Very likely to be acceptable; 12 is the most that can be managed."""
PER_PERIOD: Final = 1.0
"""The same as six an hour."""
FLOOD_BEGINS_ABOVE: Final = 10
"""Annunciations in a period: more than a person can answer."""
FLOOD_ENDS_BELOW: Final = 5
FLOOD_SHARE: Final = 0.01
TOP: Final = 10
TOP_SHARE: Final = 0.05
"""Of all annunciations that the ten most frequent alarms may make; the standards name 1 to 5 %."""
FEWEST_FOR_TOP_SHARE: Final = 200
"""Ten alarms cannot make less than 5 % of fewer annunciations: below, their share says nothing."""
CHATTER_TIMES: Final = 3
CHATTER_MS: Final = MINUTE_MS
STALE_MS: Final = 24 * HOUR_MS
STALE_ALARMS: Final = 5
PRIORITY_SHARES: Final[Mapping[str, float]] = {"urgent": 0.01, "high": 0.05, "medium": 0.15, "low": 0.80}
"""About; with four priorities: the highest below 1 %, then 5, 15 and 80 %."""


class Annunciation(NamedTuple):
    """One time that an alarm became active, ms UTC."""

    alarm_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Active:
    """An alarm that is active now, and since when."""

    alarm_id: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Measure:
    """One number beside what is acceptable; `within` is None where too little happened to say."""

    name: str
    value: float
    acceptable: float
    within: bool | None


@dataclass(frozen=True, slots=True)
class Flood:
    """A stretch in which alarms came faster than a person can answer; whole periods, ms UTC."""

    from_ms: int
    to_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class Chattering:
    """An alarm that came and went; `most` annunciations of it within a minute."""

    alarm_id: str
    most: int


@dataclass(frozen=True, slots=True)
class Frequent:
    """An alarm, how often it was annunciated, and its share of all."""

    alarm_id: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class AlarmMeasures:
    """All measures of a stretch of time.

    Attributes:
        counts: annunciations in each period of ten minutes from `from_ms` on.
        stale: ids of alarms that have been active for a day, the oldest first.
        priorities: share of annunciations by priority.
    """

    from_ms: int
    to_ms: int
    annunciations: int
    counts: tuple[int, ...]
    measures: tuple[Measure, ...]
    floods: tuple[Flood, ...]
    chattering: tuple[Chattering, ...]
    stale: tuple[str, ...]
    top: tuple[Frequent, ...]
    priorities: Mapping[str, float]


def measure_alarms(
    annunciations: Sequence[Annunciation],
    active: Sequence[Active],
    priorities: Mapping[str, str],
    span_ms: tuple[int, int],
    operators: int = 1,
) -> AlarmMeasures:
    """Return the measures of a stretch of time.

    Args:
        annunciations: in any order; those outside the stretch do not count.
        active: alarms that are active at its end.
        priorities: by alarm id.
        span_ms: from and to, ms UTC; from is before to.
        operators: people who share the alarms.

    Source: ANSI/ISA-18.2-2016, clause 16.5.
    """
    from_ms, to_ms = span_ms
    inside = [one for one in annunciations if from_ms <= one.at_ms < to_ms]
    periods = max(-(-(to_ms - from_ms) // PERIOD_MS), 1)
    times = np.array([one.at_ms for one in inside], np.int64)
    counts = np.bincount((times - from_ms) // PERIOD_MS, minlength=periods)
    floods = _floods(counts, from_ms, to_ms)
    flooded_ms = sum(flood.to_ms - flood.from_ms for flood in floods)
    chattering = _chattering(inside)
    stale = tuple(
        one.alarm_id for one in sorted(active, key=lambda one: one.since_ms) if to_ms - one.since_ms >= STALE_MS
    )
    top = _top(inside)
    hours = (to_ms - from_ms) / HOUR_MS
    top_share = sum(one.share for one in top)
    measures = (
        _at_most("per_operator_hour", len(inside) / hours / operators, PER_OPERATOR_HOUR),
        _at_most("per_10_minutes", len(inside) / (hours * 6) / operators, PER_PERIOD),
        _at_most("most_in_10_minutes", float(counts.max()), float(FLOOD_BEGINS_ABOVE)),
        _at_most("share_of_periods_above_10", float(np.mean(counts > FLOOD_BEGINS_ABOVE)), FLOOD_SHARE),
        _at_most("share_of_time_in_flood", flooded_ms / (to_ms - from_ms), FLOOD_SHARE),
        _at_most("top_ten_share", top_share, TOP_SHARE, says=len(inside) >= FEWEST_FOR_TOP_SHARE),
        _at_most("chattering", float(len(chattering)), 0.0),
        _at_most("stale", float(len(stale)), float(STALE_ALARMS)),
    )
    told = Counter(priorities.get(one.alarm_id) for one in inside)
    shares = {priority: told[priority] / len(inside) if inside else 0.0 for priority in PRIORITY_SHARES}
    return AlarmMeasures(
        from_ms=from_ms,
        to_ms=to_ms,
        annunciations=len(inside),
        counts=tuple(counts.tolist()),
        measures=measures,
        floods=floods,
        chattering=chattering,
        stale=stale,
        top=top,
        priorities=shares,
    )


def _at_most(name: str, value: float, acceptable: float, *, says: bool = True) -> Measure:
    return Measure(name, value, acceptable, value <= acceptable if says else None)


def _floods(counts: NDArray[np.int64], from_ms: int, to_ms: int) -> tuple[Flood, ...]:
    """Return floods: from a period with more than ten until one with fewer than five, which is not part of it.

    Source: ISA-TR18.2.5-2012, section 6 (alarm flood).
    """
    floods = []
    begun = None
    for place, count in enumerate([*counts.tolist(), 0]):
        if begun is None and count > FLOOD_BEGINS_ABOVE:
            begun = place
        elif begun is not None and count < FLOOD_ENDS_BELOW:
            end_ms = min(from_ms + place * PERIOD_MS, to_ms)
            floods.append(Flood(from_ms + begun * PERIOD_MS, end_ms, int(counts[begun:place].sum())))
            begun = None
    return tuple(floods)


def _chattering(annunciations: Sequence[Annunciation]) -> tuple[Chattering, ...]:
    """Return alarms that were annunciated three times or more within a minute, the worst first.

    Source: ISA-TR18.2.5-2012, section 6 (chattering alarms).
    """
    times: dict[str, list[int]] = {}
    for one in annunciations:
        times.setdefault(one.alarm_id, []).append(one.at_ms)
    found = []
    for alarm_id, own in times.items():
        if len(own) < CHATTER_TIMES:
            continue
        ordered = np.sort(np.array(own, np.int64))
        # For each annunciation: how many lie in the minute that begins with it.
        most = int(np.max(np.searchsorted(ordered, ordered + CHATTER_MS, "left") - np.arange(len(ordered))))
        if most >= CHATTER_TIMES:
            found.append(Chattering(alarm_id, most))
    return tuple(sorted(found, key=lambda one: (-one.most, one.alarm_id)))


def _top(annunciations: Sequence[Annunciation]) -> tuple[Frequent, ...]:
    counts: dict[str, int] = {}
    for one in annunciations:
        counts[one.alarm_id] = counts.get(one.alarm_id, 0) + 1
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return tuple(Frequent(alarm_id, count, count / len(annunciations)) for alarm_id, count in first)
