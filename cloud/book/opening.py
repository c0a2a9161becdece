"""Open the book: make or migrate its database, then hand out connections.

The migrations are part of the package and run when a cloud starts, so a person never meets an old table.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from cloud.errors import DataDirectoryError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine


def book_url(path: Path) -> str:
    """Return the database address of a book in a file."""
    return f"sqlite:///{path}"


def open_book(url: str) -> Engine:
    """Return an engine on an up-to-date book.

    Raises:
        DataDirectoryError: the database cannot be opened or migrated.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    try:
        migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        reason = str(error.__cause__ or error).splitlines()[0]
        raise DataDirectoryError(
            f"{url}: the book cannot be opened ({reason}): check the path and its rights"
        ) from error
    return engine


def migrate(engine: Engine, revision: str = "head", *, down: bool = False) -> None:
    """Bring the tables up (or down) to a revision; nothing happens if they are there already."""
    with as_file(files("cloud.book") / "migrations") as scripts, engine.begin() as connection:
        if revision == "head" and not down and _revision(connection) == newest_revision(scripts):
            return
        # A third of the time it takes a cloud to start, and only new tables need it.
        from alembic import command
        from alembic.config import Config

        configuration = Config()
        configuration.set_main_option("script_location", str(scripts).replace("%", "%%"))
        configuration.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(configuration, revision)


def newest_revision(scripts: Path) -> str:
    """Return the last migration in a folder of them; a revision is the number its file begins with."""
    return max(path.stem.split("_")[0] for path in (scripts / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    """Return the revision that the tables have, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Set what SQLite forgets between connections.

    WAL lets the API read while ingest writes. FULL makes a commit survive a power cut: an acknowledgement deletes
    the record on the gateway, so nothing less will do.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
