"""Registries of the v0.4.9 model: a registry and its one source, under one name, made and changed together.

Owns the rules of the extension API. Each change is one transaction in which no other writer changes the catalogue;
what is fetched is fetched later, by the next run, but inline data are applied at once or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.core.database import Session
from app.core.errors import Conflict, Forbidden, Invalid, RegistryNotFound, SourceError
from app.core.settings import SourceKind, SourceSettings, read_source
from app.models.kinds import CreationType
from app.models.queries import check_text
from app.models.registrations import RegistrationView
from app.models.snapshot import Snapshot
from app.models.tables import AGGREGATE_ID, NO_CLAIMS_ID
from app.models.views import RegistryView, SourceView
from app.resolvers.context import Ctx
from app.resolvers.sync import CHANGED, apply_given, choose
from app.sources.adapters import fetch, unsupported
from app.sources.fetching import Fetched, FetchRequest
from app.sources.files import is_inline
from app.store import leases, registries, runs, sources
from app.store.journal import begin_change, record_removal, take_turn
from app.store.listings import relist_sources
from app.store.sources import SourceRow

MAX_REASONS = 20
"""Documents of inline data that an answer names."""


async def list_registrations(ctx: Ctx) -> tuple[RegistrationView, ...]:
    """Every registry, the oldest first."""
    async with ctx.db.read() as session:
        return await _view(ctx, session, await registries.list_registries(session))


async def get_registration(ctx: Ctx, name: str) -> RegistrationView:
    """Raises RegistryNotFound."""
    check_text("registryName", name)
    async with ctx.db.read() as session:
        (found,) = await _view(ctx, session, [await _find_registry(session, name)])
        return found


async def put_registration(ctx: Ctx, name: str, body: Mapping[str, Any]) -> tuple[RegistrationView, bool]:
    """Create or change the registry `name`; tells whether it is new.

    Raises Invalid (all problems at once), Forbidden where the configuration file owns it, Conflict where the name
    belongs to something else. Then nothing is stored.
    """
    check_text("registryName", name)
    row = _row(read_source(name, body))
    async with ctx.db.read() as session:
        await _find_own(session, row)  # who may not write need not wait for the turn, nor have his data read
    given = await _read_inline(row)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        held = await _find_own(session, row)
        source_id = await _create(ctx, session, row) if held is None else await _update(ctx, session, held, row)
        if given is None:
            await _plan(ctx, session, source_id, row)
        else:
            await apply_given(ctx, tx, source_id, *given)
        (view,) = await _view(ctx, session, [await _find_registry(session, name)])
    return view, held is None


async def delete_registration(ctx: Ctx, name: str) -> None:
    """Delete the registry, and its own source with all it served unless another registry lists that.

    Raises RegistryNotFound, Forbidden where the configuration file owns it.
    """
    check_text("registryName", name)
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        registry = await _find_registry(session, name)
        _check_owner(registry)
        held = await sources.sources_by_id(session, registry.source_ids)
        await registries.delete_registry(session, registry.id)
        listed = {i for view in await registries.list_registries(session) for i in view.source_ids}
        orphans = [view for view in held.values() if view.id not in listed]
        gone = [view.id for view in orphans if view.name == name and view.creation_type == CreationType.API]
        await sources.unlink_sources(session, [view.id for view in orphans])
        turn = await begin_change(session, ctx.clock())
        await record_removal(session, gone, turn)
        await relist_sources(session, [view.id for view in orphans], turn.at)
        await sources.delete_sources(session, gone)


def _row(source: SourceSettings) -> SourceRow:
    """What is stored of the source: its block as it was given, no secret among it."""
    own = getattr(source, source.kind).model_dump(mode="json", by_alias=True, exclude_unset=True)
    config = {str(source.kind): own} | ({"format": str(source.format)} if source.format else {})
    chosen = source.filter.model_dump(mode="json", by_alias=True, exclude_defaults=True) if source.filter else None
    interval = source.sync_interval.total_seconds() if source.sync_interval and not own.get("data") else None
    removal = source.sync_policy.max_removal_percent
    return SourceRow(source.name, str(source.kind), CreationType.API, config, chosen, interval, NO_CLAIMS_ID, removal)


async def _read_inline(row: SourceRow) -> tuple[Fetched, Snapshot] | None:
    """Inline data, read outside any transaction; None for every other source. Raises Invalid.

    One bad document refuses all: whoever sends the data is there to mend them, and this API lists no rejections.
    """
    if not is_inline(row.config):
        return None
    try:
        fetched = await fetch(FetchRequest(row.kind, row.config, trusted=False))
        assert fetched.snapshot is not None  # noqa: S101  # nothing was known of it
        snapshot = await asyncio.to_thread(choose, fetched.snapshot, row.filter)
    except (SourceError, Invalid) as error:
        raise Invalid(f"Failed to process inline data: {error}") from error
    if not snapshot.documents:
        count = f"admits none of the {snapshot.fetched} documents" if snapshot.fetched else ""
        raise Invalid(f"Failed to process inline data: {f'the filter {count}' if count else 'it holds no servers'}")
    if snapshot.rejections:
        reasons = [rejection.reason for rejection in snapshot.rejections[:MAX_REASONS]]
        count = f"{len(snapshot.rejections)} of {snapshot.fetched} documents cannot be used"
        raise Invalid(f"Failed to process inline data: {count}: {'; '.join(reasons)}")
    return fetched, snapshot


async def _find_registry(session: Session, name: str) -> RegistryView:
    found = await registries.list_registries(session, [name])
    if not found:
        raise RegistryNotFound(f"Registry {name} not found")
    return found[0]


async def _find_own(session: Session, row: SourceRow) -> SourceView | None:
    """The source that `row` may change; None where the name is free. Raises Forbidden, Conflict, Invalid."""
    held_registries = await registries.list_registries(session, [row.name])
    held_sources = await sources.list_sources(session, [row.name])
    if not held_registries:
        if held_sources:
            raise Conflict(f"the name {row.name} is taken by a source that has no registry of its own")
        return None
    _check_owner(held_registries[0])
    if [view.id for view in held_sources] != list(held_registries[0].source_ids):
        raise Conflict(f"registry {row.name} lists other sources than one of its own name; it cannot be changed here")
    source = held_sources[0]
    if source.creation_type != CreationType.API:
        raise Conflict(f"the source of registry {row.name} was created via config file")
    _check_kind(source, row)
    return source


def _check_owner(registry: RegistryView) -> None:
    if registry.creation_type == CreationType.CONFIG:
        raise Forbidden("Cannot modify registry created via config file")


def _check_kind(held: SourceView, row: SourceRow) -> None:
    if held.kind != row.kind:
        raise Invalid(f"changing registry source type is not allowed: {row.name} is {held.kind}, not {row.kind}")
    if row.kind == SourceKind.FILE:
        before, after = (_place_of(config) for config in (held.config, row.config))
        if before != after:
            raise Invalid(f"changing file source type is not allowed: {row.name} has file.{before}, not file.{after}")


def _place_of(config: Mapping[str, Any]) -> str:
    return next(key for key in ("path", "url", "data") if config["file"].get(key))


async def _create(ctx: Ctx, session: Session, row: SourceRow) -> int:
    """The new source has no entry yet, so that no listing changes."""
    source_id = (await sources.save_source(session, row)).id
    registry_id = await registries.save_registry(session, row.name, CreationType.API, NO_CLAIMS_ID)
    await registries.link_sources(session, registry_id, [source_id])
    aggregate = await registries.linked_sources(session, AGGREGATE_ID)
    await registries.link_sources(session, AGGREGATE_ID, [*aggregate, source_id])
    await begin_change(session, ctx.clock())
    return source_id


async def _update(ctx: Ctx, session: Session, held: SourceView, row: SourceRow) -> int:
    if (await sources.save_source(session, replace(row, claim_set_id=held.claim_set_id))).changed:
        await begin_change(session, ctx.clock())
    return held.id


async def _plan(ctx: Ctx, session: Session, source_id: int, row: SourceRow) -> None:
    """A run under way has read the old settings, and so does not count."""
    reason = unsupported(row.kind)
    await leases.replan(session, source_id, due=reason is None)  # before the run's row is locked, as a run does
    await runs.end_runs(session, source_id, ctx.clock(), CHANGED)
    if reason is not None and row.kind != SourceKind.MANAGED:
        await sources.set_message(session, row.name, reason)


async def _view(ctx: Ctx, session: Session, found: Sequence[RegistryView]) -> tuple[RegistrationView, ...]:
    """In the order of creation. What a source serves is counted already; registries of several are counted here."""
    held = await sources.sources_by_id(session, sorted({i for view in found for i in view.source_ids}))
    several = [view.id for view in found if len(view.source_ids) != 1]
    counts = await registries.count_servers(session, several, ctx.viewer.visibility) if several else {}
    leased = [source.id for source in held.values() if source.leased]
    running = await runs.running_runs(session, leased) if leased else {}
    views: list[RegistrationView] = []
    for registry in sorted(found, key=lambda view: (view.created_at, view.name)):
        own = tuple(held[i] for i in registry.source_ids)
        count = own[0].entry_count if len(own) == 1 else counts.get(registry.id, 0)
        views.append(RegistrationView(registry, own, count, running))
    return tuple(views)
