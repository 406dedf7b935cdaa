"""The server process: opens everything in order, serves both ports, closes everything in reverse.

Start: sockets, PostgreSQL (our own unless one is configured), migrations, sources and registries, scheduler, listeners.
With Redis there is no scheduler: workers are processes of their own, `take_jobs`, which open less.
Stop: readiness goes, listeners drain, the scheduler ends, the pool closes, our PostgreSQL stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import structlog
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres, visit
from app.core.errors import ConfigError, Problem
from app.core.migrations import check_schema, migrate
from app.core.settings import AuthMode, Settings
from app.graphql.options import Options
from app.graphql.schema import build_schema
from app.main import create_app, create_internal_app
from app.resolvers.assembly import connect_arguments, embedded_directory, open_context, open_pool
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx, Queue
from app.resolvers.live import Live
from app.resolvers.sync import release_orphans
from app.rest.connections import HttpConnection, WebSocketConnection
from workers.queue import RedisQueue
from workers.scheduler import run_scheduler
from workers.supervision import run_worker

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 10
MAX_MESSAGE_BYTES = 2**20  # of a message that a client sends on a WebSocket
PING_SECONDS = 25
# A connection whose client takes nothing that long is dropped by the system, whatever still waits to be sent.
STALL_SECONDS = 60
# A first start shows its files from the first answer on; sources that take longer do not hold up the listeners.
FIRST_SYNC_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to listen, as `host:port`; an empty host stands for every interface."""

    public: str = ":8080"
    internal: str = ":8081"


async def serve(settings: Settings, addresses: Addresses, on_ready: Callable[[], None]) -> None:
    """Runs until SIGINT or SIGTERM. Raises ConfigError, Unavailable for what keeps it from starting."""
    refuse_unbuilt(settings)
    for warning in (*settings.warnings, *unbuilt_settings(settings)):
        log.warning("configuration", detail=warning)

    async def run(stop: asyncio.Event, started: asyncio.Event) -> None:
        def ready() -> None:
            started.set()
            on_ready()

        await _run(settings, addresses, stop, ready)

    await _until_told(run)


async def take_jobs(settings: Settings, on_ready: Callable[[str, str], None]) -> None:
    """The worker process. Runs until SIGINT or SIGTERM; raises ConfigError for what keeps it from starting.

    `on_ready` is told the worker's name and that of the queue it takes jobs from.
    """
    refuse_unbuilt(settings)

    async def run(stop: asyncio.Event, started: asyncio.Event) -> None:
        def ready(owner: str, queue: str) -> None:
            started.set()
            on_ready(owner, queue)

        await run_worker(settings, stop, ready)

    await _until_told(run)


