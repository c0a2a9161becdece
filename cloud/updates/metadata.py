"""Metadata of The Update Framework: bytes and keys in, signed bytes out; no disk, no network, no clock.

The only file of the cloud that knows the library. A `Document` is one signed file. Each function takes the previous
one and returns the next: version one higher, new end, signed by the keys it was given. Whether they are enough is
said by `missing_signatures`, which is asked before anything is written.

Source: The Update Framework specification 1.0.33, section 4, *Document formats*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from cloud.errors import KeyFileError, UpdateRepositoryError
from models.contract.update_names import SIGNED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cloud.updates.key_files import PrivateKey
    from models.contract.update_names import UpdateRole

ROOT: Final = "root"
TARGETS: Final = "targets"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
TOP_LEVEL: Final = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)

Kind = TypeVar("Kind", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True, slots=True)
class Document:
    """One signed file.

    Attributes:
        role: whose it is.
        version: 1 or more; only rises.
        signed_at, expires: UTC.
        data: the file.
    """

    role: str
    version: int
    signed_at: datetime
    expires: datetime
    data: bytes

    @property
    def file_name(self) -> str:
        """Return what it is called in the repository: all but the timestamp stay under their version."""
        return f"{self.role}.json" if self.role == TIMESTAMP else f"{self.version}.{self.role}.json"

    def is_due(self, now: datetime) -> bool:
        """Return whether less than half of its life is left."""
        return now >= self.signed_at + (self.expires - self.signed_at) / 2 or now < self.signed_at


@dataclass(frozen=True, slots=True)
class Authority:
    """Whose signatures count for a role, by the ids of their keys, and how many of them are needed."""

    key_ids: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys that are to sign for a role."""

    keys: tuple[PrivateKey, ...]
    threshold: int = 1

    @property
    def authority(self) -> Authority:
        """Return it without the private halves."""
        return Authority(tuple(map(key_id, self.keys)), self.threshold)


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, when, and for how long it is good."""

    keys: tuple[PrivateKey, ...]
    now: datetime
    days: float


@dataclass(frozen=True, slots=True)
class Published:
    """What is signed about one target."""

    length: int
    sha256: str
    custom: Mapping[str, Any]


def key_id(key: PrivateKey) -> str:
    """Return what metadata calls a key."""
    return str(_public(key).keyid)


def read_document(role: str, data: bytes) -> Document:
    """Return a file that was signed earlier.

    Raises:
        UpdateRepositoryError: it is damaged.
    """
    return _document(role, _metadata(role, data).signed, data)


def first_root(authorities: Mapping[str, KeySet], signing: Signing) -> Document:
    """Return the root of a new repository."""
    root = Root(consistent_snapshot=True)
    for role, keys in authorities.items():
        _entitle(root, role, keys)
    return _signed(ROOT, Metadata(root), signing)


def next_root(previous: Document, changed: Mapping[str, KeySet], signing: Signing) -> Document:
    """Return a root in which other keys sign for some roles; to count, old and new root keys must have signed it."""
    metadata = _following(previous, Root)
    for role, keys in changed.items():
        for old in list(metadata.signed.roles[role].keyids):
            metadata.signed.revoke_key(old, role)
        _entitle(metadata.signed, role, keys)
    return _signed(ROOT, metadata, signing)


def first_targets(role: str, signing: Signing) -> Document:
    """Return what a role signs before it has anything."""
    return _signed(role, Metadata(Targets()), signing)


def renewed(previous: Document, signing: Signing) -> Document:
    """Return the same content once more, good for longer."""
    metadata = _metadata(previous.role, previous.data)
    metadata.signed.version = previous.version + 1
    metadata.signatures.clear()
    return _signed(previous.role, metadata, signing)


def delegated(previous: Document, role: UpdateRole, keys: KeySet, signing: Signing) -> Document:
    """Return the targets in which a role has these keys, and a place of its own to sign."""
    metadata = _following(previous, Targets)
    signed = metadata.signed
    known = signed.delegations or Delegations(keys={}, roles={})
    roles = known.roles or {}
    if role.name in roles:
        for old in list(roles[role.name].keyids):
            signed.revoke_key(old, role.name)
    roles[role.name] = DelegatedRole(role.name, [], keys.threshold, terminating=True, paths=[role.pattern])
    known.roles = roles
    signed.delegations = known
    for key in keys.keys:
        signed.add_key(_public(key), role.name)
    return _signed(TARGETS, metadata, signing)


def with_target(previous: Document, path: str, target: Published, signing: Signing) -> Document:
    """Return a role's targets with one more."""
    metadata = _following(previous, Targets)
    fields = {"custom": dict(target.custom)}
    metadata.signed.targets[path] = TargetFile(target.length, {"sha256": target.sha256}, path, fields)
    return _signed(previous.role, metadata, signing)


