"""Makes the stored sources and registries those of the configuration file. Runs at start, once for all replicas.

What was created through the API is left alone; what the file no longer names goes, with what it served.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from app.core.database import Session
from app.core.errors import ConfigError, Problem
from app.core.settings import Settings, SourceKind, SourceSettings
from app.models.kinds import CreationType
from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from app.sources.adapters import unsupported
from app.store import registries, sources
from app.store.claims import intern_claims
from app.store.journal import begin_change, record_removal, take_turn
from app.store.listings import relist_sources
from app.store.sources import SourceRow

log = structlog.get_logger(__name__)


async def reconcile(ctx: Ctx, settings: Settings) -> None:
    """Raises ConfigError where the file names something that belongs to the API."""
    async with ctx.db.write() as tx:
        session = tx.session
        await take_turn(session)  # replicas that start together reconcile one after another
        await _refuse_takeovers(session, settings)
        source_ids = {source.name: await _save_source(session, source) for source in settings.sources}
        affected = await _carry_claims(session, settings, source_ids)
        affected |= await _save_registries(session, settings, source_ids)
        dropped = await _drop_registries(session, settings)
        gone = await sources.config_sources_beside(session, [s.name for s in settings.sources])
        await sources.unlink_sources(session, list(gone))
        affected |= {*gone, *await _link_aggregate(session, settings, source_ids)}
        if affected or dropped:
            turn = await begin_change(session, ctx.clock())
            await record_removal(session, list(gone), turn)
            await relist_sources(session, affected, turn.at)
            await _drop_sources(session, gone)
        await _schedule(session, settings)


async def _refuse_takeovers(session: Session, settings: Settings) -> None:
    """A name that was created through the API is not silently taken over."""
    held_sources = await sources.list_sources(session, [s.name for s in settings.sources])
    held_registries = await registries.list_registries(session, [r.name for r in settings.registries])
    problems = [
        Problem(f"{what} {held.name!r}", "was created through the API", "choose another name, or delete that one first")
        for what, found in (("source", held_sources), ("registry", held_registries))
        for held in found
        if held.creation_type != CreationType.CONFIG
    ]
    if problems:
        raise ConfigError(problems)


async def _save_source(session: Session, source: SourceSettings) -> int:
    chosen = source.filter.model_dump(mode="json", by_alias=True, exclude_defaults=True) if source.filter else None
    interval = source.sync_interval.total_seconds() if source.sync_interval else None
    claims = await intern_claims(session, source.claims)
    row = SourceRow(source.name, str(source.kind), CreationType.CONFIG, _config_of(source), chosen, interval, claims)
    return await sources.save_source(session, row)


def _config_of(source: SourceSettings) -> dict[str, Any]:
    """What the file says of the source's kind and format; it names secrets' files, never secrets."""
    own = getattr(source, source.kind).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {str(source.kind): own} | ({"format": str(source.format)} if source.format else {})


async def _carry_claims(session: Session, settings: Settings, ids: Mapping[str, int]) -> set[int]:
    """Entries of fetched sources carry their source's claims; published and discovered ones carry their own."""
    own = (SourceKind.MANAGED, SourceKind.KUBERNETES)
    return await sources.carry_claims(session, [ids[s.name] for s in settings.sources if s.kind not in own])


async def _save_registries(session: Session, settings: Settings, ids: Mapping[str, int]) -> set[int]:
    """Returns the sources that joined, left or moved in one of them."""
    affected: set[int] = set()
    for registry in settings.registries:
        claims = await intern_claims(session, registry.claims)
        registry_id = await registries.save_registry(session, registry.name, CreationType.CONFIG, claims)
        affected |= await registries.link_sources(session, registry_id, [ids[name] for name in registry.sources])
    return affected


async def _drop_registries(session: Session, settings: Settings) -> bool:
    gone = await registries.delete_registries(session, CreationType.CONFIG, [r.name for r in settings.registries])
    for name in gone:
        log.info("removed_with_the_configuration", kind="registry", name=name)
    return bool(gone)


async def _drop_sources(session: Session, gone: Mapping[int, str]) -> None:
    await sources.delete_sources(session, list(gone))
    for name in gone.values():
        log.info("removed_with_the_configuration", kind="source", name=name)


async def _link_aggregate(session: Session, settings: Settings, ids: Mapping[str, int]) -> set[int]:
    """The aggregate holds every source some registry lists: in the order of the file, then of their creation."""
    configured = [ids[name] for registry in settings.registries for name in registry.sources]
    views = sorted(await registries.list_registries(session), key=lambda view: view.id)
    others = [i for view in views for i in view.source_ids]
    return await registries.link_sources(session, AGGREGATE_ID, list(dict.fromkeys([*configured, *others])))


async def _schedule(session: Session, settings: Settings) -> None:
    due = []
    for source in settings.sources:
        reason = unsupported(source.kind, _config_of(source))
        if reason is None:
            due.append(source.name)
        elif source.kind is SourceKind.MANAGED:
            await sources.set_message(session, source.name, "")
        else:
            log.warning("source_not_synchronised", source=source.name, reason=reason)
            await sources.set_message(session, source.name, reason)
    await sources.make_due(session, due)
    await _wake(session)


async def _wake(session: Session) -> None:
    """Sources of the API that wait for no run: this release may fetch them, or read their inline data, differently."""
    held = [view for view in await sources.list_sources(session) if view.creation_type == CreationType.API]
    await sources.wake_sources(session, [view.id for view in held if unsupported(view.kind, view.config) is None])
