"""What the Sparkplug B 3.0 specification asks of a host application, seen from outside on a real broker."""

from __future__ import annotations

import json

import pytest
from support.mqtt_tap import PacketType

from models.contract.sparkplug import DataType

from .conftest import GATEWAY, GROUP, HOST

pytestmark = pytest.mark.needs("mosquitto")

STATE_TOPIC = f"spBv1.0/STATE/{HOST}"


def _links(session):
    return sorted({p.link for p in session.host})


def test_tck_id_payloads_state_will_message(session):
    assert {p.publication.topic for p in session.connects("host")} == {STATE_TOPIC}


def test_tck_id_payloads_state_will_message_qos(session):
    assert {p.publication.qos for p in session.connects("host")} == {1}


def test_tck_id_payloads_state_will_message_retain(session):
    assert {p.publication.retain for p in session.connects("host")} == {True}


def test_tck_id_payloads_state_will_message_payload(session):
    for connect in session.connects("host"):
        will = json.loads(connect.publication.payload)
        assert set(will) == {"online", "timestamp"}
        assert will["online"] is False
        assert isinstance(will["timestamp"], int)


def test_tck_id_message_flow_phid_sparkplug_clean_session_311(session):
    assert {(p.protocol_level, p.clean_session) for p in session.connects("host")} == {(4, True)}


def test_tck_id_host_topic_phid_birth_message(session):
    for link in _links(session):
        first = next(p for p in session.host if p.link == link and p.type == PacketType.PUBLISH and p.direction == "up")
        assert first.publication.topic == STATE_TOPIC


def test_tck_id_host_topic_phid_birth_qos(session):
    assert {p.publication.qos for p in session.states()} == {1}


def test_tck_id_host_topic_phid_birth_retain(session):
    assert {p.publication.retain for p in session.states()} == {True}


def test_tck_id_host_topic_phid_birth_payload(session):
    for packet in session.states(until="stopped"):
        state = json.loads(packet.publication.payload)
        assert set(state) == {"online", "timestamp"}
        assert state["online"] is True


def test_tck_id_payloads_state_birth_payload(session):
    """The birth repeats the timestamp of the will of its connection (Sparkplug 3.0.0, 6.4.27)."""
    for connect in session.connects("host"):
        will = json.loads(connect.publication.payload)
        first = next(p for p in session.states() if p.link == connect.link)
        assert json.loads(first.publication.payload)["timestamp"] == will["timestamp"]


def test_tck_id_message_flow_phid_sparkplug_subscription(session):
    for link in _links(session):
        packets = [p for p in session.host if p.link == link and p.direction == "up"]
        first_publish = next(i for i, p in enumerate(packets) if p.type == PacketType.PUBLISH)
        subscribed = {f for p in packets[:first_publish] for f, _ in p.subscriptions}
        assert any(f in ("spBv1.0/#", STATE_TOPIC) for f in subscribed)
        assert any(f == "spBv1.0/#" or f.startswith(f"spBv1.0/{GROUP}/") for f in subscribed)


def test_tck_id_message_flow_hid_sparkplug_state_message_delivered(session):
    corrections = session.states(since="offline", until="host_killed")
    assert corrections
    assert json.loads(corrections[0].publication.payload)["online"] is True


def test_tck_id_host_topic_phid_death_required(session):
    states = [json.loads(m.payload)["online"] for m in session.seen if m.topic == STATE_TOPIC]
    # online, the lie and its correction, death by kill and return twice, and the ordinary end
    assert states[0] is True
    assert states[-1] is False
    assert states.count(False) >= 4


def test_tck_id_operational_behavior_host_application_death_payload(session):
    last = session.states(since="stopped")[-1]
    assert json.loads(last.publication.payload)["online"] is False


