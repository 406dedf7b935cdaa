"""Who is asking, as GraphQL types."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry
from strawberry.scalars import JSON

from app.auth import viewer as auth
from app.graphql import registries
from app.graphql.context import GraphQLInfo
from app.resolvers.registries import list_publishable

if TYPE_CHECKING:
    from app.graphql.registries import Registry


@strawberry.enum(description="What somebody administers.")
class Role(Enum):
    SUPER_ADMIN = strawberry.enum_value("SUPER_ADMIN", description="Everything, whatever its claims.")
    MANAGE_SOURCES = strawberry.enum_value("MANAGE_SOURCES", description="Sources and their synchronisation.")
    MANAGE_REGISTRIES = strawberry.enum_value("MANAGE_REGISTRIES", description="Registries.")
    MANAGE_ENTRIES = strawberry.enum_value("MANAGE_ENTRIES", description="Servers that are published by hand.")


@strawberry.enum(description="What somebody may do.")
class Permission(Enum):
    READ = strawberry.enum_value("READ", description="Read the catalogue.")
    PUBLISH = strawberry.enum_value("PUBLISH", description="Publish, edit and delete servers by hand.")
    MANAGE_SOURCES = strawberry.enum_value("MANAGE_SOURCES", description="Create, change and delete sources.")
    MANAGE_REGISTRIES = strawberry.enum_value("MANAGE_REGISTRIES", description="Create, change and delete registries.")
    SYNCHRONISE = strawberry.enum_value("SYNCHRONISE", description="Have sources synchronised, and accept held runs.")


@strawberry.type(description="Who is asking.")
class Viewer:
    subject: str | None = strawberry.field(description="The identity's name; null for anonymous ones.")
    is_anonymous: bool = strawberry.field(description="Whether nobody logged in.")
    roles: list[Role] = strawberry.field(description="What the viewer administers.")
    claims: JSON = strawberry.field(description="The claims that decide on what the viewer sees.")
    permissions: list[Permission] = strawberry.field(description="What the viewer may do.")

    @classmethod
    def of(cls, viewer: auth.Viewer) -> Viewer:
        return cls(
            subject=viewer.subject,
            is_anonymous=viewer.is_anonymous,
            roles=[Role[role.name] for role in auth.Role if role in viewer.roles],
            claims=JSON(viewer.claims),
            permissions=[Permission[may.name] for may in auth.Permission if may in viewer.permissions],
        )

    @strawberry.field(description="The registries to which the viewer may publish servers, by name.")
    async def publishes_to(
        self, info: GraphQLInfo
    ) -> list[Annotated[Registry, strawberry.lazy("app.graphql.registries")]]:
        return [registries.Registry.of(view) for view in await list_publishable(info.context.ctx)]
