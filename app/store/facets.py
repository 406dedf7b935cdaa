"""Counts the values of facets over everything that a query finds: one statement for all facets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import FromClause, Row, Select, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.queries import ListServers
from app.models.tables import FacetValue, table_of
from app.store.predicates import listing, source
from app.store.ranking import entry_search
from app.store.servers import Scope, matching
from app.store.unions import execute_each

facet_value = table_of(FacetValue)

MAX_VALUES = 100
"""Values of one facet."""

Counts = Mapping[str, tuple[tuple[str, int], ...]]
"""By facet (tag, registryType, transport, tier, status, namespace, source): values with how many servers have them, the
most frequent first."""


async def count_facets(session: AsyncSession, scope: Scope, query: ListServers) -> Counts:
    """For a query of latest versions: facets are those of an entry's latest version. MAX_VALUES of each at most."""
    (counts,) = await count_facets_of(session, [scope], query)
    return counts


async def count_facets_of(session: AsyncSession, scopes: Sequence[Scope], query: ListServers) -> list[Counts]:
    """The same for several registries: one statement for all of them."""
    statements = [_counting(scope, query) for scope in scopes]
    return [_counts(rows) for rows in await execute_each(session, statements)]


def _counting(scope: Scope, query: ListServers) -> Select[Any]:
    found = matching(scope, query, narrow=True, searchable=True)
    hit = found.add_columns(listing.c.source_id, entry_search.c.facets).cte().prefix_with("materialized")
    counted = union_all(_numbered(hit), _sources(hit)).subquery("counted")
    place = func.row_number().over(partition_by=counted.c.facet, order_by=(counted.c.total.desc(), counted.c.value))
    placed = select(counted, place.label("place")).subquery("placed")
    return placed.select().where(placed.c.place <= MAX_VALUES).order_by(placed.c.facet, placed.c.place)


def _counts(rows: Iterable[Row[Any]]) -> Counts:
    counts: dict[str, list[tuple[str, int]]] = {}
    for row in rows:
        counts.setdefault(row.facet, []).append((row.value, row.total))
    return {facet: tuple(values) for facet, values in counts.items()}


def _numbered(hit: FromClause) -> Select[Any]:
    numbers = select(func.unnest(hit.c.facets).label("id")).subquery("numbers")
    counted = select(numbers.c.id, func.count().label("total")).group_by(numbers.c.id).subquery()
    return select(facet_value.c.facet, facet_value.c.value, counted.c.total).select_from(
        counted.join(facet_value, facet_value.c.id == counted.c.id)
    )


def _sources(hit: FromClause) -> Select[Any]:
    counted = select(hit.c.source_id, func.count().label("total")).group_by(hit.c.source_id).subquery()
    return select(literal("source").label("facet"), source.c.name, counted.c.total).select_from(
        counted.join(source, source.c.id == counted.c.source_id)
    )
