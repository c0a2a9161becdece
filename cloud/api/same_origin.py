"""Keeps other web pages from making a person's browser change something here.

A request that changes something must carry JSON, which a page of another origin cannot send without asking first,
and its Origin, where the browser names one, must be the address it was sent to.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from cloud.api.problems import MEDIA_TYPE, problem_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SameOriginOnly:
    """ASGI middleware; not Starlette's base class, which would hold back event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem document."""
        refusal = _refusal(scope["method"], Headers(scope=scope)) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, detail = refusal
        headers = [(b"content-type", MEDIA_TYPE.encode())]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": problem_body(status, detail)})


def _refusal(method: str, headers: Headers) -> tuple[HTTPStatus, str] | None:
    """Return why a request is refused, or None."""
    if method in SAFE_METHODS:
        return None
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        return HTTPStatus.FORBIDDEN, f"requests from {origin[:100]} may not change anything here"
    return None
