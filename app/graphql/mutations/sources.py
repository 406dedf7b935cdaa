"""Creating, changing and deleting sources."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.mutations.source_settings import (
    ApiSourceInput,
    FileSourceInput,
    GitSourceInput,
    SourceFilterInput,
    SourceFormat,
    to_body,
    to_input,
)
from app.graphql.node import node_id
from app.graphql.payloads import UserError, attempt
from app.graphql.sources import Source
from app.models.views import SourceView
from app.resolvers import source_administration


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


_FORMAT = "How the data are written; detected if absent. Another registry's API is always `UPSTREAM`."
_FILTER = "Which servers are taken; all if absent."
_INTERVAL = "The time between two runs, e.g. `30m`, at least `1s`; needed for everything that is fetched."
_REMOVAL = "What share of ten or more servers one run may remove, 0 to 100; a run that would remove more is held."
_KEPT = " Left out, it stays as it is;"


@strawberry.input(description="A new source. Exactly one of `git`, `api`, `file` and `managed: true`.")
class CreateSourceInput:
    name: str = strawberry.field(
        description="Its name: 1 to 63 lower-case letters, digits and hyphens, a letter or a digit at both ends."
    )
    git: GitSourceInput | None = _optional("Read a file in a git repository.")
    api: ApiSourceInput | None = _optional("Copy the servers of another MCP registry.")
    file: FileSourceInput | None = _optional("Read a registry file.")
    managed: bool | None = _optional("Hold what users publish. There may be one such source.")
    format: SourceFormat | None = _optional(_FORMAT)
    filter: SourceFilterInput | None = _optional(_FILTER)
    sync_interval: str | None = _optional(_INTERVAL)
    max_removal_percent: int | None = _optional(f"{_REMOVAL} 50 if absent.")


@strawberry.input(
    description="New settings of a source. A block that is given replaces the whole block there was; what is left out"
    " stays as it is. A source stays what it is: a git repository cannot become a file."
)
class UpdateSourceInput:
    name: str = strawberry.field(description="The source's name, which cannot change.")
    git: GitSourceInput | None = _optional("The repository to read from now on, whole.")
    api: ApiSourceInput | None = _optional("The registry to copy from now on, whole.")
    file: FileSourceInput | None = _optional("The file to read from now on, whole. A URL stays a URL, data stay data.")
    format: SourceFormat | None = _optional(f"{_FORMAT}{_KEPT} null has it detected.")
    filter: SourceFilterInput | None = _optional(f"{_FILTER}{_KEPT} null takes the filter away.")
    sync_interval: str | None = _optional(f"{_INTERVAL}{_KEPT} null takes it away.")
    max_removal_percent: int | None = _optional(f"{_REMOVAL}{_KEPT} null makes it 50.")


@strawberry.input(description="Which source to delete.")
class DeleteSourceInput:
    name: str = strawberry.field(description="The source's name.")


@strawberry.type(description="What came of creating a source.")
class CreateSourcePayload:
    source: Source | None = strawberry.field(
        description="The new source, which no registry lists yet; null if refused."
    )
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of changing a source.")
class UpdateSourcePayload:
    source: Source | None = strawberry.field(description="The source as it is now; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of deleting a source.")
class DeleteSourcePayload:
    deleted_id: strawberry.ID | None = strawberry.field(description="The id the source had; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type
class SourceMutations:
    @strawberry.mutation(
        description="Create a source. What is fetched is due at once; what it holds is seen once a registry lists it."
    )
    async def create_source(
        self,
        info: GraphQLInfo,
        input: Annotated[CreateSourceInput, strawberry.argument(description="The source.")],
    ) -> CreateSourcePayload:
        tried = await attempt(source_administration.create_source(info.context.renew(), input.name, to_body(input)))
        return CreateSourcePayload(source=_shown(tried.result), errors=to_input(tried.errors))

    @strawberry.mutation(
        description="Change the settings of a source. What is fetched is due at once; until then, and if it fails, what"
        " is served stays as it is. New inline data are applied at once."
    )
    async def update_source(
        self,
        info: GraphQLInfo,
        input: Annotated[UpdateSourceInput, strawberry.argument(description="The source and what changes.")],
    ) -> UpdateSourcePayload:
        tried = await attempt(source_administration.update_source(info.context.renew(), input.name, to_body(input)))
        return UpdateSourcePayload(source=_shown(tried.result), errors=to_input(tried.errors))

    @strawberry.mutation(description="Delete a source that no registry lists, with all that it holds.")
    async def delete_source(
        self,
        info: GraphQLInfo,
        input: Annotated[DeleteSourceInput, strawberry.argument(description="The source.")],
    ) -> DeleteSourcePayload:
        tried = await attempt(source_administration.delete_source(info.context.renew(), input.name), "name")
        gone = None if tried.result is None else node_id("Source", tried.result.name)
        return DeleteSourcePayload(deleted_id=gone, errors=tried.errors)


def _shown(view: SourceView | None) -> Source | None:
    return None if view is None else Source.of(view)
