"""Registries as GraphQL types."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.graphql import sources
from app.graphql.context import GraphQLInfo
from app.graphql.node import Node, node_id
from app.graphql.pagination import After, Before, First, Last
from app.graphql.server_lists import (
    IncludeDeleted,
    OrderBy,
    Search,
    ServerConnection,
    Where,
    connect_servers,
    server_query,
)
from app.models.views import RegistryView

if TYPE_CHECKING:
    from app.graphql.sources import CreationType, Source


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
    ) -> ServerConnection:
        query = server_query(self.name, search, where, order_by, include_deleted)
        return await connect_servers(info, query, (first, after, last, before))
