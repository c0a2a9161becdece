"""InfluxDB down, paused, refusing, killed, spoilt by others: one clear line each, the batch kept, nothing lost."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
from conftest import influxd_path
from support.cloud_bench import NOW_MS, bench, pump_gateway
from support.contract_examples import ASSET, START_NS, alarm, summary
from support.influx import ORG, running_influx
from support.trend_examples import FOR_GOOD

from cloud.configuration import RetentionSettings
from cloud.errors import StoreError
from cloud.ingest import Ingest
from cloud.planning import Connected, Message
from cloud.trends import influx_history
from cloud.trends.influx import InfluxTrendStore
from cloud.trends.sqlite import SqliteTrendStore
from cloud.trends.store import AlarmEvent, MachinePlace, Reading, StoredSummary
from models.contract.acknowledgement import Ranges
from models.contract.errors import ConfigurationError

pytestmark = pytest.mark.needs("influxdb")

MINUTE_NS = 60_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = START_NS // 1_000_000
RMS = "DE.H/acceleration_rms"


@pytest.fixture(scope="module")
def own_influx(tmp_path_factory):
    """Return a server that may be stopped, killed and paused, because no other test uses it."""
    if influxd_path() is None:
        pytest.skip("needs influxdb")
    with running_influx(tmp_path_factory.mktemp("own")) as daemon:
        yield daemon


@pytest.fixture
def breakable(own_influx, tmp_path):
    """Return a function that opens a store on that server, with little patience."""
    made = []

    def open_store(prefix, retention=FOR_GOOD, now_ms=START_MS, **changes):
        access = own_influx.access(prefix, **({"timeout_s": 2.0} | changes))
        made.append(InfluxTrendStore(access, retention, tmp_path / "aside.sqlite", lambda: now_ms))
        return made[-1]

    if own_influx.process is None:
        own_influx.start()
    yield open_store
    for store in made:
        store.close()


def _stored(minute, **changes):
    one = summary(start_ns=START_NS + int(minute * MINUTE_NS), **changes)
    return StoredSummary(one, int(minute * 2) + 1, 1, late=False, received_ms=one.end_ns // 1_000_000)


def _minutes(first, last):
    return [_stored(minute) for minute in range(first, last)]


def _count(store):
    (series,) = store.trend(ASSET, [RMS], START_MS - DAY_MS, START_MS + DAY_MS, 2_000).series
    return len(series.t_ms)


def test_down_is_one_line_and_the_batch_can_be_written_again(own_influx, breakable):
    store = breakable("down")
    store.write(_minutes(0, 5), [])
    own_influx.stop()
    for ask in (lambda: store.write(_minutes(5, 10), []), store.latest_machines, lambda: _count(store)):
        with pytest.raises(StoreError, match=r"InfluxDB http://127.*does not answer.*start it") as caught:
            ask()
        assert "\n" not in str(caught.value)
    own_influx.start()
    assert len(store.write(_minutes(5, 10), []).stored) == 5
    assert _count(store) == 10


def test_a_store_can_be_opened_before_its_server_is_there(own_influx, breakable):
    own_influx.stop()
    store = breakable("early")
    with pytest.raises(StoreError, match="does not answer"):
        store.write(_minutes(0, 5), [])
    own_influx.start()
    assert len(store.write(_minutes(0, 5), []).stored) == 5


def test_killed_in_the_middle_of_ingest_nothing_is_lost_and_nothing_double(own_influx, breakable):
    store = breakable("killed")
    reported = 0
    for round_ in range(4):
        for first in range(round_ * 40, round_ * 40 + 40, 10):
            reported += len(store.write(_minutes(first, first + 10), []).stored)
        own_influx.kill()
        with pytest.raises(StoreError):
            store.write(_minutes(first, first + 20), [])
        own_influx.start()
    reported += len(store.write(_minutes(0, 170), []).stored)
    assert (reported, _count(store)) == (170, 170)
    day = breakable("killed").trend(ASSET, ["score"], START_MS - DAY_MS, START_MS + 30 * DAY_MS, 2)
    assert day.series[0].mean.tolist() == [0.375]
    hours = own_influx.flux(
        f'from(bucket: "killed_hourly") |> range(start: {START_NS // 10**9 - 7_200})'
        ' |> filter(fn: (r) => r._measurement == "hour" and r._field == "windows") |> group() |> sum()'
    )
    assert int(hours[0]["_value"]) == 170 * 119


def test_half_a_batch_that_arrived_is_counted_once_and_its_rollups_are_right(own_influx, breakable):
    """The summaries are there, the rollups are not: what a kill between two writes leaves."""
    store = breakable("half")
    store.write(_minutes(0, 3), [])
    put = store._put

    def fail_after_summaries(bucket, lines):
        if bucket != "summaries":
            raise StoreError("the power went")
        put(bucket, lines)

    store._put = fail_after_summaries
    with pytest.raises(StoreError):
        store.write(_minutes(3, 9), [])
    store._put = put
    assert len(store.write(_minutes(3, 9), []).stored) == 6
    rows = own_influx.flux(
        f'from(bucket: "half_hourly") |> range(start: {START_NS // 10**9 - 7_200})'
        ' |> filter(fn: (r) => r._measurement == "hour" and r._field == "windows") |> group() |> sum()'
    )
    assert int(rows[0]["_value"]) == 9 * 119


def test_what_memory_forgot_is_read_back_and_overwrites_nothing(breakable, monkeypatch):
    """Two feature specifications share an hour; only one hour fits into memory."""
    monkeypatch.setattr(influx_history, "HOURS_KEPT", 1)
    monkeypatch.setattr(influx_history, "DAYS_KEPT", 1)
    store = breakable("forgetful")
    store.write([_stored(0)], [])
    # Twice: after the first time only this one is in memory, and how the hour's other point is labelled is not.
    store.write([_stored(1, feature_hash="ffffffffffffffff", shift=1.0)], [])
    store.write([_stored(1.5, feature_hash="ffffffffffffffff", shift=1.0)], [])
    for grain, bucket in (("hour", "hourly"), ("day", "daily")):
        rows = store.server.ask([f'SELECT features, windows FROM "forgetful_{bucket}".."{grain}"'])[0][0].rows  # noqa: S608 - our own names
        assert sorted(row[1:] for row in rows) == [["00c0ffee15600d42", 119], ["ffffffffffffffff", 2 * 119]]


def test_paused_is_a_timeout_and_what_arrived_anyway_is_not_doubled(own_influx, breakable):
    store = breakable("slow")
    store.write(_minutes(0, 5), [])
    own_influx.pause()
    try:
        with pytest.raises(StoreError, match="did not answer within 2 s"):
            store.write(_minutes(5, 10), [])
    finally:
        own_influx.go_on()
    assert len(store.write(_minutes(5, 10), []).stored) == 5
    assert _count(store) == 10


@pytest.fixture
def small_disk(tmp_path):
    """Return a disk of its own of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(place)], check=False)
    if mounted.returncode != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_one_line_and_the_batch_is_taken_once_there_is_room(small_disk, tmp_path):
    with running_influx(small_disk / "influx") as daemon:
        store = InfluxTrendStore(daemon.access("full"), FOR_GOOD, tmp_path / "aside.sqlite", lambda: START_MS)
        store.write(_minutes(0, 5), [])
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        stored = 5

        def until_it_is_full():
            nonlocal stored
            for first in range(5, 500, 5):
                stored += len(store.write(_minutes(first, first + 5), []).stored)

        with pytest.raises(StoreError, match=r"did not take it.*no space left on device.*the batch is kept") as caught:
            until_it_is_full()
        assert "\n" not in str(caught.value)
        filler.unlink()
        assert len(store.write(_minutes(stored, stored + 5), []).stored) == 5
        assert _count(store) == stored + 5
        store.close()


