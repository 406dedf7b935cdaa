"""Reading the journal of changes."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.graphql.changes import CatalogChange, connect_changes
from app.graphql.context import GraphQLInfo
from app.graphql.pagination import After, Before, Connection, First, Last

Feed = Annotated[
    str | None, strawberry.argument(description="The registry whose feed it is; all registries together if absent.")
]


@strawberry.type
class ChangeQueries:
    @strawberry.field(
        description=(
            "What changed in the sources of a registry, the oldest first; `last` brings the newest. To be told what"
            " happens from then on without a gap, give `endCursor` to the subscription of the same name."
        )
    )
    async def catalog_changes(
        self,
        info: GraphQLInfo,
        registry: Feed = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CatalogChange]:
        return await connect_changes(info, registry, (first, after, last, before))
