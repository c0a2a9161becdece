"""The embedded trend store: every summary once, every rollup right whenever its data came, few points fast."""

from __future__ import annotations

import random
import sqlite3
import threading

import numpy as np
import pytest
from support.contract_examples import ASSET, START_NS, summary

from cloud.configuration import RetentionSettings
from cloud.errors import DataDirectoryError, StoreError
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import MAX_POINTS, Reading, StoredSummary

MINUTE_NS = 60_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
START_MS = START_NS // 1_000_000
DAY_START_NS = START_NS // (DAY_MS * 1_000_000) * (DAY_MS * 1_000_000)
DAY_START_MS = DAY_START_NS // 1_000_000
RMS = "DE.H/acceleration_rms"


@pytest.fixture
def store(tmp_path):
    made = SqliteTrendStore(tmp_path / "trends.sqlite", RetentionSettings())
    yield made
    made.close()


def _stored(minute, *, late=False, record_id=None, start_ns=DAY_START_NS, **changes):
    one = summary(start_ns=start_ns + minute * MINUTE_NS, **changes)
    return StoredSummary(one, minute + 1 if record_id is None else record_id, minute, late, one.end_ns // 1_000_000)


def _days(minutes, step=1, **changes):
    return [_stored(minute, shift=minute / 1_000, **changes) for minute in range(0, minutes, step)]


def _contents(store):
    """Return everything that readers can see, without keys that depend on the order of arrival."""
    wide = store._query(
        "SELECT grain, start_ms, state, late, features FROM rollup ORDER BY grain, start_ms, state, feature_set"
    )
    narrow = store._query("SELECT * FROM vital ORDER BY grain, start_ms, state")
    return wide, narrow


def test_a_summary_comes_back_as_it_was(store):
    store.write([_stored(0)], [])
    trend = store.trend(ASSET, [RMS, "score", "health_index"], DAY_START_MS, DAY_START_MS + HOUR_MS, 100)
    by_name = {series.name: series for series in trend.series}
    assert by_name[RMS].t_ms.tolist() == [DAY_START_MS]
    assert (by_name[RMS].mean[0], by_name[RMS].low[0], by_name[RMS].high[0]) == (2.5, 2.0, 3.25)
    assert by_name["score"].mean.tolist() == [0.375]
    assert by_name["health_index"].mean.tolist() == [96.5]
    assert trend.bucket_ms == MINUTE_MS


def test_the_same_record_again_changes_nothing(store):
    assert store.write(_days(90), []).duplicates == 0
    before = _contents(store)
    assert store.write(_days(90), []).duplicates == 90
    assert _contents(store) == before


def test_the_same_record_under_another_number_is_still_the_same(store):
    store.write([_stored(0, record_id=7)], [])
    again = StoredSummary(_stored(0).summary, 7, 99, late=True, received_ms=START_MS)
    assert store.write([again], []).stored == frozenset()


def test_two_records_at_the_same_time_are_both_kept(store):
    """A clock that jumps back overwrites nothing: the record id breaks the tie."""
    store.write([_stored(0, record_id=1), _stored(0, record_id=2, shift=1.0)], [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert series.mean.tolist() == [3.0]
    assert (series.low[0], series.high[0]) == (2.0, 4.25)


def test_late_data_corrects_every_rollup_whatever_the_order(tmp_path, store):
    everything = _days(3 * 60)
    store.write(everything, [])
    other = SqliteTrendStore(tmp_path / "other.sqlite", RetentionSettings())
    shuffled = list(everything)
    random.Random(5).shuffle(shuffled)
    for start in range(0, len(shuffled), 7):
        other.write(shuffled[start : start + 7], [])
    in_order, out_of_order = _contents(store), _contents(other)
    for (*key, rollup), (*other_key, other_rollup) in zip(in_order[0], out_of_order[0], strict=True):
        assert key == other_key
        # The totals are float64 sums of 180 values: the order shows in the last digits only.
        mine, theirs = (np.frombuffer(one, np.dtype("<f4,<f8,<f4,<f4"))["f1"] for one in (rollup, other_rollup))
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    for row, other_row in zip(in_order[1], out_of_order[1], strict=True):
        assert row[:4] == other_row[:4]
        assert row[4:] == pytest.approx(other_row[4:], rel=1e-12)
    other.close()


def test_late_data_is_marked_late_in_its_bucket_only(store):
    store.write([_stored(minute) for minute in range(120) if minute != 60], [])
    store.write([_stored(60, late=True)], [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + 2 * HOUR_MS, 3).series
    assert dict(zip(series.t_ms.tolist(), series.late.tolist(), strict=True)) == {
        DAY_START_MS: False,
        DAY_START_MS + HOUR_MS: True,
    }


def test_late_data_does_not_move_the_latest_value_back(store):
    store.write([_stored(10, score=2.0)], [])
    store.write([_stored(3, score=0.5, late=True)], [])
    latest = store.latest_machines()[ASSET]
    assert latest.score == 2.0
    assert latest.end_ms == DAY_START_MS + 11 * MINUTE_MS


@pytest.mark.parametrize("points", [2, 7, 60, 500, MAX_POINTS])
def test_never_more_points_than_asked_for_and_the_mean_stays(store, points):
    minutes = 3 * 24 * 60
    store.write(_days(minutes, step=3), [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + 3 * DAY_MS, points).series
    assert 1 <= len(series.t_ms) <= points
    # Every bucket holds equally many summaries but the last, so the mean of means is near that of all.
    expected = 2.5 + (minutes - 3) / 2 / 1_000
    assert series.mean.mean() == pytest.approx(expected, rel=0.02)
    assert series.low.min() == pytest.approx(2.0)


def test_history_outlives_the_summaries_in_coarser_grains(tmp_path):
    store = SqliteTrendStore(tmp_path / "t.sqlite", RetentionSettings(summary_days=1, minute_days=2, hour_days=5))
    store.write(_days(10 * 24 * 60, step=15), [])
    now_ms = DAY_START_MS + 10 * DAY_MS
    assert store.prune(now_ms) > 0

    def first_and_bucket(from_ms):
        trend = store.trend(ASSET, ["health_index"], from_ms, now_ms, 2_000)
        return int(trend.series[0].t_ms[0]) - from_ms, trend.bucket_ms

    assert first_and_bucket(now_ms - DAY_MS // 2) == (0, MINUTE_MS)
    assert first_and_bucket(now_ms - 4 * DAY_MS) == (0, HOUR_MS)
    assert first_and_bucket(now_ms - 10 * DAY_MS) == (0, DAY_MS)
    store.close()


def test_age_counts_from_the_newest_data_so_an_old_recording_stays(store):
    store.write(_days(60), [])
    assert store.prune(DAY_START_MS + 1_000 * DAY_MS) == 0
    assert len(store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series[0].t_ms) == 60


def test_a_clock_that_ran_into_the_future_does_not_age_the_rest(store):
    store.write([*_days(60), _stored(60 * 24 * 3_650)], [])
    assert store.prune(DAY_START_MS + HOUR_MS) == 0


def test_a_coarse_point_of_a_machine_that_also_stood_still_speaks_of_its_running(store):
    running = [_stored(minute) for minute in range(30)]
    standing = [_stored(minute, operating_state="off", shift=-2.4) for minute in range(30, 60)]
    store.write(running + standing, [])
    (fine,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert fine.low.min() == pytest.approx(-0.4, abs=1e-6)
    coarse = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + DAY_MS, 2)
    assert coarse.series[0].mean.tolist() == [2.5]


def test_operating_states_are_a_strip_with_gaps(store):
    states = {0: "steady/default", 1: "steady/default", 2: "off", 10: "off", 11: "steady/default"}
    store.write([_stored(minute, operating_state=state) for minute, state in states.items()], [])
    strip = store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).states
    at = [(t_ms - DAY_START_MS) // MINUTE_MS for t_ms in strip.t_ms]
    assert list(zip(at, strip.value, strict=True)) == [
        (0, "steady/default"),
        (2, "off"),
        (3, None),
        (10, "off"),
        (11, "steady/default"),
        (12, None),
    ]


def test_two_feature_specifications_of_one_machine_make_one_trend(store):
    newer = summary(start_ns=DAY_START_NS + MINUTE_NS)
    statistics = newer.statistics
    swapped = [np.roll(row, 1) for row in (statistics.mean, statistics.minimum, statistics.maximum)]
    changed = _stored(
        1,
        feature_hash="ffffffffffffffff",
        feature_names=(newer.feature_names[2], newer.feature_names[0], newer.feature_names[1]),
        statistics=type(statistics)(*swapped, np.roll(statistics.deviation, 1)),
    )
    store.write([_stored(0), changed], [])
    (series,) = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + HOUR_MS, 100).series
    assert series.mean.tolist() == [2.5, 2.5]


def test_what_nobody_measured_is_empty(store):
    store.write([_stored(0)], [])
    assert store.trend("nobody", [RMS], 0, DAY_MS, 10).series == ()
    assert store.trend(ASSET, ["no/such"], DAY_START_MS, DAY_START_MS + HOUR_MS, 10).series == ()
    (early,) = store.trend(ASSET, ["score"], 0, 1, 10).series
    assert len(early.t_ms) == 0
    assert store.span_ms("nobody") is None


def test_a_summary_without_score_has_none(store):
    store.write([_stored(0, score=None, health_index=None, zone=None)], [])
    (series,) = store.trend(ASSET, ["score"], DAY_START_MS, DAY_START_MS + HOUR_MS, 10).series
    assert len(series.t_ms) == 0
    assert store.latest_machines()[ASSET].score is None


def _reading(time_ms, value, tie=1, *, kept=True):
    return Reading("packaging:plc", "speed", "1/min", time_ms, tie, value, str(value), 192, kept=kept)


def test_readings_are_stored_once_and_trended(store):
    readings = [_reading(START_MS + 1_000 * second, float(second)) for second in range(600)]
    store.write([], readings)
    store.write([], readings)
    series = store.readings("packaging:plc", "speed", START_MS, START_MS + 600_000, 2_000)
    assert len(series.t_ms) == 600
    assert len(store.readings("packaging:plc", "speed", START_MS, START_MS + 600_000, 10).t_ms) <= 10
    (n,) = store._query("SELECT sum(n) FROM reading_rollup WHERE grain = 'hour'")[0]
    assert n == 600


def test_a_birth_updates_what_is_latest_and_makes_no_history(store):
    store.write([], [_reading(START_MS, 5.0, kept=False)])
    (latest,) = store.latest_readings("packaging:plc")
    assert latest.value == 5.0
    assert len(store.readings("packaging:plc", "speed", 0, START_MS + 1, 10).t_ms) == 0


def test_a_batch_that_fails_leaves_nothing(store):
    wrong = _stored(1)
    with pytest.raises(StoreError):
        # A number that no column can hold, in the middle of a batch.
        store.write([_stored(0), StoredSummary(wrong.summary, 2, 2**70, late=False, received_ms=0)], [])
    assert store.latest_machines() == {}
    assert store.write([_stored(0)], []).duplicates == 0


def test_readers_see_the_last_commit_while_a_batch_is_written(store):
    store.write(_days(60), [])
    seen = []

    def read():
        for _ in range(20):
            series = store.trend(ASSET, [RMS], DAY_START_MS, DAY_START_MS + DAY_MS, 2_000).series[0]
            seen.append(len(series.t_ms))

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(60, 300, 60):
        store.write([_stored(minute) for minute in range(start, start + 60)], [])
    reader.join()
    assert set(seen) <= {60, 120, 180, 240, 300}


def test_a_store_of_a_newer_version_is_not_touched(tmp_path):
    path = tmp_path / "trends.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DataDirectoryError, match="newer version"):
        SqliteTrendStore(path, RetentionSettings())


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path):
    path = tmp_path / "trends.sqlite"
    path.write_bytes(b"this is a text, not a database, and it is long enough to be read as one" * 20)
    with pytest.raises(DataDirectoryError, match=r"trends\.sqlite"):
        SqliteTrendStore(path, RetentionSettings())
