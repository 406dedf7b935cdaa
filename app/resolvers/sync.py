"""The sync engine: take a due source, fetch it, apply only the difference, record the run.

The served data, counts and hash of a source change in one transaction, or not at all: whatever fails leaves them as
they were. Nothing is fetched inside a transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from app.core.database import Session, Tx
from app.core.errors import AppError, SourceError, Unavailable
from app.core.settings import SourceFormat
from app.models.kinds import Status, SyncOutcome, SyncTrigger
from app.models.snapshot import Document, Snapshot
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.sources.adapters import Content, fetch
from app.sources.documents import READING
from app.sources.filters import compile_filter
from app.sources.formats import read_snapshot
from app.store import sources as store
from app.store.journal import take_turn
from app.store.search import settle_search
from app.store.snapshots import Difference, Stored, Target, VersionName, apply_difference, stored_versions

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(minutes=15)
MAX_REJECTIONS = 200
"""Reasons kept with a run; the count tells of all."""

CHANGED = "the source was changed during the run"
"""Why a run was interrupted."""

SETTLE_ROWS = 500


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way: whose it is, and which process holds the source's lease."""

    id: int
    source: SourceView
    owner: str


@dataclass(frozen=True, slots=True)
class Result:
    outcome: SyncOutcome
    message: str
    digest: str | None = None
    applied_hash: str | None = None
    revision: int | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)


