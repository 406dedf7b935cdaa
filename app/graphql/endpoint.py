"""GraphQL over HTTP: the ASGI endpoint, and GraphiQL for browsers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from app.graphql.context import GraphQLContext
from app.graphql.errors import format_error


class GraphQLEndpoint(GraphQL[GraphQLContext, None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> GraphQLContext:
        return GraphQLContext(request.app.state.ctx)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        answer = await super().process_result(request, result)
        if result.errors:
            answer["errors"] = [format_error(error) for error in result.errors]
        return answer
