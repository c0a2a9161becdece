"""The bytes of bundles: files named by their hash in `data_dir`/models, written once and never changed.

Written beside, synced, renamed, and the directory synced: a file that is there under its name is whole, also after a
power cut. A file comes before the row of the book that speaks of it; one that no row speaks of does no harm.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from cloud.errors import NotFoundError, StoreError

FOLDER: Final = "models"


def store_bundle(data_dir: Path, data: bytes) -> str:
    """Store a bundle, and return its SHA-256; one that is there already is left alone.

    Raises:
        StoreError: the disk would not have it.
    """
    digest = hashlib.sha256(data).hexdigest()
    folder = data_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / digest).is_file():
            return digest
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{digest[:8]}-", delete=False) as beside:
            try:
                beside.write(data)
                beside.flush()
                os.fsync(beside.fileno())
                Path(beside.name).rename(folder / digest)
            except BaseException:
                Path(beside.name).unlink(missing_ok=True)
                raise
        _sync(folder)
    except OSError as error:
        raise StoreError(f"the bundle was not stored in {folder}: {error.strerror or error}") from error
    return digest


def read_bundle(data_dir: Path, sha256: str) -> bytes:
    """Return a bundle's bytes.

    Raises:
        NotFoundError: there is none by that hash.
        StoreError: the file cannot be read, or is not what it was.
    """
    path = data_dir / FOLDER / sha256
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError("bundle", sha256) from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(f"{path}: the file is not what it was: restore it from a backup")
    return data


def _sync(folder: Path) -> None:
    """Have the folder's own entries on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
