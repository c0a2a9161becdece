"""At the door of every request: who asks, and may they do what the route does?

    a route declares its action → the guard finds the person (token, cookie, or the demo's automatic one) → site of
    what the address names → the role there decides

What declares nothing is for admins of the whole plant; a test fails for such a route. People see only their sites:
what they read the book with is bound to them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from cloud.accounts import TOKEN_PREFIX, How, Person, account_id
from cloud.api.context import ApiContext
from cloud.book.credentials import SessionRules, of_session, of_token
from cloud.book.sites import site_of_alarm, site_of_gateway, site_of_machine
from cloud.errors import SignInError
from cloud.http_settings import HttpSettings, is_loopback
from cloud.permissions import EVERYWHERE, Action, Role

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

HOUR_MS: Final = 3_600_000
OPEN: Final = "open"
SIGN_IN_PAGE: Final = "/sign-in"

SITE_OF: Final = {"machine_id": site_of_machine, "alarm_id": site_of_alarm, "gateway_id": site_of_gateway}
"""Parts of an address that name something at a site."""

OWN_NAME: Final = re.compile(r"(localhost|[0-9.]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
"""Host and port as browsers send them for this machine."""

ANYWHERE: Final = frozenset({Action.VIEW, Action.OWN_ACCOUNT})
"""Actions for which a role at any site will do where the address names none: the answer holds one's own sites only."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a route needs.

    Attributes:
        action: None for what is open to everybody.
        checks_site: the handler itself asks for the site, because only the body names it.
        is_page: who is not signed in is led to the sign-in page.
    """

    action: Action | None
    checks_site: bool = False
    is_page: bool = False

    @property
    def name(self) -> str:
        """Return it for the OpenAPI document."""
        return OPEN if self.action is None else self.action.value


STRICTEST: Final = Action.MANAGE_USERS
UNDECLARED: Final = Permission(STRICTEST)


def permission(
    action: Action | None, *, checks_site: bool = False, is_page: bool = False
) -> Callable[[Endpoint], Endpoint]:
    """Declare what a route needs; stands below the route's own decorator."""

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.__permission__ = Permission(action, checks_site, is_page)  # type: ignore[attr-defined]
        return endpoint

    return declare


def declared(endpoint: Callable[..., Any]) -> Permission | None:
    """Return what an endpoint declares."""
    found = getattr(endpoint, "__permission__", None)
    return found if isinstance(found, Permission) else None


def cookie_name(settings: HttpSettings) -> str:
    """Return the name of the cookie; with TLS the prefix makes browsers refuse one that anybody else has set.

    Source: RFC 6265bis, section 4.1.3.2.
    """
    return "__Host-plantpulse" if settings.has_tls else "plantpulse"


def session_rules(settings: HttpSettings) -> SessionRules:
    """Return when sessions end."""
    return SessionRules(round(settings.session_idle_h * HOUR_MS), round(settings.session_longest_h * HOUR_MS))


def identify(request: Request) -> Person | None:
    """Return who asks, None for somebody unknown; a token that is no good is never made up for by a cookie.

    Raises:
        TooManyError: the token asks too often.
        StoreError: the book cannot be read.
    """
    context = context_of(request)
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        person = of_token(context.engine, sent.strip(), context.now_ms()) if sent.startswith(TOKEN_PREFIX) else None
        if person is not None:
            context.limits.count_request(person.credential)
        return person
    secret = request.cookies.get(cookie_name(context.http))
    if secret:
        person = of_session(context.engine, secret, session_rules(context.http), context.now_ms())
        if person is not None:
            return person
    return _automatic(request, context.http)


def _automatic(request: Request, settings: HttpSettings) -> Person | None:
    """Return the demo's person, for requests to this machine by its own name.

    A page of another site can let its own name point here; the name that the browser then sends gives it away.
    """
    name = settings.signed_in_as
    # The header as it was sent: parsed by others, what cannot be parsed becomes the server's own address.
    host = OWN_NAME.fullmatch(request.headers.get("host", ""))
    if name is None or host is None or not is_loopback(host[1].strip("[]")):
        return None
    return Person(name, account_id(name), {EVERYWHERE: Role.ADMIN}, How.AUTOMATIC)


def guard(request: Request) -> None:
    """Let a request through, or refuse it; runs before every handler.

    Raises:
        SignInError: nobody knows who asks.
        ForbiddenError: who asks may not.
        NotFoundError: who asks may not even know that it is there.
    """
    context = context_of(request)
    needed = declared(request.scope["endpoint"]) or UNDECLARED
    if needed.action is None or (request.url.path == "/metrics" and context.http.is_private):
        return
    person = identify(request)
    if person is None or not person.grants:
        if needed.is_page:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise HTTPException(
                HTTPStatus.SEE_OTHER, headers={"Location": f"{SIGN_IN_PAGE}?next={quote(target, safe='')}"}
            )
        raise SignInError(
            "sign in at /sign-in, or send a token as Authorization: Bearer"
            if context.http.signed_in_as is None
            else "only requests to this machine by its own name (127.0.0.1, localhost) are signed in by themselves"
        )
    request.state.person = person
    _check(context, person, needed, request)


def _check(context: ApiContext, person: Person, needed: Permission, request: Request) -> None:
    action = needed.action or STRICTEST
    sites = [
        site
        for name, site_of in SITE_OF.items()
        if name in request.path_params and (site := site_of(context.engine, request.path_params[name])) is not None
    ]
    for site in sites:
        person.check(action, site)
    names_something = any(name in request.path_params for name in SITE_OF)
    if sites or (person.may(action) and (names_something or needed.checks_site or action in ANYWHERE)):
        return
    person.check(action, EVERYWHERE)


def context_of(request: Request) -> ApiContext:
    """Return what the application was made with."""
    context = request.app.state.context
    if not isinstance(context, ApiContext):
        raise TypeError("the application was made without a context")
    return context


def _person(request: Request) -> Person:
    """Return who asks; the guard has let them in."""
    person = getattr(request.state, "person", None)
    if not isinstance(person, Person):
        raise SignInError("sign in at /sign-in, or send a token as Authorization: Bearer")
    return person


Who = Annotated[Person, Depends(_person)]
