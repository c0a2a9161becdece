"""From the broker to the stores: gather, plan, store, and only then acknowledge.

    inbox → Planner.plan → trends commit → book commit → Planner.stored → acknowledgement

One thread does all of it. When a store does not take a batch, the batch is kept and tried again; meanwhile the inbox
fills, reading stops, and gateways keep their records. Nothing is acknowledged that is not in both stores.
"""

from __future__ import annotations

import queue
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cloud.book.requests import still_wanted
from cloud.book.writing import BookWriter
from cloud.errors import StoreError
from cloud.planning import Arrival, Message, Planner
from cloud.sparkplug_host import SparkplugHost, rebirth_command
from cloud.trends.places import born_places, known_places
from cloud.trends.store import AlarmEvent
from models.contract import limits, metrics
from models.contract.acknowledgement import Ranges, format_acknowledged, format_rejected
from models.contract.errors import RangeError
from models.contract.sparkplug import encode_payload

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Engine

    from cloud.batch import Batch, OutboxKey
    from cloud.book.requests import Wanted
    from cloud.event_hub import Change
    from cloud.sparkplug_outcomes import NodeId
    from cloud.status import Status
    from cloud.trends.store import MachinePlace, TrendStore
    from models.contract.sparkplug import Payload
    from models.contract.topics import Topic
    from models.contract.vocabulary import RejectReason

BATCH_MESSAGES: Final = 500
GATHER_S: Final = 0.1
"""A batch waits for company no longer than this: more spares no disk that matters."""
COMPANY_S: Final = 0.004
"""And no longer than this for the next message: what comes together comes closer, and an alarm must not wait."""

ACKNOWLEDGE_MS: Final = 200
ACKNOWLEDGE_RECORDS: Final = 500
"""wire.md 2: at most every 200 ms or 500 records."""

LOOK_MS: Final = 1_000
"""How often we look what people want of gateways: nobody notices a second."""
TELL_AGAIN_MS: Final = 60_000
"""A command may get lost, and what it asks for may take a while."""

