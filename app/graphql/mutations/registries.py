"""Creating, changing and deleting registries."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.node import node_id
from app.graphql.payloads import UserError, attempt
from app.graphql.registries import Registry
from app.models.views import RegistryView
from app.resolvers import registry_administration

_SOURCES = (
    "The names of its sources, 1 to 250, each once. Of sources that have a server of the same name, the first in this"
    " order wins the whole name."
)


@strawberry.input(description="A new registry.")
class CreateRegistryInput:
    name: str = strawberry.field(
        description="Its name, as it stands in URLs: without white space, at most 255 characters."
    )
    sources: list[str] = strawberry.field(description=_SOURCES)


@strawberry.input(description="The new sources of a registry.")
class UpdateRegistryInput:
    name: str = strawberry.field(description="The registry's name, which cannot change.")
    sources: list[str] = strawberry.field(description=f"{_SOURCES} They replace those there were.")


@strawberry.input(description="Which registry to delete.")
class DeleteRegistryInput:
    name: str = strawberry.field(description="The registry's name.")


@strawberry.type(description="What came of creating a registry.")
class CreateRegistryPayload:
    registry: Registry | None = strawberry.field(description="The new registry; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of changing a registry.")
class UpdateRegistryPayload:
    registry: Registry | None = strawberry.field(description="The registry as it is now; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of deleting a registry.")
class DeleteRegistryPayload:
    deleted_id: strawberry.ID | None = strawberry.field(description="The id the registry had; null if it was refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type
class RegistryMutations:
    @strawberry.mutation(
        description="Create a registry over sources that there are: those of the configuration file as well as others."
    )
    async def create_registry(
        self,
        info: GraphQLInfo,
        input: Annotated[CreateRegistryInput, strawberry.argument(description="The registry.")],
    ) -> CreateRegistryPayload:
        work = registry_administration.create_registry(info.context.renew(), input.name, input.sources)
        tried = await attempt(work, "name")
        return CreateRegistryPayload(registry=_shown(tried.result), errors=tried.errors)

    @strawberry.mutation(description="Give a registry other sources, or another order of them.")
    async def update_registry(
        self,
        info: GraphQLInfo,
        input: Annotated[UpdateRegistryInput, strawberry.argument(description="The registry and its sources.")],
    ) -> UpdateRegistryPayload:
        work = registry_administration.update_registry(info.context.renew(), input.name, input.sources)
        tried = await attempt(work, "name")
        return UpdateRegistryPayload(registry=_shown(tried.result), errors=tried.errors)

    @strawberry.mutation(description="Delete a registry. Its sources stay, with all that they hold.")
    async def delete_registry(
        self,
        info: GraphQLInfo,
        input: Annotated[DeleteRegistryInput, strawberry.argument(description="The registry.")],
    ) -> DeleteRegistryPayload:
        tried = await attempt(registry_administration.delete_registry(info.context.renew(), input.name), "name")
        gone = None if tried.result is None else node_id("Registry", tried.result.name)
        return DeleteRegistryPayload(deleted_id=gone, errors=tried.errors)


def _shown(view: RegistryView | None) -> Registry | None:
    return None if view is None else Registry.of(view)
