"""Reading what this service is."""

from __future__ import annotations

import strawberry

from app.graphql.context import GraphQLInfo
from app.graphql.service import ServiceInfo


@strawberry.type
class ServiceQueries:
    @strawberry.field(description="This server itself: what is running, and who synchronises.")
    def service(self, info: GraphQLInfo) -> ServiceInfo:
        return ServiceInfo.of(info.context.ctx)
