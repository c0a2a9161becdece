"""Which records to send next: two lanes, priority, a bounded window, and patience with a cloud that does not answer.

`Lanes.born` starts a session: what is in the outbox then is history, what comes later is live. `Lanes.pick` chooses,
in this order: live records never sent in this session, live ones whose acknowledgement did not come, history never
sent, history again; within each, alarm before evidence before summary before health, then by age. While nothing is
acknowledged at all, fresh live records still go out once (other hosts listen too), everything else waits longer and
longer; the first acknowledgement ends that, and so does the host's word that it is back (`missed`). Records of machines
that are gone have to be announced by a birth and a death each time: while nobody answers they stay where they are.

Nothing here knows the time or the network: seconds are passed in, the outbox is asked through `Outbox`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from models.contract.vocabulary import RecordKind

if TYPE_CHECKING:
    from collections.abc import Collection
    from random import Random

    from edge_agent.journal import PendingRecord
    from models.contract.acknowledgement import Ranges

LONGEST_SILENCE_S: Final = 60.0
"""Longest wait between two tries while nothing is acknowledged: a cloud that is back is noticed within a minute."""
LONGEST_RETRY_S: Final = 600.0
"""Longest wait for one record that stays unanswered while others are acknowledged."""
_PROBE: Final = 4
"""Records sent again at a time while nothing is acknowledged."""
_AT_ONCE: Final = {RecordKind.ALARM: 16, RecordKind.EVIDENCE: 4, RecordKind.SUMMARY: 32, RecordKind.HEALTH: 32}
"""Records read from the disk at a time: evidence is large, and the agent small."""
_NO_END: Final = 2**63 - 1
_RETRIES: Final = 1_000
"""Unanswered records remembered one by one; beyond, they are simply tried again with the rest."""


class Lane(Enum):
    """Made since this birth, or before it."""

    LIVE = "live"
    HISTORY = "history"


class Outbox(Protocol):
    """What the lanes ask the journal."""

    def pending(
        self, kind: RecordKind, *, after: int, up_to: int, limit: int, excluding: Collection[int] = ()
    ) -> list[PendingRecord]:
        """Return records of one kind, oldest first."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A record to send now."""

    pending: PendingRecord
    is_historical: bool


@dataclass(frozen=True, slots=True)
class _Flight:
    sent_s: float
    lane: Lane
    machine: str | None


@dataclass(slots=True)
class _Retry:
    attempts: int
    not_before_s: float


