"""Reading what this service is, and who is asking."""

from __future__ import annotations

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.service import ServiceInfo
from app.graphql.viewers import Viewer


@strawberry.type
class ServiceQueries:
    @strawberry.field(description="This server itself: what is running, and who synchronises.")
    def service(self, info: GraphQLInfo) -> ServiceInfo:
        return ServiceInfo.of(info.context.ctx)

    @strawberry.field(description="Who is asking, and what they may do.")
    def viewer(self, info: GraphQLInfo) -> Viewer:
        return Viewer.of(info.context.ctx.viewer)
