"""What every trend store must do, whatever it is made of: each property runs on SQLite and on a real InfluxDB."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.contract_examples import ASSET, START_NS, alarm, summary

from cloud.trends.store import (
    HEALTH_INDEX,
    MAX_POINTS,
    AlarmEvent,
    MachinePlace,
    Reading,
    StoredSummary,
)
from models.contract.records import FeatureStatistics
from models.contract.vocabulary import is_steady

MINUTE_NS = 60_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DAY_START_NS = START_NS // (DAY_MS * 1_000_000) * (DAY_MS * 1_000_000)
DAY_START_MS = DAY_START_NS // 1_000_000
RMS = "DE.H/acceleration_rms"
OTHER = "11111111-2222-4333-8444-555555555555"
SOURCE = "packaging:plc 7"


def _stored(minute, *, late=False, record_id=None, received_ms=None, **changes):
    one = summary(start_ns=DAY_START_NS + round(minute * MINUTE_NS), **changes)
    number = round(minute * 1_000) + 1 if record_id is None else record_id
    return StoredSummary(one, number, 1, late, one.end_ns // 1_000_000 if received_ms is None else received_ms)


def _minutes(first, last, step=1, **changes):
    return [_stored(minute, shift=minute / 1_000, **changes) for minute in range(first, last, step)]


def _answers(store, asset_id=ASSET):
    """Return what readers see at every grain, as plain numbers."""
    to_ms = DAY_START_MS + 40 * DAY_MS
    seen: list[object] = []
    numbers: list[float] = []
    for from_ms, until_ms, points in (
        (DAY_START_MS, DAY_START_MS + 2 * HOUR_MS, 2_000),
        (DAY_START_MS, DAY_START_MS + DAY_MS, 7),
        (DAY_START_MS, to_ms, 500),
        (DAY_START_MS, to_ms, 2),
    ):
        trend = store.trend(asset_id, [RMS, "DE.H/kurtosis", "score", HEALTH_INDEX], from_ms, until_ms, points)
        for series in trend.series:
            seen.append((series.name, trend.bucket_ms, series.t_ms.tolist(), series.late.tolist()))
            numbers += np.concatenate([series.mean, series.low, series.high]).tolist()
        seen.append((trend.states.t_ms, trend.states.value))
    latest = store.latest_machines()[asset_id]
    seen += [store.span_ms(asset_id), latest.end_ms, latest.score, latest.operating_state]
    return seen, numbers


def _same(mine, theirs):
    """Return whether two answers agree; sums of doubles differ in the last digits when their order does."""
    return mine[0] == theirs[0] and mine[1] == pytest.approx(theirs[1], rel=1e-9)


def test_a_summary_comes_back_as_it_was(store):
    store.write([_stored(0)], [])
    trend = store.trend(ASSET, [RMS, "score", HEALTH_INDEX], DAY_START_MS, DAY_START_MS + HOUR_MS, 100)
    by_name = {series.name: series for series in trend.series}
    assert by_name[RMS].t_ms.tolist() == [DAY_START_MS]
    assert (by_name[RMS].mean[0], by_name[RMS].low[0], by_name[RMS].high[0]) == (2.5, 2.0, 3.25)
    assert by_name["score"].mean.tolist() == [0.375]
    assert by_name[HEALTH_INDEX].mean.tolist() == [96.5]
    assert trend.bucket_ms == MINUTE_MS
    latest = store.latest_machines()[ASSET]
    assert (latest.operating_state, latest.score, latest.zone, latest.learning_progress) == (
        "steady/default",
        0.375,
        "A",
        1.0,
    )
    assert store.span_ms(ASSET) == (DAY_START_MS, DAY_START_MS + MINUTE_MS)


def test_numbers_keep_every_digit_of_a_float32(store):
    mean = np.array([1 / 3, 1e-30, 3.4e38], np.float32)
    statistics = FeatureStatistics(mean, mean, mean, np.zeros(3, np.float32))
    store.write([_stored(0, statistics=statistics, sample=mean)], [])
    names = summary().feature_names
    trend = store.trend(ASSET, names, DAY_START_MS, DAY_START_MS + HOUR_MS, 100)
    assert [np.float32(series.mean[0]) for series in trend.series] == mean.tolist()


def test_the_same_records_again_change_nothing(store, reopened):
    first = store.write(_minutes(0, 90), [])
    assert (len(first.stored), first.duplicates) == (90, 0)
    before = _answers(store)
    assert store.write(_minutes(0, 90), []).duplicates == 90
    assert _same(_answers(store), before)
    store = reopened()
    again = store.write(_minutes(0, 90), [])
    assert (again.stored, again.duplicates) == (frozenset(), 90)
    assert _same(_answers(store), before)


def test_the_same_record_under_another_number_or_twice_in_a_batch_is_still_the_same(store):
    one = _stored(0, record_id=7)
    again = StoredSummary(one.summary, 7, 99, late=True, received_ms=one.received_ms + 5)
    assert store.write([one, again], []).duplicates == 1
    assert store.write([again], []).stored == frozenset()
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert len(series.t_ms) == 1
    assert store.latest_machines()[ASSET].received_ms == again.received_ms


@pytest.mark.parametrize("second_id", [2, 1_000_001, 2**64 - 1])
def test_two_records_at_the_same_time_are_both_kept(store, second_id):
    """A clock that jumps back overwrites nothing, even if the digits that tell records apart happen to agree."""
    store.write([_stored(0, record_id=1), _stored(0, record_id=second_id, shift=1.0)], [])
    assert store.write([_stored(0, record_id=second_id, shift=1.0)], []).duplicates == 1
    for points in (2, 100):
        (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, points).series
        assert series.mean.tolist() == [3.0]
        assert (series.low[0], series.high[0]) == (2.0, 4.25)


def test_the_span_of_a_machine_is_that_of_its_own_summaries(store):
    store.write([_stored(30), _stored(50, asset_id=OTHER), _stored(70, asset_id=OTHER)], [])
    assert store.span_ms(ASSET) == (DAY_START_MS + 30 * MINUTE_MS, DAY_START_MS + 31 * MINUTE_MS)
    assert store.span_ms(OTHER) == (DAY_START_MS + 50 * MINUTE_MS, DAY_START_MS + 71 * MINUTE_MS)


def test_late_data_corrects_every_rollup_whatever_the_order(store, reopened):
    everything = _minutes(0, 180, 3) + _minutes(1_380, 1_500, 3) + [_stored(30 * 1_440)]
    other = [StoredSummary(_of(OTHER, one), one.record_id, 1, one.late, one.received_ms) for one in everything]
    store.write(other, [])
    shuffled = list(everything)
    random.Random(5).shuffle(shuffled)
    for start in range(0, len(shuffled), 13):
        store.write(shuffled[start : start + 13], [])
        if start == 39:
            store = reopened()
    assert _same(_answers(store), _answers(store, OTHER))


def _of(asset_id, stored):
    fields = {name: getattr(stored.summary, name) for name in type(stored.summary).__slots__}
    return type(stored.summary)(**fields | {"asset_id": asset_id})


def test_late_data_is_marked_late_in_its_bucket_only(store):
    store.write([_stored(minute) for minute in range(0, 120, 5) if minute != 60], [])
    store.write([_stored(60, late=True)], [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + 2 * HOUR_MS, 3).series
    assert dict(zip(series.t_ms.tolist(), series.late.tolist(), strict=True)) == {
        DAY_START_MS: False,
        DAY_START_MS + HOUR_MS: True,
    }


def test_late_data_does_not_move_the_latest_value_back(store, reopened):
    store.write([_stored(10, score=2.0)], [])
    store = reopened()
    store.write([_stored(3, score=0.5, late=True)], [])
    latest = store.latest_machines()[ASSET]
    assert latest.score == 2.0
    assert latest.end_ms == DAY_START_MS + 11 * MINUTE_MS


@pytest.mark.parametrize("points", [2, 7, 60, 500, MAX_POINTS])
def test_never_more_points_than_asked_for_and_the_mean_stays(store, points):
    store.write(_minutes(0, 3 * 1_440, 12), [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + 3 * DAY_MS, points).series
    assert 1 <= len(series.t_ms) <= points
    # Every bucket holds equally many summaries but the last, so the mean of means is near that of all.
    assert series.mean.mean() == pytest.approx(2.5 + 3 * 1_440 / 2 / 1_000, rel=0.02)
    assert series.low.min() == pytest.approx(2.0)


def test_a_coarse_point_of_a_machine_that_also_stood_still_speaks_of_its_running(store):
    running = [_stored(minute) for minute in range(30)]
    standing = [_stored(minute, operating_state="off", shift=-2.4) for minute in range(30, 60)]
    still = [_stored(minute, operating_state="off", shift=-2.4) for minute in range(120, 150)]
    store.write(running + standing + still, [])
    (fine,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert fine.low.min() == pytest.approx(-0.4, abs=1e-6)
    # Ninety summaries are too many for three points, so these are read from hours.
    (hours,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + 3 * HOUR_MS, 3).series
    assert hours.mean.tolist() == pytest.approx([2.5, 0.1])


def test_operating_states_are_a_strip_with_gaps(store):
    states = {0: "steady/default", 1: "steady/default", 2: "off", 10: "off", 11: "steady/a b=c,d"}
    store.write([_stored(minute, operating_state=state) for minute, state in states.items()], [])
    strip = store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).states
    at = [(t_ms - DAY_START_MS) // MINUTE_MS for t_ms in strip.t_ms]
    assert list(zip(at, strip.value, strict=True)) == [
        (0, "steady/default"),
        (2, "off"),
        (3, None),
        (10, "off"),
        (11, "steady/a b=c,d"),
        (12, None),
    ]


def test_two_feature_specifications_of_one_machine_make_one_trend(store):
    newer = summary()
    statistics = newer.statistics
    swapped = [np.roll(row, 1) for row in (statistics.mean, statistics.minimum, statistics.maximum)]
    changes = {
        "feature_hash": "ffffffffffffffff",
        "feature_names": (newer.feature_names[2], newer.feature_names[0], newer.feature_names[1]),
        "statistics": type(statistics)(*swapped, np.roll(statistics.deviation, 1)),
    }
    store.write([_stored(minute) for minute in range(30)], [])
    store.write([_stored(minute, **changes) for minute in range(30, 60)], [])
    store.write([_stored(29.5)], [])
    (fine,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert fine.mean.tolist() == [2.5] * 61
    (coarse,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + DAY_MS, 2).series
    assert coarse.mean.tolist() == [2.5]


def test_a_feature_that_was_not_measured_counts_for_nothing(store):
    mean = summary().statistics.mean.copy()
    mean[0] = np.nan
    broken = FeatureStatistics(mean, mean, mean, mean)
    store.write([_stored(0, statistics=broken), _stored(1)], [])
    for points in (100, 2):
        (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, points).series
        assert series.mean.tolist() == [2.5]


def test_names_that_a_store_might_misread_are_kept_apart(store):
    names = ("time", "windows", "flow/Max", "a b,c=d", 'quo"te', "back\\slash", "score/Min", "ü/°C")
    mean = np.arange(1, len(names) + 1, dtype=np.float32)
    statistics = FeatureStatistics(mean, mean - 1, mean + 1, mean)
    store.write([_stored(0, feature_names=names, statistics=statistics, sample=mean, feature_hash="0" * 16)], [])
    trend = store.trend(ASSET, names, DAY_START_MS, DAY_START_MS + HOUR_MS, 100)
    assert {series.name: series.mean.tolist() for series in trend.series} == {
        name: [float(value)] for name, value in zip(names, mean, strict=True)
    }
    readings = [Reading(SOURCE, name, None, DAY_START_MS, 1, float(i), str(i), 192) for i, name in enumerate(names)]
    store.write([], readings)
    assert {one.name: one.value for one in store.latest_readings(SOURCE)} == {
        name: float(index) for index, name in enumerate(names)
    }
    for index, name in enumerate(names):
        assert store.readings(SOURCE, name, 0, DAY_START_MS + 1, 10).mean.tolist() == [float(index)]


def test_what_nobody_measured_is_empty(store):
    store.write([_stored(0)], [])
    assert store.trend("nobody", [RMS], 0, DAY_MS, 10).series == ()
    assert store.trend('it\'s "quoted"', [RMS], 0, DAY_MS, 10).series == ()
    assert store.trend(ASSET, ["no/such"], DAY_START_MS, DAY_START_MS + HOUR_MS, 10).series == ()
    (early,) = store.trend(ASSET, ["score"], -5, 1, 10).series
    assert len(early.t_ms) == 0
    assert store.span_ms("nobody") is None
    assert store.latest_readings("nobody") == []
    assert len(store.readings("nobody", "x", 0, DAY_MS, 10).t_ms) == 0


def test_a_summary_without_score_has_none(store):
    store.write([_stored(1, score=2.0)], [])
    store.write([_stored(2, score=None, health_index=None, zone=None)], [])
    (series,) = store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + HOUR_MS, 10).series
    assert len(series.t_ms) == 1
    latest = store.latest_machines()[ASSET]
    assert (latest.score, latest.health_index, latest.zone) == (None, None, None)


def _reading(second, value, tie=1, *, name="speed", kept=True):
    return Reading(SOURCE, name, "1/min", DAY_START_MS + second * 1_000, tie, value, str(value), 192, kept=kept)


def test_readings_are_stored_once_and_trended(store, reopened):
    readings = [_reading(second, float(second)) for second in range(600)]
    store.write([], readings)
    store = reopened()
    store.write([], readings)
    series = store.readings(SOURCE, "speed", DAY_START_MS, DAY_START_MS + 600_000, 2_000)
    assert (len(series.t_ms), series.mean.sum()) == (600, sum(range(600)))
    coarse = store.readings(SOURCE, "speed", DAY_START_MS, DAY_START_MS + 600_000, 10)
    assert len(coarse.t_ms) <= 10
    assert (coarse.low.min(), coarse.high.max()) == (0.0, 599.0)
    assert coarse.mean.mean() == pytest.approx(299.5, rel=0.1)


def test_readings_at_the_same_millisecond_are_told_apart(store):
    store.write([], [_reading(0, 1.0, tie=1), _reading(0, 3.0, tie=2)])
    assert store.readings(SOURCE, "speed", 0, DAY_START_MS + 1, 10).mean.tolist() == [2.0]


def test_the_latest_reading_is_the_newest_and_keeps_its_unit(store, reopened):
    store.write([], [_reading(10, 5.0)])
    store = reopened()
    store.write([], [_reading(3, 1.0), Reading(SOURCE, "speed", None, DAY_START_MS + 11_000, 1, None, "on", 500)])
    (latest,) = store.latest_readings(SOURCE)
    assert (latest.unit, latest.value, latest.text, latest.quality) == ("1/min", None, "on", 500)


def test_a_birth_updates_what_is_latest_and_makes_no_history(store):
    store.write([], [_reading(0, 5.0, kept=False)])
    (latest,) = store.latest_readings(SOURCE)
    assert latest.value == 5.0
    assert len(store.readings(SOURCE, "speed", 0, DAY_START_MS + 1, 10).t_ms) == 0


def test_a_machine_that_is_renamed_and_moved_stays_one_machine(store, reopened):
    before = MachinePlace(ASSET, "plant:g 1", "plant", "pump-1", "pump", "hall A", "line, 1", "Feed pump", "high")
    store.know([before])
    store.write(_minutes(0, 50), [])
    after = MachinePlace(ASSET, "plant 2:g=2", "plant 2", "pump-1b", "pump", None, None, "Feed pump", "high")
    store.know([after])
    store.write(_minutes(40, 60), [])
    store = reopened()
    store.know([after])
    store.write(_minutes(30, 65), [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + DAY_MS, 2_000).series
    assert len(series.t_ms) == 65
    day = store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + 39 * DAY_MS, 2)
    assert day.series[0].mean.tolist() == [0.375]


def test_reports_on_alarms_are_taken_beside_the_rest(store):
    event = AlarmEvent(alarm(), 17, late=True)
    assert store.write([_stored(0)], [], [event]).duplicates == 0
    assert store.write([], [], [event]).duplicates == 0


RECORDS = st.tuples(
    st.integers(0, 130),
    st.integers(0, 1),
    st.sampled_from(["steady/default", "steady/fast", "off"]),
    st.integers(0, 200),
    st.floats(-1.0, 100.0, width=32),
    st.booleans(),
)
BATCHES = st.lists(st.lists(RECORDS, min_size=30, max_size=60), min_size=2, max_size=4)


# A failing example is not made smaller: each try asks a server.
@given(BATCHES)
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_random_batches_give_what_a_plain_model_gives(store, batches):
    """Whatever comes in whatever order, as often as it likes: points are those of the distinct records."""
    asset_id = f"asset-{next(_runs)}"
    kept = {}
    for batch in batches:
        made = [
            # A record id stands for one window, so for one time; two records may have the same time.
            _stored(
                minute,
                record_id=2 * minute + twin,
                late=late,
                operating_state=state,
                windows=windows,
                shift=shift,
                asset_id=asset_id,
            )
            for minute, twin, state, windows, shift, late in batch
        ]
        new = {}
        for one in made:
            if one.record_id not in kept:
                new.setdefault(one.record_id, one)
        assert store.write(made, []).stored == {(asset_id, record_id) for record_id in new}
        kept |= new
    everything = list(kept.values())
    fine = store.trend(asset_id, [RMS], DAY_START_MS, DAY_START_MS + DAY_MS, MAX_POINTS).series[0]
    assert _points(fine) == _expected(everything, 1)
    early = [one for one in everything if _start_ms(one) < DAY_START_MS + 2 * HOUR_MS]
    # So many summaries, and so many minutes, are too many for three points: these are read from hours.
    if len({(_start_ms(one), one.summary.operating_state) for one in early}) > 3 * 24:
        coarse = store.trend(asset_id, [RMS], DAY_START_MS, DAY_START_MS + 2 * HOUR_MS, 3).series[0]
        steady_hours = {_hour(one) for one in early if is_steady(one.summary.operating_state)}
        shown = [one for one in early if is_steady(one.summary.operating_state) or _hour(one) not in steady_hours]
        assert _points(coarse) == _expected(shown, HOUR_MS)


_runs = iter(range(10_000))


def _start_ms(stored):
    return stored.summary.start_ns // 1_000_000


def _hour(stored):
    return _start_ms(stored) // HOUR_MS * HOUR_MS


def _points(series):
    rows = zip(series.t_ms.tolist(), series.mean.tolist(), series.low.tolist(), series.high.tolist(), strict=True)
    return [
        (t_ms, pytest.approx((mean, low, high), rel=1e-6), late)
        for (t_ms, mean, low, high), late in zip(rows, series.late.tolist(), strict=True)
    ]


def _expected(stored, bucket_ms):
    """Return the points of records, the plain way."""
    buckets = defaultdict(list)
    for one in stored:
        buckets[_start_ms(one) // bucket_ms * bucket_ms].append(one)
    points = []
    for t_ms, inside in sorted(buckets.items()):
        statistics = [one.summary.statistics for one in inside]
        mean = np.average([one.mean[0] for one in statistics], weights=[max(one.summary.windows, 1) for one in inside])
        low, high = min(one.minimum[0] for one in statistics), max(one.maximum[0] for one in statistics)
        points.append((t_ms, (mean, low, high), any(one.late for one in inside)))
    return points
