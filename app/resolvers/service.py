"""The service itself: whether it can work, and what it is."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import psutil

from app import BUILD_DATE, COMMIT, VERSION
from app.core.errors import Unavailable
from app.models.views import WorkerView
from app.resolvers.context import Ctx
from app.store.journal import current_revision
from app.store.postgres import read_version

QUEUE_SECONDS: Final = 2
"""Time in which the queue has to answer; a page that shows its state waits no longer."""

NO_WORKER: Final = "no worker has reported itself lately: until one runs, nothing is synchronised"
TOO_SLOW: Final = f"the queue did not answer within {QUEUE_SECONDS} seconds"


@dataclass(frozen=True, slots=True)
class ServiceVersion:
    version: str
    commit: str
    build_date: str
    runtime: str
    platform: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """Whether the queue of jobs answers, what is wrong otherwise, and who takes jobs from it."""

    reachable: bool
    message: str
    workers: tuple[WorkerView, ...] = ()


def get_version() -> ServiceVersion:
    runtime = f"{platform.python_implementation()} {platform.python_version()}"
    return ServiceVersion(VERSION, COMMIT, BUILD_DATE, runtime, f"{platform.system()}/{platform.machine()}".lower())


async def check_ready(ctx: Ctx) -> int:
    """The catalogue's revision. Raises Unavailable when the database does not answer."""
    async with ctx.db.read() as session:
        return await current_revision(session)


async def find_database_version(ctx: Ctx) -> str:
    """The version of PostgreSQL, e.g. `16.4`. Raises Unavailable when the database does not answer."""
    async with ctx.db.read() as session:
        return await read_version(session)


def get_start() -> datetime:
    """When this process was started."""
    return datetime.fromtimestamp(psutil.Process().create_time(), UTC)


async def check_queue(ctx: Ctx) -> QueueView | None:
    """The queue and its workers; None where this process synchronises by itself. Answers within QUEUE_SECONDS."""
    if ctx.queue is None:
        return None
    try:
        async with asyncio.timeout(QUEUE_SECONDS):
            workers = await ctx.queue.list_workers()
    except TimeoutError:
        return QueueView(False, TOO_SLOW)
    except Unavailable as error:
        return QueueView(False, str(error))
    return QueueView(True, "" if workers else NO_WORKER, workers)
