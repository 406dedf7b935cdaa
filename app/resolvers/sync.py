"""The sync engine: take a due source, fetch it, apply only the difference, record the run.

The served data, counts and state of a source change in one transaction, or not at all: whatever fails, or is held
because it would remove too much, leaves them as they were. Nothing is fetched inside a transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from app.core.database import Session, Tx
from app.core.errors import AppError, SourceError
from app.models.kinds import CreationType, SyncOutcome, SyncStage, SyncTrigger
from app.models.snapshot import Snapshot
from app.models.views import DueSource, SourceView
from app.resolvers.comparison import compare, count, find_removal, summarise
from app.resolvers.context import Ctx
from app.resolvers.running import LEASE, Pages, Run, watched
from app.sources.adapters import fetch
from app.sources.documents import READING
from app.sources.fetching import Fetched, FetchRequest
from app.sources.filters import compile_filter
from app.store import leases, runs, sources, stages
from app.store.journal import begin_change, take_turn
from app.store.listings import relist_sources
from app.store.search import settle_search
from app.store.snapshots import Difference, Target, apply_difference, stored_versions

log = structlog.get_logger(__name__)

FIRST_RETRY: Final = timedelta(seconds=10)
LAST_RETRY: Final = timedelta(minutes=15)
LONGEST_RUN: Final = timedelta(hours=1)

CHANGED: Final = "the source was changed during the run"
STOPPED: Final = "the process was told to stop during the run"
"""Why runs were interrupted."""

SETTLE_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Changes:
    """A snapshot, and what it changes."""

    snapshot: Snapshot
    difference: Difference


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `state` are the columns of the source that it sets."""

    outcome: SyncOutcome
    message: str
    upstream_revision: str | None = None
    revision: int | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


async def run_next_due(ctx: Ctx, owner: str, trigger: SyncTrigger, source_id: int | None = None) -> bool:
    """Run the source that has been due longest, or the given one if it is due; False if there is none to run."""
    run = await lease_next(ctx, owner, trigger, source_id)
    if run is None:
        return False
    await execute(ctx, run)
    return True


async def due_sources(ctx: Ctx) -> tuple[DueSource, ...]:
    """The sources that wait for somebody to run them."""
    async with ctx.db.read() as session:
        return await leases.list_due(session)


async def lease_next(ctx: Ctx, owner: str, trigger: SyncTrigger, source_id: int | None = None) -> Run | None:
    """Take the source that has been due longest, or the given one if it is due, and begin a run of it.

    `owner` names the process; `trigger` is recorded unless somebody asked for the run. The lease is the run's own: one
    whose lease has run out must not pass for the next one of the same process. Raises Unavailable.
    """
    owner = f"{owner}:{secrets.token_hex(4)}"
    async with ctx.db.write() as tx:
        source = await leases.lease_due(tx.session, owner, LEASE, source_id)
        if source is None:
            return None
        why = SyncTrigger.MANUAL if source.requested else trigger
        return Run(await runs.start_run(tx.session, source.id, why, ctx.clock()), source, owner)


