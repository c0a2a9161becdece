"""The writing half of the book: one batch of ingest, one transaction.

In this order: who was born and who died, alarms, evidence, what is known of gateways, quarantine, and last which
outbox numbers are stored with all this. What was written before is recognised by its own identity, so the same batch
can be written again after a crash between the two stores. A server can lose its voice between storing a batch and
saying so: each batch leaves its token, and one that finds its own there was stored.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.batch import DeviceBorn, DeviceDied, GatewayChange, Lifecycle, NodeBorn, NodeDied, gateway_id
from cloud.book.alarm_writing import write_alarm
from cloud.book.evidence_writing import SPECTRUM_SUBJECT, write_part
from cloud.book.plant import follow_states
from cloud.book.requests import relearnt
from cloud.book.tables import (
    QUARANTINE_DROPPED,
    Birth,
    Counter,
    Evidence,
    EvidencePartRow,
    Gateway,
    Machine,
    Quarantined,
    Received,
)
from cloud.book.transactions import reason, taking_in
from cloud.errors import StoreError
from cloud.sparkplug_outcomes import Incoming, NodeId
from models.contract.acknowledgement import Ranges
from models.contract.errors import ContractError
from models.contract.sparkplug import decode_payload
from models.contract.topics import MessageType, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Engine

    from cloud.batch import Batch, OutboxKey, QuarantineEntry
    from cloud.event_hub import Change

NODE: Final = ""
"""In the column `device` of a birth: the edge node itself."""

GARBAGE_KEPT: Final = 10_000
RECORDS_KEPT: Final = 20_000
"""Bounds of the quarantine; beyond them the oldest go and are counted."""

LAST_BATCH: Final = "last_batch/{}"
"""Name of the counter that holds the token of the batch that a writer stored last."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where a former process left the conversation with one node."""

    node: NodeId
    seq: int
    births: tuple[Incoming, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a cloud takes up when it starts."""

    conversations: tuple[Conversation, ...]
    received: Mapping[OutboxKey, Ranges]


@dataclass(slots=True)
class BookWritten:
    """What a write did: content that was there before, by gateway, and what to tell the pages."""

    duplicates: dict[NodeId, int] = field(default_factory=lambda: defaultdict(int))
    changes: set[Change] = field(default_factory=set)


class BookWriter:
    """Writes batches; used by one thread.

    Args:
        engine: the book.
        name: tells it from other writers of the same book.
    """

    def __init__(self, engine: Engine, name: str = "ingest") -> None:
        self._engine = engine
        self._counter = LAST_BATCH.format(name)
        self._attempt: tuple[int, BookWritten] | None = None

    def remembered(self) -> Remembered:
        """Return conversations and stored ranges as the last process left them.

        Raises:
            StoreError: the book cannot be read.
        """
        try:
            with Session(self._engine) as session:
                gateways = {gateway.id: gateway for gateway in session.scalars(select(Gateway))}
                births: dict[str, list[Birth]] = defaultdict(list)
                for birth in session.scalars(select(Birth).where(Birth.alive)):
                    births[birth.gateway_id].append(birth)
                bounds: dict[OutboxKey, list[tuple[int, int]]] = defaultdict(list)
                for row in session.scalars(select(Received).order_by(Received.first)):
                    bounds[_node(gateways[row.gateway_id]), row.incarnation].append((row.first, row.last))
        except SQLAlchemyError as error:
            raise StoreError(f"the book cannot be read: {reason(error)}") from error
        conversations = tuple(
            Conversation(_node(gateway), gateway.seq, _incoming(_node(gateway), births[key]))
            for key, gateway in gateways.items()
            if gateway.online and gateway.seq is not None
        )
        return Remembered(conversations, {key: Ranges(tuple(pairs)) for key, pairs in bounds.items()})

    def write(
        self, batch: Batch, ranges: Mapping[OutboxKey, tuple[Ranges, Ranges]], duplicates: Mapping[NodeId, int]
    ) -> BookWritten:
        """Store a batch.

        Args:
            batch: what to store.
            ranges: for each outbox what was stored before this batch and what is after it.
            duplicates: summaries of each gateway that the trends had before, under another number.

        Raises:
            StoreError: nothing of it was stored.
        """
        written = BookWritten(defaultdict(int, duplicates))
        with taking_in(self._engine, "the batch") as session:
            if self._attempt and self._attempt[0] == batch.token and self._is_last(session, batch.token):
                return self._attempt[1]
            for event in batch.lifecycle:
                _live(session, event)
            written.changes |= follow_states(session, batch.newest_states())
            for alarm in batch.alarms:
                changes = write_alarm(session, alarm)
                written.duplicates[alarm.node] += not changes
                written.changes |= changes
            for part in batch.parts:
                changes, is_new = write_part(session, part)
                written.duplicates[part.node] += not is_new
                written.changes |= changes
            for change in batch.gateways.values():
                _change_gateway(session, change, written.duplicates[change.node])
            _write_quarantine(session, batch.quarantine)
            for key, (before, after) in ranges.items():
                _write_ranges(session, key, before, after)
            session.merge(Counter(name=self._counter, value=batch.token))
            self._attempt = batch.token, written
        self._attempt = None
        return written

    def prune(self, spectrum_ms: int) -> int:
        """Drop old periodic spectra and what goes beyond the quarantine's bounds; return how many rows went.

        Args:
            spectrum_ms: how long periodic spectra are kept, back from the newest of the same machine.

        Raises:
            StoreError: the book was not written.
        """
        with taking_in(self._engine, "the end of what is old") as session:
            return _prune_spectra(session, spectrum_ms) + _prune_quarantine(session)

    def _is_last(self, session: Session, token: int) -> bool:
        """Return whether a batch was stored although nobody could say so."""
        return session.scalar(select(Counter.value).where(Counter.name == self._counter)) == token


def _node(gateway: Gateway) -> NodeId:
    return NodeId(gateway.group_name, gateway.name)


def _incoming(node: NodeId, births: Iterable[Birth]) -> tuple[Incoming, ...]:
    """Return stored births as if they had just come; one that cannot be read any more is left out."""
    found = []
    for birth in births:
        kind = MessageType.NBIRTH if birth.device == NODE else MessageType.DBIRTH
        topic = Topic(node.group, kind, node.gateway, birth.device or None)
        try:
            found.append(Incoming(topic, decode_payload(birth.payload), birth.payload, birth.received_ms))
        except ContractError:
            continue
    return tuple(found)


def _live(session: Session, event: Lifecycle) -> None:
    """Write a birth or a death."""
    key = gateway_id(event.node)
    match event:
        case NodeBorn():
            gateway = session.get(Gateway, key)
            if gateway is None:
                gateway = _new_gateway(event.node, event.received_ms)
                session.add(gateway)
                session.flush()
            gateway.online = True
            gateway.foreign_node = event.incarnation is None
            gateway.bd_seq = event.bd_seq
            gateway.incarnation = event.incarnation
            gateway.agent_version = event.agent_version
            gateway.config_hash = event.config_hash
            # A device is there again when its own birth follows.
            session.execute(update(Birth).where(Birth.gateway_id == key).values(alive=False))
            session.execute(update(Machine).where(Machine.gateway_id == key).values(alive=False))
            _keep_birth(session, key, NODE, event.bd_seq, event.received_ms, event.payload)
        case DeviceBorn():
            _keep_birth(session, key, event.device, event.bd_seq, event.received_ms, event.payload)
            if event.asset_id is not None:
                _keep_machine(session, key, event.asset_id, event)
                relearnt(session, event.asset_id, event.learning_since_ms, event.received_ms)
        case NodeDied():
            session.execute(update(Gateway).where(Gateway.id == key).values(online=False))
        case DeviceDied():
            where = (Birth.gateway_id == key, Birth.device == event.device)
            session.execute(update(Birth).where(*where).values(alive=False))
            of_machine = (Machine.gateway_id == key, Machine.device == event.device)
            session.execute(update(Machine).where(*of_machine).values(alive=False))


def _new_gateway(node: NodeId, now_ms: int) -> Gateway:
    return Gateway(
        id=gateway_id(node),
        group_name=node.group,
        name=node.gateway,
        foreign_node=True,
        online=False,
        first_seen_ms=now_ms,
        last_seen_ms=now_ms,
        records_stored=0,
        records_duplicate=0,
        quarantined=0,
        sequence_gaps=0,
        rebirths=0,
    )


def _keep_birth(session: Session, key: str, device: str, bd_seq: int, received_ms: int, payload: bytes) -> None:  # noqa: PLR0917 - one row, one argument per column
    session.merge(
        Birth(gateway_id=key, device=device, bd_seq=bd_seq, received_ms=received_ms, alive=True, payload=payload)
    )


def _keep_machine(session: Session, key: str, asset_id: str, born: DeviceBorn) -> None:
    """Write what a birth says about a machine; what people said about it stays."""
    machine = session.get(Machine, asset_id)
    if machine is None:
        machine = Machine(id=asset_id, criticality="medium", channels=[], features=[], facts={})
        machine.first_seen_ms = born.received_ms
        session.add(machine)
    machine.gateway_id = key
    machine.device = born.device
    machine.alive = True
    machine.features = [{"name": name, "unit": unit} for name, unit in born.features]
    if born.facts is not None:
        facts: dict[str, Any] = asdict(born.facts)
        machine.machine_class = born.facts.machine_class
        machine.channels = list(facts.pop("channels"))
        machine.facts = facts
    session.flush()


def _change_gateway(session: Session, change: GatewayChange, duplicates: int) -> None:
    """Write what became known of a gateway; one that was never born has no row, and needs none."""
    gateway = session.get(Gateway, gateway_id(change.node))
    if gateway is None:
        return
    gateway.last_seen_ms = max(gateway.last_seen_ms, change.last_seen_ms)
    gateway.seq = change.seq
    gateway.records_stored += change.stored - duplicates
    gateway.records_duplicate += change.duplicate + duplicates
    gateway.quarantined += change.quarantined
    gateway.sequence_gaps += change.sequence_gaps
    gateway.rebirths += change.rebirths
    health = change.health
    if health is not None and health.end_ns >= (gateway.health or {}).get("end_ns", 0):
        gateway.health = {**asdict(health), "dropped": dict(health.dropped)}
        gateway.agent_version = health.agent_version


def _write_quarantine(session: Session, entries: Sequence[QuarantineEntry]) -> None:
    if entries:
        session.execute(
            insert(Quarantined),
            [
                {
                    "at_ms": entry.at_ms,
                    "topic": entry.topic,
                    "gateway_id": gateway_id(entry.node) if entry.node else None,
                    "reason": entry.reason.value,
                    "detail": entry.detail,
                    "sequence": entry.sequence,
                    "size": entry.size,
                    "payload": entry.payload,
                }
                for entry in entries
            ],
        )


def _write_ranges(session: Session, key: OutboxKey, before: Ranges, after: Ranges) -> None:
    """Write the difference between two sets of ranges: usually one range that became longer."""
    node, incarnation = key
    identity = {"gateway_id": gateway_id(node), "incarnation": incarnation}
    old, new = set(before.bounds), set(after.bounds)
    if gone := [first for first, _ in old - new]:
        session.execute(
            delete(Received).where(
                Received.gateway_id == identity["gateway_id"],
                Received.incarnation == incarnation,
                Received.first.in_(gone),
            )
        )
    if added := [{**identity, "first": first, "last": last} for first, last in new - old]:
        session.execute(insert(Received), added)


def _prune_spectra(session: Session, kept_ms: int) -> int:
    """Drop periodic spectra that are older than this compared with the newest of the same machine."""
    is_spectrum = Evidence.subject == SPECTRUM_SUBJECT
    newest = select(Evidence.machine_id, func.max(Evidence.end_ms)).where(is_spectrum).group_by(Evidence.machine_id)
    gone = 0
    for machine_id, newest_ms in session.execute(newest).all():
        old = (is_spectrum, Evidence.machine_id == machine_id, Evidence.end_ms < newest_ms - kept_ms)
        keys = session.scalars(select(Evidence.id).where(*old)).all()
        session.execute(delete(EvidencePartRow).where(EvidencePartRow.evidence_id.in_(keys)))
        session.execute(delete(Evidence).where(Evidence.id.in_(keys)))
        gone += len(keys)
    return gone


def _prune_quarantine(session: Session) -> int:
    """Drop the oldest beyond the bounds, records and garbage apart, and count the records."""
    dropped = 0
    for is_record, kept in (
        (Quarantined.sequence.is_not(None), RECORDS_KEPT),
        (Quarantined.sequence.is_(None), GARBAGE_KEPT),
    ):
        newest = select(Quarantined.key).where(is_record).order_by(Quarantined.key.desc()).offset(kept).limit(1)
        last = session.scalar(newest)
        if last is not None:
            count = session.scalar(select(func.count()).where(is_record, Quarantined.key <= last)) or 0
            session.execute(delete(Quarantined).where(is_record, Quarantined.key <= last))
            counter = session.get(Counter, QUARANTINE_DROPPED)
            if counter is None:
                counter = Counter(name=QUARANTINE_DROPPED, value=0)
                session.add(counter)
            counter.value += count
            dropped += count
    return dropped
