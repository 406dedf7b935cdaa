"""Sync runs as GraphQL types: the history of sources, and how far a run under way has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.graphql import sources
from app.graphql.context import GraphQLInfo
from app.graphql.node import Node, node_id
from app.graphql.pagination import NOTHING, Connection, Places, connect, cursor, selects_page, window
from app.models import kinds
from app.models.snapshot import Rejection as RejectionView
from app.models.views import Page, SyncRunView
from app.resolvers.sources import count_all_runs, list_runs

if TYPE_CHECKING:
    from app.graphql.sources import Source


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


@strawberry.enum(description="What a sync run under way is doing.")
class SyncStage(Enum):
    FETCHING = strawberry.enum_value("FETCHING", description="Reading documents from where the source points to.")
    READING = strawberry.enum_value("READING", description="Checking the documents.")
    APPLYING = strawberry.enum_value("APPLYING", description="Changing the catalogue.")


@strawberry.type(description="A document that could not be used.")
class Rejection:
    name: str | None = strawberry.field(description="The server's name, if it could be read.")
    version: str | None = strawberry.field(description="The version, if it could be read.")
    reason: str = strawberry.field(description="Where in the file it stands and what is wrong with it.")

    @classmethod
    def of(cls, view: RejectionView) -> Rejection:
        return cls(name=view.name, version=view.version, reason=view.reason)


@strawberry.type(description="What a run would remove that was held because that is too much.")
class HeldRemoval:
    entries: int = strawberry.field(description="How many servers the source serves without it.")
    removed: int = strawberry.field(description="How many of them it would remove.")
    names: list[str] = strawberry.field(description="The names it would remove; the first 200.")

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> HeldRemoval:
        return cls(entries=held["entries"], removed=held["removed"], names=list(held["names"]))


@strawberry.type(description="One attempt to fetch a source and apply what it holds.")
class SyncRun(Node):
    view: strawberry.Private[SyncRunView]
    trigger: SyncTrigger = strawberry.field(description="Why it was started.")
    outcome: SyncOutcome = strawberry.field(description="How it ended.")
    stage: SyncStage | None = strawberry.field(description="What it is doing; null once it has ended.")
    started_at: datetime = strawberry.field(description="When it started.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    fetched: int = strawberry.field(description="How many documents the source held; of a run under way, so far.")
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
            stage=SyncStage[view.stage] if view.stage else None,
            upstream_revision=view.upstream_revision,
            **{name: getattr(view, name) for name in same},
        )

    @strawberry.field(description="The documents that could not be used; the first of them, where there are very many.")
    def rejections(self) -> list[Rejection]:
        return [Rejection(**rejection) for rejection in self.view.rejections]

    @strawberry.field(description="What it would remove, if it was held for that.")
    def held(self) -> HeldRemoval | None:
        held = self.view.held
        return None if held is None else HeldRemoval.of(held)

    @strawberry.field(description="The source it ran for.")
    async def source(self, info: GraphQLInfo) -> Annotated[Source, strawberry.lazy("app.graphql.sources")]:
        view = await info.context.loaders.source.load(self.view.source_id)
        assert view is not None  # noqa: S101  # a foreign key says so
        return sources.Source.of(view)


async def connect_runs(
    info: GraphQLInfo, source: str | None, outcome: SyncOutcome | None, places: Places
) -> Connection[SyncRun]:
    """The runs of all sources, or of one. Of a name that no source has there are none."""
    chosen_outcome = None if outcome is None else kinds.SyncOutcome[outcome.name]
    listed_by = ["syncRuns", source, chosen_outcome]
    chosen = window(*places, listed_by=listed_by)
    page: Page[SyncRunView] = NOTHING
    if selects_page(info):
        page = await list_runs(info.context.ctx, source, chosen_outcome, chosen)
    cursors = [cursor((run.id,), listed_by) for run in page.items]
    return connect(page, cursors, SyncRun.of, lambda: count_all_runs(info.context.ctx, source, chosen_outcome))


async def connect_source_runs(info: GraphQLInfo, source_id: int, name: str, places: Places) -> Connection[SyncRun]:
    """The runs of one source, for as many sources at once as ask for them."""
    listed_by = f"runs of {name}"
    chosen = window(*places, listed_by=listed_by)
    page: Page[SyncRunView] | None = NOTHING
    if selects_page(info):
        page = await info.context.loaders.runs(chosen).load(source_id)
    assert page is not None  # noqa: S101  # the loader answers every source it is asked for
    cursors = [cursor((run.id,), listed_by) for run in page.items]
    return connect(page, cursors, SyncRun.of, lambda: _count(info, source_id))


async def _count(info: GraphQLInfo, source_id: int) -> int:
    return await info.context.loaders.run_count.load(source_id) or 0
