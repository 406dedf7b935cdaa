"""The life of the embedded PostgreSQL, with real processes: start, stop, crash, recovery."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.core.embedded import EmbeddedPostgres
from app.core.embedded.account import choose_account
from app.core.embedded.binaries import find_binaries
from app.core.embedded.layout import LARGE_LOG_BYTES, Layout, is_ready
from app.core.embedded.residents import find_residents
from app.core.errors import Unavailable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def living(directory: Path) -> list[int]:
    """Every process that works in `directory`, found without the code under test."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            here = os.path.samefile(entry / "cwd", directory)
        except OSError:
            continue
        if here:
            found.append(int(entry.name))
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a process tells nobody when its state changes
            await asyncio.sleep(0.01)


def postmaster(directory: Path) -> int:
    return int((directory / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


async def ask(server: EmbeddedPostgres, query: str) -> Any:
    connection = await asyncpg.connect(**server.connect_args())
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def ask_patiently(server: EmbeddedPostgres, query: str) -> Any:
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask(server, query)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
async def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped cluster with one row, to be copied: initdb takes most of a second."""
    directory = tmp_path_factory.mktemp("template") / "postgres"
    async with EmbeddedPostgres(directory, durable=False) as server:
        await ask(server, "create table kept (n int)")
        await ask(server, "insert into kept values (1) returning n")
    return directory


@pytest.fixture
def directory(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the template. As root the copy belongs to root, like an unpacked backup."""
    copy = tmp_path / "postgres"
    shutil.copytree(template, copy)
    yield copy
    for pid in living(copy):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
async def server(directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    one = EmbeddedPostgres(directory, durable=False)
    yield one
    await one.stop()


async def test_cold_start_makes_a_private_cluster_without_tcp(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "er" / "postgres"
    async with EmbeddedPostgres(directory) as server:
        assert await ask(server, "show listen_addresses") == ""
        assert await ask(server, "show fsync") == "on"
        assert await ask(server, "show jit") == "off"
        assert await ask(server, "show timezone") == "UTC"
        assert await ask(server, "show server_encoding") == "UTF8"
        assert await ask(server, "select array_agg(w order by w) from unnest(array['b', 'B', 'a', 'é']) w") == list(
            "Babé"
        )
        await ask(server, "create extension pg_trgm")
        assert await ask(server, "select cardinality(show_trgm('привет'))") > 1
    assert mode(directory) == 0o700
    assert not directory.with_name("postgres.new").exists()


async def test_warm_start_keeps_data(server: EmbeddedPostgres) -> None:
    await server.start()
    assert await ask(server, "select count(*) from kept") == 1
    assert await ask(server, "show fsync") == "off"


async def test_stop_leaves_no_process_and_may_be_repeated(server: EmbeddedPostgres, directory: Path) -> None:
    await server.stop()
    await server.start()
    held = await asyncpg.connect(**server.connect_args())  # A client that stays must not hold it up.
    assert living(directory)
    await server.stop()
    await server.stop()
    assert living(directory) == []
    assert not (directory / "postmaster.pid").exists()
    held.terminate()
    with pytest.raises(RuntimeError):
        server.connect_args()


async def test_child_has_its_own_session_and_none_of_our_environment(
    server: EmbeddedPostgres, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CLIENT_SECRET": "s3cr3t", "PGDATA": "/nowhere", "PGSSLMODE": "verify-full"}.items():
        monkeypatch.setenv(name, value)
    await server.start()
    pid = postmaster(directory)
    assert os.getsid(pid) != os.getsid(0)
    assert "CLIENT_SECRET" not in psutil.Process(pid).environ()


async def test_postmaster_killed_is_started_again(directory: Path) -> None:
    log = directory.with_name("postgres.log")
    async with EmbeddedPostgres(directory) as server:
        await ask(server, "insert into kept values (2) returning n")
        first = postmaster(directory)
        # A backend that computes does not notice that its postmaster is gone, and keeps the next one from starting.
        busy = asyncio.create_task(ask(server, "do $$ begin raise log 'busy'; loop end loop; end $$"))
        await until(lambda: "busy" in log.read_text(encoding="utf-8"))
        os.kill(first, signal.SIGKILL)
        assert await ask_patiently(server, "select count(*) from kept") == 2
        assert postmaster(directory) != first
        assert isinstance((await asyncio.gather(busy, return_exceptions=True))[0], asyncpg.PostgresError | OSError)


async def test_failing_restart_is_tried_again_until_it_works(server: EmbeddedPostgres, directory: Path) -> None:
    await server.start()
    conf, log = directory / "postgresql.conf", directory.with_name("postgres.log")
    good = conf.read_bytes()
    conf.write_text("nonsense = 1\n", encoding="utf-8")
    os.kill(postmaster(directory), signal.SIGKILL)
    await until(lambda: log.read_text(encoding="utf-8").count("unrecognized configuration parameter") >= 2)
    conf.write_bytes(good)
    assert await ask_patiently(server, "select count(*) from kept") == 1


async def test_start_that_fails_quotes_the_log_and_frees_the_directory(
    server: EmbeddedPostgres, directory: Path
) -> None:
    conf = directory / "postgresql.conf"
    good = conf.read_bytes()
    conf.write_text("nonsense = 1\n", encoding="utf-8")
    with pytest.raises(Unavailable, match=r'ended with code 1 while starting:\n(.*\n)*.*"nonsense"'):
        await server.start()
    conf.write_bytes(good)
    await server.start()
    assert await ask(server, "select 1") == 1


async def test_cancelled_start_leaves_no_process(server: EmbeddedPostgres, directory: Path) -> None:
    starting = asyncio.create_task(server.start())
    await until(lambda: bool(living(directory)))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert living(directory) == []
    await server.start()
    assert await ask(server, "select 1") == 1


async def test_second_owner_is_refused_and_the_first_undisturbed(server: EmbeddedPostgres, directory: Path) -> None:
    await server.start()
    with pytest.raises(Unavailable, match=f"in use by process {os.getpid()}.*fileStorage.baseDir or a database: block"):
        await EmbeddedPostgres(directory).start()
    assert await ask(server, "select count(*) from kept") == 1


def start_alone(argv: list[str], directory: Path) -> subprocess.Popen[bytes]:
    """Without a death signal, as where the kernel knows none."""
    account = choose_account(directory)
    identity = account.popen_args() if account else {}
    return subprocess.Popen(argv, cwd=directory, stderr=subprocess.DEVNULL, **identity)


async def test_orphan_of_a_dead_owner_is_stopped(server: EmbeddedPostgres, directory: Path) -> None:
    await server.start()
    argv = psutil.Process(postmaster(directory)).cmdline()
    await server.stop()
    orphan = start_alone(argv, directory)
    try:
        await until(lambda: (directory / "postmaster.pid").exists() and is_ready(Layout(directory), orphan.pid))
        await server.start()
        assert orphan.wait(timeout=10) == 0
        assert await ask(server, "select count(*) from kept") == 1
    finally:
        orphan.kill()
        orphan.wait()


PID_FILE = "{pid}\n/proc/self/cwd\n1795389180\n5432\n/proc/self/cwd\n\n 10035294         9\nready   \n"


@pytest.fixture(params=["dead", "reused", "zombie"])
def stranger(request: pytest.FixtureRequest, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """No postmaster, though its number stands in the files. When alive it works in the data directory, like somebody's
    shell: only PostgreSQL may be ended there."""
    process = start_alone(["sleep", "600"] if request.param == "reused" else ["true"], directory)
    if request.param == "dead":
        process.wait()
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (directory / name).write_text(PID_FILE.format(pid=process.pid), encoding="utf-8")
    yield process
    process.kill()
    process.wait()


async def test_pid_file_of_no_postmaster_is_overcome(
    stranger: subprocess.Popen[bytes], server: EmbeddedPostgres, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["stranger"]
    if kind == "zombie":
        await until(lambda: bool(psutil.Process(stranger.pid).status() == psutil.STATUS_ZOMBIE))
    await server.start()
    assert await ask(server, "select count(*) from kept") == 1
    assert kind != "reused" or stranger.poll() is None


@pytest.mark.parametrize("content", [b"", b"12", b"\xff\x00 not a number\n\n", b"1\n"])
async def test_broken_pid_file_is_overcome(content: bytes, server: EmbeddedPostgres, directory: Path) -> None:
    (directory / "postmaster.pid").write_bytes(content)
    await server.start()
    assert await ask(server, "select count(*) from kept") == 1


@pytest.mark.parametrize(
    ("content", "ready"),
    [
        (PID_FILE.format(pid=7), True),
        (PID_FILE.format(pid=8), False),
        (PID_FILE.format(pid=7).replace("ready   ", "starting"), False),
        (PID_FILE.format(pid=7)[:30], False),
        ("", False),
    ],
)
def test_readiness_needs_the_own_number_and_the_word(content: str, ready: bool, tmp_path: Path) -> None:
    assert not is_ready(Layout(tmp_path), 7)
    (tmp_path / "postmaster.pid").write_text(content, encoding="utf-8")
    assert is_ready(Layout(tmp_path), 7) is ready


async def test_residents_are_known_by_their_mark_where_their_directory_is_hidden(
    server: EmbeddedPostgres, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(process: psutil.Process) -> str:
        raise psutil.AccessDenied(process.pid)

    await server.start()
    monkeypatch.setattr(psutil.Process, "cwd", refuse)
    assert {each.pid for each in find_residents(directory)} == set(living(directory))
    assert find_residents(tmp_path) == []


async def test_other_version_is_refused_with_both_versions_named(server: EmbeddedPostgres, directory: Path) -> None:
    major = find_binaries(choose_account(directory)).major
    (directory / "PG_VERSION").write_text("16\n", encoding="ascii")
    with pytest.raises(Unavailable, match=f"made by PostgreSQL 16 and this release brings PostgreSQL {major}.*Dump"):
        await server.start()
    assert (directory / "global" / "pg_control").exists()


async def test_foreign_directory_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(Unavailable, match="not empty and holds no PostgreSQL database"):
        await EmbeddedPostgres(tmp_path / "postgres").start()
    assert (tmp_path / "postgres" / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("place", ["file/postgres", "file/deeper/postgres", "file"])
async def test_file_in_place_of_a_directory_is_explained(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match=r"cannot be used: .*set another fileStorage\.baseDir"):
        await EmbeddedPostgres(tmp_path / place).start()


async def test_directory_opened_to_a_group_is_closed_again(server: EmbeddedPostgres, directory: Path) -> None:
    os.chmod(directory, 0o2770)  # noqa: S103 - what a volume's fsGroup does at each mount
    await server.start()
    assert mode(directory) == 0o700


async def test_large_log_is_set_aside(server: EmbeddedPostgres, directory: Path) -> None:
    log = directory.with_name("postgres.log")
    log.write_bytes(b"x" * (LARGE_LOG_BYTES + 1))
    await server.start()
    assert log.with_name("postgres.log.1").stat().st_size == LARGE_LOG_BYTES + 1
    assert "ready to accept connections" in log.read_text(encoding="utf-8")
