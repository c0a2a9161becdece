"""`/session`: sign in, who am I, sign out, another password."""

from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts import How, Person, account_id
from cloud.api.context import ApiContext, Context
from cloud.api.guard import Who, context_of, cookie_name, identify, permission, session_rules
from cloud.book.accounts import Doing, set_password, somebody_can_sign_in
from cloud.book.credentials import (
    Opened,
    forget_session,
    knows_password,
    open_session,
    sign_in,
    sign_out,
)
from cloud.errors import ForbiddenError
from cloud.passwords import LONGEST
from cloud.permissions import Action, Role, may

router = APIRouter(prefix="/session", tags=["people"])

NOBODY_YET: Final = "nobody can sign in yet: plantpulse cloud users add NAME --role admin --config TOML"


class SignInRequest(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class PasswordRequest(BaseModel):
    """The password that was, and the one that will be."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    old: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    new: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class PersonDocument(BaseModel):
    """Who asks.

    Attributes:
        roles: by site, ``*`` for every one.
        may: what they may do at one site at least.
        may_at: the same by site, for those who are not the same everywhere.
        how: `session`, `token`, or `automatic` where the configuration signs everybody in.
    """

    name: str
    roles: dict[str, Role]
    may: list[Action]
    may_at: dict[str, list[Action]]
    how: How


class SessionDocument(BaseModel):
    """Who is signed in, or null, and then why nobody can be."""

    person: PersonDocument | None
    hint: str | None = None


@router.get("")
@permission(None)
def read_session(request: Request, response: Response) -> SessionDocument:
    """Return who asks; also to those who are not signed in."""
    response.headers["Cache-Control"] = "no-store"
    person = identify(request)
    if person is not None:
        return SessionDocument(person=person_document(person))
    hint = None if somebody_can_sign_in(context_of(request).engine) else NOBODY_YET
    return SessionDocument(person=None, hint=hint)


@router.post("")
@permission(None)
def begin_session(request: Request, response: Response, asked: SignInRequest) -> SessionDocument:
    """Sign in; the answer sets a cookie that only this site's own pages send back."""
    context = context_of(request)
    address = request.client.host if request.client else "unknown"
    context.limits.count_sign_in(account_id(asked.name), address)
    opened = sign_in(
        context.engine,
        context.passwords,
        asked.name,
        asked.password,
        session_rules(context.http),
        at_ms=context.now_ms(),
        address=address,
    )
    context.limits.forget_sign_ins(account_id(asked.name))
    _replace_cookie(request, response, context, opened)
    return SessionDocument(person=person_document(opened.person))


@router.delete("", status_code=204)
@permission(Action.OWN_ACCOUNT)
def end_session(context: Context, person: Who, response: Response) -> None:
    """Sign out: the session ends here, not only in the browser."""
    if person.how is not How.SESSION:
        raise ForbiddenError("only a session of the console can be ended; a token is revoked")
    sign_out(context.engine, person, context.now_ms())
    response.delete_cookie(cookie_name(context.http), path="/", secure=context.http.has_tls, httponly=True)
    response.headers["Cache-Control"] = "no-store"


@router.put("/password", status_code=204)
@permission(Action.OWN_ACCOUNT)
def change_own_password(
    request: Request, response: Response, context: Context, person: Who, asked: PasswordRequest
) -> None:
    """Choose another password; every other session of this person ends."""
    if person.how is not How.SESSION:
        raise ForbiddenError("sign in at the console to change your password")
    address = request.client.host if request.client else "unknown"
    context.limits.count_sign_in(person.account, address)
    if not knows_password(context.engine, context.passwords, person, asked.old):
        raise ForbiddenError("that is not your password")
    now_ms = context.now_ms()
    set_password(context.engine, context.passwords, person.name, asked.new, Doing(person.name, now_ms))
    context.limits.forget_sign_ins(person.account)
    opened = open_session(context.engine, person.name, session_rules(context.http), now_ms)
    _replace_cookie(request, response, context, opened)


def _replace_cookie(request: Request, response: Response, context: ApiContext, opened: Opened) -> None:
    """Give the browser its new secret; the session it had before, if any, is over."""
    before = request.cookies.get(cookie_name(context.http))
    if before:
        forget_session(context.engine, before)
    response.set_cookie(
        cookie_name(context.http),
        opened.secret,
        max_age=round(context.http.session_longest_h * 3600),
        path="/",
        secure=context.http.has_tls,
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"


def person_document(person: Person) -> PersonDocument:
    """Return a person as the console needs them."""
    return PersonDocument(
        name=person.name,
        roles=dict(person.grants),
        may=[action for action in Action if person.may(action)],
        may_at={site: [action for action in Action if may(person.grants, action, site)] for site in person.grants},
        how=person.how,
    )
