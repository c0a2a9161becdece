"""Passwords: hashed with Argon2id, and the only file that knows the library.

A sign-in costs the same work whether or not the name exists, so that the time of an answer tells nothing; few are
checked at once, because each takes 64 MiB for a moment and strangers may ask for many.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from cloud.errors import RequestError

SHORTEST: Final = 12
"""Characters. Longer is better than odder: NIST SP 800-63B, section 3.1.1, asks for length and no composition."""

LONGEST: Final = 256
"""Characters; beyond it somebody wants to keep us busy."""

AT_ONCE: Final = 2
"""Hashes computed at the same time: 128 MiB at the most."""


class Passwords:
    """Hashes and verifies.

    Args:
        time_cost: passes over the memory.
        memory_kib: memory of one hash.
        lanes: parallel lanes. Source of the defaults: RFC 9106, section 4, second recommended option.
    """

    def __init__(self, *, time_cost: int = 3, memory_kib: int = 65_536, lanes: int = 4) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes)
        self._few = threading.BoundedSemaphore(AT_ONCE)

    def hash(self, password: str) -> str:
        """Return what is stored of a password.

        Raises:
            RequestError: it is too short or too long.
        """
        check(password)
        with self._few:
            return self._hasher.hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        """Return whether a password is the stored one; without a stored one as much work is done for nothing."""
        if len(password) > LONGEST:
            return False
        with self._few:
            try:
                fits = self._hasher.verify(self._nobodys if stored is None else stored, password)
            except (Argon2Error, InvalidHashError):
                return False
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether a hash was made with other parameters than ours."""
        return self._hasher.check_needs_rehash(stored)

    @cached_property
    def _nobodys(self) -> str:
        """Return a hash that stands in for names that do not exist."""
        return self._hasher.hash("the password of nobody")


def check(password: str) -> None:
    """Complain about a password that cannot be used.

    Raises:
        RequestError: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise RequestError(f"password: must have {SHORTEST} to {LONGEST} characters")
