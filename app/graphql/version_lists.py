"""Lists of versions: their arguments, and the connection they become."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.inputs import ServerVersionOrder, ServerVersionWhere
from app.graphql.pagination import NOTHING, Connection, Places, connect, cursor, selects_page, window
from app.graphql.servers import ServerVersion
from app.models.queries import ListServers
from app.resolvers.servers import count_servers, list_servers

VersionWhere = Annotated[ServerVersionWhere | None, strawberry.argument(description="Conditions on the versions.")]
VersionOrderBy = Annotated[
    ServerVersionOrder | None, strawberry.argument(description="The order; by name and version if absent.")
]


def version_query(
    registry: str | None,
    where: ServerVersionWhere | None,
    order_by: ServerVersionOrder | None,
    include_deleted: bool,
) -> ListServers:
    return ListServers(
        registry=registry,
        include_deleted=include_deleted,
        where=None if where is None else where.to_filter(),
        order=None if order_by is None else order_by.to_order(),
    )


async def connect_versions(info: GraphQLInfo, query: ListServers, places: Places) -> Connection[ServerVersion]:
    # Everything that makes the list what it is, so that a cursor of another list is refused.
    listed_by = hashlib.blake2b(repr(query).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    chosen = window(*places, listed_by=listed_by)
    page = await list_servers(info.context.ctx, replace(query, window=chosen)) if selects_page(info) else NOTHING
    return connect(
        page,
        [cursor(item.key, listed_by) for item in page.items],
        lambda view: ServerVersion.of(query.registry, view),
        lambda: count_servers(info.context.ctx, query),
    )
