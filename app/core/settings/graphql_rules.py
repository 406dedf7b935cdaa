"""What must hold of the block `graphql`. What is in a manifest of trusted documents is read when the server starts."""

from __future__ import annotations

from app.core.settings.access import check_absolute, check_readable
from app.core.settings.draft import Draft, Place
from app.core.settings.graphql_tree import GraphQLSettings
from app.core.settings.tree import Document

_RANGES = {
    "maxDepth": (1, 100),
    "maxAliases": (0, 1000),
    "maxTokens": (100, 10_000),
    "maxCost": (1, 1_000_000),
    "maxBatchedOperations": (1, 100),
}


def check_graphql(draft: Draft, document: Document) -> None:
    """Check what operations may ask for, and where the trusted ones stand."""
    place, graphql = Place(draft, ()), document.graphql
    _check_ranges(place, graphql)
    where = ("graphql", "trustedDocuments")
    check_absolute(place, where, graphql.trusted_documents)
    check_readable(place, where, graphql.trusted_documents)


def _check_ranges(place: Place, graphql: GraphQLSettings) -> None:
    numbers = graphql.model_dump(by_alias=True)
    for key, (least, most) in _RANGES.items():
        if not least <= numbers[key] <= most:
            message = f"graphql.{key} must be between {least} and {most}, got {numbers[key]}"
            default = GraphQLSettings().model_dump(by_alias=True)[key]
            place.object(("graphql", key), message, f"write a number in this range; the default is {default}")
