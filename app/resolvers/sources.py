"""Reading sources and their sync runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.models.views import SourceView, SyncRunView
from app.resolvers.context import Ctx
from app.store import sources as store


async def list_sources(ctx: Ctx, names: Sequence[str] | None = None) -> tuple[SourceView, ...]:
    """Every source, or those of the given names that exist, by name."""
    async with ctx.db.read() as session:
        return await store.list_sources(session, names)


async def sources_by_id(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, SourceView]:
    async with ctx.db.read() as session:
        return await store.sources_by_id(session, ids)


async def latest_runs(ctx: Ctx, source_ids: Sequence[int], limit: int) -> Mapping[int, tuple[SyncRunView, ...]]:
    """For each source its last runs, the newest first."""
    async with ctx.db.read() as session:
        return await store.latest_runs(session, source_ids, limit)


async def runs_by_id(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, SyncRunView]:
    async with ctx.db.read() as session:
        return await store.runs_by_id(session, ids)
