"""Fetching over HTTP: what is read, what is refused, what a failure tells, and where credentials go."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.core.errors import SourceError
from app.sources.http import Answer, HttpFailure, NetworkFailure, get, open_client
from app.sources.outbound import Outbound
from tests.webserver import Reply, Resolver, Seen, listening, serving

LOOPBACK = Outbound(("127.0.0.0/8",))
SECRET = "s3cret-t0ken"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def fetch(url: str, outbound: Outbound = LOOPBACK, *, seconds: float = 20, **more: Any) -> Answer:
    async with open_client(outbound, timeout=seconds) as client:
        return await get(client, url, timeout_seconds=seconds, **more)


async def fail(url: str, outbound: Outbound = LOOPBACK, *, seconds: float = 20, **more: Any) -> SourceError:
    """The refusal of an address. It tells the operator something, and no secret."""
    with pytest.raises(SourceError) as caught:
        await fetch(url, outbound, seconds=seconds, **more)
    assert SECRET not in str(caught.value)
    return caught.value


async def test_answer_has_the_body_and_the_headers() -> None:
    reply = Reply(body=b'{"a": 1}', headers={"ETag": '"1"', "Set-Cookie": "a=b"})
    async with serving({"/a": reply}) as server, open_client(LOOPBACK, timeout=20) as client:
        answer = await get(client, server.url("/a?b=c"), timeout_seconds=20)
        await get(client, server.url("/a"), timeout_seconds=20)
        assert not list(client.cookies.jar)
    assert answer == Answer(200, answer.headers, b'{"a": 1}', server.url("/a?b=c"))
    assert answer.headers["etag"] == '"1"'
    first, second = server.seen
    assert first.method == "GET"
    assert first.target == "/a?b=c"
    assert first.headers["host"] == f"127.0.0.1:{server.port}"
    assert first.headers["user-agent"].startswith("thv-registry-api/")
    assert first.headers["accept"] == "application/json"
    assert "cookie" not in second.headers, "no cookies are kept"
    assert server.connections == 1, "a connection is used again"


async def test_given_headers_replace_the_defaults() -> None:
    sent = {"user-agent": "a", "X-Team": "é"}
    async with serving({"/": Reply()}) as server, open_client(LOOPBACK, timeout=20, headers=sent) as client:
        await get(client, server.url(), timeout_seconds=20, headers={"accept": "text/plain"})
    headers = server.seen[0].headers
    assert (headers["user-agent"], headers["accept"], headers["x-team"]) == ("a", "text/plain", "é")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.com/a", "ftp://example.com/a is no http or https address"),
        ("/a", ":///a is no http or https address"),
        ("https:///a", "https:///a is no http or https address"),
        ("http://[::1", "the address is no valid URL"),
        ("http://a\x00b/", "the address is no valid URL"),
        ("http://example.com:99999/", "http://example.com:99999/ is no http or https address"),
        ("http://[::1x", "the address is no valid URL"),
        ("http://[", "'%5B' is no valid host name"),
        (f"https://me:{SECRET}@example.com/", "the address of example.com holds a user name or password"),
        (f"https://{SECRET}@example.com/", "the address of example.com holds a user name or password"),
        ("http://2130706433/", "2130706433 is no host name; write an address as four decimal numbers"),
        ("http://0x7f.1/", "0x7f.1 is no host name"),
        ("http://xn--a/", "the address is no valid URL"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1 is not public"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is not public"),
    ],
)
async def test_address_that_cannot_be_fetched_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    Resolver(monkeypatch)
    assert str(await fail(url, Outbound())).startswith(message)


async def test_private_address_is_refused_before_anything_is_sent() -> None:
    async with serving({"/": Reply()}) as server:
        error = await fail(server.url(), Outbound())
    assert str(error) == (
        "127.0.0.1 is not public; if it may be fetched from, add the host or its network to outbound.allowPrivate"
    )
    assert server.connections == 0


async def test_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, rebinding_example=[["127.0.0.1"], ["127.0.0.2"]])
    async with serving({"/": Reply()}) as server:
        url = server.url(host="rebinding.example")
        assert (await fetch(url, Outbound(("127.0.0.1",)))).status == 200
        assert resolver.asked == ["rebinding.example"]
        assert server.seen[0].headers["host"] == f"rebinding.example:{server.port}"
        assert "has the address 127.0.0.2, which is not public" in str(await fail(url, Outbound(("127.0.0.1",))))
    assert resolver.asked == ["rebinding.example"] * 2
    assert server.connections == 1


async def test_next_address_is_tried_when_one_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, registry_example_com=[["127.0.0.2", "127.0.0.1"]])
    async with serving({"/": Reply(body=b"here")}) as server:
        assert (await fetch(server.url(host="registry.example.com"))).body == b"here"


async def test_dead_address_leaves_time_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, registry_example_com=[["127.0.0.2", "127.0.0.1"]])
    async with serving({"/": Reply(body=b"here")}) as server:
        with socket.socket() as dead, contextlib.ExitStack() as waiting:
            try:
                dead.bind(("127.0.0.2", server.port))
            except OSError:
                pytest.skip("this machine has one loopback address only")
            dead.listen(0)
            for _ in range(4):  # nobody accepts them, and where they are too many, the system answers no more
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(dead.getsockname())
            async with open_client(LOOPBACK, timeout=2) as opened:
                answer = await get(opened, server.url(host="registry.example.com"), timeout_seconds=1.8)
    assert answer.body == b"here"


async def test_name_without_an_address_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    error = await fail("https://nowhere.example/")
    assert isinstance(error, NetworkFailure)
    assert error.retryable
    assert str(error).startswith("nowhere.example cannot be resolved")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_followed(status: int) -> None:
    answers = {"/a": Reply(status, headers={"Location": "b?c=d"}), "/b": Reply(body=b"there")}
    async with serving(answers) as server:
        answer = await fetch(server.url("/a"))
    assert (answer.body, answer.url) == (b"there", server.url("/b?c=d"))


async def test_redirects_end_somewhere() -> None:
    steps = {f"/{n}": Reply(302, headers={"Location": f"/{n + 1}"}) for n in range(6)}
    async with serving({**steps, "/loop": Reply(302, headers={"Location": "/loop"}), "/6": Reply()}) as server:
        assert (await fetch(server.url("/1"))).status == 200
        error = await fail(server.url("/0"))
        assert str(error) == f"127.0.0.1:{server.port} redirects more than 5 times; check the address"
        server.seen.clear()
        await fail(server.url("/loop"))
        assert len(server.seen) == 6


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://10.0.0.1/", "10.0.0.1 is not public"),
        ("http://[::1]/", "::1 is not public"),
        ("http://0x7f.1/", "0x7f.1 is no host name"),
        ("//169.254.169.254/latest", "169.254.169.254 is not public"),
        ("file:///etc/passwd", "redirects to something that is no http or https address"),
        ("https:///a", "redirects to something that is no http or https address"),
        ("http://[", "is no valid host name"),
        ("https:a", "redirects to something that is no http or https address"),
        ("ftp://example.com/a", "redirects to something that is no http or https address"),
        ("http://a:b/", "redirects to something that is no http or https address"),
        ("http://xn--a/", "redirects to something that is no http or https address"),
        ("http://a:0/", "redirects to something that is no http or https address"),
        (f"http://me:{SECRET}@127.0.0.1/", "redirects to an address with a user name or password"),
    ],
)
async def test_redirect_is_judged_like_an_address(location: str, message: str) -> None:
    async with serving({"/": Reply(302, headers={"Location": location})}) as server:
        assert message in str(await fail(server.url(), Outbound(("127.0.0.1",))))


async def test_redirect_without_a_target_is_a_failure() -> None:
    async with serving({"/": Reply(302)}) as server:
        error = await fail(server.url())
    assert isinstance(error, HttpFailure)
    assert error.status == 302


async def test_credentials_stay_with_the_first_origin() -> None:
    sent = {"Authorization": f"Bearer {SECRET}", "X-Team": "a"}
    async with serving({"/back": Reply(body=b"back")}) as first, serving({"/away": Reply()}) as second:
        first.answers["/inside"] = Reply(302, headers={"Location": "/out"})
        first.answers["/out"] = Reply(302, headers={"Location": second.url("/away")})
        second.answers["/away"] = Reply(302, headers={"Location": first.url("/back")})
        async with open_client(LOOPBACK, timeout=20, headers=sent) as client:
            await get(client, first.url("/inside"), timeout_seconds=20, headers={"If-None-Match": '"1"', "Y": "b"})
    inside, out, back = (seen.headers for seen in first.seen)
    away = second.seen[0].headers
    for kept in (inside, out):
        assert (kept["authorization"], kept["x-team"], kept["y"]) == (f"Bearer {SECRET}", "a", "b")
    for stripped in (away, back):
        assert not {"authorization", "x-team", "y"} & stripped.keys()
        assert stripped["if-none-match"] == '"1"'
        assert stripped["user-agent"].startswith("thv-registry-api/")
    assert away["host"] == f"127.0.0.1:{second.port}"


async def test_unchanged_is_an_answer_only_where_it_was_asked_for() -> None:
    async with serving({"/": Reply(304, headers={"ETag": '"2"'})}) as server:
        answer = await fetch(server.url(), headers={"If-None-Match": '"1"'})
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", '"2"')
        error = await fail(server.url())
    assert isinstance(error, HttpFailure)
    assert error.status == 304


@pytest.mark.parametrize(
    ("status", "message", "retryable"),
    [
        (204, "204 No Content; check the address", False),
        (400, "400 Bad Request; check the address", False),
        (401, "401 Unauthorized; it wants credentials, or does not accept those it was sent", False),
        (403, "403 Forbidden; it does not allow this; check the address and the credentials", False),
        (404, "404 Not Found; check the address", False),
        (407, "407 Proxy Authentication Required; the proxy wants credentials; write them into HTTP_PROXY", False),
        (429, "429 Too Many Requests; it was asked too often; lengthen syncPolicy.interval", True),
        (500, "500 Internal Server Error; the fault is the server's; try again later", True),
        (503, "503 Service Unavailable; the fault is the server's; try again later", True),
        (599, "599; the fault is the server's; try again later", False),
    ],
)
async def test_status_is_explained(status: int, message: str, retryable: bool) -> None:
    async with serving({"/a%0A": Reply(status, body=b"" if status == 204 else b"secret page")}) as server:
        error = await fail(server.url(f"/a%0A?token={SECRET}"))
    assert isinstance(error, HttpFailure)
    assert str(error).startswith(f"{server.url('/a%0A')} was answered by {message}")
    assert (error.status, error.retryable, error.retry_after) == (status, retryable, None)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("0", 0, 0),
        ("in an hour", 3300, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0, 0),
    ],
)
async def test_retry_after_is_read(value: str, low: float, high: float) -> None:
    if value == "in an hour":
        value = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    async with serving({"/": Reply(503, headers={"Retry-After": value})}) as server:
        error = await fail(server.url())
    assert isinstance(error, HttpFailure)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "²", "Wed, 99 Oct 2015 07:28:00 GMT", "1 2 3 4 5 6"])
async def test_retry_after_that_means_nothing_is_ignored(value: str) -> None:
    async with serving({"/": Reply(503, headers={"Retry-After": value})}) as server:
        error = await fail(server.url())
    assert isinstance(error, HttpFailure)
    assert error.retry_after is None


def compressed(data: bytes, **headers: str) -> Reply:
    return Reply(body=data, headers={"Content-Encoding": "gzip", **headers})


def chunked(data: bytes, header: str) -> Reply:
    head = f"HTTP/1.1 200 OK\r\n{header}\r\nTransfer-Encoding: chunked\r\n\r\n{len(data):x}\r\n".encode()
    return Reply(raw=head + data + b"\r\n0\r\n\r\n")


async def test_compressed_answer_is_unpacked() -> None:
    two = gzip.compress(b"one ") + b"\0" * 5 + gzip.compress(b"two")
    answers = {"/a": compressed(two), "/empty": compressed(b""), "/x": compressed(gzip.compress(b"1" * 10**6))}
    async with serving(answers) as server:
        assert (await fetch(server.url("/a"))).body == b"one two"
        assert (await fetch(server.url("/empty"))).body == b""
        assert (await fetch(server.url("/x"))).body == b"1" * 10**6
    assert server.seen[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (compressed(gzip.compress(b"a" * 1000)[:-9]), "sent compressed data that break off; try again later"),
        (compressed(b"not gzip at all"), "sent data that cannot be decompressed"),
        (compressed(gzip.compress(b"a") + b"rubbish"), "sent data that cannot be decompressed"),
        (replace(compressed(zlib.compress(b"a")), headers={"Content-Encoding": "br"}), "in the content encoding 'br'"),
        (
            replace(compressed(gzip.compress(gzip.compress(b"a"))), headers={"Content-Encoding": "gzip, gzip"}),
            "in the content encoding 'gzip, gzip'; only gzip was asked for",
        ),
    ],
)
async def test_answer_in_a_bad_encoding_is_refused(reply: Reply, message: str) -> None:
    async with serving({"/": reply}) as server:
        assert message in str(await fail(server.url()))


async def test_size_is_limited_as_announced_as_sent_and_as_unpacked() -> None:
    limit = 2 * 2**20
    large = b"0" * (limit + 1)
    members = gzip.compress(b"") * (limit // 20 + 1)
    answers = {
        "/announced": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 3000000000\r\n\r\n"),
        "/sent": chunked(large, "X: y"),
        "/packed": compressed(gzip.compress(large)),
        "/members": chunked(members, "Content-Encoding: gzip"),
        "/just": Reply(body=large[:-1]),
        "/packed-just": compressed(gzip.compress(large[:-1])),
    }
    async with serving(answers) as server:
        for path in ("/announced", "/sent", "/packed", "/members"):
            error = await fail(server.url(path), limit=limit)
            assert str(error) == f"{server.url(path)} is larger than 2 MiB, the most that is read"
        for path in ("/just", "/packed-just"):
            assert len((await fetch(server.url(path), limit=limit)).body) == limit


async def test_bomb_does_not_fill_the_memory() -> None:
    """Four megabytes that stand for four gigabytes: unpacking stops at the limit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = packer.compress(b"\0" * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    more = packer.compress(b"\0" * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    async with serving({"/": compressed(block + more * 4_000)}) as server:
        tracemalloc.start()
        try:
            error = await fail(server.url(), limit=5 * 2**20)
            assert tracemalloc.get_traced_memory()[1] < 45 * 2**20, "the server's own buffers included"
        finally:
            tracemalloc.stop()
    assert str(error).endswith("is larger than 5 MiB, the most that is read")


async def _drip(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drip_headers(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _stall(_: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def _wander(_: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.2)
    writer.write(Reply(302, headers={"Location": "/next"}).render())


@pytest.mark.parametrize("script", [_drip, _drip_headers, _stall, _wander])
async def test_time_limit_is_for_the_whole_exchange(script: Any) -> None:
    async with serving(script=script) as server, open_client(LOOPBACK, timeout=20) as client, asyncio.timeout(10):
        with pytest.raises(NetworkFailure) as caught:
            await get(client, server.url(), timeout_seconds=0.5)
    assert str(caught.value) == (
        f"127.0.0.1:{server.port} did not complete its answer within 0.5 seconds;"
        " check the server, or raise the source's timeout"
    )
    assert caught.value.retryable


async def test_step_that_takes_too_long_is_a_network_failure() -> None:
    async with serving(script=_stall) as server, open_client(LOOPBACK, timeout=0.2) as client:
        with pytest.raises(NetworkFailure, match=r"fell silent; try again later, or raise the source's timeout"):
            await get(client, server.url(), timeout_seconds=20)


async def test_cancelled_fetch_leaves_nothing_open() -> None:
    asked = asyncio.Event()

    async def script(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(3600)

    async with serving(script=script) as server, open_client(LOOPBACK, timeout=20) as client:
        task = asyncio.create_task(get(client, server.url(), timeout_seconds=20))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "closed the connection before its answer was complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "closed the connection before its answer was complete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123", "closed the connection before its answer was complete"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
            "closed the connection before its answer was complete",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer in HTTP; check the address and its port"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 10**6, "does not answer in HTTP"),
    ],
)
async def test_broken_answer_is_a_network_failure(raw: bytes, message: str) -> None:
    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    async with serving(script=script) as server:
        error = await fail(server.url())
    assert isinstance(error, NetworkFailure)
    assert error.retryable
    assert str(error).startswith(f"127.0.0.1:{server.port} {message}")


async def test_reset_connection_is_a_network_failure() -> None:
    async def script(_: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1")
        await writer.drain()
        writer.transport.abort()

    async with serving(script=script) as server:
        error = await fail(server.url())
    assert isinstance(error, NetworkFailure)
    assert str(error).startswith(f"127.0.0.1:{server.port} closed") or "broke" in str(error)


async def test_refused_connection_is_a_network_failure() -> None:
    async def accept(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        pytest.fail("nobody should come")

    async with listening(accept) as port:
        pass
    error = await fail(f"http://127.0.0.1:{port}/")
    assert isinstance(error, NetworkFailure)
    assert str(error).startswith(f"cannot connect to 127.0.0.1:{port}: ")
    assert str(error).endswith("; check the address and that the server runs")


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"{SECRET}\nX: y"}, {"Authorization": f"{SECRET}—"}, {"X Y": SECRET}, {"é": SECRET}]
)
async def test_header_that_cannot_be_sent_is_refused_without_its_value(headers: Mapping[str, str]) -> None:
    async with serving({"/": Reply()}) as server:
        error = await fail(server.url(), headers=headers)
    assert "characters that HTTP does not allow" in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__
    assert not server.seen
