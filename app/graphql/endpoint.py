"""GraphQL over HTTP: the ASGI endpoint, and a page for browsers.

Strawberry runs the operations; what a request must look like and how it is answered is said here, as the working draft
of GraphQL over HTTP says it.
"""

from __future__ import annotations

from typing import Any, cast

from cross_web import AsyncHTTPRequestAdapter, StarletteRequestAdapter
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL
from strawberry.types import ExecutionResult

from app.graphql.answers import (
    format_errors,
    is_refused,
    negotiate,
    wants_page,
    wants_stream,
    write_answer,
    write_refusal,
)
from app.graphql.context import GraphQLContext
from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.explorer import render
from app.graphql.requests import read_get, read_operation, read_post
from app.graphql.schema import Schema
from app.graphql.streaming import Streaming

_METHODS = "GET, POST"
_OPERATION = ("query", "documentId", "extensions")


class _Adapter(StarletteRequestAdapter):
    """Strawberry's view of a request, with the request itself."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.request = request


class GraphQLEndpoint(Streaming):
    request_adapter_class = _Adapter
    schema: Schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Refusal as refusal:
            answer = write_refusal(negotiate(Headers(scope=scope).get("accept", "")), refusal)
            await answer(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> GraphQLContext:
        return GraphQLContext(request.app.state.ctx)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.media_type = negotiate(request.headers.get("accept", ""))
        return response

    def is_request_allowed(self, request: BaseRequestProtocol) -> bool:
        if request.method not in ("GET", "POST"):
            message = f"GraphQL is spoken by GET and POST, not by {request.method}"
            raise Refusal(RequestError(Code.METHOD_NOT_ALLOWED, message, status=405, headers={"Allow": _METHODS}))
        return True

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """A browser that brings no operation."""
        if request.method != "GET" or not self.schema.options.explorer:
            return False
        brings_none = not any(request.query_params.get(name) for name in _OPERATION)
        return brings_none and wants_page(request.headers.get("accept", ""))

    async def render_graphql_ide(self, request: Request) -> Response:
        return await render(request)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """The operation, or the operations of a list. Raises Refusal."""
        own, options = cast(_Adapter, request).request, self.schema.options
        streams = GRAPHQL_SSE_PROTOCOL in self.protocols and wants_stream(own.headers.get("accept", ""))
        if request.method == "GET":
            found: Any = read_get(own.query_params)
        else:
            found = await read_post(own.headers, own.receive, options.max_batched)
        if isinstance(found, list) and streams:
            raise Refusal(RequestError(Code.BATCHING_DISABLED, "a list of operations cannot be streamed; send one"))
        if isinstance(found, list):
            return [read_operation(one, options.trusted) for one in found]
        operation = read_operation(found, options.trusted)
        operation.protocol = "sse" if streams else "http"
        return operation

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:
        """A single operation of which nothing was executed is answered as a refused request is."""
        result = await super().execute_operation(*args, **kwargs)
        if isinstance(result, ExecutionResult) and is_refused(result):
            raise Refusal(*result.errors or (), extensions=result.extensions)
        return result

    async def execute_single(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Operations of one request share no loaders: one may read what another has just changed."""
        kwargs["context"] = await self.get_context(kwargs["request"], kwargs["sub_response"])
        return await super().execute_single(*args, **kwargs)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if result.errors:
            answer["errors"] = format_errors(result.errors)
        if is_refused(result):
            del answer["data"]
        return answer

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        return write_answer(str(sub_response.media_type), response_data)
