"""Facets of a list of servers as GraphQL types."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.core.errors import Invalid
from app.resolvers.search import MAX_FACET_VALUES, Counts

DEFAULT_VALUES = 20

FirstValues = Annotated[
    int, strawberry.argument(description="How many values, the most frequent ones, 1 to 100.", name="first")
]


@strawberry.type(description="A value that servers of the list have, and how many of them have it.")
class FacetCount:
    value: str = strawberry.field(description="The value, as the filter on it takes it.")
    count: int = strawberry.field(description="How many servers of the whole list have it.")


@strawberry.type(
    description=(
        "What the servers of the whole list have in common: for each facet the most frequent values, a hundred at most."
        " Counted by the same search, filter and visibility as the list, and only when they are selected."
    )
)
class ServerFacets:
    """Fields that may refuse their argument are coroutines: one that raises at once would leave siblings unawaited."""

    counts: strawberry.Private[Counts]

    @strawberry.field(description="The publishers' tags.")
    async def tags(self, first: FirstValues = DEFAULT_VALUES) -> list[FacetCount]:
        return self._values("tag", _limited("tags", first))

    @strawberry.field(description="The kinds of packages, e.g. `oci`.")
    def registry_types(self) -> list[FacetCount]:
        return self._values("registryType")

    @strawberry.field(description="The transports of packages and remotes, e.g. `stdio`.")
    def transports(self) -> list[FacetCount]:
        return self._values("transport")

    @strawberry.field(description="The names of the sources that the servers come from.")
    def sources(self) -> list[FacetCount]:
        return self._values("source")

    @strawberry.field(description="How the latest versions stand: `ACTIVE`, `DEPRECATED` or `DELETED`.")
    def statuses(self) -> list[FacetCount]:
        return self._values("status")

    @strawberry.field(description="The publishers' tiers, e.g. `Official`.")
    def tiers(self) -> list[FacetCount]:
        return self._values("tier")

    @strawberry.field(description="The parts of the names before the slash.")
    async def namespaces(self, first: FirstValues = DEFAULT_VALUES) -> list[FacetCount]:
        return self._values("namespace", _limited("namespaces", first))

    def _values(self, facet: str, limit: int = MAX_FACET_VALUES) -> list[FacetCount]:
        return [FacetCount(value=value, count=count) for value, count in self.counts.get(facet, ())[:limit]]


def _limited(facet: str, first: int) -> int:
    if not 1 <= first <= MAX_FACET_VALUES:
        raise Invalid(f"first of {facet} must be from 1 to {MAX_FACET_VALUES}, not {first}")
    return first
