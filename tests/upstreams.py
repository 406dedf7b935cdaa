"""A registry to synchronise from: serves the list of the MCP Registry API v0.1 on loopback, and misbehaves on request.

`async with Upstream(versions).serving() as url` for a test, or as a process of its own for benchmarks and fault tests:

    python -m tests.upstreams --port 9000 --versions 60000

There `POST /control/change?percent=1` changes some of the versions, `POST /control/fault` takes a Fault as JSON,
`POST /control/reset` ends all faults, and `GET /control/requests` tells how many pages were asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from tests.misbehaviour import CURSOR_TAIL, MAX_LIMIT, Fault, Reply, misbehave, send

Json = dict[str, Any]

OFFICIAL = "io.modelcontextprotocol.registry/official"


@dataclass
class Version:
    """One version as the upstream tells it. Times that are no datetime are sent as they are; None is left out."""

    name: str
    version: str = "1.0.0"
    document: Json = field(default_factory=dict)
    status: Any = "active"
    message: Any = None
    updated_at: Any = None
    published_at: Any = None
    changed_at: Any = None
    envelope: Json = field(default_factory=dict)
    """More keys of the envelope's `_meta`."""

    def changed_since(self, since: datetime) -> bool:
        return isinstance(self.updated_at, datetime) and self.updated_at > since

    def render(self, flat: bool) -> bytes:
        document = {"name": self.name, "description": f"Does {self.name}", "version": self.version, **self.document}
        given = {
            "status": self.status,
            "statusMessage": self.message,
            "statusChangedAt": self.changed_at,
            "publishedAt": self.published_at,
            "updatedAt": self.updated_at,
        }
        official = {key: _show(value) for key, value in given.items() if value is not None}
        meta = {**self.envelope, OFFICIAL: official}
        if flat:
            return orjson.dumps({**document, "_meta": {**document.get("_meta", {}), **meta}})
        return orjson.dumps({"server": document, "_meta": meta})


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


