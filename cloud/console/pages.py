"""The addresses of the console and the headers they answer with.

One row of `PAGES` is one page: its address, its template, and which of the three sections it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloud.api.guard import SIGN_IN_PAGE, permission
from cloud.api.plant import STATES
from cloud.console.acknowledge import mount_acknowledge_page
from cloud.console.assets import Assets
from cloud.permissions import Action
from models.contract.vocabulary import Criticality, DiagnosisLabel
from models.diagnosis.iso20816 import BOUNDARIES_MM_S

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}

ALLOWED_WITH_CHARTS: Final = ALLOWED | {
    # plotly.js sets its styles through style elements, of texts that change with its version, and style attributes.
    # Styles load nothing from elsewhere here, and scripts stay as strict as on every page.
    "style-src": "'self' 'unsafe-inline'",
    # It draws a chart into a data: or blob: image when a person saves it.
    "img-src": "'self' data: blob:",
}

CHARTS: Final = frozenset({"machine.html", "spectrum.html", "alarm.html", "measures.html"})
"""Pages that load plotly.js; a test compares with what their modules import."""

PAGE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        path: its address; a part in braces is an id that the page reads from its own address.
        template: file under `templates/`.
        section: which entry of the navigation is marked as the current one.
        action: what people must be allowed to do somewhere, None for everybody.
    """

    path: str
    template: str
    section: str
    action: Action | None = Action.VIEW


# An id may hold an encoded slash, which arrives here decoded: hence the path converter.
PAGES: Final = (
    Page("/", "fleet.html", "fleet"),
    Page("/site", "site.html", "fleet"),
    Page("/machines/{machine:path}/spectrum", "spectrum.html", "fleet"),
    Page("/machines/{machine:path}", "machine.html", "fleet"),
    Page("/alarms", "alarms.html", "alarms"),
    Page("/alarms/measures", "measures.html", "alarms"),
    Page("/alarms/{alarm:path}", "alarm.html", "alarms"),
    Page("/gateways", "gateways.html", "gateways"),
    Page("/gateways/{gateway:path}", "gateway.html", "gateways"),
    Page("/models", "models.html", "models"),
    Page("/advice", "advice.html", "alarms"),
    Page("/notifications", "notifications.html", "notifications"),
    Page("/audit", "audit.html", "audit", Action.READ_AUDIT),
    Page("/users", "users.html", "users", Action.MANAGE_USERS),
    Page("/account", "account.html", "account", Action.OWN_ACCOUNT),
    Page(SIGN_IN_PAGE, "sign-in.html", "", None),
)


NO_CAUSE: Final = frozenset({DiagnosisLabel.NO_FAULT_FOUND, DiagnosisLabel.HEALTHY, DiagnosisLabel.MACHINE_OFF})
"""Labels that no alarm carries, so there is nothing to be done about them."""

ZONE_LIMITS: Final = {f"{group}/{support}": limits for (group, support), limits in BOUNDARIES_MM_S.items()}
"""Velocity in mm/s between the ISO 20816-3 zones, by "group/support", for the bands behind velocity trends."""


CHOICES: Final = {
    "states": STATES,
    "criticalities": tuple(Criticality),
    "causes": tuple(label for label in DiagnosisLabel if label not in NO_CAUSE),
}
"""What forms let people choose from, in the words of the API."""


def mount(app: FastAPI, time_zone: str | None = None) -> None:
    """Add the console's pages and files to an application that serves the API under /api/v1.

    Args:
        app: that serves the API.
        time_zone: of the plant, in which pages show times; None: each browser shows its own.
    """
    assets = Assets()
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for page in PAGES:
        body = environment.get_template(page.template).render(
            static=f"/static/{assets.version}",
            section=page.section,
            time_zone=time_zone,
            zone_limits=ZONE_LIMITS,
            **CHOICES,
        )
        _add_page(app, page, body)
    mount_acknowledge_page(app, environment, f"/static/{assets.version}", _headers(ALLOWED))
    _add_assets(app, assets)


def _headers(allowed: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a page that is allowed so much."""
    policy = "; ".join(f"{what} {sources}" for what, sources in allowed.items())
    return {"Content-Security-Policy": policy, **PAGE_HEADERS}


def _add_page(app: FastAPI, page: Page, body: str) -> None:
    # A shell is the same for every visitor and every id, so it is rendered once, at start.
    allowed = ALLOWED_WITH_CHARTS if page.template in CHARTS else ALLOWED
    headers = _headers(allowed)

    @permission(page.action, is_page=True)
    async def shell() -> HTMLResponse:
        return HTMLResponse(body, headers=headers)

    app.add_api_route(page.path, shell, methods=["GET"], include_in_schema=False, name=f"console {page.template}")


def _add_assets(app: FastAPI, assets: Assets) -> None:
    # The files say nothing of the plant, and the sign-in page needs them.
    # Blocking on purpose (a thread of the pool): the first request for plotly.js reads and compresses 5 MB.
    @permission(None)
    def asset(request: Request, version: str, name: str) -> Response:
        found = assets.get(name)
        if found is None:
            return Response(status_code=404)
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            # A page that was open over an update still gets its file, only not for ever.
            "Cache-Control": KEPT_FOR_EVER if version == assets.version else "no-cache",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if compressed:
            headers["Content-Encoding"] = "gzip"
        return Response(found.compressed if compressed else found.body, media_type=found.media_type, headers=headers)

    app.add_api_route("/static/{version}/{name}", asset, methods=["GET"], include_in_schema=False, name="console file")

    # Browsers ask for this address on their own.
    @permission(None)
    def icon() -> Response:
        return _icon(assets)

    app.add_api_route("/favicon.ico", icon, methods=["GET"], include_in_schema=False)


def _icon(assets: Assets) -> Response:
    icon = assets.get("icon.svg")
    return Response(icon.body, media_type=icon.media_type) if icon else Response(status_code=404)
