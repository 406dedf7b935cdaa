"""What every resolver gets: a database factory (never a session), the settings, the viewer, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.auth.viewer import ANONYMOUS, Viewer
from app.core.database import Database
from app.models.documents import PublishPolicy
from app.models.views import DueSource, WorkerView
from app.resolvers.live import Live
from app.sources.outbound import Outbound

MAX_PREVIEWS = 2
"""Dry runs that one process carries out at a time: each holds a whole snapshot."""


def now() -> datetime:
    return datetime.now(UTC)


class Queue(Protocol):
    """The workers of other processes, where there are any. Both methods raise Unavailable, soon."""

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        """Have workers run these sources; returns how many were not waiting already."""
        ...

    async def list_workers(self) -> tuple[WorkerView, ...]:
        """The workers that reported themselves lately, by name."""
        ...


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """How many sources one process runs at a time, and how long runs and vanished versions are remembered."""

    concurrency: int = 4
    run_retention: timedelta = timedelta(days=30)
    tombstone_retention: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ctx:
    db: Database
    viewer: Viewer = ANONYMOUS
    clock: Callable[[], datetime] = now
    policy: PublishPolicy = field(default_factory=PublishPolicy)
    outbound: Outbound = field(default_factory=Outbound)
    sync: SyncLimits = field(default_factory=SyncLimits)
    queue: Queue | None = None
    embedded: bool = False
    """Whether the database is the server's own."""

    previews: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PREVIEWS))
    live: Live = field(default_factory=Live)
