"""What goes into the memory of edge nodes, and what follows from it: the words of `cloud.sparkplug_host`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.contract.sparkplug import Payload
    from models.contract.sparkplug_values import MetricContent
    from models.contract.topics import Topic
    from models.contract.vocabulary import Quality, RejectReason


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """An edge node."""

    group: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that could be decoded; `raw` is its payload as it came, which a birth is stored as."""

    topic: Topic
    payload: Payload
    raw: bytes
    received_ms: int


@dataclass(frozen=True, slots=True)
class NamedMetric:
    """A metric with what its birth said about it: name, datatype, unit."""

    name: str
    value: MetricContent
    timestamp_ms: int
    eng_unit: str | None
    quality: Quality
    is_historical: bool


@dataclass(frozen=True, slots=True)
class Born:
    """A node (machine None) or one of its devices was born; everything it will ever send is in here."""

    node: NodeId
    machine: str | None
    bd_seq: int
    metrics: tuple[NamedMetric, ...]
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class Heard:
    """Data of a node or device, with names; `incoming` is where it came from."""

    node: NodeId
    machine: str | None
    bd_seq: int
    seq: int
    metrics: tuple[NamedMetric, ...]
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class Died:
    """A node with all its devices (machine None), or one device, is gone."""

    node: NodeId
    machine: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequence numbers are missing."""

    node: NodeId
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class RebirthWanted:
    """Ask this node for its births now; rate-limiting is done."""

    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that no specification allows; put it into quarantine."""

    incoming: Incoming
    reason: RejectReason
    detail: str


Outcome = Born | Heard | Died | Gap | RebirthWanted | Refused
