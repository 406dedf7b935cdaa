"""Reads of what a registry holds beside the entries that win: shadowed and hidden ones, and what was rejected.

Each function is one statement, whatever the number of servers or sources. Which entry wins is the listing's rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Row, and_, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.explanations import ShadowView
from app.models.kinds import Kind
from app.models.queries import Visibility
from app.models.tables import RegistrySource, table_of
from app.models.views import VersionView
from app.store.lookups import claims_seen, version_fields, view_of
from app.store.predicates import listing, version, visible

place = table_of(RegistrySource)

# The last run that read documents tells what was rejected; one that found nothing new to read does not.
_REJECTIONS: Final = """
(select jsonb_agg(item) from
   (select rejections from sync_run where sync_run.source_id = registry_source.source_id
      and (outcome in ('APPLIED', 'HELD') or outcome = 'UNCHANGED' and fetched > 0) order by id desc limit 1) told
   cross join lateral jsonb_array_elements(told.rejections) item where item ->> 'name' = :name) as rejections
"""


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """What one source of a registry has under a name: nothing where `latest` is None. `hidden`: claims hide it."""

    source_id: int
    latest: VersionView | None
    live: bool
    hidden: bool
    wins: bool
    rejections: tuple[Mapping[str, Any], ...]


async def shadowed_entries(
    session: AsyncSession, winners: Sequence[tuple[int, int]], visibility: Visibility
) -> dict[tuple[int, int], tuple[ShadowView, ...]]:
    """For each winner, given by the ids of registry and entry, the live entries that a viewer could see in its place,
    by position."""
    other = listing.alias()
    same_name = and_(
        other.c.registry_id == listing.c.registry_id,
        other.c.kind == listing.c.kind,
        other.c.name == listing.c.name,
        other.c.entry_id != listing.c.entry_id,
    )
    statement = (
        select(listing.c.entry_id.label("winner"), _ordinal(other).label("position"), *version_fields(other))
        .select_from(listing.join(other, same_name).join(version, version.c.id == other.c.latest_version_id))
        .where(tuple_(listing.c.registry_id, listing.c.entry_id).in_(winners))
        .where(other.c.live, claims_seen(other, visibility))
        .order_by(other.c.position)
    )
    found: dict[tuple[int, int], list[ShadowView]] = {winner: [] for winner in winners}
    for row in await session.execute(statement):
        found[row.registry_id, row.winner].append(ShadowView(row.position, view_of(row)))
    return {winner: tuple(shadows) for winner, shadows in found.items()}


async def list_candidates(
    session: AsyncSession, registry_id: int, name: str, visibility: Visibility
) -> tuple[CandidateRow, ...]:
    """What each source of the registry has under that name, in their order."""
    held = and_(
        listing.c.registry_id == place.c.registry_id,
        listing.c.source_id == place.c.source_id,
        listing.c.kind == int(Kind.SERVER),
        listing.c.name == name,
    )
    tables = place.outerjoin(listing, held).outerjoin(version, version.c.id == listing.c.latest_version_id)
    statement = (
        select(
            place.c.source_id.label("candidate"),
            listing.c.live,
            claims_seen(listing, visibility).label("seen"),
            visible(listing, visibility).label("wins"),
            *version_fields(listing),
            text(_REJECTIONS).bindparams(name=name),
        )
        .select_from(tables)
        .where(place.c.registry_id == registry_id)
        .order_by(place.c.position)
    )
    return tuple(_candidate(row) for row in await session.execute(statement))


def _ordinal(of: FromClause) -> ColumnElement[int]:
    """Places in a registry have gaps; counted from 0, as they are shown, they have none."""
    before = and_(place.c.registry_id == of.c.registry_id, place.c.position < of.c.position)
    return select(func.count()).select_from(place).where(before).scalar_subquery()


def _candidate(row: Row[Any]) -> CandidateRow:
    there = row.entry_id is not None
    return CandidateRow(
        source_id=row.candidate,
        latest=view_of(row) if there else None,
        live=there and row.live,
        hidden=there and not row.seen,
        wins=there and row.wins,
        rejections=tuple(row.rejections or ()),
    )
