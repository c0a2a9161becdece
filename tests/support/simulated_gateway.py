"""A gateway as the cloud sees it: births, records and deaths as MQTT messages, made with the contract alone.

It keeps no promise and no state but sequence numbers, so that a test can say exactly what arrives, in which order,
twice, or never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from models.contract import metrics
from models.contract.encoding import Content, to_record, wire_metrics
from models.contract.facts import MachineFacts, format_facts
from models.contract.identity import record_id
from models.contract.metrics import MetricDefinition
from models.contract.records import RECORD_SCHEMA, MetricScalar
from models.contract.sparkplug import DataType, Metric, Payload, data_metric, encode_payload, metric_properties
from models.contract.topics import MessageType, Topic


@dataclass(frozen=True, slots=True)
class SimulatedMachine:
    """A device below the gateway; `features` are full names with units."""

    name: str
    asset_id: str
    facts: MachineFacts
    features: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """One MQTT message."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class SimulatedGateway:
    """Speaks Sparkplug B like ours does."""

    group: str
    name: str
    asset_id: str
    machines: Sequence[SimulatedMachine]
    incarnation: str = "2d9b3c64-6a0b-4c53-9d57-0f4f0a1b7e90"
    bd_seq: int = 0
    seq: int = 0
    sequence: int = 0
    first_alias: int = 1
    learning_since_ms: int = 0
    aliases: dict[tuple[str | None, str], tuple[int, DataType]] = field(default_factory=dict)

    def births(self, now_ms: int) -> list[Sent]:
        """Return NBIRTH and every DBIRTH; seq starts at 0."""
        self.seq = 0
        self.aliases.clear()
        own = (
            Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=self.bd_seq, timestamp_ms=now_ms),
            Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=False, timestamp_ms=now_ms),
        )
        values: dict[str, MetricScalar] = {
            metrics.OUTBOX_INCARNATION: self.incarnation,
            metrics.OUTBOX_SCHEMA_MAX: RECORD_SCHEMA,
            metrics.AGENT_VERSION: "0.1.0",
            metrics.CONFIG_HASH: "4f1c9a77",
        }
        classes = [machine.facts.machine_class for machine in self.machines]
        sent = [self._birth(None, metrics.node_metrics(classes), values, own, now_ms)]
        for machine in self.machines:
            values = {
                metrics.ASSET_ID: machine.asset_id,
                metrics.ASSET_FACTS: format_facts(machine.facts),
                metrics.LEARNING_SINCE: self.learning_since_ms,
            }
            sent.append(self._birth(machine.name, metrics.machine_metrics(machine.features), values, (), now_ms))
        return sent

    def _birth(
        self,
        machine: str | None,
        definitions: Sequence[MetricDefinition],
        values: Mapping[str, MetricScalar],
        own: tuple[Metric, ...],
        now_ms: int,
    ) -> Sent:
        declared = []
        for definition in definitions:
            alias = self.first_alias + len(self.aliases)
            self.aliases[machine, definition.name] = (alias, definition.datatype)
            declared.append(
                Metric(
                    name=definition.name,
                    alias=alias,
                    datatype=definition.datatype,
                    value=values.get(definition.name),
                    timestamp_ms=now_ms,
                    is_null=definition.name not in values,
                    properties=metric_properties(eng_unit=definition.eng_unit),
                )
            )
        kind = MessageType.NBIRTH if machine is None else MessageType.DBIRTH
        return self._send(kind, machine, (*own, *declared), now_ms)

    def record(self, content: Content, window: int, *, historical: bool = False, sequence: int | None = None) -> Sent:
        """Return the message of one record; `window` makes its id, `sequence` repeats a former number."""
        kind = to_record(content, record_id=0).kind
        record = to_record(content, record_id=record_id(content.asset_id, kind, 1, window))
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        data = []
        for metric in wire_metrics(record, sequence):
            alias, datatype = self.aliases[record.machine, metric.name]
            data.append(data_metric(alias, datatype, metric.value, metric.timestamp_ms, is_historical=historical))
        kind_of_message = MessageType.NDATA if record.machine is None else MessageType.DDATA
        return self._send(kind_of_message, record.machine, tuple(data), content.end_ns // 1_000_000)

    def death(self, now_ms: int, bd_seq: int | None = None) -> Sent:
        """Return the NDEATH of the session, or of another one."""
        number = self.bd_seq if bd_seq is None else bd_seq
        metric = Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=number, timestamp_ms=now_ms)
        topic = Topic(self.group, MessageType.NDEATH, self.name)
        return Sent(topic.text, encode_payload(Payload(timestamp_ms=now_ms, metrics=(metric,))))

    def device_death(self, machine: str, now_ms: int) -> Sent:
        """Return the DDEATH of one machine."""
        return self._send(MessageType.DDEATH, machine, (), now_ms)

    def _send(self, kind: MessageType, machine: str | None, content: tuple[Metric, ...], now_ms: int) -> Sent:
        payload = encode_payload(Payload(timestamp_ms=now_ms, seq=self.seq, metrics=content))
        self.seq = (self.seq + 1) % 256
        return Sent(Topic(self.group, kind, self.name, machine).text, payload)


@dataclass(slots=True)
class ForeignNode:
    """Somebody else's edge node: names instead of aliases, nothing of our contract."""

    group: str
    name: str
    bd_seq: int = 0
    seq: int = 0

    def birth(self, now_ms: int, values: Mapping[str, float]) -> Sent:
        """Return an NBIRTH that declares these metrics."""
        self.seq = 0
        own = Metric(name=metrics.BDSEQ, datatype=DataType.INT64, value=self.bd_seq, timestamp_ms=now_ms)
        return self._send(MessageType.NBIRTH, None, (own, *_doubles(values, now_ms)), now_ms)

    def device_birth(self, device: str, now_ms: int, values: Mapping[str, float]) -> Sent:
        """Return a DBIRTH that declares these metrics."""
        return self._send(MessageType.DBIRTH, device, _doubles(values, now_ms), now_ms)

    def data(self, now_ms: int, values: Mapping[str, float], device: str | None = None) -> Sent:
        """Return NDATA, or DDATA of a device."""
        kind = MessageType.NDATA if device is None else MessageType.DDATA
        return self._send(kind, device, _doubles(values, now_ms), now_ms)

    def _send(self, kind: MessageType, device: str | None, content: tuple[Metric, ...], now_ms: int) -> Sent:
        payload = encode_payload(Payload(timestamp_ms=now_ms, seq=self.seq, metrics=content))
        self.seq = (self.seq + 1) % 256
        return Sent(Topic(self.group, kind, self.name, device).text, payload)


def _doubles(values: Mapping[str, float], now_ms: int) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=name,
            datatype=DataType.DOUBLE,
            value=value,
            timestamp_ms=now_ms,
            properties=metric_properties(eng_unit="°C" if "temperature" in name else None),
        )
        for name, value in values.items()
    )
