"""GraphQL over HTTP: the ASGI endpoint, and GraphiQL for browsers."""

from __future__ import annotations

from typing import Any

import orjson
from graphql import GraphQLError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from app.core.bodies import read_body
from app.core.errors import Invalid, TooLarge
from app.graphql.context import GraphQLContext
from app.graphql.errors import WrongMethod, format_error

MAX_BODY_BYTES = 2**20
MAX_OBJECTS = 1000
"""Objects and lists in a body. Each costs time before any limit of the schema can refuse it."""

MAX_NESTING = 50


class GraphQLEndpoint(GraphQL[GraphQLContext, None]):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses what could not be an operation before anything of GraphQL runs, and what must not be one after it."""
        try:
            if scope["type"] == "http" and scope["method"] == "POST":
                receive = _replay(await _read_operation(receive), receive)
            elif scope["type"] == "http":
                _check_parameters(QueryParams(scope["query_string"]))
            await super().__call__(scope, receive, send)
        except Invalid as error:
            body = {"errors": [format_error(GraphQLError(str(error), original_error=error))]}
            await JSONResponse(body, *_status(error))(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> GraphQLContext:
        return GraphQLContext(request.app.state.ctx)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if result.errors:
            answer["errors"] = [format_error(error) for error in result.errors]
        return answer


def _status(error: Invalid) -> tuple[int, dict[str, str]]:
    if isinstance(error, WrongMethod):
        return 405, {"Allow": "POST"}
    return 413 if isinstance(error, TooLarge) else 400, {}


async def _read_operation(receive: Receive) -> bytes:
    body = await read_body(receive, MAX_BODY_BYTES)
    _check_json("the body", body, 'an object such as {"query": "{ servers { totalCount } }"}')
    return body


def _check_parameters(given: QueryParams) -> None:
    """An operation may come by GET, its variables as JSON in the query string."""
    for name in ("variables", "extensions"):
        if given.get(name):
            _check_json(name, given[name].encode("utf-8", "replace"), "an object")


def _check_json(what: str, text: bytes, shape: str) -> None:
    if text.count(b"{") + text.count(b"[") > MAX_OBJECTS:
        raise Invalid(f"{what} holds more than {MAX_OBJECTS} objects and lists")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{what} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid(f"{what} must be {shape}")
    level: list[Any] = [value]
    for _ in range(MAX_NESTING):
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
        level = [child for child in level if isinstance(child, dict | list)]
    if level:
        raise Invalid(f"{what} is nested more than {MAX_NESTING} deep")


def _replay(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; then whatever still comes, such as the end of the connection."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
