"""The life of the embedded PostgreSQL: start, watch, start again, stop.

Owns the lock, the child and the descriptor of the data directory while started. Knows no table.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from app.core.embedded import layout as files
from app.core.embedded.account import Account, choose_account
from app.core.embedded.address import ON_LINUX, PORT, answers, connect_args, open_directory
from app.core.embedded.binaries import Binaries, find_binaries
from app.core.embedded.child import Child, Command, spawn
from app.core.embedded.layout import Layout
from app.core.embedded.residents import POLL_SECONDS, STOP_STEPS, cluster_name, stop_residents
from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

LONGEST_RESTART_DELAY_SECONDS = 10.0
# A server that ran this long was healthy: its next restart is immediate again.
HEALTHY_SECONDS = 60.0
REPORT_SECONDS = 10.0

# How a child names its own data directory, in which it starts. This link is followed without a right to search the
# directories above, and it is short: a socket's path may have 107 bytes. It holds for the backends too, as PostgreSQL
# never leaves its data directory.
_HERE = "/proc/self/cwd"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "100",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # a refused statement may carry a document; the server reports it itself
}
_UNSAFE_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """A PostgreSQL in `directory`, which is made when absent unless `create` is False.

    `durable=False` trades crash safety for speed (tests).
    Start it from the thread that lives as long as the server should: PostgreSQL ends with that thread.
    """

    def __init__(self, directory: Path, *, create: bool = True, durable: bool = True) -> None:
        self._layout = Layout(Path(os.path.realpath(directory)))
        self._create = create
        self._durable = durable
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._lock: int | None = None
        self._descriptor: int | None = None
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Return when a query is answered. From then on a PostgreSQL that dies is started again, until `stop()`.

        Raises `Unavailable`, with PostgreSQL's last words, when it cannot run. Waits without limit while crash recovery
        is at work; cancelling the call ends the child.
        """
        with files.explained(self._layout):
            if self._create:
                self._layout.directory.parent.mkdir(parents=True, exist_ok=True)
            self._lock = files.hold_lock(self._layout)
        try:
            await self._prepare()
            await self._launch()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._supervise(), name="embedded-postgres")

    async def stop(self) -> None:
        """End it in order: fast shutdown, then immediate, then by force. Does nothing when not started."""
        if self._watch:
            self._watch.cancel()
            await asyncio.wait({self._watch})
            self._watch = None
        if self._child:
            await _end(self._child)
            self._child = None
        if self._lock is None:
            return
        try:
            await stop_residents(self._layout.directory)
        finally:
            self._release()

    def connect_args(self) -> dict[str, Any]:
        """Keyword arguments for `asyncpg.connect`; good in this process only, while started."""
        if self._descriptor is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return connect_args(self._layout, self._descriptor)

    async def _prepare(self) -> None:
        """Leave a cluster of the right version in place. Runs once, before the first launch."""
        layout = self._layout
        with files.explained(layout):
            self._account = choose_account(layout.directory)
            self._binaries = await asyncio.to_thread(find_binaries, self._account)
            await stop_residents(layout.unfinished, [(signal.SIGKILL, 5.0)])
            await asyncio.to_thread(files.clear_unfinished, layout)
            if not files.holds_cluster(layout, self._binaries.major):
                if not self._create:
                    raise files.no_cluster(layout)
                await self._initialise(self._binaries)
            self._descriptor = open_directory(layout)

    async def _initialise(self, binaries: Binaries) -> None:
        layout = self._layout
        files.make_unfinished(layout, self._account)
        start = files.open_log(layout)
        argv = _initdb_argv(binaries, layout.unfinished, durable=self._durable)
        command = Command(argv, layout.unfinished, self._account, layout.log, signal.SIGKILL)
        self._child = spawn(command)
        await self._child.ended.wait()
        if self._child.code != 0:
            raise Unavailable(f"initdb could not make {layout}:\n{files.read_log(layout, start)}")
        files.finish(layout)

    async def _launch(self) -> None:
        """Start one postmaster and wait until it answers. Only with the lock held, so every resident is an orphan."""
        layout = self._layout
        await stop_residents(layout.directory)
        with files.explained(layout):
            await asyncio.to_thread(files.adopt, layout, self._account)
            files.clear_stale(layout)
            start = files.open_log(layout)
        self._child = spawn(Command(self._server_argv(), layout.directory, self._account, layout.log, signal.SIGINT))
        await self._await_answer(self._child, start)

    async def _await_answer(self, child: Child, log_start: int) -> None:
        report = time.monotonic() + REPORT_SECONDS
        while not (files.is_ready(self._layout, child.pid) and await answers(self._layout, self.connect_args())):
            if child.ended.is_set():
                raise Unavailable(
                    f"PostgreSQL in {self._layout} ended with code {child.code} while starting:\n"
                    f"{files.read_log(self._layout, log_start)}"
                )
            if time.monotonic() > report:
                report += REPORT_SECONDS
                log.info("PostgreSQL is still starting", last=files.read_log(self._layout, log_start).split("\n")[-1])
            await asyncio.sleep(POLL_SECONDS)

    async def _supervise(self) -> None:
        delay = 0.0
        while self._child:
            since = time.monotonic()
            await self._child.ended.wait()
            if time.monotonic() - since > HEALTHY_SECONDS:
                delay = 0.0
            log.error("PostgreSQL ended; starting it again", code=self._child.code, delay=delay)
            await asyncio.sleep(delay)
            delay = min(max(delay * 2, 0.1), LONGEST_RESTART_DELAY_SECONDS)
            try:
                await self._launch()
            except Unavailable as error:
                log.error("PostgreSQL could not be started again", reason=str(error))
            else:
                log.info("PostgreSQL is back")

    def _server_argv(self) -> list[str | Path]:
        if self._binaries is None:
            raise RuntimeError("the programs are looked up before the first launch")
        here = _here(self._layout.directory)
        settings = _SETTINGS | ({} if self._durable else _UNSAFE_SETTINGS)
        settings |= {"unix_socket_directories": here, "cluster_name": cluster_name(self._layout.directory)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._binaries.directory / "postgres", "-D", here, *options]

    def _release(self) -> None:
        for descriptor in (self._descriptor, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._descriptor = self._lock = None


def _here(directory: Path) -> str:
    return _HERE if ON_LINUX else str(directory)


def _initdb_argv(binaries: Binaries, directory: Path, *, durable: bool) -> list[str | Path]:
    argv: list[str | Path] = [binaries.directory / "initdb", "-D", _here(directory)]
    # Order and case folding come from PostgreSQL itself, so that a system's update cannot change an index. The libc
    # type must be UTF-8 all the same: under "C" pg_trgm drops every letter that is not ASCII.
    ctype = "C.UTF-8" if ON_LINUX else "en_US.UTF-8"
    argv += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    argv += [f"--lc-ctype={ctype}", "--username=postgres", "--auth-local=trust", "--auth-host=reject"]
    return [*argv, "--no-instructions", *([] if durable else ["--no-sync"])]


async def _end(child: Child) -> None:
    for number, seconds in STOP_STEPS:
        if child.ended.is_set():
            return
        child.send(number)
        await child.wait(seconds)
