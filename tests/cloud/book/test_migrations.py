"""The migrations make exactly the tables that the models describe, from nothing and step by step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

import cloud.book
from cloud.book.opening import book_engine, book_url, migrate, newest_revision, open_book, revision_of
from cloud.book.tables import Base
from cloud.errors import DataDirectoryError

MIGRATIONS = Path(cloud.book.__file__).parent / "migrations"


def test_migrations_and_models_agree(empty_address):
    engine = open_book(empty_address)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_opening_an_up_to_date_book_changes_nothing(empty_address):
    open_book(empty_address).dispose()
    engine = open_book(empty_address)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()


def test_the_newest_migration_is_known_by_its_file(empty_address):
    engine = open_book(empty_address)
    assert revision_of(engine) == newest_revision(MIGRATIONS)
    engine.dispose()


def test_every_migration_can_be_taken_back_and_made_again(empty_address):
    engine = book_engine(empty_address)
    migrate(engine)
    made = _columns(engine)
    for path in sorted((MIGRATIONS / "versions").glob("[0-9]*.py"), reverse=True):
        before = str(int(path.stem.split("_")[0]) - 1).zfill(4)
        migrate(engine, "base" if before == "0000" else before, down=True)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine)
    assert set(Base.metadata.tables) <= set(made)
    assert _columns(engine) == made
    engine.dispose()


def test_a_book_of_a_newer_version_is_not_touched(empty_address):
    engine = open_book(empty_address)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DataDirectoryError, match="newer version"):
        open_book(empty_address)


def test_clouds_that_start_together_migrate_once(empty_address):
    with ThreadPoolExecutor(3) as threads:
        engines = list(threads.map(lambda _: open_book(empty_address), range(1 if _is_file(empty_address) else 3)))
    assert {revision_of(engine) for engine in engines} == {newest_revision(MIGRATIONS)}
    for engine in engines:
        engine.dispose()


def _is_file(address):
    """Return whether the data directory's lock sees to it that only one cloud starts."""
    return address.get_backend_name() == "sqlite"


def _columns(engine):
    """Return every table with its columns."""
    look = inspect(engine)
    return {
        name: sorted((column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(name))
        for name in look.get_table_names()
    }


def test_the_book_survives_a_power_cut(tmp_path):
    """An acknowledgement after a commit deletes the record on the gateway, so a commit has to be on the disk."""
    engine = open_book(book_url(tmp_path / "book.sqlite"))
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()
