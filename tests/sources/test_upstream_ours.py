"""Following this very server: what it serves as a registry is read back as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from app.main import create_app
from app.models.kinds import Status
from app.resolvers.context import Ctx
from tests.seeding import Catalogue, document, seed
from tests.served import free_port
from tests.sources.following import Follower, RealClock

HOUSE = "/registry/house/v0.1"


@asynccontextmanager
async def serving(ctx: Ctx) -> AsyncIterator[str]:
    """The application on a real port of loopback."""
    port = free_port()
    config = uvicorn.Config(create_app(ctx, asyncio.Event()), "127.0.0.1", port, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def house(ctx: Ctx, folder: Path) -> None:
    catalogue = Catalogue(ctx, folder)
    catalogue.managed.append("house")
    await catalogue.sync()


async def send(client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None) -> None:
    answer = await client.request(method, f"{HOUSE}{path}", json=body)
    assert answer.is_success, answer.text


async def listed(client: httpx.AsyncClient) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything the registry has, with the registry's own block."""
    answer = await client.get(f"{HOUSE}/servers?include_deleted=true&limit=1000")
    official = "io.modelcontextprotocol.registry/official"
    items = answer.json()["servers"]
    return {(item["server"]["name"], item["server"]["version"]): item["_meta"][official] for item in items}


async def test_statuses_are_followed(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path) -> None:
    await house(ctx, tmp_path)
    for number in range(4):
        await send(client, "POST", "/publish", document(f"com.example/s{number}"))
    await send(client, "PATCH", "/servers/com.example%2Fs1/status", {"status": "deprecated", "statusMessage": "Use s2"})
    await send(client, "DELETE", "/servers/com.example%2Fs2/versions/1.0.0")
    async with serving(ctx) as url:
        follower = Follower(f"{url}/registry/house", RealClock())
        assert not (await follower.snapshot()).partial
        await compare(follower, client)
        await send(client, "PATCH", "/servers/com.example%2Fs3/status", {"status": "deprecated"})
        await send(client, "POST", "/publish", document("com.example/s0", "1.1.0"))
        await send(client, "PATCH", "/servers/com.example%2Fs1/status", {"status": "active"})
        assert (await follower.snapshot()).partial
        await compare(follower, client)
        await follower.fetch()
        await compare(follower, client)


async def compare(follower: Follower, client: httpx.AsyncClient) -> None:
    theirs = await listed(client)
    assert follower.has.keys() == theirs.keys()
    for key, copy in follower.has.items():
        block = theirs[key]
        assert copy.status.wire == block["status"]
        assert copy.status_message == block.get("statusMessage")
        assert copy.published_at == datetime.fromisoformat(block["publishedAt"])
        assert copy.status_changed_at == datetime.fromisoformat(block["statusChangedAt"])


async def test_pages_of_any_family_are_followed(ctx: Ctx, tmp_path: Path) -> None:
    documents = [document(f"com.example/s{number:03}", "1.0.0+build.1") for number in range(230)]
    catalogue = await seed(ctx, tmp_path, {"file": documents})
    async with serving(ctx) as url:
        for path in ("", "/v0", "/v0.1/servers", "/registry/default", "/registry/v0.1"):
            follower = Follower(f"{url}{path}")
            assert len((await follower.snapshot()).documents) == 230
            assert follower.reports == [100, 200, 230]
        follower = Follower(f"{url}/registry/default", RealClock())
        await follower.fetch()
        catalogue.put("file", documents[:-5])
        catalogue.registries = {"default": ["file"]}
        await catalogue.sync()
        await follower.fetch()
    gone = [name for (name, _), one in follower.has.items() if one.status is Status.DELETED]
    assert gone == [one["name"] for one in documents[-5:]]


async def test_copy_of_a_copy_is_the_same(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path) -> None:
    """What a follower reads has the content hash that the server itself stored."""
    documents = [document(f"com.example/s{number}", title=f"Server {number}") for number in range(3)]
    await seed(ctx, tmp_path, {"file": documents})
    async with serving(ctx) as url:
        first, second = Follower(url), Follower(f"{url}/registry/default")
        await first.fetch()
        await second.fetch()
    assert {d.content_hash for d in first.has.values()} == {d.content_hash for d in second.has.values()}
    text = (await client.get("/v0.1/servers")).json()["servers"]
    assert [d.title for d in first.has.values()] == [item["server"]["title"] for item in text]
