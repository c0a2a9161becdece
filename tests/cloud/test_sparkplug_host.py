"""The host application's memory of edge nodes: births, order, deaths, and when it asks for a rebirth."""

from __future__ import annotations

import pytest
from support.cloud_bench import NOW_MS, pump_gateway
from support.contract_examples import summary
from support.simulated_gateway import ForeignNode

from cloud.sparkplug_host import FIRST_REBIRTH_MS, LAST_REBIRTH_MS, SILENCE_MS, SparkplugHost, rebirth_command
from cloud.sparkplug_outcomes import Born, Died, Gap, Heard, Incoming, NodeId, RebirthWanted, Refused
from models.contract import metrics
from models.contract.sparkplug import DataType, Metric, Payload, decode_payload
from models.contract.topics import MessageType, Topic, parse_topic

NODE = NodeId("plant", "gateway-1")
REORDER_MS = 500


@pytest.fixture
def host():
    made = SparkplugHost(REORDER_MS)
    made.connection_made(NOW_MS)
    return made


@pytest.fixture
def gateway():
    return pump_gateway()


def _incoming(sent, now_ms=NOW_MS):
    return Incoming(parse_topic(sent.topic), decode_payload(sent.payload), sent.payload, now_ms)


def _receive(host, *sent, now_ms=NOW_MS):
    return [outcome for one in sent for outcome in host.receive(_incoming(one, now_ms), now_ms)]


def _kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


def _summaries(gateway, count):
    return [gateway.record(summary(), window) for window in range(count)]


def test_births_then_data_with_names_units_and_signs(host, gateway):
    born = _receive(host, *gateway.births(NOW_MS))
    assert _kinds(born) == [Born, Born]
    assert (born[0].machine, born[1].machine) == (None, "pump-1")
    (heard,) = _receive(host, gateway.record(summary(), 1))
    by_name = {metric.name: metric for metric in heard.metrics}
    assert by_name["DE.H/velocity_rms"].value == pytest.approx(1.75)
    assert by_name["DE.H/velocity_rms"].eng_unit == "mm/s"
    assert by_name[metrics.OUTBOX_SEQUENCE].value == 1


def test_a_negative_integer_keeps_its_sign_although_data_carries_no_datatype(host):
    declared = Metric(name="t", alias=7, datatype=DataType.INT16, value=0, timestamp_ms=NOW_MS)
    own = Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=3, timestamp_ms=NOW_MS)
    birth = Payload(NOW_MS, 0, (own, declared))
    data = Payload(NOW_MS, 1, (Metric(alias=7, value=2**32 - 5, timestamp_ms=NOW_MS),))
    topics = (Topic("plant", kind, "gateway-1") for kind in (MessageType.NBIRTH, MessageType.NDATA))
    outcomes = []
    for topic, payload in zip(topics, (birth, data), strict=True):
        outcomes += host.receive(Incoming(topic, payload, b"", NOW_MS), NOW_MS)
    assert outcomes[-1].metrics[0].value == -5


def test_data_before_any_birth_asks_for_one(host, gateway):
    gateway.births(NOW_MS)
    assert _kinds(_receive(host, gateway.record(summary(), 1))) == [RebirthWanted]


def test_data_of_a_device_before_its_birth_asks_for_one(host, gateway):
    node_birth, _device_birth = gateway.births(NOW_MS)
    gateway.seq = 1
    assert _kinds(_receive(host, node_birth, gateway.record(summary(), 1))) == [Born, RebirthWanted]


