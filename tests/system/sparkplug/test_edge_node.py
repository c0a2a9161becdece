"""What the Sparkplug B 3.0 specification asks of an edge node, seen from outside on a real broker.

Each test is named after the id of the normative statement it observes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from support.mqtt_tap import PacketType

from models.contract.sparkplug import DataType, decode_payload
from models.contract.topics import parse_topic

from .conftest import GATEWAY, GROUP

if TYPE_CHECKING:
    from .conftest import Message, Session

pytestmark = pytest.mark.needs("mosquitto")

BIRTHS = ("NBIRTH", "DBIRTH")
PUMPS = {"pump-1", "pump-2"}
PRESS = "press-3"
"""Its data end soon after the start; the pumps' never do."""
DATA = ("NDATA", "DDATA")
REBIRTH = "Node Control/Rebirth"


def _metric(message: Message, name: str):
    return next((metric for metric in message.payload.metrics if metric.name == name), None)


def _bd_seq(payload) -> int:
    return next(int(metric.value) for metric in payload.metrics if metric.name == "bdSeq")


def _born_under(session: Session, message: Message) -> list[Message]:
    """Return the births that were in force when a message was sent: the last NBIRTH and the DBIRTHs after it."""
    births = [m for m in session.of_gateway(*BIRTHS) if m.link == message.link and m.number < message.number]
    start = max(m.number for m in births if m.kind == "NBIRTH")
    return [m for m in births if m.number >= start]


def _connected_at(session: Session, nbirth: Message) -> set[str]:
    """Return the machines that must be born with a node: all but those that died before."""
    dead = {m.machine for m in session.of_gateway("DDEATH") if m.number < nbirth.number}
    return {*PUMPS, PRESS} - dead


def _born_together(session: Session, nbirth: Message) -> list[Message]:
    """Return an NBIRTH and the DBIRTHs that follow it without anything in between."""
    together = [nbirth]
    for message in session.of_gateway():
        if message.link == nbirth.link and message.number > nbirth.number:
            if message.kind != "DBIRTH":
                break
            together.append(message)
    return together


# Topics


def test_tck_id_topic_structure_namespace_a(session):
    assert all(message.topic.startswith("spBv1.0/") for message in session.of_gateway())


def test_tck_id_topics_nbirth_topic(session):
    assert {m.topic for m in session.of_gateway("NBIRTH")} == {f"spBv1.0/{GROUP}/NBIRTH/{GATEWAY}"}


def test_tck_id_topics_dbirth_topic(session):
    expected = {f"spBv1.0/{GROUP}/DBIRTH/{GATEWAY}/{machine}" for machine in (*PUMPS, PRESS)}
    assert {m.topic for m in session.of_gateway("DBIRTH")} == expected


def test_tck_id_topics_ndata_topic(session):
    assert {m.topic for m in session.of_gateway("NDATA")} == {f"spBv1.0/{GROUP}/NDATA/{GATEWAY}"}


def test_tck_id_topics_ddata_topic(session):
    expected = {f"spBv1.0/{GROUP}/DDATA/{GATEWAY}/{machine}" for machine in (*PUMPS, PRESS)}
    assert {m.topic for m in session.of_gateway("DDATA")} == expected


def test_tck_id_topics_ddeath_topic(session):
    deaths = session.of_gateway("DDEATH")
    assert {m.topic for m in deaths} == {f"spBv1.0/{GROUP}/DDEATH/{GATEWAY}/{PRESS}"}


def test_tck_id_topics_ndeath_topic(session):
    wills = {p.publication.topic for p in session.connects("gateway")}
    assert wills == {f"spBv1.0/{GROUP}/NDEATH/{GATEWAY}"}


def test_tck_id_topic_structure_namespace_device_id_associated_message_types(session):
    assert all(m.machine for m in session.of_gateway("DBIRTH", "DDATA", "DDEATH"))


def test_tck_id_topic_structure_namespace_device_id_non_associated_message_types(session):
    assert not any(m.machine for m in session.of_gateway("NBIRTH", "NDATA", "NDEATH"))


def test_tck_id_topic_structure_namespace_unique_device_id(session):
    for nbirth in session.of_gateway("NBIRTH"):
        names = [m.machine for m in _born_together(session, nbirth)[1:]]
        assert sorted(names) == sorted(_connected_at(session, nbirth))


# Quality of service and retain


def test_tck_id_topics_nbirth_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_gateway("NBIRTH")} == {(0, False)}


def test_tck_id_topics_dbirth_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_gateway("DBIRTH")} == {(0, False)}


def test_tck_id_topics_ndata_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_gateway("NDATA")} == {(0, False)}


def test_tck_id_topics_ddata_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_gateway("DDATA")} == {(0, False)}


