"""Workers in this process, on a real Redis and a real database: nothing is run twice, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis.exceptions import ResponseError
from sqlalchemy import text
from structlog.testing import capture_logs

from app.core.errors import Unavailable
from app.models.kinds import SyncTrigger
from app.models.queries import Window
from app.models.views import DueSource
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sources import list_runs
from app.resolvers.sync import due_sources, lease_next
from tests.redisserver import RedisServer, running_redis
from tests.seeding import Catalogue, document
from tests.workers.stage import Runs, supervised, until
from workers import jobs, supervision
from workers.queue import RedisQueue


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder) as server:
        yield server


@pytest.fixture
async def queue(redis: RedisServer) -> AsyncIterator[RedisQueue]:
    opened = RedisQueue(redis.settings())
    yield opened
    await opened.close()


@pytest.fixture
async def waiting(ctx: Ctx, queue: RedisQueue, tmp_path: Path) -> Ctx:
    """A context with a queue, and two sources that were never run."""
    catalogue = Catalogue(ctx, tmp_path)
    for name in ("one", "two"):
        catalogue.put(name, [document(f"a/{name}")])
    catalogue.registries["default"] = ["one", "two"]
    await reconcile(ctx, catalogue.settings())
    return replace(ctx, queue=queue)


async def ids(ctx: Ctx) -> list[int]:
    return sorted(source.id for source in await due_sources(ctx))


async def test_every_due_source_is_run_once_by_two_workers(waiting: Ctx, redis: RedisServer) -> None:
    due = await ids(waiting)
    assert len(due) == 2
    async with supervised(waiting, redis.settings()), supervised(waiting, redis.settings()):

        async def done() -> bool:
            return not await ids(waiting)

        await until(done, "the syncs")
        for _ in range(3):
            await jobs.tick({"registry": waiting})
    with redis.client() as client:
        queued = client.zrange("thv-registry-api", 0, -1)
        assert isinstance(queued, list)
        assert not any(b"sync" in job_id for job_id in queued)  # a tick of the next second may wait
    runs = await list_runs(waiting, None, None, Window(limit=10))
    assert sorted((run.source_id, run.outcome) for run in runs.items) == [(number, "APPLIED") for number in due]


async def test_ticks_hand_over_what_is_due_once(
    waiting: Ctx, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(monkeypatch)
    due = await ids(waiting)
    async with supervised(waiting, redis.settings()), supervised(waiting, redis.settings()):
        await until(lambda: len(runs.started) == 2, "both runs")
        for _ in range(3):
            await jobs.tick({"registry": waiting})  # they are due still, since nothing leases them here
        runs.go.set()
        await until(lambda: len(runs.ended) == 2, "their end")
    assert sorted(runs.started) == due


async def test_unavailable_database_is_tried_again(
    ctx: Ctx, queue: RedisQueue, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(monkeypatch)
    runs.go.set()
    runs.failures = [Unavailable("away", reason="x"), Unavailable("away", reason="x")]
    monkeypatch.setattr(jobs, "LONGEST_RETRY_SECONDS", 0.01)
    await queue.enqueue([DueSource(5, "x", "k")])
    async with supervised(ctx, redis.settings(), cron_jobs=[]):
        await until(lambda: runs.ended == [5], "the third try")
    assert runs.started == [5, 5, 5]


@pytest.mark.parametrize("loses_data", [False, True])
async def test_running_sync_outlives_an_absent_redis(
    ctx: Ctx, queue: RedisQueue, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, loses_data: bool
) -> None:
    runs = Runs(monkeypatch)
    await queue.enqueue([DueSource(5, "x", "k")])
    with capture_logs() as told:
        async with supervised(ctx, redis.settings(), cron_jobs=[]):
            await until(lambda: runs.started, "the run")
            redis.kill() if loses_data else redis.stop()
            await until(lambda: any(line["event"] == "queue_away" for line in told), "the loss")
            runs.go.set()
            await until(lambda: runs.ended == [5], "the end of the run, while Redis is away")
            redis.start()
            await until(lambda: any(line["event"] == "queue_back" for line in told), "the return")
            await queue.enqueue([DueSource(6, "y", "k")])
            await until(lambda: 6 in runs.ended, "the next run")
    assert (runs.started, runs.cut_off) == ([5, 6], [])
    with redis.client() as client:
        assert client.zcard("thv-registry-api") == 0
        assert client.keys("arq:*") == []


async def test_worker_that_starts_without_redis_runs_all_when_it_comes(
    waiting: Ctx, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(monkeypatch)
    runs.go.set()
    redis.kill()
    with capture_logs() as told:
        async with supervised(waiting, redis.settings()):
            await until(lambda: told, "the complaint")
            redis.start()
            await until(lambda: len(runs.ended) == 2, "the runs")
    assert [line["event"] for line in told[:2]] == ["queue_away", "queue_back"]


async def test_error_that_ends_arqs_loop_neither_ends_the_worker_nor_its_runs(
    ctx: Ctx, queue: RedisQueue, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(monkeypatch)
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.01)
    await queue.enqueue([DueSource(5, "x", "k")])
    with capture_logs() as told:
        async with supervised(ctx, redis.settings(), cron_jobs=[]) as worker:
            await until(lambda: runs.started, "the run")

            async def fail() -> None:
                raise ResponseError("READONLY You can't write against a read only replica.")

            monkeypatch.setattr(worker._workers[-1], "heart_beat", fail)
            await until(lambda: len(worker._workers) == 2, "the next worker")
            await queue.enqueue([DueSource(6, "y", "k")])
            await until(lambda: 6 in runs.started, "a run of the next worker")
            runs.go.set()
            await until(lambda: len(runs.ended) == 2, "the end of both")
    assert sorted(runs.started) == [5, 6]
    assert [line["event"] for line in told] == ["worker_starts_anew", "worker_stops"]


@pytest.mark.parametrize("in_time", [True, False])
async def test_told_to_stop_a_worker_lets_runs_finish_then_cuts_them_off(
    ctx: Ctx, queue: RedisQueue, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, in_time: bool
) -> None:
    runs = Runs(monkeypatch)
    monkeypatch.setattr(supervision, "DRAIN_SECONDS", 30 if in_time else 0.1)
    await queue.enqueue([DueSource(5, "x", "k")])
    async with supervised(ctx, redis.settings(), cron_jobs=[]):
        await until(lambda: runs.started, "the run")
        if in_time:
            asyncio.get_running_loop().call_later(0.3, runs.go.set)
    assert (runs.ended, runs.cut_off) == (([5], []) if in_time else ([], [5]))
    with redis.client() as client:
        assert client.zcard("thv-registry-api") == (0 if in_time else 1)
        assert client.keys("*worker*") == []
        assert client.keys("arq:in-progress:*") == []


async def test_stop_while_redis_is_away_does_not_hang(
    ctx: Ctx, queue: RedisQueue, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(monkeypatch)
    monkeypatch.setattr(supervision, "DRAIN_SECONDS", 0.1)
    await queue.enqueue([DueSource(5, "x", "k")])
    async with supervised(ctx, redis.settings(), cron_jobs=[]):
        await until(lambda: runs.started, "the run")
        redis.kill()
    assert runs.cut_off == [5]


async def test_source_of_a_killed_worker_is_taken_by_another_although_its_job_is_claimed_still(
    waiting: Ctx, queue: RedisQueue, redis: RedisServer
) -> None:
    """What kill -9 leaves: a lease that runs out, a job in the queue and arq's claim of an hour on it."""
    due = await due_sources(waiting)
    await queue.enqueue(due)
    with redis.client() as client:
        for source in due:
            client.psetex(f"arq:in-progress:thv-registry-api:sync:{source.id}:{source.key}", 3_900_000, b"1")
    for source in due:
        assert await lease_next(waiting, "dead", SyncTrigger.SCHEDULE, source.id)
    async with supervised(waiting, redis.settings(), cron_jobs=[]):
        assert await ids(waiting) == []
        await expire_leases(waiting)
        again = await due_sources(waiting)
        assert {source.key for source in again}.isdisjoint({source.key for source in due})
        await jobs.tick({"registry": waiting})

        async def done() -> bool:
            return not await ids(waiting)

        await until(done, "the other worker")
    with redis.client() as client:
        assert client.zcard("thv-registry-api") == 0
        assert client.keys("arq:*") == []


async def expire_leases(ctx: Ctx) -> None:
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set lease_until = now() - interval '1 second'"))


async def test_workers_are_listed_while_they_live(ctx: Ctx, queue: RedisQueue, redis: RedisServer) -> None:
    async with supervised(ctx, redis.settings(), cron_jobs=[]), supervised(ctx, redis.settings(), cron_jobs=[]):

        async def both() -> bool:
            return len(await queue.list_workers()) == 2

        await until(both, "the reports")
        first, second = await queue.list_workers()
    assert first.name < second.name
    assert timedelta(0) <= datetime.now(UTC) - first.seen_at < timedelta(seconds=10)
    assert (first.jobs_complete, first.jobs_failed, first.jobs_retried, first.jobs_ongoing) == (0, 0, 0, 0)
    assert await queue.list_workers() == ()
