"""The queue of jobs as the resolvers use it: hand sources to the workers, see which workers there are.

Owns the ids of jobs and the keys of workers. Every call ends within seconds, whatever Redis does.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix

from app.core.errors import Unavailable
from app.core.settings import RedisSettings
from app.models.views import DueSource, WorkerView
from workers.connection import ANSWER_SECONDS, FAILURES, Presence, close_redis, explain, open_redis

JOB_SECONDS: Final = 3900
"""The longest a job may take; a run ends itself after an hour at most."""

CLAIM_SECONDS: Final = JOB_SECONDS + 10
"""How long arq keeps a started job from being started again, if nobody says how it ended."""

STUCK_SECONDS: Final = 30
"""A started job has leased its source long before; after this time whoever started it is dead."""

HEALTH_SECONDS: Final = 5
"""A worker reports itself this often; the report is gone a second after the next is due."""

_LOOK_SECONDS: Final = 10
_PREFIXES: Final = (job_key_prefix, in_progress_key_prefix, retry_key_prefix)
_COUNTS: Final = re.compile(r"j_(complete|failed|retried|ongoing)=(\d+)")


class RedisQueue:
    """The `Queue` of a context. Opened without a connection: Redis may be away at the start, and at any time."""

    def __init__(self, settings: RedisSettings, presence: Presence | None = None) -> None:
        self._presence = presence or Presence(settings)
        self._redis = open_redis(settings, self._presence, patient=False)
        self._name = settings.queue

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        added = 0
        for source in due:
            async with self._bounded():
                added += await self._enqueue(source)
        if added:
            async with self._bounded():
                await self._forget_outdated(due)
        return added

    async def list_workers(self) -> tuple[WorkerView, ...]:
        prefix = worker_key(self._name, "")
        async with self._bounded():
            keys = [key async for key in self._redis.scan_iter(match=f"{prefix}*", count=1000)]
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.get(key)
                    pipe.pttl(key)
                found = await pipe.execute()
        names = [key.decode().removeprefix(prefix) for key in keys]
        reports = zip(names, found[::2], found[1::2], strict=True)
        return tuple(read_report(name, report, left) for name, report, left in sorted(reports) if report)

    async def watch(self) -> None:
        """Never returns: looks for Redis every few seconds, so that the log tells when it goes and comes."""
        while True:
            try:
                async with self._bounded():
                    await self._redis.ping()
            except Unavailable:
                pass  # told by the presence
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        await close_redis(self._redis)

    async def _enqueue(self, source: DueSource) -> int:
        job_id = self._job_id(source)
        if await self._redis.enqueue_job("sync_source", source.id, _job_id=job_id, _queue_name=self._name):
            return 1
        claim = in_progress_key_prefix + job_id
        left = await self._redis.pttl(claim)
        if 0 < left < (CLAIM_SECONDS - STUCK_SECONDS) * 1000:
            await self._redis.delete(claim)  # a worker takes it up again; should the first live, the lease decides
        return 0

    async def _forget_outdated(self, due: Sequence[DueSource]) -> None:
        """Drop what killed workers left of these sources: arq keeps a claimed job for an hour, and reads no further
        than a hundred of them.
        """
        current = {self._job_id(source).encode() for source in due}
        sources = {job_id.rpartition(b":")[0] for job_id in current}
        queued = await self._redis.zrange(self._name, 0, -1)
        outdated = [job_id for job_id in queued if job_id not in current and job_id.rpartition(b":")[0] in sources]
        if outdated:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.zrem(self._name, *outdated)
                pipe.delete(*(prefix.encode() + job_id for prefix in _PREFIXES for job_id in outdated))
                await pipe.execute()

    def _job_id(self, source: DueSource) -> str:
        # The queue's name is part of it because arq keeps the jobs of all queues of a Redis in one place.
        return f"{self._name}:sync:{source.id}:{source.key}"

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                yield
        except FAILURES as error:
            self._presence.lost(error)
            raise Unavailable("the job queue is not reachable at the moment", reason=explain(error)) from error
        self._presence.found()


def worker_key(queue: str, owner: str) -> str:
    """Where the worker `owner` reports itself."""
    return f"{queue}:worker:{owner}"


def read_report(name: str, report: bytes, left: int) -> WorkerView:
    """What arq's worker wrote. `left` are the milliseconds until it is gone: the report's own date has no year."""
    age = timedelta(seconds=HEALTH_SECONDS + 1, milliseconds=-max(left, 0))
    counts = {f"jobs_{key}": int(value) for key, value in _COUNTS.findall(report.decode(errors="replace"))}
    return WorkerView(name, datetime.now(UTC) - age, **counts)
