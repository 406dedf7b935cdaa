"""Servers and their versions as GraphQL types.

The types of the schema refer to each other in circles (a server has a source, a source has registries, a registry has
servers), so the modules of this package import each other whole and look names up when a field runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry.scalars import JSON

from app.graphql import registries, sources
from app.graphql.context import GraphQLInfo
from app.graphql.documents import Icon, Package, Repository, Transport, publisher_metadata
from app.graphql.inputs import ServerStatus
from app.graphql.node import Node, node_id
from app.graphql.pagination import (
    NOTHING,
    After,
    Before,
    Connection,
    First,
    Last,
    connect,
    cursor,
    selects_page,
    window,
)
from app.graphql.parts import Part
from app.graphql.toolhive import ToolHive, find_toolhive
from app.models.explanations import ShadowView
from app.models.queries import LATEST
from app.models.views import Page, VersionView

if TYPE_CHECKING:
    from app.graphql.registries import Registry
    from app.graphql.sources import Source

IncludeDeleted = Annotated[bool, strawberry.argument(description="Whether deleted versions are shown, too.")]


class Seen:
    """A version as it is seen in one registry; parses the document once, and only if a field needs it."""

    def __init__(self, registry: str | None, view: VersionView) -> None:
        self.registry = registry
        self.view = view

    @cached_property
    def document(self) -> Mapping[str, Any]:
        parsed: Mapping[str, Any] = orjson.loads(self.view.document)
        return parsed

    @property
    def part(self) -> Part:
        return Part(self.document)

    @property
    def repository(self) -> Repository | None:
        return self.part.make("repository", Repository.of)

    @property
    def icons(self) -> list[Icon]:
        return [Icon.of(icon) for icon in self.part.parts("icons")]


@strawberry.type(description="One published version of a server.")
class ServerVersion(Node):
    seen: strawberry.Private[Seen]
    name: str = strawberry.field(description="The server's full name, e.g. `io.github.acme/db`.")
    version: str = strawberry.field(description="The version string.")
    is_latest: bool = strawberry.field(description="Whether it is the newest version that is not deleted.")
    status: ServerStatus = strawberry.field(description="How the version stands.")
    status_message: str | None = strawberry.field(description="Why it stands so.")
    status_changed_at: datetime = strawberry.field(description="When the status last changed.")
    published_at: datetime = strawberry.field(description="When the version was published here.")
    updated_at: datetime = strawberry.field(description="When the version last changed.")
    title: str | None = strawberry.field(description="The name to show.")
    description: str = strawberry.field(description="What the server does.")

    @classmethod
    def of(cls, registry: str | None, view: VersionView) -> ServerVersion:
        return cls(
            id=node_id("ServerVersion", registry, view.name, view.version),
            seen=Seen(registry, view),
            name=view.name,
            version=view.version,
            is_latest=view.is_latest,
            status=ServerStatus[view.status.name],
            status_message=view.status_message,
            status_changed_at=view.status_changed_at,
            published_at=view.published_at,
            updated_at=view.updated_at,
            title=view.title,
            description=view.description,
        )

    @classmethod
    def of_source(cls, registry: str | None, view: VersionView) -> ServerVersion:
        """A version that the registry does not serve: another id, as the winner may have the same version string."""
        found = cls.of(registry, view)
        found.id = node_id("ServerVersion", registry, view.name, view.version, view.source_id)
        return found

    @strawberry.field(description="The URL of the JSON Schema the document names.")
    def schema(self) -> str | None:
        return self.seen.part.text("$schema")

    @strawberry.field(description="The server's home page.")
    def website_url(self) -> str | None:
        return self.seen.document.get("websiteUrl")

    @strawberry.field(description="Where the source code is.")
    def repository(self) -> Repository | None:
        return self.seen.repository

    @strawberry.field(description="Icons to show.")
    def icons(self) -> list[Icon]:
        return self.seen.icons

    @strawberry.field(description="Packages from which a client can run the server.")
    def packages(self) -> list[Package]:
        return [Package.of(package) for package in self.seen.part.parts("packages")]

    @strawberry.field(description="Places where the server already runs.")
    def remotes(self) -> list[Transport]:
        return [Transport.of(remote) for remote in self.seen.part.parts("remotes")]

    @strawberry.field(description="What ToolHive knows of it; null if its publisher told nothing of the kind.")
    def toolhive(self) -> ToolHive | None:
        return find_toolhive(self.seen.document)

    @strawberry.field(description="What the publisher added under its own keys, as it came.")
    def publisher_metadata(self) -> JSON | None:
        return publisher_metadata(self.seen.document)

    @strawberry.field(description="The whole server.json, keys in the order in which they came.")
    def document(self) -> JSON:
        return JSON(self.seen.document)

    @strawberry.field(description="The server this is a version of.")
    async def server(self, info: GraphQLInfo) -> Server:
        key = (self.seen.registry, self.name, LATEST, True)
        latest = await info.context.loaders.version.load(key)
        return Server.of(self.seen.registry, latest or self.seen.view)


@strawberry.type(description="A server that another one of the same name hides in a registry.")
class ShadowedServer:
    position: int = strawberry.field(description="The place of its source in the registry, from 0.")
    source_id: strawberry.Private[int]
    latest: ServerVersion = strawberry.field(description="Its newest version that is not deleted.")

    @classmethod
    def of(cls, registry: str | None, view: ShadowView) -> ShadowedServer:
        latest = ServerVersion.of_source(registry, view.latest)
        return cls(position=view.position, source_id=view.latest.source_id, latest=latest)

    @strawberry.field(description="The source that it is in.")
    async def source(self, info: GraphQLInfo) -> Annotated[Source, strawberry.lazy("app.graphql.sources")]:
        return await _source(info, self.source_id)


@strawberry.type(description="A server: one name, as it is seen in one registry.")
class Server(Node):
    seen: strawberry.Private[Seen]
    name: str = strawberry.field(description="The full name, e.g. `io.github.acme/db`.")
    namespace: str = strawberry.field(description="The part of the name before the slash.")
    title: str | None = strawberry.field(description="The name to show, from the latest version.")
    description: str = strawberry.field(description="What the server does, from the latest version.")
    tags: list[str] = strawberry.field(description="The publisher's tags, from the latest version.")
    tools: list[str] = strawberry.field(description="The names of the tools it offers, from the latest version.")
    tier: str | None = strawberry.field(description="The publisher's tier, e.g. `Official`, from the latest version.")
    registry_types: list[str] = strawberry.field(
        description="The kinds of its packages, e.g. `oci`, from the latest version."
    )
    transports: list[str] = strawberry.field(
        description="The transports of its packages and remotes, e.g. `stdio`, from the latest version."
    )
    status: ServerStatus = strawberry.field(description="How the latest version stands.")
    published_at: datetime = strawberry.field(description="When the latest version was published here.")
    updated_at: datetime = strawberry.field(description="When the latest version last changed.")

    @classmethod
    def of(cls, registry: str | None, view: VersionView) -> Server:
        return cls(
            id=node_id("Server", registry, view.name),
            seen=Seen(registry, view),
            name=view.name,
            namespace=view.name.partition("/")[0],
            title=view.title,
            description=view.description,
            tags=view.tags,
            tools=view.tools,
            tier=view.tier,
            registry_types=view.registry_types,
            transports=view.transports,
            status=ServerStatus[view.status.name],
            published_at=view.published_at,
            updated_at=view.updated_at,
        )

    @strawberry.field(description="The server's home page, from the latest version.")
    def website_url(self) -> str | None:
        return self.seen.document.get("websiteUrl")

    @strawberry.field(description="Where the source code is, from the latest version.")
    def repository(self) -> Repository | None:
        return self.seen.repository

    @strawberry.field(description="Icons to show, from the latest version.")
    def icons(self) -> list[Icon]:
        return self.seen.icons

    @strawberry.field(description="The newest version that is not deleted.")
    def latest(self) -> ServerVersion:
        return ServerVersion.of(self.seen.registry, self.seen.view)

    @strawberry.field(description="One version; null if there is none of that string.")
    async def version(
        self,
        info: GraphQLInfo,
        version: Annotated[str, strawberry.argument(description="The version string, or `latest`.")],
    ) -> ServerVersion | None:
        view = await info.context.loaders.version.load((self.seen.registry, self.name, version, False))
        return None if view is None else ServerVersion.of(self.seen.registry, view)

    @strawberry.field(description="The versions, newest first.")
    async def versions(
        self,
        info: GraphQLInfo,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_deleted: IncludeDeleted = False,
    ) -> Connection[ServerVersion]:
        chosen = window(first, after, last, before, listed_by="versions")
        view, registry, loaders = self.seen.view, self.seen.registry, info.context.loaders
        counts = loaders.full_version_count if include_deleted else loaders.version_count

        async def count() -> int:
            return await counts.load(view.entry_id) or 0

        page: Page[VersionView] | None = None
        if selects_page(info):
            page = await loaders.versions(chosen, include_deleted).load((view.registry_id, view.entry_id))
        items = () if page is None else page.items
        cursors = [cursor(item.key, "versions") for item in items]
        return connect(page or NOTHING, cursors, lambda item: ServerVersion.of(registry, item), count)

    @strawberry.field(
        description="The servers of the same name in other sources of the registry that this one hides, by position."
        " Those that have only deleted versions are not among them."
    )
    async def shadows(self, info: GraphQLInfo) -> list[ShadowedServer]:
        view = self.seen.view
        found = await info.context.loaders.shadows.load((view.registry_id, view.entry_id))
        return [ShadowedServer.of(self.seen.registry, shadow) for shadow in found or ()]

    @strawberry.field(description="The source it comes from.")
    async def source(self, info: GraphQLInfo) -> Annotated[Source, strawberry.lazy("app.graphql.sources")]:
        return await _source(info, self.seen.view.source_id)

    @strawberry.field(description="The registries in which it is seen, by name.")
    async def registries(
        self, info: GraphQLInfo
    ) -> list[Annotated[Registry, strawberry.lazy("app.graphql.registries")]]:
        held_by = await info.context.loaders.registries_holding.load(self.seen.view.entry_id)
        return [registries.Registry.of(view) for view in held_by or ()]


async def _source(info: GraphQLInfo, source_id: int) -> sources.Source:
    view = await info.context.loaders.source.load(source_id)
    assert view is not None  # noqa: S101  # entries have a source: a foreign key says so
    return sources.Source.of(view)
