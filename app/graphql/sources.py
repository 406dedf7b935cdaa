"""Sources as GraphQL types, with the state of their synchronisation."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from app.core.settings import format_duration
from app.graphql import registries, runs
from app.graphql.context import GraphQLInfo
from app.graphql.node import Node, node_id
from app.graphql.pagination import After, Before, Connection, First, Last
from app.models.queries import Window
from app.models.views import SourceView
from app.resolvers.concealment import conceal

if TYPE_CHECKING:
    from app.graphql.registries import Registry
    from app.graphql.runs import SyncRun


@strawberry.enum(description="Where a source's entries come from.")
class SourceKind(Enum):
    GIT = strawberry.enum_value("GIT", description="A file in a git repository.")
    API = strawberry.enum_value("API", description="Another MCP registry.")
    FILE = strawberry.enum_value("FILE", description="A file on disk or behind a URL.")
    MANAGED = strawberry.enum_value("MANAGED", description="Published by hand through this server.")
    KUBERNETES = strawberry.enum_value("KUBERNETES", description="Discovered in a Kubernetes cluster.")


@strawberry.enum(description="Who owns a source or registry.")
class CreationType(Enum):
    CONFIG = strawberry.enum_value("CONFIG", description="The configuration file; it cannot be changed here.")
    API = strawberry.enum_value("API", description="The API.")


@strawberry.enum(description="Where the synchronisation of a source stands.")
class SyncPhase(Enum):
    IDLE = strawberry.enum_value("IDLE", description="Nothing is ever fetched for this source.")
    PENDING = strawberry.enum_value("PENDING", description="It waits for its first run.")
    SYNCING = strawberry.enum_value("SYNCING", description="A run is under way.")
    COMPLETE = strawberry.enum_value("COMPLETE", description="The last run went well.")
    HELD = strawberry.enum_value(
        "HELD", description="The last run would have removed too much; what was served before still is. See `heldRun`."
    )
    FAILED = strawberry.enum_value("FAILED", description="The last run failed; what was served before still is.")


@strawberry.type(description="How the synchronisation of a source stands.")
class SyncStatus:
    held_run_id: strawberry.Private[int | None]
    phase: SyncPhase = strawberry.field(description="Where it stands.")
    message: str = strawberry.field(description="What happened last, in a sentence.")
    last_attempt_at: datetime | None = strawberry.field(description="When a run last started.")
    last_success_at: datetime | None = strawberry.field(description="When a run last went well.")
    next_run_at: datetime | None = strawberry.field(description="When the next run is due.")
    consecutive_failures: int = strawberry.field(description="How many runs failed since the last that went well.")
    requested: bool = strawberry.field(description="Whether somebody asked for the next run.")

    @strawberry.field(description="The run that would have removed too much and waits to be accepted.")
    async def held_run(self, info: GraphQLInfo) -> Annotated[SyncRun, strawberry.lazy("app.graphql.runs")] | None:
        if self.held_run_id is None:
            return None
        view = await info.context.loaders.run.load(self.held_run_id)
        return None if view is None else runs.SyncRun.of(view)


@strawberry.type(description="Where entries come from.")
class Source(Node):
    view: strawberry.Private[SourceView]
    name: str = strawberry.field(description="The name.")
    kind: SourceKind = strawberry.field(description="What it is.")
    creation_type: CreationType = strawberry.field(description="Who owns it.")
    config: JSON = strawberry.field(
        description="Its settings. Headers and logins are masked, inline data are told by their size."
    )
    filter: JSON | None = strawberry.field(description="Which of its entries are taken.")
    sync_interval: str | None = strawberry.field(description="The time between runs, e.g. `30m0s`.")
    max_removal_percent: int = strawberry.field(
        description="What share of ten or more servers one run may remove; a run that would remove more is held."
    )
    entry_count: int = strawberry.field(description="How many servers it serves.")
    version_count: int = strawberry.field(description="How many versions it serves.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its settings last changed.")

    @classmethod
    def of(cls, view: SourceView) -> Source:
        seconds = view.interval_seconds
        return cls(
            id=node_id("Source", view.name),
            view=view,
            name=view.name,
            kind=SourceKind[view.kind.upper()],
            creation_type=CreationType[view.creation_type],
            config=JSON(conceal(view.config)),
            filter=None if view.filter is None else JSON(view.filter),
            sync_interval=None if seconds is None else format_duration(timedelta(seconds=seconds)),
            max_removal_percent=view.max_removal_percent,
            entry_count=view.entry_count,
            version_count=view.version_count,
            created_at=view.created_at,
            updated_at=view.updated_at,
        )

    @strawberry.field(description="How its synchronisation stands.")
    def sync(self) -> SyncStatus:
        view = self.view
        return SyncStatus(
            phase=SyncPhase[view.phase],
            message=view.message,
            last_attempt_at=view.last_attempt_at,
            last_success_at=view.last_success_at,
            next_run_at=view.next_run_at,
            consecutive_failures=view.consecutive_failures,
            requested=view.requested,
            held_run_id=view.held_run_id,
        )

    @strawberry.field(description="Its last run.")
    async def last_run(self, info: GraphQLInfo) -> Annotated[SyncRun, strawberry.lazy("app.graphql.runs")] | None:
        page = await info.context.loaders.runs(Window(limit=1)).load(self.view.id)
        return runs.SyncRun.of(page.items[0]) if page and page.items else None

    @strawberry.field(description="Its runs, the newest first. Of runs that changed nothing only the last is kept.")
    async def runs(
        self, info: GraphQLInfo, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Annotated[SyncRun, strawberry.lazy("app.graphql.runs")]]:
        return await runs.connect_source_runs(info, self.view.id, self.name, (first, after, last, before))

    @strawberry.field(description="The registries that list it, by name.")
    async def registries(
        self, info: GraphQLInfo
    ) -> list[Annotated[Registry, strawberry.lazy("app.graphql.registries")]]:
        views = await info.context.loaders.registry.load_many(list(self.view.registry_ids))
        found = [registries.Registry.of(view) for view in views if view is not None]
        return sorted(found, key=lambda registry: registry.name)
