"""Operations that answer more than once: server-sent events and WebSockets, on the way into the endpoint.

Server-sent events are those of the GraphQL over SSE protocol, one operation a request ("distinct connections"); for
WebSockets see `app.graphql.sockets`. When the server stops, streams are cut off rather than completed: `complete` says
that nothing more will come, and a client that was told so would not go on elsewhere. Every origin may connect, as
everywhere here: there are no cookies whose power a foreign page could borrow.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import timedelta
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from app.graphql.context import GraphQLContext
from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.limits.streams import StreamLimits
from app.graphql.schema import Schema
from app.graphql.sockets import Connection, Socket

log = structlog.get_logger(__name__)

RETRY_SECONDS = 5


class Gauge:
    """Counts what is open at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0

    @property
    def is_full(self) -> bool:
        return self.open >= self.most

    @contextmanager
    def one(self) -> Iterator[None]:
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


class Streaming(GraphQL[GraphQLContext, None]):
    """What the endpoint is made of as far as streams go."""

    schema: Schema
    websocket_adapter_class = Socket  # type: ignore[assignment]  # declared as what Strawberry's own is
    graphql_transport_ws_handler_class = Connection

    def __init__(self, schema: Schema) -> None:
        limits = schema.options.streams
        super().__init__(
            schema,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=limits.init_seconds),
            max_subscriptions_per_connection=limits.per_connection,
            allowed_origins=("*",),
        )
        self.sockets = Gauge(limits.per_process)
        self.operations = Gauge(limits.per_process)
        self.streams = Gauge(limits.per_process)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await super().__call__(scope, receive, send)
        elif self.sockets.is_full:
            refusal = JSONResponse({"error": "too many connections; try again later"}, 503, _retry_later())
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            with self.sockets.one():
                await super().__call__(scope, receive, send)

    async def execute_operation(self, *args: Any, **kwargs: Any) -> Any:
        data = kwargs["request_data"]
        if isinstance(data, GraphQLRequestData) and data.protocol == "sse" and self.streams.is_full:
            message = f"{self.streams.most} streams are open, the most there may be; try again later"
            error = RequestError(Code.TOO_MANY_SUBSCRIPTIONS, message, status=503, headers=_retry_later())
            raise Refusal(error)
        return await super().execute_operation(*args, **kwargs)

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        events: AsyncGenerator[str, None] = stream()  # type: ignore[assignment]  # declared as less than it is
        stopping: asyncio.Event = request.app.state.stopping
        return EventStream(events, dict(headers), stopping, self)


class EventStream(Response):
    """Server-sent events, until there are none, the client leaves or is too slow, or the server stops."""

    def __init__(
        self,
        events: AsyncGenerator[str, None],
        headers: dict[str, str],
        stopping: asyncio.Event,
        endpoint: Streaming,
    ) -> None:
        self._events = events
        self._stopping = stopping
        self._endpoint = endpoint
        self._limits: StreamLimits = endpoint.schema.options.streams
        self.status_code = 200
        self.background = None
        self.init_headers({**headers, "Vary": "Accept"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._endpoint.streams.one():
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_until_left(receive))
            stopping = asyncio.create_task(self._stopping.wait())
            tasks = (sending, leaving, stopping)
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if leaving.cancelled() and not _timed_out(sending):
                await self._end(send)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._events) as events:
            async for text in events:
                async with asyncio.timeout(self._limits.send_seconds):
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def _end(self, send: Send) -> None:
        try:
            async with asyncio.timeout(self._limits.farewell_seconds):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("stream_cut_off")


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _timed_out(sending: asyncio.Task[None]) -> bool:
    """Whether the client was too slow. Raises whatever else ended the stream, other than its end."""
    if sending.cancelled():
        return False
    error = sending.exception()
    if isinstance(error, TimeoutError):
        log.warning("subscriber_too_slow", transport="sse")
        return True
    if error is not None:
        raise error
    return False


def _retry_later() -> dict[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)}