class Upstream:
    """The registry. Everything may be changed while it serves; after changing a version by hand, `forget_rendered`."""

    def __init__(self, versions: Iterable[Version] = (), *, clock: Callable[[], datetime] | None = None) -> None:
        self.versions = list(versions)
        self.clock = clock or (lambda: datetime.now(UTC))
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.after_page: dict[int, Callable[[], None]] = {}
        """What happens, once, after the page of that number was rendered."""
        self.flat = False
        """Items as registries wrote them before there was an envelope, with `next_cursor`."""
        self.refused: int | None = None
        """The status for any parameter besides limit and cursor; None takes them all."""
        self.dated = True
        self.validators = True
        self.token: str | None = None
        self.url = ""
        self._rendered: dict[int, bytes] = {}
        self._connections: dict[asyncio.StreamWriter, asyncio.Event] = {}

    @property
    def queries(self) -> list[dict[str, str]]:
        """The parameters of each page asked for."""
        return [asked.query for asked in self.requests]

    def find(self, name: str, version: str = "1.0.0") -> Version:
        return next(one for one in self.versions if (one.name, one.version) == (name, version))

    def change(self, name: str, version: str = "1.0.0", **changes: Any) -> None:
        """Change a version's fields, stamped with the clock's time."""
        found = self.find(name, version)
        for key, value in {"updated_at": self.clock(), **changes}.items():
            setattr(found, key, value)
        self.forget_rendered()

    def change_some(self, percent: float) -> int:
        """Give some of the versions, spread evenly, another title."""
        count = int(len(self.versions) * percent / 100)
        step = max(1, len(self.versions) // count) if count else 0
        now = self.clock()
        for one in self.versions[::step][:count] if step else ():
            one.document = {**one.document, "title": f"Changed at {now:%H:%M:%S.%f}"}
            one.updated_at = now
            self._rendered.pop(id(one), None)
        return count

    def forget_rendered(self) -> None:
        self._rendered.clear()

    @asynccontextmanager
    async def serving(self, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """The base URL while the block runs. Connections that are open at its end are closed."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", port, limit=2**20, ssl=tls)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self.url
        finally:
            server.close()
            for writer in self._connections:
                writer.transport.abort()
            await asyncio.gather(*(ended.wait() for ended in list(self._connections.values())))
            await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A conversation ends with its connection, also one that would go on for ever."""
        ended = self._connections[writer] = asyncio.Event()
        talk = asyncio.ensure_future(self._talk(reader, writer))
        gone = asyncio.ensure_future(writer.wait_closed())
        await asyncio.wait({talk, gone}, return_when=asyncio.FIRST_COMPLETED)
        talk.cancel()
        writer.close()
        await asyncio.gather(talk, gone, return_exceptions=True)
        del self._connections[writer]
        ended.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                asked = await _read_request(reader)
                if asked.path.startswith("/control/"):
                    await send(writer, self._control(asked))
                elif not await self._serve(asked, writer):
                    return

    def _control(self, asked: Asked) -> Reply:
        if asked.path == "/control/change":
            return Reply(orjson.dumps({"changed": self.change_some(float(asked.query["percent"]))}))
        if asked.path == "/control/fault":
            self.faults.append(Fault(**orjson.loads(asked.body)))
        elif asked.path == "/control/reset":
            self.faults.clear()
        return Reply(orjson.dumps({"requests": len(self.requests), "faults": len(self.faults)}))

    async def _serve(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False if the connection ends with it."""
        self.requests.append(asked)
        reply = self._answer(asked)
        number = (_read_offset(asked) or 0) // _read_limit(asked)
        fault = self._take_fault(number)
        if happening := self.after_page.pop(number, None):
            happening()
        if fault is None:
            await send(writer, reply)
            return True
        return await misbehave(fault, reply, writer)

    def _take_fault(self, number: int) -> Fault | None:
        for fault in self.faults:
            if fault.page in (None, number) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _answer(self, asked: Asked) -> Reply:
        if not asked.path.endswith(("/v0.1/servers", "/v0/servers")):
            return _refuse(404, "no such path")
        if self.token is not None and asked.headers.get("authorization") != f"Bearer {self.token}":
            return _refuse(401, "no valid token")
        if self.refused and not asked.query.keys() <= {"limit", "cursor"}:
            return _refuse(self.refused, "unknown parameter")
        offset = _read_offset(asked)
        if offset is None:
            return _refuse(400, "no such cursor")
        body = self._page(asked, offset)
        headers = {"Content-Type": "application/json"}
        if self.dated:
            headers["Date"] = format_datetime(self.clock(), usegmt=True)
        if self.validators:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if asked.headers.get("if-none-match") == headers["ETag"]:
                return Reply(b"", 304, headers)
        return Reply(body, 200, headers)

    def _page(self, asked: Asked, offset: int) -> bytes:
        since = asked.query.get("updated_since")
        listed = self.versions
        if since is not None:
            moment = datetime.fromisoformat(since)
            listed = [one for one in listed if one.changed_since(moment)]
        elif asked.query.get("include_deleted") != "true":
            listed = [one for one in listed if one.status != "deleted"]
        limit = _read_limit(asked)
        page = listed[offset : offset + limit]
        metadata: Json = {"count": len(page)}
        if offset + limit < len(listed):
            metadata["next_cursor" if self.flat else "nextCursor"] = f"{offset + limit}{CURSOR_TAIL}"
        items = b",".join(self._render(one) for one in page)
        return b'{"servers":[%b],"metadata":%b}' % (items, orjson.dumps(metadata))

    def _render(self, one: Version) -> bytes:
        if id(one) not in self._rendered:
            self._rendered[id(one)] = one.render(self.flat)
        return self._rendered[id(one)]


def make_versions(count: int, newest: datetime | None = None) -> list[Version]:
    """Synthetic versions, five of each name, the first the newest and the others a minute apart."""
    newest = newest or datetime.now(UTC) - timedelta(hours=1)
    return [
        Version(
            f"io.github.org{number // 5 % 97}/server-{number // 5}",
            f"1.{number % 5}.0",
            _make_document(number),
            updated_at=newest - timedelta(minutes=number),
            published_at=newest - timedelta(minutes=number),
        )
        for number in range(count)
    ]


def _make_document(number: int) -> Json:
    variables = [
        {"name": f"OPTION_{i}", "description": f"What option {i} of server {number} does", "isRequired": i == 0}
        for i in range(4)
    ]
    package = {
        "registryType": "npm",
        "identifier": f"@org/server-{number // 5}",
        "version": f"1.{number % 5}.0",
        "transport": {"type": "stdio"},
        "environmentVariables": variables,
    }
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "title": f"Server {number // 5}",
        "repository": {"url": f"https://github.com/org/server-{number // 5}", "source": "github"},
        "packages": [package],
    }


def _show(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _read_offset(asked: Asked) -> int | None:
    """The position that a cursor stands for; None for one that is not ours, or was not encoded."""
    number = asked.query.get("cursor", f"0{CURSOR_TAIL}").removesuffix(CURSOR_TAIL)
    return int(number) if number.isdecimal() else None


def _read_limit(asked: Asked) -> int:
    return min(int(asked.query.get("limit", "30")), MAX_LIMIT)


def _refuse(status: int, detail: str) -> Reply:
    return Reply(orjson.dumps({"error": detail}), status)


async def _read_request(reader: asyncio.StreamReader) -> Asked:
    head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    return Asked(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)


async def _main() -> None:
    parser = argparse.ArgumentParser(description="Serve a synthetic registry on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--versions", type=int, default=1000)
    arguments = parser.parse_args()
    upstream = Upstream(make_versions(arguments.versions))
    upstream.versions.sort(key=lambda one: (one.name, one.version))
    for one in upstream.versions:
        upstream._render(one)
    async with upstream.serving(arguments.port) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main())
