"""Sources: their configuration, their synchronisation state, the lease on it, and the history of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import CreationType
from app.models.views import SourceView

_SELECT = """
select s.id, s.name, s.kind, s.creation_type, s.config, s.filter, s.interval_seconds,
       s.claim_set_id, c.claims, s.created_at, s.updated_at, s.next_run_at,
       coalesce(s.lease_until > now(), false) leased, s.last_attempt_at, s.last_success_at,
       s.consecutive_failures, s.message, s.requested, s.applied_hash, s.fetch_state, s.max_removal_percent,
       s.held_run_id, s.accepted_removal, s.entry_count, s.version_count,
       coalesce((select array_agg(rs.registry_id order by rs.registry_id) from registry_source rs
                 where rs.source_id = s.id and rs.registry_id <> 0), '{}') registry_ids
from source s join claim_set c on c.id = s.claim_set_id where {condition} order by s.name
"""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What the configuration says of a source, ready to be stored. `config` holds no secret."""

    name: str
    kind: str
    creation_type: CreationType
    config: Mapping[str, Any]
    filter: Mapping[str, Any] | None
    interval_seconds: float | None
    claim_set_id: int
    max_removal_percent: int = 50


class SavedSource(NamedTuple):
    """The id of a stored source; whether it is new or differs from what was stored before; its kind until then."""

    id: int
    changed: bool
    former_kind: str | None


async def list_sources(session: AsyncSession, names: Sequence[str] | None = None) -> tuple[SourceView, ...]:
    """All sources, or those of the given names, by name."""
    condition = "true" if names is None else "s.name = any(cast(:names as text[]))"
    return await _select(session, condition, {} if names is None else {"names": list(names)})


async def source_ids(session: AsyncSession, names: Sequence[str]) -> dict[str, int]:
    """The ids of those of the names that are sources."""
    found = await session.execute(
        text("select name, id from source where name = any(cast(:names as text[]))"), {"names": list(names)}
    )
    return {row.name: row.id for row in found}


async def sources_by_id(session: AsyncSession, ids: Sequence[int]) -> dict[int, SourceView]:
    found = await _select(session, "s.id = any(cast(:ids as int[]))", {"ids": list(ids)})
    return {view.id: view for view in found}


class LinkedSource(NamedTuple):
    """A source of a registry, as far as it takes to choose one."""

    id: int
    kind: str
    claim_set_id: int


async def sources_of(session: AsyncSession, registry_id: int) -> list[LinkedSource]:
    """The sources of a registry in their order, without their configuration, which may hold inline data."""
    found = await session.execute(
        text(
            "select s.id, s.kind, s.claim_set_id from registry_source rs join source s on s.id = rs.source_id"
            " where rs.registry_id = :id order by rs.position"
        ),
        {"id": registry_id},
    )
    return [LinkedSource(*row) for row in found]


async def save_source(session: AsyncSession, row: SourceRow) -> SavedSource:
    """Insert or update by name. Where something differs `updated_at` moves, a run under way loses its lease, and so
    changes nothing, and what was held is held no more.

    Not `on conflict do update`: that takes a number of the sequence at every call.
    """
    bind = {
        "name": row.name,
        "kind": row.kind,
        "creation": row.creation_type,
        "config": json.dumps(row.config),
        "filter": None if row.filter is None else json.dumps(row.filter),
        "interval": row.interval_seconds,
        "claims": row.claim_set_id,
        "removal": row.max_removal_percent,
    }
    columns = "(kind, creation_type, config, filter, interval_seconds, claim_set_id, max_removal_percent)"
    values = (
        "(:kind, :creation, cast(:config as jsonb), cast(:filter as jsonb), cast(:interval as float8),"
        " cast(:claims as int), cast(:removal as smallint))"
    )
    former = await session.scalar(text("select kind from source where name = :name"), {"name": row.name})
    updated = await session.execute(
        text(
            f"update source set {columns} = {values}, updated_at = now(), lease_owner = null, lease_until = null,"
            " held_run_id = null, accepted_removal = null"
            f" where name = :name and {columns} is distinct from {values}"
        ),
        bind,
    )
    if former is None:
        await session.execute(
            text(f"insert into source (name, {columns[1:]} select :name, v.* from (values {values}) v"), bind
        )
    source_id = await session.scalar(text("select id from source where name = :name"), {"name": row.name})
    return SavedSource(int(source_id or 0), former is None or bool(updated.rowcount), former)  # type: ignore[attr-defined]


async def rename_source(session: AsyncSession, source_id: int, name: str) -> None:
    await session.execute(
        text("update source set name = :name, updated_at = now() where id = :id"), {"id": source_id, "name": name}
    )


async def set_message(session: AsyncSession, name: str, message: str) -> None:
    await session.execute(
        text("update source set message = :message where name = :name and message <> :message"),
        {"name": name, "message": message},
    )


async def forget_synchronisation(session: AsyncSession, source_id: int) -> None:
    """Let a source be as one that was never fetched; what it serves stays."""
    await session.execute(
        text(
            "update source set last_attempt_at = null, last_success_at = null, consecutive_failures = 0, message = '',"
            " applied_hash = null, fetch_state = '{}', requested = false where id = :id"
        ),
        {"id": source_id},
    )


async def carry_claims(session: AsyncSession, source_ids: Sequence[int], *, live: bool = False) -> set[int]:
    """Give the entries of these sources, or only the `live` ones, their source's claim set; returns the sources where
    that changed one.

    For synchronised sources only: entries published by hand carry the claims they were published with.
    """
    found = await session.execute(
        text(
            "update entry e set claim_set_id = s.claim_set_id from source s where s.id = e.source_id"
            " and s.id = any(cast(:ids as int[])) and e.claim_set_id <> s.claim_set_id and (not :live or"
            " exists (select 1 from entry_version v where v.id = e.latest_version_id and v.status <> 2))"
            " returning e.source_id"
        ),
        {"ids": list(source_ids), "live": live},
    )
    return set(found.scalars())


async def config_sources_beside(session: AsyncSession, names: Sequence[str]) -> dict[int, str]:
    """The sources that came from a configuration file and are none of `names`: id to name."""
    found = await session.execute(
        text("select id, name from source where creation_type = 'CONFIG' and name <> all(cast(:names as text[]))"),
        {"names": list(names)},
    )
    return {row.id: row.name for row in found}


async def unlink_sources(session: AsyncSession, ids: Sequence[int]) -> None:
    """Take sources out of every registry."""
    await session.execute(
        text("delete from registry_source where source_id = any(cast(:ids as int[]))"), {"ids": list(ids)}
    )


async def delete_sources(session: AsyncSession, ids: Sequence[int]) -> None:
    """Delete sources, which no registry lists any more, with everything they served."""
    await session.execute(text("delete from source where id = any(cast(:ids as int[]))"), {"ids": list(ids)})


async def _select(session: AsyncSession, condition: str, bind: Mapping[str, Any]) -> tuple[SourceView, ...]:
    found = await session.execute(text(_SELECT.replace("{condition}", condition)), dict(bind))
    return tuple(SourceView(**{**row._mapping, "registry_ids": tuple(row.registry_ids)}) for row in found)
