"""Reading servers and their versions."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from app.graphql.context import GraphQLInfo
from app.graphql.explanations import ServerExplanation
from app.graphql.pagination import After, Before, Connection, First, Last
from app.graphql.server_lists import (
    IncludeDeleted,
    OrderBy,
    Search,
    ServerConnection,
    Where,
    connect_servers,
    server_query,
)
from app.graphql.servers import IncludeDeleted as IncludeDeletedVersions
from app.graphql.servers import Server, ServerVersion
from app.graphql.validation import ValidationReport
from app.graphql.version_lists import VersionOrderBy, VersionWhere, connect_versions, version_query
from app.models.queries import LATEST
from app.resolvers.explanations import explain_server
from app.resolvers.validation import validate_server

RegistryName = Annotated[
    str | None, strawberry.argument(description="The registry to look in; all of them together if absent.")
]
ServerName = Annotated[str, strawberry.argument(description="The full name, e.g. `io.github.acme/db`.")]
ExplainedRegistry = Annotated[str, strawberry.argument(description="The registry to look in.")]
Document = Annotated[JSON, strawberry.argument(description="The server.json to check, as JSON.")]
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
    ) -> ServerConnection:
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

    @strawberry.field(description="The versions of the servers of a registry, by name and version.")
    async def server_versions(
        self,
        info: GraphQLInfo,
        registry: RegistryName = None,
        where: VersionWhere = None,
        order_by: VersionOrderBy = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_deleted: IncludeDeletedVersions = False,
    ) -> Connection[ServerVersion]:
        query = version_query(registry, where, order_by, include_deleted)
        return await connect_versions(info, query, (first, after, last, before))

    @strawberry.field(
        description="Why a registry serves what it serves under a name: what each of its sources has, which one wins,"
        " and what keeps the others back."
    )
    async def explain_server(
        self, info: GraphQLInfo, name: ServerName, registry: ExplainedRegistry
    ) -> ServerExplanation:
        return ServerExplanation.of(await explain_server(info.context.ctx, name, registry))

    @strawberry.field(description="What publishing would say of a server.json: the same rules, nothing written.")
    async def validate_server(self, info: GraphQLInfo, document: Document) -> ValidationReport:
        return ValidationReport.of(await validate_server(info.context.ctx, document))
