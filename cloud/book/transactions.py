"""How the book is written, the same in both databases: what one writer decides on, no other changes meanwhile.

SQLite has one writer at a time, and `BEGIN IMMEDIATE` makes it so before the first question and not at the first
change: two people who acknowledge at once would both be told that nobody has. PostgreSQL gets the same from one
advisory lock that belongs to the transaction: exclusive for what people and the clock do, shared for ingest, whose
processes own different machines. Readers wait for nobody. Whoever waits too long gives up and says so.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

WRITER_LOCK: Final = 0x706C616E74
"""Number of the advisory lock; any number that no other program uses in the same database ("plant" in ASCII)."""


@contextmanager
def writing(engine: Engine, what: str) -> Iterator[Session]:
    """Give a transaction that nobody else writes beside, committed at the end.

    Raises:
        StoreError: `what` could not be written.
    """
    with _stored(what), Session(engine) as session, session.begin():
        _wait_for_turn(session, shared=False)
        yield session


@contextmanager
def taking_in(engine: Engine, what: str) -> Iterator[Session]:
    """Give a transaction for what gateways sent, beside those of other groups but not beside people's.

    Raises:
        StoreError: `what` could not be written.
    """
    with _stored(what), Session(engine) as session, session.begin():
        _wait_for_turn(session, shared=True)
        yield session


def reason(error: BaseException) -> str:
    """Return why a database refused, in one line without the statement or its values: they may be secret."""
    told = getattr(error, "orig", None) or error.__cause__ or error
    fields = told.args[0] if told.args else ""
    words = str(fields.get("M", "")) if isinstance(fields, dict) else str(told)
    return words.splitlines()[0] if words else type(told).__name__


@contextmanager
def _stored(what: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise type(error)(f"{what} was not stored: {error}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"{what} was not stored: {reason(error)}") from error


def _wait_for_turn(session: Session, *, shared: bool) -> None:
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(lock(WRITER_LOCK)))
