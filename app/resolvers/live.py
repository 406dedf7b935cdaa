"""What this process hears of the catalogue while it changes: the revision, and who follows what.

Followers of the same thing share one reader (`app.resolvers.following`, `app.resolvers.run_feed`), which reads the
database when it is woken. Nobody's position depends on a notification: without any, readers look every few seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from app.core.database import Database
from app.core.notifications import Notifications, Signal
from app.store import journal, runs
from app.store.journal import current_revision

if TYPE_CHECKING:
    from app.models.queries import Visibility
    from app.resolvers.following import ChangeFeed
    from app.resolvers.run_feed import RunFeed

T = TypeVar("T")

CATALOG: Final = journal.CHANNEL
RUNS: Final = runs.CHANNEL
"""What may be waited for: changes of the catalogue, steps of sync runs."""

POLL_SECONDS: Final = 3.0
"""How often readers look while this process does not listen."""

LOOK_SECONDS: Final = 30.0
"""How often they look although they listen: a pooler between may swallow what is said."""

SHARED_SECONDS: Final = 5.0
"""How long what one follower read about a change may serve another."""

MAX_READS: Final = 2
"""Reads that followers make by themselves at a time, when they come and while they are behind: a crowd of them must
leave the connections to requests.
"""

FeedKey = tuple[str | None, "Visibility"]
"""Registry name (None: the aggregate), and what the followers may see of it."""


class Shared:
    """A place where whoever is handed the same news at the same time keeps what was read about it, under a key of his
    choice. What is in it was read after the news, and lately.
    """

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}
        self._since = time.monotonic()

    def renew(self) -> None:
        self._kept, self._since = {}, time.monotonic()

    def current(self) -> dict[Any, Any]:
        if time.monotonic() - self._since > SHARED_SECONDS:
            self.renew()
        return self._kept


class News(NamedTuple, Generic[T]):
    """What happened, and the place of `Shared` for what is read about it."""

    view: T
    shared: dict[Any, Any]


class Live:
    """One a process. Given no `connect_args` it never listens, and followers poll."""

    def __init__(self, connect_args: Mapping[str, Any] | None = None, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.poll_seconds = poll_seconds
        self.feeds: dict[FeedKey, ChangeFeed] = {}
        self.run_feed: RunFeed | None = None
        self.reads = asyncio.Semaphore(MAX_READS)
        self._pacing = asyncio.Lock()
        self._revision = 0
        self._db: Database | None = None
        self._notifications = Notifications(connect_args or {}, (CATALOG, RUNS), hear=self._hear, arrive=self._catch_up)

    @asynccontextmanager
    async def open(self, db: Database) -> AsyncIterator[None]:
        """Listens while the block runs; `db` is what missed revisions are read from."""
        self._db = db
        async with self._notifications.open():
            yield

    @property
    def listening(self) -> bool:
        return self._notifications.listening

    @property
    def revision(self) -> int | None:
        """The catalogue's revision; None while this process does not listen, and so cannot know it."""
        return self._revision if self.listening else None

    def signal(self, channel: str) -> Signal:
        return self._notifications.signal(channel)

    async def wait(self, channel: str, seen: int) -> None:
        """Until the channel's signal was fired more than `seen` times, or it is time to look anyhow."""
        await self.signal(channel).wait(seen, LOOK_SECONDS if self.listening else self.poll_seconds)

    async def pace(self) -> None:
        """Who is told something comes through here, one after the other: when thousands are told at once, requests get
        their turn between them.
        """
        async with self._pacing:
            await asyncio.sleep(0)

    def _hear(self, channel: str, payload: str) -> None:
        if channel == CATALOG:
            self._revision = max(self._revision, int(payload))

    async def _catch_up(self) -> None:
        """Revisions never fall, but those of a database restored from a backup may."""
        assert self._db is not None  # noqa: S101  # open() comes first
        self._revision = 0
        async with self._db.read() as session:
            self._revision = max(self._revision, await current_revision(session))
