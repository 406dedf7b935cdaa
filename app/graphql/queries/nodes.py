"""Finding any object again by its id."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import strawberry

from app.core.errors import Invalid, RegistryNotFound
from app.graphql.changes import CatalogChange
from app.graphql.context import GraphQLInfo, Loaders
from app.graphql.node import Node, parse_node_id
from app.graphql.registries import Registry
from app.graphql.runs import SyncRun
from app.graphql.servers import Server, ServerVersion
from app.graphql.sources import Source
from app.models.queries import LATEST

MAX_IDS = 100


@strawberry.type
class NodeQueries:
    @strawberry.field(description="The object with this id; null if there is none.")
    async def node(
        self, info: GraphQLInfo, id: Annotated[strawberry.ID, strawberry.argument(description="The id.")]
    ) -> Node | None:
        return (await _nodes(info, [id]))[0]

    @strawberry.field(
        description="The objects with these ids, at most 100, in their order; null for each that is none."
    )
    async def nodes(
        self, info: GraphQLInfo, ids: Annotated[list[strawberry.ID], strawberry.argument(description="The ids.")]
    ) -> list[Node | None]:
        if len(ids) > MAX_IDS:
            raise Invalid(f"ids holds {len(ids)} ids; {MAX_IDS} at most")
        return await _nodes(info, ids)


async def _nodes(info: GraphQLInfo, ids: Sequence[str]) -> list[Node | None]:
    """Each id is looked up through a loader, so that all of them together take one statement a type."""
    keys = [parse_node_id(text) for text in ids]
    return list(await asyncio.gather(*(_find(info.context.loaders, *key) for key in keys)))


async def _find(loaders: Loaders, type_name: str, key: list[Any]) -> Node | None:
    """What was in a registry that is gone is gone with it. A boolean in a forged id is no number, to Python it is."""
    try:
        return await _node(loaders, type_name, key)
    except RegistryNotFound:
        return None


async def _node(loaders: Loaders, type_name: str, key: list[Any]) -> Node | None:
    match type_name, key:
        case "Server", [str() | None as registry, str(name)]:
            version = await loaders.version.load((registry, name, LATEST, True))
            return None if version is None else Server.of(registry, version)
        case "ServerVersion", [str() | None as registry, str(name), str(number)]:
            version = await loaders.version.load((registry, name, number, True))
            return None if version is None else ServerVersion.of(registry, version)
        case "ServerVersion", [str() | None as registry, str(name), str(number), int(source)] if _is_small(source):
            version = await loaders.source_version.load((registry, source, name, number))
            return None if version is None else ServerVersion.of_source(registry, version)
        case "Registry", [str(name)]:
            registry_view = await loaders.registry_by_name.load(name)
            return None if registry_view is None else Registry.of(registry_view)
        case "Source", [str(name)]:
            source_view = await loaders.source_by_name.load(name)
            return None if source_view is None else Source.of(source_view)
        case "CatalogChange", [str() | None as registry, int(place)] if type(place) is int:
            change = await loaders.change.load((registry, place))
            return None if change is None else CatalogChange.of(registry, change)
        case "SyncRun", [int(run_id)] if type(run_id) is int:
            run = await loaders.run.load(run_id)
            return None if run is None else SyncRun.of(run)
    raise Invalid("Invalid id: it names no type of this schema")


def _is_small(number: int) -> bool:
    """Whether the number of a forged id could be that of a source."""
    return type(number) is int and abs(number) < 2**31