async def run_next_due(ctx: Ctx, owner: str, trigger: SyncTrigger) -> bool:
    """Run the source that has been due longest; False if none is due.

    `owner` names the process. Never raises for what is wrong with a source: that is the run's outcome. Raises
    Unavailable when the database is away. Cancelled, it gives the source back and leaves it as it was.
    """
    async with ctx.db.write() as tx:
        source = await store.lease_due(tx.session, owner, LEASE)
        if source is None:
            return False
        run = Run(await store.start_run(tx.session, source.id, trigger, ctx.clock()), source, owner)
    async with _renewed(ctx, run):
        try:
            await _synchronise(ctx, run)
        except AppError as error:
            await _record_failure(ctx, run, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(_give_back(ctx, run))
            raise
        except Exception:  # the job loop: a defect met by one source must not stop the others
            log.exception("sync_crashed", source=source.name, run=run.id)
            await _record_failure(ctx, run, "internal error; the server's log tells more")
    return True


async def release_orphans(ctx: Ctx) -> None:
    """Free every lease. For a process that has the database to itself: whoever held one is dead."""
    async with ctx.db.write() as tx:
        await store.release_all(tx.session)


async def _give_back(ctx: Ctx, run: Run) -> None:
    async with ctx.db.write() as tx:
        await store.release(tx.session, run.source.id, run.owner, timedelta(0), {})


async def _synchronise(ctx: Ctx, run: Run) -> None:
    source = run.source
    content = await fetch(source.kind, source.config)
    applied_hash = _fingerprint(source, content.digest)
    if applied_hash == source.applied_hash:
        message = "nothing changed since the last success" if source.consecutive_failures else source.message
        async with ctx.db.write() as tx:
            await _finish(ctx, tx.session, run, Result(SyncOutcome.UNCHANGED, message, content.digest, applied_hash))
        return
    snapshot = await asyncio.to_thread(read_content, source.config, source.filter, content.data)
    await _apply(ctx, run, Result(SyncOutcome.UNCHANGED, "", content.digest, applied_hash), snapshot)


def read_content(config: Mapping[str, Any], filters: Mapping[str, Any] | None, data: bytes) -> Snapshot:
    """The documents of a source, validated and filtered. Takes long enough to want a thread. Raises SourceError."""
    given = config.get("format")
    snapshot = read_snapshot(data, SourceFormat(given) if given else None)
    if not snapshot.documents:
        first = snapshot.rejections[0].reason if snapshot.rejections else "it holds none"
        raise SourceError(f"none of the {snapshot.fetched} documents can be used; the first: {first}")
    chosen = compile_filter(filters)
    kept = tuple(d for d in snapshot.documents if chosen.admits(d.name, d.tags))
    if not kept:
        raise SourceError(f"the filter admits none of the {len(snapshot.documents)} documents; nothing was changed")
    return replace(snapshot, documents=kept)


async def _apply(ctx: Ctx, run: Run, result: Result, snapshot: Snapshot) -> None:
    """One transaction: the difference, the run and the source's state."""
    async with ctx.db.write() as tx:
        await take_turn(tx.session)  # before the source's row is locked, as reconciling the configuration does
        if not await store.holds_lease(tx.session, run.source.id, run.owner):
            raise SourceError("the source was changed, deleted or taken over during the run, which does not count")
        await _write(ctx, tx, run, result, snapshot)


async def apply_given(ctx: Ctx, tx: Tx, source_id: int, content: Content, snapshot: Snapshot) -> None:
    """A whole run on content that came with a request: part of the caller's transaction, whose turn it is.

    Takes the source from who holds it; a run under way then does not count.
    """
    owner = f"request:{secrets.token_hex(8)}"
    await store.end_runs(tx.session, source_id, ctx.clock(), CHANGED)
    source = await store.take_lease(tx.session, source_id, owner, LEASE)
    run = Run(await store.start_run(tx.session, source_id, SyncTrigger.MANUAL, ctx.clock()), source, owner)
    result = Result(SyncOutcome.UNCHANGED, "", content.digest, _fingerprint(source, content.digest))
    await _write(ctx, tx, run, result, snapshot)


async def _write(ctx: Ctx, tx: Tx, run: Run, result: Result, snapshot: Snapshot) -> None:
    target = Target(run.source.id, run.source.claim_set_id)
    difference = compare(await stored_versions(tx.session, target), snapshot.documents)
    if difference:
        turn = await apply_difference(tx.session, target, difference, ctx.clock())
        result = replace(result, outcome=SyncOutcome.APPLIED, revision=turn.revision)
    result = replace(result, message=_summary(difference, snapshot), counts=_counts(difference, snapshot))
    await _finish(ctx, tx.session, run, result)
    if difference.size >= SETTLE_ROWS:
        tx.after_commit(partial(_settle, ctx))


async def _settle(ctx: Ctx) -> None:
    async with ctx.db.write() as tx:
        await settle_search(tx.session)


def compare(stored: Mapping[VersionName, Stored], documents: Iterable[Document]) -> Difference:
    """What must be written so that the stored versions become `documents`."""
    added: list[Document] = []
    updated: list[Document] = []
    restatused: list[Document] = []
    seen: set[VersionName] = set()
    for document in documents:
        key = (document.name, document.version)
        seen.add(key)
        known = stored.get(key)
        if known is None or not known.content_hash:  # new, or back from the dead
            added.append(document)
        elif known.status != document.status:
            restatused.append(document)
        elif known.content_hash != document.content_hash:
            updated.append(document)
    removed = [(key, known) for key, known in stored.items() if key not in seen and known.status is not Status.DELETED]
    return Difference(added, updated, restatused, removed)


async def _record_failure(ctx: Ctx, run: Run, message: str) -> None:
    log.warning("sync_failed", source=run.source.name, run=run.id, error=message)
    async with ctx.db.write() as tx:
        await _finish(ctx, tx.session, run, Result(SyncOutcome.FAILED, message))


async def _finish(ctx: Ctx, session: Session, run: Run, result: Result) -> None:
    now = ctx.clock()
    failed = result.outcome is SyncOutcome.FAILED
    failures = run.source.consecutive_failures + 1 if failed else 0
    seconds = run.source.interval_seconds
    interval = None if seconds is None else timedelta(seconds=seconds)
    state: dict[str, Any] = {
        "consecutive_failures": failures,
        "message": result.message,
    }
    if not failed:
        state |= {"last_success_at": now, "applied_hash": result.applied_hash}
    delay = retry_delay(failures, interval) if failed and interval is not None else interval
    await store.release(session, run.source.id, run.owner, delay, state)
    values = {
        "outcome": result.outcome,
        "finished_at": now,
        "error": result.message if failed else None,
        "upstream_revision": result.digest,
        "revision": result.revision,
    }
    await store.finish_run(session, run.source.id, run.id, {**values, **result.counts})
    log.info("sync_finished", source=run.source.name, run=run.id, outcome=result.outcome, message=result.message)


def retry_delay(failures: int, interval: timedelta) -> timedelta:
    """How long to wait after the given number of failures in a row: doubling, capped, never beyond the interval."""
    doubled = min(FIRST_RETRY * 2.0 ** min(failures - 1, 16), LAST_RETRY, interval)
    return doubled * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret


def _fingerprint(source: SourceView, digest: str) -> str:
    """What the served data depend on: the content, how it is read, and the source's own settings."""
    parts = [READING, digest, source.config, source.filter]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _summary(difference: Difference, snapshot: Snapshot) -> str:
    if not difference and not snapshot.rejections:
        return "nothing changed"
    counts = _counts(difference, snapshot)
    return ", ".join(f"{counts[name]} {name}" for name in ("added", "updated", "removed", "rejected"))


def _counts(difference: Difference, snapshot: Snapshot) -> dict[str, Any]:
    return {
        "fetched": snapshot.fetched,
        "added": len(difference.added),
        "updated": len(difference.updated) + len(difference.restatused),
        "removed": len(difference.removed),
        "rejected": len(snapshot.rejections),
        "rejections": [asdict(rejection) for rejection in snapshot.rejections[:MAX_REJECTIONS]],
    }


@asynccontextmanager
async def _renewed(ctx: Ctx, run: Run) -> AsyncIterator[None]:
    """Keeps the lease while the block runs. A lost lease shows when the result is applied."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            with suppress(Unavailable):  # the next round may reach the database again, in time
                async with ctx.db.write() as tx:
                    await store.renew_lease(tx.session, run.source.id, run.owner, LEASE)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
