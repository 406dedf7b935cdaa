"""The connection pool and the two ways to use it: `read()` and `write()`, the only place that commits.

Owns the engine's settings and the translation of lost connections into `Unavailable`. Knows no table.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import structlog
from sqlalchemy import PoolProxiedConnection, event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

Session = AsyncSession
"""What the store's functions take; the layers above pass it on and never use it themselves."""

# Custom plans: with a parameter the planner cannot see, PostgreSQL settles on plans that are 10 to 100 times slower for
# searches and counts. JIT and parallel workers only add start-up time to queries of a millisecond.
SERVER_SETTINGS = {
    "application_name": "thv-registry-api",
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    # A process that is frozen, or cut off from the network, must not hold up those that wait for what it has locked.
    "idle_in_transaction_session_timeout": "60s",
}

PATIENCE_SECONDS = 10.0
"""How long a client waits for a connection, or for his turn to change something behind others, such as a large import,
before he is told to try again.
"""

_BUSY = "the server is too busy at the moment; try again later"

_LOST = (InterfaceError, OSError, TimeoutError)
# Classes of PostgreSQL's error codes: connection lost, login refused, no such database, too busy, shutting down. Of
# another class only the code that tells of too long a wait for a lock.
_REFUSED = ("08", "28", "3D", "53", "57")
_LOCKED = "55P03"


class Tx:
    """A write transaction: its session, and what must happen once it is committed."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.hooks: list[Callable[[], Awaitable[None]]] = []

    def after_commit(self, hook: Callable[[], Awaitable[None]]) -> None:
        self.hooks.append(hook)


class Database:
    """A pool of connections made with `asyncpg.connect(**connect_args)`.

    The context of a request holds this factory, never a session: sibling GraphQL fields run at the same time.
    """

    def __init__(self, connect_args: Mapping[str, Any], *, pool_size: int = 10, recycle: float = -1) -> None:
        async def connect() -> Any:
            return await asyncpg.connect(server_settings=SERVER_SETTINGS, **connect_args)

        self.engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=PATIENCE_SECONDS,
            pool_recycle=recycle,
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        snapshot = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._readers = async_sessionmaker(snapshot, expire_on_commit=False)
        self._writers = async_sessionmaker(self.engine, expire_on_commit=False)
        self._turns = asyncio.Semaphore(max(1, pool_size // 2))
        self._crowd = asyncio.Semaphore(max(1, pool_size - max(1, pool_size // 5)))
        self._lane: asyncio.Semaphore | None = None

    def share(self, most: int) -> Database:
        """The same pool for one of many who read much at once: `most` of his reads run at a time, and all such readers
        together leave a fifth of the connections to everybody else. Within a read he must not begin another.
        """
        shared = copy.copy(self)
        shared._lane = asyncio.Semaphore(most)
        return shared

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """One consistent, read-only snapshot; never commits. Raises Unavailable when the database is away, or busy for
        `PATIENCE_SECONDS`.
        """
        async with self._in_lane():
            with _translated():
                async with self._readers() as session:
                    yield session

    @asynccontextmanager
    async def _in_lane(self) -> AsyncIterator[None]:
        if self._lane is None:
            yield
            return
        async with self._lane:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._crowd.acquire()
            except TimeoutError as error:
                raise Unavailable(_BUSY, reason="too many reads are waiting") from error
            try:
                yield
            finally:
                self._crowd.release()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction: committed at the end of the block, rolled back by any error, then its hooks run."""
        with _translated():
            async with self._writers() as session, session.begin():
                tx = Tx(session)
                yield tx
        for hook in tx.hooks:
            try:
                await hook()
            except Exception:  # the change is committed: a failed follow-up must not fail the caller
                log.exception("after_commit_failed")

    @asynccontextmanager
    async def write_in_turn(self, patience: float = PATIENCE_SECONDS) -> AsyncIterator[Tx]:
        """The same for callers that wait for each other: at most half the connections wait, the rest serve readers, and
        after `patience` seconds, whatever they were spent on, waiting ends as Unavailable.
        """
        deadline = time.monotonic() + patience
        with _translated():
            await asyncio.wait_for(self._turns.acquire(), patience)
        try:
            async with self.write() as tx:
                left = max(1, int((deadline - time.monotonic()) * 1000))
                await tx.session.execute(text(f"set local lock_timeout = {left}"))
                yield tx
        finally:
            self._turns.release()

    async def close(self) -> None:
        await self.engine.dispose()


def _refuse_closed(connection: PoolProxiedConnection, *_: object) -> None:
    """Has the pool replace a connection that ended while it lay idle.

    Its socket tells: asking the database before every use would cost three round trips, more than most queries.
    """
    driver = connection.driver_connection
    if driver is None or driver.is_closed():
        raise DisconnectionError


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(_BUSY, reason=str(error)) from error
    except _LOST as error:
        raise Unavailable("the database is not reachable at the moment", reason=str(error)) from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or code[:2] in _REFUSED or code == _LOCKED:
            raise Unavailable("the database cannot be used at the moment", reason=str(error.orig)) from error
        raise
