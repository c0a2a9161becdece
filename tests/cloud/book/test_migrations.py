"""The migrations make exactly the tables that the models describe, from nothing and step by step."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

import cloud.book
from cloud.book.opening import book_url, migrate, newest_revision, open_book
from cloud.book.tables import Base


def test_migrations_and_models_agree(tmp_path):
    engine = open_book(book_url(tmp_path / "book.sqlite"))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_opening_an_up_to_date_book_changes_nothing(tmp_path):
    url = book_url(tmp_path / "book.sqlite")
    open_book(url).dispose()
    engine = open_book(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
    engine.dispose()


def test_the_newest_migration_is_known_by_its_file(tmp_path):
    engine = open_book(book_url(tmp_path / "book.sqlite"))
    with engine.connect() as connection:
        applied = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    engine.dispose()
    assert applied == newest_revision(Path(cloud.book.__file__).parent / "migrations")


def test_every_migration_can_be_taken_back(tmp_path):
    engine = create_engine(book_url(tmp_path / "book.sqlite"))
    migrate(engine)
    migrate(engine, "base", down=True)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    migrate(engine)
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_the_book_survives_a_power_cut(tmp_path):
    """An acknowledgement after a commit deletes the record on the gateway, so a commit has to be on the disk."""
    engine = open_book(book_url(tmp_path / "book.sqlite"))
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()
