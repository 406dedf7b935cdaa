"""Reading servers: which versions a viewer sees in a registry, and in what order. Publishing is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.database import Session
from app.core.errors import NotFound, RegistryNotFound
from app.models.queries import LATEST, ListServers, Window, check_query, check_text
from app.models.tables import AGGREGATE_ID
from app.models.views import Page, VersionView
from app.resolvers.context import Ctx
from app.store import registries as registry_store
from app.store import servers as store
from app.store.servers import Scope


async def list_servers(ctx: Ctx, query: ListServers) -> Page[VersionView]:
    """A page of versions. Raises RegistryNotFound, Invalid (search or filter that cannot be used)."""
    check_query(query)
    async with ctx.db.read() as session:
        return await store.list_versions(session, await _scope(ctx, session, query.registry), query)


async def count_servers(ctx: Ctx, query: ListServers) -> int:
    """How many rows the query has over all its pages."""
    check_query(query)
    async with ctx.db.read() as session:
        return await store.count_versions(session, await _scope(ctx, session, query.registry), query)


async def get_version(
    ctx: Ctx, registry: str | None, name: str, version: str = LATEST, *, include_deleted: bool = False
) -> VersionView:
    """One version of a server; `latest` is the newest that is not deleted. Raises RegistryNotFound, NotFound."""
    found = await get_versions(ctx, registry, [name], version, include_deleted=include_deleted)
    if not found:
        raise NotFound("not found")
    return found[0]


async def get_versions(
    ctx: Ctx, registry: str | None, names: Sequence[str], version: str, *, include_deleted: bool
) -> tuple[VersionView, ...]:
    """That version of each of several servers, where there is one. Raises RegistryNotFound."""
    check_text("version", version)
    check_text("name", "".join(names))
    async with ctx.db.read() as session:
        scope = await _scope(ctx, session, registry)
        return await store.get_versions(session, scope, names, version, include_deleted)


async def list_versions(
    ctx: Ctx, registry: str | None, name: str, *, include_deleted: bool = False
) -> tuple[VersionView, ...]:
    """All versions of a server, the last published first. Raises RegistryNotFound, NotFound if there is none."""
    check_text("name", name)
    async with ctx.db.read() as session:
        scope = await _scope(ctx, session, registry)
        found = await store.get_entry_versions(session, scope, name, include_deleted)
    if not found:
        raise NotFound("not found")
    return found


async def page_versions(
    ctx: Ctx, registry_id: int, entry_ids: Sequence[int], window: Window, *, include_deleted: bool
) -> Mapping[int, Page[VersionView]]:
    """For several entries that the viewer was shown, a page of the versions of each, newest version first."""
    async with ctx.db.read() as session:
        return await store.page_entry_versions(session, registry_id, entry_ids, window, include_deleted)


async def _scope(ctx: Ctx, session: Session, registry: str | None) -> Scope:
    if registry is None:
        return Scope(AGGREGATE_ID, ctx.viewer.visibility)
    check_text("registry", registry)
    found = await registry_store.registry_id(session, registry)
    if found is None:
        raise RegistryNotFound("registry not found")
    return Scope(found, ctx.viewer.visibility)
