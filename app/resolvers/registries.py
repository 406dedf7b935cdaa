"""Reading registries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.auth.viewer import Permission
from app.models.queries import check_text
from app.models.selections import Selection, check_selection
from app.models.views import RegistryView
from app.resolvers.context import Ctx
from app.store import registries as store


async def list_registries(ctx: Ctx, names: Sequence[str] | None = None) -> tuple[RegistryView, ...]:
    """Every registry, or those of the given names that exist, by name. Raises Invalid for what cannot be a name."""
    check_text("name", "".join(names or ()))
    async with ctx.db.read() as session:
        return await store.list_registries(session, names)


async def select_registries(ctx: Ctx, selection: Selection) -> tuple[RegistryView, ...]:
    """The registries that the selection admits, by name. Raises Invalid for one that is too large."""
    check_selection(selection)
    return tuple(view for view in await list_registries(ctx) if selection.admits(view))


async def list_publishable(ctx: Ctx) -> tuple[RegistryView, ...]:
    """The registries that the viewer may publish to, by name: those with a managed source."""
    if Permission.PUBLISH not in ctx.viewer.permissions:
        return ()
    async with ctx.db.read() as session:
        return await store.list_managed(session)


async def registries_by_id(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, RegistryView]:
    async with ctx.db.read() as session:
        return await store.registries_by_id(session, ids)


async def registries_holding(ctx: Ctx, entry_ids: Sequence[int]) -> Mapping[int, tuple[RegistryView, ...]]:
    """For each entry the registries in which the viewer sees it, by name."""
    async with ctx.db.read() as session:
        held = await store.registries_holding(session, entry_ids, ctx.viewer.visibility)
        views = await store.registries_by_id(session, sorted({i for ids in held.values() for i in ids}))
    return {
        entry_id: tuple(sorted((views[i] for i in held.get(entry_id, ())), key=lambda view: view.name))
        for entry_id in entry_ids
    }


async def count_servers(ctx: Ctx, ids: Sequence[int]) -> Mapping[int, int]:
    """For each registry the number of servers the viewer sees in it."""
    async with ctx.db.read() as session:
        return await store.count_servers(session, ids, ctx.viewer.visibility)
