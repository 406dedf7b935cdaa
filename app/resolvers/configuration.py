"""Makes the stored sources and registries those of the configuration file. Runs at start, once for all replicas.

What was created through the API is left alone; what the file no longer names goes, with what it served. A source that
has another name in the file, and is the same otherwise, is renamed and keeps what it serves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from app import VERSION
from app.core.database import Session
from app.core.errors import ConfigError, Problem
from app.core.settings import FETCHED_KINDS, Settings, SourceKind, SourceSettings
from app.models.kinds import CreationType
from app.models.tables import AGGREGATE_ID
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.resolvers.sync import CHANGED, hash_settings
from app.sources.adapters import unsupported
from app.store import leases, registries, runs, sources
from app.store.claims import intern_claims
from app.store.journal import begin_change, is_applied, note_applied, record_removal, take_start, take_turn
from app.store.listings import relist_sources
from app.store.sources import SourceRow

log = structlog.get_logger(__name__)


async def reconcile(ctx: Ctx, settings: Settings, age: float = 0) -> None:
    """Raises ConfigError where the file names something that belongs to the API.

    `age` is how many seconds ago this process began to start. If another one has applied the same configuration since
    then, there is nothing left to do.
    """
    digest = _hash_configuration(settings)
    async with ctx.db.write() as tx:
        session = tx.session
        await take_start(session)
        if await is_applied(session, digest, age):
            log.info("configuration_applied_already")
            return
        await take_turn(session)
        await _apply(ctx, session, settings)
        await note_applied(session, digest)


async def _apply(ctx: Ctx, session: Session, settings: Settings) -> None:
    await _refuse_takeovers(session, settings)
    await _rename_sources(session, settings)
    source_ids = {source.name: await _save_source(ctx, session, source) for source in settings.sources}
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


def _hash_configuration(settings: Settings) -> str:
    """What reconciling depends on: the sources, the registries, and the release, which may fetch other kinds."""
    told = settings.model_dump_json(include={"sources", "registries"})
    return hashlib.sha256(f"{VERSION}\0{told}".encode()).hexdigest()


async def _rename_sources(session: Session, settings: Settings) -> None:
    """Let stored sources that only have another name in the file take it, and keep what they serve.

    One whose name now stands for a source of a kind whose entries come about in another way makes room, and goes.
    """
    held = [view for view in await sources.list_sources(session) if view.creation_type == CreationType.CONFIG]
    renamed, going = match_sources(held, settings.sources)
    for view in (*(view for view, _ in renamed), *going):  # all names become free before one is taken
        await sources.rename_source(session, view.id, f"{view.name} (formerly {view.kind}, {view.id})")
    for view, name in renamed:
        log.info("source_renamed", before=view.name, name=name)
        await sources.rename_source(session, view.id, name)


def match_sources(
    held: Sequence[SourceView], given: Sequence[SourceSettings]
) -> tuple[list[tuple[SourceView, str]], list[SourceView]]:
    """Which stored sources have another name now, and which only stand in the way of one of the same name.

    A source is what it is fetched from: first come those where name and address are the same, then those where the
    address alone is, as far as it stands for one source, then those where the name alone is.
    """
    left, wanted = list(held), []
    for source in given:
        same = [view for view in left if view.name == source.name and _address(view) == _address(source)]
        wanted += [] if same else [source]
        left = [view for view in left if view not in same]
    renamed: list[tuple[SourceView, str]] = []
    for source in list(wanted):
        same = [view for view in left if _address(view) == _address(source)]
        if len(same) == len([other for other in wanted if _address(other) == _address(source)]) == 1:
            renamed.append((same[0], source.name))
            left.remove(same[0])
            wanted.remove(source)
    names = {source.name: source for source in wanted}
    taken = {name for _, name in renamed}
    continued = [view for view in left if view.name in names and _is_continued(view.kind, names[view.name].kind)]
    return renamed, [v for v in left if v not in continued and (v.name in names or v.name in taken)]


def _address(source: SourceView | SourceSettings) -> tuple[str, Mapping[str, Any]]:
    return str(source.kind), source.config if isinstance(source, SourceView) else _config_of(source)


def _is_continued(before: str, after: str) -> bool:
    return before == after or {before, after} <= FETCHED_KINDS


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


async def _save_source(ctx: Ctx, session: Session, source: SourceSettings) -> int:
    chosen = source.filter.model_dump(mode="json", by_alias=True, exclude_defaults=True) if source.filter else None
    interval = source.sync_interval.total_seconds() if source.sync_interval else None
    claims = await intern_claims(session, source.claims)
    removal = source.sync_policy.max_removal_percent
    kind = str(source.kind)
    row = SourceRow(source.name, kind, CreationType.CONFIG, _config_of(source), chosen, interval, claims, removal)
    saved = await sources.save_source(session, row)
    if saved.changed:
        await runs.end_runs(session, saved.id, ctx.clock(), CHANGED)
    if saved.former_kind not in (None, kind):
        await sources.forget_synchronisation(session, saved.id)
    return saved.id


def _config_of(source: SourceSettings) -> dict[str, Any]:
    """What the file says of the source's kind and format; it names secrets' files, never secrets."""
    own = getattr(source, source.kind).model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {str(source.kind): own} | ({"format": str(source.format)} if source.format else {})


async def _carry_claims(session: Session, settings: Settings, ids: Mapping[str, int]) -> set[int]:
    """Entries of fetched sources carry their source's claims; published and discovered ones carry their own.

    What was fetched from another address keeps the claims it came with until the new content takes its place.
    """
    fetched = [ids[source.name] for source in settings.sources if source.kind in FETCHED_KINDS]
    views = (await sources.sources_by_id(session, fetched)).values()
    return await sources.carry_claims(session, [v.id for v in views if v.applied_hash == hash_settings(v)])


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
        reason = unsupported(source.kind)
        if reason is None:
            due.append(source.name)
        elif source.kind is SourceKind.MANAGED:
            await sources.set_message(session, source.name, "")
        else:
            log.warning("source_not_synchronised", source=source.name, reason=reason)
            await sources.set_message(session, source.name, reason)
    await leases.make_due(session, due)
    await _wake(session)


async def _wake(session: Session) -> None:
    """Sources of the API that wait for no run: this release may fetch them, or read their inline data, differently."""
    held = [view for view in await sources.list_sources(session) if view.creation_type == CreationType.API]
    await leases.wake_sources(session, [view.id for view in held if unsupported(view.kind) is None])
