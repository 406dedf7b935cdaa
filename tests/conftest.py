"""Shared parts of the tests: a real PostgreSQL a worker process, a fresh copy of a migrated database a test."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx
import pytest
from sqlalchemy import event

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.migrations import migrate
from app.graphql.options import Options
from app.graphql.schema import build_schema
from app.main import create_app
from app.resolvers.context import Ctx

SHARED = Path(__file__).parents[2] / "shared"
NEEDS_DATA = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="needs the reference data in ../shared/data")

_MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory: copying a database takes a tenth of the time there
if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

_numbers = itertools.count()


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("database") / "postgres", durable=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The name of a database that has every migration and no data."""
    await _administer(postgres, "create database template_migrated")
    await migrate({**postgres.connect_args(), "database": "template_migrated"})
    return "template_migrated"


@pytest.fixture
async def connect_args(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[dict[str, Any]]:
    """How to connect to a database that only this test has."""
    async with _copy(postgres, template) as arguments:
        yield arguments


@pytest.fixture
async def db(connect_args: dict[str, Any]) -> AsyncIterator[Database]:
    database = Database(connect_args)
    yield database
    await database.close()


@pytest.fixture
def ctx(db: Database) -> Ctx:
    return Ctx(db)


@pytest.fixture
async def client(ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the whole application, in process."""
    async with connect(ctx) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared_ctx(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Ctx]:
    """A database for all tests of a module, for those that fill it once and only read it."""
    async with _copy(postgres, template) as arguments:
        database = Database(arguments)
        yield Ctx(database)
        await database.close()


def connect(ctx: Ctx, options: Options | None = None) -> httpx.AsyncClient:
    """Unhandled errors become the answer that a client would get."""
    schema = build_schema(options) if options else _default_schema()
    transport = httpx.ASGITransport(create_app(ctx, asyncio.Event(), schema=schema), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://registry.example")


_default_schema = cache(build_schema)


class StatementCounter(Protocol):
    def __call__(self) -> Any: ...


@pytest.fixture
def statements(db: Database) -> StatementCounter:
    """`with statements() as seen:` collects the SQL statements that the block sends."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_c: object, _u: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(db.engine.sync_engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(db.engine.sync_engine, "before_cursor_execute", note)

    return count


@asynccontextmanager
async def _copy(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[dict[str, Any]]:
    name = f"test_{next(_numbers)}"
    await _administer(postgres, f"create database {name} template {template}")
    yield {**postgres.connect_args(), "database": name}
    await _administer(postgres, f"drop database {name} with (force)")


async def _administer(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(**postgres.connect_args())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
