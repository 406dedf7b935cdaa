"""Files behind a URL: read once, and again only when they changed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.sources.downloads import fetch_url
from app.sources.fetching import Fetched, FetchRequest
from app.sources.http import HttpFailure, NetworkFailure
from app.sources.outbound import Outbound
from tests.sources.samples import image_entry, server, toolhive, upstream
from tests.webserver import Reply, Seen, serving

LOOPBACK = Outbound(("127.0.0.0/8",))
FILE = upstream(server(), server(name="io.github.acme/web"))
DIGEST = hashlib.sha256(FILE).hexdigest()
OLD = "Wed, 21 Oct 2015 07:28:00 GMT"
NOW = "Thu, 22 Oct 2015 07:28:00 GMT"


def ask(url: str, *, state: Mapping[str, Any] | None = None, **more: Any) -> FetchRequest:
    """`more` is beside `url` in the block `file`, but `format`, which is the source's."""
    config: dict[str, Any] = {"file": {"url": url, **more}}
    if "format" in more:
        config["format"] = config["file"].pop("format")
    return FetchRequest("file", config, state=state or {}, outbound=LOOPBACK)


async def fetch(url: str, **more: Any) -> Fetched:
    return await fetch_url(ask(url, **more))


async def test_file_is_downloaded_and_read() -> None:
    counts: list[int] = []
    async with serving({"/registry.json": Reply(body=FILE)}) as web:
        request = FetchRequest(
            "file", {"file": {"url": web.url("/registry.json")}}, outbound=LOOPBACK, report=counts.append
        )
        fetched = await fetch_url(request)
    assert fetched.snapshot is not None
    assert [document.name for document in fetched.snapshot.documents] == ["io.github.acme/db", "io.github.acme/web"]
    assert fetched.revision == DIGEST
    assert fetched.state == {"url": web.url("/registry.json"), "digest": DIGEST}
    assert counts == [2]
    headers = web.seen[0].headers
    assert headers["accept"].startswith("application/json")
    assert not {"if-none-match", "if-modified-since"} & headers.keys()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"ETag": '"1"', "Last-Modified": OLD, "Date": NOW}, {"etag": '"1"', "lastModified": OLD}),
        ({"ETag": 'W/"1"'}, {"etag": 'W/"1"'}),
        ({"ETag": "no quotes at all"}, {"etag": "no quotes at all"}),
        ({"ETag": '"é"'}, {}),
        ({"ETag": f'"{"x" * 2000}"'}, {}),
        ({"ETag": ""}, {}),
        ({"Last-Modified": OLD}, {}),
        ({"Last-Modified": OLD, "Date": OLD}, {}),
        ({"Last-Modified": NOW, "Date": OLD}, {}),
        ({"Last-Modified": "yesterday", "Date": NOW}, {}),
    ],
)
async def test_validators_that_can_be_relied_on_are_kept(sent: dict[str, str], kept: dict[str, str]) -> None:
    async with serving({"/": Reply(body=FILE, headers=sent)}) as web:
        fetched = await fetch(web.url())
        again = await fetch(web.url(), state=fetched.state)
    assert fetched.state == {"url": web.url(), "digest": DIGEST, **kept} == again.state
    assert web.seen[1].headers.get("if-none-match") == kept.get("etag")
    assert web.seen[1].headers.get("if-modified-since") == kept.get("lastModified")


async def test_unchanged_file_is_not_sent_again() -> None:
    def answer(seen: Seen) -> Reply:
        known = seen.headers.get("if-none-match") == '"1"'
        return Reply(304, headers={"ETag": '"1"'}) if known else Reply(body=FILE, headers={"ETag": '"1"'})

    async with serving({"/": answer}) as web:
        first = await fetch(web.url())
        second = await fetch(web.url(), state=first.state)
    assert first.snapshot is not None
    assert second == Fetched(None, DIGEST, first.state)


async def test_answer_without_validators_keeps_those_that_were_sent() -> None:
    state = {"digest": DIGEST, "etag": '"1"', "lastModified": OLD}
    async with serving({"/": Reply(304)}) as web:
        state["url"] = web.url()
        assert await fetch(web.url(), state=state) == Fetched(None, DIGEST, state)


async def test_same_content_is_unchanged_with_its_new_validators() -> None:
    async with serving({"/": Reply(body=FILE, headers={"ETag": '"2"'})}) as web:
        state = {"url": web.url(), "digest": DIGEST, "etag": '"1"', "lastModified": OLD}
        fetched = await fetch(web.url(), state=state)
    assert fetched == Fetched(None, DIGEST, {"url": web.url(), "digest": DIGEST, "etag": '"2"'})


async def test_changed_content_is_read() -> None:
    async with serving({"/": Reply(body=FILE)}) as web:
        fetched = await fetch(web.url(), state={"url": web.url(), "digest": "0" * 64, "etag": '"1"'})
    assert fetched.snapshot is not None
    assert fetched.snapshot.fetched == 2


@pytest.mark.parametrize("state", [{"url": "https://example.com/old.json", "digest": DIGEST, "etag": '"1"'}, {}])
async def test_state_of_another_url_counts_as_none(state: dict[str, str]) -> None:
    async with serving({"/": Reply(body=FILE)}) as web:
        fetched = await fetch(web.url(), state=state)
    assert fetched.snapshot is not None
    assert "if-none-match" not in web.seen[0].headers


async def test_validators_without_a_digest_are_not_sent() -> None:
    async with serving({"/": Reply(body=FILE)}) as web:
        fetched = await fetch(web.url(), state={"url": web.url(), "etag": '"1"'})
    assert fetched.snapshot is not None
    assert "if-none-match" not in web.seen[0].headers


async def test_format_is_the_configured_one() -> None:
    async with serving({"/": Reply(body=toolhive({"db": image_entry()}))}) as web:
        for name in ("toolhive", "", None):
            fetched = await fetch(web.url(), format=name)
            assert fetched.snapshot is not None
            assert fetched.snapshot.format is SourceFormat.TOOLHIVE
        with pytest.raises(SourceError, match="but format: upstream is configured"):
            await fetch(web.url(), format="upstream")


async def test_failures_are_passed_on() -> None:
    async with serving({"/page": Reply(body=b"<html>")}) as web:
        with pytest.raises(HttpFailure, match="404 Not Found; check the address"):
            await fetch(web.url("/gone"))
        with pytest.raises(SourceError, match="the file is not valid JSON"):
            await fetch(web.url("/page"))
        with pytest.raises(SourceError, match="is not public"):
            await fetch_url(FetchRequest("file", {"file": {"url": web.url()}}))
    assert [seen.target for seen in web.seen] == ["/gone", "/page"]


async def test_timeout_is_for_the_whole_download() -> None:
    async def drip(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(script=drip) as web, asyncio.timeout(10):
        with pytest.raises(NetworkFailure, match=r"within 0\.3 seconds; .* raise the source's timeout"):
            await fetch(web.url(), timeout="300ms")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "file.timeout is no duration: 'soon'; write it like 30s"),
        ("30", "file.timeout is no duration: '30'; write it like 30s"),
        ("0s", "file.timeout must be more than zero, not 0s; write it like 30s"),
        ("-1s", "file.timeout must be more than zero, not -1s; write it like 30s"),
    ],
)
async def test_timeout_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        await fetch("http://127.0.0.1:1/", timeout=text)
    assert str(caught.value) == message
