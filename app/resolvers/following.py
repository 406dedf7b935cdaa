"""Following the change feed of a registry: everything after a place, then whatever happens, each change once.

All who follow one feed with the same visibility share its reader. It keeps the last changes; whoever has seen them
all waits for it to read on, whoever is further behind reads by himself. A follower is a place in the feed and no
queue, so that a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from operator import attrgetter
from typing import Final

import structlog

from app.core.errors import AppError, Invalid, Unavailable
from app.core.notifications import Signal
from app.models.queries import Key
from app.models.views import ChangeView
from app.resolvers.changes import Stretch, changes_after
from app.resolvers.context import Ctx
from app.resolvers.live import CATALOG, News, Shared
from app.resolvers.scopes import find_scope
from app.store.changes import latest_place
from app.store.changes import place as place_of

log = structlog.get_logger(__name__)

PAGE: Final = 200
"""Changes that are read at a time."""

RECENT: Final = 2000
"""Changes that a reader keeps for its followers."""

PAGES: Final = 16
"""Pages that followers who are behind share."""

_Page = tuple[Stretch, Shared]


class ChangeFeed:
    """The reader of one feed. It reads on when a follower has seen all it has; `fault` is why it reads no more."""

    def __init__(self, ctx: Ctx, registry: str | None, head: int) -> None:
        self._ctx = ctx
        self._registry = registry
        self._recent: list[ChangeView] = []
        self._head = head
        self._shared = Shared()
        self._pages: dict[int, asyncio.Task[_Page]] = {}
        self._demand = asyncio.Event()
        self._task = asyncio.create_task(self._read())
        self.covered = head
        self.followers = 0
        self.news = Signal()
        self.fault: AppError | None = None

    def next_after(self, place: int) -> News[ChangeView] | None:
        """The change that comes after a place not before `covered`; None if it was not read yet."""
        index = bisect_right(self._recent, place, key=attrgetter("id"))
        return News(self._recent[index], self._shared.current()) if index < len(self._recent) else None

    async def wait(self, seen: int) -> None:
        """For a follower who has seen all there is. Raises the feed's fault."""
        if self.fault is not None:
            raise self.fault
        self._demand.set()
        await self.news.wait(seen)

    async def page_after(self, place: int) -> _Page:
        """For a follower who is behind: who stands at the same place shares the page. Raises RegistryNotFound."""
        if place not in self._pages:
            while len(self._pages) >= PAGES:
                self._pages.pop(next(iter(self._pages)))
            self._pages[place] = asyncio.create_task(self._read_page(place))
            self._pages[place].add_done_callback(partial(self._forget_failed, place))
        return await asyncio.shield(self._pages[place])

    async def close(self) -> None:
        tasks = [self._task, *self._pages.values()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def _forget_failed(self, place: int, task: asyncio.Task[_Page]) -> None:
        if (task.cancelled() or task.exception()) and self._pages.get(place) is task:
            del self._pages[place]

    async def _read_page(self, place: int) -> _Page:
        async with self._ctx.live.reads:
            return await changes_after(self._ctx, self._registry, place, PAGE), Shared()

    async def _read(self) -> None:
        live = self._ctx.live
        while self.fault is None:
            await self._demand.wait()
            seen = live.signal(CATALOG).fired
            try:
                found = await changes_after(self._ctx, self._registry, self._head, PAGE)
            except Unavailable:
                await asyncio.sleep(live.poll_seconds)
                continue
            except AppError as error:  # the registry is gone
                self._fail(error)
                return
            except Exception:  # the job loop: followers must learn that nothing more comes
                log.exception("feed_crashed", registry=self._registry)
                self._fail(Unavailable("the feed broke off; go on from the last cursor"))
                return
            self._head = found.end
            if found.changes:
                self._publish(found.changes)
            else:
                await live.wait(CATALOG, seen)

    def _publish(self, changes: list[ChangeView]) -> None:
        self._recent += changes
        if len(self._recent) > RECENT:
            self.covered = self._recent[-RECENT - 1].id
            del self._recent[:-RECENT]
        self._shared.renew()
        self._demand.clear()
        self.news.fire()

    def _fail(self, error: AppError) -> None:
        self.fault = error
        self.news.fire()


async def follow_changes(ctx: Ctx, registry: str | None, after: Key | None) -> AsyncGenerator[News[ChangeView], None]:
    """Every change of the feed after a cursor's place, in order; after now if None. Ends by an error, or not at all.

    Raises RegistryNotFound, also when the registry is deleted; Invalid for a place that the feed has not reached.
    """
    async with ctx.live.reads, ctx.db.read() as session:
        await find_scope(ctx, session, registry)
        head = await latest_place(session)
    place = place_of(after, head)
    if place > head:
        raise Invalid("after is a place that this feed has not reached; read the feed anew")
    async with _joined(ctx, registry, head) as feed:
        while True:
            seen = feed.news.fired
            if place < feed.covered:
                try:
                    stretch, shared = await feed.page_after(place)
                except Unavailable:
                    await asyncio.sleep(ctx.live.poll_seconds)
                    continue
                for change in stretch.changes:
                    await ctx.live.pace()
                    yield News(change, shared.current())
                place = stretch.end
            elif (news := feed.next_after(place)) is not None:
                await ctx.live.pace()
                yield news
                place = news.view.id
            else:
                await feed.wait(seen)


@asynccontextmanager
async def _joined(ctx: Ctx, registry: str | None, head: int) -> AsyncIterator[ChangeFeed]:
    """The feed's reader, which starts with the first follower and ends with the last."""
    feeds, key = ctx.live.feeds, (registry, ctx.viewer.visibility)
    feed = feeds.get(key)
    if feed is None or feed.fault is not None:
        feed = feeds[key] = ChangeFeed(ctx, registry, head)
    feed.followers += 1
    try:
        yield feed
    finally:
        feed.followers -= 1
        if not feed.followers:
            if feeds.get(key) is feed:
                del feeds[key]
            await feed.close()
