"""Keeps other web pages from making a person's browser change something here.

A request that changes something must carry JSON, which a page of another origin cannot send without asking first. It
must not come from another origin, as the browser tells in Origin and Sec-Fetch-Site; and where it comes with our
cookie, one of the two must be there and say so: a cookie alone never suffices, because browsers send it by
themselves. Tokens are exempt: no browser sends one by itself.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from cloud.api.guard import cookie_name
from cloud.api.problems import MEDIA_TYPE, problem_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from cloud.http_settings import HttpSettings

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOriginOnly:
    """ASGI middleware; not Starlette's base class, which would hold back event streams."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._cookie = cookie_name(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem document."""
        refusal = None
        if scope["type"] == "http":
            refusal = _refusal(scope["method"], Headers(scope=scope), self._cookie)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, detail = refusal
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": problem_body(status, detail)})


def _refusal(method: str, headers: Headers, cookie: str) -> tuple[HTTPStatus, str] | None:
    """Return why a request is refused, or None.

    Source: Fetch Metadata Request Headers (W3C), section 2.1; OWASP, Cross-Site Request Forgery Prevention.
    """
    if method in SAFE_METHODS or headers.get("authorization", "").lower().startswith("bearer "):
        return None
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return HTTPStatus.FORBIDDEN, f"requests from {origin[:100]} may not change anything here"
    site = headers.get("sec-fetch-site")
    if site not in {None, "same-origin"}:
        return HTTPStatus.FORBIDDEN, "requests from pages of other sites may not change anything here"
    if origin is None and site is None and f"{cookie}=" in headers.get("cookie", ""):
        return HTTPStatus.FORBIDDEN, "with a cookie, say where the request comes from (Origin), or use a token instead"
    return None
