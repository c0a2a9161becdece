"""The gateway's memory: what was decided is on disk before anything else happens (wire.md 2).

A `Change` is what one step of one machine caused: its new state and source position, and the records that have to
reach the cloud. `commit` writes changes in **one** transaction, so a kill can neither raise an alarm twice nor skip a
window. The uplink reads `pending` records, and `acknowledge` deletes exactly those the cloud says it has stored.
When the outbox outgrows its budget the least important records go first, each counted by its reason.

The order of events: open (`edge_agent.journal_opening`), commit, read, acknowledge, count, close. Every method blocks
on the disk: the agent calls them from one thread (`edge_agent.disk`).
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_agent import journal_schema
from edge_agent.errors import JournalError, JournalFullError
from edge_agent.sources.base import SourcePosition
from models.contract.encoding import record_from_bytes, record_to_bytes
from models.contract.errors import ContractError, RecordError
from models.contract.limits import PAYLOAD_BYTES
from models.contract.vocabulary import DropReason, RecordKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from models.contract.acknowledgement import Ranges
    from models.contract.records import Record
    from models.contract.vocabulary import ClockQuality

FILE_NAME: Final = "journal.sqlite"
ROW_OVERHEAD_BYTES: Final = 192
"""What a row of the outbox takes beside its payload, index entries included; counted into the budget."""
_PAYLOAD_RESERVE: Final = 512
"""Of the payload limit, for the metrics that the uplink adds to each record."""
_INTEGER_MAX: Final = 2**63 - 1
_DROP_ORDER: Final = (
    (RecordKind.HEALTH, DropReason.BUDGET_HEALTH),
    (RecordKind.SUMMARY, DropReason.BUDGET_SUMMARY),
    (RecordKind.EVIDENCE, DropReason.BUDGET_EVIDENCE),
    (RecordKind.ALARM, DropReason.BUDGET_ALARM),
)
"""What goes first when the budget is exceeded; alarms only when nothing else is left."""


Catalogue = Mapping[str, Mapping[str, tuple[int, str | None]]]
"""Machine → metric name → number of its datatype, engUnit."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Under which clocks something was made (wire.md 4)."""

    boot_id: str
    monotonic_ns: int
    wall_ns: int
    quality: ClockQuality


@dataclass(frozen=True, slots=True)
class MachineProgress:
    """Where a machine stands: everything it needs to go on as if it had never stopped."""

    asset_id: str
    position: SourcePosition
    state: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What one step caused, to be written as one: records, the state behind them, counts to add."""

    stamp: Stamp
    records: tuple[Record, ...] = ()
    progress: MachineProgress | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PendingRecord:
    """One record in the outbox with the number it is acknowledged by."""

    sequence: int
    record: Record


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What an acknowledgement did: records deleted, and numbers that were not (any more) in the outbox."""

    deleted: int
    unexpected: int


