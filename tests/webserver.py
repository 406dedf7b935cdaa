"""Real HTTP servers on loopback that say what a test tells them to, a proxy, and names that lead to them."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SELF_MADE = ("registry.example.com", "mirror.example.com")
"""Names that the self-made certificate is for, beside the address 127.0.0.1."""


@dataclass(frozen=True)
class Seen:
    """A request as it came; the names of the headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer with Content-Length, unless the headers give one; `raw` takes the place of all of it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def render(self) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = {"Content-Length": str(len(self.body)), **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Whatever\r\n{lines}\r\n".encode("latin-1") + self.body


Script = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]
"""Writes the answer itself, as slowly and as badly as it likes. The connection ends with it."""

Answering = Callable[[Seen], Reply]


@dataclass
class WebServer:
    port: int
    scheme: str
    answers: dict[str, Reply | Answering]
    """By path, without the query. What is not there is answered by 404."""

    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    script: Script | None = None
    """Answers everything that `answers` does not."""

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    answers: Mapping[str, Reply | Answering] | None = None,
    *,
    script: Script | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[WebServer]:
    """A server on 127.0.0.1; its connections are broken off when the block ends."""
    server = WebServer(0, "https" if tls else "http", dict(answers or {}), script=script)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        while (seen := await read_request(reader)) is not None:
            server.seen.append(seen)
            answer = server.answers.get(seen.target.partition("?")[0])
            if answer is None and server.script is not None:
                await server.script(seen, writer)
                return
            reply = answer(seen) if callable(answer) else answer or Reply(404)
            writer.write(reply.render())
            await writer.drain()

    async with listening(accept, tls) as port:
        server.port = port
        yield server


@dataclass
class Proxy:
    port: int
    routes: Mapping[str, int]
    """The loopback port that a name leads to."""

    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def proxying(routes: Mapping[str, int], *, refusal: Reply | None = None) -> AsyncIterator[Proxy]:
    """A proxy for CONNECT and for requests in absolute form, which resolves names by `routes` alone."""
    proxy = Proxy(0, routes)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = await read_request(reader)
        if seen is None:
            return
        proxy.seen.append(seen)
        if refusal is not None:
            writer.write(refusal.render())
            return
        host, path = _split_target(seen.target)
        near, far = await asyncio.open_connection("127.0.0.1", proxy.routes[host])
        if seen.method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            lines = "".join(f"{name}: {value}\r\n" for name, value in seen.headers.items())
            far.write(f"{seen.method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        try:
            await asyncio.gather(_copy(reader, far), _copy(near, writer))
        finally:
            far.close()
            with suppress(OSError):
                await far.wait_closed()

    async with listening(accept) as port:
        proxy.port = port
        yield proxy


@asynccontextmanager
async def listening(
    accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """The port where `accept` gets the connections; what still runs when the block ends is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await accept(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    """The next request without a body; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    return Seen(method, target, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)})


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()


def _split_target(target: str) -> tuple[str, str]:
    """`host:port` of CONNECT, or an absolute address; the host, and the path."""
    rest = target.partition("://")[2] or target
    authority, _, path = rest.partition("/")
    return authority.rpartition(":")[0] or authority, f"/{path}"


class Resolver:
    """Stands in for the loop's resolver. Each look-up of a name takes its next answer; the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **names: list[list[str]]) -> None:
        self.asked: list[str] = []
        self._names = {name.replace("_", "."): answers for name, answers in names.items()}
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._answer)

    async def _answer(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self._names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        answers = self._names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(None, None, 0, "", (address, port)) for address in found]


def make_certificate(folder: Path) -> Path:
    """A self-made certificate with its key, in one PEM file; it is its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    names = ",".join([*(f"DNS:{name}" for name in SELF_MADE), "IP:127.0.0.1"])
    key, path = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=registry.example.com", "-addext", f"subjectAltName={names}"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(path)], check=True, capture_output=True, timeout=60)
    path.write_text(path.read_text() + key.read_text())
    return path


def serve_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
