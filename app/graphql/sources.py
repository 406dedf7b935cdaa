"""Sources and sync runs as GraphQL types."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from app.core.settings import format_duration
from app.graphql import registries
from app.graphql.context import GraphQLInfo
from app.graphql.node import Node, node_id
from app.graphql.pagination import After, Before, Connection, First, Last, connect, cursor, window
from app.models.queries import Window
from app.models.views import SourceView, SyncRunView
from app.resolvers.sources import count_runs

if TYPE_CHECKING:
    from app.graphql.registries import Registry


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
    FAILED = strawberry.enum_value("FAILED", description="The last run failed; what was served before still is.")


@strawberry.enum(description="How a sync run ended.")
class SyncOutcome(Enum):
    RUNNING = strawberry.enum_value("RUNNING", description="It has not ended.")
    APPLIED = strawberry.enum_value("APPLIED", description="The catalogue was changed.")
    UNCHANGED = strawberry.enum_value("UNCHANGED", description="There was nothing to change.")
    HELD = strawberry.enum_value("HELD", description="It would have removed too much and waits for an operator.")
    FAILED = strawberry.enum_value("FAILED", description="It failed and changed nothing.")
    INTERRUPTED = strawberry.enum_value("INTERRUPTED", description="Its process stopped; it changed nothing.")


@strawberry.enum(description="Why a sync run was started.")
class SyncTrigger(Enum):
    START = strawberry.enum_value("START", description="The server started.")
    SCHEDULE = strawberry.enum_value("SCHEDULE", description="The source's interval had passed.")
    MANUAL = strawberry.enum_value("MANUAL", description="Somebody asked for it.")


@strawberry.type(description="A document that could not be used.")
class Rejection:
    name: str | None = strawberry.field(description="The server's name, if it could be read.")
    version: str | None = strawberry.field(description="The version, if it could be read.")
    reason: str = strawberry.field(description="Where in the file it stands and what is wrong with it.")


@strawberry.type(description="One attempt to fetch a source and apply what it holds.")
class SyncRun(Node):
    view: strawberry.Private[SyncRunView]
    trigger: SyncTrigger = strawberry.field(description="Why it was started.")
    outcome: SyncOutcome = strawberry.field(description="How it ended.")
    started_at: datetime = strawberry.field(description="When it started.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    fetched: int = strawberry.field(description="How many documents the source held.")
    added: int = strawberry.field(description="How many versions were added.")
    updated: int = strawberry.field(description="How many versions were changed.")
    removed: int = strawberry.field(description="How many versions were gone and became deleted.")
    rejected: int = strawberry.field(description="How many documents could not be used.")
    error: str | None = strawberry.field(description="Why it failed.")
    upstream_revision: str | None = strawberry.field(description="What identifies the content, e.g. its SHA-256.")

    @classmethod
    def of(cls, view: SyncRunView) -> SyncRun:
        same = ("started_at", "finished_at", "fetched", "added", "updated", "removed", "rejected", "error")
        return cls(
            id=node_id("SyncRun", view.id),
            view=view,
            trigger=SyncTrigger[view.trigger],
            outcome=SyncOutcome[view.outcome],
            upstream_revision=view.upstream_revision,
            **{name: getattr(view, name) for name in same},
        )

    @strawberry.field(description="The documents that could not be used; the first of them, where there are very many.")
    def rejections(self) -> list[Rejection]:
        return [Rejection(**rejection) for rejection in self.view.rejections]

    @strawberry.field(description="The source it ran for.")
    async def source(self, info: GraphQLInfo) -> Source:
        view = await info.context.loaders.source.load(self.view.source_id)
        assert view is not None  # noqa: S101  # a foreign key says so
        return Source.of(view)


@strawberry.type(description="How the synchronisation of a source stands.")
class SyncStatus:
    phase: SyncPhase = strawberry.field(description="Where it stands.")
    message: str = strawberry.field(description="What happened last, in a sentence.")
    last_attempt_at: datetime | None = strawberry.field(description="When a run last started.")
    last_success_at: datetime | None = strawberry.field(description="When a run last went well.")
    next_run_at: datetime | None = strawberry.field(description="When the next run is due.")
    consecutive_failures: int = strawberry.field(description="How many runs failed since the last that went well.")


@strawberry.type(description="Where entries come from.")
class Source(Node):
    view: strawberry.Private[SourceView]
    name: str = strawberry.field(description="The name.")
    kind: SourceKind = strawberry.field(description="What it is.")
    creation_type: CreationType = strawberry.field(description="Who owns it.")
    config: JSON = strawberry.field(description="Its settings; secrets are never part of them.")
    filter: JSON | None = strawberry.field(description="Which of its entries are taken.")
    sync_interval: str | None = strawberry.field(description="The time between runs, e.g. `30m0s`.")
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
            config=JSON(view.config),
            filter=None if view.filter is None else JSON(view.filter),
            sync_interval=None if seconds is None else format_duration(timedelta(seconds=seconds)),
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
        )

    @strawberry.field(description="Its last run.")
    async def last_run(self, info: GraphQLInfo) -> SyncRun | None:
        page = await info.context.loaders.runs(Window(limit=1)).load(self.view.id)
        return SyncRun.of(page.items[0]) if page and page.items else None

    @strawberry.field(description="Its runs, the newest first. Of runs that changed nothing only the last is kept.")
    async def runs(
        self, info: GraphQLInfo, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[SyncRun]:
        listed_by = f"runs of {self.name}"
        chosen = window(first, after, last, before, listed_by=listed_by)
        page = await info.context.loaders.runs(chosen).load(self.view.id)
        assert page is not None  # noqa: S101  # the loader answers every source it is asked for
        cursors = [cursor((run.id,), listed_by) for run in page.items]
        return connect(page, cursors, SyncRun.of, lambda: count_runs(info.context.ctx, self.view.id))

    @strawberry.field(description="The registries that list it, by name.")
    async def registries(
        self, info: GraphQLInfo
    ) -> list[Annotated[Registry, strawberry.lazy("app.graphql.registries")]]:
        views = await info.context.loaders.registry.load_many(list(self.view.registry_ids))
        found = [registries.Registry.of(view) for view in views if view is not None]
        return sorted(found, key=lambda registry: registry.name)
