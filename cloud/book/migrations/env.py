"""What alembic runs: our connection, our tables.

`cloud.book.opening.migrate` passes the connection in, so that there is one way to the database and one transaction.
"""

from __future__ import annotations

from alembic import context

from cloud.book import model_tables, notification_tables, plant_tables, request_tables, user_tables  # noqa: F401 - their tables are Base's
from cloud.book.tables import Base

# Only alembic gives this module a configuration; others import it to look at it.
if hasattr(context, "config"):
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        # SQLite changes a table by making a new one; alembic calls that a batch.
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
