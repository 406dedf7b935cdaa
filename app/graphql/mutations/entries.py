"""Publishing servers by hand, editing them, changing their status, deleting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from app.graphql.context import GraphQLInfo
from app.graphql.inputs import ServerStatus
from app.graphql.payloads import ErrorCode, UserError, attempt
from app.graphql.servers import ServerVersion
from app.models.kinds import Status
from app.models.views import VersionView
from app.resolvers import entries, servers

_REGISTRY = "The registry to write to; if absent, the only one there is that can be written to."


@strawberry.input(description="What to publish, and where.")
class PublishServerInput:
    registry: str | None = strawberry.field(default=None, description=_REGISTRY)
    document: JSON = strawberry.field(
        description="The server.json, an object. `validateServer` tells what is wrong with it."
    )


@strawberry.input(description="Which published version to edit, and its new content.")
class UpdateServerInput:
    registry: str | None = strawberry.field(default=None, description=_REGISTRY)
    name: str = strawberry.field(description="The server's full name.")
    version: str = strawberry.field(description="The version string.")
    document: JSON = strawberry.field(description="The whole new server.json, an object of the same name and version.")


@strawberry.input(description="How a version, or every version of a server, is to stand.")
class UpdateServerStatusInput:
    registry: str | None = strawberry.field(default=None, description=_REGISTRY)
    name: str = strawberry.field(description="The server's full name.")
    version: str | None = strawberry.field(
        default=None, description="The version string; if absent, all versions change at once, or none."
    )
    status: ServerStatus = strawberry.field(description="The status from now on.")
    status_message: str | None = strawberry.field(
        default=None, description="Why it stands so, at most 500 characters. Active versions have none."
    )


@strawberry.input(description="Which version to delete.")
class DeleteServerVersionInput:
    registry: str | None = strawberry.field(default=None, description=_REGISTRY)
    name: str = strawberry.field(description="The server's full name.")
    version: str = strawberry.field(description="The version string.")


@strawberry.type(description="What came of publishing.")
class PublishServerPayload:
    server_version: ServerVersion | None = strawberry.field(
        description="The new version; also the one there is if it has the very same document (code ALREADY_EXISTS), so"
        " that publishing again is safe. Null if it was refused. Where another source goes before, the registry does"
        " not show it; `explainServer` tells why."
    )
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of editing a version.")
class UpdateServerPayload:
    server_version: ServerVersion | None = strawberry.field(description="The version as it is now; null if refused.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of changing a status.")
class UpdateServerStatusPayload:
    server_version: ServerVersion | None = strawberry.field(
        description="The version as it is now; null if none was named, or if it was refused."
    )
    server_versions: list[ServerVersion] = strawberry.field(description="Every version that changed.")
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type(description="What came of deleting a version.")
class DeleteServerVersionPayload:
    server_version: ServerVersion | None = strawberry.field(
        description="The version, which is kept as deleted: its version string stays taken. Null if it was refused."
    )
    errors: list[UserError] = strawberry.field(description="Why it was refused; empty if it was not.")


@strawberry.type
class EntryMutations:
    @strawberry.mutation(description="Publish a new version of a server to a managed registry.")
    async def publish_server(
        self,
        info: GraphQLInfo,
        input: Annotated[PublishServerInput, strawberry.argument(description="The document and the registry.")],
    ) -> PublishServerPayload:
        if not isinstance(input.document, dict):
            return PublishServerPayload(server_version=None, errors=[_NO_OBJECT])
        tried = await attempt(entries.publish(info.context.renew(), input.registry, input.document), "document")
        view = tried.existing if tried.result is None else tried.result
        return PublishServerPayload(server_version=await _show_one(info, input.registry, view), errors=tried.errors)

    @strawberry.mutation(description="Replace the document of a published version. Its status and its dates stay.")
    async def update_server(
        self,
        info: GraphQLInfo,
        input: Annotated[UpdateServerInput, strawberry.argument(description="The version and its new document.")],
    ) -> UpdateServerPayload:
        if not isinstance(input.document, dict):
            return UpdateServerPayload(server_version=None, errors=[_NO_OBJECT])
        ctx = info.context.renew()
        work = entries.edit(ctx, input.registry, input.name, input.version, input.document)
        tried = await attempt(work, "document")
        shown = await _show_one(info, input.registry, tried.result)
        return UpdateServerPayload(server_version=shown, errors=tried.errors)

    @strawberry.mutation(description="Deprecate, delete or reactivate a published version, or all of a server's.")
    async def update_server_status(
        self,
        info: GraphQLInfo,
        input: Annotated[UpdateServerStatusInput, strawberry.argument(description="The versions and their status.")],
    ) -> UpdateServerStatusPayload:
        tried = await attempt(_set_status(info, input), "status")
        shown = await _show(info, input.registry, tried.result or ())
        return UpdateServerStatusPayload(
            server_version=shown[0] if shown and input.version is not None else None,
            server_versions=shown,
            errors=tried.errors,
        )

    @strawberry.mutation(description="Mark a published version as deleted. It is hidden unless it is asked for.")
    async def delete_server_version(
        self,
        info: GraphQLInfo,
        input: Annotated[DeleteServerVersionInput, strawberry.argument(description="The version.")],
    ) -> DeleteServerVersionPayload:
        work = entries.delete_version(info.context.renew(), input.registry, input.name, input.version)
        tried = await attempt(work, "version")
        shown = await _show_one(info, input.registry, tried.result)
        return DeleteServerVersionPayload(server_version=shown, errors=tried.errors)


_NO_OBJECT = UserError(
    field=["document"], message="the document must be a JSON object", code=ErrorCode.VALIDATION_FAILED
)


async def _set_status(info: GraphQLInfo, input: UpdateServerStatusInput) -> Sequence[VersionView]:
    ctx = info.context.renew()
    wanted = entries.Restatus(Status[input.status.name], input.status_message or None)
    if input.version is None:
        return await entries.set_all_statuses(ctx, input.registry, input.name, wanted)
    return [await entries.set_status(ctx, input.registry, input.name, input.version, wanted)]


async def _show(info: GraphQLInfo, registry: str | None, views: Sequence[VersionView]) -> list[ServerVersion]:
    """Versions of one server under the ids by which they are found again."""
    if not views:
        return []
    shown = await servers.shows(info.context.ctx, registry, views[0])
    make = ServerVersion.of if shown else ServerVersion.of_source
    return [make(registry, view) for view in views]


async def _show_one(info: GraphQLInfo, registry: str | None, view: VersionView | None) -> ServerVersion | None:
    return None if view is None else (await _show(info, registry, [view]))[0]