RANGES_PER_COMMAND: Final = limits.ACKNOWLEDGED_RANGES // 2
"""Half, so that the ranges of refused records fit beside those of stored ones."""

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 15.0
PRUNE_MS: Final = 3_600_000
NAME_MS: Final = 60_000
"""How soon a new name or place of a machine reaches the labels of its trends."""
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Command:
    """A message for a gateway; QoS 0, never retained."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class _Unsent:
    """What one outbox has not been told yet."""

    acknowledged: Ranges = field(default_factory=Ranges)
    rejected: dict[RejectReason, Ranges] = field(default_factory=dict)


class Ingest:
    """Stores what arrives; used by one thread.

    Args:
        trends, engine: the stores; what a former process was told is taken up from the book.
        status: where counts go.
        reorder_ms: how long a message that came too early waits for those before it.
    """

    def __init__(self, trends: TrendStore, engine: Engine, status: Status, reorder_ms: int) -> None:
        self._trends = trends
        self._book = BookWriter(engine)
        self._status = status
        self._host = SparkplugHost(reorder_ms)
        remembered = self._book.remembered()
        self._planner = Planner(self._host, remembered.received)
        for conversation in remembered.conversations:
            self._planner.remember(self._host.restore(conversation.node, conversation.births, conversation.seq))
        self._unsent: dict[OutboxKey, _Unsent] = defaultdict(_Unsent)
        self._sent_ms = 0
        self._engine = engine
        self._looked_ms = 0
        self._told_ms: dict[Wanted, int] = {}
        self._places: list[MachinePlace] = []
        self.name_machines()

    def plan(self, arrivals: Sequence[Arrival], now_ms: int) -> Batch:
        """Return what arrivals want stored; call it once for each arrival, `store` until it succeeds."""
        self._status.messages += len(arrivals)
        self._status.payload_bytes += sum(len(one.payload) for one in arrivals if isinstance(one, Message))
        return self._planner.plan(arrivals, now_ms)

    def store(self, batch: Batch) -> set[Change]:
        """Commit a batch to both stores and return what to tell the pages.

        Raises:
            StoreError: it is not in both stores; the same batch can be stored again.
        """
        if batch.is_empty():
            return batch.changes
        if batch.in_trends is None:
            self._trends.know(born_places(batch.lifecycle, self._places))
            alarms = [AlarmEvent(one.report, one.record_id, one.late) for one in batch.alarms]
            batch.in_trends = self._trends.write([stored for _, stored in batch.summaries], batch.readings, alarms)
        in_book = self._book.write(batch, self._planner.ranges(batch), batch.duplicate_summaries())
        # From here on it is stored, whatever happens.
        self._planner.stored(batch)
        self._note(batch)
        self._count(batch, sum(in_book.duplicates.values()))
        return batch.changes | in_book.changes

    def commands(self, batch: Batch, now_ms: int) -> list[Command]:
        """Return what gateways are to be told after a batch: rebirths at once, the rest when it is time."""
        commands = [_command(*rebirth_command(node, now_ms)) for node in dict.fromkeys(batch.rebirths)]
        self._status.rebirth_requests += len(commands)
        waiting = sum(len(unsent.acknowledged) for unsent in self._unsent.values())
        if waiting and (now_ms - self._sent_ms >= ACKNOWLEDGE_MS or waiting >= ACKNOWLEDGE_RECORDS):
            self._sent_ms = now_ms
            commands += self._acknowledgements(now_ms)
        if now_ms - self._looked_ms >= LOOK_MS:
            self._looked_ms = now_ms
            commands += self._wishes(now_ms)
        return commands

    def _wishes(self, now_ms: int) -> list[Command]:
        """Return what people want of gateways that are there, and have not been told lately."""
        try:
            wanted = still_wanted(self._engine)
        except StoreError:
            # The next batch meets the same store and says so; what is wanted stays wanted.
            return []
        self._told_ms = {one: self._told_ms[one] for one in wanted if one in self._told_ms}
        commands = []
        for one in wanted:
            if now_ms - self._told_ms.get(one, -TELL_AGAIN_MS) < TELL_AGAIN_MS:
                continue
            if (told := self._host.command(one.node, {one.metric: one.value}, now_ms, one.machine)) is not None:
                self._told_ms[one] = now_ms
                commands.append(_command(*told))
        return commands

    def name_machines(self) -> None:
        """Tell the trends where machines are and what people call them.

        Raises:
            StoreError: the book cannot be read.
        """
        self._places = known_places(self._engine)
        self._trends.know(self._places)

    def prune(self, now_ms: int, spectrum_days: float) -> None:
        """Drop what is older than its retention."""
        self._trends.prune(now_ms)
        self._book.prune(int(spectrum_days * DAY_MS))

    def _note(self, batch: Batch) -> None:
        """Remember what gateways may be told now that it is stored."""
        for key, numbers in batch.acknowledge.items():
            unsent = self._unsent[key]
            unsent.acknowledged = unsent.acknowledged.union(Ranges.of(numbers))
        for key, by_reason in batch.rejected.items():
            rejected = self._unsent[key].rejected
            for reason, numbers in by_reason.items():
                rejected[reason] = rejected.get(reason, Ranges()).union(Ranges.of(numbers))

    def _acknowledgements(self, now_ms: int) -> list[Command]:
        """Return everything that has not been told yet; a gateway that is away will send again and be told then."""
        commands: list[Command] = []
        for (node, incarnation), unsent in self._unsent.items():
            if self._planner.incarnation(node) == incarnation:
                commands += self._tell(node, _texts(incarnation, unsent), now_ms)
        self._unsent.clear()
        self._status.acknowledgements += len(commands)
        return commands

    def _tell(self, node: NodeId, texts: Iterable[dict[str, str | int]], now_ms: int) -> list[Command]:
        told = [self._host.command(node, values, now_ms) for values in texts]
        return [_command(*one) for one in told if one is not None]

    def _count(self, batch: Batch, content_duplicates: int) -> None:
        status = self._status
        status.batches += 1
        status.readings += len(batch.readings)
        if batch.in_trends is not None and batch.in_trends.aside:
            status.trends_notice = batch.in_trends.notice
            for reason, count in batch.in_trends.aside.items():
                status.trends_aside[reason] = status.trends_aside.get(reason, 0) + count
        for change in batch.gateways.values():
            status.records_stored += change.stored
            status.records_duplicate += change.duplicate
            status.sequence_gaps += change.sequence_gaps
        status.records_stored -= content_duplicates
        status.records_duplicate += content_duplicates
        for entry in batch.quarantine:
            status.quarantined[entry.reason] = status.quarantined.get(entry.reason, 0) + 1


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the ingest thread needs from outside.

    Attributes:
        inbox: what the broker brought; bounded.
        send: publishes a command.
        tell: passes changes to the pages.
        now_ms: ms UTC.
        monotonic_s: for durations.
        stop: set it to end.
        spectrum_days: how long periodic spectra are kept.
    """

    inbox: queue.Queue[Arrival]
    send: Callable[[Command], None]
    tell: Callable[[Iterable[Change]], None]
    now_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    stop: threading.Event
    spectrum_days: float


