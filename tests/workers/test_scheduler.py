"""The scheduler goes on, whatever one round meets, and runs several sources side by side."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.models.kinds import SyncPhase
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx, SyncLimits
from app.resolvers.sources import list_sources
from app.sources.outbound import Outbound
from tests import webserver
from tests.resolvers.state import names, rows
from tests.seeding import Catalogue, document, upstream
from tests.webserver import Reply, Seen
from workers import scheduler


@pytest.mark.parametrize("error", [Unavailable("away", reason="x"), ZeroDivisionError("defect")])
async def test_failed_round_is_followed_by_the_next(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rounds: list[str] = []
    stop, drained = asyncio.Event(), asyncio.Event()
    executed: list[object] = []
    leased = object()

    async def lease(_: Ctx, owner: str, trigger: str) -> Any:
        rounds.append(trigger)
        if len(rounds) == 1:
            raise error
        if len(rounds) == 5:
            stop.set()
        return leased if len(rounds) == 2 else None

    async def execute(_: Ctx, run: object) -> None:
        executed.append(run)

    monkeypatch.setattr(scheduler, "lease_next", lease)
    monkeypatch.setattr(scheduler, "execute", execute)
    monkeypatch.setattr(scheduler, "TICK_SECONDS", 0.001)
    await scheduler.run_scheduler(ctx, stop, drained)
    assert rounds == ["START"] * 4 + ["SCHEDULE"], "drained is what is due when no run of the start is under way"
    assert executed == [leased]
    assert drained.is_set()


async def test_every_process_has_a_name_of_its_own(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = []
    for _ in range(2):
        stop, drained = asyncio.Event(), asyncio.Event()

        async def lease(_: Ctx, owner: str, trigger: str, stop: asyncio.Event = stop) -> None:
            owners.append(owner)
            stop.set()

        monkeypatch.setattr(scheduler, "lease_next", lease)
        await scheduler.run_scheduler(ctx, stop, drained)
    assert len(set(owners)) == 2


@dataclass
class Desk:
    """A web server that holds every answer back until it is opened, and counts who waits there."""

    expected: int
    waiting: int = 0
    peak: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.waiting += 1
        self.peak = max(self.peak, self.waiting)
        if self.waiting == self.expected:
            self.full.set()
        await self.opened.wait()
        name = seen.target.strip("/")
        writer.write(Reply(200, json.dumps(upstream([document(f"a/{name}")])).encode()).render())
        self.waiting -= 1
        await writer.drain()


@asynccontextmanager
async def scheduling(
    ctx: Ctx, folder: Path, desk: Desk, count: int
) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Event, asyncio.Event]]:
    """A scheduler at work on so many sources behind a desk; its task, and the events `stop` and `drained`."""
    stop, drained = asyncio.Event(), asyncio.Event()
    async with webserver.serving(script=desk) as server:
        catalogue = Catalogue(replace(ctx, outbound=Outbound(("127.0.0.1",))), folder)
        for number in range(count):
            block = {"file": {"url": server.url(f"/far{number}")}, "syncPolicy": {"interval": "1h"}}
            catalogue.sources[f"far{number}"] = block
        catalogue.put("near", [document("a/near")])
        catalogue.registries["default"] = list(catalogue.sources)
        await reconcile(ctx, catalogue.settings())
        task = asyncio.create_task(scheduler.run_scheduler(catalogue.ctx, stop, drained))
        try:
            yield task, stop, drained
        finally:
            desk.opened.set()
            stop.set()
            await asyncio.wait([task])


async def phases(ctx: Ctx) -> dict[str, SyncPhase]:
    return {view.name: view.phase for view in await list_sources(ctx)}


async def ended(ctx: Ctx, name: str) -> None:
    """Returns once the source has been run."""
    async with asyncio.timeout(60):
        for _ in itertools.count():
            if (await phases(ctx))[name] is SyncPhase.COMPLETE:
                return
            await asyncio.sleep(0.02)


async def test_no_more_than_the_allowed_runs_are_under_way(ctx: Ctx, tmp_path: Path) -> None:
    desk, limited = Desk(expected=3), replace(ctx, sync=SyncLimits(concurrency=3))
    async with scheduling(limited, tmp_path, desk, 8) as (_, _, drained):
        await asyncio.wait_for(desk.full.wait(), 60)
        found = await phases(ctx)
        assert list(found.values()).count(SyncPhase.SYNCING) == 3
        assert not drained.is_set()
        desk.opened.set()
        await asyncio.wait_for(drained.wait(), 60)
        assert desk.peak == 3
        assert set((await phases(ctx)).values()) == {SyncPhase.COMPLETE}, "drained is when all have ended"
        assert set(await names(ctx)) == {"a/near", *(f"a/far{number}" for number in range(8))}


async def test_source_that_takes_long_holds_up_no_other(ctx: Ctx, tmp_path: Path) -> None:
    desk = Desk(expected=3)
    async with scheduling(ctx, tmp_path, desk, 3) as (_, _, drained):
        await asyncio.wait_for(desk.full.wait(), 60)
        await ended(ctx, "near")
        assert set(await names(ctx)) == {"a/near"}
        assert not drained.is_set(), "what was due at the start is not done yet"
        assert desk.waiting == 3


async def test_scheduler_that_is_told_to_stop_begins_no_other_run(ctx: Ctx, tmp_path: Path) -> None:
    desk, limited = Desk(expected=2), replace(ctx, sync=SyncLimits(concurrency=2))
    async with scheduling(limited, tmp_path, desk, 4) as (task, stop, _):
        await asyncio.wait_for(desk.full.wait(), 60)
        stop.set()
        await asyncio.wait([task], timeout=0.3)
        desk.opened.set()
        await asyncio.wait_for(task, 60)
    assert await rows(ctx, "select count(*) from sync_run") == [(2,)]


async def test_scheduler_that_is_told_to_stop_waits_for_its_runs(ctx: Ctx, tmp_path: Path) -> None:
    desk = Desk(expected=3)
    async with scheduling(ctx, tmp_path, desk, 3) as (task, stop, _):
        await asyncio.wait_for(desk.full.wait(), 60)
        stop.set()
        assert await asyncio.wait([task], timeout=0.3) == (set(), {task})
        desk.opened.set()
        await asyncio.wait_for(task, 60)
        found = await phases(ctx)
        assert [found[f"far{number}"] for number in range(3)] == [SyncPhase.COMPLETE] * 3


async def test_scheduler_that_is_cancelled_gives_its_sources_back(ctx: Ctx, tmp_path: Path) -> None:
    desk = Desk(expected=3)
    async with scheduling(ctx, tmp_path, desk, 3) as (task, _, _):
        await asyncio.wait_for(desk.full.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await phases(ctx)
        assert [found[f"far{number}"] for number in range(3)] == [SyncPhase.PENDING] * 3
    far = "select r.outcome, count(*) from sync_run r join source s on s.id = r.source_id where s.name like 'far%'"
    told = await rows(ctx, f"{far} group by 1")
    assert told == [("INTERRUPTED", 3)]
