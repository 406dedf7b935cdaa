"""Registries as ordered lists of sources: made, changed and deleted by clients of the API.

Owns the rules about who may change what. Sources outlive the registries that list them. Each change is one transaction
in which no other writer changes the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.database import Session
from app.core.errors import AlreadyExists, AppError, ConfigOwned, Invalid, Refusals, RegistryNotFound, SourceNotFound
from app.core.settings import check_registry_name
from app.models.kinds import CreationType
from app.models.queries import check_text
from app.models.tables import NO_CLAIMS_ID
from app.models.views import RegistryView
from app.resolvers.aggregate import link_aggregate
from app.resolvers.context import Ctx
from app.store import registries, sources
from app.store.journal import begin_change, take_turn
from app.store.listings import relist_sources

MAX_SOURCES = 250
"""Sources of one registry."""


async def create_registry(ctx: Ctx, name: str, source_names: Sequence[str]) -> RegistryView:
    """Raises Refusals (all that is wrong with the name, or with the list), Invalid, AlreadyExists."""
    check_registry_name(name)
    _check_list(source_names)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        if await registries.list_registries(session, [name]):
            raise AlreadyExists(f"there is a registry {name} already").at("name")
        ids = await _find_sources(session, source_names)
        registry_id = await registries.save_registry(session, name, CreationType.API, NO_CLAIMS_ID)
        await _link(ctx, session, registry_id, ids)
        return (await registries.registries_by_id(session, [registry_id]))[registry_id]


async def update_registry(ctx: Ctx, name: str, source_names: Sequence[str]) -> RegistryView:
    """The registry with these sources, in this order, instead of those it had. Raises Refusals (all that is wrong with
    the list), Invalid, RegistryNotFound, ConfigOwned.
    """
    _check_list(source_names)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        held = await _find_own(session, name)
        await _link(ctx, session, held.id, await _find_sources(session, source_names))
        return (await registries.registries_by_id(session, [held.id]))[held.id]


async def delete_registry(ctx: Ctx, name: str) -> RegistryView:
    """Delete the registry; its sources stay as they are. Returns it as it was. Raises RegistryNotFound, ConfigOwned."""
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        held = await _find_own(session, name)
        await registries.delete_registry(session, held.id)
        affected = await link_aggregate(session)
        turn = await begin_change(session, ctx.clock())
        await relist_sources(session, affected, turn.at)
    return held


async def _link(ctx: Ctx, session: Session, registry_id: int, source_ids: Sequence[int]) -> None:
    affected = await registries.link_sources(session, registry_id, source_ids)
    affected |= await link_aggregate(session)
    if affected:
        turn = await begin_change(session, ctx.clock())
        await relist_sources(session, affected, turn.at)


def _check_list(names: Sequence[str]) -> None:
    """What can be told without the database."""
    if not names:
        raise Invalid("at least one source is required").at("sources")
    if len(names) > MAX_SOURCES:
        raise Invalid(f"a registry has at most {MAX_SOURCES} sources, not {len(names)}").at("sources")
    for index, name in enumerate(names):
        try:
            check_text(f"sources[{index}]", name)
        except Invalid as refusal:
            raise refusal.at("sources", index) from None


async def _find_sources(session: Session, names: Sequence[str]) -> list[int]:
    found = await sources.source_ids(session, names)
    errors: list[AppError] = []
    for index, name in enumerate(names):
        if name in names[:index]:
            errors.append(Invalid(f"duplicate source: {name}").at("sources", index))
        elif name not in found:
            errors.append(SourceNotFound(f"source not found: {name}").at("sources", index))
    if errors:
        raise Refusals("; ".join(str(error) for error in errors), errors)
    return [found[name] for name in names]


async def _find_own(session: Session, name: str) -> RegistryView:
    check_text("name", name)
    found = await registries.list_registries(session, [name])
    if not found:
        raise RegistryNotFound(f"Registry {name} not found").at("name")
    if found[0].creation_type == CreationType.CONFIG:
        raise ConfigOwned(f"registry {name} belongs to the configuration file; change it there").at("name")
    return found[0]
