"""The one mapping from errors to GraphQL errors: a code on each, nothing internal in any."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from graphql import GraphQLError, GraphQLFormattedError, GraphQLSyntaxError

from app.core.errors import AppError, Invalid

log = structlog.get_logger(__name__)

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = "INTERNAL"


class WrongMethod(Invalid):
    """An operation that HTTP's GET must not carry, because it changes something."""


def format_error(error: GraphQLError) -> GraphQLFormattedError:
    """As the client gets it: domain errors and its own mistakes in words, anything else only by its request id."""
    formatted = error.formatted
    code, shown = _code(error)
    if not shown:
        formatted["message"] = "internal server error"
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    formatted["extensions"] = {"code": code, **({"requestId": request_id} if request_id else {})}
    return formatted


def log_errors(errors: Sequence[GraphQLError]) -> None:
    for error in errors:
        if not _code(error)[1]:
            log.error("graphql_crashed", path=error.path, exc_info=error.original_error or error)


def _code(error: GraphQLError) -> tuple[str, bool]:
    original = error.original_error
    if isinstance(original, AppError):
        return original.code, True
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED, True
    if original is None or isinstance(original, GraphQLError):
        return VALIDATION_FAILED, True
    return INTERNAL, False
