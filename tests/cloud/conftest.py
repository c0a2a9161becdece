"""What tests of the cloud share: a book in each database."""

from support.postgres import book_database, postgres_server

__all__ = ["book_database", "postgres_server"]
