"""What a stretch of messages wants stored: decided by `cloud.ingest`, written by the stores, all or nothing."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from cloud.sparkplug_outcomes import NodeId

if TYPE_CHECKING:
    from cloud.event_hub import Change
    from cloud.trends.store import Reading, StoredSummary, Written
    from models.contract.facts import MachineFacts
    from models.contract.records import AlarmReport, EvidencePart, GatewayHealth
    from models.contract.vocabulary import RejectReason

OutboxKey = tuple[NodeId, str]
"""A gateway and the incarnation of its outbox: what a sequence number belongs to."""

TOKEN_BITS = 63
"""What a signed column holds; two batches in a row never have the same."""


@lru_cache(maxsize=16_384)
def gateway_id(node: NodeId) -> str:
    """Return the id of a gateway in the book and in addresses.

    >>> gateway_id(NodeId("demo-plant", "gateway-1"))
    'demo-plant:gateway-1'
    """
    return f"{quote(node.group, safe=' ')}:{quote(node.gateway, safe=' ')}"


@dataclass(slots=True)
class GatewayChange:
    """What became known about a gateway; None where nothing did. Counts are added to those in the book."""

    node: NodeId
    last_seen_ms: int
    seq: int | None = None
    health: GatewayHealth | None = None
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    sequence_gaps: int = 0
    rebirths: int = 0


@dataclass(frozen=True, slots=True)
class NodeBorn:
    """An edge node was born; incarnation is None for a foreign one."""

    node: NodeId
    bd_seq: int
    incarnation: str | None
    agent_version: str | None
    config_hash: str | None
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class DeviceBorn:
    """A device was born; asset id and facts are None for a foreign one.

    Attributes:
        learning_since_ms: what is normal was learnt from data after this; 0: from the first.
    """

    node: NodeId
    device: str
    bd_seq: int
    asset_id: str | None
    facts: MachineFacts | None
    features: tuple[tuple[str, str | None], ...]
    learning_since_ms: int
    payload: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class NodeDied:
    """An edge node is gone, with all its devices."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class DeviceDied:
    """A device is gone."""

    node: NodeId
    device: str


Lifecycle = NodeBorn | DeviceBorn | NodeDied | DeviceDied


@dataclass(frozen=True, slots=True)
class StoredAlarm:
    """One report on an alarm."""

    node: NodeId
    report: AlarmReport
    record_id: int
    late: bool
    received_ms: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part of an evidence package."""

    node: NodeId
    part: EvidencePart
    received_ms: int


@dataclass(frozen=True, slots=True)
class QuarantineEntry:
    """A message that could not be used.

    Attributes:
        node: None if not even the topic could be read.
        sequence: of the record in it, or None: then `payload` is only its first bytes.
    """

    at_ms: int
    topic: str
    node: NodeId | None
    reason: RejectReason
    detail: str
    sequence: int | None
    size: int
    payload: bytes


@dataclass(slots=True)
class Batch:
    """Everything to store, in one go.

    Attributes:
        acknowledge: numbers to acknowledge once all this is stored, duplicates included.
        received: those of them that are new.
        rejected: those that went into quarantine.
        summaries: with the node that sent them.
        in_trends: what the trend store did with it, once it has; then only the book is missing.
        changes: what to tell the pages once it is stored.
        token: tells it from every other batch, also when it is stored again.
    """

    gateways: dict[NodeId, GatewayChange] = field(default_factory=dict)
    lifecycle: list[Lifecycle] = field(default_factory=list)
    summaries: list[tuple[NodeId, StoredSummary]] = field(default_factory=list)
    alarms: list[StoredAlarm] = field(default_factory=list)
    parts: list[StoredPart] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    quarantine: list[QuarantineEntry] = field(default_factory=list)
    acknowledge: dict[OutboxKey, list[int]] = field(default_factory=lambda: defaultdict(list))
    received: dict[OutboxKey, set[int]] = field(default_factory=lambda: defaultdict(set))
    rejected: dict[OutboxKey, dict[RejectReason, list[int]]] = field(default_factory=dict)
    rebirths: list[NodeId] = field(default_factory=list)
    in_trends: Written | None = None
    changes: set[Change] = field(default_factory=set)
    token: int = field(default_factory=lambda: secrets.randbits(TOKEN_BITS))

    def change(self, node: NodeId, now_ms: int) -> GatewayChange:
        """Return the change of one gateway, made if this is the first."""
        if (change := self.gateways.get(node)) is None:
            change = self.gateways[node] = GatewayChange(node, now_ms)
        change.last_seen_ms = max(change.last_seen_ms, now_ms)
        return change

    def duplicate_summaries(self) -> dict[NodeId, int]:
        """Return how many summaries of each gateway the trends had before, under another number."""
        stored = set(self.in_trends.stored) if self.in_trends else set()
        counts: dict[NodeId, int] = defaultdict(int)
        for node, one in self.summaries:
            identity = (one.summary.asset_id, one.record_id)
            counts[node] += identity not in stored
            stored.discard(identity)
        return counts

    def newest_states(self) -> dict[str, tuple[str, int]]:
        """Return the newest operating state of each machine by asset id, and when, ms UTC; what came late is old."""
        newest: dict[str, tuple[str, int]] = {}
        for _, one in self.summaries:
            at_ms = one.summary.end_ns // 1_000_000
            if not one.late and at_ms >= newest.get(one.summary.asset_id, ("", 0))[1]:
                newest[one.summary.asset_id] = one.summary.operating_state, at_ms
        return newest

    def is_empty(self) -> bool:
        """Return whether there is nothing to store."""
        return not (self.gateways or self.lifecycle or self.readings or self.quarantine or self.acknowledge)
