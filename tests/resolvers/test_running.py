"""Runs under way: what they show, what they keep, and how they end when something else happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from app.core.database import Database
from app.core.errors import Unavailable
from app.models.kinds import SyncPhase, SyncTrigger
from app.models.views import SyncRunView
from app.resolvers import running, sync
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import due_sources, execute, lease_next, run_next_due
from app.resolvers.sync_requests import request_sync
from app.sources.outbound import Outbound
from tests import webserver
from tests.misbehaviour import Fault
from tests.resolvers.state import SERVED, change, drain, last_run, make_due, names, rows, runs, source, tables
from tests.seeding import Catalogue, document, seed, upstream
from tests.sources.following import Clock, aged
from tests.upstreams import Upstream
from tests.webserver import Reply, Seen

HOURLY = {"interval": "1h"}
LOOPBACK = Outbound(allow_private=("127.0.0.1",))
BROKEN = Fault("status", page=2, times=None, status=403)
"""For good, so that nobody tries again."""


@dataclass
class Gate:
    """A web server whose answer to everything waits until it is opened."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    body: bytes = b""

    async def __call__(self, _: Seen, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await self.opened.wait()
        writer.write(Reply(200, self.body, {"Connection": "close"}).render())
        await writer.drain()


@asynccontextmanager
async def gated(ctx: Ctx, folder: Path) -> AsyncIterator[tuple[Ctx, Gate]]:
    """A source `s` behind a gate; it serves `a/old`, and has `a/new` instead."""
    gate = Gate(body=orjson.dumps(upstream([document("a/new")])))
    async with webserver.serving(script=gate) as server:
        server.answers["/old"] = Reply(200, orjson.dumps(upstream([document("a/old")])))
        catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), folder)
        catalogue.registries["default"] = ["s"]
        for path in ("/old", "/new"):
            policy = {**HOURLY, "maxRemovalPercent": 100}
            catalogue.sources["s"] = {"file": {"url": server.url(path)}, "syncPolicy": policy}
            await reconcile(ctx, catalogue.settings())
            if path == "/old":
                assert await drain(catalogue.ctx) == 1
        yield catalogue.ctx, gate


def start(ctx: Ctx) -> asyncio.Task[bool]:
    return asyncio.create_task(run_next_due(ctx, "test", SyncTrigger.SCHEDULE))


async def shows(ctx: Ctx, condition: Callable[[SyncRunView], bool]) -> SyncRunView:
    """The newest run, as soon as it is as wanted."""
    async with asyncio.timeout(60):
        while True:
            found = await runs(ctx)
            if found and condition(found[0]):
                return found[0]
            await asyncio.sleep(0.02)


async def following(ctx: Ctx, folder: Path, far: Upstream, url: str) -> Catalogue:
    """A source `s` that follows the registry `far`, and was not run yet."""
    catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), folder)
    catalogue.sources["s"] = {"api": {"endpoint": url}, "syncPolicy": HOURLY}
    catalogue.registries["default"] = ["s"]
    await reconcile(ctx, catalogue.settings())
    return catalogue


def make_far(count: int) -> Upstream:
    clock = Clock()
    return Upstream(aged(count, clock), clock=clock)


async def test_run_under_way_shows_how_far_it_is(ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.02)
    far = make_far(250)
    far.faults.append(Fault("stall", page=2, times=None))
    async with far.serving() as url:
        catalogue = await following(ctx, tmp_path, far, url)
        task = start(catalogue.ctx)
        run = await shows(ctx, lambda run: run.fetched == 200)
        assert (run.outcome, run.stage, run.finished_at) == ("RUNNING", "FETCHING", None)
        assert (await source(ctx)).phase is SyncPhase.SYNCING
        assert await names(ctx) == {}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    ended = await last_run(ctx)
    assert (ended.id, ended.outcome, ended.stage, ended.fetched) == (run.id, "INTERRUPTED", None, 200)