class Lanes:
    """The sending order of one gateway.

    Args:
        window: records sent and not yet acknowledged, at most.
        timeout_s: after this an unacknowledged record may be sent again.
        history_records_per_s: rate limit of the history lane.
        random: for jitter.
    """

    def __init__(self, window: int, timeout_s: float, history_records_per_s: float, random: Random) -> None:
        self._window = window
        self._timeout_s = timeout_s
        self._history_per_s = history_records_per_s
        self._random = random
        self._birth_sequence = 0
        self._marks: dict[tuple[Lane, RecordKind], int] = {}
        self._in_flight: dict[int, _Flight] = {}
        self._retries: dict[int, _Retry] = {}
        self._owed = {Lane.LIVE: False, Lane.HISTORY: False}
        self._last_answer_s = 0.0
        self._silence = 0
        self._again_at_s = 0.0
        self._allowance = 0.0
        self._allowance_at_s = 0.0
        self._absent: Collection[str] = ()
        self.resent = 0

    @property
    def in_flight(self) -> int:
        """Return how many records are sent and neither acknowledged nor given up."""
        return len(self._in_flight)

    def is_in_flight(self, machine: str) -> bool:
        """Return whether a record of this machine is sent and neither acknowledged nor given up."""
        return any(flight.machine == machine for flight in self._in_flight.values())

    def born(self, last_sequence: int, now_s: float) -> None:
        """Begin a session: records up to this number are history."""
        self._birth_sequence = last_sequence
        self._marks = {(Lane.LIVE, kind): last_sequence for kind in RecordKind}
        self._marks |= {(Lane.HISTORY, kind): 0 for kind in RecordKind}
        self._in_flight.clear()
        self._retries.clear()
        self._owed = {Lane.LIVE: False, Lane.HISTORY: False}
        self._last_answer_s = now_s
        self._silence = 0
        self._again_at_s = 0.0
        self._allowance = self._history_per_s
        self._allowance_at_s = now_s

    def acknowledged(self, ranges: Ranges, now_s: float) -> None:
        """Take these numbers out of the window; somebody is listening."""
        for sequence in [s for s in self._in_flight if s in ranges]:
            del self._in_flight[sequence]
        for sequence in [s for s in self._retries if s in ranges]:
            del self._retries[sequence]
        self._last_answer_s = now_s
        self._silence = 0
        self._again_at_s = 0.0

    def missed(self) -> None:
        """Give up what is in flight: the host was away, or has lost what it knew, and may have missed it."""
        for flight in self._in_flight.values():
            self._owed[flight.lane] = True
        self._in_flight.clear()
        self._retries.clear()
        self._silence = 0
        self._again_at_s = 0.0

    def pick(self, outbox: Outbox, now_s: float, *, absent: Collection[str] = ()) -> list[Chosen]:
        """Return what to send now and count it as in flight.

        Args:
            outbox: holds the records.
            now_s: monotonic.
            absent: machines that are gone; their records rest while nothing is acknowledged.
        """
        self._absent = absent
        self._expire(now_s)
        self._refill(now_s)
        chosen = self._fresh(outbox, Lane.LIVE, self._window - self.in_flight, now_s)
        may_repeat = now_s >= self._again_at_s
        if self._silence and may_repeat:
            probe = min(_PROBE, self._window - self.in_flight)
            chosen += self._again(outbox, Lane.LIVE, probe, now_s) or self._again(outbox, Lane.HISTORY, probe, now_s)
            self._again_at_s = now_s + self._patience_s()
        elif may_repeat:
            chosen += self._again(outbox, Lane.LIVE, self._window - self.in_flight, now_s)
            # Half of the window stays free, so that history never stands in the way of what happens now.
            used = sum(1 for flight in self._in_flight.values() if flight.lane is Lane.HISTORY)
            room = min(self._window // 2 + 1 - used, self._window - self.in_flight, int(self._allowance))
            history = self._fresh(outbox, Lane.HISTORY, room, now_s)
            history += self._again(outbox, Lane.HISTORY, room - len(history), now_s)
            self._allowance -= len(history)
            chosen += history
        return chosen

    def _expire(self, now_s: float) -> None:
        expired = {s: one.sent_s for s, one in self._in_flight.items() if now_s - one.sent_s >= self._timeout_s}
        if not expired:
            return
        answered_since = self._last_answer_s > min(expired.values())
        for sequence in expired:
            self._owed[self._in_flight.pop(sequence).lane] = True
            if answered_since and len(self._retries) < _RETRIES:
                retry = self._retries.setdefault(sequence, _Retry(0, 0.0))
                # The first repetition comes at once: most often the message was simply lost.
                wait_s = self._timeout_s * (2.0 ** min(retry.attempts, 16) - 1.0)
                retry.not_before_s = now_s + min(wait_s, LONGEST_RETRY_S)
                retry.attempts += 1
        if not answered_since and now_s >= self._again_at_s:
            self._again_at_s = now_s + self._patience_s()

    def _patience_s(self) -> float:
        """Return how long to wait before the next try, doubled each time, with jitter."""
        longest = min(self._timeout_s * 2.0**self._silence, LONGEST_SILENCE_S)
        self._silence = min(self._silence + 1, 16)
        return longest * self._random.uniform(0.5, 1.0)

    def _refill(self, now_s: float) -> None:
        earned = (now_s - self._allowance_at_s) * self._history_per_s
        self._allowance = min(self._allowance + earned, max(self._history_per_s, 1.0))
        self._allowance_at_s = now_s

    def _fresh(self, outbox: Outbox, lane: Lane, room: int, now_s: float) -> list[Chosen]:
        chosen: list[Chosen] = []
        up_to = _NO_END if lane is Lane.LIVE else self._birth_sequence
        for kind in RecordKind:
            limit = min(room - len(chosen), _AT_ONCE[kind])
            if limit <= 0:
                continue
            found = outbox.pending(kind, after=self._marks[lane, kind], up_to=up_to, limit=limit)
            if found:
                self._marks[lane, kind] = found[-1].sequence
            chosen += self._taken(found, lane, now_s)
        return chosen

    def _again(self, outbox: Outbox, lane: Lane, room: int, now_s: float) -> list[Chosen]:
        if not self._owed[lane] or room <= 0:
            return []
        chosen: list[Chosen] = []
        self._owed[lane] = False
        waiting = [sequence for sequence, retry in self._retries.items() if retry.not_before_s > now_s]
        complete = True
        for kind in RecordKind:
            limit = min(room - len(chosen), _AT_ONCE[kind])
            if limit <= 0:
                complete = False
                continue
            after = self._birth_sequence if lane is Lane.LIVE else 0
            # Looked up before `_taken` adds to it: the window itself bounds this list.
            excluding = {*self._in_flight, *waiting}
            found = outbox.pending(kind, after=after, up_to=self._marks[lane, kind], limit=limit, excluding=excluding)
            complete = complete and len(found) < limit
            chosen += self._taken(found, lane, now_s)
        self._owed[lane] = self._owed[lane] or not complete or bool(waiting)
        self.resent += len(chosen)
        return chosen

    def _taken(self, found: list[PendingRecord], lane: Lane, now_s: float) -> list[Chosen]:
        going = [one for one in found if not (self._silence and one.record.machine in self._absent)]
        self._owed[lane] = self._owed[lane] or len(going) < len(found)
        for pending in going:
            self._in_flight[pending.sequence] = _Flight(now_s, lane, pending.record.machine)
        return [Chosen(pending, lane is Lane.HISTORY) for pending in going]
