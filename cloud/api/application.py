"""The HTTP application: resources under /api/v1, operations beside them, the console at the root."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from cloud.api import (
    alarms,
    audit,
    events,
    gateways,
    labels,
    machines,
    measures,
    models,
    notifications,
    operations,
    pictures,
    plant,
    rollouts,
    session,
    spectra,
    tokens,
    updates,
    users,
    wishes,
)
from cloud.api.bounded_body import BoundedBody
from cloud.api.examples import add_examples
from cloud.api.guard import declared, guard, permission
from cloud.api.problems import add_problem_documents
from cloud.api.same_origin import SameOriginOnly
from cloud.api.security_headers import SecurityHeaders
from cloud.console import mount
from cloud.permissions import Action

if TYPE_CHECKING:
    from cloud.api.context import ApiContext

PREFIX: Final = "/api/v1"
RESOURCES: Final = (
    machines.router,
    # Their fixed paths go before the ids of the ones behind them.
    pictures.router,
    spectra.router,
    measures.router,
    wishes.router,
    plant.router,
    alarms.router,
    models.router,
    rollouts.router,
    labels.router,
    gateways.router,
    notifications.router,
    audit.router,
    events.router,
    session.router,
    tokens.router,
    users.router,
)

BESIDE: Final = (operations.router, updates.router)
"""What is asked for by programs that know nothing of the API's version."""


def create_application(context: ApiContext) -> FastAPI:
    """Return the application on these stores."""
    app = FastAPI(
        title="plantpulse",
        version=_version(),
        # Served below: it is for those who are signed in.
        openapi_url=None,
        # Their pages load scripts from other hosts; plants are offline.
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(guard)],
    )
    app.state.context = context
    add_problem_documents(app)
    api = APIRouter(prefix=PREFIX)
    for resource in RESOURCES:
        _describe_permissions(resource)
        api.include_router(resource)
    app.include_router(api)
    for beside in BESIDE:
        _describe_permissions(beside)
        app.include_router(beside)
    _add_openapi_document(app)
    mount(app, context.plant.time_zone)
    # The last one added is the first to see a request.
    app.add_middleware(BoundedBody)
    app.add_middleware(SameOriginOnly, settings=context.http)
    app.add_middleware(SecurityHeaders, settings=context.http)
    return app


def _describe_permissions(router: APIRouter) -> None:
    """Say in the OpenAPI document what each route needs."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            needed = declared(route.endpoint)
            is_open = needed is not None and needed.action is None
            route.openapi_extra = {
                **(route.openapi_extra or {}),
                "x-permission": "undeclared" if needed is None else needed.name,
                "security": [] if is_open else [{"token": []}, {"session": []}],
            }


def _add_openapi_document(app: FastAPI) -> None:
    schemes = {
        "token": {"type": "http", "scheme": "bearer", "description": "a token made at /account or POST /tokens"},
        "session": {"type": "apiKey", "in": "cookie", "name": "plantpulse", "description": "set by POST /session"},
    }

    @permission(Action.VIEW)
    def openapi() -> dict[str, Any]:
        document = app.openapi()
        document.setdefault("components", {})["securitySchemes"] = schemes
        add_examples(document)
        return document

    app.add_api_route(f"{PREFIX}/openapi.json", openapi, methods=["GET"], include_in_schema=False)


def _version() -> str:
    try:
        return version("plantpulse")
    except PackageNotFoundError:
        return "0"
