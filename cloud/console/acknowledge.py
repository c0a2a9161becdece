"""`/acknowledge/{token}`: the page behind a link in a message. Looking changes nothing, the button does.

Mail scanners follow every link in a mail; they find a page with a button. Nobody needs to be signed in: the link is
its own authority (`cloud.book.notification_links`). The page is rendered here, with what it is about, so that a phone
shows it at once.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

# FastAPI reads the annotations of what it calls.
from fastapi import FastAPI, Request  # noqa: TC002
from fastapi.responses import HTMLResponse

from cloud.api.guard import context_of, permission
from cloud.api.notifications import link_of
from cloud.book.notification_links import look_at
from cloud.errors import NotFoundError
from cloud.notifying.wording import local_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from cloud.api.context import ApiContext


def mount_acknowledge_page(app: FastAPI, environment: Environment, static: str, headers: Mapping[str, str]) -> None:
    """Add the page.

    Args:
        app: that serves the API.
        environment: of the console's templates.
        static: beginning of the addresses of the console's files.
        headers: of every page.
    """
    template = environment.get_template("acknowledge.html")
    # The address is the authority: it goes to nobody else.
    private = {**headers, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}

    # Blocking (a thread of the pool): it reads the book.
    @permission(None)
    def page(request: Request, token: str) -> HTMLResponse:
        status, facts = _facts(context_of(request), token)
        body = template.render(static=static, token=token if facts["works"] else "", **facts)
        return HTMLResponse(body, int(status), headers=private)

    app.add_api_route(
        "/acknowledge/{token}", page, methods=["GET"], include_in_schema=False, name="console acknowledge"
    )


def _facts(context: ApiContext, token: str) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the status of the page and what it shows."""
    try:
        link = link_of(context, token)
        seen = look_at(context.engine, link, context.now_ms())
    except NotFoundError:
        words = "This link was not made by this cloud, or it was cut off. Open the alarm in the console."
        return HTTPStatus.NOT_FOUND, {"works": False, "refusal": words, "seen": None}
    zone = context.plant.zone
    refusal = None
    if seen.refusal is not None:
        at = f" at {local_time(seen.acknowledged_ms, zone)}" if seen.acknowledged_ms is not None else ""
        refusal = f"{seen.refusal[0].upper()}{seen.refusal[1:]}{at}."
    facts = {
        "works": refusal is None,
        "refusal": refusal,
        "seen": seen,
        "since": local_time(seen.since_ms, zone),
        "until": local_time(link.expires_ms, zone),
        "who": f"{link.target} by link",
    }
    return (HTTPStatus.OK if refusal is None else HTTPStatus.GONE), facts