def test_tck_id_operational_behavior_host_application_disconnect_intentional(session):
    """Nothing is published between death and DISCONNECT; the receipt for the broker's own delivery may be."""
    last = [p for p in session.host if p.direction == "up" and p.type != PacketType.PUBACK][-2:]
    assert last[0].publication.topic == STATE_TOPIC
    assert last[1].type == PacketType.DISCONNECT


def test_tck_id_topics_ncmd_topic(session):
    assert {m.topic for m in session.of_host("NCMD")} == {f"spBv1.0/{GROUP}/NCMD/{GATEWAY}"}


def test_tck_id_topics_ncmd_mqtt(session):
    assert {(m.qos, m.retain) for m in session.of_host("NCMD", "DCMD")} == {(0, False)}


def test_tck_id_topics_ncmd_timestamp(session):
    assert all(m.payload.timestamp_ms for m in session.of_host("NCMD"))


def test_tck_id_payloads_ncmd_seq(session):
    assert all(m.payload.seq is None for m in session.of_host("NCMD", "DCMD"))


def test_tck_id_operational_behavior_data_commands_ncmd_metric_name(session):
    """Commands use the alias that the birth declared; only Rebirth, which has none, goes by name."""
    aliases = {m.alias for b in session.of_gateway("NBIRTH") for m in b.payload.metrics if m.alias is not None}
    for command in session.of_host("NCMD"):
        for metric in command.payload.metrics:
            assert metric.name == "Node Control/Rebirth" or (metric.name is None and metric.alias in aliases)


def test_tck_id_operational_behavior_host_reordering_rebirth(session):
    (request, *_) = [m for m in session.of_host("NCMD", since="lost", until="offline") if _is_rebirth(m)]
    (metric,) = request.payload.metrics
    assert metric.datatype == DataType.BOOLEAN


def test_tck_id_operational_behavior_data_commands_ncmd_rebirth_value(session):
    requests = [m for m in session.of_host("NCMD") if _is_rebirth(m)]
    assert requests
    assert all(metric.value is True for m in requests for metric in m.payload.metrics)


def _is_rebirth(message) -> bool:
    return any(metric.name == "Node Control/Rebirth" for metric in message.payload.metrics)


def test_rebirth_requests_are_rate_limited(session):
    """One gap asks once: the gateway answers with a whole birth, and a fleet must not be made to shout."""
    requests = [m for m in session.of_host("NCMD") if _is_rebirth(m)]
    lost, forgotten = session.marks["lost"][1], max(m.link for m in requests)
    assert len([m for m in requests if m.number >= lost and m.link == 0]) == 1
    assert len([m for m in requests if m.link == forgotten]) == 1


def test_a_stored_birth_survives_a_restart_of_the_host(session):
    """The cloud keeps the last birth on disk: back with its stores it understands aliases without a new birth."""
    links = sorted({p.link for p in session.connects("host")})
    returned = links[1]
    commands = [m for m in session.of_host("NCMD") if m.link == returned]
    assert commands, "nothing was acknowledged after the restart"


def test_tck_id_operational_behavior_edge_node_termination_host_action_ndeath_node_offline(session):
    assert [g["online"] for g in session.stale["gateways"]] == [False]


def test_tck_id_operational_behavior_edge_node_termination_host_action_ndeath_devices_tags_stale(session):
    assert [m["stale"] for m in session.stale["machines"]] == [True, True, True]


def test_tck_id_operational_behavior_edge_node_termination_host_action_ddeath_devices_tags_stale(session):
    """One machine died; the others of its node did not."""
    stale = {machine["name"]: machine["stale"] for machine in session.after_ddeath}
    assert stale == {"pump-1": False, "pump-2": False, "press-3": True}


def test_acknowledgements_come_only_after_a_birth_is_known(session):
    for link in _links(session):
        packets = [p for p in session.host if p.link == link]
        first = next(
            (
                i
                for i, p in enumerate(packets)
                if p.direction == "up"
                and p.publication
                and p.type == PacketType.PUBLISH
                and "/NCMD/" in p.publication.topic
            ),
            None,
        )
        assert first is None or first > 0
