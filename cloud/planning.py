"""From messages to a batch: what each message means and where it belongs. No store is touched here.

In this order, for each message: topic, payload, the Sparkplug conversation (`sparkplug_host`), then the record in it:
is it new, whose is it, can it be read, is it in bounds. What cannot be used becomes a quarantine entry with its
reason; nothing that comes from outside can raise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cloud.admission import (
    MAX_SEQUENCE,
    TEXT_CHARS,
    RefusedRecordError,
    content_of,
    facts_of,
    finite,
    reading_of,
    sequence_of,
    short_text,
)
from cloud.batch import (
    Batch,
    DeviceBorn,
    DeviceDied,
    NodeBorn,
    NodeDied,
    OutboxKey,
    QuarantineEntry,
    StoredAlarm,
    StoredPart,
    gateway_id,
)
from cloud.event_hub import Change, Subject
from cloud.sparkplug_outcomes import Born, Died, Gap, Heard, Incoming, NodeId, Outcome, RebirthWanted, Refused
from cloud.trends.store import StoredSummary
from models.contract import metrics
from models.contract.acknowledgement import Ranges
from models.contract.errors import ContractError, RecordError, TopicError
from models.contract.records import AlarmReport, EvidencePart, GatewayHealth, Summary
from models.contract.sparkplug import decode_payload
from models.contract.topics import parse_state_topic, parse_topic
from models.contract.vocabulary import RejectReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloud.sparkplug_host import SparkplugHost
    from models.contract.encoding import Content

FIRST_BYTES: Final = 1_024
"""How much of garbage is kept, for people to recognise what it is."""

_NOTHING: Final = Ranges()
_RECORD_NAMES: Final = frozenset(definition.name for definition in metrics.RECORD_METRICS)


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message as it came."""

    topic: str
    payload: bytes
    retained: bool
    received_ms: int


@dataclass(frozen=True, slots=True)
class Connected:
    """A session with the broker begins; every message after it belongs to it."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session with the broker ended; messages may be missing after it."""


Arrival = Message | Connected | Disconnected


@dataclass(slots=True)
class _Node:
    """What the births of one edge node said that records are checked against."""

    incarnation: str | None
    machines: dict[str, str] = field(default_factory=dict)


