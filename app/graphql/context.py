"""What a GraphQL operation carries: the resolvers' context, and loaders that turn nested reads into one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from strawberry.dataloader import DataLoader
from strawberry.types import Info

from app.models.queries import Window
from app.models.views import Page, RegistryView, SourceView, SyncRunView, VersionView
from app.resolvers import registries, servers, sources
from app.resolvers.context import Ctx
from app.resolvers.service import QueueView, check_queue

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ServerKey = tuple[str | None, str, str, bool]
"""Registry name (None: the aggregate), server name, version or "latest", whether a deleted one counts."""


class Loaders:
    """One set an operation. A loader gathers the keys that sibling objects ask for and reads them together."""

    def __init__(self, ctx: Ctx) -> None:
        self._ctx = ctx
        self.source: DataLoader[int, SourceView | None] = _loader(lambda ids: sources.sources_by_id(ctx, ids))
        self.registry: DataLoader[int, RegistryView | None] = _loader(lambda ids: registries.registries_by_id(ctx, ids))
        self.server_count: DataLoader[int, int | None] = _loader(lambda ids: registries.count_servers(ctx, ids))
        self.registries_holding: DataLoader[int, tuple[RegistryView, ...] | None] = _loader(
            lambda ids: registries.registries_holding(ctx, ids)
        )
        self.version: DataLoader[ServerKey, VersionView | None] = _loader(self._versions_by_key)
        self.registry_by_name: DataLoader[str, RegistryView | None] = _loader(self._registries_by_name)
        self.source_by_name: DataLoader[str, SourceView | None] = _loader(self._sources_by_name)
        self.run: DataLoader[int, SyncRunView | None] = _loader(lambda ids: sources.runs_by_id(ctx, ids))
        self.queue: DataLoader[str, QueueView | None] = _loader(self._queue)
        self._runs: dict[Window, DataLoader[int, Page[SyncRunView] | None]] = {}
        self._pages: dict[tuple[int, Window, bool], DataLoader[int, Page[VersionView] | None]] = {}

    def runs(self, window: Window) -> DataLoader[int, Page[SyncRunView] | None]:
        """By source id: a page of its runs."""
        if window not in self._runs:
            self._runs[window] = _loader(lambda ids: sources.page_runs(self._ctx, ids, window))
        return self._runs[window]

    def versions(
        self, registry_id: int, window: Window, include_deleted: bool
    ) -> DataLoader[int, Page[VersionView] | None]:
        """By entry id: a page of its versions."""
        key = (registry_id, window, include_deleted)
        if key not in self._pages:
            self._pages[key] = _loader(
                lambda ids: servers.page_versions(self._ctx, registry_id, ids, window, include_deleted=include_deleted)
            )
        return self._pages[key]

    async def _queue(self, keys: Sequence[str]) -> Mapping[str, QueueView]:
        """Asked once an operation, whatever the key: it may take its whole time to say that it is away."""
        found = await check_queue(self._ctx)
        return {} if found is None else dict.fromkeys(keys, found)

    async def _registries_by_name(self, names: Sequence[str]) -> Mapping[str, RegistryView]:
        return {view.name: view for view in await registries.list_registries(self._ctx, names)}

    async def _sources_by_name(self, names: Sequence[str]) -> Mapping[str, SourceView]:
        return {view.name: view for view in await sources.list_sources(self._ctx, names)}

    async def _versions_by_key(self, keys: Sequence[ServerKey]) -> Mapping[ServerKey, VersionView]:
        wanted: dict[tuple[str | None, str, bool], list[str]] = defaultdict(list)
        for registry, name, version, deleted in keys:
            wanted[registry, version, deleted].append(name)
        found: dict[ServerKey, VersionView] = {}
        for (registry, version, deleted), names in wanted.items():
            views = await servers.get_versions(self._ctx, registry, names, version, include_deleted=deleted)
            found |= {(registry, view.name, version, deleted): view for view in views}
        return found


def _loader(load: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> DataLoader[K, V | None]:
    async def batch(keys: list[K]) -> list[V | None]:
        found = await load(keys)
        return [found.get(key) for key in keys]

    return DataLoader(load_fn=batch)


@dataclass
class GraphQLContext:
    ctx: Ctx
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.ctx)

    def renew(self) -> Ctx:
        """For each mutation of an operation: what was read before it may no longer be true."""
        self.loaders = Loaders(self.ctx)
        return self.ctx


GraphQLInfo = Info[GraphQLContext, None]
