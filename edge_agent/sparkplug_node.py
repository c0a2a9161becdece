"""The gateway as a Sparkplug B edge node: what it says and what it understands, without a network or a clock.

In order: `will` for a CONNECT, `births` once the commands are subscribed, `data` for each record of the outbox,
`read_command` for what the host writes, `death` before a clean disconnect. Aliases are given once, over the node and
all its machines, and stay for the life of the process; `seq` starts at 0 with every NBIRTH.

A machine is *connected* while its source delivers, which the agent says, and *alive* from its DBIRTH to its DDEATH.
Connected machines are born with the node, or when they come (back); one that is not connected dies once its records
have been sent. Records of a machine that is gone need its aliases: it is born for them, they go as history, and it
dies again.

Source: Sparkplug B 3.0.0, chapters 5 (operational behaviour) and 6 (payloads).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.contract import metrics
from models.contract.acknowledgement import parse_acknowledged, parse_rejected
from models.contract.encoding import wire_metrics
from models.contract.errors import ContractError, RecordError
from models.contract.kept_moment import parse_request
from models.contract.records import RECORD_SCHEMA
from models.contract.sparkplug import (
    DataType,
    Metric,
    Payload,
    data_metric,
    decode_payload,
    encode_payload,
    metric_properties,
)
from models.contract.topics import MessageType, Topic, parse_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from models.contract.acknowledgement import Ranges
    from models.contract.kept_moment import MomentRequest
    from models.contract.metrics import MetricDefinition
    from models.contract.records import MetricScalar, Record
    from models.contract.vocabulary import RejectReason

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: what a calendar can show."""
SEQ_RANGE: Final = 256
"""seq and bdSeq run from 0 to 255 (6.4.5)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication; never retained."""

    topic: str
    payload: bytes
    qos: int


@dataclass(frozen=True, slots=True)
class Rebirth:
    """The host asks for all births again."""


@dataclass(frozen=True, slots=True)
class AcknowledgedCommand:
    """The host has stored these."""

    incarnation: str
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class RejectedCommand:
    """The host has put these into quarantine (and acknowledges them separately)."""

    incarnation: str
    rejected: Mapping[RejectReason, Ranges]


@dataclass(frozen=True, slots=True)
class EvidenceWanted:
    """The host asks for the kept moment of an alarm."""

    request: MomentRequest


