"""Reading sources and their sync runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.models.kinds import SyncOutcome
from app.models.queries import Window, check_text
from app.models.selections import Selection, check_selection
from app.models.views import Page, SourceView, SyncRunView
from app.resolvers.context import Ctx
from app.store import runs
from app.store import sources as store


async def list_sources(ctx: Ctx, names: Sequence[str] | None = None) -> tuple[SourceView, ...]:
    """Every source, or those of the given names that exist, by name. Raises Invalid for what cannot be a name."""
    check_text("name", "".join(names or ()))
    async with ctx.db.read() as session:
        return await store.list_sources(session, names)


async def select_sources(ctx: Ctx, selection: Selection) -> tuple[SourceView, ...]:
    """The sources that the selection admits, by name. Raises Invalid for one that is too large."""
    check_selection(selection)
    return tuple(view for view in await list_sources(ctx) if selection.admits(view))


async def sources_by_id(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, SourceView]:
    async with ctx.db.read() as session:
        return await store.sources_by_id(session, ids)


async def page_runs(ctx: Ctx, source_ids: Sequence[int], window: Window) -> Mapping[int, Page[SyncRunView]]:
    """For each source a page of its runs, the newest first."""
    async with ctx.db.read() as session:
        return await runs.page_runs(session, source_ids, window)


async def count_runs(ctx: Ctx, source_ids: Sequence[int]) -> Mapping[int, int]:
    """For each source the number of its runs."""
    async with ctx.db.read() as session:
        return await runs.count_runs(session, source_ids)


async def runs_by_id(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, SyncRunView]:
    async with ctx.db.read() as session:
        return await runs.runs_by_id(session, ids)


async def list_runs(ctx: Ctx, source: str | None, outcome: SyncOutcome | None, window: Window) -> Page[SyncRunView]:
    """A page of the runs of a source, or of all, the newest first. Raises Invalid for what cannot be a name."""
    check_text("source", source or "")
    async with ctx.db.read() as session:
        return await runs.list_runs(session, source, outcome, window)


async def count_all_runs(ctx: Ctx, source: str | None, outcome: SyncOutcome | None) -> int:
    async with ctx.db.read() as session:
        return await runs.count_all_runs(session, source, outcome)
