"""The metadata that this gateway trusts, on disk: worked on in a copy, replaced file by file once all of it is good.

A crash between two of the files is harmless: each is verified again whenever it is read, and only ever stands for
something older than it could.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_agent.update_errors import StorageError
from models.contract.update_names import SIGNED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOTS: Final = "root_history"
_COPY: Final = "copy-"
_ROLE: Final = re.compile(r"[A-Za-z0-9._=%-]+\.json")
_ROOT: Final = re.compile(r"([1-9][0-9]{0,8})\.root\.json")


class TrustedState:
    """What is trusted, in one directory.

    Args:
        directory: made if missing; for this alone.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it: one update at a time.

        Raises:
            StorageError: another one is running, or the directory cannot be used.
        """
        try:
            (self.directory / ROOTS).mkdir(parents=True, exist_ok=True)
            lock = (self.directory / "lock").open("a", encoding="ascii")
        except OSError as error:
            raise StorageError(f"{self.directory}: cannot be used ({error.strerror or error})") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StorageError(f"{self.directory}: another update is running: wait until it is done") from error
            for left_over in self.directory.glob(f"{_COPY}*"):
                shutil.rmtree(left_over, ignore_errors=True)
            yield

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """Return a copy to work on; it is gone afterwards.

        Raises:
            OSError: the disk does not take it.
        """
        with tempfile.TemporaryDirectory(prefix=_COPY, dir=self.directory, ignore_cleanup_errors=True) as name:
            copy = Path(name)
            (copy / ROOTS).mkdir()
            for file in self.files():
                shutil.copyfile(file, copy / file.relative_to(self.directory))
            yield copy

    def keep(self, copy: Path, *, roots_only: bool = False) -> None:
        """Let what is in a copy take the place of what was trusted.

        Raises:
            OSError: the disk does not take it.
        """
        for file in TrustedState(copy).files():
            within = file.relative_to(copy)
            if roots_only and within.parent.name != ROOTS:
                continue
            with file.open("rb") as written:
                os.fsync(written.fileno())
            file.replace(self.directory / within)
        for folder in (self.directory / ROOTS, self.directory):
            bring_to_disk(folder)

    def files(self) -> list[Path]:
        """Return the files of metadata, those of roots first."""
        roots = [file for file in (self.directory / ROOTS).glob("*.json") if _ROOT.fullmatch(file.name)]
        # The plain root.json is a link that python-tuf makes for itself.
        roles = [file for file in self.directory.glob("*.json") if _ROLE.fullmatch(file.name) and not file.is_symlink()]
        return sorted(roots) + sorted(roles)

    def newest_root(self) -> Path | None:
        """Return the file of the newest root, None without any."""
        found = [(int(match[1]), file) for file in self.files() if (match := _ROOT.fullmatch(file.name))]
        return max(found)[1] if found else None

    def signed(self, role: str) -> dict[str, Any]:
        """Return what was signed for a role, empty where nothing is known of it; not verified here."""
        file = self.newest_root() if role == "root" else self.directory / f"{role}.json"
        return {} if file is None else signed_part(file)

    def versions(self) -> dict[str, int]:
        """Return the version of each role that we know of."""
        files = {file.stem for file in self.files() if file.parent == self.directory} | {"root"}
        found = {role: self.signed(role).get("version") for role in files}
        named = self.signed("snapshot").get("meta")
        for name, meta in (named if isinstance(named, dict) else {}).items():
            found.setdefault(name.removesuffix(".json"), meta.get("version") if isinstance(meta, dict) else None)
        return {role: version for role, version in sorted(found.items()) if isinstance(version, int)}


def signed_part(file: Path) -> dict[str, Any]:
    """Return what is signed in a file of metadata, empty if it cannot be read."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    signed = document.get("signed") if isinstance(document, dict) else None
    return signed if isinstance(signed, dict) else {}


def signed_at(signed: dict[str, Any]) -> datetime | None:
    """Return when something was signed, None if it does not say."""
    try:
        return datetime.fromisoformat(signed[SIGNED_AT]).astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def bring_to_disk(folder: Path) -> None:
    """Return once the names in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
