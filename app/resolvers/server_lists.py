"""Lists of servers of several registries at once, for transports that ask for them beside each other.

What a list is of, and in which order, is known to app.resolvers.search; here the statements of many become one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from app.core.database import Session
from app.core.errors import AppError, Invalid, RegistryNotFound
from app.models.queries import ListServers, check_query, check_text
from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from app.resolvers.search import Counts, Found, search_servers
from app.store import facets, registries, servers
from app.store.servers import Scope

T = TypeVar("T")

_Read = Callable[[Session, Sequence[Scope], ListServers], Awaitable[Sequence[T]]]


async def search_each(ctx: Ctx, queries: Sequence[ListServers]) -> Mapping[ListServers, Found | AppError]:
    """For each query its page, or why there is none. A ranked search is done by itself, as what it is corrected to
    depends on the registry."""

    async def read(session: Session, scopes: Sequence[Scope], query: ListServers) -> list[Found]:
        return [Found(page, query) for page in await servers.list_versions_of(session, scopes, query)]

    ranked = [query for query in queries if query.ranked is not None]
    plain = [query for query in queries if query.ranked is None]
    found, searched = await asyncio.gather(
        _each(ctx, plain, read), asyncio.gather(*(_search(ctx, query) for query in ranked))
    )
    pages = {query: replace(one, query=query) if isinstance(one, Found) else one for query, one in found.items()}
    return {**pages, **dict(zip(ranked, searched, strict=True))}


async def count_each(ctx: Ctx, queries: Sequence[ListServers]) -> Mapping[ListServers, int | AppError]:
    """For each query how many rows it has over all its pages, or why that cannot be told."""
    return await _each(ctx, queries, servers.count_versions_of)


async def count_facets_of_each(ctx: Ctx, queries: Sequence[ListServers]) -> Mapping[ListServers, Counts | AppError]:
    return await _each(ctx, queries, facets.count_facets_of)


async def _search(ctx: Ctx, query: ListServers) -> Found | AppError:
    try:
        return await search_servers(ctx, query)
    except AppError as error:
        return error


async def _each(ctx: Ctx, queries: Sequence[ListServers], read: _Read[T]) -> dict[ListServers, T | AppError]:
    """Queries that differ in nothing but the registry are read together."""
    groups: dict[ListServers, list[ListServers]] = {}
    for query in queries:
        groups.setdefault(replace(query, registry=None), []).append(query)
    answers = await asyncio.gather(*(_read_group(ctx, members, read) for members in groups.values()))
    return {query: answer for group in answers for query, answer in group.items()}


async def _read_group(ctx: Ctx, members: Sequence[ListServers], read: _Read[T]) -> dict[ListServers, T | AppError]:
    found: dict[ListServers, T | AppError] = {}
    try:
        check_query(members[0])
        async with ctx.db.read() as session:
            scopes = await _find_scopes(ctx, session, members, found)
            if scopes:
                query = replace(members[0], registry=None)
                found.update(zip(scopes, await read(session, list(scopes.values()), query), strict=True))
    except Invalid as error:
        return dict.fromkeys(members, error)
    return found


async def _find_scopes(
    ctx: Ctx, session: Session, members: Sequence[ListServers], faults: dict[ListServers, T | AppError]
) -> dict[ListServers, Scope]:
    """The registry of each query. Those that have none are put among the faults."""
    named = {query: query.registry for query in members if query.registry is not None}
    for query, name in named.items():
        try:
            check_text("registry", name)
        except Invalid as error:
            faults[query] = error
    ids: dict[str | None, int] = {None: AGGREGATE_ID}
    if sound := [name for query, name in named.items() if query not in faults]:
        ids.update(await registries.registry_ids(session, sound))
    for query in members:
        if query not in faults and query.registry not in ids:
            faults[query] = RegistryNotFound("registry not found")
    return {q: Scope(ids[q.registry], ctx.viewer.visibility) for q in members if q not in faults}