@dataclass(frozen=True, slots=True)
class RelearnWanted:
    """What is normal of a machine is to be learnt from data after this time, ms UTC."""

    machine: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host says of itself.

    Attributes:
        online: whether it is there.
        timestamp_ms: of its CONNECT.
    """

    online: bool
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class IgnoredCommand:
    """Something that is not for us or cannot be read; counted."""

    reason: str


Command = Rebirth | AcknowledgedCommand | RejectedCommand | EvidenceWanted | RelearnWanted | IgnoredCommand


@dataclass(slots=True)
class _Declared:
    """One metric of a birth: what it is, and the last value with its time."""

    definition: MetricDefinition
    alias: int
    value: MetricScalar | None = None
    timestamp_ms: int | None = None


class SparkplugNode:
    """Builds and reads this gateway's messages.

    Args:
        group, gateway: Sparkplug group and edge node id.
        machines: name of each machine → its metrics.
        machine_classes: of the machines, for the node's model metrics.
    """

    def __init__(
        self,
        group: str,
        gateway: str,
        machines: Mapping[str, Sequence[MetricDefinition]],
        machine_classes: Sequence[str],
    ) -> None:
        self._group = group
        self._gateway = gateway
        self._connected: set[str] = set()
        self._alive: set[str] = set()
        self._born_for_history: set[str] = set()
        self._seq = 0
        aliases = iter(range(1, 1 << 62))
        self._node = _declare(metrics.node_metrics(machine_classes), aliases)
        self._machines = {name: _declare(definitions, aliases) for name, definitions in machines.items()}
        self._node_by_alias = {declared.alias: name for name, declared in self._node.items()}

    @property
    def command_topics(self) -> tuple[str, ...]:
        """Return what to subscribe to, with QoS 1, before the birth."""
        return (
            Topic(self._group, MessageType.NCMD, self._gateway).text,
            *(Topic(self._group, MessageType.DCMD, self._gateway, name).text for name in self._machines),
        )

    def connect(self, machine: str) -> None:
        """Say that a machine's source delivers."""
        self._connected.add(machine)
        self._born_for_history.discard(machine)

    def disconnect(self, machine: str) -> None:
        """Say that a machine's source has ended or failed."""
        self._connected.discard(machine)

    def bear_again(self, machine: str) -> None:
        """Say that what the last birth said of a machine is not true any more; its DBIRTH is due."""
        self._alive.discard(machine)

    @property
    def unborn(self) -> tuple[str, ...]:
        """Return the machines that are connected and not alive: their DBIRTH is due."""
        return tuple(name for name in self._machines if name in self._connected - self._alive)

    @property
    def dying(self) -> tuple[str, ...]:
        """Return the machines that are alive and not connected: their DDEATH is due once their records are sent."""
        return tuple(name for name in self._machines if name in self._alive - self._connected)

    @property
    def absent(self) -> frozenset[str]:
        """Return the machines that are neither connected nor alive."""
        return frozenset(self._machines.keys() - self._connected - self._alive)

    def set_value(self, machine: str | None, name: str, value: MetricScalar, now_ms: int) -> None:
        """Remember a value for the next birth; `machine` is None for the node itself."""
        declared = (self._node if machine is None else self._machines[machine])[name]
        declared.value = value
        declared.timestamp_ms = now_ms

    def will(self, bd_seq: int, now_ms: int) -> Message:
        """Return the death that the broker publishes for us."""
        payload = Payload(timestamp_ms=now_ms, metrics=(_bd_seq(bd_seq, now_ms),))
        return Message(Topic(self._group, MessageType.NDEATH, self._gateway).text, encode_payload(payload), qos=1)

    def death(self, bd_seq: int, now_ms: int) -> Message:
        """Return the death to publish before a clean disconnect: the same as the will."""
        return self.will(bd_seq, now_ms)

    def births(self, bd_seq: int, incarnation: str, now_ms: int) -> list[Message]:
        """Return the NBIRTH and the DBIRTH of every connected machine; seq starts again at 0."""
        self.set_value(None, metrics.OUTBOX_INCARNATION, incarnation, now_ms)
        self.set_value(None, metrics.OUTBOX_SCHEMA_MAX, RECORD_SCHEMA, now_ms)
        self._seq = 0
        own = (
            _bd_seq(bd_seq, now_ms),
            Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp_ms=now_ms),
        )
        messages = [self._message(MessageType.NBIRTH, None, own + _born(self._node, now_ms), now_ms)]
        self._alive.clear()
        self._born_for_history.clear()
        messages += [self.machine_birth(name, now_ms) for name in self.unborn]
        return messages

    def machine_birth(self, machine: str, now_ms: int) -> Message:
        """Return a DBIRTH; the machine is alive with it."""
        self._alive.add(machine)
        if machine not in self._connected:
            self._born_for_history.add(machine)
        return self._message(MessageType.DBIRTH, machine, _born(self._machines[machine], now_ms), now_ms)

    def machine_death(self, machine: str, now_ms: int) -> Message:
        """Return a DDEATH.

        Source: tck-id-operational-behavior-device-ddeath, tck-id-payloads-ddeath-timestamp and -seq.
        """
        self._alive.discard(machine)
        self._born_for_history.discard(machine)
        return self._message(MessageType.DDEATH, machine, (), now_ms)

    def data(self, sequence: int, record: Record, *, is_historical: bool, now_ms: int) -> Message:
        """Return the message of one record, and remember its values for the next birth.

        The record's machine must be alive. What a machine is born for after its end is history, whenever it was made.

        Raises:
            RecordError: of a machine or with a metric that no birth declares; such a record can never be sent.
        """
        declared = self._node if record.machine is None else self._machines.get(record.machine)
        if declared is None:
            raise RecordError(f"record of machine {record.machine!r}, which is not configured any more")
        is_historical = is_historical or record.machine in self._born_for_history
        content: list[Metric] = []
        for metric in wire_metrics(record, sequence):
            one = declared.get(metric.name)
            if one is None:
                raise RecordError(f"metric {metric.name!r} of a record is not declared in the birth")
            content.append(_datum(one, metric.value, metric.timestamp_ms, is_historical=is_historical))
        kind = MessageType.NDATA if record.machine is None else MessageType.DDATA
        return self._message(kind, record.machine, tuple(content), now_ms)

    def read_command(self, topic: str, payload: bytes) -> list[Command]:
        """Return what the host wants; anything unreadable becomes an `IgnoredCommand`, never an exception."""
        try:
            parsed = parse_topic(topic)
            if parsed.message_type is MessageType.DCMD:
                content = decode_payload(payload).metrics
                return [self._machine_command(parsed.machine or "", metric) for metric in content]
            if parsed.message_type is not MessageType.NCMD:
                return [IgnoredCommand(f"not a command: {parsed.message_type}")]
            content = decode_payload(payload).metrics
        except ContractError as error:
            return [IgnoredCommand(str(error))]
        return [self._command(metric) for metric in content]

    def _command(self, metric: Metric) -> Command:
        name = metric.name or self._node_by_alias.get(metric.alias or 0, "")
        value = metric.value
        try:
            if name == metrics.REBIRTH:
                return Rebirth() if value is True else IgnoredCommand("rebirth: false")
            if name == metrics.OUTBOX_ACKNOWLEDGED and isinstance(value, str):
                return AcknowledgedCommand(*parse_acknowledged(value))
            if name == metrics.OUTBOX_REJECTED and isinstance(value, str):
                return RejectedCommand(*parse_rejected(value))
            if name == metrics.EVIDENCE_REQUEST and isinstance(value, str):
                return EvidenceWanted(parse_request(value))
        except ContractError as error:
            return IgnoredCommand(str(error))
        return IgnoredCommand(f"{name or 'an unknown alias'} cannot be written")

    def _machine_command(self, machine: str, metric: Metric) -> Command:
        declared = self._machines.get(machine, {})
        name = metric.name or next((name for name, one in declared.items() if one.alias == metric.alias), "")
        value = metric.value
        if name == metrics.LEARNING_SINCE and declared and isinstance(value, int) and 0 <= value <= LATEST_MS:
            return RelearnWanted(machine, int(value))
        return IgnoredCommand(f"{name or 'an unknown alias'} of machine {machine!r} cannot be written")

    def _message(self, kind: MessageType, machine: str | None, content: tuple[Metric, ...], now_ms: int) -> Message:
        payload = encode_payload(Payload(timestamp_ms=now_ms, seq=self._seq, metrics=content))
        self._seq = (self._seq + 1) % SEQ_RANGE
        return Message(Topic(self._group, kind, self._gateway, machine).text, payload, qos=0)


