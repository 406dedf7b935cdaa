"""The server itself through GraphQL: who synchronises, and what is shown while the queue of the workers is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app import VERSION
from app.core.errors import Unavailable
from app.core.settings import DatabaseSettings
from app.models.views import DueSource, WorkerView
from app.resolvers import service
from app.resolvers.assembly import open_context
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.graphql.asking import ask
from tests.redisserver import RedisServer
from tests.seeding import Catalogue
from workers.queue import RedisQueue

QUERY = """{ service { version commit revision startedAt scheduler storage { kind } queue { reachable message }
  workers { name seenAt jobsComplete jobsFailed jobsRetried jobsOngoing } } }"""
SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Workers:
    """What the queue says of them. Raises what it is given instead, or never answers."""

    found: Sequence[WorkerView] | Exception | None
    asked: int = 0

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        return len(due)

    async def list_workers(self) -> tuple[WorkerView, ...]:
        self.asked += 1
        if self.found is None:
            await asyncio.Event().wait()
        if isinstance(self.found, Exception):
            raise self.found
        return tuple(self.found or ())


async def test_process_that_synchronises_by_itself_has_no_queue(client: httpx.AsyncClient) -> None:
    found = (await ask(client, QUERY))["service"]
    started = datetime.fromisoformat(found.pop("startedAt"))
    assert timedelta() < datetime.now(UTC) - started < timedelta(days=1)
    assert isinstance(found.pop("revision"), int)
    assert found.pop("commit")
    storage = {"kind": "EXTERNAL"}
    assert found == {"version": VERSION, "scheduler": "IN_PROCESS", "storage": storage, "queue": None, "workers": []}


async def test_revision_is_that_of_the_catalogue(ctx: Ctx, client: httpx.AsyncClient) -> None:
    before = (await ask(client, "{ service { revision } }"))["service"]["revision"]
    answer = await client.put("/extension/v0/registries/m", json={"managed": {}})
    assert answer.status_code == 201
    after = (await ask(client, "{ service { revision } }"))["service"]["revision"]
    assert after > before
    assert after == await service.check_ready(ctx)


async def test_storage_is_told_with_its_version(ctx: Ctx) -> None:
    async with ctx.db.read() as session:
        whole = str(await session.scalar(text("show server_version")))
    async with connect(replace(ctx, embedded=True)) as client:
        storage = (await ask(client, "{ service { storage { kind version } } }"))["service"]["storage"]
    assert storage == {"kind": "EMBEDDED", "version": whole.split()[0]}
    assert storage["version"][0].isdigit()


async def test_database_that_is_away_takes_only_its_own_fields_with_it(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Ctx) -> str:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr("app.graphql.service.find_database_version", away)
    async with connect(ctx) as client:
        query = {"query": "{ service { version storage { kind version } } }"}
        body = (await client.post("/graphql", json=query)).json()
    assert body["data"] == {"service": {"version": VERSION, "storage": None}}
    assert body["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize(("database", "embedded"), [(None, True), (DatabaseSettings(), False)])
def test_database_without_settings_is_the_servers_own(
    ctx: Ctx, tmp_path: Path, database: DatabaseSettings | None, embedded: bool
) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.managed.append("mine")
    settings = catalogue.settings().model_copy(update={"database": database})
    assert open_context(settings, ctx.db).embedded is embedded


async def test_workers_show_what_they_report(ctx: Ctx) -> None:
    queue = Workers([WorkerView("one", SEEN, 1, 2, 3, 4), WorkerView("two", SEEN, 0, 0, 0, 0)])
    async with connect(replace(ctx, queue=queue)) as client:
        found = (await ask(client, QUERY))["service"]
    assert (found["scheduler"], found["queue"]) == ("WORKERS", {"reachable": True, "message": ""})
    assert [worker["name"] for worker in found["workers"]] == ["one", "two"]
    assert found["workers"][0] == {
        "name": "one",
        "seenAt": "2026-01-02T03:04:05+00:00",
        "jobsComplete": 1,
        "jobsFailed": 2,
        "jobsRetried": 3,
        "jobsOngoing": 4,
    }
    assert queue.asked == 1, "one question answers both fields"


@pytest.mark.parametrize(
    ("says", "reachable", "words"),
    [
        ([], True, "no worker has reported itself"),
        (Unavailable("Redis cannot be reached", reason="s3cret"), False, "Redis cannot be reached"),
    ],
)
async def test_queue_says_what_is_wrong(
    ctx: Ctx, says: Sequence[WorkerView] | Exception, reachable: bool, words: str
) -> None:
    async with connect(replace(ctx, queue=Workers(says))) as client:
        found = (await ask(client, QUERY))["service"]
    assert (found["queue"]["reachable"], found["workers"]) == (reachable, [])
    assert words in found["queue"]["message"]
    assert "s3cret" not in str(found)


async def test_queue_that_never_answers_holds_up_nobody(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "QUEUE_SECONDS", 0.05)
    async with connect(replace(ctx, queue=Workers(None))) as client:
        began = time.monotonic()
        found = (await ask(client, QUERY))["service"]
    assert (found["queue"]["reachable"], found["workers"]) == (False, [])
    assert "did not answer within" in found["queue"]["message"]
    assert time.monotonic() - began < 30


async def test_queue_is_not_asked_for_what_it_does_not_know(ctx: Ctx) -> None:
    queue = Workers(None)
    async with connect(replace(ctx, queue=queue)) as client:
        assert (await ask(client, "{ service { version scheduler } }"))["service"]["scheduler"] == "WORKERS"
    assert queue.asked == 0


async def test_redis_that_goes_or_hangs_is_told_and_no_error(ctx: Ctx, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    queue = RedisQueue(server.settings())
    try:
        async with connect(replace(ctx, queue=queue)) as client:
            for prepare, reachable in ((None, False), (server.start, True), (server.hang, False)):
                if prepare:
                    await asyncio.to_thread(prepare)
                found = (await ask(client, QUERY))["service"]
                assert (found["queue"]["reachable"], found["workers"]) == (reachable, []), prepare
                assert found["queue"]["message"], "away, or without a worker"
    finally:
        await queue.close()
        if server.process is not None:
            server.resume()
            await asyncio.to_thread(server.stop)
