"""Finding versions by what names them: any number of them, in any number of registries, with one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Row,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import Kind, Status
from app.models.queries import LATEST, Visibility
from app.models.views import VersionView
from app.store.predicates import listing, version, visible

_OF_LISTING: Final = ("entry_id", "source_id", "registry_id", "name")
_OF_VERSION: Final = (
    "version",
    "status_message",
    "status_changed_at",
    "published_at",
    "updated_at",
    "title",
    "description",
    "tier",
    "tags",
    "tools",
    "registry_types",
    "transports",
    "document",
)


class Wanted(NamedTuple):
    """A version in a registry; `version` may be "latest". `include_deleted`: whether a deleted one counts."""

    registry_id: int
    name: str
    version: str
    include_deleted: bool


class WantedOfSource(NamedTuple):
    """A version that a source has, whether or not another source shadows it in the registry."""

    registry_id: int
    source_id: int
    name: str
    version: str


async def find_versions(
    session: AsyncSession, wanted: Sequence[Wanted], visibility: Visibility
) -> Mapping[Wanted, VersionView]:
    """Those of the wanted versions that the viewer sees in the registry."""
    given = _given(wanted, {"registry": Integer(), "name": Text(), "version": Text(), "deleted": Boolean()})
    held = and_(
        listing.c.registry_id == given.c.registry,
        listing.c.kind == int(Kind.SERVER),
        listing.c.name == given.c.name,
    )
    other = version.alias()
    exact = (
        select(other.c.id)
        .where(other.c.entry_id == listing.c.entry_id, other.c.version == given.c.version)
        .scalar_subquery()
    )
    chosen = version.c.id == case((given.c.version == LATEST, listing.c.latest_version_id), else_=exact)
    statement = (
        select(given.c.ordinal, *version_fields(listing))
        .select_from(given.join(listing, held).join(version, chosen))
        .where(visible(listing, visibility), or_(given.c.deleted, version.c.status != Status.DELETED))
    )
    return {wanted[row.ordinal - 1]: view_of(row) for row in await session.execute(statement)}


async def find_versions_of_sources(
    session: AsyncSession, wanted: Sequence[WantedOfSource], visibility: Visibility
) -> Mapping[WantedOfSource, VersionView]:
    """Those of the wanted versions that exist and whose claims the viewer has, deleted ones too."""
    given = _given(wanted, {"registry": Integer(), "source": Integer(), "name": Text(), "version": Text()})
    held = and_(
        listing.c.registry_id == given.c.registry,
        listing.c.source_id == given.c.source,
        listing.c.kind == int(Kind.SERVER),
        listing.c.name == given.c.name,
    )
    same = and_(version.c.entry_id == listing.c.entry_id, version.c.version == given.c.version)
    statement = (
        select(given.c.ordinal, *version_fields(listing))
        .select_from(given.join(listing, held).join(version, same))
        .where(claims_seen(listing, visibility))
    )
    return {wanted[row.ordinal - 1]: view_of(row) for row in await session.execute(statement)}


async def count_versions(session: AsyncSession, entry_ids: Sequence[int], include_deleted: bool) -> dict[int, int]:
    """For each entry the number of its versions."""
    found = await session.execute(
        select(version.c.entry_id, func.count().label("n"))
        .where(version.c.entry_id.in_(entry_ids), true() if include_deleted else version.c.status != Status.DELETED)
        .group_by(version.c.entry_id)
    )
    return dict.fromkeys(entry_ids, 0) | {row.entry_id: row.n for row in found}


def claims_seen(of: FromClause, visibility: Visibility) -> ColumnElement[bool]:
    """Whether a viewer may know of the entry of a listing, whoever wins its name."""
    if visibility.claim_sets is None:
        return true()
    sets = bindparam(None, list(visibility.claim_sets), type_=ARRAY(Integer))
    return of.c.claim_set_id == func.any(sets)


def version_fields(of: FromClause) -> list[ColumnElement[Any]]:
    """The columns of a view of the version that is joined to `of`, a listing."""
    return [
        *(of.c[name] for name in _OF_LISTING),
        version.c.id.label("version_id"),
        (version.c.id == of.c.latest_version_id).label("is_latest"),
        version.c.status.label("standing"),
        *(version.c[name] for name in _OF_VERSION),
    ]


def view_of(row: Row[Any]) -> VersionView:
    names = (*_OF_LISTING, "version_id", "is_latest", *_OF_VERSION)
    return VersionView(**{name: row._mapping[name] for name in names}, status=Status(row.standing))


def _given(rows: Sequence[Sequence[Any]], columns: Mapping[str, Any]) -> TableValuedAlias:
    """Rows as a table, each with its `ordinal` from 1."""
    lists = [[row[place] for row in rows] for place in range(len(columns))]
    arrays = [bindparam(None, values, type_=ARRAY(kind)) for values, kind in zip(lists, columns.values(), strict=True)]
    table = func.unnest(*arrays).table_valued(*columns, with_ordinality="ordinal", name="given")
    return table.render_derived()
