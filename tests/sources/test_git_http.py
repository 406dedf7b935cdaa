"""Registry files from git over HTTP: credentials, redirects, old servers, and how little is asked for."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.core.errors import SourceError
from app.sources.fetching import Fetched, FetchRequest
from app.sources.git import Limits, fetch_git
from app.sources.outbound import NetworkFailure, Outbound
from tests.gitserver import GitServer, Repository, lend_temporary_folder, serving_git
from tests.sources.test_git import names, refusal, registry

LOOPBACK = Outbound(allow_private=("127.0.0.1",))
USER, PASSWORD = "reader", "s3cret-p@ss/wörd%41"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from lend_temporary_folder(tmp_path / "temporary", monkeypatch)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "served"


@pytest.fixture
def repository(root: Path) -> Repository:
    made = Repository.make(root / "team" / "catalog")
    made.commit({"registry.json": registry("first"), "README.md": "read me"})
    return made


@pytest.fixture
def server(repository: Repository, temporary: Path) -> Iterator[GitServer]:
    with serving_git(repository.path.parents[1]) as opened:
        yield opened


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"  {PASSWORD}\n")
    return path


def request(server: GitServer | str, state: Any = None, **block: Any) -> FetchRequest:
    address = server if isinstance(server, str) else server.url("team/catalog")
    return FetchRequest("git", {"git": {"repository": address, **block}}, state=state or {}, outbound=LOOPBACK)


def write(path: Path, text: str) -> None:
    path.write_text(text)


def login(path: Path, user: str = USER) -> dict[str, str]:
    return {"username": user, "passwordFile": str(path)}


async def test_repository_is_read_by_few_requests(server: GitServer, repository: Repository) -> None:
    fetched = await fetch_git(request(server))
    assert names(fetched) == ["first"]
    assert fetched.revision == repository.resolve("HEAD")
    assert len(server.fetches) == 2  # the commit, and its file


async def test_unchanged_commit_is_not_cloned(server: GitServer, repository: Repository) -> None:
    repository.run("tag", "-a", "-m", "release", "v1")
    for block in ({}, {"branch": "main"}, {"tag": "v1"}):
        first = await fetch_git(request(server, **block))
        before = len(server.seen), len(server.fetches)
        again = await fetch_git(request(server, first.state, **block))
        assert again == Fetched(None, first.revision, first.state)
        assert len(server.seen) > before[0]
        assert len(server.fetches) == before[1]


async def test_applied_commit_is_not_asked_for(server: GitServer, repository: Repository) -> None:
    commit = repository.resolve("HEAD")
    for wish in (commit, commit[:6]):
        first = await fetch_git(request(server, commit=wish))
        server.seen.clear()
        assert (await fetch_git(request(server, first.state, commit=wish))).snapshot is None
        assert server.seen == []


@pytest.mark.parametrize("speaks_v2", [True, False], ids=["v2", "v0"])
@pytest.mark.parametrize("filters", [True, False], ids=["filters", "no-filters"])
async def test_every_server_is_understood(
    server: GitServer, repository: Repository, filters: bool, speaks_v2: bool
) -> None:
    old = repository.resolve("HEAD")
    repository.run("tag", "-a", "-m", "release", "v1")
    new = repository.commit({"registry.json": registry("second")})
    repository.allow_filters(filters)
    server.speaks_v2 = speaks_v2
    for block, commit in (
        ({}, new),
        ({"branch": "main"}, new),
        ({"tag": "v1"}, old),
        ({"commit": old}, old),
        ({"commit": new}, new),
        ({"commit": old[:8]}, old),
    ):
        fetched = await fetch_git(request(server, **block))
        assert (names(fetched), fetched.revision) == (["first"] if commit == old else ["second"], commit)
    text = await refusal(request(server, commit="0" * 40))
    assert "has no commit 0000" in text


async def test_server_that_refuses_some_filters_is_understood(server: GitServer, repository: Repository) -> None:
    commit = repository.resolve("HEAD")
    repository.run("config", "uploadpackfilter.tree.allow", "false")
    assert names(await fetch_git(request(server, commit=commit[:8]))) == ["first"]
    repository.run("config", "uploadpackfilter.allow", "false")
    assert names(await fetch_git(request(server))) == ["first"]


async def test_private_repository_is_read(server: GitServer, password_file: Path) -> None:
    server.login = USER, PASSWORD
    assert names(await fetch_git(request(server, auth=login(password_file)))) == ["first"]


async def test_password_file_is_read_again(server: GitServer, password_file: Path) -> None:
    server.login = USER, "changed"
    await refusal(request(server, auth=login(password_file)))
    write(password_file, "changed\r\n")
    assert names(await fetch_git(request(server, auth=login(password_file)))) == ["first"]


async def test_missing_and_wrong_credentials_are_told_apart(server: GitServer, password_file: Path) -> None:
    server.login = USER, "other"
    text = await refusal(request(server))
    assert "is private, or does not exist" in text
    assert "set git.auth.username and git.auth.passwordFile" in text
    text = await refusal(request(server, auth=login(password_file)))
    assert "the user name and password of git.auth are not accepted" in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [(" \n", "is empty"), ("one\ntwo\n", "in one line"), ("a\0b", "in one line")],
    ids=["empty", "lines", "nul"],
)
async def test_unusable_password_files_are_refused(
    server: GitServer, password_file: Path, content: str, reason: str
) -> None:
    write(password_file, content)
    text = await refusal(request(server, auth=login(password_file)))
    assert text.startswith(f"git.auth.passwordFile: {str(password_file)!r}")
    assert reason in text
    assert server.seen == []


async def test_unreadable_password_files_are_refused(server: GitServer, tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (Path("/dev/null"), "is no regular file"),
    ):
        text = await refusal(request(server, auth=login(path)))
        assert text.startswith(f"git.auth.passwordFile: {str(path)!r}")
        assert reason in text


@pytest.mark.parametrize("user", ["", "a:b"])
async def test_odd_user_names_are_refused(server: GitServer, password_file: Path, user: str) -> None:
    assert "git.auth.username must be given" in await refusal(request(server, auth=login(password_file, user)))


async def test_password_is_not_sent_over_plain_http(server: GitServer, password_file: Path) -> None:
    wish = request("http://192.0.2.1/x", auth=login(password_file))
    wish = replace(wish, outbound=Outbound(allow_private=("192.0.0.0/24",)))
    assert "is not public" in await refusal(wish)
    wish = replace(request("http://1.1.1.1/x", auth=login(password_file)), outbound=Outbound())
    assert "would send the password to 1.1.1.1 over plain http; use https" in await refusal(wish)


async def test_password_is_seen_nowhere(
    server: GitServer, temporary: Path, password_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    files: list[bytes] = []

    def spy() -> None:
        for child in psutil.Process().children(recursive=True):
            try:
                seen.append(" ".join(child.cmdline()))
            except psutil.Error:
                continue
        files.extend(path.read_bytes() for path in temporary.rglob("*") if path.is_file())

    server.spy = spy
    server.login = USER, PASSWORD
    await fetch_git(request(server, auth=login(password_file)))
    server.login = USER, "other"
    with pytest.raises(SourceError) as caught:
        await fetch_git(request(server, auth=login(password_file)))
    assert any("git-remote-http" in line or "remote-http" in line for line in seen)
    assert any(b"promisor = true" in data for data in files)
    shown = [*seen, str(caught.value), repr(caught.value.__cause__), *(r.getMessage() for r in caplog.records)]
    for secret in (PASSWORD, BASIC, "s3cret"):
        assert not any(secret in text for text in shown)
        assert not any(secret.encode() in data for data in files)


async def test_redirect_is_followed_within_the_host(server: GitServer, password_file: Path) -> None:
    server.login = USER, PASSWORD
    server.redirects = {"/old/info/refs": "/older/info/refs", "/older/info/refs": "/team/catalog/info/refs"}
    wish = request(server.url("old"), auth=login(password_file))
    fetched = await fetch_git(wish)
    assert names(fetched) == ["first"]
    assert fetched.state["repository"] == server.url("old")
    asked = [seen for seen in server.seen if "/old" in seen.path]
    assert [seen.authorization for seen in asked] == [None, None]


async def test_credentials_do_not_follow_to_another_host(
    server: GitServer, repository: Repository, password_file: Path
) -> None:
    with serving_git(repository.path.parents[1]) as other:
        server.redirects = {"/old/info/refs": other.url("team/catalog/info/refs")}
        wish = request(server.url("old"), auth=login(password_file))
        assert names(await fetch_git(wish)) == ["first"]
        other.login = USER, PASSWORD
        text = await refusal(wish)
        assert f"it redirects to {other.url('team/catalog')}, where git.auth was not sent" in text
        assert "private" in text
        assert {seen.authorization for seen in other.seen} == {None}


async def test_redirect_that_only_git_meets_is_not_followed(
    server: GitServer, repository: Repository, password_file: Path
) -> None:
    """It comes with the credentials, after the way was judged."""
    with serving_git(repository.path.parents[1]) as other:
        turns = iter([False])

        def spy() -> None:
            if next(turns, True):
                server.redirects = {"/team/catalog/info/refs": other.url("team/catalog/info/refs")}

        server.spy = spy
        text = await refusal(request(server, auth=login(password_file)))
        assert "write the address that it redirects to" in text
        assert other.seen == []


async def test_redirects_that_lead_astray_are_refused(server: GitServer) -> None:
    for target, reason in (
        ("/login?next=", "redirects to http://127.0.0.1"),
        ("http://10.9.8.7/x/info/refs", "10.9.8.7 is not public"),
        ("ftp://example.com/x", "redirects to something that is no http or https address"),
        ("http://user:secret@127.0.0.1/x", "redirects to an address with a user name or password"),
        ("/team/loop/info/refs", "redirects more than 5 times"),
        ("http://127.0.0.1:99999/x/info/refs", "redirects to something"),
        ("http://[/x", "is no valid host name"),
    ):
        server.redirects = {"/team/loop/info/refs": target}
        text = await refusal(request(server.url("team/loop")))
        assert reason in text
        assert "secret" not in text


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "access is refused"),
        (404, "there is no such repository"),
        (429, "asked too often"),
        (503, "the server is in trouble"),
    ],
)
async def test_statuses_are_explained(server: GitServer, status: int, reason: str) -> None:
    server.statuses = {"/team/catalog/info/refs": status}
    text = await refusal(request(server))
    assert text.startswith(f"{server.url('team/catalog')}: ")
    assert reason in text


async def test_network_failures_may_be_tried_again(server: GitServer) -> None:
    server.statuses = {"/team/catalog/info/refs": 503}
    with pytest.raises(NetworkFailure) as caught:
        await fetch_git(request(server))
    assert caught.value.retryable


async def test_page_that_is_no_repository_is_refused(server: GitServer) -> None:
    server.statuses = {"/team/catalog/info/refs": 200}
    assert "not as a git repository" in await refusal(request(server))


async def test_closed_port_is_explained() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        text = await refusal(request(f"http://127.0.0.1:{port}/x"))
    assert f"cannot connect to 127.0.0.1:{port}" in text


async def test_private_address_is_not_spoken_to(server: GitServer) -> None:
    wish = replace(request(server), outbound=Outbound())
    assert "outbound.allowPrivate" in await refusal(wish)
    assert server.seen == []


async def test_git_connects_to_the_address_that_was_judged(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No resolver knows the name, so that only the address it was bound to can lead git to the server."""
    asked: list[str] = []

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    wish = request(f"http://GIT.nowhere.example.:{server.port}/team/catalog")
    wish = replace(wish, outbound=Outbound(allow_private=("127.0.0.0/8",)))
    assert names(await fetch_git(wish)) == ["first"]
    assert set(asked) == {"git.nowhere.example"}


async def test_proxy_is_used(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is one that only the proxy knows; the server stands for the proxy."""
    monkeypatch.setenv("http_proxy", f"http://proxy-user:proxy-pass@127.0.0.1:{server.port}")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "git.invalid:81")
    wish = replace(request("http://git.invalid/team/catalog"), outbound=Outbound())
    assert names(await fetch_git(wish)) == ["first"]
    assert all(seen.path.startswith("http://git.invalid/team/catalog/") for seen in server.seen)
    assert "is not public" in await refusal(replace(wish, config={"git": {"repository": "http://10.1.2.3/x"}}))


async def test_proxy_is_left_out_where_it_must_be(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert names(await fetch_git(request(server))) == ["first"]


async def test_short_deadline_names_the_remedy(server: GitServer, repository: Repository) -> None:
    server.stall = "git-upload-pack"
    commit = repository.resolve("HEAD")[:8]
    text = await refusal(request(server, commit=commit), Limits(seconds=1))
    assert "write the full hash into git.commit" in text
