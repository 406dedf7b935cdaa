"""The one mapping from errors to HTTP answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import (
    AppError,
    Conflict,
    Forbidden,
    Invalid,
    InvalidDocument,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from app.rest import wire

_STATUS: tuple[tuple[type[AppError], HTTPStatus], ...] = (
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (Invalid, HTTPStatus.BAD_REQUEST),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Unsupported, HTTPStatus.NOT_IMPLEMENTED),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def answer(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:
    body = wire.error(status, status.phrase, detail, **more)
    return Response(body, status, media_type="application/json", headers=headers)


def answer_invalid_document(error: InvalidDocument, status: HTTPStatus) -> Response:
    """With every issue, as validating the document would list them."""
    return answer(status, str(error), issues=error.issues)


async def answer_app_error(_: Request, error: Exception) -> Response:
    if isinstance(error, InvalidDocument):
        return answer_invalid_document(error, HTTPStatus.BAD_REQUEST)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    detail = str(error) if status is not HTTPStatus.INTERNAL_SERVER_ERROR else "internal server error"
    headers = {"Retry-After": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return answer(status, detail, headers)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What the router refuses: unknown paths (404) and methods (405, with Allow)."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, None
    if isinstance(error, HTTPException):
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
    detail = {
        HTTPStatus.NOT_FOUND: "no such path",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not allowed on this path",
    }.get(status, status.phrase)
    return answer(status, detail, headers)
