"""Clients of subscriptions, over WebSocket and as server-sent events, and a server in this process for them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.graphql.options import Options
from app.graphql.schema import build_schema
from app.main import create_app
from app.process import listen, serve_apps
from app.resolvers.context import Ctx
from tests.waiting import SOON

PROTOCOL = Subprotocol("graphql-transport-ws")
STREAM = {"accept": "text/event-stream"}

FEED = """subscription($registry: String, $after: String) {
  catalogChanges(registry: $registry, after: $after) {
    id cursor action name version source { name } serverVersion { title status } } }"""


class Hosted:
    """A server in this process. `stop` is what tells it to end."""

    def __init__(self, port: int, stop: asyncio.Event) -> None:
        self.address = f"127.0.0.1:{port}"
        self.stop = stop


@asynccontextmanager
async def hosting(ctx: Ctx, options: Options | None = None, prefix: str = "") -> AsyncIterator[Hosted]:
    stop, held = asyncio.Event(), listen("127.0.0.1:0")
    hosted = Hosted(held.getsockname()[1], stop)
    app = create_app(ctx, stop, prefix, build_schema(options))
    serving = asyncio.create_task(serve_apps([app], [held], stop, lambda: None))
    try:
        yield hosted
    finally:
        stop.set()
        await serving
        held.close()


class Subscriber:
    """One WebSocket. What comes is put in a queue for each operation, which ends with a message other than `next`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: defaultdict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._count = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                message = json.loads(text)
                self.messages[message.get("id", "")].put_nowait(message)
        except ConnectionClosed:
            pass
        for queue in self.messages.values():
            queue.put_nowait({"type": "closed"})

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def subscribe(self, query: str, **variables: Any) -> str:
        self._count += 1
        number = str(self._count)
        self.messages[number] = asyncio.Queue()
        await self.say(id=number, type="subscribe", payload={"query": query, "variables": variables})
        return number

    async def hear(self, number: str) -> dict[str, Any]:
        """The next message about an operation; those about none have the number ""."""
        async with asyncio.timeout(SOON):
            return await self.messages[number].get()

    async def data(self, number: str) -> Any:
        message = await self.hear(number)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason, once the server has closed the connection."""
        async with asyncio.timeout(SOON):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason

    async def leave(self) -> None:
        await self.socket.close()
        await self._reading


@asynccontextmanager
async def greeting(address: str, path: str = "/graphql", **given: Any) -> AsyncIterator[Subscriber]:
    """A WebSocket on which nothing was said yet."""
    chosen = {"subprotocols": [PROTOCOL], "proxy": None, **given}
    async with connect(f"ws://{address}{path}", **chosen) as socket:
        subscriber = Subscriber(socket)
        try:
            yield subscriber
        finally:
            await subscriber.leave()


@asynccontextmanager
async def connecting(address: str, path: str = "/graphql", **given: Any) -> AsyncIterator[Subscriber]:
    """A WebSocket that was acknowledged."""
    async with greeting(address, path, **given) as subscriber:
        await subscriber.say(type="connection_init")
        assert (await subscriber.hear(""))["type"] == "connection_ack"
        yield subscriber


async def read_events(answer: httpx.Response) -> AsyncGenerator[tuple[str, str], None]:
    """Server-sent events: their name and data; comments have the name ""."""
    event = ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            event = value
        elif field == "data" or line == "data:":
            yield event, value
        elif line.startswith(":"):
            yield "", line[1:].strip()


@asynccontextmanager
async def streaming(address: str, query: str, **variables: Any) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
    body = {"query": query, "variables": variables}
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=SOON) as client,
        client.stream("POST", "/graphql", json=body, headers=STREAM) as answer,
        aclosing(read_events(answer)) as events,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.headers
        yield events
