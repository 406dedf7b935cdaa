"""What arq needs to know of our worker, for `arq workers.settings.WorkerSettings` and for our own command alike.

`WorkerSettings` is made when it is asked for, from the file that THV_REGISTRY_CONFIG names; importing this module reads
nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import structlog

from app.core.errors import ConfigError, Problem, Unavailable
from app.core.logging import configure_logging
from app.core.migrations import check_schema
from app.core.settings import RedisSettings, Settings, load_settings
from app.resolvers.assembly import open_context, open_pool, reach_database
from app.resolvers.context import Ctx
from workers.connection import Presence, open_redis, write_json
from workers.jobs import schedule, sync_source
from workers.queue import HEALTH_SECONDS, JOB_SECONDS, RedisQueue, worker_key
from workers.scheduler import name_owner

log = structlog.get_logger(__name__)

VARIABLE = "THV_REGISTRY_CONFIG"
DRAIN_SECONDS = 10
MANY_TRIES = 1_000_000
"""Every restart of a worker costs its jobs a try, and none must be given up for that: the engine counts failures."""

_LOOK_SECONDS = 2.0


def __getattr__(name: str) -> Any:
    if name != "WorkerSettings":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return load_worker_settings()
    except ConfigError as error:
        raise SystemExit(f"Error: {error}") from error


def load_worker_settings() -> dict[str, Any]:
    """Arguments of `arq.Worker`, which opens and closes the database by itself. Raises ConfigError."""
    path = os.environ.get(VARIABLE)
    if not path:
        problem = Problem(VARIABLE, "is not set", "set it to the path of the configuration file, e.g. /config.yaml")
        raise ConfigError([problem])
    settings = load_settings(Path(path), os.environ, {})
    configure_logging(settings.log_level)
    logging.getLogger("arq").propagate = False  # arq's command line gives it a handler of its own
    redis = require_redis(settings)
    presence = Presence(redis)
    opened = AsyncExitStack()

    async def start(job: dict[str, Any]) -> None:
        job["registry"] = await opened.enter_async_context(open_registry(settings, presence))

    async def end(_: dict[str, Any]) -> None:
        await opened.aclose()

    arguments = worker_arguments(settings, redis, presence)
    return {**arguments, "job_completion_wait": DRAIN_SECONDS, "on_startup": start, "on_shutdown": end}


def require_redis(settings: Settings) -> RedisSettings:
    """Raises ConfigError for a configuration without a queue to take jobs from."""
    if settings.redis is None:
        fix = "add a redis block, the same as the server's; without one the server synchronises by itself"
        raise ConfigError([Problem("redis", "is required for a worker", fix)])
    return settings.redis


def worker_arguments(settings: Settings, redis: RedisSettings, presence: Presence) -> dict[str, Any]:
    """Arguments of `arq.Worker`, all but how it starts and ends. Its name is `ctx["owner"]`."""
    owner = name_owner()
    return {
        "functions": [sync_source],
        "cron_jobs": schedule(redis.queue),
        "queue_name": redis.queue,
        "redis_pool": open_redis(redis, presence, patient=True),
        "ctx": {"owner": owner},
        "max_jobs": settings.sync.concurrency,
        "job_timeout": JOB_SECONDS,
        "keep_result": 0,
        "max_tries": MANY_TRIES,
        "health_check_interval": HEALTH_SECONDS,
        "health_check_key": worker_key(redis.queue, owner),
        "job_serializer": write_json,
        "job_deserializer": orjson.loads,
        "log_results": False,
        "timezone": UTC,
    }


@asynccontextmanager
async def open_registry(settings: Settings, presence: Presence) -> AsyncIterator[Ctx]:
    """The context of a worker's jobs, once the database is there with the schema of this release.

    The server migrates it and loads the configuration; a worker only waits for that.
    """
    async with AsyncExitStack() as stack:
        arguments = await stack.enter_async_context(reach_database(settings))
        await _wait_for_schema(arguments)
        queue = RedisQueue(require_redis(settings), presence)
        stack.push_async_callback(queue.close)
        ctx = open_context(settings, open_pool(settings, arguments), queue)
        stack.push_async_callback(ctx.db.close)
        yield ctx


async def _wait_for_schema(arguments: dict[str, Any]) -> None:
    told = ""
    while True:
        try:
            await check_schema(arguments)
            return
        except Unavailable as error:
            if str(error) != told:
                told = str(error)
                log.warning("worker_waits_for_database", error=told, reason=error.reason)
        await asyncio.sleep(_LOOK_SECONDS)
