"""The Sparkplug host application's memory of every edge node: pure, no network, no clock, no store.

A message arrives (`receive`), time passes (`tick`), our own connection breaks (`connection_lost`); each returns what
follows from it, as a list of `Outcome`. In this order: births give names to aliases, sequence numbers show what is
missing, late ones get a short time to turn up, and then a rebirth is asked for.

When data is believed: an alias means what the last birth said. A gap whose missing numbers include 0 may have
swallowed a birth, so nothing after it is believed until the node is born again. Any other gap cannot have, so data
goes on while the rebirth is asked for. After a restart, or after our own connection broke, any gap may hide a birth.

Source: Sparkplug B 3.0.0, sections 5.4 (sequence numbers), 5.5 (host applications) and 6.4 (payloads).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloud.sparkplug_outcomes import (
    Born,
    Died,
    Gap,
    Heard,
    Incoming,
    NamedMetric,
    NodeId,
    Outcome,
    RebirthWanted,
    Refused,
)
from models.contract import metrics
from models.contract.sparkplug import (
    DataType,
    Metric,
    Payload,
    metric_eng_unit,
    metric_quality,
    typed_value,
)
from models.contract.topics import MessageType, Topic
from models.contract.vocabulary import Quality, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


SEQ_RANGE: Final = 256
MAX_HELD: Final = 64
FIRST_REBIRTH_MS: Final = 2_000
LAST_REBIRTH_MS: Final = 60_000
"""Rebirths of one node are asked for at most this often: doubling from the first to the last."""
SILENCE_MS: Final = 150_000
"""A node whose death we may have missed and that says nothing for this long is asked; ours speak every minute."""


@dataclass(frozen=True, slots=True)
class _Declared:
    name: str
    alias: int | None
    datatype: DataType | None
    eng_unit: str | None


@dataclass(slots=True)
class _Declarations:
    """What one birth declared."""

    by_alias: dict[int, _Declared] = field(default_factory=dict)
    by_name: dict[str, _Declared] = field(default_factory=dict)


@dataclass(slots=True)
class _Session:
    """One node as we know it.

    Attributes:
        bd_seq: of the birth in force; None before the first.
        next_seq: what is to come.
        believed: aliases mean what the birth said.
        doubtful: we may have missed messages without noticing; the next number that fits settles it.
        rebirth_wanted: why, until the node is born.
    """

    online: bool = False
    bd_seq: int | None = None
    next_seq: int = 0
    believed: bool = False
    doubtful: bool = False
    declared: dict[str | None, _Declarations] = field(default_factory=dict)
    held: list[Incoming] = field(default_factory=list)
    last_heard_ms: int = 0
    rebirth_wanted: str | None = None
    rebirth_asked_ms: int | None = None
    rebirth_pause_ms: int = FIRST_REBIRTH_MS
    silence_asked_ms: int | None = None


class SparkplugHost:
    """Remembers every edge node.

    Args:
        reorder_ms: how long a message that came too early waits for those before it.
    """

    def __init__(self, reorder_ms: int) -> None:
        self._reorder_ms = reorder_ms
        self._sessions: dict[NodeId, _Session] = {}
        self._connected = False

    def restore(self, node: NodeId, births: Iterable[Incoming], seq: int) -> list[Born]:
        """Take up the conversation with a node where a former process left it.

        Args:
            node: which.
            births: its last NBIRTH and the DBIRTHs of the devices that were alive.
            seq: the last sequence number that was stored.

        Returns:
            The births, for whoever else remembers what they said.
        """
        session = _Session(online=True, believed=True, doubtful=True, next_seq=(seq + 1) % SEQ_RANGE)
        known = sorted(births, key=lambda incoming: incoming.topic.message_type is not MessageType.NBIRTH)
        if not known or (bd_seq := _bd_seq(known[0].payload)) is None:
            return []
        session.bd_seq = bd_seq
        for incoming in known:
            session.declared[incoming.topic.machine] = _declarations(incoming.payload)
        self._sessions[node] = session
        return [
            Born(node, one.topic.machine, bd_seq, _named(one, session.declared[one.topic.machine]) or (), one)
            for one in known
        ]

    def is_online(self, node: NodeId) -> bool:
        """Return whether a node is there and may be commanded: its birth is known and believed."""
        session = self._sessions.get(node)
        return session is not None and session.online and session.believed

    def last_seq(self, node: NodeId) -> int | None:
        """Return the last sequence number in order, to be stored with what it brought."""
        session = self._sessions.get(node)
        return None if session is None or session.bd_seq is None else (session.next_seq - 1) % SEQ_RANGE

    def command(
        self, node: NodeId, values: Mapping[str, str | int], now_ms: int, machine: str | None = None
    ) -> tuple[Topic, Payload] | None:
        """Return the command that writes these metrics of a node or of one of its machines; None if no birth is known.

        Aliases are used where they were declared.
        """
        session = self._sessions.get(node)
        if session is None or not session.online or not session.believed or machine not in session.declared:
            return None
        declared = session.declared[machine].by_name
        written = []
        for name, value in values.items():
            known = declared.get(name)
            alias = known.alias if known else None
            datatype = (known.datatype if known else None) or DataType.STRING
            written.append(
                Metric(
                    name=name if alias is None else None,
                    alias=alias,
                    datatype=datatype,
                    value=value,
                    timestamp_ms=now_ms,
                )
            )
        kind = MessageType.NCMD if machine is None else MessageType.DCMD
        topic = Topic(node.group, kind, node.gateway, machine)
        return topic, Payload(timestamp_ms=now_ms, metrics=tuple(written))

    def receive(self, incoming: Incoming, now_ms: int) -> list[Outcome]:
        """Return what follows from a message."""
        topic = incoming.topic
        kind = topic.message_type
        if kind in (MessageType.NCMD, MessageType.DCMD, MessageType.STATE):
            return []
        node = NodeId(topic.group, topic.gateway)
        session = self._sessions.get(node)
        if kind is MessageType.NBIRTH:
            return self._born(node, session, incoming, now_ms)
        if session is None:
            session = self._sessions[node] = _Session()
        session.last_heard_ms = now_ms
        session.silence_asked_ms = None
        if kind is MessageType.NDEATH:
            return self._died(node, session, incoming, now_ms)
        return self._in_order(node, session, incoming, now_ms)

    def _in_order(self, node: NodeId, session: _Session, incoming: Incoming, now_ms: int) -> list[Outcome]:
        """Take a message when its turn comes, and those that waited for it."""
        kind = incoming.topic.message_type
        if incoming.payload.seq is None or not 0 <= incoming.payload.seq < SEQ_RANGE:
            return [Refused(incoming, RejectReason.MALFORMED, f"{kind} without a sequence number from 0 to 255")]
        if not session.believed or not session.online:
            return self._want_rebirth(node, session, f"{kind} before any birth", now_ms)
        if incoming.payload.seq != session.next_seq:
            session.held.append(incoming)
            return self._give_up_waiting(node, session, now_ms) if len(session.held) >= MAX_HELD else []
        outcomes = self._next(node, session, incoming, now_ms)
        while (follower := _take(session.held, session.next_seq)) is not None:
            outcomes += self._next(node, session, follower, now_ms)
        return outcomes

    def tick(self, now_ms: int) -> list[Outcome]:
        """Return what follows from time passing."""
        outcomes: list[Outcome] = []
        for node, session in self._sessions.items():
            if session.held and now_ms - session.held[0].received_ms >= self._reorder_ms:
                outcomes += self._give_up_waiting(node, session, now_ms)
            recently = now_ms - session.last_heard_ms < 2 * LAST_REBIRTH_MS
            if session.rebirth_wanted is not None and recently:
                outcomes += self._want_rebirth(node, session, session.rebirth_wanted, now_ms)
            if self._connected and session.online and session.doubtful and now_ms - session.last_heard_ms > SILENCE_MS:
                outcomes += _silent(node, session, now_ms)
        return outcomes

    def connection_made(self, now_ms: int) -> None:
        """Count the silence of nodes from now on."""
        self._connected = True
        for session in self._sessions.values():
            session.last_heard_ms = now_ms

    def connection_lost(self) -> None:
        """Remember that we may have missed anything until the next number of each node fits."""
        self._connected = False
        for session in self._sessions.values():
            session.doubtful = True
            session.held.clear()

    def _born(self, node: NodeId, session: _Session | None, incoming: Incoming, now_ms: int) -> list[Outcome]:
        bd_seq = _bd_seq(incoming.payload)
        if bd_seq is None or incoming.payload.seq is None:
            return [Refused(incoming, RejectReason.MALFORMED, "NBIRTH without bdSeq or seq")]
        before: list[Outcome] = []
        if session is not None and session.believed and session.held:
            # They came before the birth, so they mean what the birth before said.
            before = self._give_up_waiting(node, session, now_ms)
        born = _Session(online=True, bd_seq=bd_seq, believed=True, last_heard_ms=now_ms)
        if session is not None:
            born.rebirth_asked_ms = session.rebirth_asked_ms
            born.rebirth_pause_ms = session.rebirth_pause_ms
        born.next_seq = (incoming.payload.seq + 1) % SEQ_RANGE
        born.declared[None] = _declarations(incoming.payload)
        self._sessions[node] = born
        named = _named(incoming, born.declared[None]) or ()
        return [*before, Born(node, None, bd_seq, named, incoming)]

    def _died(self, node: NodeId, session: _Session, incoming: Incoming, now_ms: int) -> list[Outcome]:
        """Believe a death only if it belongs to the birth in force: a broker may publish an old will late."""
        if not session.online or _bd_seq(incoming.payload) != session.bd_seq:
            return []
        outcomes = self._give_up_waiting(node, session, now_ms) if session.held else []
        session.online = False
        session.rebirth_wanted = None
        return [*outcomes, Died(node, None, incoming.received_ms)]

    def _next(self, node: NodeId, session: _Session, incoming: Incoming, now_ms: int) -> list[Outcome]:
        """Take the message whose turn it is."""
        seq = incoming.payload.seq or 0
        session.next_seq = (seq + 1) % SEQ_RANGE
        session.doubtful = False
        machine, bd_seq = incoming.topic.machine, session.bd_seq or 0
        match incoming.topic.message_type:
            case MessageType.DBIRTH:
                session.declared[machine] = _declarations(incoming.payload)
                named = _named(incoming, session.declared[machine]) or ()
                return [Born(node, machine, bd_seq, named, incoming)]
            case MessageType.DDEATH:
                session.declared.pop(machine, None)
                return [Died(node, machine, incoming.received_ms)]
        declared = session.declared.get(machine)
        if declared is None:
            return self._want_rebirth(node, session, f"data of {machine!r} before its birth", now_ms)
        metrics_heard = _named(incoming, declared)
        if metrics_heard is None:
            return self._want_rebirth(node, session, "an alias that no birth declared", now_ms)
        return [Heard(node, machine, bd_seq, seq, metrics_heard, incoming)]

    def _give_up_waiting(self, node: NodeId, session: _Session, now_ms: int) -> list[Outcome]:
        """Take what was held although something before it is missing."""
        held = sorted(session.held, key=lambda one: ((one.payload.seq or 0) - session.next_seq) % SEQ_RANGE)
        session.held.clear()
        found = held[0].payload.seq or 0
        missing = (found - session.next_seq) % SEQ_RANGE
        may_hide_birth = session.doubtful or session.next_seq + missing > SEQ_RANGE or session.next_seq == 0
        outcomes: list[Outcome] = [Gap(node, session.next_seq, found)]
        if may_hide_birth:
            session.believed = False
        else:
            for incoming in held:
                outcomes += self._next(node, session, incoming, now_ms)
        return [*outcomes, *self._want_rebirth(node, session, f"sequence numbers before {found} are missing", now_ms)]

    def _want_rebirth(self, node: NodeId, session: _Session, reason: str, now_ms: int) -> list[Outcome]:
        """Ask for a rebirth now, or remember to ask when it is time."""
        session.rebirth_wanted = reason
        asked = session.rebirth_asked_ms
        if asked is not None:
            if now_ms - asked < session.rebirth_pause_ms:
                return []
            calm = now_ms - asked > 4 * LAST_REBIRTH_MS
            session.rebirth_pause_ms = FIRST_REBIRTH_MS if calm else min(2 * session.rebirth_pause_ms, LAST_REBIRTH_MS)
        session.rebirth_asked_ms = now_ms
        return [RebirthWanted(node, reason)]


def rebirth_command(node: NodeId, now_ms: int) -> tuple[Topic, Payload]:
    """Return the NCMD that asks a node for its births; by name, because it is also for nodes without a known birth.

    Source: tck-id-operational-behavior-data-commands-ncmd-rebirth-verb, -name and -value.
    """
    metric = Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=True, timestamp_ms=now_ms)
    return Topic(node.group, MessageType.NCMD, node.gateway), Payload(timestamp_ms=now_ms, metrics=(metric,))


def _silent(node: NodeId, session: _Session, now_ms: int) -> list[Outcome]:
    """Ask a node that may have died unseen; one that does not answer is taken as gone."""
    if session.silence_asked_ms is None:
        session.silence_asked_ms = now_ms
        return [RebirthWanted(node, "nothing heard since our connection broke")]
    if now_ms - session.silence_asked_ms > LAST_REBIRTH_MS:
        session.online = False
        return [Died(node, None, now_ms)]
    return []


def _take(held: list[Incoming], seq: int) -> Incoming | None:
    """Take the held message with this number out of the list."""
    for index, incoming in enumerate(held):
        if incoming.payload.seq == seq:
            return held.pop(index)
    return None


def _bd_seq(payload: Payload) -> int | None:
    for metric in payload.metrics:
        if metric.name == metrics.BDSEQ and isinstance(metric.value, int) and not isinstance(metric.value, bool):
            return metric.value
    return None


def _declarations(payload: Payload) -> _Declarations:
    """Return names, datatypes and units of a birth, by alias and by name."""
    declarations = _Declarations()
    for metric in payload.metrics:
        if metric.name is None:
            continue
        declared = _Declared(metric.name, metric.alias, metric.datatype, metric_eng_unit(metric))
        declarations.by_name[metric.name] = declared
        if metric.alias is not None:
            declarations.by_alias[metric.alias] = declared
    return declarations


def _named(incoming: Incoming, declarations: _Declarations) -> tuple[NamedMetric, ...] | None:
    """Return the metrics of a message with names, or None if an alias is unknown."""
    named = []
    default_ms = incoming.payload.timestamp_ms
    if default_ms is None:
        default_ms = incoming.received_ms
    for metric in incoming.payload.metrics:
        if metric.name is not None:
            declared = declarations.by_name.get(metric.name)
        elif metric.alias is None or (declared := declarations.by_alias.get(metric.alias)) is None:
            return None
        name = metric.name if declared is None else declared.name
        datatype = metric.datatype or (declared.datatype if declared else None)
        value = None if metric.is_null else metric.value
        if metric.datatype is None and datatype is not None:
            value = typed_value(value, datatype)
        unit = (metric_eng_unit(metric) if metric.properties else None) or (declared.eng_unit if declared else None)
        quality = metric_quality(metric) if metric.properties else Quality.GOOD
        at_ms = default_ms if metric.timestamp_ms is None else metric.timestamp_ms
        named.append(NamedMetric(name or "", value, at_ms, unit, quality, metric.is_historical))
    return tuple(named)
