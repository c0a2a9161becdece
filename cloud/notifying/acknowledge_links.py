"""Links that acknowledge an alarm from a message: whoever got the message may, once, until they expire.

A token names alarm, occurrence, target and end, signed with a key that only this cloud has. Nothing is stored when
one is made, so a message that is handed over again holds the same link; only its use is written down.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloud.errors import DataDirectoryError

if TYPE_CHECKING:
    from pathlib import Path

KEY_FILE: Final = "acknowledge-links.key"
KEY_BYTES: Final = 32
"""As long as the digest of SHA-256. Source: RFC 2104, section 3."""

MAX_TOKEN_CHARS: Final = 1_500
"""Longer than any of ours: two names of 64 characters, each of which JSON may write with six."""
_VERSION: Final = 1
_SIGNATURE_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Link:
    """What a link allows.

    Attributes:
        target: to whom it was sent.
        expires_ms: from then on it does nothing.
    """

    alarm_id: str
    occurrence: int
    target: str
    expires_ms: int


def read_or_make_key(data_dir: Path) -> bytes:
    """Return the key of a data directory, made the first time; nobody but its owner may read it.

    Raises:
        DataDirectoryError: it cannot be read or made, others may read it, or it is none.
    """
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            # Beside and renamed: a start that is killed leaves a whole key or none.
            fresh = data_dir / f"{KEY_FILE}.new"
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES).hex().encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)
        mode = path.stat().st_mode & 0o777
        text = path.read_bytes()
    except OSError as error:
        raise DataDirectoryError(f"{path}: the key of the links cannot be used ({error.strerror})") from error
    if mode & 0o077:
        raise DataDirectoryError(f"{path}: others may read this key (mode {mode:03o}): chmod 600 it, or delete it")
    try:
        key = bytes.fromhex(text.decode())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise DataDirectoryError(f"{path}: is no key: delete it, and links sent before stop working")
    return key


def sign(key: bytes, link: Link) -> str:
    """Return the token of a link, fit for an address."""
    content = [_VERSION, link.alarm_id, link.occurrence, link.target, link.expires_ms]
    # As it is written, not escaped: names of other alphabets would make long addresses.
    body = json.dumps(content, ensure_ascii=False).encode()
    return urlsafe_b64encode(_signature(key, body) + body).decode().rstrip("=")


def verify(key: bytes, token: str) -> Link | None:
    """Return the link of a token that was signed with this key, None for any other; says nothing of its end."""
    if len(token) > MAX_TOKEN_CHARS:
        return None
    try:
        signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    signature, body = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(key, body)):
        return None
    version, alarm_id, occurrence, target, expires_ms = json.loads(body)
    return Link(alarm_id, occurrence, target, expires_ms) if version == _VERSION else None


def digest_of(link: Link) -> str:
    """Return under which name the use of a link is written down: alarm, occurrence and target, whoever signed it."""
    return hashlib.sha256(
        json.dumps([link.alarm_id, link.occurrence, link.target, link.expires_ms]).encode()
    ).hexdigest()


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"acknowledge\0" + body, hashlib.sha256).digest()
