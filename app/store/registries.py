"""Registries and their ordered sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import CreationType, Kind
from app.models.queries import Visibility
from app.models.tables import AGGREGATE_ID
from app.models.views import RegistryView
from app.store.predicates import listing, visible

LAST_POSITION = 30_000
"""Beyond it the sources of a registry are numbered anew, as places are small integers."""

_SELECT = """
select r.id, r.name, r.creation_type, c.claims, r.created_at, r.updated_at,
       coalesce((select array_agg(rs.source_id order by rs.position) from registry_source rs
                 where rs.registry_id = r.id), '{}') source_ids
from registry r join claim_set c on c.id = r.claim_set_id
where r.id <> :aggregate and {condition} order by r.name
"""


async def registry_id(session: AsyncSession, name: str) -> int | None:
    found = await session.scalar(
        text("select id from registry where name = :name and id <> :aggregate"),
        {"name": name, "aggregate": AGGREGATE_ID},
    )
    return None if found is None else int(found)


async def registry_ids(session: AsyncSession, names: Sequence[str]) -> dict[str, int]:
    """Those of the names that are registries."""
    found = await session.execute(
        text("select name, id from registry where name = any(cast(:names as text[])) and id <> :aggregate"),
        {"names": list(names), "aggregate": AGGREGATE_ID},
    )
    return {row.name: row.id for row in found}


async def list_registries(session: AsyncSession, names: Sequence[str] | None = None) -> tuple[RegistryView, ...]:
    """All registries, or those of the given names, by name."""
    condition = "true" if names is None else "r.name = any(cast(:names as text[]))"
    return await _select(session, condition, {} if names is None else {"names": list(names)})


async def list_managed(session: AsyncSession) -> tuple[RegistryView, ...]:
    """The registries with a source that is published to by hand, by name."""
    condition = (
        "exists (select 1 from registry_source rs join source s on s.id = rs.source_id"
        " where rs.registry_id = r.id and s.kind = 'managed')"
    )
    return await _select(session, condition, {})


async def registries_by_id(session: AsyncSession, ids: Sequence[int]) -> dict[int, RegistryView]:
    found = await _select(session, "r.id = any(cast(:ids as int[]))", {"ids": list(ids)})
    return {view.id: view for view in found}


async def registries_holding(
    session: AsyncSession, entry_ids: Sequence[int], visibility: Visibility
) -> dict[int, tuple[int, ...]]:
    """For each entry the ids of the registries in which it is the one a viewer sees."""
    found = await session.execute(
        select(listing.c.entry_id, func.array_agg(listing.c.registry_id).label("ids"))
        .where(listing.c.entry_id.in_(entry_ids), listing.c.registry_id != AGGREGATE_ID, visible(listing, visibility))
        .group_by(listing.c.entry_id)
    )
    return {row.entry_id: tuple(row.ids) for row in found}


async def count_servers(session: AsyncSession, ids: Sequence[int], visibility: Visibility) -> dict[int, int]:
    """For each registry the number of names a viewer sees in it."""
    found = await session.execute(
        select(listing.c.registry_id, func.count().label("n"))
        .where(listing.c.registry_id.in_(ids), listing.c.kind == int(Kind.SERVER), listing.c.live)
        .where(visible(listing, visibility))
        .group_by(listing.c.registry_id)
    )
    return {row.registry_id: row.n for row in found}


async def save_registry(session: AsyncSession, name: str, creation_type: CreationType, claim_set_id: int) -> int:
    """Insert or update by name; `updated_at` moves only when something differs. Returns the id.

    Not `on conflict do update`: that takes a number of the sequence at every call.
    """
    bind = {"name": name, "creation": creation_type, "claims": claim_set_id}
    await session.execute(
        text(
            "update registry set (claim_set_id, creation_type) = (:claims, :creation), updated_at = now()"
            " where name = :name and (claim_set_id, creation_type) is distinct from (:claims, :creation)"
        ),
        bind,
    )
    await session.execute(
        text(
            "insert into registry (name, creation_type, claim_set_id) select :name, :creation, cast(:claims as int)"
            " where not exists (select 1 from registry where name = :name)"
        ),
        bind,
    )
    return int(await registry_id(session, name) or 0)


async def linked_sources(session: AsyncSession, registry: int) -> list[int]:
    """The ids of the registry's sources in their order."""
    found = await session.execute(
        text("select source_id from registry_source where registry_id = :registry order by position"),
        {"registry": registry},
    )
    return list(found.scalars())


async def link_sources(session: AsyncSession, registry: int, source_ids: Sequence[int]) -> set[int]:
    """Make `source_ids`, in this order, the sources of the registry; returns those that joined, left or moved.

    Places have gaps: where sources only leave, or join at the end, the others keep theirs.
    """
    current = await linked_sources(session, registry)
    if current == list(source_ids):
        return set()
    last = await session.scalar(
        text("select max(position) from registry_source where registry_id = :registry"), {"registry": registry}
    )
    kept = [source_id for source_id in current if source_id in source_ids]
    stays = kept == list(source_ids[: len(kept)]) and (last or 0) + len(source_ids) < LAST_POSITION
    moved = set() if stays else set(kept)
    affected = {*current, *source_ids} - (set(kept) - moved)
    bind = {"registry": registry, "gone": sorted(affected)}
    await session.execute(
        text("delete from registry_source where registry_id = :registry and source_id = any(cast(:gone as int[]))"),
        bind,
    )
    await session.execute(
        text(
            "insert into registry_source (registry_id, source_id, position)"
            " select :registry, source_id, ordinal + (select coalesce(max(position) + 1, 0) - 1 from registry_source"
            "   where registry_id = :registry)"
            " from unnest(cast(:sources as int[])) with ordinality given (source_id, ordinal)"
        ),
        {"registry": registry, "sources": [source_id for source_id in source_ids if source_id in affected]},
    )
    if registry != AGGREGATE_ID:
        await session.execute(text("update registry set updated_at = now() where id = :id"), {"id": registry})
    return affected


async def delete_registries(session: AsyncSession, creation_type: CreationType, keep: Sequence[str]) -> list[str]:
    """Delete the registries of that owner whose name is not in `keep`; returns their names."""
    found = await session.execute(
        text(
            "delete from registry where creation_type = :creation and id <> :aggregate"
            " and name <> all(cast(:keep as text[])) returning name"
        ),
        {"creation": creation_type, "aggregate": AGGREGATE_ID, "keep": list(keep)},
    )
    return sorted(found.scalars())


async def delete_registry(session: AsyncSession, registry: int) -> None:
    """Delete one registry; its sources stay."""
    await session.execute(text("delete from registry where id = :id"), {"id": registry})


async def _select(session: AsyncSession, condition: str, bind: Mapping[str, Any]) -> tuple[RegistryView, ...]:
    found = await session.execute(text(_SELECT.replace("{condition}", condition)), {"aggregate": AGGREGATE_ID, **bind})
    return tuple(RegistryView(**{**row._mapping, "source_ids": tuple(row.source_ids)}) for row in found)
