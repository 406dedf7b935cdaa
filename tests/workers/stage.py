"""What the tests of workers share: a worker in this process whose sources are files, and syncs that take their time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.core.settings import RedisSettings, Settings
from app.models.kinds import SyncTrigger
from app.resolvers.context import Ctx
from workers import jobs
from workers.connection import Presence
from workers.settings import worker_arguments
from workers.supervision import Supervision


async def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
    """Waits until the condition holds; it may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if await held if asyncio.iscoroutine(held) else held:
            return
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.05)


class Runs:
    """Takes the place of the engine under the jobs: notes each run, and holds it until `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.cut_off: list[int] = []
        self.failures: list[Exception] = []
        self.go = asyncio.Event()
        monkeypatch.setattr(jobs, "run_next_due", self.run)

    async def run(self, ctx: Ctx, owner: str, trigger: SyncTrigger, source_id: int | None = None) -> bool:
        assert source_id is not None
        self.started.append(source_id)
        if self.failures:
            raise self.failures.pop()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cut_off.append(source_id)
            raise
        self.ended.append(source_id)
        return True


@asynccontextmanager
async def supervised(ctx: Ctx, redis: RedisSettings, **more: Any) -> AsyncIterator[Supervision]:
    """A supervised worker beside the block, told to stop at its end."""
    presence = Presence(redis)
    arguments = {**worker_arguments(Settings(), redis, presence), "poll_delay": 0.05, **more}
    arguments["ctx"]["registry"] = ctx
    supervision, stop = Supervision(arguments, presence), asyncio.Event()
    task = asyncio.create_task(supervision.run(stop))
    try:
        yield supervision
    finally:
        stop.set()
        await task
