"""The directory of the stores: made if missing, used by one process at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cloud.errors import DataDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held_data_directory(path: Path) -> Iterator[Path]:
    """Hold a data directory while the stores in it are open.

    The lock belongs to the open file: it goes when the process ends, however it ends.

    Raises:
        DataDirectoryError: it cannot be made, read or written, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise DataDirectoryError(
            f"{path}: the data directory cannot be used ({error.strerror}): set cloud.data_dir to one you may write"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read(20).strip()
            raise DataDirectoryError(
                f"{path}: another cloud (process {holder or 'unknown'}) uses this data directory: stop it first,"
                " or set another cloud.data_dir"
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield path