async def execute(ctx: Ctx, run: Run) -> None:
    """Carry out a run. Never raises for what is wrong with a source: that is the run's outcome.

    Raises Unavailable when the database is away. Cancelled, it gives the source back and leaves it as it was.
    """
    async with watched(ctx, run):
        try:
            async with asyncio.timeout(LONGEST_RUN.total_seconds()):
                await _synchronise(ctx, run)
        except TimeoutError:
            await _record_failure(ctx, run, f"the run took more than {LONGEST_RUN.total_seconds() / 60:.0f} minutes")
        except AppError as error:  # also what the database refuses lastingly, such as a full disk
            await _record_failure(ctx, run, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(_give_back(ctx, run))
            raise
        except Exception:  # the job loop: a defect met by one source must not stop the others
            log.exception("sync_crashed", source=run.source.name, run=run.id)
            await _record_failure(ctx, run, "internal error; the server's log tells more")


async def release_orphans(ctx: Ctx) -> None:
    """Free every lease. For a process that has the database to itself: whoever held one is dead."""
    async with ctx.db.write() as tx:
        await leases.release_all(tx.session)


async def _give_back(ctx: Ctx, run: Run) -> None:
    async with ctx.db.write() as tx:
        if await leases.holds_lease(tx.session, run.source.id, run.owner):
            await leases.release(tx.session, run.source.id, run.owner, timedelta(0), {})
            await runs.end_runs(tx.session, run.source.id, ctx.clock(), STOPPED)


async def _synchronise(ctx: Ctx, run: Run) -> None:
    source = run.source
    fetched = await fetch(request_of(ctx, source, run))
    if fetched.snapshot is None:
        message = "nothing changed since the last success" if source.consecutive_failures else source.message
        result = Result(SyncOutcome.UNCHANGED, message, fetched.revision, state=_learnt(source, fetched))
        async with ctx.db.write() as tx:
            await _check_lease(tx.session, run)
            await _finish(ctx, tx.session, run, result)
        return
    run.progress.stage = SyncStage.READING
    snapshot = await asyncio.to_thread(choose, fetched.snapshot, source.filter)
    run.progress.stage = SyncStage.APPLYING
    await _apply(ctx, run, replace(fetched, snapshot=snapshot), snapshot)


def request_of(ctx: Ctx, source: SourceView, run: Run | None) -> FetchRequest:
    """What the adapter is told. Without a run, everything is read, and nothing is kept."""
    trusted = source.creation_type == CreationType.CONFIG
    request = FetchRequest(source.kind, source.config, trusted, outbound=ctx.outbound)
    if run is None:
        return request
    settings = hash_settings(source)
    state = source.fetch_state if source.applied_hash == settings else {}
    stage = Pages(ctx, run, settings)
    return replace(request, state=state, stage=stage, report=run.progress.report)


def choose(snapshot: Snapshot, filters: Mapping[str, Any] | None) -> Snapshot:
    """The documents that the filter admits. Takes long enough to want a thread. Raises SourceError."""
    if snapshot.fetched and not snapshot.documents and not snapshot.partial:
        first = snapshot.rejections[0].reason if snapshot.rejections else "it holds none"
        raise SourceError(f"none of the {snapshot.fetched} documents can be used; the first: {first}")
    chosen = compile_filter(filters)
    admitted = tuple(d for d in snapshot.documents if chosen.admits(d.name, d.tags))
    if not snapshot.partial or len(admitted) == len(snapshot.documents):
        return replace(snapshot, documents=admitted)
    kept = {(d.name, d.version) for d in admitted}
    excluded = tuple((d.name, d.version) for d in snapshot.documents if (d.name, d.version) not in kept)
    return replace(snapshot, documents=admitted, excluded=excluded)


async def _apply(ctx: Ctx, run: Run, fetched: Fetched, snapshot: Snapshot) -> None:
    """One transaction: the difference, the run and the source's state; or, held, the run alone."""
    source = run.source
    async with ctx.db.write() as tx:
        await take_turn(tx.session)  # before the source's row is locked, as reconciling the configuration does
        await _check_lease(tx.session, run)
        target = Target(source.id, source.claim_set_id)
        stored = await stored_versions(tx.session, target)
        difference = await asyncio.to_thread(compare, stored, snapshot)
        removal = await asyncio.to_thread(find_removal, stored, difference)
        if removal.exceeds(source.max_removal_percent) and removal.digest != source.accepted_removal:
            held = {**count(difference, snapshot), "held": removal.to_json()}
            message = f"held: {len(removal.names)} of {removal.entries} entries would be removed"
            await _finish(ctx, tx.session, run, Result(SyncOutcome.HELD, message, fetched.revision, counts=held))
            return
        await _write(ctx, tx, run, fetched, Changes(snapshot, difference))


async def _check_lease(session: Session, run: Run) -> None:
    """A run that has lost its source changes nothing of it, not even the pages that another run keeps by now."""
    if not await leases.holds_lease(session, run.source.id, run.owner):
        raise SourceError("the source was changed, deleted or taken over during the run, which does not count")


async def apply_given(ctx: Ctx, tx: Tx, source_id: int, fetched: Fetched, snapshot: Snapshot) -> None:
    """A whole run on content that came with a request: part of the caller's transaction, whose turn it is.

    Takes the source from who holds it; a run under way then does not count. Whoever sends the data knows what goes.
    """
    owner = f"request:{secrets.token_hex(8)}"
    source = await leases.take_lease(tx.session, source_id, owner, LEASE)
    await runs.end_runs(tx.session, source_id, ctx.clock(), CHANGED)
    run = Run(await runs.start_run(tx.session, source_id, SyncTrigger.MANUAL, ctx.clock()), source, owner)
    difference = compare(await stored_versions(tx.session, Target(source.id, source.claim_set_id)), snapshot)
    await _write(ctx, tx, run, fetched, Changes(snapshot, difference))


async def _write(ctx: Ctx, tx: Tx, run: Run, fetched: Fetched, changes: Changes) -> None:
    source, difference = run.source, changes.difference
    message = summarise(difference, changes.snapshot)
    result = Result(SyncOutcome.UNCHANGED, message, fetched.revision, state=_learnt(source, fetched))
    result = replace(result, counts=count(difference, changes.snapshot))
    if difference:
        target = Target(source.id, source.claim_set_id)
        turn = await apply_difference(tx.session, target, difference, ctx.clock())
        result = replace(result, outcome=SyncOutcome.APPLIED, revision=turn.revision)
    await _carry_claims(ctx, tx.session, source)
    await _finish(ctx, tx.session, run, result)
    if difference.size >= SETTLE_ROWS:
        tx.after_commit(partial(_settle, ctx))


async def _carry_claims(ctx: Ctx, session: Session, source: SourceView) -> None:
    """What was fetched from another address kept the claims it came with, and what of it goes keeps them for good; what
    is served from now on has the source's own.
    """
    if source.applied_hash != hash_settings(source) and await sources.carry_claims(session, [source.id], live=True):
        turn = await begin_change(session, ctx.clock())
        await relist_sources(session, [source.id], turn.at)


async def _settle(ctx: Ctx) -> None:
    async with ctx.db.write() as tx:
        await settle_search(tx.session)


def _learnt(source: SourceView, fetched: Fetched) -> dict[str, Any]:
    """The columns that tell, from now on, what is served and how it was read."""
    return {
        "applied_hash": hash_settings(source),
        "fetch_state": dict(fetched.state),
        "held_run_id": None,
    }


async def _record_failure(ctx: Ctx, run: Run, message: str) -> None:
    log.warning("sync_failed", source=run.source.name, run=run.id, error=message)
    async with ctx.db.write() as tx:
        await _finish(ctx, tx.session, run, Result(SyncOutcome.FAILED, message))


async def _finish(ctx: Ctx, session: Session, run: Run, result: Result) -> None:
    """Record the run, set the source's state, plan the next run and give the lease back."""
    now, source = ctx.clock(), run.source
    failed, held = result.outcome is SyncOutcome.FAILED, result.outcome is SyncOutcome.HELD
    failures = source.consecutive_failures + 1 if failed else 0
    state = {**result.state, "consecutive_failures": failures, "message": result.message}
    state |= {"requested": False, "accepted_removal": None}  # consent is for the run that follows it, and no other
    if not failed and await leases.holds_lease(session, source.id, run.owner):
        await stages.clear_pages(session, source.id)
    if held:
        state["held_run_id"] = await _keep_held(session, run, result)
    elif not failed:
        state["last_success_at"] = now
    interval = None if source.interval_seconds is None else timedelta(seconds=source.interval_seconds)
    delay = retry_delay(failures, interval) if failed and interval is not None else interval
    await leases.release(session, source.id, run.owner, delay, state)
    values = {
        "outcome": result.outcome,
        "finished_at": now,
        "error": result.message if failed or held else None,
        "upstream_revision": result.upstream_revision,
        "revision": result.revision,
    }
    fetched = {"fetched": run.progress.fetched} if failed else {}
    await runs.finish_run(session, source.id, run.id, {**values, **fetched, **result.counts})
    log.info("sync_finished", source=source.name, run=run.id, outcome=result.outcome, message=result.message)


async def _keep_held(session: Session, run: Run, result: Result) -> int:
    """The run that waits for an operator: the earlier one while it tells the same, so that it can be accepted."""
    earlier = run.source.held_run_id
    if earlier is not None:
        known = (await runs.runs_by_id(session, [earlier])).get(earlier)
        if known is not None and known.held is not None and known.held["digest"] == result.counts["held"]["digest"]:
            await runs.drop_run(session, run.id)
            return earlier
    return run.id


def retry_delay(failures: int, interval: timedelta) -> timedelta:
    """How long to wait after the given number of failures in a row: doubling, capped, never beyond the interval."""
    doubled = min(FIRST_RETRY * 2.0 ** min(failures - 1, 16), LAST_RETRY, interval)
    return doubled * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret


def hash_settings(source: SourceView) -> str:
    """Identifies how the content of a source is read: its own settings, its filter, and this release's reading."""
    parts = [READING, source.kind, source.config, source.filter]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
