"""What needs a person with keys from the safe: making the repository, adding classes, changing keys.

Private keys go to disk before anything names them, so that no crash leaves a role that nobody can sign for.
Roots and targets are signed offline; snapshot and timestamp by the running cloud; the key of a class is where whoever
adds it wants it to be.

Source: The Update Framework specification 1.0.33, section 6.1, *Key management and migration*.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cloud.errors import ConflictError, NotFoundError
from cloud.updates.key_files import new_key, read_passphrase, write_key
from cloud.updates.metadata import (
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    Document,
    KeySet,
    Signing,
    able,
    delegated,
    first_root,
    first_targets,
    key_id,
    next_root,
    renewed,
    snapshot_of,
    timestamp_of,
    usable,
)
from models.contract.errors import InputError
from models.contract.update_names import UpdateRole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cloud.updates.key_files import PrivateKey
    from cloud.updates.repository import InForce, UpdateRepository

MOST_ROOT_KEYS: Final = 20


def make_repository(
    repository: UpdateRepository,
    offline: Path,
    now: datetime,
    *,
    root_keys: int = 3,
    threshold: int = 2,
    passphrase: bytes | None = None,
) -> Document:
    """Return the first root, which gateways are given when they are set up.

    Args:
        repository: without one yet.
        offline: empty folder for the keys of root and targets: on a stick, for the safe.
        now: UTC.
        root_keys: how many keys the root has.
        threshold: how many of them must sign.
        passphrase: encrypts the offline keys.

    Raises:
        ConflictError: there is a repository already.
        InputError: the numbers do not fit, or the folder holds keys already.
        UpdateRepositoryError: the disk does not take it.
    """
    _check_numbers(root_keys, threshold)
    if offline.is_dir() and any(offline.glob("*.pem")):
        raise InputError(f"{offline}: holds keys already: give an empty folder for the new ones")
    with repository.held():
        if repository.exists:
            raise ConflictError(f"{repository.directory} is an update repository already: keys change with rotate")
        keys = {
            ROOT: KeySet(tuple(_offline_key(offline, ROOT, passphrase) for _ in range(root_keys)), threshold),
            TARGETS: KeySet((_offline_key(offline, TARGETS, passphrase),)),
            SNAPSHOT: KeySet((_online_key(repository, SNAPSHOT),)),
            TIMESTAMP: KeySet((_online_key(repository, TIMESTAMP),)),
        }
        signing = {role: Signing(keys[role].keys, now, repository.settings.days(role)) for role in TOP_LEVEL}
        root = first_root(keys, signing[ROOT])
        targets = first_targets(TARGETS, signing[TARGETS])
        snapshot = snapshot_of(None, (targets,), signing[SNAPSHOT])
        repository.write_first((root, targets, snapshot, timestamp_of(None, snapshot, signing[TIMESTAMP])))
    return root


def add_class(
    repository: UpdateRepository,
    role: UpdateRole,
    keys: Sequence[PrivateKey],
    now: datetime,
    *,
    own: PrivateKey | None = None,
) -> None:
    """Let a role sign for a class, board or group from now on.

    Args:
        repository: in force.
        role: whose.
        keys: the one of targets among them.
        now: UTC.
        own: the role's key, kept offline; without it one is made and kept online.

    Raises:
        ConflictError: it may already.
        KeyFileError: the key of targets is not among them.
        NotFoundError, UpdateRepositoryError: the repository is not there or cannot be written.
    """
    with repository.held():
        state = repository.in_force()
        if role.name in state.targets:
            raise ConflictError(f"{role.path} has a key already: change it with rotate {role.name}")
        by = usable(keys, state.authorities[TARGETS])
        key = own or _online_key(repository, role.name)
        first = first_targets(role.name, Signing((key,), now, repository.settings.days(role.name)))
        _delegate(repository, state, by, key, first)


def rotate(
    repository: UpdateRepository,
    role: str,
    keys: Sequence[PrivateKey],
    now: datetime,
    *,
    into: Path | None = None,
    passphrase: bytes | None = None,
    root_keys: int | None = None,
    threshold: int | None = None,
) -> None:
    """Give a role other keys; signatures by the old ones are worth nothing afterwards.

    Args:
        repository: in force.
        role: root, targets, snapshot, timestamp, or a class such as ``gateway-models/pump``.
        keys: from the safe: those of root, or the one of targets for a class.
        now: UTC.
        into: folder for the new keys of root, targets, or a class whose key is kept offline.
        passphrase: encrypts them.
        root_keys: how many keys the root has from now on; as many as before if not given.
        threshold: how many of them must sign; as many as before if not given.

    Raises:
        InputError: there is no such role, the numbers do not fit, or a folder is needed.
        KeyFileError: a key that must sign is not at hand.
        NotFoundError, UpdateRepositoryError: the repository is not there or cannot be written.
    """
    with repository.held():
        state = repository.in_force()
        if role not in TOP_LEVEL:
            name = UpdateRole.parse(role).name
            if name not in state.targets:
                raise NotFoundError("role with a key", role)
            old = state.authorities[name]
            by = usable(keys, state.authorities[TARGETS])
            key = _online_key(repository, name) if into is None else _offline_key(into, name, passphrase)
            signing = Signing((key,), now, repository.settings.days(name))
            _delegate(repository, state, by, key, renewed(state.targets[name], signing))
            _forget(repository, old.key_ids)
            return
        old = state.authorities[role]
        count = len(old.key_ids) if root_keys is None else root_keys
        needed = old.threshold if threshold is None else threshold
        if role == ROOT:
            _check_numbers(count, needed)
        signers = usable(keys, state.authorities[ROOT])
        own = able(repository.online_keys() + tuple(keys), old)
        fresh = tuple(_fresh_key(repository, role, into, passphrase) for _ in range(count))
        signing = Signing((*signers, *(fresh if role == ROOT else ())), now, repository.settings.days(ROOT))
        root = next_root(state.root, {role: KeySet(fresh, needed)}, signing)
        if own:
            # Signed by old and new: good before and after the next root.
            _sign_anew(repository, state, role, (*own, *fresh), now)
        repository.write_root(root)
        if not own:
            # The old key is lost, so gateways wait for the moment between these two.
            _sign_anew(repository, replace(state, root=root), role, fresh, now)
        _forget(repository, old.key_ids)


def _sign_anew(
    repository: UpdateRepository, state: InForce, role: str, by: tuple[PrivateKey, ...], now: datetime
) -> None:
    """Bring what a role has signed into force again, signed by these."""
    if role == TARGETS:
        signing = Signing(by, now, repository.settings.days(TARGETS))
        repository.commit(state, {TARGETS: renewed(state.targets[TARGETS], signing)}, now)
    elif role != ROOT:
        repository.commit(state, {}, now, has_news=role == SNAPSHOT, entitled={role: by})


def _delegate(
    repository: UpdateRepository, state: InForce, by: tuple[PrivateKey, ...], own: PrivateKey, signed: Document
) -> None:
    """Bring a role's targets and the targets that entitle its key into force together."""
    now = signed.signed_at
    signing = Signing(by, now, repository.settings.days(TARGETS))
    above = delegated(state.targets[TARGETS], UpdateRole.parse(signed.role), KeySet((own,)), signing)
    repository.commit(state, {TARGETS: above, signed.role: signed}, now)


