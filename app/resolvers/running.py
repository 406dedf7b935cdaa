"""A run under way: who holds its source, how far it has come, and the pages it has fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import structlog

from app.core.errors import Unavailable
from app.models.kinds import SyncStage
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.sources.fetching import StagedPage
from app.store import leases, runs, stages

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=30)
REPORT_SECONDS: Final = 1.0


@dataclass(slots=True)
class Progress:
    """How far a run has come; `fetched` counts documents."""

    stage: SyncStage = SyncStage.FETCHING
    fetched: int = 0

    def report(self, fetched: int) -> None:
        self.fetched = fetched


@dataclass(frozen=True, slots=True)
class Run:
    """A run under way: whose it is, and in which name it holds the source's lease."""

    id: int
    source: SourceView
    owner: str
    progress: Progress = field(default_factory=Progress)


class Pages:
    """Keeps the pages of a fetch in the database. Those read with other settings do not count, and who lost the source
    keeps nothing more.
    """

    def __init__(self, ctx: Ctx, run: Run, settings: str) -> None:
        self._ctx = ctx
        self._source_id = run.source.id
        self._owner = run.owner
        self._settings = settings

    async def load(self, key: str) -> AsyncIterator[StagedPage]:
        number = 0
        while True:
            async with self._ctx.db.read() as session:
                found = await stages.load_page(session, self._source_id, f"{self._settings}:{key}", number)
            if found is None:
                return
            yield StagedPage(number, *found)
            number += 1

    async def save(self, key: str, page: StagedPage) -> None:
        kept = (page.body, page.cursor)
        async with self._ctx.db.write() as tx:
            if not await leases.holds_lease(tx.session, self._source_id, self._owner):
                return
            await stages.save_page(tx.session, self._source_id, f"{self._settings}:{key}", page.number, kept)


@asynccontextmanager
async def watched(ctx: Ctx, run: Run) -> AsyncIterator[None]:
    """Keeps the lease while the block runs, and shows how far the run has come.

    A lost lease shows when the result is applied.
    """
    task = asyncio.create_task(_watch(ctx, run))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _watch(ctx: Ctx, run: Run) -> None:
    shown, renewal = Progress(), LEASE.total_seconds() / 3
    waited = 0.0
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        waited += REPORT_SECONDS
        news = replace(run.progress)
        if waited < renewal and news == shown:
            continue
        try:  # the next round may reach the database again, in time
            async with ctx.db.write() as tx:
                await leases.renew_lease(tx.session, run.source.id, run.owner, LEASE)
                await runs.note_progress(tx.session, run.id, news.stage, news.fetched)
        except Unavailable as error:
            log.warning("lease_not_renewed", source=run.source.name, reason=error.reason)
            continue
        except Exception:  # the job loop: whatever one round meets, the lease must be kept
            log.exception("lease_not_renewed", source=run.source.name)
            continue
        shown, waited = news, 0.0
