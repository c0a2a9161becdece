"""How a journal is opened: lock, check, salvage what is readable if it is damaged, decide the incarnation.

The incarnation names an outbox whose numbers are never given twice. It changes whenever the latest numbers may be
missing: the file is new, was salvaged, was put back from a copy, or the power failed while SQLite did not wait for the
disk (wire.md 2).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent import journal_schema
from edge_agent.errors import DataDirectoryError, JournalError
from edge_agent.journal import FILE_NAME, Journal, dropped_counter, translated
from models.contract.vocabulary import DropReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def open_journal(
    folder: Path, *, max_bytes: int, synchronous: str, boot_id: str, tell: Callable[[str], None]
) -> Journal:
    """Open or create the journal in `folder` and decide whether the outbox is still the one it was.

    Args:
        folder: the gateway's data directory; created if missing.
        max_bytes: budget of the outbox.
        synchronous: SQLite's policy, FULL or NORMAL.
        boot_id: of this boot of the machine; empty if it cannot be known.
        tell: is told, in one line, what a person should know.

    Raises:
        DataDirectoryError: the folder cannot be used, or another agent uses it.
        JournalError: the file cannot be opened.
    """
    lock = _locked(folder)
    path = folder / FILE_NAME
    try:
        connection, damaged = _opened_or_set_aside(path, synchronous)
        reason = None if damaged is None else _salvaged(damaged, connection, tell)
        identity = _Identity(boot_id, str(path.stat().st_ino), synchronous.upper())
        incarnation = _incarnation(connection, identity, reason, tell)
        return Journal(connection, incarnation, max_bytes, lock)
    except sqlite3.Error as error:
        os.close(lock)
        raise translated(error) from error
    except BaseException:
        os.close(lock)
        raise


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DataDirectoryError(
            f"{folder}: cannot be used as data_dir ({error.strerror}); give the agent a folder it may write to"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise DataDirectoryError(
            f"{folder}: another agent uses this data_dir; stop it first, or give each its own"
        ) from None
    return lock


def _opened_or_set_aside(path: Path, synchronous: str) -> tuple[sqlite3.Connection, Path | None]:
    """Return a sound journal, and where the damaged one was put if there was one."""
    connection = _opened(path, synchronous)
    if connection is not None:
        return connection, None
    damaged = journal_schema.set_aside(path)
    connection = _opened(path, synchronous)
    if connection is None:
        raise JournalError(f"{path}: SQLite cannot create a journal here; check the disk")
    return connection, damaged


def _opened(path: Path, synchronous: str) -> sqlite3.Connection | None:
    """Return a sound, complete journal, new if there was none; None if what is there is damaged."""
    try:
        connection = journal_schema.connect(path, synchronous)
    except sqlite3.OperationalError as error:
        if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
            raise DataDirectoryError(f"{path}: cannot be opened ({error}); check the owner of data_dir") from error
        return None
    except sqlite3.DatabaseError:
        return None
    try:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            journal_schema.create(connection)
    except sqlite3.DatabaseError:
        connection.close()
        return None
    if journal_schema.is_sound(connection):
        return connection
    connection.close()
    return None


def _salvaged(damaged: Path, connection: sqlite3.Connection, tell: Callable[[str], None]) -> str:
    saved, corrupt = journal_schema.salvage(damaged, connection)
    for name, value in (("salvages", 1), (dropped_counter(DropReason.CORRUPT), corrupt)):
        connection.execute(
            "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (name, value),
        )
    tell(
        f"the journal was damaged: set aside as {damaged.name}, {saved} records saved, {corrupt} found broken;"
        " look at the disk of this gateway"
    )
    return "salvaged"


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells a journal that went on from one whose latest numbers may be missing."""

    boot_id: str
    inode: str
    synchronous: str


def _incarnation(
    connection: sqlite3.Connection, identity: _Identity, reason: str | None, tell: Callable[[str], None]
) -> str:
    """Return the outbox's name: the stored one, or a new one if numbers may have been lost (wire.md 2)."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    same_boot = bool(identity.boot_id) and meta.get("boot_id") == identity.boot_id
    if reason is None and "incarnation" not in meta:
        reason = "created"
    elif reason is None and meta.get("inode") != identity.inode:
        reason = "restored"
    elif reason is None and meta["clean"] != "1" and not same_boot and meta["synchronous"] != "FULL":
        reason = "power cut with synchronous below FULL"
    incarnation = meta.get("incarnation", "") if reason is None else str(uuid.uuid4())
    if reason not in (None, "created"):
        tell(f"the outbox begins a new incarnation {incarnation} ({reason})")
    connection.execute("BEGIN IMMEDIATE")
    journal_schema.set_meta(
        connection,
        incarnation=incarnation,
        boot_id=identity.boot_id,
        inode=identity.inode,
        synchronous=identity.synchronous,
        clean="0",
    )
    connection.execute("COMMIT")
    return incarnation
