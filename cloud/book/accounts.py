"""Accounts in the book: who there is, what they may, and their passwords; each change with its line in the audit log.

What takes rights away (another password, other roles, disabled, removed) ends every session of the account in the
same transaction. One admin of the whole plant who can sign in always stays.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloud.accounts import account_id, check_name
from cloud.book import audit_log
from cloud.book.transactions import writing
from cloud.book.user_tables import Account, ApiToken, Login
from cloud.errors import ConflictError, NotFoundError, RequestError
from cloud.permissions import EVERYWHERE, Grants, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Engine

    from cloud.passwords import Passwords

MOST_SITES = 1_000
"""Of one account; a plant group with more has other means."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Who changes an account, and when."""

    who: str
    at_ms: int


def grants_of(account: Account) -> Grants:
    """Return the roles of an account."""
    return {site: Role(role) for site, role in account.grants.items()}


def accounts(engine: Engine) -> Sequence[Account]:
    """Return all accounts by name."""
    with Session(engine) as session:
        return session.scalars(select(Account).order_by(Account.id)).all()


def account(engine: Engine, name: str) -> Account:
    """Return one account.

    Raises:
        NotFoundError: nobody has that name.
    """
    with Session(engine) as session:
        return _account(session, name)


def somebody_can_sign_in(engine: Engine) -> bool:
    """Return whether there is anybody who could sign in."""
    query = select(Account.id).where(Account.password_hash.is_not(None), ~Account.disabled).limit(1)
    with Session(engine) as session:
        return session.scalars(query).first() is not None


def add_account(
    engine: Engine, passwords: Passwords, doing: Doing, name: str, password: str | None, *, grants: Grants
) -> Account:
    """Add an account; without a password it cannot sign in.

    Raises:
        RequestError: the name, the password or the roles cannot be used.
        ConflictError: the name is taken.
        StoreError: it could not be written.
    """
    tidy = check_name(name)
    _check_grants(grants)
    hashed = None if password is None else _hash(passwords, tidy, password)
    with writing(engine, "the user") as session:
        if session.get(Account, account_id(tidy)) is not None:
            raise ConflictError(f"there is a user {tidy!r} already")
        row = Account(
            id=account_id(tidy),
            name=tidy,
            password_hash=hashed,
            grants=dict(grants),
            disabled=False,
            created_ms=doing.at_ms,
            signed_in_ms=None,
        )
        session.add(row)
        session.flush()
        _audit(session, doing, "user.add", row, {"roles": dict(grants)})
        session.expunge(row)
        return row


def ensure_automatic(engine: Engine, name: str, at_ms: int) -> Account:
    """Return the account that everybody is signed in as by the configuration, made if it is not there yet.

    Raises:
        ConflictError: a person has that name, and may less or can sign in.
        StoreError: it could not be written.
    """
    grants = {EVERYWHERE: Role.ADMIN}
    with Session(engine) as session:
        row = session.get(Account, account_id(name))
    if row is None:
        with writing(engine, "the user") as session:
            row = Account(id=account_id(name), name=name, password_hash=None, grants=grants, disabled=False)
            row.created_ms, row.signed_in_ms = at_ms, None
            session.add(row)
            session.flush()
            _audit(session, Doing("clock", at_ms), "user.add", row, {"roles": grants, "why": "http.signed_in_as"})
            session.expunge(row)
    if row.password_hash is not None or row.disabled or grants_of(row) != grants:
        raise ConflictError(f"http.signed_in_as: {name!r} is a user of their own here; choose another name")
    return row


def set_roles(engine: Engine, name: str, grants: Grants, doing: Doing) -> Account:
    """Give other roles.

    Raises:
        NotFoundError: nobody has that name.
        RequestError: the roles cannot be used.
        ConflictError: nobody would be left who can manage users.
        StoreError: it could not be written.
    """
    _check_grants(grants)
    with writing(engine, "the roles") as session:
        row = _account(session, name)
        before = row.grants
        with _somebody_still_manages(session):
            row.grants = dict(grants)
        _sign_out_everywhere(session, row)
        _audit(session, doing, "user.role", row, {"before": before, "roles": dict(grants)})
        session.expunge(row)
        return row


def set_password(engine: Engine, passwords: Passwords, name: str, password: str, doing: Doing) -> None:
    """Give another password.

    Raises:
        NotFoundError: nobody has that name.
        RequestError: the password cannot be used.
        StoreError: it could not be written.
    """
    hashed = _hash(passwords, name, password)
    with writing(engine, "the password") as session:
        row = _account(session, name)
        row.password_hash = hashed
        _sign_out_everywhere(session, row)
        _audit(session, doing, "user.password", row, {})


def set_disabled(engine: Engine, name: str, doing: Doing, *, disabled: bool) -> Account:
    """Keep somebody out for a while, or let them in again; their tokens rest meanwhile.

    Raises:
        NotFoundError: nobody has that name.
        ConflictError: nobody would be left who can manage users.
        StoreError: it could not be written.
    """
    with writing(engine, "the user") as session:
        row = _account(session, name)
        with _somebody_still_manages(session):
            row.disabled = disabled
        _sign_out_everywhere(session, row)
        _audit(session, doing, "user.disable" if disabled else "user.enable", row, {})
        session.expunge(row)
        return row


def remove_account(engine: Engine, name: str, doing: Doing) -> None:
    """Remove an account with its tokens; what it did stays in the audit log under its name.

    Raises:
        NotFoundError: nobody has that name.
        ConflictError: nobody would be left who can manage users.
        StoreError: it could not be written.
    """
    with writing(engine, "the removal") as session:
        row = _account(session, name)
        _sign_out_everywhere(session, row)
        session.execute(delete(ApiToken).where(ApiToken.account_id == row.id))
        with _somebody_still_manages(session):
            session.delete(row)
        _audit(session, doing, "user.remove", row, {})


def _account(session: Session, name: str) -> Account:
    row = session.get(Account, account_id(name))
    if row is None:
        raise NotFoundError("user", name)
    return row


def _hash(passwords: Passwords, name: str, password: str) -> str:
    if account_id(password) == account_id(name):
        raise RequestError("password: must not be the name")
    return passwords.hash(password)


def _check_grants(grants: Grants) -> None:
    if not grants:
        raise RequestError("roles: give at least one, such as viewer everywhere")
    if len(grants) > MOST_SITES or not all(0 < len(site) <= 128 for site in grants):
        raise RequestError(f"roles: at most {MOST_SITES} sites, with the names of Sparkplug groups")


def _sign_out_everywhere(session: Session, row: Account) -> None:
    session.execute(delete(Login).where(Login.account_id == row.id))


@contextmanager
def _somebody_still_manages(session: Session) -> Iterator[None]:
    """Complain if a change leaves a plant without the last admin who could sign in."""
    before = _admins(session)
    yield
    session.flush()
    if before and not _admins(session):
        raise ConflictError("somebody must be left who can manage users: an admin everywhere, not disabled")


def _admins(session: Session) -> list[str]:
    query = select(Account).where(Account.password_hash.is_not(None), ~Account.disabled)
    return [row.id for row in session.scalars(query) if row.grants.get(EVERYWHERE) == Role.ADMIN]


def _audit(session: Session, doing: Doing, what: str, row: Account, detail: dict[str, object]) -> None:
    session.flush()
    audit_log.append(session, at_ms=doing.at_ms, who=doing.who, what=what, subject=row.name, detail=detail)