def _fresh_key(repository: UpdateRepository, role: str, into: Path | None, passphrase: bytes | None) -> PrivateKey:
    if role in {SNAPSHOT, TIMESTAMP}:
        return _online_key(repository, role)
    if into is None:
        raise InputError(f"{role}: its new keys are kept offline: say where with --into FOLDER")
    return _offline_key(into, role, passphrase)


def _online_key(repository: UpdateRepository, role: str) -> PrivateKey:
    passphrase = read_passphrase(repository.settings.passphrase_file)
    key = new_key()
    write_key(_key_path(repository.keys_directory, role, key), key, passphrase, repository.write)
    return key


def _offline_key(folder: Path, role: str, passphrase: bytes | None) -> PrivateKey:
    key = new_key()
    write_key(_key_path(folder, role, key), key, passphrase)
    return key


def _key_path(folder: Path, role: str, key: PrivateKey) -> Path:
    return folder / f"{role}-{key_id(key)[:8]}.pem"


def _forget(repository: UpdateRepository, key_ids: Sequence[str]) -> None:
    """Remove the files of online keys that nothing is signed with any more."""
    for old in key_ids:
        for file in repository.keys_directory.glob(f"*-{old[:8]}.pem"):
            file.unlink(missing_ok=True)


def _check_numbers(root_keys: int, threshold: int) -> None:
    if not 1 <= threshold <= root_keys <= MOST_ROOT_KEYS:
        raise InputError(
            f"{threshold} of {root_keys} root keys: give 1 to {MOST_ROOT_KEYS} keys, and a threshold they can reach"
        )
    if root_keys > 1 and threshold == 1:
        # One thief would be enough, and more keys only more to steal.
        raise InputError(f"1 of {root_keys} root keys: any single key could change everything: give --threshold 2")
