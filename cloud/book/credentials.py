"""Sessions and tokens in the book: how a request is traced to a person, and when it no longer is.

A session ends after some time unused, after a longest time in any case, when its person signs out, and with every
change of password or roles. A token ends at its date or when it is revoked, and rests while its owner is disabled.
What is looked up is the hash of what was sent, so the time that an index takes tells nothing about the secret.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.accounts import TOKEN_PREFIX, How, Person, account_id, new_secret, secret_hash
from cloud.book import audit_log
from cloud.book.accounts import Doing, grants_of
from cloud.book.transactions import reason, writing
from cloud.book.user_tables import Account, ApiToken, Login
from cloud.errors import ConflictError, ForbiddenError, NotFoundError, SignInError, StoreError
from cloud.permissions import Role, at_most, exceeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine, Executable, Select

    from cloud.passwords import Passwords

Known = TypeVar("Known", Login, ApiToken)

SEEN_EVERY_MS = 60_000
"""How exactly the last use is known: one write a minute and person, not one a request."""

MOST_SESSIONS = 20
"""Of one person; the oldest gives way."""

MOST_TOKENS = 100
"""Of one person, so that nobody fills the disk."""

DAY_MS = 86_400_000
LONGEST_TOKEN_DAYS = 366


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When sessions end."""

    idle_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just begun; the secret is nowhere else."""

    secret: str
    person: Person


def sign_in(
    engine: Engine, passwords: Passwords, name: str, password: str, rules: SessionRules, *, at_ms: int, address: str
) -> Opened:
    """Begin a session for whoever knows a password; each has a secret of its own, whatever the browser had before.

    Raises:
        SignInError: name and password do not fit; nothing says which of them is wrong.
        StoreError: it could not be written.
    """
    try:
        with Session(engine) as session:
            row = session.get(Account, account_id(name))
    except SQLAlchemyError as error:
        raise StoreError(f"nobody can be signed in: {reason(error)}") from error
    fits = passwords.verify(row.password_hash if row else None, password)
    if row is None or not fits or row.disabled:
        _refuse(engine, row, at_ms=at_ms, address=address)
        raise SignInError("name and password do not fit")
    known = row.password_hash
    outdated = known is not None and passwords.is_outdated(known)
    renewed = passwords.hash(password) if outdated else None
    with writing(engine, "the session") as session:
        current = session.get(Account, row.id)
        if current is None or current.disabled or current.password_hash != known:
            raise SignInError("name and password do not fit")
        if renewed is not None:
            current.password_hash = renewed
        current.signed_in_ms = at_ms
        opened = _open(session, current, rules, at_ms)
        session.flush()
        audit_log.append(
            session,
            at_ms=at_ms,
            who=current.name,
            what="session.sign_in",
            subject=current.name,
            detail={"address": address},
        )
        return opened


def open_session(engine: Engine, name: str, rules: SessionRules, at_ms: int) -> Opened:
    """Begin a session for somebody who has proved who they are, such as by changing their own password.

    Raises:
        NotFoundError: nobody has that name.
        StoreError: it could not be written.
    """
    with writing(engine, "the session") as session:
        row = session.get(Account, account_id(name))
        if row is None:
            raise NotFoundError("user", name)
        return _open(session, row, rules, at_ms)


def knows_password(engine: Engine, passwords: Passwords, person: Person, password: str) -> bool:
    """Return whether somebody who is signed in also knows the password."""
    with Session(engine) as session:
        row = session.get(Account, person.account)
    return passwords.verify(row.password_hash if row else None, password)


def of_session(engine: Engine, secret: str, rules: SessionRules, at_ms: int) -> Person | None:
    """Return whose session this is, None where it has ended or never was.

    Raises:
        StoreError: the book cannot be read.
    """
    found = _find(engine, select(Login, Account).join(Account).where(Login.id == secret_hash(secret)))
    if found is None:
        return None
    login, row = found
    if row.disabled or at_ms - login.seen_ms >= rules.idle_ms or at_ms - login.created_ms >= rules.longest_ms:
        return None
    if at_ms - login.seen_ms >= SEEN_EVERY_MS:
        _note(engine, update(Login).where(Login.id == login.id).values(seen_ms=at_ms))
    return Person(row.name, row.id, grants_of(row), How.SESSION, login.id)


def of_token(engine: Engine, secret: str, at_ms: int) -> Person | None:
    """Return whose token this is, with what the token may; None where it has ended or never was.

    Raises:
        StoreError: the book cannot be read.
    """
    found = _find(engine, select(ApiToken, Account).join(Account).where(ApiToken.hash == secret_hash(secret)))
    if found is None:
        return None
    token, row = found
    if row.disabled or at_ms >= token.expires_ms:
        return None
    if token.used_ms is None or at_ms - token.used_ms >= SEEN_EVERY_MS:
        _note(engine, update(ApiToken).where(ApiToken.id == token.id).values(used_ms=at_ms))
    return Person(row.name, row.id, at_most(grants_of(row), Role(token.role)), How.TOKEN, token.id)


def sign_out(engine: Engine, person: Person, at_ms: int) -> None:
    """End a session.

    Raises:
        StoreError: it could not be written.
    """
    with writing(engine, "the sign-out") as session:
        session.execute(delete(Login).where(Login.id == person.credential))
        audit_log.append(session, at_ms=at_ms, who=person.name, what="session.sign_out", subject=person.name, detail={})


def forget_session(engine: Engine, secret: str) -> None:
    """End a session that is replaced by another in the same browser."""
    _note(engine, delete(Login).where(Login.id == secret_hash(secret)))


def tokens(engine: Engine, owner: str | None) -> Sequence[tuple[ApiToken, str]]:
    """Return tokens with the names of their owners, newest first; of everybody, or of one account."""
    query = select(ApiToken, Account.name).join(Account).order_by(ApiToken.created_ms.desc(), ApiToken.id)
    if owner is not None:
        query = query.where(ApiToken.account_id == owner)
    with Session(engine) as session:
        return [(token, name) for token, name in session.execute(query)]


def add_token(engine: Engine, person: Person, name: str, role: Role, *, days: int, at_ms: int) -> tuple[ApiToken, str]:
    """Make a token of one's own; return it with its secret, which is shown this once.

    Raises:
        ForbiddenError: it would be allowed more than its owner.
        ConflictError: its owner has too many.
        StoreError: it could not be written.
    """
    if exceeds(role, person.grants):
        raise ForbiddenError(f"{person.name} may not give away the role {role}: it is higher than their own")
    secret = new_secret(TOKEN_PREFIX)
    with writing(engine, "the token") as session:
        session.execute(
            delete(ApiToken).where(ApiToken.account_id == person.account, ApiToken.expires_ms <= at_ms - 30 * DAY_MS)
        )
        if len(session.scalars(select(ApiToken.id).where(ApiToken.account_id == person.account)).all()) >= MOST_TOKENS:
            raise ConflictError(f"{person.name} has {MOST_TOKENS} tokens: revoke one first")
        row = ApiToken(
            id=secrets.token_hex(6),
            hash=secret_hash(secret),
            account_id=person.account,
            name=name,
            role=role,
            created_ms=at_ms,
            expires_ms=at_ms + days * DAY_MS,
            used_ms=None,
        )
        session.add(row)
        session.flush()
        detail = {"name": name, "role": role.value, "expires_ms": row.expires_ms}
        audit_log.append(session, at_ms=at_ms, who=person.name, what="token.add", subject=row.id, detail=detail)
        session.expunge(row)
        return row, secret


def revoke_token(engine: Engine, token_id: str, owner: str | None, doing: Doing) -> None:
    """Revoke a token; with an owner only one of theirs.

    Raises:
        NotFoundError: there is no such token.
        StoreError: it could not be written.
    """
    with writing(engine, "the revocation") as session:
        row = session.get(ApiToken, token_id)
        if row is None or (owner is not None and row.account_id != owner):
            raise NotFoundError("token", token_id)
        name = row.name
        session.delete(row)
        session.flush()
        audit_log.append(
            session, at_ms=doing.at_ms, who=doing.who, what="token.revoke", subject=token_id, detail={"name": name}
        )


def _open(session: Session, row: Account, rules: SessionRules, at_ms: int) -> Opened:
    session.execute(
        delete(Login).where((Login.seen_ms <= at_ms - rules.idle_ms) | (Login.created_ms <= at_ms - rules.longest_ms))
    )
    kept = select(Login.id).where(Login.account_id == row.id).order_by(Login.created_ms.desc(), Login.id)
    for old in session.scalars(kept).all()[MOST_SESSIONS - 1 :]:
        session.execute(delete(Login).where(Login.id == old))
    secret = new_secret()
    session.add(Login(id=secret_hash(secret), account_id=row.id, created_ms=at_ms, seen_ms=at_ms))
    return Opened(secret, Person(row.name, row.id, grants_of(row), How.SESSION, secret_hash(secret)))


def _refuse(engine: Engine, row: Account | None, *, at_ms: int, address: str) -> None:
    """Write down that somebody was refused; a name that nobody has is left out: it may be a password, mistyped."""
    why = "disabled" if row is not None and row.disabled else "wrong password" if row is not None else "unknown name"
    with writing(engine, "the refusal") as session:
        audit_log.append(
            session,
            at_ms=at_ms,
            who="nobody",
            what="session.refused",
            subject=row.name if row is not None else "",
            detail={"address": address, "why": why},
        )


def _find(engine: Engine, query: Select[Known, Account]) -> tuple[Known, Account] | None:
    try:
        with Session(engine) as session:
            found = session.execute(query).first()
            return None if found is None else (found[0], found[1])
    except SQLAlchemyError as error:
        raise StoreError(f"nobody can be recognised: {reason(error)}") from error


def _note(engine: Engine, change: Executable) -> None:
    """Write what is good to know; a store that is busy must not keep anybody from looking."""
    try:
        with writing(engine, "the last use") as session:
            session.execute(change)
    except StoreError:
        return
