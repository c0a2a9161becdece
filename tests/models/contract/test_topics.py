"""Topics and ids, row *topics* of wire.md 1."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract.errors import TopicError
from models.contract.topics import MessageType, Topic, check_id, parse_state_topic, parse_topic, state_topic

GATEWAY_TYPES = [t for t in MessageType if not t.of_machine and t is not MessageType.STATE]
MACHINE_TYPES = [t for t in MessageType if t.of_machine]


@pytest.mark.parametrize("message_type", GATEWAY_TYPES)
def test_tck_id_topic_structure_of_a_gateway(message_type: MessageType) -> None:
    topic = Topic("plant", message_type, "gateway-1")
    assert topic.text == f"spBv1.0/plant/{message_type.value}/gateway-1"
    assert parse_topic(topic.text) == topic


@pytest.mark.parametrize("message_type", MACHINE_TYPES)
def test_tck_id_topic_structure_of_a_machine(message_type: MessageType) -> None:
    topic = Topic("plant", message_type, "gateway-1", "pump 1")
    assert topic.text == f"spBv1.0/plant/{message_type.value}/gateway-1/pump 1"
    assert parse_topic(topic.text) == topic


def test_tck_id_host_topic_phid() -> None:
    assert state_topic("plantpulse") == "spBv1.0/STATE/plantpulse"
    assert parse_state_topic("spBv1.0/STATE/plantpulse") == "plantpulse"
    assert parse_state_topic("spBv1.0/plant/NDATA/gateway-1") is None


@pytest.mark.parametrize("bad", ["", "a/b", "a+", "#", "a\nb", "a\x00b", "x" * 129])
def test_tck_id_topic_structure_namespace_valid_ids(bad: str) -> None:
    """An id that MQTT would read as a wildcard or a level is refused when the configuration is read."""
    with pytest.raises(TopicError):
        check_id(bad)


def test_ids_may_use_any_script() -> None:
    assert check_id("Prüfstand-Ölpumpe 泵") == "Prüfstand-Ölpumpe 泵"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spBv1.0/plant/NDATA",
        "spAv1.0/plant/NDATA/gateway-1",
        "spBv1.0/plant/XDATA/gateway-1",
        "spBv1.0/plant/NDATA/gateway-1/pump-1",
        "spBv1.0/plant/DDATA/gateway-1",
        "spBv1.0/plant/DDATA/gateway-1/pump-1/more",
        "spBv1.0/plant/DDATA/gateway-1/",
        "spBv1.0/STATE/host/x",
        "spBv1.0/plant/STATE/gateway-1",
    ],
)
def test_what_is_no_topic_is_a_named_error(text: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(text)


@given(st.text(max_size=200))
def test_any_text_is_a_topic_or_a_named_error(text: str) -> None:
    for parse in (parse_topic, parse_state_topic):
        with contextlib.suppress(TopicError):
            parse(f"spBv1.0/{text}")
