"""GraphQL over HTTP, the answer: its media type, its status, and the same JSON for every refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.responses import Response
from strawberry.types import ExecutionResult

from app.graphql.errors import Refusal, format_error

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


def negotiate(accept: str) -> str:
    """The media type for an Accept header: GraphQL's own where it is asked for by name, and liked no less than JSON."""
    liked = dict(_ranges(accept))
    own = liked.get(GRAPHQL_JSON, 0.0)
    return GRAPHQL_JSON if own > 0 and own >= liked.get(JSON, 0.0) else JSON


def wants_page(accept: str) -> bool:
    """Whether a browser asks; `*/*` is what scripts send."""
    return dict(_ranges(accept)).get("text/html", 0.0) > 0


def wants_stream(accept: str) -> bool:
    """Whether results are to come one by one, as server-sent events."""
    return dict(_ranges(accept)).get("text/event-stream", 0.0) > 0


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges with their weights; one that cannot be read counts as 1."""
    found = []
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        found.append((name, float(weight) if weight.replace(".", "", 1).isdecimal() else 1.0))
    return found


def is_refused(result: ExecutionResult) -> bool:
    """Whether nothing was executed: each error is about the request, not about one of its fields."""
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors or ())


def write_answer(media_type: str, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        encode(body),
        status_code=status,
        headers={**(headers or {}), "Vary": "Accept"},
        media_type=f"{media_type}; charset=utf-8",
    )


def write_refusal(media_type: str, refusal: Refusal) -> Response:
    """Without `data`, as nothing was executed."""
    body: dict[str, Any] = {"errors": format_errors(refusal.errors)}
    if refusal.extensions:
        body["extensions"] = refusal.extensions
    return write_answer(media_type, body, refusal.status, refusal.headers)


def format_errors(errors: Sequence[GraphQLError]) -> list[Any]:
    return [format_error(error) for error in errors]


def encode(body: Any) -> bytes:
    """JSON. What a client wrote may come back in it: numbers beyond 64 bits and halves of characters, too."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return json.dumps(body, separators=(",", ":")).encode()
