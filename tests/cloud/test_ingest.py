"""From messages to stores: everything once, acknowledged after the commit, nothing from outside can stop it."""

from __future__ import annotations

import queue
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cloud_bench import GATEWAY, NOW_MS, bench, pump_gateway
from support.contract_examples import ALARM_ID, ASSET, START_NS, alarm, summary
from support.simulated_gateway import ForeignNode, Sent

from cloud.errors import StoreError
from cloud.ingest import ACKNOWLEDGE_MS, Surroundings, run_ingest
from cloud.planning import Message
from models.contract import metrics
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.records import Evidence, EvidenceChannel
from models.contract.sparkplug import DataType
from models.contract.vocabulary import AlarmState, Severity

MINUTE_NS = 60_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture
def cloud(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as made:
        yield made


@pytest.fixture
def gateway():
    return pump_gateway()


def _minute(number, **changes):
    return summary(start_ns=START_NS + number * MINUTE_NS, **changes)


def _windows(cloud):
    """Return how many summaries are in the trends."""
    return cloud.trends._query("SELECT count(*) FROM summary")[0][0]


def _picture(subject):
    rng = np.random.default_rng(1)
    channel = EvidenceChannel(
        name="DE.H",
        unit="m/s²",
        sample_rate_hz=25_600.0,
        waveform=rng.integers(-30_000, 30_000, 60_000).astype(np.int16),
        waveform_scale=1e-3,
        spectrum=rng.random(2_000).astype(np.float32),
        spectrum_step_hz=0.5,
        envelope=rng.random(500).astype(np.float32),
        envelope_step_hz=0.5,
    )
    return Evidence(subject, START_NS, 1_480.0, (channel,), (), {"operating_state": "steady/default"})


def _parts(subject):
    return split_evidence(
        pack_evidence(_picture(subject)), asset_id=ASSET, machine="pump-1", subject=subject, end_ns=START_NS
    )


# A birth


def test_a_birth_makes_gateway_and_machine_known(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    (known,) = cloud.book.gateways()
    assert (known.id, known.online, known.foreign_node) == (GATEWAY, True, False)
    assert (known.incarnation, known.agent_version, known.config_hash) == (gateway.incarnation, "0.1.0", "4f1c9a77")
    machine = cloud.book.machine(ASSET)
    assert (machine.device, machine.machine_class, machine.alive) == ("pump-1", "pump", True)
    assert machine.channels[0]["bearing"] == "SKF 6205"
    assert machine.features[2] == {"name": "DE.H/velocity_rms", "unit": "mm/s"}


def test_what_people_said_of_a_machine_survives_the_next_birth(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    with cloud.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE machine SET display_name = 'Feed pump', criticality = 'high'")
    cloud.arrive(*gateway.births(cloud.now_ms))
    assert (cloud.book.machine(ASSET).display_name, cloud.book.machine(ASSET).criticality) == ("Feed pump", "high")


def test_a_machine_that_moved_to_another_gateway_stays_the_same_machine(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0), 0))
    other = pump_gateway(name="gateway-2", incarnation="5e1f0c1d-0000-4000-8000-000000000002")
    cloud.arrive(*other.births(cloud.now_ms))
    cloud.arrive(other.record(_minute(1), 1))
    assert cloud.book.machine(ASSET).gateway_id == "plant:gateway-2"
    assert _windows(cloud) == 2


def test_deaths_of_device_and_node(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.device_death("pump-1", cloud.now_ms))
    assert not cloud.book.machine(ASSET).alive
    assert cloud.book.gateway(GATEWAY).online
    cloud.arrive(gateway.death(cloud.now_ms))
    assert not cloud.book.gateway(GATEWAY).online


# Records, once


def test_a_summary_is_stored_then_acknowledged_by_alias(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0), 0))
    assert cloud.trends.latest_machines()[ASSET].score == 0.375
    assert cloud.acknowledged(gateway).bounds == ((1, 1),)
    assert cloud.book.gateway(GATEWAY).records_stored == 1