def test_an_unknown_alias_asks_for_a_birth(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    gateway.aliases["pump-1", metrics.SCORE] = (9_999, DataType.FLOAT)
    assert _kinds(_receive(host, gateway.record(summary(), 1))) == [RebirthWanted]


def test_seq_wraps_from_255_to_0(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    assert set(_kinds(_receive(host, *_summaries(gateway, 600)))) == {Heard}


def test_neighbours_that_changed_places_are_put_in_order(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    first, second, third = _summaries(gateway, 3)
    outcomes = _receive(host, second, third, first)
    assert [outcome.seq for outcome in outcomes] == [2, 3, 4]
    assert host.tick(NOW_MS + 10 * REORDER_MS) == []


def test_a_gap_waits_for_the_reorder_time_then_goes_on_and_asks_for_a_rebirth(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    _lost, second, third = _summaries(gateway, 3)
    assert _receive(host, second, third) == []
    assert host.tick(NOW_MS + REORDER_MS - 1) == []
    outcomes = host.tick(NOW_MS + REORDER_MS)
    assert _kinds(outcomes) == [Gap, Heard, Heard, RebirthWanted]
    assert (outcomes[0].expected, outcomes[0].found) == (2, 3)


def test_a_gap_that_may_have_swallowed_a_birth_is_not_believed(host, gateway):
    """Numbers 254 to 1 are missing: a birth, which has number 0, could be among them, with other aliases."""
    _receive(host, *gateway.births(NOW_MS))
    sent = _summaries(gateway, 256)
    _receive(host, *sent[:252])
    _receive(host, *sent[255:])
    assert _kinds(host.tick(NOW_MS + REORDER_MS)) == [Gap, RebirthWanted]
    assert not host.is_online(NODE)
    assert _receive(host, gateway.record(summary(), 300)) == []
    _receive(host, *gateway.births(NOW_MS))
    assert _kinds(_receive(host, gateway.record(summary(), 301))) == [Heard]


def test_rebirths_are_asked_for_rarely_and_again_until_they_come(host, gateway):
    gateway.births(NOW_MS)
    _receive(host, gateway.record(summary(), 1))
    now_ms, asked = NOW_MS, []
    for _ in range(600):
        now_ms += 1_000
        if any(isinstance(one, RebirthWanted) for one in _receive(host, gateway.record(summary(), 2), now_ms=now_ms)):
            asked.append(now_ms)
    pauses = [after - before for before, after in zip([NOW_MS, *asked], asked, strict=False)]
    assert pauses[0] == FIRST_REBIRTH_MS
    assert pauses == sorted(pauses)
    assert max(pauses) == LAST_REBIRTH_MS


def test_a_wanted_rebirth_is_asked_for_again_without_further_data(host, gateway):
    gateway.births(NOW_MS)
    _receive(host, gateway.record(summary(), 1))
    assert host.tick(NOW_MS + FIRST_REBIRTH_MS - 1) == []
    assert _kinds(host.tick(NOW_MS + FIRST_REBIRTH_MS)) == [RebirthWanted]


def test_a_death_counts_only_with_the_number_of_the_birth_in_force(host, gateway):
    gateway.bd_seq = 4
    _receive(host, *gateway.births(NOW_MS))
    assert _receive(host, gateway.death(NOW_MS, bd_seq=3)) == []
    assert host.is_online(NODE)
    assert _kinds(_receive(host, gateway.death(NOW_MS))) == [Died]
    assert not host.is_online(NODE)


def test_a_device_death_is_only_that_devices(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    (died,) = _receive(host, gateway.device_death("pump-1", NOW_MS))
    assert died.machine == "pump-1"
    assert host.is_online(NODE)


def test_nothing_is_commanded_before_a_birth_and_then_by_alias(host, gateway):
    values = {metrics.OUTBOX_ACKNOWLEDGED: "x:1"}
    assert host.command(NODE, values, NOW_MS) is None
    _receive(host, *gateway.births(NOW_MS))
    topic, payload = host.command(NODE, values, NOW_MS)
    assert topic.text == "spBv1.0/plant/NCMD/gateway-1"
    (metric,) = payload.metrics
    assert metric.name is None
    assert metric.alias == gateway.aliases[None, metrics.OUTBOX_ACKNOWLEDGED][0]
    assert payload.seq is None
    _receive(host, gateway.death(NOW_MS))
    assert host.command(NODE, values, NOW_MS) is None


def test_a_rebirth_is_asked_for_by_name():
    topic, payload = rebirth_command(NODE, NOW_MS)
    (metric,) = payload.metrics
    assert topic.message_type is MessageType.NCMD
    assert (metric.name, metric.alias, metric.value, metric.datatype) == (metrics.REBIRTH, None, True, DataType.BOOLEAN)


def _restored(gateway, seq):
    host = SparkplugHost(REORDER_MS)
    births = [_incoming(one) for one in gateway.births(NOW_MS)]
    assert _kinds(host.restore(NODE, births, seq)) == [Born, Born]
    host.connection_made(NOW_MS)
    return host


def test_after_a_restart_the_conversation_goes_on_if_the_next_number_fits(gateway):
    host = _restored(gateway, seq=1)
    assert _kinds(_receive(host, gateway.record(summary(), 1))) == [Heard]


def test_after_a_restart_any_gap_may_hide_a_birth(gateway):
    host = _restored(gateway, seq=1)
    gateway.seq = 100
    assert _receive(host, gateway.record(summary(), 1)) == []
    assert _kinds(host.tick(NOW_MS + REORDER_MS)) == [Gap, RebirthWanted]
    assert _receive(host, gateway.record(summary(), 2)) == []


def test_a_node_that_died_unseen_is_asked_and_then_taken_as_gone(gateway):
    host = _restored(gateway, seq=1)
    assert host.tick(NOW_MS + SILENCE_MS) == []
    assert _kinds(host.tick(NOW_MS + SILENCE_MS + 1)) == [RebirthWanted]
    assert host.tick(NOW_MS + SILENCE_MS + 1_000) == []
    assert _kinds(host.tick(NOW_MS + SILENCE_MS + LAST_REBIRTH_MS + 2)) == [Died]


def test_silence_does_not_count_while_we_are_not_connected(host, gateway):
    _receive(host, *gateway.births(NOW_MS))
    host.connection_lost()
    assert host.tick(NOW_MS + 100 * SILENCE_MS) == []
    host.connection_made(NOW_MS + 100 * SILENCE_MS)
    assert host.tick(NOW_MS + 100 * SILENCE_MS + SILENCE_MS) == []


def test_a_foreign_node_with_names_instead_of_aliases_is_understood(host):
    node = ForeignNode("packaging", "plc")
    outcomes = _receive(host, node.birth(NOW_MS, {"speed": 1.0}), node.data(NOW_MS, {"speed": 2.0}))
    assert _kinds(outcomes) == [Born, Heard]
    assert outcomes[1].metrics[0].value == 2.0


@pytest.mark.parametrize("seq", [None, 256])
def test_data_without_a_sequence_number_is_refused(host, gateway, seq):
    _receive(host, *gateway.births(NOW_MS))
    topic = Topic("plant", MessageType.NDATA, "gateway-1")
    (refused,) = host.receive(Incoming(topic, Payload(NOW_MS, seq), b"", NOW_MS), NOW_MS)
    assert isinstance(refused, Refused)


def test_a_birth_without_bdseq_is_refused(host):
    topic = Topic("plant", MessageType.NBIRTH, "gateway-1")
    (refused,) = host.receive(Incoming(topic, Payload(NOW_MS, 0), b"", NOW_MS), NOW_MS)
    assert isinstance(refused, Refused)


def test_commands_of_other_hosts_are_not_ours_to_follow(host):
    topic, payload = rebirth_command(NODE, NOW_MS)
    assert host.receive(Incoming(topic, payload, b"", NOW_MS), NOW_MS) == []
