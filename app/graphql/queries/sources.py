"""Reading registries, sources and the history of their synchronisation."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.pagination import After, Before, Connection, First, Last, connect_all, window
from app.graphql.registries import Registry
from app.graphql.runs import SyncOutcome, SyncRun, connect_runs
from app.graphql.sources import Source
from app.resolvers import registries, sources

Name = Annotated[str, strawberry.argument(description="The name.")]
SourceName = Annotated[str | None, strawberry.argument(description="Only runs of the source of this name.")]
Outcome = Annotated[SyncOutcome | None, strawberry.argument(description="Only runs that ended like this.")]


@strawberry.type
class SourceQueries:
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
