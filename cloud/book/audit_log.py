"""The one way to write the audit log, and the ways to read it.

`append` belongs at the end of a transaction that changes something: it takes the lock of the head row, which every
other writer then waits for, so the chain has one order whoever writes. Taking it last keeps that wait short, and
keeps two transactions from waiting for each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.book.audit_chain import Break, Entry, Head, Link, first_break, link_hash
from cloud.book.tables import Audit
from cloud.book.user_tables import AuditHead
from cloud.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

HEAD = 1
"""The key of the only head."""

PAGE_ROWS = 1_000
"""Rows read at a time where all are read."""


def append(session: Session, *, at_ms: int, who: str, what: str, subject: str, detail: dict[str, Any]) -> None:
    """Write one row at the end of the log, as part of a transaction.

    Args:
        session: with the transaction that does what the row says.
        at_ms: when, ms UTC.
        who: the person, gateway or clock.
        what: such as ``alarm.acknowledge``.
        subject: id of what it was done to.
        detail: texts and whole numbers; never a secret.
    """
    who, subject, detail = _storable(who), _storable(subject), _storable(detail)
    # The change comes before the reading: it takes the lock, in SQLite that of the file, in PostgreSQL that of the row.
    locked = update(AuditHead).where(AuditHead.id == HEAD).values(count=AuditHead.count + 1)
    count, previous = session.execute(
        locked.returning(AuditHead.count, AuditHead.hash).execution_options(synchronize_session=False)
    ).one()
    digest = link_hash(count, Entry(at_ms, who, what, subject, detail), previous)
    row = {"key": count, "at_ms": at_ms, "who": who, "what": what, "subject": subject, "detail": detail, "hash": digest}
    session.execute(insert(Audit).values(row))
    session.execute(
        update(AuditHead).where(AuditHead.id == HEAD).values(hash=digest).execution_options(synchronize_session=False)
    )


def _storable(value: Any) -> Any:
    """Return what both databases give back as they got it: without U+0000, half characters, and NaN."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(key): _storable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_storable(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows are wanted; None for all.

    Attributes:
        what: the whole word, or its first part such as ``alarm``.
        from_ms: inclusive; `to_ms` exclusive.
    """

    who: str | None = None
    what: str | None = None
    subject: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def rows(engine: Engine, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[Audit]:
    """Return rows before a key, newest first."""
    query = select(Audit).order_by(Audit.key.desc()).limit(limit)
    if wanted.who is not None:
        query = query.where(Audit.who == wanted.who)
    if wanted.what is not None:
        query = query.where(or_(Audit.what == wanted.what, Audit.what.startswith(f"{wanted.what}.", autoescape=True)))
    if wanted.subject is not None:
        query = query.where(Audit.subject == wanted.subject)
    if wanted.from_ms is not None:
        query = query.where(Audit.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(Audit.at_ms < wanted.to_ms)
    if before is not None:
        query = query.where(Audit.key < before)
    with Session(engine) as session:
        return session.scalars(query).all()


def every_row(engine: Engine, wanted: AuditFilter) -> Iterator[Audit]:
    """Yield all rows that are wanted, newest first, a page at a time."""
    before = None
    while True:
        page = rows(engine, wanted, before, PAGE_ROWS)
        yield from page
        if len(page) < PAGE_ROWS:
            return
        before = page[-1].key


def verify(engine: Engine, known: Head | None = None) -> tuple[Head | None, Break | None]:
    """Return the head of the log and the first place where the log does not hold, None where it does.

    Raises:
        StoreError: the log cannot be read.
    """
    try:
        with Session(engine) as session:
            # The head first: what is appended meanwhile lies behind it and is left to the next time.
            stored = session.get(AuditHead, HEAD)
            head = None if stored is None else Head(stored.count, stored.hash)
            session.rollback()
        return head, first_break(_links(engine, head), head, known)
    except SQLAlchemyError as error:
        raise StoreError(f"the audit log cannot be read: {error}") from error


def _links(engine: Engine, head: Head | None) -> Iterator[Link]:
    """Yield the rows in their order, a page at a time; what was written after the head was read is left out."""
    after = None
    last = None if head is None else _last_before(engine, head)
    while True:
        query = select(Audit).order_by(Audit.key).limit(PAGE_ROWS)
        if after is not None:
            query = query.where(Audit.key > after)
        if last is not None:
            query = query.where(Audit.key <= last)
        with Session(engine) as session:
            page = session.scalars(query).all()
        for row in page:
            yield Link(row.key, Entry(row.at_ms, row.who, row.what, row.subject, row.detail), row.hash)
        if len(page) < PAGE_ROWS:
            return
        after = page[-1].key


def _last_before(engine: Engine, head: Head) -> int | None:
    """Return the number up to which rows are looked at: the head's, unless the head lags behind for good."""
    with Session(engine) as session:
        now = session.get(AuditHead, HEAD)
    has_moved = now is not None and now.count > head.count
    return head.count if has_moved else None