def test_tck_id_topics_ddeath_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_gateway("DDEATH")} == {(0, False)}


def test_tck_id_payloads_ndeath_will_message(session):
    assert all(p.publication is not None for p in session.connects("gateway"))


def test_tck_id_payloads_ndeath_will_message_qos(session):
    assert {p.publication.qos for p in session.connects("gateway")} == {1}


def test_tck_id_payloads_ndeath_will_message_retain(session):
    assert {p.publication.retain for p in session.connects("gateway")} == {False}


# Session


def test_tck_id_principles_persistence_clean_session_311(session):
    assert {(p.protocol_level, p.clean_session) for p in session.connects("gateway")} == {(4, True)}


def test_tck_id_topics_ndeath_payload(session):
    for connect in session.connects("gateway"):
        assert [m.name for m in decode_payload(connect.publication.payload).metrics] == ["bdSeq"]


def test_tck_id_topics_ndeath_seq(session):
    assert all(decode_payload(p.publication.payload).seq is None for p in session.connects("gateway"))
    assert all(m.payload.seq is None for m in session.of_gateway("NDEATH"))


def test_tck_id_payloads_ndeath_bdseq(session):
    for connect in session.connects("gateway"):
        will = _bd_seq(decode_payload(connect.publication.payload))
        births = [m for m in session.of_gateway("NBIRTH") if m.link == connect.link]
        assert births
        assert {_bd_seq(m.payload) for m in births} == {will}


def test_tck_id_topics_nbirth_bdseq_increment(session):
    numbers = [_bd_seq(decode_payload(p.publication.payload)) for p in session.connects("gateway")]
    assert len(numbers) >= 3
    assert numbers[0] == 0
    assert all(after == (before + 1) % 256 for before, after in pairwise(numbers))


def test_tck_id_message_flow_edge_node_birth_publish_will_message_payload_bdseq(session):
    for connect in session.connects("gateway"):
        (metric,) = decode_payload(connect.publication.payload).metrics
        assert metric.datatype == DataType.INT64


def test_tck_id_principles_birth_certificates_order(session):
    for link in {m.link for m in session.of_gateway()}:
        assert next(m for m in session.of_gateway() if m.link == link).kind == "NBIRTH"


def test_tck_id_topics_nbirth_seq_num(session):
    assert {m.payload.seq for m in session.of_gateway("NBIRTH")} == {0}


def test_tck_id_payloads_sequence_num_incrementing(session):
    wrapped = False
    for link in {m.link for m in session.of_gateway()}:
        numbers = [(m.kind, m.payload.seq) for m in session.of_gateway() if m.link == link and m.kind != "NDEATH"]
        for (_, before), (kind, after) in pairwise(numbers):
            assert after == (0 if kind == "NBIRTH" else (before + 1) % 256)
            wrapped = wrapped or (before == 255 and after == 0 and kind != "NBIRTH")
    assert wrapped, "the session was too short for seq to wrap"


def test_tck_id_topics_ddeath_seq_num(session):
    for death in session.of_gateway("DDEATH"):
        before = [m for m in session.of_gateway() if m.link == death.link and m.number < death.number][-1]
        assert death.payload.seq == (before.payload.seq + 1) % 256


def test_tck_id_payloads_sequence_num_always_included(session):
    assert all(m.payload.seq is not None for m in session.of_gateway() if m.kind != "NDEATH")


def test_tck_id_message_flow_edge_node_ncmd_subscribe(session):
    for connect in session.connects("gateway"):
        packets = [p for p in session.gateway if p.link == connect.link and p.direction == "up"]
        subscribed = [f for p in packets if p.type == PacketType.SUBSCRIBE for f in p.subscriptions]
        assert (f"spBv1.0/{GROUP}/NCMD/{GATEWAY}", 1) in subscribed
        first_birth = next(i for i, p in enumerate(packets) if p.type == PacketType.PUBLISH)
        first_subscription = next(i for i, p in enumerate(packets) if p.type == PacketType.SUBSCRIBE)
        assert first_subscription < first_birth


def test_tck_id_message_flow_device_dcmd_subscribe(session):
    filters = {f for p in session.gateway if p.type == PacketType.SUBSCRIBE for f in p.subscriptions}
    assert any(topic.startswith(f"spBv1.0/{GROUP}/DCMD/{GATEWAY}/") and qos == 1 for topic, qos in filters)


def test_tck_id_operational_behavior_edge_node_intentional_disconnect_ndeath(session):
    (death,) = session.of_gateway("NDEATH", since="stopped")
    connect = session.connects("gateway")[-1]
    assert _bd_seq(death.payload) == _bd_seq(decode_payload(connect.publication.payload))


