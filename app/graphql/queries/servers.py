"""Reading servers and their versions."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.pagination import After, Before, Connection, First, Last
from app.graphql.server_lists import IncludeDeleted, OrderBy, Search, Where, connect_servers, server_query
from app.graphql.servers import Server, ServerVersion
from app.models.queries import LATEST

RegistryName = Annotated[
    str | None, strawberry.argument(description="The registry to look in; all of them together if absent.")
]
ServerName = Annotated[str, strawberry.argument(description="The full name, e.g. `io.github.acme/db`.")]
VersionName = Annotated[str, strawberry.argument(description="The version string, or `latest`.")]


@strawberry.type
class ServerQueries:
    @strawberry.field(description="The servers of a registry: one a name, the one with precedence.")
    async def servers(
        self,
        info: GraphQLInfo,
        registry: RegistryName = None,
        search: Search = None,
        where: Where = None,
        order_by: OrderBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_deleted: IncludeDeleted = False,
    ) -> Connection[Server]:
        query = server_query(registry, search, where, order_by, include_deleted)
        return await connect_servers(info, query, (first, after, last, before))

    @strawberry.field(description="One server; null if there is none of that name.")
    async def server(
        self,
        info: GraphQLInfo,
        name: ServerName,
        registry: RegistryName = None,
        include_deleted: IncludeDeleted = False,
    ) -> Server | None:
        view = await info.context.loaders.version.load((registry, name, LATEST, include_deleted))
        return None if view is None else Server.of(registry, view)

    @strawberry.field(description="One version of a server; null if there is none.")
    async def server_version(
        self,
        info: GraphQLInfo,
        name: ServerName,
        version: VersionName = LATEST,
        registry: RegistryName = None,
        include_deleted: IncludeDeleted = False,
    ) -> ServerVersion | None:
        view = await info.context.loaders.version.load((registry, name, version, include_deleted))
        return None if view is None else ServerVersion.of(registry, view)
