"""The journal's tables, and how a damaged file is set aside and what is readable saved from it.

One file `journal.sqlite` in WAL mode. `outbox` holds what has to reach the cloud, `machine` where each machine stands
(detector and alarm state, source position), `counter` every number that must survive a restart, `meta` who the outbox
is (incarnation) and how the last run ended.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA_VERSION: Final = 1
_LARGEST_JOURNAL: Final = 64 * 1024**3
"""A header that states more is damaged itself."""

SCHEMA: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE machine (
    asset_id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    next_index INTEGER NOT NULL,
    detail TEXT NOT NULL,
    state BLOB NOT NULL,
    crc INTEGER NOT NULL
);
-- AUTOINCREMENT keeps the highest number ever given in the same transaction, so none is given twice.
CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id INTEGER NOT NULL UNIQUE,
    kind_rank INTEGER NOT NULL,
    asset_id TEXT NOT NULL,
    machine TEXT,
    end_ns INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    clock_quality TEXT NOT NULL,
    payload BLOB NOT NULL,
    crc INTEGER NOT NULL
);
CREATE INDEX outbox_by_kind ON outbox (kind_rank, sequence);
"""

_OUTBOX_COLUMNS: Final = (
    "record_id, kind_rank, asset_id, machine, end_ns, boot_id, monotonic_ns, wall_ns, clock_quality, payload, crc"
)


def set_meta(connection: sqlite3.Connection, **values: str) -> None:
    """Store who the outbox is and how it was last used."""
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Return a connection in WAL mode with explicit transactions, usable from one thread at a time.

    Raises:
        sqlite3.Error: not a database, or not openable.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        # The log is cut back after a burst, so that the file budget stays about the outbox and not its history.
        connection.execute("PRAGMA journal_size_limit=4194304")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Create the tables in one transaction."""
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")


def is_sound(connection: sqlite3.Connection) -> bool:
    """Return whether SQLite finds no damage and the tables are ours."""
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError:
        return False
    return bool(version == SCHEMA_VERSION and verdict == "ok")


def set_aside(path: Path) -> Path:
    """Rename a damaged journal with its log beside it and return the new path; nothing is deleted."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return aside


def salvage(damaged: Path, into: sqlite3.Connection) -> tuple[int, int]:
    """Copy what is readable and whole from a damaged journal; the numbers of the outbox are given anew.

    Returns:
        How many records were saved, and how many were found damaged (those on unreadable pages cannot be counted).
    """
    saved = 0
    corrupt = 0
    _lengthen(damaged)
    try:
        # Opened for writing, because a log beside it may hold the latest transactions.
        source = sqlite3.connect(damaged, isolation_level=None)
        source.text_factory = lambda data: data.decode("utf-8", "replace")
    except sqlite3.Error:
        return 0, 0
    into.execute("BEGIN IMMEDIATE")
    try:
        for name, value in _readable(source, "SELECT name, value FROM counter"):
            if isinstance(value, int):
                into.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (name, value))
        for row in _readable(source, "SELECT asset_id, epoch, next_index, detail, state, crc FROM machine"):
            if _is_whole(row[4], row[5]):
                into.execute("INSERT OR REPLACE INTO machine VALUES (?, ?, ?, ?, ?, ?)", row)
        for row in _readable_from_both_ends(source):
            if not _is_whole(row[9], row[10]):
                corrupt += 1
                continue
            marks = ", ".join("?" * len(row))
            # Both arguments are fixed text of this module, not anything that was read.
            done = into.execute(f"INSERT OR IGNORE INTO outbox ({_OUTBOX_COLUMNS}) VALUES ({marks})", row)  # noqa: S608
            saved += done.rowcount
        into.execute("COMMIT")
    except BaseException:
        into.execute("ROLLBACK")
        raise
    finally:
        source.close()
    return saved, corrupt


def _lengthen(damaged: Path) -> None:
    """Give a truncated file the length that its header states: SQLite reads nothing of it otherwise.

    Source: SQLite file format, 1.3 (page size at offset 16, pages at 28).
    """
    with damaged.open("r+b") as file:
        head = file.read(32)
        if len(head) < 32 or not head.startswith(b"SQLite format 3"):
            return
        page_bytes = int.from_bytes(head[16:18], "big")
        stated = (65_536 if page_bytes == 1 else page_bytes) * int.from_bytes(head[28:32], "big")
        file.seek(0, 2)
        if file.tell() < stated <= _LARGEST_JOURNAL:
            file.truncate(stated)


def _is_whole(data: Any, crc: Any) -> bool:
    return isinstance(data, bytes) and zlib.crc32(data) == crc


def _readable(source: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield rows until the first unreadable page."""
    try:
        yield from source.execute(query)
    except sqlite3.DatabaseError:
        return


def _readable_from_both_ends(source: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the outbox's rows in order, going round one damaged stretch if there is one."""
    last = 0
    query = f"SELECT sequence, {_OUTBOX_COLUMNS} FROM outbox WHERE sequence > ? ORDER BY sequence"  # noqa: S608 fixed text
    try:
        for row in source.execute(query, (0,)):
            last = row[0]
            yield row[1:]
    except sqlite3.DatabaseError:
        tail = []
        for row in _readable(source, f"SELECT sequence, {_OUTBOX_COLUMNS} FROM outbox ORDER BY sequence DESC"):  # noqa: S608 fixed text
            if row[0] <= last:
                break
            tail.append(row[1:])
        yield from reversed(tail)
