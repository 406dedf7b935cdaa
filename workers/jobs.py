"""The jobs of a worker: what is run, when, and what becomes of it while the database is away.

Each calls a resolver and holds nothing of its own. arq hands them a dictionary; `registry` is the context of the
resolvers, `owner` the name of this worker.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from arq.cron import CronJob, cron
from arq.worker import Retry

from app.core.errors import Unavailable
from app.models.kinds import SyncTrigger
from app.resolvers.housekeeping import keep_house as keep_registry
from app.resolvers.sync import due_sources, run_next_due

log = structlog.get_logger(__name__)

LONGEST_RETRY_SECONDS = 60
TICK_SECONDS = 10


async def sync_source(ctx: dict[str, Any], source_id: int) -> None:
    """Run the source if it is due still; the database says so, and whether another worker was faster."""
    try:
        await run_next_due(ctx["registry"], ctx["owner"], SyncTrigger.SCHEDULE, source_id)
    except Unavailable as error:
        log.warning("job_waits", source=source_id, error=str(error), reason=error.reason)
        raise Retry(defer=min(2 ** min(ctx["job_try"], 10), LONGEST_RETRY_SECONDS)) from error


async def tick(ctx: dict[str, Any]) -> None:
    """Put every source that is due on the queue, where it is not waiting already."""
    registry = ctx["registry"]
    try:
        await registry.queue.enqueue(await due_sources(registry))
    except Unavailable as error:
        log.warning("tick_failed", error=str(error), reason=error.reason)


async def keep_house(ctx: dict[str, Any]) -> None:
    """Forget what is older than its retention."""
    try:
        await keep_registry(ctx["registry"])
    except Unavailable as error:
        log.warning("keep_house_failed", error=str(error), reason=error.reason)


class _Current(CronJob):
    """Makes up for no past start: after hours without Redis one tick does what all those missed would have done."""

    def calculate_next(self, prev_run: datetime) -> None:
        super().calculate_next(max(prev_run, datetime.now(prev_run.tzinfo)))


def schedule(queue: str) -> list[CronJob]:
    """The jobs that start by the clock, each by one worker of all. Their ids hold their names, and arq keeps the jobs
    of all queues of a Redis in one place: hence the queue's name in them.
    """
    seconds = set(range(0, 60, TICK_SECONDS))
    jobs = (
        cron(tick, name=f"{queue}:tick", second=seconds, run_at_startup=True, timeout=60),
        cron(keep_house, name=f"{queue}:keep_house", minute=7, timeout=1800),
    )
    return [_Current(**vars(job)) for job in jobs]
