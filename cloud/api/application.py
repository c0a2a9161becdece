"""The HTTP application: resources under /api/v1, operations beside them, the console at the root."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI

from cloud.api import (
    alarms,
    audit,
    events,
    gateways,
    labels,
    machines,
    measures,
    models,
    operations,
    pictures,
    spectra,
)
from cloud.api.problems import add_problem_documents
from cloud.api.same_origin import SameOriginOnly
from cloud.console import mount

if TYPE_CHECKING:
    from cloud.api.context import ApiContext

PREFIX: Final = "/api/v1"
RESOURCES: Final = (
    machines.router,
    # Their fixed paths go before the ids of the ones behind them.
    pictures.router,
    spectra.router,
    measures.router,
    alarms.router,
    models.router,
    labels.router,
    gateways.router,
    audit.router,
    events.router,
)


def create_application(context: ApiContext) -> FastAPI:
    """Return the application on these stores."""
    app = FastAPI(
        title="plantpulse",
        version=_version(),
        openapi_url=f"{PREFIX}/openapi.json",
        # Their pages load scripts from other hosts; plants are offline.
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    add_problem_documents(app)
    api = APIRouter(prefix=PREFIX)
    for resource in RESOURCES:
        api.include_router(resource)
    app.include_router(api)
    app.include_router(operations.router)
    mount(app)
    app.add_middleware(SameOriginOnly)
    return app


def _version() -> str:
    try:
        return version("plantpulse")
    except PackageNotFoundError:
        return "0"