def test_a_wrong_token_is_named_and_never_shown(breakable):
    store = breakable("token", token="not-the-token")  # noqa: S106 - it is none
    with pytest.raises(StoreError, match=r"refuses the token \(401\)") as caught:
        store.write(_minutes(0, 1), [])
    assert "not-the-token" not in str(caught.value)
    assert "not-the-token" not in repr(store._access)


def test_a_wrong_organisation_is_named(breakable):
    with pytest.raises(StoreError, match="nowhere"):
        breakable("org", org="nowhere").write(_minutes(0, 1), [])


def test_a_field_of_another_type_is_named_and_the_batch_kept(own_influx, breakable):
    store = breakable("conflict")
    store.write([], [])
    own_influx.write("conflict_summaries", f'summary,asset=x score="high" {START_NS}')
    with pytest.raises(StoreError, match=r'field type conflict.*"score".*something else writes into our buckets'):
        store.write(_minutes(0, 3), [])
    # Their point is removed, as the line says: then everything is there.
    store.server._client.delete_api().delete(
        "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", 'asset="x"', "conflict_summaries", ORG
    )
    other = [_stored(minute + 60 * 24 * 400) for minute in range(3)]
    assert len(store.write(other, []).stored) == 3


def test_a_bucket_that_was_removed_is_made_again(breakable):
    store = breakable("removed")
    store.write(_minutes(0, 3), [])
    api = store.server._client.buckets_api()
    api.delete_bucket(api.find_bucket_by_name("removed_summaries"))
    with pytest.raises(StoreError, match="404"):
        store.write(_minutes(3, 6), [])
    assert len(store.write(_minutes(3, 6), []).stored) == 3


