"""What can be read through GraphQL. Each module owns some fields of the root; the rules are the resolvers'."""

from __future__ import annotations

import strawberry

from app.graphql.queries.changes import ChangeQueries
from app.graphql.queries.nodes import NodeQueries
from app.graphql.queries.servers import ServerQueries
from app.graphql.queries.service import ServiceQueries
from app.graphql.queries.sources import SourceQueries


@strawberry.type(description="What can be read.")
class Query(ServiceQueries, ChangeQueries, SourceQueries, ServerQueries, NodeQueries):
    pass
