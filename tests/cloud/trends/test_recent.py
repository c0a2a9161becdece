"""A month of health of a whole fleet: the same from every store, few points, right means, late data in it."""

from __future__ import annotations

import pytest
from support.contract_examples import ASSET, START_NS, summary

from cloud.trends.recent import DAY_MS, HOUR_MS, LAST_HOURS, PAIR_MS, PAIRS, recent_span
from cloud.trends.store import HEALTH_INDEX, StoredSummary

OTHER = "11111111-2222-4333-8444-555555555555"
UNTIL_MS = START_NS // 1_000_000
FIRST_MS, HOURS_MS = recent_span(UNTIL_MS)


def _at(start_ms, health, *, late=False, asset_id=ASSET):
    one = summary(start_ns=start_ms * 1_000_000, health_index=health, asset_id=asset_id)
    return StoredSummary(one, start_ms, 1, late, start_ms + 60_000)


def test_pairs_of_days_then_hours(reopened):
    store = reopened()
    written = [_at(FIRST_MS + day * DAY_MS + HOUR_MS, 50.0 + day) for day in range(2 * PAIRS)]
    written += [_at(start_ms, 90.0) for start_ms in range(HOURS_MS, UNTIL_MS - HOUR_MS, HOUR_MS)]
    # Within one bucket the mean counts, and what came late counts as much.
    written.append(_at(HOURS_MS + 120_000, 70.0, late=True))
    store.write(written, ())
    times, values = store.recent_health([ASSET], UNTIL_MS)[ASSET]
    assert times[:PAIRS] == [FIRST_MS + pair * PAIR_MS for pair in range(PAIRS)]
    assert values[:PAIRS] == pytest.approx([50.5 + 2 * pair for pair in range(PAIRS)])
    assert times[PAIRS:] == list(range(HOURS_MS, UNTIL_MS - HOUR_MS, HOUR_MS))
    assert values[PAIRS] == pytest.approx(80.0)
    assert len(times) <= 60


def test_only_who_was_asked_for_and_has_something_there(reopened):
    store = reopened()
    store.write([_at(UNTIL_MS - HOUR_MS, 90.0), _at(UNTIL_MS - HOUR_MS, None, asset_id=OTHER)], ())
    store.write([_at(FIRST_MS - DAY_MS, 90.0, asset_id="long-ago")], ())
    assert list(store.recent_health([ASSET, OTHER, "long-ago", "nobody"], UNTIL_MS)) == [ASSET]
    assert store.recent_health([OTHER], UNTIL_MS) == {}
    assert store.recent_health([], UNTIL_MS) == {}


def test_what_comes_late_for_a_day_that_was_shown_before_is_in_it_the_next_time(reopened):
    store = reopened()
    store.write([_at(HOURS_MS - PAIR_MS, 50.0), _at(HOURS_MS - PAIR_MS, 40.0, asset_id=OTHER)], ())
    asked = [ASSET, OTHER, "not-yet"]
    assert store.recent_health(asked, UNTIL_MS) == {
        ASSET: ([HOURS_MS - PAIR_MS], [50.0]),
        OTHER: ([HOURS_MS - PAIR_MS], [40.0]),
    }
    store.write([_at(HOURS_MS - HOUR_MS, 90.0, late=True), _at(HOURS_MS - HOUR_MS, 30.0, asset_id="not-yet")], ())
    assert store.recent_health(asked, UNTIL_MS) == {
        ASSET: ([HOURS_MS - PAIR_MS], [70.0]),
        OTHER: ([HOURS_MS - PAIR_MS], [40.0]),
        "not-yet": ([HOURS_MS - PAIR_MS], [30.0]),
    }
    # The next day what were hours are days.
    (times, values) = store.recent_health([ASSET], UNTIL_MS + DAY_MS)[ASSET]
    assert (len(times), values[0]) == (2, 50.0)


def test_it_says_what_the_trend_of_one_machine_says(reopened):
    store = reopened()
    store.write([_at(HOURS_MS + minute * 60_000, 60.0 + minute / 60) for minute in range(600)], ())
    times, values = store.recent_health([ASSET], UNTIL_MS)[ASSET]
    (series,) = store.trend(ASSET, [HEALTH_INDEX], HOURS_MS, HOURS_MS + 10 * HOUR_MS, 11).series
    assert times == series.t_ms.tolist()
    assert values == pytest.approx(series.mean.tolist())


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_two_shifts_stand_in_hours_at_any_time_of_the_day(hour):
    until_ms = 20_000 * DAY_MS + hour * HOUR_MS
    first_ms, hours_ms = recent_span(until_ms)
    assert LAST_HOURS * HOUR_MS <= until_ms - hours_ms < (LAST_HOURS + 24) * HOUR_MS
    assert (hours_ms - first_ms, hours_ms % DAY_MS) == (PAIRS * PAIR_MS, 0)
    assert PAIRS + (until_ms - hours_ms) // HOUR_MS + 1 <= 60
