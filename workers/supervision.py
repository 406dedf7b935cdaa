"""The life of a worker: start when the parts it needs are there, outlive losses of Redis, end in good order.

Owns the loop around arq's worker and the order of its end. What is run is in jobs, with which settings in settings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import structlog
from arq.worker import Worker

from app.core.settings import Settings
from workers.connection import ANSWER_SECONDS, FAILURES, Presence, close_redis, explain
from workers.settings import DRAIN_SECONDS, open_registry, require_redis, worker_arguments

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
GIVE_BACK_SECONDS = 5.0
"""How long a job that is cut off may take to give its source back."""


async def run_worker(settings: Settings, stop: asyncio.Event, on_ready: Callable[[str, str], None]) -> None:
    """Takes jobs until `stop`; then picks no more, and those that run get some seconds to finish.

    `on_ready` is told the worker's name and its queue's. Raises ConfigError, Unavailable for what keeps it from
    starting; neither a database without its schema nor Redis being away does. Cancelled while starting, it ends.
    """
    logging.getLogger("arq").setLevel(logging.WARNING)  # it tells of every job and tick
    redis = require_redis(settings)
    presence = Presence(redis)
    async with open_registry(settings, presence) as ctx:
        arguments = worker_arguments(settings, redis, presence)
        arguments["ctx"]["registry"] = ctx
        on_ready(arguments["ctx"]["owner"], redis.queue)
        await Supervision(arguments, presence).run(stop)


class Supervision:
    """One pool of connections and the workers that share it: the one that takes jobs, and those before it that met an
    error of Redis which ends arq's loop, as long as jobs of theirs run.
    """

    def __init__(self, arguments: dict[str, Any], presence: Presence) -> None:
        self._arguments = arguments
        self._presence = presence
        self._workers: list[Worker] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. The pool is closed at the end."""
        told = asyncio.create_task(stop.wait())
        looping = self._start()
        pause = FIRST_PAUSE_SECONDS
        try:
            while not stop.is_set():
                await asyncio.wait({looping, told}, return_when=asyncio.FIRST_COMPLETED)
                if looping.done():
                    self._explain_end(looping)
                    await asyncio.wait({told}, timeout=pause)
                    pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                    looping = self._start()
        finally:
            told.cancel()
            await self._end(looping)

    def _start(self) -> asyncio.Task[None]:
        running = _running(self._workers)
        self._workers = [worker for worker in self._workers if not running.isdisjoint(worker.tasks.values())]
        most = max(1, self._arguments["max_jobs"] - len(running))
        worker = Worker(**{**self._arguments, "max_jobs": most, "handle_signals": False})
        self._workers.append(worker)
        return asyncio.create_task(worker.async_run())

    def _explain_end(self, looping: asyncio.Task[None]) -> None:
        """Raises what is no failure of Redis: a defect, and the process must not go on as if nothing had happened."""
        try:
            looping.result()
        except FAILURES as error:
            log.warning("worker_starts_anew", reason=explain(error))

    async def _end(self, looping: asyncio.Task[None]) -> None:
        for worker in self._workers:
            worker.allow_pick_jobs = False
        await _wait(_jobs(self._workers), DRAIN_SECONDS)
        self._presence.ending = True
        left = _running(self._workers)
        await _wait(left, ANSWER_SECONDS if not _jobs(self._workers) else 0)
        log.info("worker_stops", cut_off=len(_jobs(self._workers)))
        await _cancel({task for worker in self._workers for task in worker.tasks.values()}, GIVE_BACK_SECONDS)
        await _cancel({looping}, ANSWER_SECONDS)
        redis = self._arguments["redis_pool"]
        with suppress(*FAILURES):
            async with asyncio.timeout(ANSWER_SECONDS):
                await redis.delete(self._arguments["health_check_key"])
        with suppress(*FAILURES):
            await close_redis(redis)


def _jobs(workers: Iterable[Worker]) -> set[asyncio.Task[Any]]:
    """Our own code that runs."""
    return {task for worker in workers for task in worker.job_tasks.values() if not task.done()}


def _running(workers: Iterable[Worker]) -> set[asyncio.Task[Any]]:
    """The same with arq's around it, which takes note of the end in Redis."""
    return {task for worker in workers for task in worker.tasks.values() if not task.done()}


async def _wait(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _cancel(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    for task in tasks:
        task.cancel()
    await _wait(tasks, seconds)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain; Redis being away is told already
