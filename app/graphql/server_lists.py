"""Lists of servers: their arguments, and the connection they become."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.graphql import servers
from app.graphql.context import GraphQLInfo
from app.graphql.facets import ServerFacets
from app.graphql.inputs import ServerOrder, ServerWhere
from app.graphql.matches import SearchMatch
from app.graphql.pagination import NOTHING, PageInfo, Places, cursor, page_info, selects_page, window
from app.models.queries import LATEST, ListServers
from app.models.searches import Search as RankedSearch
from app.models.views import VersionView
from app.resolvers.search import Found, to_rank
from app.resolvers.search_matches import find_matches

if TYPE_CHECKING:
    from app.graphql.servers import Server

Search = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "What to look for, 256 characters at most: a name, or words that all begin a word of the name, title, tags,"
            " tools or description, or stand in one. The best hits come first: the full name, then its part behind the"
            " slash, then names that begin so, then by how much of the text is about it. Where nothing is found, words"
            " spelt alike are searched for, then any of the words; see `correction`."
        )
    ),
]
Where = Annotated[ServerWhere | None, strawberry.argument(description="Conditions on the latest version.")]
OrderBy = Annotated[
    ServerOrder | None,
    strawberry.argument(description="The order; if absent by name, and with `search` the best hits first."),
]
IncludeDeleted = Annotated[
    bool, strawberry.argument(description="Whether servers without a version that is not deleted are shown, too.")
]


@strawberry.type(description="A server in a list.")
class ServerEdge:
    cursor: str = strawberry.field(description="The item's place in the list, for `after` and `before`.")
    node: Annotated[Server, strawberry.lazy("app.graphql.servers")] = strawberry.field(description="The item.")
    rank: float | None = strawberry.field(
        description="How well it fits `search`, the greater the better; null without a search. To be compared within a"
        " list only."
    )
    view: strawberry.Private[VersionView]
    search: strawberry.Private[RankedSearch | None]

    @strawberry.field(description="Where `search` was found, text by text; empty without a search.")
    def matches(self) -> list[SearchMatch]:
        if self.search is None:
            return []
        return [SearchMatch.of(match) for match in find_matches(self.view, self.search)]


@strawberry.type(description="A page of a list of servers.")
class ServerConnection:
    edges: list[ServerEdge] = strawberry.field(description="The items with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in the list.")
    correction: str | None = strawberry.field(
        description="What was searched for instead, as nothing was found of what `search` says; null otherwise."
    )
    query: strawberry.Private[ListServers]

    @strawberry.field(description="The items alone, for when no cursor of a single item is needed.")
    def nodes(self) -> list[Annotated[Server, strawberry.lazy("app.graphql.servers")]]:
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many items the whole list has. Counted only when it is selected.")
    async def total_count(self, info: GraphQLInfo) -> int:
        return await info.context.loaders.servers_found.load(self.query) or 0

    @strawberry.field(description="What the servers of the whole list have in common.")
    async def facets(self, info: GraphQLInfo) -> ServerFacets:
        return ServerFacets(counts=await info.context.loaders.facets.load(self.query) or {})


def server_query(
    registry: str | None,
    search: str | None,
    where: ServerWhere | None,
    order_by: ServerOrder | None,
    include_deleted: bool,
) -> ListServers:
    return ListServers(
        registry=registry,
        ranked=RankedSearch.of(search or ""),
        version=LATEST,
        include_deleted=include_deleted,
        where=None if where is None else where.to_filter(),
        order=None if order_by is None else order_by.to_order(),
    )


async def connect_servers(info: GraphQLInfo, query: ListServers, places: Places) -> ServerConnection:
    # Everything that makes the list what it is, so that a cursor of another list is refused.
    listed_by = hashlib.blake2b(repr(query).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    chosen = window(*places, listed_by=listed_by)
    found: Found | None = Found(NOTHING, query)
    # What a search is corrected to, and so what is counted, is known only with its page.
    if query.ranked is not None or selects_page(info):
        found = await info.context.loaders.servers.load(replace(query, window=chosen))
    assert found is not None  # noqa: S101  # the loader answers every query it is asked
    edges = [
        ServerEdge(
            cursor=cursor(view.key, listed_by),
            node=servers.Server.of(query.registry, view),
            rank=None if view.score is None else to_rank(view.score),
            view=view,
            search=found.query.ranked,
        )
        for view in found.page.items
    ]
    info_of_page = page_info(found.page, [edge.cursor for edge in edges])
    return ServerConnection(edges=edges, page_info=info_of_page, correction=found.correction, query=found.query)
