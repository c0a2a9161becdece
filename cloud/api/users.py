"""`/users`: who there is and what they may; for admins of the whole plant."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cloud.api.context import Context, iso
from cloud.api.guard import Who, permission
from cloud.book.accounts import (
    Doing,
    account,
    accounts,
    add_account,
    remove_account,
    set_disabled,
    set_password,
    set_roles,
)
from cloud.book.user_tables import Account
from cloud.passwords import LONGEST
from cloud.permissions import Action, Role

router = APIRouter(prefix="/users", tags=["people"])

Roles = Annotated[dict[str, Role], Field(min_length=1, description="by site, * for every one")]
Password = Annotated[str, Field(max_length=LONGEST)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False, hide_input_in_errors=True)


class UserRequest(_Request):
    """A user to be added; without a password they cannot sign in yet."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    roles: Roles
    password: Password | None = None


class RolesRequest(_Request):
    """Other roles."""

    roles: Roles


class NewPasswordRequest(_Request):
    """Another password."""

    password: Password


class UserItem(BaseModel):
    """A user.

    Attributes:
        can_sign_in: they have a password and are not disabled.
    """

    name: str
    roles: dict[str, Role]
    disabled: bool
    can_sign_in: bool
    created: str
    last_sign_in: str | None


class UserList(BaseModel):
    """Users by name."""

    items: list[UserItem]
    next: None = None


@router.get("")
@permission(Action.MANAGE_USERS)
def list_users(context: Context) -> UserList:
    """Return everybody."""
    return UserList(items=[_item(row) for row in accounts(context.engine)])


@router.post("", status_code=201)
@permission(Action.MANAGE_USERS)
def add_user(context: Context, person: Who, asked: UserRequest) -> UserItem:
    """Add a user."""
    doing = Doing(person.name, context.now_ms())
    return _item(add_account(context.engine, context.passwords, doing, asked.name, asked.password, grants=asked.roles))


@router.get("/{name}")
@permission(Action.MANAGE_USERS)
def read_user(context: Context, name: str) -> UserItem:
    """Return one user."""
    return _item(account(context.engine, name))


@router.put("/{name}/roles")
@permission(Action.MANAGE_USERS)
def change_roles(context: Context, person: Who, name: str, asked: RolesRequest) -> UserItem:
    """Give other roles; the user's sessions end."""
    return _item(set_roles(context.engine, name, asked.roles, Doing(person.name, context.now_ms())))


@router.put("/{name}/password", status_code=204)
@permission(Action.MANAGE_USERS)
def change_password(context: Context, person: Who, name: str, asked: NewPasswordRequest) -> None:
    """Give another password; the user's sessions end."""
    set_password(context.engine, context.passwords, name, asked.password, Doing(person.name, context.now_ms()))


@router.post("/{name}/disable")
@permission(Action.MANAGE_USERS)
def disable_user(context: Context, person: Who, name: str) -> UserItem:
    """Keep a user out; sessions end, tokens rest."""
    return _item(set_disabled(context.engine, name, Doing(person.name, context.now_ms()), disabled=True))


@router.post("/{name}/enable")
@permission(Action.MANAGE_USERS)
def enable_user(context: Context, person: Who, name: str) -> UserItem:
    """Let a user in again."""
    return _item(set_disabled(context.engine, name, Doing(person.name, context.now_ms()), disabled=False))


@router.delete("/{name}", status_code=204)
@permission(Action.MANAGE_USERS)
def remove_user(context: Context, person: Who, name: str) -> None:
    """Remove a user with their tokens; the audit log keeps what they did."""
    remove_account(context.engine, name, Doing(person.name, context.now_ms()))


def _item(row: Account) -> UserItem:
    return UserItem(
        name=row.name,
        roles={site: Role(role) for site, role in row.grants.items()},
        disabled=row.disabled,
        can_sign_in=row.password_hash is not None and not row.disabled,
        created=iso(row.created_ms),
        last_sign_in=None if row.signed_in_ms is None else iso(row.signed_in_ms),
    )
