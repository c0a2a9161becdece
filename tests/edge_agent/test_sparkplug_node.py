"""The edge node's messages, before any broker: births that declare everything, aliases, seq, commands."""

from __future__ import annotations

import pytest

from edge_agent.sparkplug_node import (
    AcknowledgedCommand,
    EvidenceWanted,
    HostState,
    IgnoredCommand,
    Rebirth,
    RejectedCommand,
    RelearnWanted,
    SparkplugNode,
    read_host_state,
)
from models.contract import metrics
from models.contract.acknowledgement import Ranges, format_acknowledged, format_rejected
from models.contract.encoding import record_from_metrics
from models.contract.errors import RecordError
from models.contract.kept_moment import MomentRequest
from models.contract.records import MetricValue
from models.contract.sparkplug import DataType, Metric, Payload, decode_payload, encode_payload, typed_value
from models.contract.vocabulary import RejectReason

from .conftest import small_record

NCMD = "spBv1.0/plant/NCMD/gateway-1"


@pytest.fixture
def node():
    machines = {name: metrics.machine_metrics([("DE.H/velocity_rms", "mm/s")]) for name in ("pump-1", "fan-2")}
    node = SparkplugNode("plant", "gateway-1", machines, ["pump"])
    for name in machines:
        node.connect(name)
    return node


def _decoded(messages):
    return [decode_payload(message.payload) for message in messages]


def _command(*content: Metric) -> bytes:
    return encode_payload(Payload(timestamp_ms=1, metrics=content))


def test_the_will_carries_bd_seq_and_no_seq(node):
    will = node.will(7, 1_000)
    payload = decode_payload(will.payload)
    assert (will.topic, will.qos) == ("spBv1.0/plant/NDEATH/gateway-1", 1)
    assert payload.seq is None
    assert [(m.name, m.value, m.datatype) for m in payload.metrics] == [("bdSeq", 7, DataType.INT64)]


def test_nbirth_is_first_with_seq_zero_and_the_wills_bd_seq(node):
    messages = node.births(7, "inc", 1_000)
    assert [m.topic.split("/")[2] for m in messages] == ["NBIRTH", "DBIRTH", "DBIRTH"]
    assert [p.seq for p in _decoded(messages)] == [0, 1, 2]
    by_name = {m.name: m for m in _decoded(messages)[0].metrics}
    assert by_name["bdSeq"].value == 7
    assert by_name[metrics.REBIRTH].value is False
    assert by_name[metrics.OUTBOX_INCARNATION].value == "inc"
    assert {m.qos for m in messages} == {0}


def test_births_declare_every_metric_with_name_alias_datatype_time_and_unit(node):
    births = _decoded(node.births(0, "inc", 1_000))
    for birth in births:
        for metric in birth.metrics:
            assert metric.name
            assert metric.datatype is not None
            assert metric.timestamp_ms is not None
            assert (metric.alias is None) == (metric.name in ("bdSeq", metrics.REBIRTH))
    aliases = [m.alias for birth in births for m in birth.metrics if m.alias is not None]
    assert len(aliases) == len(set(aliases))
    velocity = next(m for m in births[1].metrics if m.name == "DE.H/velocity_rms")
    assert velocity.properties["engUnit"].value == "mm/s"


def test_data_is_alias_value_and_time_and_comes_back_as_the_record_it_was(node):
    births = _decoded(node.births(0, "inc", 1_000))
    record = small_record(2**63 + 1)
    message = node.data(5, record, is_historical=False, now_ms=2_000)
    payload = decode_payload(message.payload)
    assert message.topic == "spBv1.0/plant/DDATA/gateway-1/pump-1"
    assert all(m.name is None and m.datatype is None and m.timestamp_ms is not None for m in payload.metrics)
    names = {m.alias: m for m in births[1].metrics}
    received = [
        MetricValue(names[m.alias].name, typed_value(m.value, names[m.alias].datatype), m.timestamp_ms)
        for m in payload.metrics
    ]
    sequence, back = record_from_metrics("pump-1", received)
    assert sequence == 5
    assert back == record


def test_history_is_marked_on_every_metric(node):
    node.births(0, "inc", 1_000)
    payload = decode_payload(node.data(1, small_record(1), is_historical=True, now_ms=1).payload)
    assert {m.is_historical for m in payload.metrics} == {True}


def test_seq_goes_on_over_node_and_machines_and_wraps_after_255(node):
    node.births(0, "inc", 1_000)
    numbers = [
        decode_payload(node.data(n, small_record(n), is_historical=False, now_ms=1).payload).seq for n in range(300)
    ]
    assert numbers[:2] == [3, 4]
    assert numbers[252:255] == [255, 0, 1]


