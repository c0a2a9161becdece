"""People of the cloud: their names, what they may, and the secrets by which they are known again.

A secret is 256 random bits; what is stored is its SHA-256. Guessing is hopeless, so unlike a password it needs no
slow hash, and a database that was read gives nobody a session.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cloud.errors import ForbiddenError, NotFoundError, RequestError
from cloud.permissions import EVERYWHERE, Action, Grants, may, may_somewhere, role_at, sites_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

LONGEST_NAME: Final = 64
SIGNS_IN_NAMES: Final = frozenset(" ._-@'+")
RESERVED: Final = frozenset({"clock", "nobody"})
"""Names that stand in the audit log for what no person did."""

TOKEN_PREFIX: Final = "pp_"  # noqa: S105 - not a secret, but by what scanners of secrets know one
SECRET_BYTES: Final = 32


class How(StrEnum):
    """By what somebody is known."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        name: as others see it; in the audit log, on alarms.
        account: id of the account.
        grants: role by site.
        how: by a session, by a token, or signed in by the configuration.
        credential: id of the session or token.
    """

    name: str
    account: str
    grants: Grants
    how: How
    credential: str = ""

    @property
    def sites(self) -> AbstractSet[str] | None:
        """Return the sites they may look at, None for all."""
        return sites_of(self.grants)

    def may(self, action: Action, site: str | None = None) -> bool:
        """Return whether they may do something at a site; without one: somewhere."""
        return may_somewhere(self.grants, action) if site is None else may(self.grants, action, site)

    def check(self, action: Action, site: str) -> None:
        """Refuse what they may not do at a site.

        Raises:
            NotFoundError: they may not even know that the site is there.
            ForbiddenError: they may not do it.
        """
        if site != EVERYWHERE and not may(self.grants, Action.VIEW, site):
            raise NotFoundError("site", site)
        if not may(self.grants, action, site):
            role = role_at(self.grants, site)
            raise ForbiddenError(f"{self.name} ({role or 'no role for the whole plant'}) may not {_words(action)}")


def _words(action: Action) -> str:
    return action.value.replace("_", " ")


def check_name(name: str) -> str:
    """Return a name as it is stored.

    >>> check_name("  A. Keller ")
    'A. Keller'

    Raises:
        RequestError: it is empty, too long, reserved, or has signs that do not belong into a name.
    """
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if not 0 < len(tidy) <= LONGEST_NAME:
        raise RequestError(f"name: must have 1 to {LONGEST_NAME} characters")
    if not all(sign.isalnum() or sign in SIGNS_IN_NAMES for sign in tidy):
        raise RequestError("name: may have letters, digits, spaces and . _ - @ ' +")
    if account_id(tidy) in RESERVED:
        raise RequestError(f"name: {tidy!r} stands for what no person does; choose another")
    return tidy


def account_id(name: str) -> str:
    """Return the one spelling of a name.

    >>> account_id("A. KELLER") == account_id(" a.  Keller")
    True
    """
    # Casefolding may make a name longer; what is cut off can at worst make two names the same.
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())[:LONGEST_NAME]


def new_secret(prefix: str = "") -> str:
    """Return a new secret of 256 bits."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def secret_hash(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