class Journal:
    """One open journal; made by `edge_agent.journal_opening.open_journal`."""

    def __init__(self, connection: sqlite3.Connection, incarnation: str, max_bytes: int, lock: int | None) -> None:
        self._connection = connection
        self._max_bytes = max_bytes
        self._lock = lock
        self.incarnation = incarnation
        counted = connection.execute("SELECT machine, count(*), total(length(payload)) FROM outbox GROUP BY machine")
        rows = counted.fetchall()
        self._of_machine = Counter({machine: int(count) for machine, count, _ in rows})
        self._bytes = int(sum(size for _, _, size in rows)) + self.pending_records * ROW_OVERHEAD_BYTES

    @property
    def pending_records(self) -> int:
        """Return how many records wait for their acknowledgement."""
        # Taken at once: other threads ask while the journal's own thread counts.
        return sum(tuple(self._of_machine.values()))

    def pending_of(self, machine: str) -> int:
        """Return how many of them speak of one machine."""
        return self._of_machine[machine]

    @property
    def outbox_bytes(self) -> int:
        """Return what they take of the budget."""
        return self._bytes

    def commit(self, changes: Sequence[Change]) -> None:
        """Write all changes in one transaction; on return they are on disk.

        Records that are already in the outbox (same record id) are not written again. Records beyond the payload
        limit are dropped and counted, and so is what the budget cannot hold.

        Raises:
            JournalFullError: the disk is full; nothing of these changes is written.
            JournalError: the journal is damaged or cannot be written.
        """
        with self._transaction():
            for change in changes:
                for record in change.records:
                    self._insert(record, change.stamp)
                if change.progress is not None:
                    self._store_progress(change.progress)
                for name, value in change.counts.items():
                    self._add(name, value)
            self._keep_budget()

    def _insert(self, record: Record, stamp: Stamp) -> None:
        try:
            payload = record_to_bytes(record)
        except RecordError:
            payload = b""
        if not 0 < len(payload) <= PAYLOAD_BYTES - _PAYLOAD_RESERVE:
            self._add(dropped_counter(DropReason.OVERSIZED), 1)
            return
        signed_id = record.record_id - (1 << 64) if record.record_id > _INTEGER_MAX else record.record_id
        done = self._connection.execute(
            "INSERT OR IGNORE INTO outbox (record_id, kind_rank, asset_id, machine, end_ns, boot_id, monotonic_ns,"
            " wall_ns, clock_quality, payload, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                signed_id,
                record.kind.rank,
                record.asset_id,
                record.machine,
                record.end_ns,
                stamp.boot_id,
                stamp.monotonic_ns,
                stamp.wall_ns,
                stamp.quality.value,
                payload,
                zlib.crc32(payload),
            ),
        )
        if done.rowcount == 0:
            self._add("already_pending", 1)
            return
        self._of_machine[record.machine] += 1
        self._bytes += len(payload) + ROW_OVERHEAD_BYTES

    def _store_progress(self, progress: MachineProgress) -> None:
        position = progress.position
        self._connection.execute(
            "INSERT OR REPLACE INTO machine VALUES (?, ?, ?, ?, ?, ?)",
            (
                progress.asset_id,
                position.epoch,
                position.next_index,
                position.detail,
                progress.state,
                zlib.crc32(progress.state),
            ),
        )

    def _keep_budget(self) -> None:
        for kind, reason in _DROP_ORDER:
            while self._bytes > self._max_bytes:
                oldest = self._connection.execute(
                    "SELECT sequence, length(payload), machine FROM outbox WHERE kind_rank = ?"
                    " ORDER BY sequence LIMIT 64",
                    (kind.rank,),
                ).fetchall()
                if not oldest:
                    break
                for sequence, size, machine in oldest:
                    self._connection.execute("DELETE FROM outbox WHERE sequence = ?", (sequence,))
                    self._of_machine[machine] -= 1
                    self._bytes -= size + ROW_OVERHEAD_BYTES
                    self._add(dropped_counter(reason), 1)
                    if self._bytes <= self._max_bytes:
                        return

    def progress(self, asset_id: str) -> MachineProgress | None:
        """Return where a machine stood at its last commit, or None if that is not known (or was damaged)."""
        row = self._connection.execute(
            "SELECT epoch, next_index, detail, state, crc FROM machine WHERE asset_id = ?", (asset_id,)
        ).fetchone()
        if row is None or zlib.crc32(row[3]) != row[4]:
            return None
        return MachineProgress(asset_id, SourcePosition(row[0], row[1], row[2]), row[3])

    @property
    def last_sequence(self) -> int:
        """Return the highest number ever given to a record of this outbox; 0 before the first."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
        return 0 if row is None else int(row[0])

    def pending(
        self, kind: RecordKind, *, after: int, up_to: int, limit: int, excluding: Collection[int] = ()
    ) -> list[PendingRecord]:
        """Return records of one kind with after < sequence ≤ up_to, oldest first, without those in `excluding`.

        A record whose bytes are damaged is deleted and counted; it will not hold up the others.
        """
        # Numbers first: payloads can be large, and those already on their way need not be read again.
        rows = self._connection.execute(
            "SELECT sequence FROM outbox WHERE kind_rank = ? AND sequence > ? AND sequence <= ?"
            " ORDER BY sequence LIMIT ?",
            (kind.rank, after, min(up_to, _INTEGER_MAX), limit + len(excluding)),
        ).fetchall()
        found: list[PendingRecord] = []
        for (sequence,) in rows:
            if sequence in excluding or len(found) == limit:
                continue
            record = _read(
                *self._connection.execute("SELECT payload, crc FROM outbox WHERE sequence = ?", (sequence,)).fetchone()
            )
            if record is None:
                self.drop(sequence, DropReason.CORRUPT)
            else:
                found.append(PendingRecord(sequence, record))
        return found

    def drop(self, sequence: int, reason: DropReason) -> None:
        """Delete one record that can never be sent, counted by its reason."""
        with self._transaction():
            self._add(dropped_counter(reason), self._delete_range(sequence, sequence))

    def acknowledge(self, incarnation: str, ranges: Ranges) -> Acknowledged:
        """Delete exactly those records of this incarnation that the cloud has stored; count the rest as unexpected."""
        deleted = 0
        named = 0
        with self._transaction():
            for first, last in ranges.bounds:
                named += last - first + 1
                if incarnation == self.incarnation and first <= _INTEGER_MAX:
                    deleted += self._delete_range(first, min(last, _INTEGER_MAX))
            # Saturating: a range of an unfriendly sender may name more numbers than SQLite can count.
            unexpected = min(named - deleted, 2**32)
            self._add("acknowledged", deleted)
            if unexpected:
                self._add("unexpected_acknowledgements", unexpected)
        return Acknowledged(deleted, unexpected)

    def _delete_range(self, first: int, last: int) -> int:
        rows = self._connection.execute(
            "SELECT machine, count(*), total(length(payload)) FROM outbox WHERE sequence BETWEEN ? AND ?"
            " GROUP BY machine",
            (first, last),
        ).fetchall()
        if rows:
            self._connection.execute("DELETE FROM outbox WHERE sequence BETWEEN ? AND ?", (first, last))
        for machine, count, size in rows:
            self._of_machine[machine] -= count
            self._bytes -= int(size) + count * ROW_OVERHEAD_BYTES
        return int(sum(count for _, count, _ in rows))

    def declared(self, current: Catalogue) -> Catalogue:
        """Return what the births must declare: what is configured now, and what waiting records still speak of.

        A machine or channel that left the configuration is declared for as long as the outbox may hold records of it;
        without that they could never be sent.
        """
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'catalogue'").fetchone()
        merged = {machine: dict(definitions) for machine, definitions in current.items()}
        if row is not None and self.pending_records:
            for machine, definitions in json.loads(row[0]).items():
                known = merged.setdefault(machine, {})
                for name, (datatype, eng_unit) in definitions.items():
                    known.setdefault(name, (datatype, eng_unit))
        with self._transaction():
            journal_schema.set_meta(self._connection, catalogue=json.dumps(merged))
        return merged

    def next_bd_seq(self) -> int:
        """Return the birth/death number of the next CONNECT, 0 first, +1 each time over restarts, 255 → 0.

        Source: tck-id-topics-nbirth-bdseq-increment; 6.4.5 for its range.
        """
        with self._transaction():
            row = self._connection.execute("SELECT value FROM counter WHERE name = 'bd_seq'").fetchone()
            number = 0 if row is None else (int(row[0]) + 1) % 256
            self._connection.execute("INSERT OR REPLACE INTO counter VALUES ('bd_seq', ?)", (number,))
        return number

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to counters that survive a restart."""
        with self._transaction():
            for name, value in counts.items():
                self._add(name, value)

    def counters(self) -> dict[str, int]:
        """Return every counter."""
        return dict(self._connection.execute("SELECT name, value FROM counter"))

    def dropped(self) -> dict[str, int]:
        """Return how many records were dropped, by reason; reasons that never happened are left out."""
        prefix = dropped_counter("")
        return {name.removeprefix(prefix): value for name, value in self.counters().items() if name.startswith(prefix)}

    def _add(self, name: str, value: int) -> None:
        self._connection.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, value),
        )

    def close(self) -> None:
        """Say that this run ended cleanly, close the file and free the data directory."""
        try:
            with self._transaction():
                journal_schema.set_meta(self._connection, clean="1")
        finally:
            self._connection.close()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before = (self._of_machine.copy(), self._bytes)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._of_machine, self._bytes = before
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise


def _read(payload: bytes, crc: int) -> Record | None:
    """Return the record, or None if its bytes are damaged."""
    if zlib.crc32(payload) != crc:
        return None
    try:
        return record_from_bytes(payload)
    except ContractError:
        return None


def dropped_counter(reason: str) -> str:
    """Return the name of the counter of records dropped for one reason."""
    return f"dropped/{reason}"


def translated(error: sqlite3.Error) -> JournalError:
    """Return our error for one of SQLite's; the only place that knows its codes."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and "disk" in str(error)):
        return JournalFullError(f"the journal cannot grow ({error}): free space on the disk; records wait in memory")
    return JournalError(f"the journal cannot be used ({error}): restart the agent, it saves what is readable")
