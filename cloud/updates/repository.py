"""The directory that gateways read: `metadata/`, `targets/`, and beside them the online keys, which nobody reads.

What is in force is what `metadata/timestamp.json` leads to. Everything else is written before it and under names that
nobody asks for yet, so a crash at any moment leaves what was in force, and doing the same again completes it:

    targets/…/HASH.NAME → N.ROLE.json → N.snapshot.json → timestamp.json

A change of the root is the exception, since gateways take the next root as soon as it is there: whatever it entitles
new keys to sign is in force before, signed by old and new ones (`cloud.updates.ceremony`).

Source: The Update Framework specification 1.0.33, sections 5 and 6.2, *Consistent snapshots*.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cloud.errors import ConflictError, KeyFileError, NotFoundError, RequestError, UpdateRepositoryError
from cloud.updates.durable import write_durably
from cloud.updates.key_files import read_keys, read_passphrase
from cloud.updates.metadata import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    Authority,
    Document,
    Published,
    Signing,
    able,
    authorities,
    key_id,
    missing_signatures,
    published,
    read_document,
    renewed,
    snapshot_of,
    snapshot_version,
    timestamp_of,
    usable,
    versions_in,
    with_target,
)
from cloud.updates.settings import UpdateSettings
from models.contract.errors import UpdateNameError
from models.contract.update_names import TargetName, UpdateRole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from cloud.updates.key_files import PrivateKey

MOST_CUSTOM_BYTES: Final = 8192
"""All names of a role are in one file, which every gateway of the class reads."""
MOST_TARGET_BYTES: Final = 256 * 2**20
"""No gateway takes more, and it is held in memory once."""

DEFAULTS: Final = UpdateSettings()


@dataclass(frozen=True, slots=True)
class InForce:
    """What gateways see.

    Attributes:
        targets: of the role of that name, and of each role it delegates to.
    """

    root: Document
    timestamp: Document
    snapshot: Document
    targets: Mapping[str, Document]

    @property
    def authorities(self) -> dict[str, Authority]:
        """Return whose signatures count, for each role."""
        return authorities(self.root, self.targets.get(TARGETS))

    @property
    def documents(self) -> tuple[Document, ...]:
        """Return all of them, in the order in which gateways read them."""
        return (self.root, self.timestamp, self.snapshot, *self.targets.values())


class UpdateRepository:
    """Signs and writes; use one per process, several processes wait for each other.

    Args:
        directory: of the repository; made by the key ceremony.
        settings: how long signatures are good, and what opens the online keys.
        write: brings one file to disk; tests let it crash.
    """

    def __init__(
        self,
        directory: Path,
        settings: UpdateSettings = DEFAULTS,
        write: Callable[[Path, bytes, int], None] = write_durably,
    ) -> None:
        self.directory = directory
        self.settings = settings
        self._write = write

    @property
    def keys_directory(self) -> Path:
        """Return where the online keys are."""
        return self.directory / "keys"

    @property
    def exists(self) -> bool:
        """Return whether there is anything for gateways to read."""
        return self._metadata_path("timestamp.json").is_file()

    def in_force(self) -> InForce:
        """Return what gateways see.

        Raises:
            NotFoundError: nobody has made a repository yet.
            UpdateRepositoryError: a file is missing or damaged.
        """
        if not self.exists:
            raise NotFoundError("update repository (make one with: plantpulse cloud keys init)", str(self.directory))
        timestamp = self._read(TIMESTAMP, "timestamp.json")
        snapshot = self._read(SNAPSHOT, f"{snapshot_version(timestamp)}.snapshot.json")
        targets = {role: self._read(role, f"{version}.{role}.json") for role, version in versions_in(snapshot).items()}
        return InForce(self._read(ROOT, f"{self._root_version()}.root.json"), timestamp, snapshot, targets)

    def targets_of(self, role: UpdateRole) -> dict[str, Published]:
        """Return what a role has signed by its names; nothing where the class was never added.

        Raises:
            NotFoundError: nobody has made a repository yet.
            UpdateRepositoryError: a file is missing or damaged.
        """
        signed = self.in_force().targets.get(role.name)
        return {} if signed is None else published(signed)

    def publish(
        self,
        role_path: str,
        data: bytes,
        custom: Mapping[str, Any],
        now: datetime,
        keys: Sequence[PrivateKey] = (),
    ) -> TargetName:
        """Return the name of something that gateways can get from now on; the same again changes nothing.

        Args:
            role_path: whose it is, such as ``gateway-models/pump``.
            data: all of it.
            custom: signed with it; its ``name`` and ``version`` (1 or more, only rising) are its name.
            now: UTC.
            keys: of a role whose key is not kept here.

        Raises:
            RequestError: name, version, content or role path cannot be used.
            ConflictError: that version is something else already, or an older one than the newest.
            NotFoundError: the class was never added, or there is no repository.
            KeyFileError: the key of the role is not at hand.
            UpdateRepositoryError: the disk does not take it; what was in force still is.
        """
        name = _checked(role_path, data, custom)
        target = Published(len(data), hashlib.sha256(data).hexdigest(), dict(custom))
        with self.held():
            state = self.in_force()
            role = state.targets.get(name.role.name)
            if role is None:
                raise NotFoundError("role that may sign this (plantpulse cloud keys add-class)", name.role.path)
            known = published(role)
            _check_newer(name, target, known)
            self.write(self._target_path(name, target), data)
            if name.path in known:
                return name
            by = usable(self.online_keys() + tuple(keys), state.authorities[role.role])
            signing = Signing(by, now, self.settings.days(role.role))
            self.commit(state, {role.role: with_target(role, name.path, target, signing)}, now)
        return name

    def renew(self, now: datetime, keys: Sequence[PrivateKey] = ()) -> list[str]:
        """Return the roles that were signed again because less than half of their life is left.

        The running cloud calls it now and then; with keys from the safe a person renews root and targets with it.
        What cannot be signed here is left alone: `status` says what ends when.

        Raises:
            NotFoundError: there is no repository.
            KeyFileError: an online key cannot be read.
            UpdateRepositoryError: the disk does not take it; what was in force still is.
        """
        with self.held():
            state = self.in_force()
            at_hand = self.online_keys() + tuple(keys)
            again: dict[str, Document] = {}
            for one in (state.root, *state.targets.values()):
                signers = able(at_hand, state.authorities[one.role])
                if one.is_due(now) and signers:
                    again[one.role] = renewed(one, Signing(signers, now, self.settings.days(one.role)))
            root = again.pop(ROOT, None)
            if root is not None:
                self.write_root(root)
            names = [*again, *([ROOT] if root else [])]
            if again or state.snapshot.is_due(now):
                names.append(SNAPSHOT)
            elif not state.timestamp.is_due(now):
                return names
            self.commit(state, again, now, has_news=SNAPSHOT in names)
            return [*names, TIMESTAMP]

    def commit(
        self,
        state: InForce,
        changed: Mapping[str, Document],
        now: datetime,
        *,
        has_news: bool = True,
        entitled: Mapping[str, tuple[PrivateKey, ...]] | None = None,
    ) -> InForce:
        """Return what is in force once these have taken the places of their predecessors.

        Args:
            state: what is in force; held since it was read.
            changed: signed, by role.
            now: UTC.
            has_news: False: the same snapshot once more.
            entitled: keys that sign snapshot or timestamp beside those that must, because a coming root wants them.
        """
        entitled = entitled or {}
        whose = state.authorities | authorities(state.root, changed.get(TARGETS) or state.targets[TARGETS])
        for role, one in changed.items():
            if missing_signatures(one, whose[role]):
                raise KeyFileError(f"{role}: too few of its keys have signed: nothing was changed")
        online = self.online_keys()

        def signing(role: str) -> Signing:
            own = usable((*online, *entitled.get(role, ())), whose[role])
            both = {key_id(key): key for key in (*own, *entitled.get(role, ()))}
            return Signing(tuple(both.values()), now, self.settings.days(role))

        # Signed before anything is written: a key that is missing changes nothing.
        snapshot = snapshot_of(state.snapshot, changed.values(), signing(SNAPSHOT)) if has_news else state.snapshot
        timestamp = timestamp_of(state.timestamp, snapshot, signing(TIMESTAMP))
        for one in (*changed.values(), snapshot, timestamp):
            if one is not state.snapshot:
                self.write(self._metadata_path(one.file_name), one.data)
        return replace(state, timestamp=timestamp, snapshot=snapshot, targets={**state.targets, **changed})

    def write_root(self, root: Document) -> None:
        """Bring a root into force; gateways take it from this moment on."""
        self.write(self._metadata_path(root.file_name), root.data)

    def write_first(self, documents: Sequence[Document]) -> None:
        """Bring the first of everything into force."""
        for one in documents:
            self.write(self._metadata_path(one.file_name), one.data)

    def online_keys(self) -> tuple[PrivateKey, ...]:
        """Return the keys that are kept here.

        Raises:
            KeyFileError: one of them cannot be read, or others may read it.
        """
        if not self.keys_directory.is_dir():
            return ()
        return read_keys(self.keys_directory, read_passphrase(self.settings.passphrase_file), owner_only=True)

    def write(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Write a file unless it is there just so.

        Raises:
            UpdateRepositoryError: the disk does not take it.
        """
        try:
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return
            self._write(path, data, mode)
        except OSError as error:
            raise UpdateRepositoryError(f"{path}: cannot be written ({error.strerror or error})") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the repository: who else wants to change it waits.

        Raises:
            UpdateRepositoryError: the directory cannot be written.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = (self.directory / "lock").open("a", encoding="ascii")
        except OSError as error:
            raise UpdateRepositoryError(f"{self.directory}: cannot be written ({error.strerror or error})") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, role: str, name: str) -> Document:
        try:
            return read_document(role, self._metadata_path(name).read_bytes())
        except OSError as error:
            path = self._metadata_path(name)
            raise UpdateRepositoryError(f"{path}: cannot be read ({error.strerror}): restore it") from error

    def _root_version(self) -> int:
        version = 1
        while self._metadata_path(f"{version + 1}.root.json").is_file():
            version += 1
        return version

    def _metadata_path(self, name: str) -> Path:
        return self.directory / "metadata" / name

    def _target_path(self, name: TargetName, target: Published) -> Path:
        folder, _, file = name.path.rpartition("/")
        return self.directory / "targets" / folder / f"{target.sha256}.{file}"


def _checked(role_path: str, data: bytes, custom: Mapping[str, Any]) -> TargetName:
    try:
        name = TargetName(UpdateRole.parse(role_path), str(custom.get("name", "")), custom.get("version", 0))
        size = len(json.dumps(custom, allow_nan=False))
    except (UpdateNameError, TypeError, ValueError) as error:
        raise RequestError(f"{role_path}: {error}") from error
    if size > MOST_CUSTOM_BYTES:
        raise RequestError(f"{name.path}: custom fields of {size} bytes: at most {MOST_CUSTOM_BYTES} are signed")
    if len(data) > MOST_TARGET_BYTES:
        raise RequestError(f"{name.path}: {len(data)} bytes: at most {MOST_TARGET_BYTES} are delivered")
    return name


def _check_newer(name: TargetName, target: Published, known: Mapping[str, Published]) -> None:
    if name.path in known:
        if known[name.path] != target:
            raise ConflictError(f"{name.path} is out already with other content: give it a higher version")
        return
    newest = max((one.version for one in map(TargetName.parse, known) if one.name == name.name), default=0)
    if name.version < newest:
        raise ConflictError(f"{name.path}: version {newest} is out already: give it a higher one")