def test_buckets_keep_what_the_configuration_says_and_follow_it(breakable):
    store = breakable("kept", RetentionSettings())
    store.write([], [])

    def kept_days():
        buckets = store.server._client.buckets_api().find_buckets(limit=100).buckets
        return {
            one.name.removeprefix("kept_"): one.retention_rules[0].every_seconds / 86_400 if one.retention_rules else 0
            for one in buckets
            if one.name.startswith("kept_")
        }

    assert kept_days() == {"summaries": 90, "hourly": 1_826, "daily": 0}
    store = breakable("kept", RetentionSettings(summary_days=30))
    store.write([], [])
    assert kept_days()["summaries"] == 30


def test_beyond_the_budget_is_set_aside_counted_and_named(breakable, tmp_path):
    store = breakable("budget", max_series=5)
    first = store.write(_minutes(0, 2), [])
    assert (len(first.stored), first.aside) == (2, {})
    second = store.write(
        [_stored(0, asset_id="second")], [Reading("g:1", name, None, START_MS, 1, 1.0, "1", 192) for name in "abc"]
    )
    assert second.aside == {"cardinality": 2}
    assert "influx.max_series = 5" in (second.notice or "")
    assert second.stored == {("second", 1)}
    assert store.trend("second", [RMS], START_MS, START_MS + DAY_MS, 10).series == ()
    # A restart does not forget what is there, and what is set aside can be had.
    again = breakable("budget", max_series=5)
    assert again.write([_stored(1, asset_id="second")], []).aside == {"cardinality": 1}
    assert again.write(_minutes(2, 3), []).aside == {}
    aside = SqliteTrendStore(tmp_path / "aside.sqlite", FOR_GOOD)
    assert len(aside.trend("second", [RMS], START_MS - 1, START_MS + DAY_MS, 10).series[0].t_ms) == 2
    aside.close()


