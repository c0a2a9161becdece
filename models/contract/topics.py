"""Where a message goes: Sparkplug B topics and the ids in them.

An id is checked when the configuration is read (`check_id`), so that nothing is found out on the air; a topic that
arrives is taken apart by `parse_topic`, or by `parse_state_topic` for the host's own STATE.

Source: Sparkplug B 3.0.0, chapter 4, *Topics and Messages*.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.contract.errors import TopicError
from models.contract.limits import ID_CHARS

NAMESPACE: Final = "spBv1.0"
_FORBIDDEN: Final = "+#/"


class MessageType(StrEnum):
    """The kind of a Sparkplug message, as it stands in the topic."""

    NBIRTH = "NBIRTH"
    NDEATH = "NDEATH"
    NDATA = "NDATA"
    NCMD = "NCMD"
    DBIRTH = "DBIRTH"
    DDEATH = "DDEATH"
    DDATA = "DDATA"
    DCMD = "DCMD"
    STATE = "STATE"

    @property
    def of_machine(self) -> bool:
        """Return whether the topic names a machine (Sparkplug: device) below the gateway."""
        return self.value.startswith("D")


def check_id(text: str) -> str:
    """Return the id unchanged if Sparkplug and MQTT allow it.

    >>> check_id("pump-1")
    'pump-1'

    Raises:
        TopicError: empty, too long, or with one of ``+ # /`` or a control character.

    Source: tck-id-topic-structure-namespace-valid-group-id and its siblings for node, device and host ids.
    """
    if not text:
        raise TopicError("an id is empty: give a name without + # /")
    if len(text) > ID_CHARS:
        raise TopicError(f"id {text[:20]!r}… has {len(text)} characters: at most {ID_CHARS} are allowed")
    for character in text:
        if character in _FORBIDDEN:
            raise TopicError(f"id {text!r} contains {character!r}: MQTT forbids + # / in ids")
        if not character.isprintable():
            raise TopicError(f"id {text!r} contains a control character: use letters, digits, - and _")
    return text


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic of a message from or to a gateway or one of its machines.

    >>> Topic("plant", MessageType.DDATA, "gateway-1", "pump-1").text
    'spBv1.0/plant/DDATA/gateway-1/pump-1'

    Attributes:
        group: Sparkplug group, our site.
        message_type: any but STATE.
        gateway: Sparkplug edge node.
        machine: Sparkplug device, exactly for the D messages.
    """

    group: str
    message_type: MessageType
    gateway: str
    machine: str | None = None

    def __post_init__(self) -> None:
        check_id(self.group)
        check_id(self.gateway)
        if self.message_type is MessageType.STATE:
            raise TopicError("STATE belongs to a host, not to a gateway: use state_topic(host)")
        if self.group == MessageType.STATE:
            raise TopicError("a group cannot be called STATE: choose another name")
        if self.message_type.of_machine != (self.machine is not None):
            needs = "needs" if self.message_type.of_machine else "must not have"
            raise TopicError(f"{self.message_type} {needs} a machine id")
        if self.machine is not None:
            check_id(self.machine)

    @property
    def text(self) -> str:
        """Return the topic as it is published."""
        parts = [NAMESPACE, self.group, self.message_type.value, self.gateway]
        if self.machine is not None:
            parts.append(self.machine)
        return "/".join(parts)


def parse_topic(text: str) -> Topic:
    """Return the parts of a topic of a gateway or machine.

    >>> parse_topic("spBv1.0/plant/NCMD/gateway-1").gateway
    'gateway-1'

    Raises:
        TopicError: not a Sparkplug B topic, or one of STATE.
    """
    parts = text.split("/")
    if parts[0] != NAMESPACE or not 4 <= len(parts) <= 5:
        raise TopicError(f"topic {text[:100]!r} is not {NAMESPACE}/group/type/gateway[/machine]")
    try:
        message_type = MessageType(parts[2])
    except ValueError:
        raise TopicError(f"topic {text[:100]!r} has no Sparkplug message type in third place") from None
    return Topic(parts[1], message_type, parts[3], parts[4] if len(parts) == 5 else None)


def state_topic(host: str) -> str:
    """Return the topic of a host's birth and death.

    >>> state_topic("plantpulse")
    'spBv1.0/STATE/plantpulse'
    """
    return f"{NAMESPACE}/{MessageType.STATE}/{check_id(host)}"


def parse_state_topic(text: str) -> str | None:
    """Return the host id of a STATE topic, or None for every other topic.

    >>> parse_state_topic("spBv1.0/STATE/plantpulse")
    'plantpulse'

    Raises:
        TopicError: a STATE topic with a forbidden host id.
    """
    parts = text.split("/")
    if len(parts) != 3 or parts[:2] != [NAMESPACE, MessageType.STATE]:
        return None
    return check_id(parts[2])
