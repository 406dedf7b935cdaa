"""What the tests of the sync engine look at: the catalogue's rows as they are, and what its readers are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from app.models.kinds import SyncTrigger
from app.models.queries import ListServers, Window
from app.models.views import SourceView, SyncRunView, VersionView
from app.resolvers.context import Ctx
from app.resolvers.servers import list_servers
from app.resolvers.sources import list_sources, page_runs
from app.resolvers.sync import run_next_due

SERVED = ("entry", "entry_version", "listing", "entry_search", "change", "withdrawal")
"""The tables of what is served, and its journal."""

TABLES = (*SERVED, "source", "registry", "registry_source", "sync_run", "catalog", "claim_set", "fetched_page")


def at(ctx: Ctx, hours: int) -> Ctx:
    """The same with a clock that stands still."""
    return Ctx(ctx.db, clock=lambda: datetime(2026, 1, 1, hours, tzinfo=UTC), outbound=ctx.outbound, sync=ctx.sync)


async def versions(ctx: Ctx, *, deleted: bool = True) -> dict[tuple[str, str], VersionView]:
    page = await list_servers(ctx, ListServers(include_deleted=deleted, window=Window(1000)))
    return {(view.name, view.version): view for view in page.items}


async def names(ctx: Ctx, registry: str | None = None) -> dict[str, str]:
    """What is live, with its descriptions."""
    page = await list_servers(ctx, ListServers(registry, window=Window(1000)))
    return {view.name: view.description for view in page.items}


async def source(ctx: Ctx, name: str = "s") -> SourceView:
    (found,) = await list_sources(ctx, [name])
    return found


async def runs(ctx: Ctx, name: str = "s") -> Sequence[SyncRunView]:
    """The newest first."""
    found = await source(ctx, name)
    return (await page_runs(ctx, [found.id], Window(100)))[found.id].items


async def last_run(ctx: Ctx, name: str = "s") -> SyncRunView:
    return (await runs(ctx, name))[0]


async def rows(ctx: Ctx, statement: str) -> list[Any]:
    async with ctx.db.read() as session:
        return [tuple(row) for row in await session.execute(text(statement))]


async def change(ctx: Ctx, statement: str) -> None:
    """Do to the database what nobody does from outside."""
    async with ctx.db.write() as tx:
        await tx.session.execute(text(statement))


async def tables(ctx: Ctx, *chosen: str) -> dict[str, list[str]]:
    """Every row of the tables, with the transaction that wrote it: a row that was written anew is another one."""
    async with ctx.db.read() as session:
        return {
            table: sorted(
                f"{row.writer} {json.dumps(row.content, sort_keys=True)}"
                for row in await session.execute(
                    text(f"select t.xmin::text writer, to_jsonb(t) content from {table} t")  # noqa: S608  # fixed names
                )
            )
            for table in chosen or TABLES
        }


async def make_due(ctx: Ctx, name: str = "s") -> None:
    await change(ctx, f"update source set next_run_at = now() where name = '{name}'")  # noqa: S608  # fixed names


async def drain(ctx: Ctx, trigger: SyncTrigger = SyncTrigger.SCHEDULE) -> int:
    """Run what is due, as the scheduler does; tells how many runs there were."""
    count = 0
    while await run_next_due(ctx, "test", trigger):
        count += 1
    return count


async def run_again(ctx: Ctx, name: str = "s") -> SyncRunView:
    """Have the source's time come, run it, and tell what the history shows of it."""
    await make_due(ctx, name)
    assert await drain(ctx) == 1
    return await last_run(ctx, name)
