"""Registries as GraphQL types, and the arguments of every list of servers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.graphql import servers, sources
from app.graphql.context import GraphQLInfo
from app.graphql.inputs import ServerOrder, ServerWhere
from app.graphql.node import Node, node_id
from app.graphql.pagination import After, Before, Connection, First, Last, Places, connect, cursor, window
from app.models.queries import LATEST, ListServers
from app.models.views import RegistryView
from app.resolvers.servers import count_servers, list_servers

if TYPE_CHECKING:
    from app.graphql.servers import Server
    from app.graphql.sources import CreationType, Source


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


@strawberry.type(description="A source as a registry lists it.")
class RegistrySource:
    position: int = strawberry.field(description="Its place; the source at 0 wins a name that several sources have.")
    source_id: strawberry.Private[int]

    @strawberry.field(description="The source.")
    async def source(self, info: GraphQLInfo) -> Annotated[Source, strawberry.lazy("app.graphql.sources")]:
        view = await info.context.loaders.source.load(self.source_id)
        assert view is not None  # noqa: S101  # a foreign key says so
        return sources.Source.of(view)


@strawberry.type(description="A named, ordered list of sources: what consumers query.")
class Registry(Node):
    view: strawberry.Private[RegistryView]
    name: str = strawberry.field(description="The name, as it stands in URLs.")
    creation_type: Annotated[CreationType, strawberry.lazy("app.graphql.sources")] = strawberry.field(
        description="Who owns it: the configuration file or the API."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its sources or claims last changed.")

    @classmethod
    def of(cls, view: RegistryView) -> Registry:
        return cls(
            id=node_id("Registry", view.name),
            view=view,
            name=view.name,
            creation_type=sources.CreationType[view.creation_type],
            created_at=view.created_at,
            updated_at=view.updated_at,
        )

    @strawberry.field(description="Its sources, the one with precedence first.")
    def sources(self) -> list[RegistrySource]:
        return [RegistrySource(position=i, source_id=source_id) for i, source_id in enumerate(self.view.source_ids)]

    @strawberry.field(description="How many servers are seen in it.")
    async def server_count(self, info: GraphQLInfo) -> int:
        return await info.context.loaders.server_count.load(self.view.id) or 0

    @strawberry.field(description="The servers that are seen in it: one a name.")
    async def servers(
        self,
        info: GraphQLInfo,
        search: Search = None,
        where: Where = None,
        order_by: OrderBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_deleted: IncludeDeleted = False,
    ) -> Connection[Annotated[Server, strawberry.lazy("app.graphql.servers")]]:
        query = server_query(self.name, search, where, order_by, include_deleted)
        return await connect_servers(info, query, (first, after, last, before))


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