def test_acknowledgements_are_explicit_sets(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    sent = [gateway.record(_minute(number), number, sequence=number) for number in (3, 4, 9)]
    cloud.arrive(*sent)
    assert cloud.acknowledged(gateway).bounds == ((3, 4), (9, 9))


def test_acknowledgements_are_gathered(cloud, gateway):
    """At most every 200 ms."""
    cloud.arrive(*gateway.births(cloud.now_ms))
    before = len(cloud.commands)
    for number in range(20):
        cloud.arrive(gateway.record(_minute(number), number), after_ms=ACKNOWLEDGE_MS // 10)
    assert len(cloud.commands) - before <= 3
    cloud.arrive(after_ms=ACKNOWLEDGE_MS)
    assert cloud.acknowledged(gateway).bounds == ((1, 20),)


def test_the_same_number_again_is_a_duplicate_and_acknowledged_again(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0), 0))
    cloud.commands.clear()
    cloud.arrive(gateway.record(_minute(0), 0, sequence=1))
    assert cloud.acknowledged(gateway).bounds == ((1, 1),)
    known = cloud.book.gateway(GATEWAY)
    assert (known.records_stored, known.records_duplicate) == (1, 1)


def test_the_same_content_under_a_new_incarnation_is_stored_once(cloud, gateway):
    """An outbox that was restored sends again what it sent before, under other numbers."""
    everything = [_minute(0), alarm(), *_parts(ALARM_ID)]
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(*(gateway.record(content, number) for number, content in enumerate(everything)))
    restored = pump_gateway(incarnation="5e1f0c1d-0000-4000-8000-000000000002", bd_seq=1)
    cloud.commands.clear()
    cloud.arrive(*restored.births(cloud.now_ms))
    cloud.arrive(*(restored.record(content, number) for number, content in enumerate(everything)))
    assert len(cloud.acknowledged(restored)) == len(everything)
    known = cloud.book.gateway(GATEWAY)
    assert (known.records_stored, known.records_duplicate) == (len(everything), len(everything))
    assert _windows(cloud) == 1
    assert len(cloud.book.timeline(ALARM_ID)) == 1


def test_numbers_of_a_former_incarnation_say_nothing_about_the_new_one(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0), 0))
    fresh = pump_gateway(incarnation="5e1f0c1d-0000-4000-8000-000000000002", bd_seq=1)
    cloud.arrive(*fresh.births(cloud.now_ms))
    cloud.arrive(fresh.record(_minute(1), 1))
    assert _windows(cloud) == 2


def test_a_gateway_that_is_away_is_not_told(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0), 0), gateway.death(cloud.now_ms))
    assert not cloud.acknowledged(gateway)
    assert _windows(cloud) == 1


# Restart and failing stores


def test_after_a_restart_the_stored_birth_and_numbers_are_still_known(tmp_path, gateway):
    with bench(tmp_path) as cloud:
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(_minute(0), 0))
    with bench(tmp_path, NOW_MS + HOUR_MS) as cloud:
        cloud.arrive(gateway.record(_minute(0), 0, sequence=1), gateway.record(_minute(1), 1))
        assert cloud.rebirths() == 0
        assert cloud.acknowledged(gateway).bounds == ((1, 2),)
        assert _windows(cloud) == 2
        assert cloud.book.gateway(GATEWAY).records_duplicate == 1


def test_after_a_restart_that_missed_a_birth_nothing_is_misread(tmp_path, gateway):
    """While the cloud was away the gateway came back with other aliases: believing the old ones would mix features."""
    with bench(tmp_path) as cloud:
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(_minute(0), 0))
    reborn = pump_gateway(bd_seq=1, sequence=1, first_alias=2)
    with bench(tmp_path, NOW_MS + HOUR_MS) as cloud:
        births = reborn.births(cloud.now_ms)
        first = reborn.record(_minute(1), 1)
        reborn.seq = 77
        cloud.arrive(first, reborn.record(_minute(2), 2))
        cloud.arrive(after_ms=1_000)
        assert cloud.rebirths() == 1
        assert _windows(cloud) == 1
        reborn.seq = 0
        cloud.arrive(*births)
        reborn.seq = 2
        cloud.arrive(reborn.record(_minute(1), 1, sequence=2), reborn.record(_minute(2), 2, sequence=3))
        assert cloud.acknowledged(reborn).bounds == ((2, 3),)
        assert _windows(cloud) == 3