def test_a_rebirth_tells_the_latest_values_and_keeps_the_aliases(node):
    before = _decoded(node.births(0, "inc", 1_000))[1]
    node.data(1, small_record(1), is_historical=False, now_ms=1)
    after = _decoded(node.births(0, "inc", 2_000))[1]
    assert [m.alias for m in after.metrics] == [m.alias for m in before.metrics]
    score = {m.name: m for m in after.metrics}["Score"]
    assert (score.value, score.timestamp_ms, score.is_null) == (0.5, 1_000, False)


def test_a_birth_does_not_go_back_to_an_older_value(node):
    node.births(0, "inc", 1)
    node.data(2, small_record(2), is_historical=False, now_ms=1)
    older = small_record(1)
    older = type(older)(1, older.kind, older.asset_id, older.machine, 1, (MetricValue("Score", 0.1, 10),))
    node.data(1, older, is_historical=True, now_ms=1)
    score = next(m for m in _decoded(node.births(0, "inc", 2))[1].metrics if m.name == "Score")
    assert score.value == 0.5


def test_what_no_birth_declares_cannot_be_sent(node):
    record = small_record(1)
    unknown = type(record)(1, record.kind, record.asset_id, "ghost", 1, record.metrics)
    with pytest.raises(RecordError, match="'ghost', which is not configured"):
        node.data(1, unknown, is_historical=False, now_ms=1)


def test_acknowledgements_are_understood_by_name_and_by_alias(node):
    births = _decoded(node.births(0, "inc", 1))
    alias = next(m.alias for m in births[0].metrics if m.name == metrics.OUTBOX_ACKNOWLEDGED)
    text = format_acknowledged("inc", Ranges.of([1, 2, 5]))
    expected = [AcknowledgedCommand("inc", Ranges.of([1, 2, 5]))]
    by_name = Metric(name=metrics.OUTBOX_ACKNOWLEDGED, datatype=DataType.STRING, value=text)
    by_alias = Metric(alias=alias, value=text, wire_field="string_value")
    assert node.read_command(NCMD, _command(by_name)) == expected
    assert node.read_command(NCMD, _command(by_alias)) == expected


def test_rebirth_and_rejections_are_understood(node):
    rejected = {RejectReason.MALFORMED: Ranges.of([4])}
    content = (
        Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=True),
        Metric(name=metrics.OUTBOX_REJECTED, datatype=DataType.STRING, value=format_rejected("inc", rejected)),
    )
    assert node.read_command(NCMD, _command(*content)) == [Rebirth(), RejectedCommand("inc", rejected)]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (NCMD, b"\xff\xff garbage"),
        (NCMD, _command(Metric(name=metrics.OUTBOX_ACKNOWLEDGED, datatype=DataType.STRING, value="no colon"))),
        (NCMD, _command(Metric(name=metrics.OUTBOX_ACKNOWLEDGED, datatype=DataType.INT32, value=7))),
        (NCMD, _command(Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=False))),
        (NCMD, _command(Metric(alias=10**9, value=1, wire_field="int_value"))),
        ("spBv1.0/plant/DCMD/gateway-1/pump-1", _command(Metric(name="Score", datatype=DataType.FLOAT, value=1.0))),
        ("spBv1.0/plant/NDATA/gateway-1", _command()),
        ("something/else", b""),
    ],
)
def test_what_cannot_be_obeyed_is_ignored_and_never_raises(node, topic, payload):
    node.births(0, "inc", 1)
    assert all(isinstance(command, IgnoredCommand) for command in node.read_command(topic, payload))


def test_commands_are_expected_on_the_topics_of_the_node_and_its_machines(node):
    assert node.command_topics == (
        "spBv1.0/plant/NCMD/gateway-1",
        "spBv1.0/plant/DCMD/gateway-1/pump-1",
        "spBv1.0/plant/DCMD/gateway-1/fan-2",
    )


def _topics(messages):
    return [message.topic.removeprefix("spBv1.0/plant/") for message in messages]


def test_only_machines_that_are_connected_are_born_with_the_node(node):
    node.disconnect("fan-2")
    assert _topics(node.births(0, "inc", 1)) == ["NBIRTH/gateway-1", "DBIRTH/gateway-1/pump-1"]
    assert (node.unborn, node.dying, node.absent) == ((), (), {"fan-2"})


def test_ddeath_has_a_timestamp_the_next_seq_no_metrics_and_qos_0(node):
    node.births(0, "inc", 1_000)
    node.disconnect("fan-2")
    assert node.dying == ("fan-2",)
    message = node.machine_death("fan-2", 2_000)
    payload = decode_payload(message.payload)
    assert (message.topic, message.qos) == ("spBv1.0/plant/DDEATH/gateway-1/fan-2", 0)
    assert (payload.timestamp_ms, payload.seq, payload.metrics) == (2_000, 3, ())
    assert node.dying == ()


