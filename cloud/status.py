"""How the cloud itself is doing: written by its parts, read by /readyz and /metrics.

Plain attributes, each written by one thread only; a reader may see one a moment older than the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Status:
    """Counts since the start, and what does not work right now.

    Attributes:
        broker: address of the broker, for people.
        broker_connected: the session with the broker stands and our STATE is online.
        broker_problem: why not, in words.
        store_problem: why the stores did not take the last batch, or None.
        trends_aside: what the trend store keeps beside its history since the start, by reason.
        trends_notice: what people should do about it, or None.
        updates_notice: what people should do about signatures of updates, or None.
        waiting: messages between socket and stores, and how many may wait.
        batch_s: how long storing took, summed over batches.
    """

    broker: str = ""
    broker_connected: bool = False
    broker_problem: str = "not connected yet"
    connections: int = 0
    store_problem: str | None = None
    trends_notice: str | None = None
    updates_notice: str | None = None
    trends_aside: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    waiting_limit: int = 0
    pauses: int = 0
    messages: int = 0
    payload_bytes: int = 0
    batches: int = 0
    batch_s: float = 0.0
    records_stored: int = 0
    records_duplicate: int = 0
    readings: int = 0
    acknowledgements: int = 0
    rebirth_requests: int = 0
    sequence_gaps: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