def test_nothing_is_acknowledged_when_a_store_fails_and_the_batch_can_be_stored_again(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    with cloud.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE received RENAME TO away")
    sent = [gateway.record(_minute(0), 0), gateway.record(alarm(), 0)]
    arrivals = [Message(one.topic, one.payload, retained=False, received_ms=cloud.now_ms) for one in sent]
    batch = cloud.ingest.plan(arrivals, cloud.now_ms)
    with pytest.raises(StoreError):
        cloud.ingest.store(batch)
    assert cloud.ingest.commands(batch, cloud.now_ms) == []
    assert cloud.book.alarms(10) == []
    with cloud.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO received")
    cloud.ingest.store(batch)
    cloud.commands = cloud.ingest.commands(batch, cloud.now_ms + ACKNOWLEDGE_MS)
    assert cloud.acknowledged(gateway).bounds == ((1, 2),)
    known = cloud.book.gateway(GATEWAY)
    assert (known.records_stored, known.records_duplicate) == (2, 0)
    assert _windows(cloud) == 1


def test_a_crash_between_the_two_stores_doubles_nothing(tmp_path, gateway):
    with bench(tmp_path) as cloud:
        cloud.arrive(*gateway.births(cloud.now_ms))
        sent = gateway.record(_minute(0), 0)
        batch = cloud.ingest.plan(
            [Message(sent.topic, sent.payload, retained=False, received_ms=cloud.now_ms)], cloud.now_ms
        )
        cloud.trends.write([stored for _, stored in batch.summaries], batch.readings)
    with bench(tmp_path, NOW_MS + HOUR_MS) as cloud:
        cloud.arrive(sent)
        assert cloud.acknowledged(gateway).bounds == ((1, 1),)
        assert _windows(cloud) == 1
        minutes = cloud.trends._query("SELECT windows FROM vital WHERE grain = 'day'")
        assert minutes == [(119,)]


# Alarms and evidence


def test_an_alarm_from_raised_to_returned(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(alarm(revision=1, severity=Severity.ALERT), 0))
    cloud.arrive(gateway.record(alarm(revision=2, severity=Severity.DANGER), 1))
    cloud.arrive(gateway.record(alarm(revision=3, severity=Severity.DANGER, state=AlarmState.RETURNED), 2))
    row = cloud.book.alarm(ALARM_ID)
    assert (row.state, row.severity, row.priority) == ("returned_unacknowledged", "danger", "urgent")
    assert row.occurrences == 1
    assert [entry.what for entry in cloud.book.timeline(ALARM_ID)] == ["raised", "severity_changed", "returned"]


def test_an_alarm_made_while_offline_is_stored_late(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(alarm(revision=1), 0, historical=True))
    assert cloud.book.alarm(ALARM_ID).late


def test_a_gateway_that_lost_its_disk_does_not_make_a_second_alarm_of_the_same_cause(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(alarm(revision=7), 0))
    new_id = "11111111-0000-4000-8000-000000000001"
    later = alarm(alarm_id=new_id, revision=1, end_ns=START_NS + 100 * MINUTE_NS)
    cloud.arrive(gateway.record(later, 1))
    assert len(cloud.book.alarms(10)) == 1
    assert cloud.book.alarm(new_id).id == ALARM_ID
    assert cloud.book.alarm(ALARM_ID).occurrences == 2


def test_evidence_is_there_once_all_its_parts_are_in_any_order(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(alarm(), 0))
    parts = _parts(ALARM_ID)
    assert len(parts) > 1
    row = cloud.book.alarm(ALARM_ID)
    assert cloud.book.evidence_states([row]) == {}
    for part in parts[1:]:
        cloud.arrive(gateway.record(part, 100 + part.index))
        assert cloud.book.evidence_states([row]) == {ALARM_ID: "partial"}
    cloud.arrive(gateway.record(parts[0], 100))
    assert cloud.book.evidence_states([row]) == {ALARM_ID: "complete"}
    assert cloud.book.alarm_evidence(ALARM_ID).channels == ["DE.H"]


# What cannot be used


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda gateway: gateway.aliases.update(
                {("pump-1", metrics.RECORD_KIND): gateway.aliases["pump-1", metrics.ZONE]}
            ),
            "malformed",
        ),
        (lambda _: None, "out_of_bounds"),
    ],
)
def test_a_refused_record_is_kept_and_acknowledged_and_the_gateway_is_told(cloud, gateway, spoil, reason):
    cloud.arrive(*gateway.births(cloud.now_ms))
    spoil(gateway)
    sent = gateway.record(_minute(0, operating_state="x" * 1_000), 0)
    cloud.arrive(sent)
    assert cloud.acknowledged(gateway).bounds == ((1, 1),)
    assert {name: ranges.bounds for name, ranges in cloud.rejected(gateway).items()} == {reason: ((1, 1),)}
    (row,) = cloud.engine.connect().exec_driver_sql("SELECT reason, sequence, payload FROM quarantine").all()
    assert row == (reason, 1, sent.payload)
    assert cloud.book.gateway(GATEWAY).quarantined == 1


