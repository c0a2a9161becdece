"""Private keys on disk: PEM, PKCS #8, Ed25519, readable by their owner alone, encrypted where a passphrase is given.

Nothing here prints or logs a key; errors name files.

Source: RFC 5958 (PKCS #8), RFC 8410 (Ed25519 in it).
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cloud.errors import KeyFileError
from cloud.updates.durable import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWNER_ONLY: Final = 0o600
_MOST_BYTES: Final = 10_000
"""A key of ours has about 120, an encrypted one 300."""

PrivateKey = Ed25519PrivateKey


def new_key() -> PrivateKey:
    """Return a key that nobody else has."""
    return Ed25519PrivateKey.generate()


def write_key(
    path: Path,
    key: PrivateKey,
    passphrase: bytes | None,
    write: Callable[[Path, bytes, int], None] = write_durably,
) -> None:
    """Write a private key to a new file.

    Raises:
        KeyFileError: there is one already, or the disk does not take it.
    """
    if path.exists():
        raise KeyFileError(f"{path}: is there already and is not overwritten: give another file or an empty folder")
    encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    try:
        write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), OWNER_ONLY)
    except OSError as error:
        raise KeyFileError(f"{path}: the key cannot be written ({error.strerror or error})") from error


def read_key(path: Path, passphrase: bytes | None, *, owner_only: bool = False) -> PrivateKey:
    """Return the private key in a file.

    Args:
        path: of the PEM file.
        passphrase: what it is encrypted with; not used for one that is not.
        owner_only: refuse a file that others may read; sticks often cannot say whose a file is.

    Raises:
        KeyFileError: it cannot be read, is no such key, is encrypted with something else, or others may read it.
    """
    try:
        if owner_only and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"{path}: others may read this private key: chmod 600, and rotate it if they could have")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise KeyFileError(f"{path}: the key cannot be read ({error.strerror or error})") from error
    secret = passphrase if b"ENCRYPTED" in data else None
    try:
        key = load_pem_private_key(data, secret)
    except TypeError as error:
        raise KeyFileError(f"{path}: is encrypted: give --passphrase-file, or [updates] passphrase_file") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        why = "the passphrase does not open it" if secret else "is no private key as PEM (PKCS #8)"
        raise KeyFileError(f"{path}: {why}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: is a private key, but not Ed25519: use one that plantpulse cloud keys made")
    return key


def read_keys(place: Path, passphrase: bytes | None, *, owner_only: bool = False) -> tuple[PrivateKey, ...]:
    """Return the keys of a folder (its ``*.pem``), or of one file.

    Raises:
        KeyFileError: one of them cannot be used, or there is no such place.
    """
    if place.is_dir():
        files = sorted(place.glob("*.pem"))
    elif place.exists():
        files = [place]
    else:
        raise KeyFileError(f"{place}: there is no such file or folder with keys")
    return tuple(read_key(file, passphrase, owner_only=owner_only) for file in files)


def read_passphrase(path: Path | None) -> bytes | None:
    """Return the first line of a file, None without one.

    Raises:
        KeyFileError: it cannot be read or is empty.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            passphrase = file.readline(1025).rstrip(b"\r\n")
    except OSError as error:
        raise KeyFileError(f"{path}: the passphrase cannot be read ({error.strerror or error})") from error
    if not 0 < len(passphrase) <= 1023:
        raise KeyFileError(f"{path}: its first line must be a passphrase of at most 1023 bytes")
    return passphrase
