"""The scheduler goes on, whatever one round meets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.core.errors import Unavailable
from app.resolvers.context import Ctx
from workers import scheduler


@pytest.mark.parametrize("error", [Unavailable("away", reason="x"), ZeroDivisionError("defect")])
async def test_failed_round_is_followed_by_the_next(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    rounds: list[str] = []
    stop, drained = asyncio.Event(), asyncio.Event()

    async def run(_: Ctx, owner: str, trigger: str) -> Any:
        rounds.append(trigger)
        if len(rounds) == 1:
            raise error
        if len(rounds) == 4:
            stop.set()
        return len(rounds) == 2

    monkeypatch.setattr(scheduler, "run_next_due", run)
    monkeypatch.setattr(scheduler, "TICK_SECONDS", 0.001)
    await scheduler.run_scheduler(ctx, stop, drained)
    assert rounds == ["START", "START", "START", "SCHEDULE"]
    assert drained.is_set()


async def test_every_process_has_a_name_of_its_own(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = []
    for _ in range(2):
        stop, drained = asyncio.Event(), asyncio.Event()

        async def run(_: Ctx, owner: str, trigger: str, stop: asyncio.Event = stop) -> bool:
            owners.append(owner)
            stop.set()
            return False

        monkeypatch.setattr(scheduler, "run_next_due", run)
        await scheduler.run_scheduler(ctx, stop, drained)
    assert len(set(owners)) == 2
