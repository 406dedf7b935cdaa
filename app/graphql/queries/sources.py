"""Reading registries, sources and the history of their synchronisation."""

from __future__ import annotations

import hashlib
from typing import Annotated

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.pagination import After, Before, Connection, First, Last, connect_all, window
from app.graphql.registries import Registry
from app.graphql.runs import SyncOutcome, SyncRun, connect_runs
from app.graphql.source_inputs import RegistryWhere, SourceWhere, to_selection
from app.graphql.sources import Source
from app.models.selections import Selection
from app.resolvers import registries, sources

Name = Annotated[str, strawberry.argument(description="The name.")]
SourceName = Annotated[str | None, strawberry.argument(description="Only runs of the source of this name.")]
WhichSources = Annotated[SourceWhere | None, strawberry.argument(description="Conditions on the sources.")]
WhichRegistries = Annotated[RegistryWhere | None, strawberry.argument(description="Conditions on the registries.")]
Outcome = Annotated[SyncOutcome | None, strawberry.argument(description="Only runs that ended like this.")]


@strawberry.type
class SourceQueries:
    @strawberry.field(description="The registries, by name.")
    async def registries(
        self,
        info: GraphQLInfo,
        where: WhichRegistries = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Registry]:
        selection = to_selection(where)
        listed_by = _listed_by("registries", selection)
        chosen = window(first, after, last, before, listed_by=listed_by)
        found = await registries.select_registries(info.context.ctx, selection)
        return connect_all(found, lambda view: view.name, Registry.of, chosen, listed_by)

    @strawberry.field(description="One registry; null if there is none of that name.")
    async def registry(self, info: GraphQLInfo, name: Name) -> Registry | None:
        view = await info.context.loaders.registry_by_name.load(name)
        return None if view is None else Registry.of(view)

    @strawberry.field(description="The sources, by name, with the state of their synchronisation.")
    async def sources(
        self,
        info: GraphQLInfo,
        where: WhichSources = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Source]:
        selection = to_selection(where)
        listed_by = _listed_by("sources", selection)
        chosen = window(first, after, last, before, listed_by=listed_by)
        found = await sources.select_sources(info.context.ctx, selection)
        return connect_all(found, lambda view: view.name, Source.of, chosen, listed_by)

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


def _listed_by(what: str, selection: Selection) -> str:
    """What makes the list what it is, so that a cursor of another one is refused."""
    return f"{what} {hashlib.blake2b(repr(selection).encode(), digest_size=6).hexdigest()}"
