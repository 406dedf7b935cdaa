"""What a GraphQL operation carries: the resolvers' context, and loaders that turn nested reads into one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader
from strawberry.types import Info

from app.core.errors import AppError
from app.models.explanations import ShadowView
from app.models.queries import ListServers, Window
from app.models.views import ChangeView, Page, RegistryView, SourceView, SyncRunView, VersionView
from app.resolvers import changes, explanations, registries, server_lists, servers, sources
from app.resolvers.context import Ctx
from app.resolvers.search import Counts, Found
from app.resolvers.servers import ServerKey, SourceVersionKey
from app.resolvers.service import QueueView, check_queue

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

EntryKey = tuple[int, int]
"""The ids of registry and entry."""

ChangeKey = tuple[str | None, int]
"""Registry name (None: the aggregate), the change's place in its feed."""

ChangedKey = tuple[str | None, changes.ChangedKey]
"""Registry name (None: the aggregate), the version that changed."""


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
        self.version: DataLoader[ServerKey, VersionView | None] = _loader(lambda keys: servers.find_versions(ctx, keys))
        self.source_version: DataLoader[SourceVersionKey, VersionView | None] = _loader(
            lambda keys: servers.find_versions_of_sources(ctx, keys)
        )
        self.shadows: DataLoader[EntryKey, tuple[ShadowView, ...] | None] = _loader(
            lambda keys: explanations.list_shadows(ctx, keys)
        )
        self.registry_by_name: DataLoader[str, RegistryView | None] = _loader(self._registries_by_name)
        self.source_by_name: DataLoader[str, SourceView | None] = _loader(self._sources_by_name)
        self.run: DataLoader[int, SyncRunView | None] = _loader(lambda ids: sources.runs_by_id(ctx, ids))
        self.queue: DataLoader[str, QueueView | None] = _loader(self._queue)
        self.change: DataLoader[ChangeKey, ChangeView | None] = _loader(self._changes_by_key)
        self.changed_version: DataLoader[ChangedKey, VersionView | None] = _loader(self._changed_versions)
        self.servers: DataLoader[ListServers, Found | None] = _loader(lambda keys: server_lists.search_each(ctx, keys))
        self.servers_found: DataLoader[ListServers, int | None] = _loader(
            lambda keys: server_lists.count_each(ctx, keys)
        )
        self.facets: DataLoader[ListServers, Counts | None] = _loader(
            lambda keys: server_lists.count_facets_of_each(ctx, keys)
        )
        self.run_count: DataLoader[int, int | None] = _loader(lambda ids: sources.count_runs(ctx, ids))
        self.version_count: DataLoader[int, int | None] = _loader(
            lambda ids: servers.count_versions(ctx, ids, include_deleted=False)
        )
        self.full_version_count: DataLoader[int, int | None] = _loader(
            lambda ids: servers.count_versions(ctx, ids, include_deleted=True)
        )
        self._runs: dict[Window, DataLoader[int, Page[SyncRunView] | None]] = {}
        self._pages: dict[tuple[Window, bool], DataLoader[EntryKey, Page[VersionView] | None]] = {}

    def runs(self, window: Window) -> DataLoader[int, Page[SyncRunView] | None]:
        """By source id: a page of its runs."""
        if window not in self._runs:
            self._runs[window] = _loader(lambda ids: sources.page_runs(self._ctx, ids, window))
        return self._runs[window]

    def versions(self, window: Window, include_deleted: bool) -> DataLoader[EntryKey, Page[VersionView] | None]:
        """By entry: a page of its versions."""
        key = (window, include_deleted)
        if key not in self._pages:
            self._pages[key] = _loader(
                lambda keys: servers.page_versions(self._ctx, keys, window, include_deleted=include_deleted)
            )
        return self._pages[key]

    async def _queue(self, keys: Sequence[str]) -> Mapping[str, QueueView]:
        """Asked once an operation, whatever the key: it may take its whole time to say that it is away."""
        found = await check_queue(self._ctx)
        return {} if found is None else dict.fromkeys(keys, found)

    async def _changes_by_key(self, keys: Sequence[ChangeKey]) -> Mapping[ChangeKey, ChangeView]:
        found: dict[ChangeKey, ChangeView] = {}
        for registry in {registry for registry, _ in keys}:
            views = await changes.changes_by_id(self._ctx, registry, [i for owner, i in keys if owner == registry])
            found |= {(registry, view.id): view for view in views.values()}
        return found

    async def _changed_versions(self, keys: Sequence[ChangedKey]) -> Mapping[ChangedKey, VersionView]:
        found: dict[ChangedKey, VersionView] = {}
        for registry in {registry for registry, _ in keys}:
            wanted = [key for owner, key in keys if owner == registry]
            views = await changes.changed_versions(self._ctx, registry, wanted)
            found |= {(registry, key): view for key, view in views.items()}
        return found

    async def _registries_by_name(self, names: Sequence[str]) -> Mapping[str, RegistryView]:
        return {view.name: view for view in await registries.list_registries(self._ctx, names)}

    async def _sources_by_name(self, names: Sequence[str]) -> Mapping[str, SourceView]:
        return {view.name: view for view in await sources.list_sources(self._ctx, names)}


class _Loader(DataLoader[K, V]):
    """Siblings wait for the same reading. When a field fails, those beside it are cancelled; without the shield that
    would cancel the reading, and with it whoever waits for it in another part of the operation.
    """

    def load(self, key: K) -> Awaitable[V]:
        reading = asyncio.ensure_future(super().load(key))  # it is one already
        waiting = asyncio.shield(reading)
        for future in (reading, waiting):
            future.add_done_callback(_take_error)
        return waiting


def _take_error(future: asyncio.Future[Any]) -> None:
    """Whoever waited may be cancelled by now; asyncio would log an error that nobody took."""
    if not future.cancelled():
        future.exception()


def _loader(load: Callable[[list[K]], Awaitable[Mapping[K, V | AppError]]]) -> DataLoader[K, V | None]:
    """An error in place of a value is raised where that key was asked for, and only there."""

    async def batch(keys: list[K]) -> list[V | AppError | None]:
        found = await load(keys)
        return [found.get(key) for key in keys]

    return _Loader(load_fn=batch)


MAX_READS = 4
"""Of one operation at a time. Its fields run beside each other, and would take all connections of a process."""


@dataclass
class GraphQLContext:
    """That of one operation."""

    ctx: Ctx
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.ctx = replace(self.ctx, db=self.ctx.db.share(MAX_READS))
        self.loaders = Loaders(self.ctx)

    def renew(self) -> Ctx:
        """For each mutation of an operation: what was read before it may no longer be true."""
        self.loaders = Loaders(self.ctx)
        return self.ctx


GraphQLInfo = Info[GraphQLContext, None]
