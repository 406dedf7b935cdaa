"""A visit to a cluster: as the guest of its owner, as its owner for a while, and where there is nothing to visit."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core.embedded import EmbeddedPostgres, visit
from app.core.embedded.layout import Layout, hold_lock
from app.core.embedded.residents import find_residents
from app.core.errors import Unavailable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

NOBODY = 65534


async def ask(arguments: dict[str, Any], query: str) -> Any:
    connection = await asyncpg.connect(**arguments)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a process tells nobody when its state changes
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster with one row, to be copied."""
    directory = tmp_path_factory.mktemp("template") / "postgres"
    async with EmbeddedPostgres(directory, durable=False) as server:
        await ask(server.connect_args(), "create table kept (n int)")
        await ask(server.connect_args(), "insert into kept values (7) returning n")
    return directory


@pytest.fixture
def directory(template: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "postgres"
    shutil.copytree(template, copy)
    return copy


async def test_guest_reads_beside_the_owner_and_leaves_it_running(directory: Path) -> None:
    async with EmbeddedPostgres(directory, durable=False) as owner:
        pid = await ask(owner.connect_args(), "select pg_postmaster_start_time()")
        before = len(os.listdir("/proc/self/fd"))
        async with visit(directory) as arguments:
            assert await ask(arguments, "select n from kept") == 7
            assert await ask(arguments, "select pg_postmaster_start_time()") == pid
        assert len(os.listdir("/proc/self/fd")) == before
        assert await ask(owner.connect_args(), "select pg_postmaster_start_time()") == pid


async def test_visitor_of_a_cluster_without_owner_starts_and_stops_it(directory: Path) -> None:
    for _ in range(2):
        async with visit(directory) as arguments:
            assert await ask(arguments, "select n from kept") == 7
            with pytest.raises(Unavailable, match=f"in use by process {os.getpid()}"):
                await EmbeddedPostgres(directory).start()
        assert find_residents(directory) == []


async def test_visitor_that_fails_stops_what_it_started(directory: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with visit(directory):
            raise ZeroDivisionError
    assert find_residents(directory) == []
    async with EmbeddedPostgres(directory, durable=False) as owner:
        assert await ask(owner.connect_args(), "select n from kept") == 7


async def test_visit_of_nothing_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"no database in .*/data/postgres yet: start the server once"):
        async with visit(tmp_path / "data" / "postgres"):
            pass
    assert names_in(tmp_path) == []


async def test_visit_makes_no_cluster_where_an_owner_died_before_it_made_one(tmp_path: Path) -> None:
    os.close(hold_lock(Layout(tmp_path / "postgres")))
    with pytest.raises(Unavailable, match="start the server once"):
        async with visit(tmp_path / "postgres"):
            pass
    assert names_in(tmp_path) == ["postgres.lock"]


async def test_foreign_directory_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Unavailable, match="not empty and holds no PostgreSQL database"):
        async with visit(tmp_path / "postgres"):
            pass
    assert names_in(tmp_path / "postgres") == ["thesis.txt"]


async def test_directory_of_another_user_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    us = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: NOBODY)
    with pytest.raises(Unavailable, match=f"belongs to user {us} but this server runs as user {NOBODY}"):
        async with visit(directory):
            pass
    assert names_in(directory.parent) == ["postgres"]


async def test_guest_waits_for_an_owner_that_is_just_making_its_cluster(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    owner = EmbeddedPostgres(directory, durable=False)
    starting = asyncio.create_task(owner.start())
    await until(directory.with_name("postgres.lock").exists)
    assert not directory.exists()
    async with visit(directory) as arguments:
        assert await ask(arguments, "select 1") == 1
        await starting
        assert await ask(owner.connect_args(), "select 1") == 1
    await owner.stop()


async def test_visitor_takes_the_place_of_an_owner_that_goes(directory: Path) -> None:
    held = hold_lock(Layout(directory))

    async def read() -> Any:
        async with visit(directory) as arguments:
            return await ask(arguments, "select n from kept")

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.1)
    assert not reading.done()
    os.close(held)
    assert await reading == 7
    assert find_residents(directory) == []


async def test_owner_that_does_not_answer_is_told_after_some_patience(directory: Path) -> None:
    held = hold_lock(Layout(directory))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Unavailable, match=f"does not answer.*in use by process {os.getpid()}"):
        async with visit(directory, patience=0.2):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(held)


async def test_long_path_can_be_visited(template: Path, tmp_path: Path) -> None:
    directory = tmp_path / ("a" * 200) / "my dätä" / "postgres"
    directory.parent.mkdir(parents=True)
    shutil.copytree(template, directory)
    async with EmbeddedPostgres(directory, durable=False), visit(directory) as arguments:
        assert await ask(arguments, "select n from kept") == 7
