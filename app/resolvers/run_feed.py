"""Following sync runs: how those under way stand now, then how each stands whenever that changes.

What is told is the state of a run, not each step towards it: who is slow is told the last. How a run ended is always
told. All followers of a process share one reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from app.core.database import Session
from app.core.errors import AppError, SourceNotFound, Unavailable
from app.models.kinds import SyncOutcome
from app.models.queries import check_text
from app.models.views import SourceView, SyncRunView
from app.resolvers.context import Ctx
from app.resolvers.live import RUNS, News, Shared
from app.store import runs as store
from app.store import sources

log = structlog.get_logger(__name__)

MAX_PENDING: Final = 1000
"""Runs that a follower has not taken yet. Beyond it he is too slow to follow."""


class _Follower:
    """What one follower has yet to be told: for each run its last state. `source_id` None stands for all sources."""

    def __init__(self, source_id: int | None) -> None:
        self.source_id = source_id
        self.fault: AppError | None = None
        self._pending: dict[int, SyncRunView] = {}
        self._shown: dict[int, SyncRunView] = {}
        self._waiting = asyncio.Event()

    def offer(self, run: SyncRunView, *, newer: bool = True) -> None:
        """`newer` is False for what was read before that which may have been offered already."""
        if self.source_id not in (None, run.source_id) or (run.id in self._pending and not newer):
            return
        self._pending[run.id] = run
        if len(self._pending) > MAX_PENDING:
            self.fail(Unavailable("too slow to follow; begin again"))
        self._waiting.set()

    def fail(self, error: AppError) -> None:
        self.fault = error
        self._waiting.set()

    async def take(self) -> SyncRunView:
        """The next state to tell, none twice. Raises the fault that ends it."""
        while True:
            if self.fault is not None:
                raise self.fault
            while self._pending:
                run = self._pending.pop(next(iter(self._pending)))
                if self._shown.get(run.id) == run:
                    continue
                self._shown[run.id] = run
                if run.outcome != SyncOutcome.RUNNING:
                    del self._shown[run.id]
                return run
            self._waiting.clear()
            await self._waiting.wait()


class RunFeed:
    """The one reader of a process."""

    def __init__(self, ctx: Ctx, last: int) -> None:
        self._ctx = ctx
        self._last = last
        self._known: dict[int, SyncRunView] = {}
        self._task = asyncio.create_task(self._read())
        self.shared = Shared()
        self.followers: set[_Follower] = set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _read(self) -> None:
        live = self._ctx.live
        while True:
            seen = live.signal(RUNS).fired
            try:
                await self._look()
            except Unavailable:
                await asyncio.sleep(live.poll_seconds)
                continue
            except Exception:  # the job loop: followers must learn that nothing more comes
                log.exception("run_feed_crashed")
                self._fail(Unavailable("the feed broke off; begin again"))
                return
            await live.wait(RUNS, seen)

    async def _look(self) -> None:
        followed = sorted({f.source_id for f in self.followers if f.source_id is not None})
        async with self._ctx.db.read() as session:
            found = await store.news_of_runs(session, list(self._known), self._last)
            gone = [run for run in self._known.values() if run.id not in {other.id for other in found}]
            wanted = sorted({*followed, *(run.source_id for run in gone)})
            held = await sources.sources_by_id(session, wanted) if wanted else {}
        news = [run for run in found if self._known.get(run.id) != run]
        news += [_conclude(run, held.get(run.source_id), self._ctx.clock()) for run in gone]
        self._last = max([self._last, *(run.id for run in found)])
        self._known = {run.id: run for run in found if run.outcome == SyncOutcome.RUNNING}
        self._publish(news)
        for follower in self.followers:
            if follower.source_id is not None and follower.source_id not in held and follower.source_id in followed:
                follower.fail(SourceNotFound("the source was deleted"))

    def _publish(self, news: list[SyncRunView]) -> None:
        if news:
            self.shared.renew()
        for run in news:
            for follower in self.followers:
                follower.offer(run)

    def _fail(self, error: AppError) -> None:
        self._ctx.live.run_feed = None
        for follower in self.followers:
            follower.fail(error)


def _conclude(run: SyncRunView, source: SourceView | None, now: datetime) -> SyncRunView:
    """How a run ended that is not in the history any more: it told the same as the one that is held already, or as a
    later one that changed nothing either, or went with its source.
    """
    outcome = SyncOutcome.UNCHANGED
    if source is None:
        outcome = SyncOutcome.INTERRUPTED
    elif source.held_run_id is not None and source.held_run_id < run.id:
        outcome = SyncOutcome.HELD
    return replace(run, outcome=outcome, stage=None, finished_at=now)


async def follow_runs(ctx: Ctx, source: str | None) -> AsyncGenerator[News[SyncRunView], None]:
    """The runs under way of a source (None: of all), then each run as often as something of it changes.

    Raises SourceNotFound, also when the source is deleted; Unavailable for who is too slow.
    """
    check_text("source", source or "")
    async with ctx.live.reads, ctx.db.read() as session:
        source_id = None if source is None else await _find_source(session, source)
        last = await store.last_run(session)
    async with _joined(ctx, _Follower(source_id), last) as (feed, follower):
        async with ctx.live.reads, ctx.db.read() as session:
            for run in await store.news_of_runs(session, [], last):
                follower.offer(run, newer=False)
        while True:
            run = await follower.take()
            await ctx.live.pace()
            yield News(run, feed.shared.current())


async def _find_source(session: Session, name: str) -> int:
    found = await sources.list_sources(session, [name])
    if not found:
        raise SourceNotFound(f"there is no source {name}")
    return found[0].id


@asynccontextmanager
async def _joined(ctx: Ctx, follower: _Follower, last: int) -> AsyncIterator[tuple[RunFeed, _Follower]]:
    """The reader, which starts with the first follower and ends with the last."""
    if ctx.live.run_feed is None:
        ctx.live.run_feed = RunFeed(ctx, last)
    feed = ctx.live.run_feed
    feed.followers.add(follower)
    try:
        yield feed, follower
    finally:
        feed.followers.discard(follower)
        if not feed.followers:
            if ctx.live.run_feed is feed:
                ctx.live.run_feed = None
            await feed.close()
