"""The one mapping from errors to GraphQL errors: a code on each, nothing internal in any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import structlog
from graphql import GraphQLError, GraphQLFormattedError

from app.core.errors import AppError, Invalid, TooLarge

log = structlog.get_logger(__name__)

INTERNAL = "INTERNAL"

_MOST_PLACES = 10
"""Of a text that one error points to."""

_MOST_CHARACTERS = 500
"""Of the message of an error."""


class Code(StrEnum):
    """Why a request is not executed. Errors of execution have the codes of app.core.errors."""

    PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    OPERATION_UNKNOWN = "OPERATION_RESOLUTION_FAILURE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    BATCHING_DISABLED = "BATCHING_DISABLED"
    INTROSPECTION_DISABLED = "INTROSPECTION_DISABLED"
    SUBSCRIPTION_NOT_STREAMED = "SUBSCRIPTION_NOT_STREAMED"
    DOCUMENT_NOT_FOUND = "DOCUMENT_NOT_FOUND"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    TOO_LONG = "TOO_LONG"
    TOO_DEEP = "TOO_DEEP"
    TOO_COMPLEX = "TOO_COMPLEX"
    TOO_MANY_ALIASES = "TOO_MANY_ALIASES"
    TOO_MANY_DEFINITIONS = "TOO_MANY_DEFINITIONS"
    TOO_MANY_DIRECTIVES = "TOO_MANY_DIRECTIVES"
    TOO_MANY_FIELDS = "TOO_MANY_FIELDS"
    TOO_MANY_ITEMS = "TOO_MANY_ITEMS"
    TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    TOO_MANY_TOKENS = "TOO_MANY_TOKENS"


class RequestError(GraphQLError):
    """Something for which a request is not executed. `status` and `headers` are those of its HTTP answer."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        about: GraphQLError | None = None,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`about` is the error of the library that says where in the text it is; nothing else of it is kept."""
        source = None if about is None else about.source
        positions = list(about.positions or ())[:_MOST_PLACES] if about is not None and source else None
        super().__init__(_shorten(message), source=source, positions=positions)
        self.code = code
        self.status = status
        self.headers = dict(headers or {})


class Refusal(Exception):
    """A request that is not executed, with every reason. Nothing of it has run."""

    def __init__(self, *errors: GraphQLError, extensions: Mapping[str, Any] | None = None) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = list(errors)
        self.extensions = extensions
        """What the answer says beside the errors, such as the cost of an operation where it was counted."""

    @property
    def status(self) -> int:
        first = self.errors[0]
        if isinstance(first, RequestError):
            return first.status
        return 400 if _code(first)[1] else 500

    @property
    def headers(self) -> dict[str, str]:
        first = self.errors[0]
        return first.headers if isinstance(first, RequestError) else {}

    @classmethod
    def of(cls, error: Invalid) -> Refusal:
        return cls(RequestError(error.code, str(error), status=413 if isinstance(error, TooLarge) else 400))


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
    if isinstance(error, RequestError):
        return error.code, True
    if isinstance(original, AppError):
        return original.code, True
    # An argument that turns out to be unusable only when its field runs, such as a null from a variable. What a result
    # cannot be turned into has no place in the document yet when it is raised: that is a defect of ours.
    blamed = error if original is None else original
    if isinstance(blamed, GraphQLError) and blamed.nodes:
        return Code.BAD_USER_INPUT, True
    return INTERNAL, False


def _shorten(message: str) -> str:
    """What a client sent may stand in it, as long as it came."""
    return message if len(message) <= _MOST_CHARACTERS else f"{message[:_MOST_CHARACTERS]}…"
