"""Migrations of the book, oldest first in `versions`; `cloud.book.opening.migrate` runs them."""
