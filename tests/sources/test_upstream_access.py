"""Where an upstream is, what it is sent beside the request, and who may have it sent."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import SourceError
from app.sources.outbound import Outbound
from tests import webserver
from tests.sources.following import MORNING, Clock, Follower, aged, following
from tests.upstreams import Upstream

TOKEN = "s3cret-t0ken"
HEADERS = {"X-Api-Key": "s3cret-key"}
ELSEWHERE = "http://registry.example.com"


def write_token(folder: Path, text: str = f"  {TOKEN}\n") -> str:
    path = folder / "token"
    path.write_text(text)
    return str(path)


async def test_token_is_sent_and_read_anew_each_time(tmp_path: Path) -> None:
    async with following(authTokenFile=write_token(tmp_path)) as (upstream, follower):
        upstream.token = TOKEN
        await follower.fetch()
        upstream.token = "another"
        with pytest.raises(SourceError, match="401") as caught:
            await follower.fetch()
        assert TOKEN not in str(caught.value)
        write_token(tmp_path, "another\n")
        await follower.fetch()
    assert [asked.headers["authorization"].removeprefix("Bearer ") for asked in upstream.requests] == [
        TOKEN,
        TOKEN,
        "another",
    ]


async def test_headers_are_sent_with_every_page() -> None:
    async with following(250, headers=HEADERS) as (upstream, follower):
        await follower.fetch()
    assert [asked.headers["x-api-key"] for asked in upstream.requests] == ["s3cret-key"] * 3
    assert all("authorization" not in asked.headers for asked in upstream.requests)


async def test_another_origin_gets_neither_token_nor_headers(tmp_path: Path) -> None:
    async with (
        following(authTokenFile=write_token(tmp_path), headers=HEADERS) as (upstream, follower),
        webserver.serving() as gate,
    ):
        there = f"{upstream.url}/v0.1/servers?limit=100&include_deleted=true"
        gate.answers["/v0.1/servers"] = webserver.Reply(302, headers={"Location": there})
        follower.own["endpoint"] = gate.url()
        await follower.fetch()
    assert gate.seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert gate.seen[0].headers["x-api-key"] == "s3cret-key"
    assert not upstream.requests[0].headers.keys() & {"authorization", "x-api-key"}


@pytest.mark.parametrize(
    "own", [{"authTokenFile": "/etc/hostname"}, {"headers": HEADERS}, {"caCertPath": "/etc/hostname"}]
)
async def test_only_the_configuration_file_names_files_and_headers(own: dict[str, Any]) -> None:
    async with following(**own) as (upstream, follower):
        follower.trusted = False
        with pytest.raises(SourceError, match=f"api.{next(iter(own))} can only be set in the configuration file"):
            await follower.fetch()
        assert upstream.requests == []
        follower.own = {"endpoint": upstream.url, "headers": {}, "authTokenFile": ""}
        assert len((await follower.snapshot()).documents) == 3


@pytest.mark.parametrize("own", [{"authTokenFile": "token"}, {"headers": HEADERS}])
async def test_secrets_do_not_go_over_plain_http(own: dict[str, Any], tmp_path: Path) -> None:
    write_token(tmp_path)
    own = {key: str(tmp_path / value) if value == "token" else value for key, value in own.items()}
    follower = Follower(ELSEWHERE, **own)
    with pytest.raises(SourceError, match=r"plain http to registry\.example\.com; use https") as caught:
        await follower.fetch()
    assert "s3cret" not in str(caught.value)


async def test_secrets_go_over_plain_http_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = webserver.Resolver(monkeypatch, registry_example_com=[["127.0.0.1"]])
    async with following(headers=HEADERS) as (upstream, follower):
        follower.own["endpoint"] = upstream.url.replace("127.0.0.1", "registry.example.com")
        follower.outbound = Outbound(allow_private=("*.example.com",))
        await follower.fetch()
    assert upstream.requests[0].headers["x-api-key"] == "s3cret-key"
    assert set(resolver.asked) == {"registry.example.com"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("two words", "one word"),
        ("a\nb", "one word"),
        ("ü", "one word"),
        ("x" * 70_000, "one word"),
    ],
)
async def test_file_without_a_token_is_named(text: str, words: str, tmp_path: Path) -> None:
    async with following(authTokenFile=write_token(tmp_path, text)) as (upstream, follower):
        with pytest.raises(SourceError, match=f"api.authTokenFile: {tmp_path}/token .*{words}"):
            await follower.fetch()
    assert upstream.requests == []


async def test_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with following() as (upstream, follower):
        for path, words in ((tmp_path / "none", "No such file"), (tmp_path, "directory"), (pipe, "no regular file")):
            follower.own["authTokenFile"] = str(path)
            with pytest.raises(SourceError, match=f"api.authTokenFile: .*{words}"):
                await follower.fetch()
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"X Key": "a"}, "no name of a header"),
        ({"X-Key": "a\r\nX-Other: s3cret"}, "the value of X-Key"),
        ({"X-Key": 5}, "the value of X-Key"),
        ({"X-Key": "s3cret日本"}, "the value of X-Key"),
        ({"Authorization": "Basic s3cret"}, "leave one of them out"),
    ],
)
async def test_header_that_cannot_be_sent_is_named(headers: dict[str, Any], words: str, tmp_path: Path) -> None:
    async with following(headers=headers, authTokenFile=write_token(tmp_path)) as (upstream, follower):
        with pytest.raises(SourceError, match=words) as caught:
            await follower.fetch()
    assert "s3cret" not in str(caught.value)
    assert upstream.requests == []


async def test_certificate_is_checked_against_the_configured_authority(tmp_path: Path) -> None:
    certificate = webserver.make_certificate(tmp_path)
    upstream = Upstream(aged(3, Clock()), clock=lambda: MORNING)
    async with upstream.serving(tls=webserver.serve_tls(certificate)) as url:
        follower = Follower(url, caCertPath=str(certificate), headers=HEADERS)
        assert len((await follower.snapshot()).documents) == 3
        del follower.own["caCertPath"]
        follower.patience = replace(follower.patience, attempts=100, first_delay=100, longest_delay=100)
        with pytest.raises(SourceError, match=r"api\.caCertPath"):
            await follower.fetch()
        follower.own["caCertPath"] = str(tmp_path / "none")
        with pytest.raises(SourceError, match=r"api\.caCertPath"):
            await follower.fetch()
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", "/v0.1/servers"),
        ("/", "/v0.1/servers"),
        ("/v0.1", "/v0.1/servers"),
        ("/v0.1/servers/", "/v0.1/servers"),
        ("/v0", "/v0/servers"),
        ("/v0/servers", "/v0/servers"),
        ("/registry/house", "/registry/house/v0.1/servers"),
        ("/registry/servers/", "/registry/servers/v0.1/servers"),
        ("/api/mcp/registry/house/v0.1/", "/api/mcp/registry/house/v0.1/servers"),
    ],
)
async def test_endpoint_may_end_where_it_likes(given: str, path: str) -> None:
    async with following(path=given) as (upstream, follower):
        assert len((await follower.snapshot()).documents) == 3
    assert [asked.path for asked in upstream.requests] == [path]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"endpoint": None}, "must be an http or https URL"),
        ({"endpoint": "registry.example.com"}, "must be an http or https URL"),
        ({"endpoint": "ftp://registry.example.com"}, "must be an http or https URL"),
        ({"endpoint": "https://"}, "must be an http or https URL"),
        ({"endpoint": "https://[::1"}, "cannot be read"),
        ({"endpoint": "https://example.com:99999"}, "cannot be read"),
        ({"endpoint": "https://example.com/?x=1"}, "no parameters"),
        ({"endpoint": "https://bob:secret@example.com"}, "authTokenFile"),
        ({"timeout": "10"}, "api.timeout must be a duration"),
        ({"timeout": "0s"}, "api.timeout must be longer"),
        ({"fullSyncInterval": "a day"}, "api.fullSyncInterval must be a duration"),
    ],
)
async def test_unusable_setting_is_named(own: dict[str, Any], words: str) -> None:
    follower = Follower("https://registry.example.com")
    follower.own |= own
    with pytest.raises(SourceError, match=words) as caught:
        await follower.fetch()
    assert "secret" not in str(caught.value)