async def test_finished_run_shows_no_stage(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    run = await lease_next(ctx, "test", SyncTrigger.START)
    assert run is None
    await make_due(ctx)
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    assert (await last_run(ctx)).stage == "FETCHING", "from its first moment on"
    await execute(ctx, run)
    assert (await last_run(ctx)).stage is None


async def test_stopped_run_goes_back_as_it_came(ctx: Ctx, tmp_path: Path) -> None:
    async with gated(ctx, tmp_path) as (near, gate):
        before, served = await source(ctx), await tables(ctx, *SERVED)
        task = start(near)
        await asyncio.wait_for(gate.asked.wait(), 60)
        assert await due_sources(ctx) == ()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        after = await source(ctx)
        assert (after.leased, after.consecutive_failures, after.message) == (False, 0, before.message)
        assert (after.applied_hash, after.fetch_state) == (before.applied_hash, before.fetch_state)
        assert await tables(ctx, *SERVED) == served
        assert [due.name for due in await due_sources(ctx)] == ["s"], "at once, not after an interval"
        assert (await last_run(ctx)).outcome == "INTERRUPTED"
        gate.opened.set()
        assert await drain(near) == 1
    assert set(await names(ctx)) == {"a/new"}


async def test_requested_run_that_was_stopped_is_still_a_manual_one(ctx: Ctx, tmp_path: Path) -> None:
    async with gated(ctx, tmp_path) as (near, gate):
        await request_sync(ctx, "s")
        task = start(near)
        await asyncio.wait_for(gate.asked.wait(), 60)
        task.cancel()
        await asyncio.wait([task])
        gate.opened.set()
        assert await drain(near) == 1
    assert [run.trigger for run in await runs(ctx)][:2] == ["MANUAL", "MANUAL"]


async def test_run_that_lost_its_lease_changes_nothing(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    slow = await lease_next(ctx, "slow", SyncTrigger.SCHEDULE)
    assert slow is not None
    await change(ctx, "update source set lease_until = now() - interval '1 second'")
    assert await drain(ctx) == 1
    before, served = await source(ctx), await tables(ctx, *SERVED, "catalog", "source")
    catalogue.put("s", [document("a/c")])
    await execute(ctx, slow)
    assert await tables(ctx, *SERVED, "catalog", "source") == served
    assert (await source(ctx)) == before
    assert [run.outcome for run in await runs(ctx)] == ["UNCHANGED", "INTERRUPTED", "APPLIED"]


async def test_lease_is_kept_while_the_run_lasts(ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (running, sync):
        monkeypatch.setattr(module, "LEASE", timedelta(seconds=2))
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.1)
    until = "select lease_until from source"
    async with gated(ctx, tmp_path) as (near, gate):
        task = start(near)
        await asyncio.wait_for(gate.asked.wait(), 60)
        first = await rows(ctx, until)
        async with asyncio.timeout(60):
            while (await rows(ctx, f"select now() > '{first[0][0]}'::timestamptz"))[0] == (False,):
                assert await lease_next(ctx, "other", SyncTrigger.SCHEDULE) is None
                await asyncio.sleep(0.1)
        assert await rows(ctx, until) > first
        gate.opened.set()
        assert await task
    assert set(await names(ctx)) == {"a/new"}


async def test_run_that_takes_too_long_fails(ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with gated(ctx, tmp_path) as (near, gate):
        monkeypatch.setattr(sync, "LONGEST_RUN", timedelta(seconds=0.5))
        assert await start(near)
        assert gate.asked.is_set()
    run, told = await last_run(ctx), await source(ctx)
    assert (run.outcome, run.error) == ("FAILED", "the run took more than 0 minutes")
    assert (told.phase, told.leased, told.consecutive_failures) == (SyncPhase.FAILED, False, 1)
    assert set(await names(ctx)) == {"a/old"}


async def test_lost_database_is_told_to_the_caller_and_the_source_is_taken_up_again(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.put("s", [document("a/b"), document("a/c")])
    await make_due(ctx)
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    away = Database({"host": "127.0.0.1", "port": 9, "user": "x", "database": "x", "timeout": 5})
    with pytest.raises(Unavailable):
        await execute(replace(ctx, db=away), run)
    await away.close()
    assert (await source(ctx)).leased
    await change(ctx, "update source set lease_until = now()")
    assert await drain(ctx) == 1
    assert set(await names(ctx)) == {"a/b", "a/c"}


async def test_pages_of_a_fetch_that_broke_off_are_not_fetched_again(ctx: Ctx, tmp_path: Path) -> None:
    far = make_far(350)
    far.faults.append(BROKEN)
    async with far.serving() as url:
        catalogue = await following(ctx, tmp_path, far, url)
        assert await drain(catalogue.ctx) == 1
        assert (await last_run(ctx)).outcome == "FAILED"
        assert await rows(ctx, "select number from fetched_page order by number") == [(0,), (1,)]
        far.faults.clear()
        far.requests.clear()
        await make_due(ctx)
        assert await drain(catalogue.ctx) == 1
    run = await last_run(ctx)
    assert (run.outcome, run.fetched, run.added) == ("APPLIED", 350, 350)
    assert [query["cursor"].split()[0] for query in far.queries] == ["200", "300"]
    assert await rows(ctx, "select count(*) from fetched_page") == [(0,)], "they have served"


async def test_pages_read_with_other_settings_do_not_count(ctx: Ctx, tmp_path: Path) -> None:
    far = make_far(250)
    far.faults.append(BROKEN)
    async with far.serving() as url:
        catalogue = await following(ctx, tmp_path, far, url)
        await drain(catalogue.ctx)
        assert await rows(ctx, "select count(*) from fetched_page") == [(2,)]
        catalogue.sources["s"]["filter"] = {"names": {"exclude": ["*0000"]}}
        far.faults.clear()
        far.requests.clear()
        await catalogue.sync()
    assert ["cursor" in query for query in far.queries] == [False, True, True]
    assert len(await names(ctx)) == 249


async def test_pages_go_with_their_source(ctx: Ctx, tmp_path: Path) -> None:
    far = make_far(250)
    far.faults.append(BROKEN)
    async with far.serving() as url:
        catalogue = await following(ctx, tmp_path, far, url)
        await drain(catalogue.ctx)
    catalogue.sources = {"other": {"managed": {}}}
    catalogue.registries["default"] = ["other"]
    await reconcile(ctx, catalogue.settings())
    assert await rows(ctx, "select count(*) from fetched_page") == [(0,)]
