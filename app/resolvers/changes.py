"""The change feed of a registry: what was added, updated, restatused or removed in its sources, as it happened.

A viewer's feed holds the changes whose claim set he may see, whether or not a namesake hides the server: precedence may
be another one by now. The changes of a source are in the feeds of the registries that listed it at the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.core.errors import RegistryNotFound
from app.models.queries import Window
from app.models.views import ChangeView, Page, VersionView
from app.resolvers.context import Ctx
from app.resolvers.scopes import find_scope
from app.store import changes as store
from app.store.servers import get_exact_versions

ChangedKey = tuple[int, str, str]
"""Source id, name, version."""


class Stretch(NamedTuple):
    """Changes of a feed in a row: all there are up to the place `end`, which is often that of another feed's change."""

    changes: list[ChangeView]
    end: int


async def list_changes(ctx: Ctx, registry: str | None, window: Window) -> Page[ChangeView]:
    """A page of the feed, the oldest change first. Raises RegistryNotFound."""
    async with ctx.db.read() as session:
        return await store.list_changes(session, await find_scope(ctx, session, registry), window)


async def count_changes(ctx: Ctx, registry: str | None) -> int:
    """How many changes the whole feed has. Raises RegistryNotFound."""
    async with ctx.db.read() as session:
        return await store.count_changes(session, await find_scope(ctx, session, registry))


async def changes_after(ctx: Ctx, registry: str | None, after: int, limit: int) -> Stretch:
    """The next changes after a place of the feed, at most `limit`. Raises RegistryNotFound."""
    async with ctx.db.read() as session:
        scope = await find_scope(ctx, session, registry)
        found = await store.changes_after(session, scope, after, limit)
        end = found[-1].id if len(found) == limit else max(after, await store.latest_place(session))
    return Stretch(found, end)


async def changes_by_id(ctx: Ctx, registry: str | None, ids: Sequence[int]) -> Mapping[int, ChangeView]:
    """Those of these changes that are in the feed. None are in that of a registry that does not exist."""
    async with ctx.db.read() as session:
        try:
            scope = await find_scope(ctx, session, registry)
        except RegistryNotFound:
            return {}
        return await store.changes_by_id(session, scope, ids)


async def changed_versions(
    ctx: Ctx, registry: str | None, wanted: Sequence[ChangedKey]
) -> Mapping[ChangedKey, VersionView]:
    """Those of the versions that the registry still shows, deleted ones too, and not hidden by a namesake."""
    async with ctx.db.read() as session:
        try:
            scope = await find_scope(ctx, session, registry)
        except RegistryNotFound:
            return {}
        names = sorted({(name, version) for _, name, version in wanted})
        found = await get_exact_versions(session, scope, names)
    return {(view.source_id, view.name, view.version): view for view in found}
