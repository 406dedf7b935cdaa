"""The two ways to use the pool: read-only snapshots, and transactions that commit once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core import database
from app.core.database import Database
from app.core.errors import Unavailable
from tests.waiting import until


async def revision(db: Database) -> Any:
    async with db.read() as session:
        return await session.scalar(text("select revision from catalog"))


async def test_write_commits_and_then_runs_its_hooks(db: Database) -> None:
    seen = []

    async def hook() -> None:
        seen.append(await revision(db))

    async with db.write() as tx:
        await tx.session.execute(text("update catalog set revision = 7"))
        tx.after_commit(hook)
        assert seen == []
    assert seen == [7]


async def test_write_rolls_back_on_an_error_and_runs_no_hook(db: Database) -> None:
    seen = []

    async def hook() -> None:
        seen.append(1)

    async def change() -> None:
        async with db.write() as tx:
            tx.after_commit(hook)
            await tx.session.execute(text("update catalog set revision = 7"))
            raise KeyError

    with pytest.raises(KeyError):
        await change()
    assert await revision(db) == 0
    assert seen == []


async def test_failing_hook_does_not_fail_what_is_committed(db: Database) -> None:
    async def hook() -> None:
        raise KeyError

    async with db.write() as tx:
        await tx.session.execute(text("update catalog set revision = 7"))
        tx.after_commit(hook)
    assert await revision(db) == 7


async def test_read_refuses_to_write(db: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with db.read() as session:
            await session.execute(text("update catalog set revision = 7"))


async def test_read_sees_one_snapshot(db: Database) -> None:
    async with db.read() as session:
        assert await session.scalar(text("select revision from catalog")) == 0
        async with db.write() as tx:
            await tx.session.execute(text("update catalog set revision = 7"))
        assert await session.scalar(text("select revision from catalog")) == 0


async def test_crowd_leaves_connections_to_others(
    connect_args: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.2)
    db, reading, enough = Database(connect_args, pool_size=5), 0, asyncio.Event()

    async def hold(shared: Database) -> None:
        nonlocal reading
        async with shared.read() as session:
            await session.execute(text("select 1"))
            reading += 1
            await enough.wait()

    greedy, other = db.share(3), db.share(3)
    holding = [asyncio.create_task(hold(greedy)) for _ in range(9)]
    await until(lambda: reading == 3)
    holding.append(asyncio.create_task(hold(other)))
    await until(lambda: reading == 4)
    with pytest.raises(Unavailable, match="busy"):
        await revision(other)
    assert await revision(db) == 0
    enough.set()
    await asyncio.gather(*holding)
    assert reading == 10
    assert await revision(other) == 0
    await db.close()


async def test_absent_database_is_unavailable(connect_args: dict[str, Any]) -> None:
    for wrong in ({"host": "/nonexistent"}, {"host": "127.0.0.1", "port": 9}):
        elsewhere = Database({**connect_args, **wrong})
        with pytest.raises(Unavailable):
            await revision(elsewhere)
        await elsewhere.close()


async def test_connections_cut_by_the_server_are_replaced(db: Database) -> None:
    assert await revision(db) == 0
    async with db.write() as tx:
        await tx.session.execute(
            text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
        )
    assert await revision(db) == 0
