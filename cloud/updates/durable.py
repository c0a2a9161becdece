"""Files that are there whole or not at all, whenever the power goes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LEFT_OVER = ".writing"
"""End of the name of a file that is being written; one that stays is of a crash and means nothing."""


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write beside, bring to disk, rename.

    Args:
        path: of the file; its directory is made.
        data: all of it.
        mode: permissions, from the first byte on.

    Raises:
        OSError: the disk does not take it; what was there before still is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}{LEFT_OVER}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    bring_to_disk(path.parent)


def bring_to_disk(directory: Path) -> None:
    """Return once the names in a directory are on disk: a rename is none before."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
