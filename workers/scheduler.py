"""The scheduler inside the API process: runs the sources that are due, several at a time, until told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress

import structlog

from app.core.errors import Unavailable
from app.models.kinds import SyncTrigger
from app.resolvers.context import Ctx
from app.resolvers.housekeeping import keep_house
from app.resolvers.running import Run
from app.resolvers.sync import execute, lease_next

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
FIRST_HOUSEKEEPING_SECONDS = 60.0
HOUSEKEEPING_SECONDS = 3600.0


def name_owner() -> str:
    """Host and process number tell an operator who holds a lease; the token tells apart containers that share both."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def run_scheduler(ctx: Ctx, stop: asyncio.Event, drained: asyncio.Event) -> None:
    """Starts what is due at once and sets `drained` when that has been tried, then looks again every second.

    Survives a database that is away. Told to stop, it starts nothing more and returns when its runs have ended;
    cancelled, it cuts them off, and each gives its source back.
    """
    scheduler = _Scheduler(ctx, stop, drained)
    try:
        await scheduler.work()
    finally:
        await scheduler.end()


class _Scheduler:
    def __init__(self, ctx: Ctx, stop: asyncio.Event, drained: asyncio.Event) -> None:
        self.ctx = ctx
        self.stop = stop
        self.drained = drained
        self.owner = name_owner()
        self.tasks: set[asyncio.Task[None]] = set()
        self.trigger = SyncTrigger.START
        self.keep_house_at = time.monotonic() + FIRST_HOUSEKEEPING_SECONDS

    async def work(self) -> None:
        while not self.stop.is_set():
            try:
                await self._start_due()
                await self._keep_house()
            except Unavailable as error:
                log.warning("scheduler_waits", error=str(error), reason=error.reason)
            except Exception:  # the job loop: whatever one round meets, the next one must come
                log.exception("scheduler_round_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), TICK_SECONDS)
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)

    async def _start_due(self) -> None:
        """Returns when nothing is due any more, or all places are taken."""
        while not self.stop.is_set():
            while len(self.tasks) >= self.ctx.sync.concurrency and not self.stop.is_set():
                await self._wait_for_one()
            if self.stop.is_set():
                return
            run = await lease_next(self.ctx, self.owner, self.trigger)
            if run is not None:
                self._start(run)
            elif self.trigger is SyncTrigger.START and self.tasks:
                await self._wait_for_one()
            else:
                self.trigger = SyncTrigger.SCHEDULE
                self.drained.set()
                return

    def _start(self, run: Run) -> None:
        task = asyncio.create_task(self._execute(run))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _execute(self, run: Run) -> None:
        try:
            await execute(self.ctx, run)
        except Unavailable as error:  # the lease runs out, and the source is due again
            log.warning("run_lost", source=run.source.name, error=str(error), reason=error.reason)

    async def _wait_for_one(self) -> None:
        told = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({told, *self.tasks}, return_when=asyncio.FIRST_COMPLETED, timeout=TICK_SECONDS)
        finally:
            told.cancel()

    async def _keep_house(self) -> None:
        if time.monotonic() >= self.keep_house_at:
            self.keep_house_at = time.monotonic() + HOUSEKEEPING_SECONDS
            await keep_house(self.ctx)
