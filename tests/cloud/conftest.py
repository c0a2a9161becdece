"""What tests of the cloud share: a book in each database."""

from support.postgres import book_database, book_engine, empty_address, postgres_server

__all__ = ["book_database", "book_engine", "empty_address", "postgres_server"]
