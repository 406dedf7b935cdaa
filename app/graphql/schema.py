"""The schema: its roots, and how errors, names and limits are set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, ParserCache, QueryDepthLimiter, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult

from app.core.errors import Invalid
from app.graphql.context import GraphQLInfo, Loaders
from app.graphql.errors import WrongMethod, log_errors
from app.graphql.mutations import Mutation
from app.graphql.node import Node, parse_node_id
from app.graphql.pagination import After, Before, Connection, First, Last, connect_all, window
from app.graphql.registries import IncludeDeleted, OrderBy, Registry, Search, Where, connect_servers, server_query
from app.graphql.runs import SyncOutcome, SyncRun, connect_runs
from app.graphql.servers import Server, ServerVersion
from app.graphql.service import ServiceInfo
from app.graphql.sources import Source
from app.models.queries import LATEST
from app.resolvers import registries, sources

MAX_IDS = 100
MAX_DEPTH = 20
MAX_ALIASES = 50
MAX_TOKENS = 2000

RegistryName = Annotated[
    str | None, strawberry.argument(description="The registry to look in; all of them together if absent.")
]
ServerName = Annotated[str, strawberry.argument(description="The full name, e.g. `io.github.acme/db`.")]
VersionName = Annotated[str, strawberry.argument(description="The version string, or `latest`.")]
Name = Annotated[str, strawberry.argument(description="The name.")]
SourceName = Annotated[str | None, strawberry.argument(description="Only runs of the source of this name.")]
Outcome = Annotated[SyncOutcome | None, strawberry.argument(description="Only runs that ended like this.")]


@strawberry.type(description="What can be read.")
class Query:
    @strawberry.field(description="The object with this id; null if there is none.")
    async def node(
        self, info: GraphQLInfo, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Node | None:
        return (await _nodes(info, [id]))[0]

    @strawberry.field(
        description="The objects with these ids, at most 100, in their order; null for each that is none."
    )
    async def nodes(
        self, info: GraphQLInfo, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids.")]
    ) -> list[Node | None]:
        if len(ids) > MAX_IDS:
            raise Invalid(f"ids holds {len(ids)} ids; {MAX_IDS} at most")
        return await _nodes(info, ids)

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

    @strawberry.field(description="The registries, by name.")
    async def registries(
        self, info: GraphQLInfo, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Registry]:
        found = await registries.list_registries(info.context.ctx)
        return connect_all(found, lambda view: view.name, Registry.of, window(first, after, last, before))

    @strawberry.field(description="One registry; null if there is none of that name.")
    async def registry(self, info: GraphQLInfo, name: Name) -> Registry | None:
        view = await info.context.loaders.registry_by_name.load(name)
        return None if view is None else Registry.of(view)

    @strawberry.field(description="The sources, by name, with the state of their synchronisation.")
    async def sources(
        self, info: GraphQLInfo, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Source]:
        found = await sources.list_sources(info.context.ctx)
        return connect_all(found, lambda view: view.name, Source.of, window(first, after, last, before))

    @strawberry.field(description="One source; null if there is none of that name.")
    async def source(self, info: GraphQLInfo, name: Name) -> Source | None:
        view = await info.context.loaders.source_by_name.load(name)
        return None if view is None else Source.of(view)

    @strawberry.field(
        description="The sync runs of all sources, the newest first. Of several that changed nothing, only the last."
    )
    async def sync_runs(
        self,
        info: GraphQLInfo,
        source: SourceName = None,
        outcome: Outcome = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[SyncRun]:
        return await connect_runs(info, source, outcome, (first, after, last, before))

    @strawberry.field(description="This server itself: what is running, and who synchronises.")
    def service(self, info: GraphQLInfo) -> ServiceInfo:
        return ServiceInfo.of(info.context.ctx)


async def _nodes(info: GraphQLInfo, ids: Sequence[str]) -> list[Node | None]:
    """Each id is looked up through a loader, so that all of them together take one statement a type."""
    return list(await asyncio.gather(*(_node(info.context.loaders, *parse_node_id(text)) for text in ids)))


async def _node(loaders: Loaders, type_name: str, key: list[Any]) -> Node | None:
    match type_name, key:
        case "Server", [str() | None as registry, str(name)]:
            version = await loaders.version.load((registry, name, LATEST, True))
            return None if version is None else Server.of(registry, version)
        case "ServerVersion", [str() | None as registry, str(name), str(number)]:
            version = await loaders.version.load((registry, name, number, True))
            return None if version is None else ServerVersion.of(registry, version)
        case "Registry", [str(name)]:
            registry_view = await loaders.registry_by_name.load(name)
            return None if registry_view is None else Registry.of(registry_view)
        case "Source", [str(name)]:
            source = await loaders.source_by_name.load(name)
            return None if source is None else Source.of(source)
        case "SyncRun", [int(number)]:
            run = await loaders.run.load(number)
            return None if run is None else SyncRun.of(run)
    raise Invalid("Invalid id: it names no type of this schema")


class Schema(strawberry.Schema):
    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Raises Invalid for what is no operation, or none that may come this way; the transport answers that."""
        try:
            return await super().execute(*args, **kwargs)
        except InvalidOperationTypeError as error:
            raise WrongMethod("only queries can be sent by GET; send mutations by POST") from error
        except CannotGetOperationTypeError as error:
            raise Invalid(error.as_http_error_reason()) from error
        except MissingQueryError as error:
            raise Invalid("query is missing: the text of the operation") from error

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Logs defects only; Strawberry would log a client's typing mistakes with a traceback, too."""
        log_errors(errors)


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[Server, ServerVersion, Registry, Source, SyncRun],
    config=StrawberryConfig(auto_camel_case=True),
    extensions=[
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        ParserCache,
        ValidationCache,
    ],
)


def print_sdl() -> str:
    """The schema in the schema definition language, as committed in frontend-schema/schema.graphql."""
    return schema.as_str() + "\n"
