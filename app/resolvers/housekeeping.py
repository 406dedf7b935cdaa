"""Forgets what nobody needs any more: old runs, versions that vanished long ago, old withdrawals, unused words."""

from __future__ import annotations

import structlog

from app.resolvers.context import Ctx
from app.store import retention
from app.store.journal import begin_change
from app.store.search import forget_words

log = structlog.get_logger(__name__)


async def keep_house(ctx: Ctx) -> None:
    """Several processes may do so at once. Raises Unavailable."""
    now = ctx.clock()
    async with ctx.db.write() as tx:
        purged = await retention.purge_runs(tx.session, now - ctx.sync.run_retention)
        await retention.purge_withdrawals(tx.session, now - ctx.sync.tombstone_retention)
    async with ctx.db.write() as tx:
        await forget_words(tx.session)
    log.info("house_kept", runs=purged, versions=await _purge_tombstones(ctx))


async def _purge_tombstones(ctx: Ctx) -> int:
    """In batches, so that those who publish are not held up for long."""
    before, purged = ctx.clock() - ctx.sync.tombstone_retention, 0
    while True:
        async with ctx.db.read() as session:
            if not await retention.old_tombstones(session, before):
                return purged
        async with ctx.db.write() as tx:
            turn = await begin_change(tx.session, ctx.clock())
            ids = await retention.old_tombstones(tx.session, before)
            await retention.purge_versions(tx.session, ids, turn.at)
            purged += len(ids)
