"""GraphQL over HTTP: the ASGI endpoint, and GraphiQL for browsers."""

from __future__ import annotations

from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from app.core.errors import Invalid, TooLarge
from app.graphql.context import GraphQLContext
from app.graphql.errors import format_error

MAX_BODY_BYTES = 2**20
MAX_OBJECTS = 1000
"""Objects and lists in a body. Each costs time before any limit of the schema can refuse it."""

MAX_NESTING = 50


class GraphQLEndpoint(GraphQL[GraphQLContext, None]):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a body that could not be an operation before anything of GraphQL runs."""
        if scope["type"] == "http" and scope["method"] == "POST":
            try:
                receive = _replay(await _read_body(receive), receive)
            except Invalid as error:
                status = 413 if isinstance(error, TooLarge) else 400
                body = {"errors": [format_error(GraphQLError(str(error), original_error=error))]}
                await JSONResponse(body, status)(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> GraphQLContext:
        return GraphQLContext(request.app.state.ctx)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if result.errors:
            answer["errors"] = [format_error(error) for error in result.errors]
        return answer


async def _read_body(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES >> 20} MiB")
    _check_body(body)
    return body


def _check_body(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") > MAX_OBJECTS:
        raise Invalid(f"the body holds more than {MAX_OBJECTS} objects and lists")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid('the body must be an object such as {"query": "{ servers { totalCount } }"}')
    level: list[Any] = [value]
    for _ in range(MAX_NESTING):
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
        level = [child for child in level if isinstance(child, dict | list)]
    if level:
        raise Invalid(f"the body is nested more than {MAX_NESTING} deep")


def _replay(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; then whatever still comes, such as the end of the connection."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
