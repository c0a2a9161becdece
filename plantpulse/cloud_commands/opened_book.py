"""The book beside a cloud that may be running, for commands that act on it directly."""

from __future__ import annotations

import getpass
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from cloud.book.accounts import Doing
    from cloud.configuration import CloudSettings


@contextmanager
def opened_book(settings: CloudSettings) -> Iterator[Engine]:
    """Open the book; closed at the end."""
    from cloud.book.opening import open_book
    from cloud.book.settings import book_address

    settings.cloud.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_book(book_address(settings.book, settings.cloud.data_dir))
    try:
        yield engine
    finally:
        engine.dispose()


def doing() -> Doing:
    """Return the operating system's user, for the audit log, and the time."""
    from cloud.book.accounts import Doing

    return Doing(f"{getpass.getuser()} (command line)", time.time_ns() // 1_000_000)