def test_tck_id_operational_behavior_edge_node_intentional_disconnect_packet(session):
    last = [p for p in session.gateway if p.direction == "up"][-2:]
    assert parse_topic(last[0].publication.topic).message_type == "NDEATH"
    assert last[1].type == PacketType.DISCONNECT


def test_tck_id_payloads_ndeath_will_message_publisher(session):
    deaths = [m for m in session.seen if m.topic == f"spBv1.0/{GROUP}/NDEATH/{GATEWAY}"]
    # One by will after the cut, one after the kill, one said before the ordinary end.
    assert len(deaths) == 3


def test_tck_id_operational_behavior_device_ddeath(session):
    """The press's recording ends: it dies once, after its last data, and the pumps go on."""
    (death,) = session.of_gateway("DDEATH")
    of_press = [m for m in session.of_gateway() if m.machine == PRESS]
    assert [m.kind for m in of_press] == ["DBIRTH", *["DDATA"] * (len(of_press) - 2), "DDEATH"]
    assert of_press[-1].number == death.number
    after = [m for m in session.of_gateway("DDATA") if m.link == death.link and m.number > death.number]
    assert {m.machine for m in after} == PUMPS


def test_tck_id_payloads_ddeath_timestamp(session):
    for death in session.of_gateway("DDEATH"):
        before = [m for m in session.of_gateway() if m.link == death.link and m.number < death.number][-1]
        assert death.payload.timestamp_ms >= before.payload.timestamp_ms


def test_tck_id_payloads_ddeath_seq(session):
    assert all(m.payload.seq is not None for m in session.of_gateway("DDEATH"))


def test_a_machine_that_is_gone_is_not_born_again_with_its_node(session):
    """It is not connected: no DBIRTH after rebirth, reconnect and restart."""
    (death,) = session.of_gateway("DDEATH")
    later = [m for m in session.of_gateway(*BIRTHS) if m.number > death.number]
    assert sum(m.kind == "NBIRTH" for m in later) >= 4
    assert {m.machine for m in later if m.kind == "DBIRTH"} == PUMPS


# Births


def test_tck_id_topics_nbirth_timestamp(session):
    assert all(m.payload.timestamp_ms for m in session.of_gateway("NBIRTH"))


def test_tck_id_topics_dbirth_timestamp(session):
    assert all(m.payload.timestamp_ms for m in session.of_gateway("DBIRTH"))


def test_tck_id_topics_nbirth_metrics(session):
    _assert_complete(session.of_gateway("NBIRTH"))


def test_tck_id_topics_dbirth_metrics(session):
    _assert_complete(session.of_gateway("DBIRTH"))


def _assert_complete(births: list[Message]) -> None:
    assert births
    for birth in births:
        for metric in birth.payload.metrics:
            assert metric.name
            assert metric.datatype is not None
            assert metric.timestamp_ms is not None
            assert metric.is_null or metric.value is not None


def test_tck_id_topics_nbirth_metric_reqs(session):
    for message in session.of_gateway("NDATA"):
        declared = {m.alias for b in _born_under(session, message) if b.kind == "NBIRTH" for m in b.payload.metrics}
        assert {m.alias for m in message.payload.metrics} <= declared


def test_tck_id_topics_dbirth_metric_reqs(session):
    for message in session.of_gateway("DDATA"):
        declared = {
            m.alias for b in _born_under(session, message) if b.machine == message.machine for m in b.payload.metrics
        }
        assert {m.alias for m in message.payload.metrics} <= declared


def test_tck_id_topics_nbirth_bdseq_included(session):
    assert all(_metric(m, "bdSeq") is not None for m in session.of_gateway("NBIRTH"))


def test_tck_id_topics_nbirth_rebirth_metric(session):
    assert all(_metric(m, REBIRTH) is not None for m in session.of_gateway("NBIRTH"))


def test_tck_id_operational_behavior_data_commands_rebirth_name_aliases(session):
    for birth in session.of_gateway("NBIRTH"):
        assert _metric(birth, REBIRTH).alias is None
        assert _metric(birth, "bdSeq").alias is None


def test_tck_id_operational_behavior_data_commands_rebirth_datatype(session):
    assert {_metric(m, REBIRTH).datatype for m in session.of_gateway("NBIRTH")} == {DataType.BOOLEAN}


def test_tck_id_operational_behavior_data_commands_rebirth_value(session):
    assert {_metric(m, REBIRTH).value for m in session.of_gateway("NBIRTH")} == {False}


def test_tck_id_payloads_alias_uniqueness(session):
    for nbirth in session.of_gateway("NBIRTH"):
        births = _born_together(session, nbirth)
        aliases = [m.alias for b in births for m in b.payload.metrics if m.alias is not None]
        assert len(aliases) == len(set(aliases))
        assert len(births) == 1 + len(_connected_at(session, nbirth))


