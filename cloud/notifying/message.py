"""A message as it goes through the queue, and how handing it over ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a message is."""

    ALARM = "alarm"
    ESCALATION = "escalation"
    DIGEST = "digest"
    TEST = "test"


class Delivery(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Ending(StrEnum):
    """How one hand-over ended."""

    DELIVERED = "delivered"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    BROKEN = "broken"
    """The target or its template cannot be used: it will not work next time either."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one hand-over ended.

    Attributes:
        problem: in words, without secrets; empty for a success.
        wait_s: what the target asked to wait before the next one, 0 if it said nothing.
    """

    ending: Ending
    problem: str = ""
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A spectral line that matched."""

    line: str
    order: float
    expected_hz: float
    found_hz: float
    snr_db: float


@dataclass(frozen=True, slots=True)
class AlarmNews:
    """One alarm of which a message tells, as it stands when the message is written.

    Attributes:
        occurrence: the one that the message is about; `occurrences` is how many there are by now.
        at_ms: when there was something to tell.
        since_ms: when the occurrence began.
    """

    alarm_id: str
    occurrence: int
    cause: str
    step: int
    priority: str
    at_ms: int
    occurrences: int
    state: str
    condition: str
    severity: str
    label: str
    sentence: str
    next_step: str
    confidence: float
    score: float
    machine: str
    machine_id: str
    machine_class: str | None
    path: str
    component: str
    channel: str | None
    since_ms: int
    acknowledged_by: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message taken from the queue to be handed over.

    Attributes:
        key: of its row.
        id: the same in every attempt, so that a receiver can recognise it.
        news: what it tells of, the worst first; nothing for a test.
        tries: this one included.
        by: who asked for a test.
    """

    key: int
    id: str
    target: str
    kind: Kind
    why: str
    step: int
    urgent: bool
    due_ms: int
    tries: int
    by: str | None
    news: tuple[AlarmNews, ...]
