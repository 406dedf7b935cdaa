"""Following sync runs: what is under way, every state, and always the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import SourceNotFound, Unavailable
from app.models.kinds import SyncOutcome, SyncStage, SyncTrigger
from app.models.views import SyncRunView
from app.resolvers import run_feed
from app.resolvers.context import Ctx
from app.resolvers.live import Live, News
from app.resolvers.run_feed import follow_runs
from app.resolvers.sync import execute, lease_next
from app.store.runs import note_progress
from tests.resolvers.state import change, make_due, run_again
from tests.seeding import document, seed
from tests.waiting import SOON, until

DELETE = "with unlinked as (delete from registry_source) delete from source where name = 's'"

Followed = AsyncGenerator[News[SyncRunView], None]


@pytest.fixture
def ctx(ctx: Ctx) -> Ctx:
    return replace(ctx, live=Live(poll_seconds=0.02))


@asynccontextmanager
async def following(ctx: Ctx, source: str | None = None) -> AsyncIterator[asyncio.Queue[SyncRunView]]:
    """What a follower is told, from when he follows."""
    told: asyncio.Queue[SyncRunView] = asyncio.Queue()

    async def follow() -> None:
        async with aclosing(follow_runs(ctx, source)) as followed:
            async for news in followed:
                told.put_nowait(news.view)

    task = asyncio.create_task(follow())
    await until(lambda: task.done() or (ctx.live.run_feed is not None and ctx.live.run_feed.followers))
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.wait([task])


async def hear_end(told: asyncio.Queue[SyncRunView]) -> SyncRunView:
    async with asyncio.timeout(SOON):
        while (run := await told.get()).outcome == SyncOutcome.RUNNING:
            pass
    return run


async def test_run_is_told_from_begin_to_end(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    async with following(ctx, "s") as told:
        catalogue.put("s", [document("a/c")])
        await make_due(ctx)
        run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
        assert run is not None
        async with asyncio.timeout(SOON):
            assert (await told.get()).stage == SyncStage.FETCHING
            async with ctx.db.write() as tx:
                await note_progress(tx.session, run.id, SyncStage.READING, 1)
            assert (await told.get()).fetched == 1
        await execute(ctx, run)
        ended = await hear_end(told)
        assert (ended.id, ended.outcome, ended.added, ended.removed) == (run.id, "APPLIED", 1, 1)
    assert ctx.live.run_feed is None


async def test_end_of_a_run_that_is_not_remembered_is_told(ctx: Ctx, tmp_path: Path) -> None:
    """Runs that repeat an earlier one leave the history; who was told that they began is told that they ended."""
    catalogue = await seed(ctx, tmp_path, {"s": [document(f"a/{number}") for number in range(10)]})
    catalogue.sources["s"]["syncPolicy"] = {"interval": "1h"}
    await catalogue.sync()
    catalogue.put("s", [document("a/0")])
    held = await run_again(ctx)
    assert held.outcome == "HELD"
    async with following(ctx) as told:
        await make_due(ctx)
        again = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
        assert again is not None
        assert (await told.get()).id == again.id
        await execute(ctx, again)
        assert (await run_again(ctx)).id == held.id, "this one is not in the history"
        ended = await hear_end(told)
        assert (ended.id, ended.outcome, ended.stage) == (again.id, "HELD", None)
        catalogue.put("s", [document(f"a/{number}") for number in range(10)])
        await run_again(ctx)
        await make_due(ctx)
        unchanged = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
        assert unchanged is not None
        async with asyncio.timeout(SOON):
            while (await told.get()).id != unchanged.id:
                pass
        await change(ctx, f"delete from sync_run where id = {unchanged.id}")  # noqa: S608  # a number
        ended = await hear_end(told)
        assert (ended.id, ended.outcome) == (unchanged.id, "UNCHANGED")


async def test_runs_of_a_source_that_is_deleted_end_interrupted(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    async with following(ctx) as told:
        assert (await told.get()).id == run.id
        await change(ctx, DELETE)
        ended = await hear_end(told)
        assert (ended.id, ended.outcome) == (run.id, "INTERRUPTED")


async def test_source_that_there_is_none_of_is_an_error(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    with pytest.raises(SourceNotFound, match="no-such"):
        await anext(follow_runs(ctx, "no-such"))
    followed: Followed = follow_runs(ctx, "s")
    waiting = asyncio.create_task(anext(followed))
    await until(lambda: ctx.live.run_feed is not None and ctx.live.run_feed.followers)
    await change(ctx, DELETE)
    with pytest.raises(SourceNotFound):
        await waiting


async def test_slow_follower_is_told_the_last_state_and_given_up_beyond_a_bound(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    slow, quick = follow_runs(ctx, None), follow_runs(ctx, None)
    assert (await anext(slow)).view.fetched == (await anext(quick)).view.fetched == 0
    for fetched in (5, 10, 15):
        async with ctx.db.write() as tx:
            await note_progress(tx.session, run.id, SyncStage.FETCHING, fetched)
        assert (await anext(quick)).view.fetched == fetched
    assert (await anext(slow)).view.fetched == 15, "the steps between are not news any more"
    monkeypatch.setattr(run_feed, "MAX_PENDING", 2)
    insert = "insert into sync_run (source_id, trigger, outcome, started_at) select id, 'MANUAL', 'FAILED', now()"
    for _ in range(3):
        await change(ctx, f"{insert} from source")
        assert (await anext(quick)).view.outcome == "FAILED"
    with pytest.raises(Unavailable, match="too slow"):
        await anext(slow)
    await quick.aclose()