class Planner:
    """Turns arrivals into batches; remembers births and which records are stored."""

    def __init__(self, host: SparkplugHost, received: Mapping[OutboxKey, Ranges]) -> None:
        self._host = host
        self._received = dict(received)
        self._nodes: dict[NodeId, _Node] = {}

    def remember(self, births: Sequence[Born]) -> None:
        """Take up what the births of a former process said."""
        for born in births:
            self._note_birth(born)

    def incarnation(self, node: NodeId) -> str | None:
        """Return the incarnation of a gateway's outbox, None for a foreign node."""
        known = self._nodes.get(node)
        return known.incarnation if known else None

    def stored(self, batch: Batch) -> None:
        """Remember which records a batch has stored; call it after the commit, not before."""
        for key, numbers in batch.received.items():
            self._received[key] = self._received.get(key, Ranges()).union(Ranges.of(numbers))

    def ranges(self, batch: Batch) -> dict[OutboxKey, tuple[Ranges, Ranges]]:
        """Return for each outbox in a batch what was stored before it and what will be after it."""
        before = {key: self._received.get(key, Ranges()) for key in batch.received}
        return {key: (before[key], before[key].union(Ranges.of(batch.received[key]))) for key in before}

    def plan(self, arrivals: Sequence[Arrival], now_ms: int) -> Batch:
        """Return what arrivals, and the time that passed, want stored."""
        batch = Batch()
        for arrival in arrivals:
            if isinstance(arrival, Message):
                try:
                    self._take(batch, arrival, now_ms)
                except Exception as error:  # noqa: BLE001 - a defect of ours that one message meets must not stop the others, and its sender would send it for ever
                    refusal = RefusedRecordError(RejectReason.MALFORMED, f"not foreseen: {error!r}")
                    self._quarantine(batch, _entry(arrival.topic, None, arrival.payload, refusal, now_ms))
            elif isinstance(arrival, Connected):
                self._host.connection_made(now_ms)
            else:
                self._host.connection_lost()
        for outcome in self._host.tick(now_ms):
            self._follow(batch, outcome, now_ms)
        for node, change in batch.gateways.items():
            change.seq = self._host.last_seq(node)
        return batch

    def _take(self, batch: Batch, message: Message, now_ms: int) -> None:
        node = None
        try:
            if parse_state_topic(message.topic) is not None:
                return
            topic = parse_topic(message.topic)
            node = NodeId(topic.group, topic.gateway)
            if message.retained:
                raise RecordError("retained, which Sparkplug forbids for all but STATE")
            incoming = Incoming(topic, decode_payload(message.payload), message.payload, message.received_ms)
        except ContractError as error:
            # A topic that is not Sparkplug's names nobody; a gateway that is not known yet gets no row for garbage.
            reason = RejectReason.UNKNOWN_MACHINE if isinstance(error, TopicError) else RejectReason.MALFORMED
            refusal = RefusedRecordError(reason, str(error))
            self._quarantine(batch, _entry(message.topic, node, message.payload, refusal, message.received_ms))
            return
        for outcome in self._host.receive(incoming, now_ms):
            self._follow(batch, outcome, now_ms)

    def _follow(self, batch: Batch, outcome: Outcome, now_ms: int) -> None:
        match outcome:
            case Born():
                batch.change(outcome.node, outcome.incoming.received_ms)
                self._birth(batch, outcome)
            case Heard():
                batch.change(outcome.node, outcome.incoming.received_ms)
                known = self._nodes.get(outcome.node)
                if known is not None and known.incarnation is not None:
                    self._record(batch, outcome, known, known.incarnation)
                else:
                    self._readings(batch, outcome)
            case Died():
                gone = NodeDied(outcome.node) if outcome.machine is None else DeviceDied(outcome.node, outcome.machine)
                batch.lifecycle.append(gone)
                self._touch(batch, outcome.node)
            case Gap():
                batch.change(outcome.node, now_ms).sequence_gaps += 1
            case RebirthWanted():
                batch.rebirths.append(outcome.node)
                if outcome.node in self._nodes:
                    batch.change(outcome.node, now_ms).rebirths += 1
            case Refused(incoming, reason, detail):
                node = NodeId(incoming.topic.group, incoming.topic.gateway)
                refusal = RefusedRecordError(reason, detail)
                self._quarantine(batch, _entry(incoming.topic.text, node, incoming.raw, refusal, incoming.received_ms))

    def _touch(self, batch: Batch, node: NodeId) -> None:
        """Have the pages told about a gateway and its machines."""
        batch.changes.add(Change(Subject.GATEWAY, gateway_id(node)))
        known = self._nodes.get(node)
        batch.changes |= {Change(Subject.MACHINE, asset_id) for asset_id in (known.machines if known else {}).values()}

    def _note_birth(self, born: Born) -> None:
        """Remember incarnation and asset ids."""
        values = {metric.name: metric.value for metric in born.metrics}
        if born.machine is None:
            self._nodes[born.node] = _Node(short_text(values.get(metrics.OUTBOX_INCARNATION), 64))
        elif (asset_id := short_text(values.get(metrics.ASSET_ID), 64)) is not None and born.node in self._nodes:
            self._nodes[born.node].machines[born.machine] = asset_id

    def _birth(self, batch: Batch, born: Born) -> None:
        self._note_birth(born)
        node, incoming = born.node, born.incoming
        known = self._nodes[node]
        values = {metric.name: metric.value for metric in born.metrics}
        if born.machine is None:
            version = short_text(values.get(metrics.AGENT_VERSION), TEXT_CHARS)
            config_hash = short_text(values.get(metrics.CONFIG_HASH), TEXT_CHARS)
            batch.lifecycle.append(
                NodeBorn(node, born.bd_seq, known.incarnation, version, config_hash, incoming.raw, incoming.received_ms)
            )
        else:
            asset_id = known.machines.get(born.machine) if known.incarnation is not None else None
            facts, problem = facts_of(values.get(metrics.ASSET_FACTS)) if asset_id else (None, None)
            features = tuple(
                (metric.name, metric.eng_unit)
                for metric in born.metrics
                if asset_id is not None and metric.name + metrics.MAX_SUFFIX in values
            )
            raw, at_ms = incoming.raw, incoming.received_ms
            since = values.get(metrics.LEARNING_SINCE)
            batch.lifecycle.append(
                DeviceBorn(
                    node,
                    born.machine,
                    born.bd_seq,
                    asset_id,
                    facts,
                    features,
                    since if isinstance(since, int) else 0,
                    raw,
                    at_ms,
                )
            )
            if problem is not None:
                refusal = RefusedRecordError(RejectReason.MALFORMED, problem)
                self._quarantine(batch, _entry(incoming.topic.text, node, raw, refusal, at_ms))
        if known.incarnation is None or born.machine is None:
            kept = (metric for metric in born.metrics if metric.value is not None)
            batch.readings += [reading_of(node, born.machine, metric, 0, kept=False) for metric in kept]
        self._touch(batch, node)

    def _readings(self, batch: Batch, heard: Heard) -> None:
        """Keep the metrics of a foreign edge node."""
        tie = heard.bd_seq << 8 | heard.seq
        batch.readings += [reading_of(heard.node, heard.machine, metric, tie) for metric in heard.metrics]
        batch.changes.add(Change(Subject.GATEWAY, gateway_id(heard.node)))

    def _record(self, batch: Batch, heard: Heard, known: _Node, incarnation: str) -> None:
        """Take one record of ours: new or not, whose, readable, in bounds."""
        key = (heard.node, incarnation)
        sequence = sequence_of(heard)
        if sequence is None:
            refusal = RefusedRecordError(RejectReason.MALFORMED, "data without Outbox/Sequence")
            self._refuse(batch, heard, key, None, refusal)
            return
        batch.acknowledge[key].append(sequence)
        if sequence in self._received.get(key, _NOTHING) or sequence in batch.received[key]:
            batch.gateways[heard.node].duplicate += 1
            return
        try:
            asset_id = known.machines.get(heard.machine) if heard.machine is not None else None
            record_id, content = content_of(heard, asset_id)
        except RefusedRecordError as refused:
            self._refuse(batch, heard, key, sequence, refused)
            return
        batch.received[key].add(sequence)
        self._keep(batch, heard, content, record_id, sequence)

    def _keep(
        self,
        batch: Batch,
        heard: Heard,
        content: Content,
        record_id: int,
        sequence: int,
    ) -> None:
        """Put content that can be used where it will be written from."""
        late = any(metric.is_historical for metric in heard.metrics)
        at_ms, change = heard.incoming.received_ms, batch.gateways[heard.node]
        change.stored += 1
        match content:
            case Summary():
                usable = replace(
                    content,
                    score=finite(content.score),
                    health_index=finite(content.health_index),
                    learning_progress=finite(content.learning_progress) or 0.0,
                )
                batch.summaries.append((heard.node, StoredSummary(usable, record_id, sequence, late, at_ms)))
                batch.changes.add(Change(Subject.MACHINE, content.asset_id))
            case AlarmReport():
                batch.alarms.append(StoredAlarm(heard.node, content, record_id, late, at_ms))
            case EvidencePart():
                batch.parts.append(StoredPart(heard.node, content, at_ms))
            case GatewayHealth():
                if change.health is None or content.end_ns >= change.health.end_ns:
                    change.health = content
                batch.readings += [
                    reading_of(heard.node, None, metric, sequence)
                    for metric in heard.metrics
                    if metric.name not in _RECORD_NAMES
                ]
                batch.changes.add(Change(Subject.GATEWAY, gateway_id(heard.node)))

    def _refuse(
        self, batch: Batch, heard: Heard, key: OutboxKey, sequence: int | None, refusal: RefusedRecordError
    ) -> None:
        """Put a record into quarantine: whole, because it will be acknowledged and its gateway will forget it."""
        kept = sequence if sequence is not None and sequence <= MAX_SEQUENCE else None
        if kept is not None:
            batch.received[key].add(kept)
        if sequence is not None:
            batch.rejected.setdefault(key, defaultdict(list))[refusal.reason].append(sequence)
        incoming = heard.incoming
        self._quarantine(
            batch,
            _entry(incoming.topic.text, heard.node, incoming.raw, refusal, incoming.received_ms, sequence=kept),
        )

    def _quarantine(self, batch: Batch, entry: QuarantineEntry) -> None:
        """Put a message into quarantine; only a node that was ever born gets a count of its own."""
        if entry.node is not None and entry.node in self._nodes:
            batch.change(entry.node, entry.at_ms).quarantined += 1
            batch.changes.add(Change(Subject.GATEWAY, gateway_id(entry.node)))
        else:
            entry = replace(entry, node=None)
        batch.quarantine.append(entry)


def _entry(
    topic: str,
    node: NodeId | None,
    raw: bytes,
    refusal: RefusedRecordError,
    at_ms: int,
    *,
    sequence: int | None = None,
) -> QuarantineEntry:
    """Return a quarantine entry: the whole payload of a record, the first bytes of everything else."""
    payload = raw[:FIRST_BYTES] if sequence is None else raw
    detail = str(refusal)[:1_000]
    return QuarantineEntry(at_ms, topic[:1_000], node, refusal.reason, detail, sequence, len(raw), payload)