def test_tck_id_payloads_alias_birth_requirement(session):
    for birth in session.of_gateway(*BIRTHS):
        without = {m.name for m in birth.payload.metrics if m.alias is None}
        assert without <= {"bdSeq", REBIRTH}


def test_tck_id_payloads_metric_datatype_req(session):
    assert all(m.datatype is not None for b in session.of_gateway(*BIRTHS) for m in b.payload.metrics)


def test_tck_id_payloads_dbirth_order(session):
    for link in {m.link for m in session.of_gateway()}:
        kinds = [m.kind for m in session.of_gateway() if m.link == link]
        for before, after in pairwise(kinds):
            assert after != "DBIRTH" or before in BIRTHS


def test_tck_id_message_flow_device_birth_publish_nbirth_wait(session):
    for dbirth in session.of_gateway("DBIRTH"):
        assert any(m.link == dbirth.link and m.number < dbirth.number for m in session.of_gateway("NBIRTH"))


def test_tck_id_payloads_ddata_order(session):
    for message in session.of_gateway("DDATA"):
        births = _born_under(session, message)
        assert {b.machine for b in births} == {None, *_connected_at(session, births[0])}


# Data


def test_tck_id_payloads_alias_data_cmd_requirement(session):
    messages = session.of_gateway(*DATA)
    assert messages
    assert all(m.alias is not None and m.name is None for d in messages for m in d.payload.metrics)


def test_tck_id_payloads_name_birth_data_requirement(session):
    assert all(m.timestamp_ms is not None for d in session.of_gateway(*BIRTHS, *DATA) for m in d.payload.metrics)


def test_tck_id_payloads_metric_datatype_not_req(session):
    assert all(m.datatype is None for d in session.of_gateway(*DATA) for m in d.payload.metrics)


def test_tck_id_topics_ndata_timestamp(session):
    assert all(m.payload.timestamp_ms for m in session.of_gateway("NDATA"))


def test_tck_id_topics_ddata_timestamp(session):
    assert all(m.payload.timestamp_ms for m in session.of_gateway("DDATA"))


def test_tck_id_operational_behavior_data_publish_nbirth_order(session):
    _assert_chronological(session.of_gateway("NDATA"))


def test_tck_id_operational_behavior_data_publish_dbirth_order(session):
    _assert_chronological(session.of_gateway("DDATA"))


def _assert_chronological(messages: list[Message]) -> None:
    assert messages
    for message in messages:
        times = [m.timestamp_ms for m in message.payload.metrics if not m.is_historical]
        assert times == sorted(times)


def test_historical_and_live_metrics_never_share_a_payload(session):
    for message in session.of_gateway(*DATA):
        assert len({m.is_historical for m in message.payload.metrics}) == 1


# Rebirth


def test_tck_id_operational_behavior_data_commands_rebirth_action_1(session):
    """No data comes between the request and the birth: what follows the NCMD on the wire is a birth.

    A data message may already be on its way when the command arrives; the gateway's own answer to the command
    starts with NBIRTH and holds nothing else until the last DBIRTH.
    """
    births = session.of_gateway("NBIRTH", since="rebirth", until="cut")
    assert len(births) == 1
    after = [m for m in session.of_gateway(since="rebirth", until="cut") if m.number >= births[0].number]
    assert [m.kind for m in after[:3]] == ["NBIRTH", "DBIRTH", "DBIRTH"]


def test_tck_id_operational_behavior_data_commands_rebirth_action_2(session):
    kinds = [m.kind for m in session.of_gateway(*BIRTHS, since="rebirth", until="cut")]
    assert kinds == ["NBIRTH", "DBIRTH", "DBIRTH"]


def test_tck_id_operational_behavior_data_commands_rebirth_action_3(session):
    before = session.of_gateway("NBIRTH", until="rebirth")[-1]
    (after,) = session.of_gateway("NBIRTH", since="rebirth", until="cut")
    assert after.link == before.link
    assert _bd_seq(after.payload) == _bd_seq(before.payload)


# Properties


def test_eng_unit_is_a_string_property_of_every_feature(session):
    for birth in session.of_gateway("DBIRTH"):
        velocity = _metric(birth, "DE.H/velocity_rms")
        assert (velocity.properties["engUnit"].datatype, velocity.properties["engUnit"].value) == (
            DataType.STRING,
            "mm/s",
        )


def test_tck_id_payloads_propertyset_quality_value_value(session):
    for message in session.of_gateway(*BIRTHS, *DATA):
        for metric in message.payload.metrics:
            if "Quality" in metric.properties:
                assert metric.properties["Quality"].datatype == DataType.INT32
                assert metric.properties["Quality"].value in (0, 192, 500)
