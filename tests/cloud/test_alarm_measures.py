"""How much alarms ask of people, by the numbers of ISA-18.2 and EEMUA 191."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alarm_measures import HOUR_MS, MINUTE_MS, PERIOD_MS, Active, Annunciation, measure_alarms

START_MS = 1_800_000_000_000
DAY_MS = 24 * HOUR_MS
DAY = (START_MS, START_MS + DAY_MS)


def at(minutes: float, alarm: str = "a") -> Annunciation:
    return Annunciation(alarm, START_MS + round(minutes * MINUTE_MS))


def measured(annunciations=(), active=(), priorities=None, span_ms=DAY, operators=1):
    return measure_alarms(list(annunciations), list(active), priorities or {}, span_ms, operators)


def value(measures, name):
    return next(one for one in measures.measures if one.name == name)


@pytest.mark.parametrize(
    ("count", "operators", "per_hour", "within"),
    [
        (0, 1, 0.0, True),
        (144, 1, 6.0, True),  # six an hour, a day long: very likely to be acceptable, table 7
        (145, 1, 145 / 24, False),
        (288, 2, 6.0, True),  # twice as many for two
    ],
)
def test_alarms_per_operator_hour(count, operators, per_hour, within):
    spread = [at(place * 1_440 / max(count, 1), f"alarm {place}") for place in range(count)]
    found = value(measured(spread, operators=operators), "per_operator_hour")
    assert (found.value, found.within) == (pytest.approx(per_hour), within)


def test_what_lies_outside_the_stretch_does_not_count():
    found = measured([at(-0.1), at(0), at(1_439), at(1_440)])
    assert found.annunciations == 2


@pytest.mark.parametrize(
    ("periods", "floods"),
    [
        ([10], []),  # ten can be answered
        ([11], [(0, 1, 11)]),
        ([11, 5, 5, 4, 11], [(0, 3, 21), (4, 5, 11)]),  # a flood lasts until fewer than five come
        ([4, 12, 7, 0], [(1, 3, 19)]),
        ([5, 5, 5], []),  # five an hour and more are no flood before one has begun
    ],
)
def test_a_flood_begins_above_ten_and_ends_below_five_in_ten_minutes(periods, floods):
    came = [at(10 * place + 0.1 * n, f"{place}/{n}") for place, count in enumerate(periods) for n in range(count)]
    found = measured(came)
    minutes = [
        ((flood.from_ms - START_MS) // PERIOD_MS, (flood.to_ms - START_MS) // PERIOD_MS, flood.count)
        for flood in found.floods
    ]
    assert minutes == floods
    assert value(found, "most_in_10_minutes").value == max(periods)
    share = sum(last - first for first, last, _ in floods) / 144
    assert value(found, "share_of_time_in_flood").value == pytest.approx(share)


def test_a_flood_that_is_not_over_ends_with_the_stretch():
    span = (START_MS, START_MS + 15 * MINUTE_MS)
    found = measured([at(10 + 0.1 * n, str(n)) for n in range(20)], span_ms=span)
    assert [(flood.from_ms, flood.to_ms) for flood in found.floods] == [(START_MS + 10 * MINUTE_MS, span[1])]


@pytest.mark.parametrize(
    ("minutes", "most"),
    [
        ([0, 0.4, 0.9], 3),  # three times within a minute
        ([0, 0.5, 1.0], None),  # the third comes when the minute is over
        ([0, 0.9, 1.1, 1.5, 1.8, 9], 4),
        ([0, 0.5], None),
    ],
)
def test_an_alarm_chatters_when_it_comes_three_times_within_a_minute(minutes, most):
    found = measured([at(minute) for minute in minutes]).chattering
    assert [one.most for one in found] == ([] if most is None else [most])


def test_three_different_alarms_within_a_minute_are_not_chattering():
    assert measured([at(0, "a"), at(0.1, "b"), at(0.2, "c")]).chattering == ()


@pytest.mark.parametrize(("hours", "is_stale"), [(23.9, False), (24, True), (200, True)])
def test_an_alarm_is_stale_after_a_day(hours, is_stale):
    found = measured(active=[Active("a", DAY[1] - round(hours * HOUR_MS))])
    assert found.stale == (("a",) if is_stale else ())


def test_fewer_than_six_stale_alarms_are_acceptable_and_the_oldest_comes_first():
    active = [Active(str(days), DAY[1] - days * DAY_MS) for days in range(1, 7)]
    assert value(measured(active=active[:5]), "stale").within is True
    found = measured(active=active)
    assert value(found, "stale").within is False
    assert found.stale[0] == "6"


def test_the_ten_most_frequent_and_their_share():
    came = [at(n, f"{alarm:02}") for alarm in range(12) for n in range(alarm + 1)]
    found = measured(came)
    assert [one.alarm_id for one in found.top] == [f"{alarm:02}" for alarm in range(11, 1, -1)]
    assert found.top[0].share == pytest.approx(12 / 78)
    # 78 are too few for 5 % to be possible: nothing is said.
    assert value(found, "top_ten_share").within is None
    many = value(measured([at(0.1 * n, "same") for n in range(200)]), "top_ten_share")
    assert (many.value, many.within) == (1.0, False)


def test_shares_of_the_priorities():
    came = [at(0, "a"), at(30, "a"), at(60, "b"), at(90, "c")]
    found = measured(came, priorities={"a": "low", "b": "high", "c": "urgent"})
    assert found.priorities == {"urgent": 0.25, "high": 0.25, "medium": 0.0, "low": 0.5}


@given(st.lists(st.tuples(st.integers(-10, 1_500), st.sampled_from("abc")), max_size=80))
def test_every_annunciation_is_counted_once_and_floods_do_not_overlap(came):
    found = measured([at(minute, alarm) for minute, alarm in came])
    assert sum(found.counts) == found.annunciations == sum(0 <= minute < 1_440 for minute, _ in came)
    assert all(before.to_ms <= after.from_ms for before, after in zip(found.floods, found.floods[1:], strict=False))
    assert sum(one.count for one in found.top) == found.annunciations  # three alarms, so all are among the ten
