"""People of a cloud under test: there without a word in the audit log, signed in without a slow password."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cloud.accounts import account_id
from cloud.book.credentials import SessionRules, open_session
from cloud.book.user_tables import Account
from cloud.passwords import Passwords
from cloud.permissions import EVERYWHERE, Role

LONG = SessionRules(idle_ms=10**12, longest_ms=10**12)
ADMIN = {EVERYWHERE: Role.ADMIN}

QUICK = Passwords(time_cost=1, memory_kib=8, lanes=1)
"""Argon2 with as little work as it allows: what tests are about is not the work."""


def put(engine: Engine, name: str, grants: Mapping[str, str] = ADMIN, password: str | None = None) -> None:
    """Make an account, or give it other roles, as if it had always been so."""
    hashed = None if password is None else QUICK.hash(password)
    with Session(engine) as session, session.begin():
        row = Account(id=account_id(name), name=name, password_hash=hashed, grants=dict(grants), disabled=False)
        row.created_ms, row.signed_in_ms = 0, None
        session.merge(row)


def signed_in(engine: Engine, name: str, now_ms: int, grants: Mapping[str, str] = ADMIN) -> str:
    """Return the cookie's value of a person who has just signed in."""
    put(engine, name, grants)
    return open_session(engine, name, LONG, now_ms).secret