def test_a_machine_that_comes_back_is_born_again_with_the_same_aliases(node):
    before = _decoded(node.births(0, "inc", 1))[2]
    node.disconnect("fan-2")
    node.machine_death("fan-2", 2)
    node.connect("fan-2")
    assert node.unborn == ("fan-2",)
    birth = decode_payload(node.machine_birth("fan-2", 3).payload)
    assert birth.seq == 4
    assert [(m.name, m.alias) for m in birth.metrics] == [(m.name, m.alias) for m in before.metrics]
    assert node.unborn == ()


def test_what_an_absent_machine_is_born_for_is_history_until_it_is_connected(node):
    node.disconnect("pump-1")
    node.births(0, "inc", 1)
    node.machine_birth("pump-1", 2)
    assert node.dying == ("pump-1",)

    def historical(number):
        payload = decode_payload(node.data(number, small_record(number), is_historical=False, now_ms=3).payload)
        return {metric.is_historical for metric in payload.metrics}

    assert historical(1) == {True}
    node.connect("pump-1")
    assert historical(2) == {False}


def test_the_last_records_of_a_machine_that_dies_are_live_while_it_is_alive(node):
    node.births(0, "inc", 1)
    node.disconnect("pump-1")
    payload = decode_payload(node.data(1, small_record(1), is_historical=False, now_ms=3).payload)
    assert {metric.is_historical for metric in payload.metrics} == {False}


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[]", b"{}", b'{"online": 1, "timestamp": 2}', b'{"online": true, "timestamp": "x"}']
)
def test_a_state_that_cannot_be_read_says_nothing(payload):
    assert read_host_state(payload) is None


def test_a_state_says_whether_and_since_when():
    assert read_host_state(b'{"online": true, "timestamp": 7}') == HostState(online=True, timestamp_ms=7)


def test_a_moment_is_asked_for_by_the_asset_and_the_alarm(node):
    wanted = MomentRequest("6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12", "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b13")
    command = _command(Metric(name=metrics.EVIDENCE_REQUEST, datatype=DataType.STRING, value=wanted.text))
    assert node.read_command(NCMD, command) == [EvidenceWanted(wanted)]


@pytest.mark.parametrize("text", ["", "x", "a/b", "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12/../../etc/passwd"])
def test_a_request_that_names_no_alarm_is_ignored(node, text):
    command = _command(Metric(name=metrics.EVIDENCE_REQUEST, datatype=DataType.STRING, value=text))
    (ignored,) = node.read_command(NCMD, command)
    assert isinstance(ignored, IgnoredCommand)


@pytest.mark.parametrize("by", ["name", "alias"])
def test_relearning_is_a_time_written_to_the_machine(node, by):
    birth = _decoded(node.births(0, "inc", 1_000))[2]
    alias = next(m.alias for m in birth.metrics if m.name == metrics.LEARNING_SINCE)
    how = {"name": metrics.LEARNING_SINCE} if by == "name" else {"alias": alias}
    command = _command(Metric(**how, datatype=DataType.INT64, value=1_700_000_000_000))
    assert node.read_command("spBv1.0/plant/DCMD/gateway-1/fan-2", command) == [
        RelearnWanted("fan-2", 1_700_000_000_000)
    ]


@pytest.mark.parametrize(
    ("machine", "value", "datatype"),
    [
        ("pump-9", 1_700_000_000_000, DataType.INT64),
        ("fan-2", -1, DataType.INT64),
        ("fan-2", "now", DataType.STRING),
    ],
)
def test_relearning_without_a_machine_or_a_time_is_ignored(node, machine, value, datatype):
    command = _command(Metric(name=metrics.LEARNING_SINCE, datatype=datatype, value=value))
    (ignored,) = node.read_command(f"spBv1.0/plant/DCMD/gateway-1/{machine}", command)
    assert isinstance(ignored, IgnoredCommand)


def test_a_machine_is_born_again_when_what_its_birth_said_has_changed(node):
    node.births(0, "inc", 1_000)
    assert node.unborn == ()
    node.set_value("fan-2", metrics.LEARNING_SINCE, 5, 2_000)
    node.bear_again("fan-2")
    assert node.unborn == ("fan-2",)
    (birth,) = _decoded([node.machine_birth("fan-2", 2_000)])
    assert next(m.value for m in birth.metrics if m.name == metrics.LEARNING_SINCE) == 5
    assert node.unborn == ()