def test_older_than_the_bucket_keeps_is_set_aside_and_blocks_nothing(breakable):
    import time

    now_ms = time.time_ns() // 1_000_000
    store = breakable("old", RetentionSettings(), now_ms)
    fresh = _stored((now_ms - START_MS) // 60_000 - 5)
    written = store.write([_stored(-100_000), fresh], [], [AlarmEvent(alarm(end_ns=1), 5, late=True)])
    assert written.aside == {"beyond_retention": 1}
    assert len(written.stored) == 2
    assert store.latest_machines()[ASSET].start_ms == fresh.summary.start_ns // 1_000_000


def test_dashboards_find_tags_names_alarms_and_egress(own_influx, breakable):
    """What is only for Grafana, read with Flux as Grafana does."""
    store = breakable("grafana")
    store.know([MachinePlace(ASSET, "plant:g 1", "plant", "pump-1", "pump", "hall A", "line 1", "Feed pump", "high")])
    reading = Reading("plant:g 1", "Health/RawBytes", "B", START_MS, 3, 1e6, "1000000", 192)
    store.write(_minutes(0, 3), [reading], [AlarmEvent(alarm(), 17, late=False)])

    def found(bucket, measurement, field, since_s=START_NS // 10**9 - 7_200):
        return own_influx.flux(
            f'from(bucket: "grafana_{bucket}") |> range(start: {since_s})'
            f' |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")'
        )

    (row,) = found("hourly", "alarm", "sentence")
    assert row["_value"].startswith("Outer-race damage")
    assert [row[tag] for tag in ("site", "area", "line", "machine", "class", "asset", "component", "family")] == [
        *("plant", "hall A", "line 1", "pump-1", "pump", ASSET, "DE", "mechanical")
    ]
    rows = found("summaries", "summary", RMS)
    assert [(float(row["_value"]), row["site"]) for row in rows] == [(2.5, "plant")] * 3
    (row,) = found("summaries", "reading", "Health/RawBytes")
    assert (row["gateway"], row["site"], float(row["_value"])) == ("plant:g 1", "plant", 1e6)
    (row,) = found("daily", "machine", "display_name", since_s=0)
    assert row["_value"] == "Feed pump"


def test_no_token_and_no_organisation_are_said(tmp_path):
    from cloud.trends.influx_settings import InfluxSettings, influx_access

    with pytest.raises(ConfigurationError, match="INFLUX_ORG"):
        influx_access(InfluxSettings(), {"INFLUX_TOKEN": "x"})
    with pytest.raises(ConfigurationError, match="INFLUX_TOKEN"):
        influx_access(InfluxSettings(org="o"), {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        influx_access(InfluxSettings(org="o", token_file=tmp_path / "none"), {})
    (tmp_path / "token").write_text("abc\n")
    assert influx_access(InfluxSettings(org="o", token_file=tmp_path / "token"), {}).token.startswith("abc")


def test_ingest_acknowledges_only_what_is_stored_through_a_kill(own_influx, breakable, tmp_path):
    """Records of a gateway, influxd killed between batches: all acknowledged in the end, each stored once."""
    gateway = pump_gateway()
    with bench(tmp_path / "cloud") as cloud:
        store = breakable("ingest")
        ingest = Ingest(store, cloud.engine, cloud.status, reorder_ms=500)
        told = Ranges()
        now_ms = NOW_MS

        def arrive(*sent):
            nonlocal told, now_ms
            now_ms += 1_000
            batch = ingest.plan(
                [Message(one.topic, one.payload, retained=False, received_ms=now_ms) for one in sent], now_ms
            )
            try:
                ingest.store(batch)
            except StoreError:
                assert not ingest.commands(batch, now_ms)
                own_influx.start()
                ingest.store(batch)
            cloud.commands[:] = ingest.commands(batch, now_ms)
            told = told.union(cloud.acknowledged(gateway))

        ingest.store(ingest.plan([Connected()], now_ms))
        arrive(*gateway.births(now_ms))
        for first in range(0, 60, 20):
            arrive(*(gateway.record(_stored(minute).summary, minute) for minute in range(first, first + 10)))
            own_influx.kill()
            arrive(*(gateway.record(_stored(minute).summary, minute) for minute in range(first + 10, first + 20)))
        assert told.bounds == ((1, 60),)
        assert (cloud.status.records_stored, cloud.status.records_duplicate) == (60, 0)
        assert _count(store) == 60
        assert store.latest_machines()[ASSET].end_ms == START_MS + HOUR_MS
        # The place of the machine came with its birth.
        rows = own_influx.flux(
            f'from(bucket: "ingest_summaries") |> range(start: {START_NS // 10**9 - 60})'
            ' |> filter(fn: (r) => r._field == "score") |> group(columns: ["site", "machine", "class"]) |> count()'
        )
        assert [(row["site"], row["machine"], row["class"], row["_value"]) for row in rows] == [
            ("plant", "pump-1", "pump", "60")
        ]