def read_host_state(payload: bytes) -> HostState | None:
    """Return what a STATE message says, or None if it cannot be read.

    Source: tck-id-host-topic-phid-birth-payload.
    """
    try:
        said = json.loads(payload)
        online, timestamp_ms = said["online"], said["timestamp"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(online, bool) or not isinstance(timestamp_ms, int):
        return None
    return HostState(online, timestamp_ms)


def _declare(definitions: Sequence[MetricDefinition], aliases: Iterator[int]) -> dict[str, _Declared]:
    return {definition.name: _Declared(definition, next(aliases)) for definition in definitions}


def _bd_seq(number: int, now_ms: int) -> Metric:
    return Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=number, timestamp_ms=now_ms)


def _born(declared: Mapping[str, _Declared], now_ms: int) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=name,
            alias=one.alias,
            datatype=one.definition.datatype,
            value=one.value,
            timestamp_ms=now_ms if one.timestamp_ms is None else one.timestamp_ms,
            is_null=one.value is None,
            properties=metric_properties(eng_unit=one.definition.eng_unit),
        )
        for name, one in declared.items()
    )


def _datum(one: _Declared, value: MetricScalar | None, timestamp_ms: int, *, is_historical: bool) -> Metric:
    # Records are read back in order of priority, not of time: a birth must not go back to an older value. What is
    # large is told once, by its record, and not again with every birth.
    is_large = one.definition.datatype is DataType.BYTES or one.definition.name == metrics.ALARM_RECORD
    if not is_large and (one.timestamp_ms is None or timestamp_ms >= one.timestamp_ms):
        one.value = value
        one.timestamp_ms = timestamp_ms
    return data_metric(one.alias, one.definition.datatype, value, timestamp_ms, is_historical=is_historical)
