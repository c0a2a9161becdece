"""`/tokens`: one's own tokens of the API; admins see and revoke everybody's."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.accounts import How
from cloud.api.context import Context, iso
from cloud.api.guard import Who, permission
from cloud.book.accounts import Doing
from cloud.book.credentials import LONGEST_TOKEN_DAYS, add_token, revoke_token, tokens
from cloud.book.user_tables import ApiToken
from cloud.errors import ForbiddenError
from cloud.permissions import EVERYWHERE, Action, Role

router = APIRouter(prefix="/tokens", tags=["people"])


class TokenRequest(BaseModel):
    """A token to be made; it has an end, so that what is forgotten does no harm for ever."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, Field(min_length=1, max_length=100, description="what it is for")]
    role: Role = Role.VIEWER
    days: Annotated[int, Field(ge=1, le=LONGEST_TOKEN_DAYS)]


class TokenItem(BaseModel):
    """A token without its secret."""

    id: str
    name: str
    owner: str
    role: Role
    created: str
    expires: str
    last_used: str | None


class NewToken(TokenItem):
    """A token with its secret, shown this once."""

    token: str


class TokenList(BaseModel):
    """Tokens, newest first."""

    items: list[TokenItem]
    next: None = None


@router.get("")
@permission(Action.OWN_ACCOUNT)
def list_tokens(
    context: Context,
    person: Who,
    everybody: Annotated[bool, Query(description="as admin: of everybody")] = False,  # noqa: FBT002 - by name
) -> TokenList:
    """Return one's own tokens."""
    if everybody:
        person.check(Action.MANAGE_USERS, EVERYWHERE)
    owner = None if everybody else person.account
    return TokenList(items=[TokenItem(**_fields(row, name)) for row, name in tokens(context.engine, owner)])


@router.post("", status_code=201)
@permission(Action.OWN_ACCOUNT)
def make_token(context: Context, person: Who, asked: TokenRequest, response: Response) -> NewToken:
    """Make a token of one's own; it may never more than its owner may at the time."""
    if person.how is How.TOKEN:
        raise ForbiddenError("a token makes no tokens, else it would never end: sign in at the console")
    row, secret = add_token(context.engine, person, asked.name, asked.role, days=asked.days, at_ms=context.now_ms())
    response.headers["Cache-Control"] = "no-store"
    return NewToken(**_fields(row, person.name), token=secret)


@router.delete("/{token_id}", status_code=204)
@permission(Action.OWN_ACCOUNT)
def end_token(context: Context, person: Who, token_id: str) -> None:
    """Revoke a token; it is refused from the next request on."""
    owner = None if person.may(Action.MANAGE_USERS, EVERYWHERE) else person.account
    revoke_token(context.engine, token_id, owner, Doing(person.name, context.now_ms()))


def _fields(row: ApiToken, owner: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "owner": owner,
        "role": row.role,
        "created": iso(row.created_ms),
        "expires": iso(row.expires_ms),
        "last_used": None if row.used_ms is None else iso(row.used_ms),
    }
