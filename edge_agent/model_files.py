"""Bundles on the gateway's disk, each under the hash of its bytes: what is read is what was verified, or nothing.

A file gets its name only once it is whole and on the disk (written beside, fsync, renamed, the folder synced), so a
power cut leaves a whole bundle or none. Reading hashes the bytes again: flash forgets, and a damaged file is no model.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

from edge_agent.errors import DataDirectoryError
from models.bundle.archive import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

_NAME: Final = re.compile(r"[0-9a-f]{64}\.bundle")


class ModelFiles:
    """The bundles of one gateway.

    Args:
        directory: of their own; made if missing.

    Raises:
        DataDirectoryError: it cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(f"{directory}: cannot be made for models ({error.strerror})") from error

    def path(self, sha256: str) -> Path:
        """Return where the bundle with this hash is, or would be."""
        return self._directory / f"{sha256}.bundle"

    def store(self, data: bytes) -> str:
        """Put a bundle on the disk and return its hash; one that is there already stays as it is.

        Raises:
            DataDirectoryError: the disk is full, or cannot be written; nothing is left behind.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if self.read(sha256) is not None:
            return sha256
        beside = self._directory / f"{sha256}.part"
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path(sha256))
            folder = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise DataDirectoryError(
                f"{self._directory}: a model of {len(data):,} bytes cannot be stored ({error.strerror}): make room; the"
                " model before stays in service"
            ) from error
        return sha256

    def read(self, sha256: str) -> bytes | None:
        """Return the bundle with this hash; None where it is missing, unreadable, or not those bytes any more."""
        try:
            with self.path(sha256).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None

    def keep_only(self, wanted: Collection[str]) -> None:
        """Delete every bundle, and every piece of one, but those with these hashes."""
        kept = {self.path(sha256).name for sha256 in wanted}
        for path in self._directory.iterdir():
            is_ours = _NAME.fullmatch(path.name) or path.suffix == ".part"
            if is_ours and path.name not in kept:
                with contextlib.suppress(OSError):
                    path.unlink()
