"""Tables of the book about people: accounts, sessions of the console, tokens of the API, the head of the audit log.

Of sessions and tokens only a hash is stored: who reads this database can still not act as anybody.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from cloud.book.tables import Base


class Account(Base):
    """A person who may sign in, or a name that acts by tokens alone.

    Attributes:
        id: the name in one spelling, so that no two differ by case alone.
        grants: role by site, ``*`` for every site.
    """

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str | None]
    grants: Mapped[dict[str, Any]]
    disabled: Mapped[bool]
    created_ms: Mapped[int]
    signed_in_ms: Mapped[int | None]


class Login(Base):
    """A browser that is signed in; `id` is the hash of what its cookie holds."""

    __tablename__ = "login"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    created_ms: Mapped[int]
    seen_ms: Mapped[int]


class ApiToken(Base):
    """A token of the API.

    Attributes:
        id: by which people speak of it; not secret.
        hash: of the token itself.
        role: it never may more than this, nor more than its owner.
    """

    __tablename__ = "api_token"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    used_ms: Mapped[int | None]


class AuditHead(Base):
    """The one row that says how long the audit log is and how it ends; whoever appends holds its lock."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
