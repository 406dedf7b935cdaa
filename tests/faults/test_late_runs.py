"""Runs that end after their lease has run out and the source was taken anew, also by the process that held it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from app.models.kinds import SyncTrigger
from app.resolvers.context import Ctx
from app.resolvers.running import Run
from app.resolvers.sync import execute, lease_next
from app.store import stages
from tests.seeding import Catalogue, document, seed

pytestmark = pytest.mark.faults


async def lease(ctx: Ctx, owner: str) -> Run:
    """Take the source as if it were due, and its last lease over."""
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set next_run_at = now(), lease_until = now()"))
    run = await lease_next(ctx, owner, SyncTrigger.SCHEDULE)
    assert run is not None
    return run


async def ask(ctx: Ctx, query: str, **values: object) -> list[tuple[object, ...]]:
    async with ctx.db.read() as session:
        return [tuple(row) for row in await session.execute(text(query), values)]


async def outcome(ctx: Ctx, run: Run) -> object:
    [(found,)] = await ask(ctx, "select outcome from sync_run where id = :id", id=run.id)
    return found


@pytest.fixture
async def catalogue(ctx: Ctx, tmp_path: Path) -> Catalogue:
    return await seed(ctx, tmp_path, {"s": [document("a/b")]})


@pytest.mark.parametrize("owner", ["first", "second"])
async def test_late_run_applies_nothing(owner: str, ctx: Ctx, catalogue: Catalogue) -> None:
    late = await lease(ctx, "first")
    current = await lease(ctx, owner)
    catalogue.put("s", [document("a/b"), document("a/new")])
    await execute(ctx, late)
    assert await ask(ctx, "select name from entry order by name") == [("a/b",)]
    assert await outcome(ctx, late) == "INTERRUPTED"
    assert await outcome(ctx, current) == "RUNNING"
    await execute(ctx, current)
    assert await ask(ctx, "select name from entry order by name") == [("a/b",), ("a/new",)]
    assert await ask(ctx, "select lease_owner, consecutive_failures from source") == [(None, 0)]


@pytest.mark.parametrize("owner", ["first", "second"])
async def test_late_run_without_news_leaves_the_pages_of_the_current_one(
    owner: str, ctx: Ctx, catalogue: Catalogue
) -> None:
    late = await lease(ctx, "first")
    current = await lease(ctx, owner)
    async with ctx.db.write() as tx:
        await stages.save_page(tx.session, current.source.id, "key", 0, (b"page", "next"))
    await execute(ctx, late)
    assert await ask(ctx, "select number from fetched_page") == [(0,)]
    assert await outcome(ctx, current) == "RUNNING"
