"""What the tests of following a registry share: a follower that remembers as the sync engine does, and its clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from app.models.snapshot import Document, Snapshot
from app.sources.fetching import Fetched, FetchRequest, StagedPage
from app.sources.outbound import Outbound
from app.sources.upstream import Patience, fetch_api
from tests.upstreams import Upstream, Version

QUICK = Patience(first_delay=0.001, longest_delay=0.002, longest_asked=0.002)
LOOPBACK = Outbound(allow_private=("127.0.0.1",))
MORNING = datetime(2026, 5, 4, 8, tzinfo=UTC)


class Clock:
    """Stands still, unless it is told otherwise."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)


class RealClock(Clock):
    """Goes as fast as everybody's."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class KeptPages:
    """A stage in memory, as strict as the contract: only one key at a time, pages in the order of their numbers.

    `on_save` is told the number of a page that is about to be kept. `lasting` pages survive a success, as when the
    engine is stopped before it applies what was fetched.
    """

    def __init__(self) -> None:
        self.on_save: Callable[[int], None] = lambda _: None
        self.lasting = False
        self.pages: dict[str, dict[int, StagedPage]] = defaultdict(dict)
        self.saves: list[int] = []

    async def load(self, key: str) -> AsyncIterator[StagedPage]:
        kept = self.pages.get(key, {})
        for number in sorted(kept):
            if number and number - 1 not in kept:
                return
            yield kept[number]

    async def save(self, key: str, page: StagedPage) -> None:
        self.on_save(page.number)
        for other in [known for known in self.pages if known != key]:
            del self.pages[other]
        self.pages[key][page.number] = page
        self.saves.append(page.number)

    def clear(self) -> None:
        if not self.lasting:
            self.pages.clear()


class Follower:
    """Fetches again and again and applies what comes; `has` is its copy of the upstream, by name and version."""

    def __init__(self, endpoint: str, clock: Clock | None = None, **own: Any) -> None:
        self.own = {"endpoint": endpoint, **own}
        self.clock = clock or Clock()
        self.stage = KeptPages()
        self.state: dict[str, Any] = {}
        self.reports: list[int] = []
        self.has: dict[tuple[str, str], Document] = {}
        self.outbound = LOOPBACK
        self.trusted = True
        self.patience = QUICK

    async def fetch(self) -> Fetched:
        self.reports = []
        request = FetchRequest(
            "api", {"api": self.own}, self.trusted, self.state, self.outbound, self.stage, self.reports.append
        )
        fetched = await fetch_api(request, self.patience, self.clock)
        self.state = orjson.loads(orjson.dumps(fetched.state))
        self.stage.clear()
        if fetched.snapshot is not None:
            self.has = {**(self.has if fetched.snapshot.partial else {}), **index(fetched.snapshot)}
        return fetched

    async def snapshot(self) -> Snapshot:
        fetched = await self.fetch()
        assert fetched.snapshot is not None
        return fetched.snapshot

    @property
    def standings(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        """What the copy says of each version: status, and title."""
        return {key: (document.status.wire, document.title) for key, document in self.has.items()}


def index(snapshot: Snapshot) -> dict[tuple[str, str], Document]:
    return {(document.name, document.version): document for document in snapshot.documents}


def truth(upstream: Upstream) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {(one.name, one.version): (one.status, one.document.get("title")) for one in upstream.versions}


def aged(count: int, clock: Clock, **changes: Any) -> list[Version]:
    """Versions that were updated a minute after each other, the first of them last, an hour ago."""
    return [
        Version(f"com.example/s{number:04}", updated_at=clock.now - timedelta(hours=1, minutes=number), **changes)
        for number in range(count)
    ]


@asynccontextmanager
async def following(count: int = 3, path: str = "", **own: Any) -> AsyncIterator[tuple[Upstream, Follower]]:
    """A registry with so many versions, and who follows it; both go by one clock."""
    clock = Clock()
    upstream = Upstream(aged(count, clock), clock=clock)
    async with upstream.serving() as url:
        yield upstream, Follower(f"{url}{path}", clock, **own)
