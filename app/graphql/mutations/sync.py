"""Synchronising sources: asking for a run, looking at what one would do, consenting to one that is held."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.core.errors import Invalid
from app.graphql.context import GraphQLInfo
from app.graphql.node import parse_node_id
from app.graphql.payloads import UserError, attempt
from app.graphql.previews import SyncPreview
from app.graphql.sources import Source
from app.models.views import SourceView
from app.resolvers.sync_requests import accept_held, preview_sync, request_sync


@strawberry.input(description="Which source to synchronise.")
class SyncSourceInput:
    source: str = strawberry.field(description="The source's name.")
    full: bool = strawberry.field(
        default=False, description="Whether to read everything anew, instead of what changed since the last run."
    )


@strawberry.input(description="Which source to look at.")
class PreviewSyncInput:
    source: str = strawberry.field(description="The source's name.")


@strawberry.input(description="Which held run to accept.")
class AcceptHeldSyncInput:
    source: str = strawberry.field(description="The source's name.")
    run: strawberry.ID | None = strawberry.field(
        default=None,
        description="The id of the run that was looked at; refused if another is held by now. If absent, any.",
    )


@strawberry.type(description="What came of asking for a run.")
class SyncSourcePayload:
    source: Source | None = strawberry.field(description="The source, whose run is now due; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of a dry run.")
class PreviewSyncPayload:
    preview: SyncPreview | None = strawberry.field(description="What a run would do; null if that cannot be told.")
    errors: list[UserError] = strawberry.field(description="Why it cannot be told; empty if it can.")


@strawberry.type(description="What came of accepting a held run.")
class AcceptHeldSyncPayload:
    source: Source | None = strawberry.field(
        description="The source, whose next run may remove what the held one would have; null if it was refused."
    )
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type
class SyncMutations:
    @strawberry.mutation(description="Have a source synchronised now, instead of when its interval has passed.")
    async def sync_source(
        self,
        info: GraphQLInfo,
        input: Annotated[SyncSourceInput, strawberry.argument(description="The source.")],
    ) -> SyncSourcePayload:
        work = request_sync(info.context.renew(), input.source, full=input.full)
        tried = await attempt(work, "source")
        return SyncSourcePayload(source=_shown(tried.result), errors=tried.errors)

    @strawberry.mutation(description="Fetch a source and tell what a run would change. Nothing is changed.")
    async def preview_sync(
        self,
        info: GraphQLInfo,
        input: Annotated[PreviewSyncInput, strawberry.argument(description="The source.")],
    ) -> PreviewSyncPayload:
        tried = await attempt(preview_sync(info.context.renew(), input.source), "source")
        found = None if tried.result is None else SyncPreview.of(tried.result)
        return PreviewSyncPayload(preview=found, errors=tried.errors)

    @strawberry.mutation(description="Let a source remove what a held run would have removed, at its next run.")
    async def accept_held_sync(
        self,
        info: GraphQLInfo,
        input: Annotated[AcceptHeldSyncInput, strawberry.argument(description="The source and the run.")],
    ) -> AcceptHeldSyncPayload:
        number = None if input.run is None else _run_number(input.run)
        work = accept_held(info.context.renew(), input.source, number)
        tried = await attempt(work, "source")
        return AcceptHeldSyncPayload(source=_shown(tried.result), errors=tried.errors)


def _shown(view: SourceView | None) -> Source | None:
    return None if view is None else Source.of(view)


def _run_number(text: str) -> int:
    match parse_node_id(text):
        case "SyncRun", [int(number)] if number is not True:
            return number
    raise Invalid("Invalid id: run must be the id of a sync run")
