"""Connections before they are requests: heads too long or too slow, offers of protocols that are not spoken here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.resolvers.context import Ctx
from app.rest import connections
from tests.graphql.subscribing import Hosted, hosting
from tests.waiting import SOON

BODY = b'{"query": "{ __typename }"}'
HTTP2 = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: example.org\r\n"


@pytest.fixture
async def hosted(ctx: Ctx) -> AsyncIterator[Hosted]:
    async with hosting(ctx) as hosted:
        yield hosted


class Wire:
    """One connection, told bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def say_for_ever(self, data: bytes) -> None:
        async with asyncio.timeout(SOON):
            while True:
                await self.say(data)
                await asyncio.sleep(0)

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer, which says how long it is."""
        async with asyncio.timeout(SOON):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def closed(self) -> bytes:
        """What came until the server closed the connection."""
        async with asyncio.timeout(SOON):
            return await self.reader.read()


@asynccontextmanager
async def wire(hosted: Hosted) -> AsyncIterator[Wire]:
    host, _, port = hosted.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def post(extra: bytes = b"", body: bytes = BODY) -> bytes:
    """A GraphQL operation as it goes over the wire."""
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    return b"POST /graphql HTTP/1.1\r\nHost: example.org\r\nContent-Type: application/json\r\n" + extra + length + body


@pytest.mark.parametrize(
    "beginning",
    [
        HEALTH + b"X-Long: ",
        b"GET /health?",
        HEALTH + b"Transfer-Encoding: chunked\r\n\r\n1;",
        HEALTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
    ],
    ids=["header", "path", "size of a chunk", "trailer"],
)
async def test_endless_heads_are_cut_off(hosted: Hosted, beginning: bytes) -> None:
    async with wire(hosted) as client:
        await client.say(beginning)
        with pytest.raises(ConnectionError):
            await client.say_for_ever(b"x" * 65536)
    async with wire(hosted) as client:
        await client.say(HEALTH + b"\r\n")
        assert (await client.answer())[0] == 200


async def test_head_too_long_is_named(hosted: Hosted) -> None:
    async with wire(hosted) as client:
        await client.say(HEALTH + b"X-Long: " + b"x" * (connections.MAX_HEAD_BYTES))
        assert (await client.closed()).startswith(b"HTTP/1.1 431 ")


async def test_long_query_strings_are_read(hosted: Hosted) -> None:
    text = b"%7B__typename%7D" + b"%20" * 20_000
    async with wire(hosted) as client:
        await client.say(b"GET /graphql?query=" + text + b" HTTP/1.1\r\nHost: example.org\r\n\r\n")
        status, body = await client.answer()
    assert status == 200, body


async def test_large_bodies_are_no_heads(hosted: Hosted) -> None:
    padded = BODY + b" " * (3 * connections.MAX_HEAD_BYTES)
    async with wire(hosted) as client:
        for _ in range(2):
            await client.say(post(body=padded))
            assert (await client.answer())[0] == 200


@pytest.mark.parametrize("beginning", [b"", b"GET /hea", HEALTH + b"X-Slow: "], ids=["nothing", "path", "header"])
async def test_heads_must_arrive_in_time(hosted: Hosted, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with wire(hosted) as client:
        await client.say(beginning)
        assert await client.closed() == b""


async def test_next_head_must_arrive_in_time_too(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    async with wire(hosted) as client:
        await client.say(HEALTH + b"\r\n")
        await client.answer()
        await asyncio.sleep(0.6)  # between requests a connection may be idle for longer
        await client.say(HEALTH + b"\r\n")
        assert (await client.answer())[0] == 200
        await client.say(HEALTH)
        assert await client.closed() == b""


async def test_offered_http2_changes_nothing(hosted: Hosted) -> None:
    async with wire(hosted) as client:
        await client.say(post(HTTP2) + post(HTTP2))
        for _ in range(2):
            status, body = await client.answer()
            assert (status, b'"__typename":"Query"' in body) == (200, True)
        head, _, body = post(HTTP2).partition(b"\r\n\r\n")
        await client.say(head + b"\r\n\r\n" + body[:5])
        await asyncio.sleep(0.05)
        await client.say(body[5:])
        assert (await client.answer())[0] == 200


async def test_websocket_is_opened_by_get_alone(hosted: Hosted) -> None:
    async with wire(hosted) as client:
        await client.say(post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        assert (await client.answer())[0] == 200


async def test_server_is_no_proxy(hosted: Hosted) -> None:
    async with wire(hosted) as client:
        await client.say(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        assert (await client.closed()).startswith(b"HTTP/1.1 400 ")