def run_ingest(ingest: Ingest, status: Status, around: Surroundings) -> None:
    """Store what arrives until told to stop; then what has arrived is stored, the rest stays with the gateways."""
    pruned_ms = named_ms = 0
    while not around.stop.is_set():
        arrivals = gather(around.inbox, around.monotonic_s)
        status.waiting = around.inbox.qsize()
        batch = ingest.plan(arrivals, around.now_ms())
        started_s = around.monotonic_s()
        changes = _store_until_it_succeeds(ingest, batch, status, around)
        status.batch_s += around.monotonic_s() - started_s
        for command in ingest.commands(batch, around.now_ms()):
            around.send(command)
        around.tell(changes)
        try:
            if around.now_ms() - named_ms >= NAME_MS:
                named_ms = around.now_ms()
                ingest.name_machines()
            if around.now_ms() - pruned_ms >= PRUNE_MS and not arrivals:
                pruned_ms = around.now_ms()
                ingest.prune(pruned_ms, around.spectrum_days)
        except StoreError as error:
            status.store_problem = str(error)


def gather(inbox: queue.Queue[Arrival], monotonic_s: Callable[[], float]) -> list[Arrival]:
    """Return what arrives within a moment, at most a batch of it; sooner when nothing follows."""
    arrivals: list[Arrival] = []
    until_s = monotonic_s() + GATHER_S
    while len(arrivals) < BATCH_MESSAGES:
        left_s = until_s - monotonic_s()
        wait_s = min(left_s, COMPANY_S) if arrivals else left_s
        try:
            arrivals.append(inbox.get(timeout=wait_s) if wait_s > 0 else inbox.get_nowait())
        except queue.Empty:
            break
    return arrivals


def _store_until_it_succeeds(ingest: Ingest, batch: Batch, status: Status, around: Surroundings) -> set[Change]:
    """Store a batch, waiting longer after each failure; nothing is lost by waiting, because nothing is acknowledged."""
    pause_s = FIRST_RETRY_S
    while True:
        try:
            changes = ingest.store(batch)
        except StoreError as error:
            status.store_problem = str(error)
            if around.stop.wait(pause_s):
                return set()
            pause_s = min(2 * pause_s, LAST_RETRY_S)
        else:
            status.store_problem = None
            return changes


def _texts(incarnation: str, unsent: _Unsent) -> Iterable[dict[str, str | int]]:
    """Yield the metrics of each command: what was refused first, so that it is counted before it is deleted."""
    for ranges in unsent.acknowledged.split(RANGES_PER_COMMAND):
        values: dict[str, str | int] = {}
        span = Ranges(((ranges.bounds[0][0], ranges.bounds[-1][1]),))
        rejected = {reason: numbers.intersection(span) for reason, numbers in unsent.rejected.items()}
        try:
            if any(rejected.values()):
                values[metrics.OUTBOX_REJECTED] = format_rejected(incarnation, rejected)
            values[metrics.OUTBOX_ACKNOWLEDGED] = format_acknowledged(incarnation, ranges)
        except RangeError:
            # An incarnation that no gateway of ours would choose: nobody to tell.
            return
        yield values


def _command(topic: Topic, payload: Payload) -> Command:
    return Command(topic.text, encode_payload(payload))
