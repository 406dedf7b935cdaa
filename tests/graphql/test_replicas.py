"""Following a catalogue on several servers over one database: what happens on one is told on all, each change once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml
from websockets.exceptions import WebSocketException

from tests.graphql.subscribing import FEED, connecting, streaming
from tests.seeding import document
from tests.served import Served, serving
from tests.waiting import SOON

pytestmark = pytest.mark.process

BEGIN = '{ catalogChanges(registry: "mine", first: 1) { pageInfo { endCursor } } }'


class Replicas:
    """Two servers, and their database."""

    def __init__(self, servers: list[Served], connect_args: dict[str, Any]) -> None:
        self.servers = servers
        self.addresses = [f"127.0.0.1:{served.port}" for served in servers]
        self._connect_args = connect_args

    async def ask(self, statement: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(**self._connect_args)
        try:
            found: list[asyncpg.Record] = await connection.fetch(statement)
        finally:
            await connection.close()
        return found

    async def journal(self) -> list[tuple[str, str]]:
        """Every change there was, in order."""
        return [tuple(row) for row in await self.ask("select name, version from change order by id")]

    async def silence(self) -> int:
        """End the connections on which the servers listen."""
        found = await self.ask(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and application_name like '%listener'"
        )
        return len(found)

    async def publish(self, server: int, name: str, version: str = "1.0.0") -> None:
        async with httpx.AsyncClient(base_url=f"http://{self.addresses[server]}", trust_env=False) as client:
            answer = await client.post("/registry/mine/v0.1/publish", json=document(name, version), timeout=SOON)
            assert answer.status_code == 201, answer.text

    async def begin(self) -> str:
        """The cursor before everything."""
        async with httpx.AsyncClient(base_url=f"http://{self.addresses[0]}", trust_env=False) as client:
            body = (await client.post("/graphql", json={"query": BEGIN})).json()
        found: str = body["data"]["catalogChanges"]["pageInfo"]["endCursor"]
        return found


def write_config(folder: Path, connect_args: dict[str, Any]) -> Path:
    host = os.path.realpath(connect_args["host"])  # the path in the arguments is good in this process only
    database = {"host": host, "port": 5432, "user": "postgres", "database": connect_args["database"]}
    config = {
        "registries": [{"name": "mine", "managed": {}}],
        "auth": {"mode": "anonymous"},
        "database": {**database, "sslMode": "disable"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
async def replicas(connect_args: dict[str, Any], tmp_path: Path) -> AsyncIterator[Replicas]:
    path = write_config(tmp_path, connect_args)
    async with AsyncExitStack() as stack:
        servers = [await asyncio.to_thread(stack.enter_context, serving(path)) for _ in range(2)]
        yield Replicas(servers, connect_args)


@asynccontextmanager
async def following(transport: str, address: str, after: str) -> AsyncIterator[AsyncIterator[Any]]:
    """The changes after a cursor, by either transport, until the connection breaks."""

    async def by_socket() -> AsyncIterator[Any]:
        while (message := await socket.hear(number))["type"] == "next":
            yield message["payload"]["data"]["catalogChanges"]

    async def by_events() -> AsyncIterator[Any]:
        async for event, data in events:
            if event == "next":
                yield json.loads(data)["data"]["catalogChanges"]

    if transport == "socket":
        async with connecting(address) as socket:
            number = await socket.subscribe(FEED, registry="mine", after=after)
            yield by_socket()
    else:
        async with streaming(address, FEED, registry="mine", after=after) as events:
            yield by_events()


async def collect(replicas: Replicas, cursor: str, seed: int, last: str, steps: int) -> list[tuple[str, str]]:
    """What a client gets after `cursor` who is cut off all the time, connects to either server by either transport, and
    goes on from his last cursor; until the change of the name `last`.
    """
    dice = random.Random(seed)  # noqa: S311  # a reproducible choice
    got: list[tuple[str, str]] = []
    while True:
        alive = [n for n, served in enumerate(replicas.servers) if served.process.poll() is None]
        address, transport = replicas.addresses[dice.choice(alive)], dice.choice(["socket", "events"])
        with suppress(OSError, WebSocketException, httpx.HTTPError, AssertionError):
            async with following(transport, address, cursor) as changes:
                left = dice.randint(1, steps)
                async for change in changes:
                    got.append((change["name"], change["version"]))
                    cursor = change["cursor"]
                    left -= 1
                    if change["name"] == last:
                        return got
                    if not left:
                        break


async def test_what_is_published_on_one_server_is_told_on_the_other(replicas: Replicas) -> None:
    begin, address = await replicas.begin(), replicas.addresses[1]
    async with following("socket", address, begin) as one, following("events", address, begin) as two:
        for server, name in ((0, "com.example/aa"), (1, "com.example/bb"), (0, "com.example/cc")):
            await replicas.publish(server, name)
            assert (await anext(one))["name"] == (await anext(two))["name"] == name


async def test_clients_that_are_cut_off_get_every_change_once(replicas: Replicas) -> None:
    """Under a random writer, while the servers are cut off from what is said in the database and hear of it again."""
    dice = random.Random(7)  # noqa: S311  # a reproducible choice
    begin, last = await replicas.begin(), "com.example/last"
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        clients = [group.create_task(collect(replicas, begin, number, last, 8)) for number in range(8)]
        silenced = 0
        for number in range(60):
            await replicas.publish(dice.randrange(2), f"com.example/s{dice.randrange(20)}", f"1.{number}.0")
            if number % 20 == 10:
                silenced += await replicas.silence()
            await asyncio.sleep(dice.random() / 20)
        await replicas.publish(0, last)
    journal = await replicas.journal()
    assert silenced >= 3
    assert len(journal) == 61
    for client in clients:
        assert client.result() == journal


async def test_clients_of_a_server_that_is_killed_go_on_with_the_other(replicas: Replicas) -> None:
    begin, last = await replicas.begin(), "com.example/last"
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        clients = [group.create_task(collect(replicas, begin, number, last, 100)) for number in range(6)]
        for number in range(20):
            await replicas.publish(0, f"com.example/s{number}")
            if number == 10:
                replicas.servers[1].stop(signal.SIGKILL)
        await replicas.publish(0, last)
    journal = await replicas.journal()
    assert len(journal) == 21
    for client in clients:
        assert client.result() == journal


async def test_server_that_is_told_to_stop_does_not_wait_for_its_subscribers(replicas: Replicas) -> None:
    begin = await replicas.begin()
    address, served = replicas.addresses[1], replicas.servers[1]
    async with following("socket", address, begin) as one, following("events", address, begin) as two:
        await replicas.publish(0, "com.example/aa")
        assert [(await anext(one))["name"], (await anext(two))["name"]] == ["com.example/aa"] * 2
        ended = asyncio.create_task(asyncio.to_thread(served.stop))
        assert [change async for change in one] == []
        assert [change async for change in two] == []
        assert await ended == 0
    assert "stream_cut_off" not in served.log.read_text()
