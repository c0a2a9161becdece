"""Open the book: make or migrate its database, then hand out connections.

The migrations are part of the package and run when a cloud starts, so a person never meets an old table. An engine
can be had before its server answers (`book_engine`); `prepare_book` is tried until it does.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError

from cloud.book.json_text import json_text
from cloud.book.postgres import postgres_engine
from cloud.book.settings import shown
from cloud.book.transactions import WRITER_LOCK, reason
from cloud.errors import BookAddressError, BookRefusedError, DataDirectoryError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import URL, Engine
    from sqlalchemy.engine import ExceptionContext

SQLITE_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}
"""What is wrong with the disk or the file, and not with us. Source: sqlite.org/rescode.html, primary result codes."""


def book_url(path: Path) -> str:
    """Return the database address of a book in a file."""
    return f"sqlite:///{path}"


def open_book(address: str | URL) -> Engine:
    """Return an engine on an up-to-date book.

    Raises:
        DataDirectoryError: the file cannot be opened or migrated.
        BookAddressError: the server refuses us, or its database cannot be used.
        StoreError: the server does not answer.
    """
    engine = book_engine(address)
    try:
        prepare_book(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def book_engine(address: str | URL) -> Engine:
    """Return an engine; nothing is opened yet."""
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        return postgres_engine(url)
    engine = create_engine(url, json_serializer=json_text)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "handle_error", _translate_sqlite)
    return engine


def prepare_book(engine: Engine) -> None:
    """Look at a database and bring its tables up to date.

    Raises:
        DataDirectoryError: the file cannot be opened or migrated.
        BookAddressError: the server refuses us, or its database cannot be used.
        StoreError: the server does not answer: try again.
    """
    _translated(engine, lambda: migrate(engine))


def check_book(engine: Engine) -> None:
    """Look at a database without changing it; raises as `prepare_book` does."""
    _translated(engine, lambda: None)


def _translated(engine: Engine, then: Callable[[], None]) -> None:
    """Look at a database and do the rest; say what is wrong with it."""
    is_file = engine.dialect.name == "sqlite"
    unusable = DataDirectoryError if is_file else BookAddressError
    where = engine.url.database if is_file else shown(engine.url)
    try:
        if not is_file:
            _check_server(engine)
        then()
    except BookRefusedError as error:
        raise BookAddressError(str(error)) from error
    except (SQLAlchemyError, StoreError) as error:
        if isinstance(error, StoreError) and not is_file:
            raise
        advice = "check the path and its rights" if is_file else "look at the rights of its user"
        raise unusable(f"{where}: the book cannot be opened ({reason(error)}): {advice}") from error


def migrate(engine: Engine, revision: str = "head", *, down: bool = False) -> None:
    """Bring the tables up (or down) to a revision; nothing happens if they are there already.

    Raises:
        DataDirectoryError: a newer version has written the book.
    """
    with as_file(files("cloud.book") / "migrations") as scripts:
        newest = newest_revision(scripts)
        if revision == "head" and not down:
            there = revision_of(engine)
            if there == newest:
                return
            if there is not None and there > newest:
                raise DataDirectoryError(
                    f"{shown(engine.url)}: the book was written by a newer version (tables {there}, this one knows"
                    f" {newest}): upgrade"
                )
        _run_migrations(engine, scripts, revision, down=down)


def _run_migrations(engine: Engine, scripts: Path, revision: str, *, down: bool) -> None:
    # A third of the time it takes a cloud to start, and only new tables need it.
    from alembic import command
    from alembic.config import Config

    is_file = engine.dialect.name == "sqlite"
    # A change of large tables is no network that went away.
    patient = engine if is_file else postgres_engine(engine.url, patient=True)
    with patient.begin() as connection:
        if not is_file:
            # Processes of one cloud start together; the first migrates, the others find it done.
            connection.execute(select(func.pg_advisory_xact_lock(WRITER_LOCK)))
        configuration = Config()
        configuration.set_main_option("script_location", str(scripts).replace("%", "%%"))
        configuration.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(configuration, revision)
    if patient is not engine:
        patient.dispose()


def newest_revision(scripts: Path) -> str:
    """Return the last migration in a folder of them; a revision is the number its file begins with."""
    return max(path.stem.split("_")[0] for path in (scripts / "versions").glob("[0-9]*.py"))


def revision_of(engine: Engine) -> str | None:
    """Return the revision that the tables have, None for an empty database.

    Raises:
        StoreError: the database does not answer.
    """
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if revision is None else str(revision)


def _check_server(engine: Engine) -> None:
    """Refuse a database that could not keep every name."""
    with engine.connect() as connection:
        encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise BookAddressError(
            f"{shown(engine.url)}: the database keeps text as {encoding}:"
            " make one with ENCODING 'UTF8' TEMPLATE template0"
        )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set what SQLite forgets between connections.

    WAL lets the API read while ingest writes. FULL makes a commit survive a power cut: an acknowledgement deletes
    the record on the gateway, so nothing less will do.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own knows no letters beyond A to Z, and machines are called Lüfter and Überdruckventil.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _translate_sqlite(context: ExceptionContext) -> Exception | None:
    """Return what SQLAlchemy raises instead of an error: a disk that does not do it now is a `StoreError`."""
    error = context.original_exception
    code = getattr(error, "sqlite_errorcode", None)
    # The upper bits tell more than anybody here needs.
    if code is None or code & 0xFF not in SQLITE_UNAVAILABLE:
        return None
    return StoreError(f"the book's file was not to be used ({error})")
