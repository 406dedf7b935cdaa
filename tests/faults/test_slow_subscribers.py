"""Subscribers who do not read: each costs the server little, and is dropped; what is asked meanwhile is answered."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.scene import until_true
from tests.graphql.subscribing import connecting
from tests.seeding import document, upstream
from tests.served import serving, write_config

pytestmark = pytest.mark.faults

SUBSCRIBERS = 30
DOCUMENTS = 600
PADDING = 60_000
MAX_GROWTH = 150 * 2**20
"""Bytes by which the server may grow; kept for each subscriber, the feed would take 1 GB."""

BEGIN = "{ catalogChanges(first: 1) { pageInfo { endCursor } } }"
QUERY = "subscription($after: String) { catalogChanges(after: $after) { serverVersion { document } } }"


async def stall(stack: AsyncExitStack, address: str, after: str, *, by_socket: bool) -> None:
    """A subscriber who asks for the whole feed and reads nothing of it."""
    if by_socket:
        subscriber = await stack.enter_async_context(connecting(address, max_queue=1, close_timeout=0.1))
        subscriber.socket.transport.pause_reading()
        await subscriber.subscribe(QUERY, after=after)
        return
    host, port = address.split(":")
    silent = stack.enter_context(socket.create_connection((host, int(port))))
    body = json.dumps({"query": QUERY, "variables": {"after": after}}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: text/event-stream"
    silent.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


async def test_subscribers_who_do_not_read_are_dropped_and_cost_little(tmp_path: Path) -> None:
    padding = {"io.modelcontextprotocol.registry/publisher-provided": {"padding": "x" * PADDING}}
    source = tmp_path / "s.json"
    source.write_text(json.dumps(upstream([document(f"a/{number}", _meta=padding) for number in range(DOCUMENTS)])))
    config = await asyncio.to_thread(write_config, tmp_path, {"s": source})
    with serving(config, ready=False) as served:
        await until_true(lambda: served.answers(), "readiness")
        address, process = f"127.0.0.1:{served.port}", psutil.Process(served.process.pid)
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=20) as client:

            async def begin() -> str:
                found = (await client.post("/graphql", json={"query": BEGIN})).json()
                cursor: str = found["data"]["catalogChanges"]["pageInfo"]["endCursor"]
                return cursor

            await until_true(lambda: len(served.names()) == DOCUMENTS, "the import")
            after, before = await begin(), process.memory_info().rss
            most = before
            async with AsyncExitStack() as stack:
                for number in range(SUBSCRIBERS):
                    await stall(stack, address, after, by_socket=number % 2 == 0)

                def dropped() -> bool:
                    nonlocal most
                    most = max(most, process.memory_info().rss)
                    return served.log.read_text().count("subscriber_too_slow") == SUBSCRIBERS

                await begin()
                await until_true(dropped, "every slow subscriber to be dropped")
            assert most - before < MAX_GROWTH
            assert await begin() == after
        assert await asyncio.to_thread(served.stop) == 0
