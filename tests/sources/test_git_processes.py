"""What git is started with and what is left of it: no process, no file, nothing of the environment that misleads it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import uvloop

from app.sources.fetching import FetchRequest
from app.sources.git import Limits, fetch_git
from app.sources.outbound import NetworkFailure, Outbound
from tests.gitserver import GitServer, Repository, lend_temporary_folder, run_git, serving_git
from tests.served import free_port, wait_for
from tests.sources.test_git import names, refusal, registry

LOOPBACK = Outbound(allow_private=("127.0.0.1",), allow_file_repositories=True)
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from lend_temporary_folder(tmp_path / "temporary", monkeypatch)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository.make(tmp_path / "served" / "catalog")
    made.commit({"registry.json": registry("first")})
    return made


@pytest.fixture
def server(repository: Repository) -> Iterator[GitServer]:
    with serving_git(repository.path.parent) as opened:
        yield opened


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that goes before all others of the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def request(address: str, **block: object) -> FetchRequest:
    return FetchRequest("git", {"git": {"repository": address, **block}}, outbound=LOOPBACK)


def write_program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def living_children(folder: Path) -> list[str]:
    """What runs for fetches below `folder`, whoever is its parent by now, and what nobody waited for."""
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    found = []
    for process in psutil.process_iter():
        try:
            name = process.name()
            if process.environ().get("GIT_CEILING_DIRECTORIES") == str(folder):
                found.append(name)
        except psutil.ZombieProcess:
            if process.pid in ours:
                found.append("zombie")
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("fault", ["stall", "drip"])
@pytest.mark.parametrize("part", ["refs", "git-upload-pack"])
async def test_deadline_ends_git_and_its_children(server: GitServer, temporary: Path, fault: str, part: str) -> None:
    setattr(server, fault, part)
    with pytest.raises(NetworkFailure, match=r"could not be read within 1 seconds; check the server"):
        await fetch_git(request(server.url("catalog")), Limits(seconds=1))
    assert living_children(temporary) == []


@pytest.mark.usefixtures("temporary")
async def test_silent_server_is_given_up(server: GitServer) -> None:
    server.stall = "git-upload-pack"
    with pytest.raises(NetworkFailure, match="does not answer in time"):
        await fetch_git(request(server.url("catalog")), Limits(stall_seconds=1))


async def test_cancellation_ends_git_and_its_children(server: GitServer, temporary: Path) -> None:
    server.stall = "git-upload-pack"
    running = asyncio.create_task(fetch_git(request(server.url("catalog"))))
    await asyncio.to_thread(wait_for, lambda: any("remote-http" in line for line in living_children(temporary)), "git")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert living_children(temporary) == []


def run_in_uvloop(repository: Repository, server: GitServer) -> None:
    """As the server does it: a good fetch, some that are refused, and one that is broken off."""
    counts = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(3):
            assert names(runner.run(fetch_git(request(repository.url)))) == ["first"]
            runner.run(refusal(request(repository.url, path="none")))
            runner.run(asyncio.sleep(0.1))
            counts.append(len(os.listdir("/proc/self/fd")))
        with pytest.raises(NetworkFailure):
            runner.run(fetch_git(request(server.url("catalog")), Limits(seconds=1)))
    assert counts[1:] == counts[:1] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the open files")
async def test_files_are_closed_in_the_loop_of_the_server(
    repository: Repository, server: GitServer, temporary: Path
) -> None:
    server.stall = "git-upload-pack"
    await asyncio.to_thread(run_in_uvloop, repository, server)
    assert living_children(temporary) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
async def test_process_1_of_a_container_keeps_no_zombies(server: GitServer, temporary: Path) -> None:
    """As process 1 would, we inherit the orphans."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        server.stall = "git-upload-pack"
        await refusal(request(server.url("catalog")), Limits(seconds=1))
        assert living_children(temporary) == []
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