async def _until_told(run: Callable[[asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Runs until SIGINT or SIGTERM sets the first event; cut off where the second, "started", is not set by then."""
    stop, started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(run(stop, started))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        running.cancel()  # told to stop while still starting
    told.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def refuse_unbuilt(settings: Settings) -> None:
    """What must not be ignored although this release cannot do it: serving without it would be unsafe or useless."""
    problems = []
    if settings.auth.mode is AuthMode.OAUTH:
        problems.append(
            Problem(
                "auth.mode",
                "oauth is not built yet, and this server is never started open in its place",
                "set auth.mode: anonymous to serve without authentication, behind something that authenticates",
            )
        )
    if settings.database is not None and settings.database.dynamic_auth is not None:
        problems.append(
            Problem("database.dynamicAuth", "is not built yet", "use database.password or a pgpass file (PGPASSFILE)")
        )
    if problems:
        raise ConfigError(problems)


def unbuilt_settings(settings: Settings) -> Iterator[str]:
    """A sentence for each setting that is used and has no effect yet; sources speak for themselves."""
    used = {
        "telemetry.enabled": settings.telemetry.enabled,
        "audit.enabled": settings.audit.enabled,
        "compress_response": settings.compress_response,
        "claims": any(s.claims for s in settings.sources) or any(r.claims for r in settings.registries),
    }
    for name, is_used in used.items():
        if is_used:
            yield f"{name} is set, but has no effect in this release"


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """PostgreSQL as configured, or our own; yields the arguments to connect with, the schema being up to date."""
    if settings.database is not None:
        database = settings.database
        arguments = connect_arguments(database)
        owning = arguments | {"user": database.migration_user, "password": _reveal(database.migration_password)}
        await _migrate(owning, database.user if database.user != database.migration_user else None)
        yield arguments
        return
    postgres = EmbeddedPostgres(embedded_directory(settings))
    await postgres.start()
    try:
        await _migrate(postgres.connect_args(), None)
        yield postgres.connect_args()
    finally:
        await postgres.stop()


@asynccontextmanager
async def open_catalogue(settings: Settings) -> AsyncIterator[Ctx]:
    """What a command reads with, beside a running server or without one. Nothing is migrated, loaded or changed.

    Raises Unavailable where there is no database, or one with the schema of another release.
    """
    async with AsyncExitStack() as stack:
        if settings.database is None:
            arguments = await stack.enter_async_context(visit(embedded_directory(settings)))
        else:
            arguments = connect_arguments(settings.database)
        await check_schema(arguments)
        ctx = open_context(settings, Database(arguments, pool_size=4))
        stack.push_async_callback(ctx.db.close)
        yield ctx


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


async def _migrate(arguments: dict[str, Any], grant_to: str | None) -> None:
    log.info("database_ready", schema=await migrate(arguments, grant_to=grant_to))


async def _run(settings: Settings, addresses: Addresses, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    schema = build_schema(Options.of(settings.graphql))
    async with AsyncExitStack() as stack:
        sockets = [stack.enter_context(listen(address)) for address in (addresses.public, addresses.internal)]
        arguments = await stack.enter_async_context(open_database(settings))
        queue = await stack.enter_async_context(_queueing(settings))
        ctx = open_context(settings, open_pool(settings, arguments), queue, Live(arguments))
        stack.push_async_callback(ctx.db.close)
        await stack.enter_async_context(ctx.live.open(ctx.db))
        if settings.database is None:
            await release_orphans(ctx)
        await reconcile(ctx, settings, time.time() - psutil.Process().create_time())
        if queue is None:
            drained = await stack.enter_async_context(_scheduling(ctx))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(drained.wait(), FIRST_SYNC_SECONDS)
        apps = [create_app(ctx, stop, settings.path_prefix, schema), create_internal_app(ctx, stop)]
        await serve_apps(apps, sockets, stop, ready)


@asynccontextmanager
async def _queueing(settings: Settings) -> AsyncIterator[Queue | None]:
    """The queue of the workers where Redis is configured, which may be away; its coming and going is logged."""
    if settings.redis is None:
        yield None
        return
    queue = RedisQueue(settings.redis)
    watching = asyncio.create_task(queue.watch())
    try:
        yield queue
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await queue.close()


@asynccontextmanager
async def _scheduling(ctx: Ctx) -> AsyncIterator[asyncio.Event]:
    """The scheduler runs beside the block; a run under way is cut off at its end, which changes nothing.

    Yields the event that is set once every source that was due at the start has been tried.
    """
    ending, drained = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_scheduler(ctx, ending, drained))
    try:
        yield drained
    finally:
        ending.set()
        await asyncio.wait([task], timeout=DRAIN_SECONDS)
        task.cancel()
        await asyncio.wait([task])


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn takes it for a fault that a client who left gets no answer. Our own faults are logged already, and so are
    WebSockets, without the query string.
    """
    message = record.getMessage()
    return "returned without completing response" not in message and '"WebSocket ' not in message


class _Server(uvicorn.Server):
    """A server that leaves the signals to its process: two of them share one loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_apps(
    apps: list[Starlette], sockets: list[socket.socket], stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Each application on its socket, until `stop` is set or a listener ends. What is under way then is finished."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    servers = [
        _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                http=HttpConnection,
                ws=WebSocketConnection,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_ping_interval=PING_SECONDS,
                ws_ping_timeout=PING_SECONDS,
                ws_per_message_deflate=False,  # what thousands are sent alike would be compressed for each of them
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=DRAIN_SECONDS,
            )
        )
        for app in apps
    ]
    tasks = [asyncio.create_task(s.serve(sockets=[held])) for s, held in zip(servers, sockets, strict=True)]
    ready()
    told = asyncio.create_task(stop.wait())
    await asyncio.wait([*tasks, told], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    log.info("stopping")
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def listen(address: str) -> socket.socket:
    """A listening socket. Raises ConfigError for an address that cannot be read or is taken."""
    host, colon, port = address.rpartition(":")
    host = host.strip("[]")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError([Problem("address", f"{address!r} is no host:port", "write e.g. :8080 or 127.0.0.1:8080")])
    try:
        return _bind(host, int(port))
    except OSError as error:
        fix = "stop what listens there, or choose another address with --address or --internal-address"
        raise ConfigError(
            [Problem("address", f"cannot listen on {address}: {error.strerror or error}", fix)]
        ) from error


def _bind(host: str, port: int) -> socket.socket:
    held = _open_socket(host, port)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_SECONDS * 1000)
    return held


def _open_socket(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=2048)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)
