"""What can be subscribed to. The rules of following are the resolvers'."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

import strawberry

from app.graphql.changes import CatalogChange, parse_change_cursor
from app.graphql.context import GraphQLContext, GraphQLInfo, Loaders
from app.graphql.runs import SyncRun
from app.resolvers.following import follow_changes
from app.resolvers.live import News
from app.resolvers.run_feed import follow_runs

Feed = Annotated[
    str | None, strawberry.argument(description="The registry whose feed it is; all registries together if absent.")
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="A cursor of the feed: everything after it comes first, nothing twice. From now on if absent."
    ),
]
SourceName = Annotated[str | None, strawberry.argument(description="Only runs of the source of this name.")]


@strawberry.type(description="What can be followed while it happens.")
class Subscription:
    @strawberry.subscription(
        description=(
            "The changes of the query of the same name as they happen, each once and in order. Whoever was cut off goes"
            " on with the last `cursor` that he has, on any replica."
        )
    )
    async def catalog_changes(
        self, info: GraphQLInfo, registry: Feed = None, after: After = None
    ) -> AsyncGenerator[CatalogChange, None]:
        key = parse_change_cursor(registry, after)
        async with aclosing(follow_changes(info.context.ctx, registry, key)) as feed:
            async for news in feed:
                _share(info.context, news)
                yield CatalogChange.of(registry, news.view)

    @strawberry.subscription(
        description=(
            "The sync runs under way, then each run whenever something of it changes: its state as it is by then. How"
            " a run ended is always told."
        )
    )
    async def sync_runs(self, info: GraphQLInfo, source: SourceName = None) -> AsyncGenerator[SyncRun, None]:
        async with aclosing(follow_runs(info.context.ctx, source)) as feed:
            async for news in feed:
                _share(info.context, news)
                yield SyncRun.of(news.view)


def _share(context: GraphQLContext, news: News[Any]) -> None:
    """Thousands may be told the same at once: what one of them reads about it serves the others of the same viewer."""
    viewer = context.ctx.viewer
    owner, loaders = news.shared.get(viewer.subject, (None, None))
    if loaders is None or owner != viewer:
        loaders = Loaders(context.ctx)
        news.shared[viewer.subject] = viewer, loaders
    context.loaders = loaders
