"""GraphQL over WebSocket: the protocol graphql-transport-ws, a connection of it and its operations.

Strawberry knows the protocol's order of messages. Added here: what an operation may look like and how its errors are
told, as over HTTP; limits; and an end for clients who do not read, and for when the server stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http import GraphQLRequestData
from strawberry.http.exceptions import NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    CompleteMessage,
    ConnectionInitMessage,
    Message,
    NextMessagePayload,
    SubscribeMessage,
)
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from app.graphql.answers import encode, format_errors
from app.graphql.context import GraphQLContext
from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.options import Options
from app.graphql.requests import read_message, read_operation

if TYPE_CHECKING:
    from app.graphql.streaming import Streaming

log = structlog.get_logger(__name__)

GOING_AWAY: Final = 1001
INTERNAL: Final = 1011
TRY_AGAIN_LATER: Final = 1013
BAD_MESSAGE: Final = 4400
"""Close codes; after the first three, clients of the protocol connect again."""

MAX_REASON: Final = 120
MAX_ID: Final = 255


class Socket(ASGIWebSocketAdapter):
    """The connection as Strawberry sees it. Once it is closed, nothing more is read or sent."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_closed = False
        self._send_seconds = cast("Streaming", self.view).schema.options.streams.send_seconds

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        while not self.is_closed:
            try:
                message = read_message(await self.ws.receive_text())
            except WebSocketDisconnect:
                self.is_closed = True
                return
            except KeyError as error:
                raise NonTextMessageReceived from error
            except Refusal as refusal:
                await self.close(BAD_MESSAGE, str(refusal))
                return
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Raises WebSocketDisconnected, also for a client who does not take the message in time."""
        if self.is_closed:
            raise WebSocketDisconnected
        try:
            async with asyncio.timeout(self._send_seconds):
                await self.ws.send_text(encode(message).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error
        except TimeoutError as error:
            log.warning("subscriber_too_slow", transport="websocket")
            await self.close(TRY_AGAIN_LATER, "too slow")
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        try:
            await super().close(code, _shorten(reason))
        except WebSocketDisconnect:
            log.debug("client_left")


class Connection(BaseGraphQLTransportWSHandler[GraphQLContext, None]):
    """One client. Its operations run beside each other, each with loaders of its own."""

    view: Streaming

    async def handle(self) -> None:
        leaving = asyncio.create_task(self._leave())
        try:
            await super().handle()
        finally:
            leaving.cancel()
            await asyncio.wait([leaving])

    async def _leave(self) -> None:
        """When the server stops, so that the client connects to another one at once."""
        stopping: asyncio.Event = cast(Socket, self.websocket).ws.app.state.stopping
        await stopping.wait()
        await self.websocket.close(GOING_AWAY, "the server stops")

    async def handle_message(self, message: Message) -> None:
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message('each message must be an object with a "type"')

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if message.get("payload") is None:
            message.pop("payload", None)
        await super().handle_connection_init(message)

    async def handle_complete(self, message: CompleteMessage) -> None:
        if isinstance(message["id"], str):
            await super().handle_complete(message)
        else:
            await self.handle_invalid_message("id must be a string")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if not self.connection_acknowledged:
            await self.websocket.close(4401, "Unauthorized")
            return
        operation_id = message["id"]
        if not isinstance(operation_id, str) or not 0 < len(operation_id) <= MAX_ID:
            await self.handle_invalid_message(f"id must be a string of 1 to {MAX_ID} characters")
        elif operation_id in self.operations:
            await self.websocket.close(4409, f"Subscriber for {operation_id} already exists")
        else:
            await self._begin(operation_id, message)

    async def _begin(self, operation_id: str, message: SubscribeMessage) -> None:
        try:
            self._check_room()
            found = read_operation(message["payload"], self._options.trusted)
        except Refusal as refusal:
            payload = cast(Any, format_errors(refusal.errors))
            await self.send_message({"id": operation_id, "type": "error", "payload": payload})
            return
        operation = _Operation(self, operation_id, found)
        self.operations[operation_id] = operation
        operation.task = asyncio.create_task(self.run_operation(operation))
        operation.task.add_done_callback(self._task_done)

    def _check_room(self) -> None:
        most, gauge = self._options.streams.per_connection, self.view.operations
        if len(self.operations) >= most:
            message = f"{most} operations are under way on this connection, the most there may be"
            raise Refusal(RequestError(Code.TOO_MANY_SUBSCRIPTIONS, message))
        if gauge.is_full:
            message = f"{gauge.most} operations are under way, the most there may be; try again later"
            raise Refusal(RequestError(Code.TOO_MANY_SUBSCRIPTIONS, message))

    @property
    def _options(self) -> Options:
        return self.view.schema.options

    async def run_operation(self, operation: Operation[GraphQLContext, None]) -> None:
        try:
            with self.view.operations.one():
                results = await self.schema.stream(
                    operation.query,
                    variable_values=operation.variables,
                    context_value=replace(self.context),
                    operation_name=operation.operation_name,
                )
                async with aclosing(results):
                    refused = await _send_results(operation, results)
            if not refused:
                await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            return
        except Exception:  # the edge of an operation: the client must not wait for what never comes
            log.exception("operation_crashed")
            await self.websocket.close(INTERNAL, "internal server error")


class _Operation(Operation[GraphQLContext, None]):
    def __init__(self, handler: Connection, operation_id: str, data: GraphQLRequestData) -> None:
        super().__init__(handler, operation_id, data.query or "", data.variables, data.operation_name)

    async def send_initial_errors(self, errors: list[GraphQLError]) -> None:
        payload = cast(Any, format_errors(errors))
        await self.send_operation_message({"id": self.id, "type": "error", "payload": payload})

    async def send_next(self, execution_result: ExecutionResult) -> None:
        payload: NextMessagePayload = {"data": execution_result.data}
        if execution_result.errors:
            payload["errors"] = cast(Any, format_errors(execution_result.errors))
        if execution_result.extensions:
            payload["extensions"] = execution_result.extensions
        await self.send_operation_message({"id": self.id, "type": "next", "payload": payload})


async def _send_results(operation: Operation[GraphQLContext, None], results: Any) -> bool:
    """Whether the operation was refused, which ends it."""
    async for result in results:
        if isinstance(result, PreExecutionError):
            await operation.send_initial_errors(result.errors or [])
            return True
        await operation.send_next(result)
    return False


def _shorten(reason: str) -> str:
    """To what a close frame has room for: it counts bytes, and what a client sent may stand in it."""
    return reason.encode()[:MAX_REASON].decode(errors="ignore")
