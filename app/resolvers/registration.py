"""Registries of the v0.4.9 model: a registry and its one source, under one name, made and changed together.

Owns the rules of the extension API. Each change is one transaction in which no other writer changes the catalogue;
what is fetched is fetched later, by the next run, but inline data are applied at once or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.core.database import Session
from app.core.errors import ConfigOwned, Conflict, RegistryNotFound
from app.core.settings import read_source
from app.models.kinds import CreationType
from app.models.queries import check_text
from app.models.registrations import RegistrationView
from app.models.tables import AGGREGATE_ID, NO_CLAIMS_ID
from app.models.views import RegistryView, SourceView
from app.resolvers.context import Ctx
from app.resolvers.provisioning import check_kind, fill, read_inline, row_of
from app.store import registries, runs, sources
from app.store.journal import begin_change, record_removal, take_turn
from app.store.listings import relist_sources
from app.store.sources import SourceRow


async def list_registrations(ctx: Ctx) -> tuple[RegistrationView, ...]:
    """Every registry, the oldest first."""
    async with ctx.db.read() as session:
        return await _view(ctx, session, await registries.list_registries(session))


async def get_registration(ctx: Ctx, name: str) -> RegistrationView:
    """Raises RegistryNotFound."""
    check_text("registryName", name)
    async with ctx.db.read() as session:
        (found,) = await _view(ctx, session, [await _find_registry(session, name)])
        return found


async def put_registration(ctx: Ctx, name: str, body: Mapping[str, Any]) -> tuple[RegistrationView, bool]:
    """Create or change the registry `name`; tells whether it is new.

    Raises Invalid (all problems at once), ConfigOwned where the configuration file owns it, Conflict where the name
    belongs to something else. Then nothing is stored.
    """
    check_text("registryName", name)
    row = row_of(await asyncio.to_thread(read_source, name, body))  # filters may be long
    async with ctx.db.read() as session:
        await _find_own(session, row)  # who may not write need not wait for the turn, nor have his data read
    given = await read_inline(row)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        held = await _find_own(session, row)
        source_id = await _create(ctx, session, row) if held is None else await _update(ctx, session, held, row)
        await fill(ctx, tx, source_id, row, given)
        (view,) = await _view(ctx, session, [await _find_registry(session, name)])
    return view, held is None


async def delete_registration(ctx: Ctx, name: str) -> None:
    """Delete the registry, and its own source with all it served unless another registry lists that.

    Raises RegistryNotFound, ConfigOwned where the configuration file owns it.
    """
    check_text("registryName", name)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        registry = await _find_registry(session, name)
        _check_owner(registry)
        held = await sources.sources_by_id(session, registry.source_ids)
        await registries.delete_registry(session, registry.id)
        listed = {i for view in await registries.list_registries(session) for i in view.source_ids}
        orphans = [view for view in held.values() if view.id not in listed]
        gone = [view.id for view in orphans if view.name == name and view.creation_type == CreationType.API]
        await sources.unlink_sources(session, [view.id for view in orphans])
        turn = await begin_change(session, ctx.clock())
        await record_removal(session, gone, turn)
        await relist_sources(session, [view.id for view in orphans], turn.at)
        await sources.delete_sources(session, gone)


async def _find_registry(session: Session, name: str) -> RegistryView:
    found = await registries.list_registries(session, [name])
    if not found:
        raise RegistryNotFound(f"Registry {name} not found")
    return found[0]


async def _find_own(session: Session, row: SourceRow) -> SourceView | None:
    """The source that `row` may change; None where the name is free. Raises ConfigOwned, Conflict, Invalid."""
    held_registries = await registries.list_registries(session, [row.name])
    held_sources = await sources.list_sources(session, [row.name])
    if not held_registries:
        if held_sources:
            raise Conflict(f"the name {row.name} is taken by a source that has no registry of its own")
        return None
    _check_owner(held_registries[0])
    if [view.id for view in held_sources] != list(held_registries[0].source_ids):
        raise Conflict(f"registry {row.name} lists other sources than one of its own name; it cannot be changed here")
    source = held_sources[0]
    if source.creation_type != CreationType.API:
        raise Conflict(f"the source of registry {row.name} was created via config file")
    check_kind(source, row, "registry source")
    return source


def _check_owner(registry: RegistryView) -> None:
    if registry.creation_type == CreationType.CONFIG:
        raise ConfigOwned("Cannot modify registry created via config file")


async def _create(ctx: Ctx, session: Session, row: SourceRow) -> int:
    """The new source has no entry yet, so that no listing changes."""
    source_id = (await sources.save_source(session, row)).id
    registry_id = await registries.save_registry(session, row.name, CreationType.API, NO_CLAIMS_ID)
    await registries.link_sources(session, registry_id, [source_id])
    aggregate = await registries.linked_sources(session, AGGREGATE_ID)
    await registries.link_sources(session, AGGREGATE_ID, [*aggregate, source_id])
    await begin_change(session, ctx.clock())
    return source_id


async def _update(ctx: Ctx, session: Session, held: SourceView, row: SourceRow) -> int:
    if (await sources.save_source(session, replace(row, claim_set_id=held.claim_set_id))).changed:
        await begin_change(session, ctx.clock())
    return held.id


async def _view(ctx: Ctx, session: Session, found: Sequence[RegistryView]) -> tuple[RegistrationView, ...]:
    """In the order of creation. What a source serves is counted already; registries of several are counted here."""
    held = await sources.sources_by_id(session, sorted({i for view in found for i in view.source_ids}))
    several = [view.id for view in found if len(view.source_ids) != 1]
    counts = await registries.count_servers(session, several, ctx.viewer.visibility) if several else {}
    leased = [source.id for source in held.values() if source.leased]
    running = await runs.running_runs(session, leased) if leased else {}
    views: list[RegistrationView] = []
    for registry in sorted(found, key=lambda view: (view.created_at, view.name)):
        own = tuple(held[i] for i in registry.source_ids)
        count = own[0].entry_count if len(own) == 1 else counts.get(registry.id, 0)
        views.append(RegistrationView(registry, own, count, running))
    return tuple(views)
