"""Reading servers: which versions a viewer sees in a registry, and in what order. Publishing is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.database import Session
from app.core.errors import AppError, Invalid, NotFound, RegistryNotFound
from app.models.queries import LATEST, ListServers, Window, check_query, check_text
from app.models.tables import AGGREGATE_ID
from app.models.views import Page, VersionView
from app.resolvers.context import Ctx
from app.resolvers.scopes import find_scope
from app.store import lookups
from app.store import registries as registry_store
from app.store import servers as store
from app.store.lookups import Wanted, WantedOfSource

ServerKey = tuple[str | None, str, str, bool]
"""Registry name (None: the aggregate), server name, version or "latest", whether a deleted one counts."""

SourceVersionKey = tuple[str | None, int, str, str]
"""Registry name (None: the aggregate), source id, server name, version."""


async def list_servers(ctx: Ctx, query: ListServers) -> Page[VersionView]:
    """A page of versions. Raises RegistryNotFound, Invalid (search or filter that cannot be used)."""
    check_query(query)
    async with ctx.db.read() as session:
        return await store.list_versions(session, await find_scope(ctx, session, query.registry), query)


async def count_servers(ctx: Ctx, query: ListServers) -> int:
    """How many rows the query has over all its pages."""
    check_query(query)
    async with ctx.db.read() as session:
        return await store.count_versions(session, await find_scope(ctx, session, query.registry), query)


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
        scope = await find_scope(ctx, session, registry)
        return await store.get_versions(session, scope, names, version, include_deleted)


async def find_versions(ctx: Ctx, keys: Sequence[ServerKey]) -> Mapping[ServerKey, VersionView | AppError]:
    """Any versions in any registries, as far as the viewer sees them. A key that cannot be looked up gets its error,
    RegistryNotFound or Invalid, so that the others are found all the same."""
    faults = {key: fault for key in keys if (fault := _find_fault(key[0], key[1], key[2])) is not None}
    sound = [key for key in keys if key not in faults]
    async with ctx.db.read() as session:
        ids = await _registry_ids(session, [registry for registry, *_ in sound if registry is not None])
        wanted = {key: Wanted(ids[key[0]], *key[1:]) for key in sound if key[0] in ids}
        found = await lookups.find_versions(session, list(wanted.values()), ctx.viewer.visibility)
    unknown = {key: RegistryNotFound("registry not found") for key in sound if key[0] not in ids}
    return {**{key: found[at] for key, at in wanted.items() if at in found}, **unknown, **faults}


async def shows(ctx: Ctx, registry: str | None, view: VersionView) -> bool:
    """Whether the server of that name which the viewer sees in the registry is this one, not that of another source."""
    key: ServerKey = (registry, view.name, LATEST, True)
    found = (await find_versions(ctx, [key])).get(key)
    return isinstance(found, VersionView) and found.entry_id == view.entry_id


async def find_versions_of_sources(
    ctx: Ctx, keys: Sequence[SourceVersionKey]
) -> Mapping[SourceVersionKey, VersionView]:
    """Any versions of sources in registries that list them, shadowed and deleted ones too, as far as the viewer may
    know of them."""
    sound = [key for key in keys if _find_fault(key[0], *key[2:]) is None]
    async with ctx.db.read() as session:
        ids = await _registry_ids(session, [registry for registry, *_ in sound if registry is not None])
        wanted = {key: WantedOfSource(ids[key[0]], *key[1:]) for key in sound if key[0] in ids}
        found = await lookups.find_versions_of_sources(session, list(wanted.values()), ctx.viewer.visibility)
    return {key: found[at] for key, at in wanted.items() if at in found}


async def count_versions(ctx: Ctx, entry_ids: Sequence[int], *, include_deleted: bool) -> Mapping[int, int]:
    """For entries that the viewer was shown, the number of versions of each."""
    async with ctx.db.read() as session:
        return await lookups.count_versions(session, entry_ids, include_deleted)


async def list_versions(
    ctx: Ctx, registry: str | None, name: str, *, include_deleted: bool = False
) -> tuple[VersionView, ...]:
    """All versions of a server, the last published first. Raises RegistryNotFound, NotFound if there is none."""
    check_text("name", name)
    async with ctx.db.read() as session:
        scope = await find_scope(ctx, session, registry)
        found = await store.get_entry_versions(session, scope, name, include_deleted)
    if not found:
        raise NotFound("not found")
    return found


async def page_versions(
    ctx: Ctx, entries: Sequence[tuple[int, int]], window: Window, *, include_deleted: bool
) -> Mapping[tuple[int, int], Page[VersionView]]:
    """For entries (the ids of registry and entry) that the viewer was shown, a page of the versions of each, newest
    version first."""
    async with ctx.db.read() as session:
        return await store.page_entry_versions(session, entries, window, include_deleted)


def _find_fault(registry: str | None, name: str, version: str) -> Invalid | None:
    try:
        check_text("registry", registry or "")
        check_text("name", name)
        check_text("version", version)
    except Invalid as error:
        return error
    return None


async def _registry_ids(session: Session, names: Sequence[str]) -> Mapping[str | None, int]:
    """The ids of those names that are registries, and that of the aggregate under None."""
    ids: dict[str | None, int] = {None: AGGREGATE_ID}
    if names:
        ids.update(await registry_store.registry_ids(session, sorted(set(names))))
    return ids