async def test_variables_that_mislead_git_are_left_out(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    for name, value in {
        "GIT_DIR": "/nonexistent",
        "GIT_WORK_TREE": "/nonexistent",
        "GIT_INDEX_FILE": "/nonexistent",
        "GIT_OBJECT_DIRECTORY": "/nonexistent",
        "GIT_NAMESPACE": "elsewhere",
        "GIT_EXEC_PATH": "/nonexistent",
        "GIT_CONFIG_PARAMETERS": f"'url.file:///nonexistent.insteadOf'='{repository.url}'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "url.file:///nonexistent.insteadOf",
        "GIT_CONFIG_VALUE_0": repository.url,
        "GIT_TRACE": str(trace),
        "GIT_TRACE_CURL": str(trace),
    }.items():
        monkeypatch.setenv(name, value)
    assert names(await fetch_git(request(repository.url))) == ["first"]
    assert not exists(trace)


async def test_settings_of_the_user_are_left_out(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".config" / "git").mkdir(parents=True)
    text = f'[url "{server.url("nonexistent")}"]\n\tinsteadOf = {server.url("catalog")}\n'
    for path in (home / ".gitconfig", home / ".config" / "git" / "config"):
        write(path, text)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    assert names(await fetch_git(request(server.url("catalog")))) == ["first"]


async def test_passwords_of_the_user_are_left_out(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / ".netrc", "machine 127.0.0.1 login reader password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.login = "reader", "s3cret"
    assert "is private" in await refusal(request(server.url("catalog")))
    assert {seen.authorization for seen in server.seen} == {None}


async def test_missing_git_is_explained(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    text = "git is not installed, or not on the PATH; install git 2.37 or later"
    assert await refusal(request(repository.url)) == text


async def test_missing_git_is_explained_where_variables_are_left_out(
    repository: Repository, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert (await refusal(request(repository.url))).startswith("git is not installed")


def test_server_starts_without_git(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import app.sources.git"]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parents[2], env={"PATH": str(tmp_path)})


@pytest.mark.parametrize("version", ["git version 2.36.9", "git version unknown", ""])
async def test_old_git_is_refused(repository: Repository, programs: Path, version: str) -> None:
    write_program(programs, "git", f"echo '{version}'")
    assert "is too old; install git 2.37 or later" in await refusal(request(repository.url))


async def test_temporary_directory_that_cannot_be_written_to_is_explained(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nonexistent"))
    text = await refusal(request(repository.url))
    assert text == "no temporary directory can be made: No such file or directory; set TMPDIR to a writable one"


@pytest.fixture(params=["size=200k", "nr_inodes=1", "nr_inodes=2"])
def full_disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory with room for next to nothing."""
    folder = tmp_path / "full"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", request.param, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, timeout=60).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    left = list(folder.iterdir())
    subprocess.run(["umount", str(folder)], check=True, timeout=60)
    assert left == []


@pytest.mark.usefixtures("full_disk")
async def test_full_disk_is_explained(repository: Repository) -> None:
    repository.commit({"noise.json": os.urandom(1 << 20)})
    text = await refusal(request(repository.url, path="noise.json"))
    assert "no space left for the working copy; free some, or set TMPDIR" in text


async def test_ssh_is_run_without_questions(
    repository: Repository, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in the place of ssh notes what it is given and runs the remote command here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    note = tmp_path / "note"
    write_program(programs, "ssh", f'echo "$HOME $SSH_AUTH_SOCK $*" >>{note}\nfor last; do :; done\nexec sh -c "$last"')
    for address in (f"ssh://git@127.0.0.1:2222{repository.path}", f"git@127.0.0.1:{repository.path}"):
        assert names(await fetch_git(request(address))) == ["first"]
    first = read(note).splitlines()[0]
    assert first.startswith(f"{tmp_path} /run/agent ")
    assert "-o BatchMode=yes -o ConnectTimeout=10" in first
    assert "-p 2222 git@127.0.0.1 git-upload-pack" in first


@pytest.mark.parametrize(
    ("complaint", "hint"),
    [
        ("Host key verification failed.", "add it to the known_hosts file"),
        ("git@127.0.0.1: Permission denied (publickey).", "load a key that may read the repository into the ssh agent"),
        ("ssh: connect to host 127.0.0.1 port 22: Connection refused", "check the address and that the server runs"),
    ],
)
async def test_ssh_troubles_are_explained(programs: Path, complaint: str, hint: str) -> None:
    write_program(programs, "ssh", f"echo '{complaint}' >&2; exit 255")
    text = await refusal(request("git@127.0.0.1:team/catalog"))
    assert hint in text
    assert complaint in text


async def test_ssh_takes_no_password(tmp_path: Path) -> None:
    auth = {"username": "reader", "passwordFile": str(tmp_path / "password")}
    text = await refusal(request("git@127.0.0.1:team/catalog", auth=auth))
    assert "git.auth is for https addresses only" in text


async def test_ssh_to_a_private_address_is_refused(programs: Path, tmp_path: Path) -> None:
    write_program(programs, "ssh", f"touch {tmp_path}/called; exit 255")
    wish = replace(request("git@127.0.0.1:team/catalog"), outbound=Outbound())
    assert "outbound.allowPrivate" in await refusal(wish)
    assert not exists(tmp_path / "called")


@pytest.fixture
def daemon(repository: Repository) -> Iterator[int]:
    """The port of a server of git's own protocol, which serves the host git.nowhere.example only."""
    port = free_port()
    program = f"{run_git(repository.path, '--exec-path')}/git-daemon"
    (repository.path.parent / "git.nowhere.example").symlink_to(".")
    places = f"--interpolated-path={repository.path.parent}/%H%D"
    options = ["--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", places]
    process = subprocess.Popen([program, *options], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(port), "the daemon")
        yield port
    finally:
        process.terminate()
        process.wait()


async def test_git_protocol_is_read(daemon: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No resolver knows the name, so that only the address that was judged can lead git to the server."""

    async def look_up(_: str, port: int, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    assert names(await fetch_git(request(f"git://git.nowhere.example:{daemon}/catalog"))) == ["first"]
    text = await refusal(replace(request(f"git://127.0.0.1:{daemon}/catalog"), outbound=Outbound()))
    assert "outbound.allowPrivate" in text


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key in the same file."""
    path = tmp_path / "certificate.pem"
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        command = ["openssl", "req", *kind, *subject, "-keyout", str(path), "-out", f"{path}.crt"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "GIT_SSL_CAINFO"])
async def test_https_is_trusted_by_its_authority(
    repository: Repository, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    write(tmp_path / "password", "s3cret\n")
    auth = {"username": "reader", "passwordFile": str(tmp_path / "password")}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving_git(repository.path.parent, context) as server:
        server.login = "reader", "s3cret"
        text = await refusal(request(server.url("catalog"), auth=auth))
        assert "no trusted TLS connection" in text
        assert "SSL_CERT_FILE" in text
        monkeypatch.setenv(variable, f"{certificate}.crt")
        assert names(await fetch_git(request(server.url("catalog"), auth=auth))) == ["first"]
        assert any(seen.authorization for seen in server.seen)


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def write(path: Path, text: str) -> None:
    path.write_text(text)


def read(path: Path) -> str:
    return path.read_text()


def exists(path: Path) -> bool:
    return path.exists()
