"""Errors become RFC 9457 problem documents here and nowhere else."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from cloud.book.transactions import reason
from cloud.errors import (
    CloudError,
    ConflictError,
    EditionError,
    ForbiddenError,
    NotFoundError,
    RequestError,
    SignInError,
    StoreError,
    TooManyError,
)

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[tuple[tuple[type[CloudError], HTTPStatus], ...]] = (
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (EditionError, HTTPStatus.PRECONDITION_FAILED),
    (SignInError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (TooManyError, HTTPStatus.TOO_MANY_REQUESTS),
    (RequestError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (CloudError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def problem(status: HTTPStatus, detail: str, instance: str, **extensions: Any) -> JSONResponse:
    """Return a problem document.

    Source: RFC 9457, section 3.1; `type` is left out, which means about:blank: the title is the status.
    """
    document = {"title": status.phrase, "status": int(status), "detail": detail, "instance": instance, **extensions}
    return JSONResponse(document, int(status), media_type=MEDIA_TYPE)


def problem_body(status: HTTPStatus, detail: str) -> bytes:
    """Return the bytes of a problem document for code that answers below the application."""
    return json.dumps({"title": status.phrase, "status": int(status), "detail": detail}).encode()


def _why(one: dict[str, Any]) -> str:
    """Return what is wrong with one value in words."""
    if one["type"] != "extra_forbidden":
        return str(one["msg"])
    is_who = one["loc"][-1] == "by"
    return "unknown key" + ("; who does it is taken from your session or token" if is_who else "")


def add_problem_documents(app: FastAPI) -> None:
    """Make an application answer every error with a problem document."""

    async def answer_cloud_error(request: Request, error: Exception) -> JSONResponse:
        status = next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
        answer = problem(status, str(error), request.url.path)
        answer.headers.update(getattr(error, "headers", {}))
        return answer

    async def answer_http_error(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):  # pragma: no cover - the table below gives us no other
            raise error
        status = HTTPStatus(error.status_code)
        answer = problem(status, str(error.detail), request.url.path)
        answer.headers.update(error.headers or {})
        return answer

    async def answer_bad_request(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):  # pragma: no cover - the table below gives us no other
            raise error
        wrong = [{"at": ".".join(map(str, one["loc"])), "why": _why(one)} for one in error.errors()]
        detail = "; ".join(f"{one['at']}: {one['why']}" for one in wrong)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, request.url.path, errors=wrong)

    async def answer_store_error(request: Request, error: Exception) -> JSONResponse:
        # What is no StoreError yet: tables that a starting cloud has not made, or every connection in use.
        detail = f"the book could not be asked ({reason(error)}); this page tries again by itself"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, request.url.path)

    app.add_exception_handler(CloudError, answer_cloud_error)
    app.add_exception_handler(SQLAlchemyError, answer_store_error)
    app.add_exception_handler(HTTPException, answer_http_error)
    app.add_exception_handler(RequestValidationError, answer_bad_request)
