"""Changes of the catalogue as a GraphQL type: the journal of a registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.graphql import servers, sources
from app.graphql.context import GraphQLInfo
from app.graphql.node import Node, node_id
from app.graphql.pagination import NOTHING, Connection, Places, connect, cursor, selects_page, window
from app.models.queries import LATEST, Key
from app.models.views import ChangeView
from app.resolvers.changes import count_changes, list_changes

if TYPE_CHECKING:
    from app.graphql.servers import Server, ServerVersion
    from app.graphql.sources import Source


@strawberry.enum(description="What happened to a version.")
class ChangeAction(Enum):
    ADDED = strawberry.enum_value("ADDED", description="It was published, or came back to its source.")
    UPDATED = strawberry.enum_value("UPDATED", description="Its document changed.")
    STATUS = strawberry.enum_value("STATUS", description="Its status or the message of it changed.")
    REMOVED = strawberry.enum_value("REMOVED", description="It is gone from its source.")


@strawberry.type(description="A change of one version in one source.")
class CatalogChange(Node):
    view: strawberry.Private[ChangeView]
    registry: strawberry.Private[str | None]
    cursor: str = strawberry.field(
        description="The change's place in the feed; give it as `after`, also to the subscription, to go on behind it."
    )
    revision: int = strawberry.field(description="The revision of the catalogue that it made, with others maybe.")
    at: datetime = strawberry.field(description="When it happened.")
    action: ChangeAction = strawberry.field(description="What happened.")
    name: str = strawberry.field(description="The server's full name, e.g. `io.github.acme/db`.")
    version: str = strawberry.field(description="The version string.")

    @classmethod
    def of(cls, registry: str | None, view: ChangeView) -> CatalogChange:
        return cls(
            id=node_id("CatalogChange", registry, view.id),
            view=view,
            registry=registry,
            cursor=change_cursor(registry, view.id),
            revision=view.revision,
            at=view.at,
            action=ChangeAction[view.action],
            name=view.name,
            version=view.version,
        )

    @strawberry.field(description="The source in which it happened; null if that is gone.")
    async def source(self, info: GraphQLInfo) -> Annotated[Source, strawberry.lazy("app.graphql.sources")] | None:
        view = await info.context.loaders.source.load(self.view.source_id)
        return None if view is None else sources.Source.of(view)

    @strawberry.field(
        description="The server as the registry shows that name now, whichever source it is from; null if it does not."
    )
    async def server(self, info: GraphQLInfo) -> Annotated[Server, strawberry.lazy("app.graphql.servers")] | None:
        view = await info.context.loaders.version.load((self.registry, self.name, LATEST, True))
        return None if view is None else servers.Server.of(self.registry, view)

    @strawberry.field(
        description="The version as it is now; null if it is gone for good or a server of another source hides it."
    )
    async def server_version(
        self, info: GraphQLInfo
    ) -> Annotated[ServerVersion, strawberry.lazy("app.graphql.servers")] | None:
        key = (self.view.source_id, self.name, self.version)
        view = await info.context.loaders.changed_version.load((self.registry, key))
        return None if view is None else servers.ServerVersion.of(self.registry, view)


def change_cursor(registry: str | None, place: int) -> str:
    return cursor((place,), _feed(registry))


def parse_change_cursor(registry: str | None, text: str | None) -> Key | None:
    """The place behind which the feed goes on. Raises Invalid for what is no cursor of this feed."""
    return window(None, text, None, None, listed_by=_feed(registry)).after


async def connect_changes(info: GraphQLInfo, registry: str | None, places: Places) -> Connection[CatalogChange]:
    chosen = window(*places, listed_by=_feed(registry))
    page = await list_changes(info.context.ctx, registry, chosen) if selects_page(info) else NOTHING
    connection = connect(
        page,
        [change_cursor(registry, change.id) for change in page.items],
        lambda view: CatalogChange.of(registry, view),
        lambda: count_changes(info.context.ctx, registry),
    )
    if not page.items and chosen.before is None:
        # A feed in which nothing happened yet has an end, too: whoever goes on from there must miss nothing.
        end = places[1] or change_cursor(registry, 0)
        connection.page_info = replace(connection.page_info, end_cursor=end)
    return connection


def _feed(registry: str | None) -> list[Any]:
    return ["catalogChanges", registry]
