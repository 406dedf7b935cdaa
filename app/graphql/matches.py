"""Where a search was found, as GraphQL types: for showing the found words in another colour."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.resolvers.search_matches import Match


@strawberry.enum(description="The texts of a server that a search looks into.")
class SearchField(Enum):
    NAME = strawberry.enum_value("NAME", description="The full name.")
    TITLE = strawberry.enum_value("TITLE", description="The title.")
    DESCRIPTION = strawberry.enum_value("DESCRIPTION", description="The description.")
    TAGS = strawberry.enum_value("TAGS", description="One of the publisher's tags.")
    TOOLS = strawberry.enum_value("TOOLS", description="The name of one of the tools.")


@strawberry.type(description="A piece of a text.")
class SearchPart:
    text: str = strawberry.field(description="The piece, as it is written.")
    is_match: bool = strawberry.field(description="Whether it is what was searched for.")


@strawberry.type(description="A text in which the search was found.")
class SearchMatch:
    field: SearchField = strawberry.field(description="Which text of the server it is.")
    parts: list[SearchPart] = strawberry.field(
        description="The whole text in pieces; put together they are the text. Of tags and tools, the one that matches."
    )

    @classmethod
    def of(cls, match: Match) -> SearchMatch:
        parts = [SearchPart(text=part.text, is_match=part.is_match) for part in match.parts]
        return cls(field=SearchField[match.field.name], parts=parts)