def test_a_record_of_a_newer_schema_is_named_as_such(cloud, gateway, monkeypatch):
    cloud.arrive(*gateway.births(cloud.now_ms))
    monkeypatch.setattr("models.contract.summary_vector.RECORD_SCHEMA", 2)
    sent = gateway.record(_minute(0), 0)
    monkeypatch.undo()
    cloud.arrive(sent)
    assert list(cloud.rejected(gateway)) == ["schema_too_new"]


def test_a_record_of_another_asset_than_was_born_is_refused(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(gateway.record(_minute(0, asset_id="somebody-else"), 0))
    assert list(cloud.rejected(gateway)) == ["unknown_machine"]


GARBAGE = [
    Sent("spBv1.0/plant/DDATA/gateway-1/pump-1", b"\xff\x00not a payload"),
    Sent("spBv1.0/plant/NBIRTH/gateway-9", b""),
    Sent("spBv1.0/plant/NBIRTH/gateway-9", b"\x00" * 200_000),
    Sent("spBv1.0/plant/NOTHING/gateway-1", b"x"),
    Sent("spBv1.0", b"x"),
    Sent("spBv1.0/STATE/another-host", b"not json"),
    Sent("spBv1.0//DDATA/gateway-1/pump-1", b""),
]


def test_garbage_on_any_topic_is_counted_and_kept_in_part_and_stops_nothing(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    cloud.arrive(*GARBAGE, gateway.record(_minute(0), 0))
    assert cloud.acknowledged(gateway).bounds == ((1, 1),)
    rows = cloud.engine.connect().exec_driver_sql("SELECT size, payload, gateway_id FROM quarantine").all()
    # Another host's STATE is none of our business, whatever it says.
    assert len(rows) == len(GARBAGE) - 1
    assert all(len(row.payload) <= 1_024 for row in rows)
    assert {row.gateway_id for row in rows} == {GATEWAY, None}
    assert sum(cloud.status.quarantined.values()) == len(rows)


def test_a_retained_birth_is_not_believed(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms), retained=True)
    assert cloud.book.gateways() == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_payload_stops_ingest(cloud, data):
    """Flip, cut or insert bytes anywhere in a real message: it is stored or in quarantine, and life goes on."""
    gateway = pump_gateway(bd_seq=data.draw(st.integers(0, 255)))
    cloud.arrive(*gateway.births(cloud.now_ms))
    kind = data.draw(st.sampled_from(["summary", "alarm", "part", "birth"]))
    if kind == "birth":
        sent = data.draw(st.sampled_from(gateway.births(cloud.now_ms)))
    else:
        contents = {"summary": _minute(0), "alarm": alarm(), "part": _parts(ALARM_ID)[0]}
        sent = gateway.record(contents[kind], 0)
    payload = bytearray(sent.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                payload[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del payload[place : place + data.draw(st.integers(1, 40))]
            case "insert":
                payload[place:place] = data.draw(st.binary(min_size=1, max_size=40))
        payload = payload or bytearray(b"\0")
    cloud.arrive(Sent(sent.topic, bytes(payload)))
    cloud.arrive(after_ms=2_000)
    healthy = pump_gateway(name="gateway-2", incarnation="5e1f0c1d-0000-4000-8000-000000000002")
    healthy.machines = []
    cloud.arrive(*healthy.births(cloud.now_ms))
    assert cloud.book.gateway("plant:gateway-2").online


# Foreign edge nodes


def test_a_foreign_node_is_shown_with_its_metrics_and_trended(cloud):
    node = ForeignNode("packaging", "line 4:plc")
    cloud.arrive(node.birth(cloud.now_ms, {"cabinet temperature": 30.0}))
    cloud.arrive(node.device_birth("filler", cloud.now_ms, {"speed": 240.0}))
    for second in range(10):
        cloud.arrive(node.data(cloud.now_ms + second, {"speed": 240.0 + second}, "filler"))
    (known,) = cloud.book.gateways()
    assert (known.id, known.foreign_node, known.online) == ("packaging:line 4%3Aplc", True, True)
    latest = {one.name: one for one in cloud.trends.latest_readings(known.id)}
    assert latest["cabinet temperature"].value == 30.0
    assert latest["cabinet temperature"].unit == "°C"
    assert latest["filler/speed"].value == 249.0
    series = cloud.trends.readings(known.id, "filler/speed", NOW_MS, NOW_MS + HOUR_MS, 100)
    assert series.mean.tolist() == [240.0 + second for second in range(10)]
    assert cloud.commands == []


def test_foreign_data_is_stored_at_most_once_per_birth_number_and_time(cloud):
    node = ForeignNode("packaging", "plc")
    cloud.arrive(node.birth(cloud.now_ms, {"speed": 1.0}))
    sent = node.data(cloud.now_ms, {"speed": 2.0})
    cloud.arrive(sent)
    node.seq = 0
    cloud.arrive(node.birth(cloud.now_ms, {"speed": 1.0}), sent)
    series = cloud.trends.readings("packaging:plc", "speed", 0, NOW_MS + HOUR_MS, 100)
    assert series.mean.tolist() == [2.0]


def test_values_that_are_no_numbers_are_shown_as_text(cloud, gateway):
    cloud.arrive(*gateway.births(cloud.now_ms))
    latest = {one.name: one.text for one in cloud.trends.latest_readings(GATEWAY)}
    assert latest[metrics.AGENT_VERSION] == "0.1.0"
    assert latest[metrics.REBIRTH] == "false"
    assert gateway.aliases[None, metrics.AGENT_VERSION][1] is DataType.STRING


# The thread


def test_the_thread_waits_for_a_store_that_fails_and_goes_on(cloud, gateway):
    inbox, stop, sent = queue.Queue(), threading.Event(), []
    for one in [*gateway.births(cloud.now_ms), gateway.record(_minute(0), 0)]:
        inbox.put(Message(one.topic, one.payload, retained=False, received_ms=cloud.now_ms))
    with cloud.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE received RENAME TO away")
    ticks = iter(range(10**9))
    around = Surroundings(
        inbox, sent.append, lambda _: None, lambda: NOW_MS + 50 * next(ticks), lambda: next(ticks) / 100, stop, 1.0
    )
    thread = threading.Thread(target=run_ingest, args=(cloud.ingest, cloud.status, around))
    thread.start()
    try:
        _until(lambda: cloud.status.store_problem is not None)
        assert not sent
        with cloud.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO received")
        _until(lambda: sent)
        assert cloud.status.store_problem is None
    finally:
        stop.set()
        thread.join()


def _until(condition, seconds=10.0):
    waited = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        waited.wait(0.02)
    raise TimeoutError
