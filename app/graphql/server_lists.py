"""Lists of servers: their arguments, and the connection they become."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Any

import strawberry

from app.graphql import servers
from app.graphql.context import GraphQLInfo
from app.graphql.inputs import ServerOrder, ServerWhere
from app.graphql.pagination import Connection, Places, connect, cursor, window
from app.models.queries import LATEST, ListServers
from app.resolvers.servers import count_servers, list_servers

Search = Annotated[
    str | None, strawberry.argument(description="Text that the name, title or description holds, whatever the case.")
]
Where = Annotated[ServerWhere | None, strawberry.argument(description="Conditions on the latest version.")]
OrderBy = Annotated[
    ServerOrder | None,
    strawberry.argument(description="The order; by name if absent, with exact hits of `search` first."),
]
IncludeDeleted = Annotated[
    bool, strawberry.argument(description="Whether servers without a version that is not deleted are shown, too.")
]


def server_query(
    registry: str | None,
    search: str | None,
    where: ServerWhere | None,
    order_by: ServerOrder | None,
    include_deleted: bool,
) -> ListServers:
    return ListServers(
        registry=registry,
        search=search or None,
        version=LATEST,
        include_deleted=include_deleted,
        where=None if where is None else where.to_filter(),
        order=None if order_by is None else order_by.to_order(),
    )


async def connect_servers(info: GraphQLInfo, query: ListServers, places: Places) -> Connection[Any]:
    # Everything that makes the list what it is, so that a cursor of another list is refused.
    listed_by = hashlib.blake2b(repr(query).encode(), digest_size=6).hexdigest()
    chosen = window(*places, listed_by=listed_by)
    page = await list_servers(info.context.ctx, replace(query, window=chosen))
    return connect(
        page,
        [cursor(item.key, listed_by) for item in page.items],
        lambda view: servers.Server.of(query.registry, view),
        lambda: count_servers(info.context.ctx, query),
    )