def snapshot_of(previous: Document | None, changed: Iterable[Document], signing: Signing) -> Document:
    """Return the snapshot in which these have taken the places of their predecessors."""
    metadata = Metadata(Snapshot(meta={})) if previous is None else _following(previous, Snapshot)
    for one in changed:
        metadata.signed.meta[f"{one.role}.json"] = MetaFile.from_data(one.version, one.data, ["sha256"])
    return _signed(SNAPSHOT, metadata, signing)


def timestamp_of(previous: Document | None, snapshot: Document, signing: Signing) -> Document:
    """Return the timestamp that leads to a snapshot."""
    metadata = Metadata(Timestamp()) if previous is None else _following(previous, Timestamp)
    metadata.signed.snapshot_meta = MetaFile.from_data(snapshot.version, snapshot.data, ["sha256"])
    return _signed(TIMESTAMP, metadata, signing)


def snapshot_version(timestamp: Document) -> int:
    """Return the version of the snapshot that a timestamp leads to."""
    return int(_parse(TIMESTAMP, timestamp.data, Timestamp).snapshot_meta.version)


def versions_in(snapshot: Document) -> dict[str, int]:
    """Return the version of each role's targets in a snapshot."""
    meta = _parse(SNAPSHOT, snapshot.data, Snapshot).meta
    return {name.removesuffix(".json"): file.version for name, file in meta.items()}


def published(document: Document) -> dict[str, Published]:
    """Return what a role has signed, by path."""
    targets = _parse(document.role, document.data, Targets).targets
    return {
        path: Published(one.length, one.hashes.get("sha256", ""), one.custom or {}) for path, one in targets.items()
    }


def authorities(root: Document, targets: Document | None) -> dict[str, Authority]:
    """Return whose signatures count, for each role."""
    roles: dict[str, Role] = dict(_parse(ROOT, root.data, Root).roles)
    if targets is not None and (delegations := _parse(TARGETS, targets.data, Targets).delegations) is not None:
        roles.update(delegations.roles or {})
    return {name: Authority(tuple(role.keyids), role.threshold) for name, role in roles.items()}


def missing_signatures(document: Document, authority: Authority) -> int:
    """Return how many more keys have to sign before it counts."""
    signed = set(_metadata(document.role, document.data).signatures) & set(authority.key_ids)
    return max(authority.threshold - len(signed), 0)


def usable(keys: Sequence[PrivateKey], *wanted: Authority) -> tuple[PrivateKey, ...]:
    """Return those of some keys whose signatures count for one of the authorities.

    Raises:
        KeyFileError: they are too few for one of them.
    """
    by_id = {key_id(key): key for key in keys}
    for authority in wanted:
        there = len(set(authority.key_ids) & set(by_id))
        if there < authority.threshold:
            names = ", ".join(one[:8] for one in authority.key_ids)
            raise KeyFileError(f"{authority.threshold} of the keys {names} must sign, {there} of them are at hand")
    ids = {one for authority in wanted for one in authority.key_ids}
    return tuple(key for one, key in by_id.items() if one in ids)


def able(keys: Sequence[PrivateKey], authority: Authority) -> tuple[PrivateKey, ...]:
    """Return those whose signatures count for a role, none where they are too few."""
    try:
        return usable(keys, authority)
    except KeyFileError:
        return ()


def _public(key: PrivateKey) -> SSlibKey:
    return SSlibKey.from_crypto(key.public_key())


def _entitle(root: Root, role: str, keys: KeySet) -> None:
    root.roles[role].threshold = keys.threshold
    for key in keys.keys:
        root.add_key(_public(key), role)


def _metadata(role: str, data: bytes) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(data)
    except RepositoryError as error:
        raise UpdateRepositoryError(f"signed metadata of {role} is damaged: restore it from a backup") from error


def _parse(role: str, data: bytes, kind: type[Kind]) -> Kind:
    signed = _metadata(role, data).signed
    if not isinstance(signed, kind):
        raise UpdateRepositoryError(f"signed metadata of {role} is of another kind: restore it from a backup")
    return signed


def _following(previous: Document, kind: type[Kind]) -> Metadata[Kind]:
    signed = _parse(previous.role, previous.data, kind)
    signed.version = previous.version + 1
    return Metadata(signed)


def _signed(role: str, metadata: Metadata[Any], signing: Signing) -> Document:
    now = signing.now.astimezone(UTC).replace(microsecond=0)
    metadata.signed.expires = now + timedelta(days=signing.days)
    metadata.signed.unrecognized_fields[SIGNED_AT] = now.isoformat()
    for key in signing.keys:
        metadata.sign(CryptoSigner(key), append=True)
    return _document(role, metadata.signed, metadata.to_bytes())


def _document(role: str, signed: Signed, data: bytes) -> Document:
    try:
        signed_at = datetime.fromisoformat(signed.unrecognized_fields[SIGNED_AT])
    except (KeyError, TypeError, ValueError) as error:
        raise UpdateRepositoryError(f"signed metadata of {role} does not say when it was signed") from error
    return Document(role, signed.version, signed_at, signed.expires.astimezone(UTC), data)
