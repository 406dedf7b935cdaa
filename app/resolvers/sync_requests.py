"""What an operator asks of a source: a run now, a look at what one would do, consent to a run that is held."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.core.database import Session
from app.core.errors import Conflict, Invalid, SourceError, SourceNotFound, Unavailable
from app.models.queries import check_text
from app.models.snapshot import Document, Rejection
from app.models.views import SourceView
from app.resolvers.comparison import Removal, compare, find_removal
from app.resolvers.context import Ctx
from app.resolvers.sync import choose, request_of
from app.sources.adapters import fetch, unsupported
from app.store import leases, runs, sources, stages
from app.store.snapshots import Target, VersionName, stored_versions

PREVIEW_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class SyncPreview:
    """What a run would do. `held` tells of the entries it would remove if they are so many that it would be held."""

    fetched: int
    added: tuple[VersionName, ...]
    updated: tuple[VersionName, ...]
    removed: tuple[VersionName, ...]
    rejections: tuple[Rejection, ...]
    held: Removal | None


async def request_sync(ctx: Ctx, name: str, *, full: bool = False) -> SourceView:
    """Have the source run now; `full` has everything read anew. Returns before the run begins.

    Raises SourceNotFound, Invalid where nothing is ever fetched for it, Conflict where a run is under way.
    """
    async with ctx.db.write() as tx:
        source = await _find(tx.session, name)
        if not await leases.request_run(tx.session, source.id, full=full):
            raise Conflict(f"a run of source {name} is under way")
        if full:
            await stages.clear_pages(tx.session, source.id)
    await hand_over(ctx, source.id)
    return await _reread(ctx, name)


async def accept_held(ctx: Ctx, name: str, run_id: int | None = None) -> SourceView:
    """Agree to what the held run of the source would remove, and have the source run now.

    Raises SourceNotFound, Conflict where no run is held, another one than `run_id`, or where a run is under way.
    """
    async with ctx.db.write() as tx:
        source = await _find(tx.session, name)
        held = source.held_run_id
        if source.leased:  # what that run has begun it ends without the consent
            raise Conflict(f"a run of source {name} is under way")
        if held is None:
            raise Conflict(f"no run of source {name} is held")
        if run_id not in (None, held):
            raise Conflict(f"another run of source {name} is held by now; look at that one first").at("run")
        run = (await runs.runs_by_id(tx.session, [held])).get(held)
        if run is None or run.held is None:
            raise Conflict(f"no run of source {name} is held")
        if not await leases.accept_removal(tx.session, source.id, run.held["digest"]):
            raise Conflict(f"a run of source {name} is under way")
    await hand_over(ctx, source.id)
    return await _reread(ctx, name)


async def preview_sync(ctx: Ctx, name: str) -> SyncPreview:
    """Fetch the source and tell what a run would do; nothing is written.

    Raises SourceNotFound, Invalid where nothing is ever fetched for it, SourceError, Unavailable where as many dry
    runs as one process carries out at a time are under way.
    """
    async with ctx.db.read() as session:
        source = await _find(session, name)
    if ctx.previews.locked():
        raise Unavailable("other dry runs are under way; try again when they have ended")
    async with ctx.previews:
        return await _preview(ctx, source)


async def _preview(ctx: Ctx, source: SourceView) -> SyncPreview:
    try:
        async with asyncio.timeout(PREVIEW_SECONDS):
            fetched = await fetch(request_of(ctx, source, None))
    except TimeoutError as error:
        raise SourceError(f"fetching the source took more than {PREVIEW_SECONDS:.0f} seconds") from error
    assert fetched.snapshot is not None  # noqa: S101  # without a state, nothing counts as known
    snapshot = await asyncio.to_thread(choose, fetched.snapshot, source.filter)
    async with ctx.db.read() as session:
        stored = await stored_versions(session, Target(source.id, source.claim_set_id))
    difference = compare(stored, snapshot)
    removal = find_removal(stored, difference)
    return SyncPreview(
        fetched=snapshot.fetched,
        added=_names(difference.added),
        updated=_names([*difference.updated, *difference.restatused]),
        removed=tuple(key for key, _ in difference.removed),
        rejections=snapshot.rejections,
        held=removal if removal.exceeds(source.max_removal_percent) else None,
    )


def _names(documents: Iterable[Document]) -> tuple[VersionName, ...]:
    return tuple((document.name, document.version) for document in documents)


async def _find(session: Session, name: str) -> SourceView:
    check_text("source", name)
    found = await sources.list_sources(session, [name])
    if not found:
        raise SourceNotFound(f"Source {name} not found")
    reason = unsupported(found[0].kind)
    if reason is not None:
        raise Invalid(reason)
    return found[0]


async def _reread(ctx: Ctx, name: str) -> SourceView:
    async with ctx.db.read() as session:
        return await _find(session, name)


async def hand_over(ctx: Ctx, source_id: int) -> None:
    """Spare the wait for the workers' next tick. Without the queue, that tick takes the source."""
    if ctx.queue is None:
        return
    with contextlib.suppress(Unavailable):
        async with ctx.db.read() as session:
            due = [source for source in await leases.list_due(session) if source.id == source_id]
        await ctx.queue.enqueue(due)
