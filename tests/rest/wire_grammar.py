"""An endless supply of raw HTTP requests to every route: sound ones with odd contents, and ones that are broken.

The same seed gives the same requests. How they are sent, and what may be answered, is not here.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

from tests.rest.wire_words import (
    CREATED,
    DAMAGE,
    FRAMES,
    HEADERS,
    METHODS,
    NAMES,
    PARAMETERS,
    PATHS,
    REGISTRIES,
    SAFE_HEADERS,
    SEGMENTS,
    VALUES,
    VERSIONS,
    WRITES,
)

SENTINEL = b"\r\n\r\nGET /v0.1/ping HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"


class Kind(Enum):
    SOUND = "sound"
    """Framed as the standard says: each request is answered, whatever stands in it."""

    BROKEN = "broken"
    """Ends with a sound request that asks to close; whether that is seen as one depends on the damage."""

    LEFT = "left"
    """The client goes before it is answered, or before it has sent everything."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is written at once: `methods` has the method of each request in it."""

    kind: Kind
    methods: tuple[str, ...]
    data: bytes


class Grammar:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  # reproducible test data

    def attempt(self) -> Attempt:
        chance = self.random.random()
        if chance < 0.08:
            return Attempt(Kind.BROKEN, ("GET",), self.broken())
        if chance < 0.12:
            _, data = self.request()
            return Attempt(Kind.LEFT, ("GET",), data[: self.random.randint(1, len(data))])
        pipelined = 1 if self.random.random() < 0.7 else self.random.randint(2, 6)
        requests = [self.request() for _ in range(pipelined)]
        return Attempt(Kind.SOUND, tuple(method for method, _ in requests), b"".join(data for _, data in requests))

    def request(self) -> tuple[str, bytes]:
        """A method, and a request with it."""
        pick = self.random
        body: bytes | None
        if pick.random() < 0.25:
            method, path, body = self.write()
        else:
            method, path = ("GET" if pick.random() < 0.8 else pick.choice(METHODS)), self.path()
            body = self.body() if pick.random() < 0.1 else None
        target = path + self.query() if pick.random() < 0.6 else path
        lines = [f"{method} ".encode() + target.encode("latin-1") + b" HTTP/1.1", b"Host: registry.example"]
        lines += [pick.choice(SAFE_HEADERS) for _ in range(pick.choice((0, 0, 1, 2, 5)))]
        if pick.random() < 0.05:
            lines.append(pick.choice(HEADERS))
        return method, self.framed(lines, body)

    def framed(self, lines: list[bytes], body: bytes | None) -> bytes:
        if body is None:
            return b"\r\n".join(lines) + b"\r\n\r\n"
        if self.random.random() < 0.8:
            return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body
        size = self.random.choice((1, 7, 100, 10_000)) + len(body) // 50
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(part), self.random.choice((b"", b";a=b")), part) for part in parts)
        trailer = self.random.choice((b"", b"X-Trailer: 1\r\n"))
        head = b"\r\n".join([*lines, b"Transfer-Encoding: chunked"])
        return head + b"\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"

    def path(self) -> str:
        pick = self.random
        path = pick.choice(PATHS)
        for hole, words in (("{registry}", REGISTRIES), ("{name}", NAMES), ("{version}", VERSIONS)):
            if hole in path:
                path = path.replace(hole, pick.choice(words if pick.random() < 0.8 else SEGMENTS))
        if pick.random() < 0.1:
            at = pick.randint(1, len(path))
            path = path[:at] + pick.choice(SEGMENTS) + path[at:]
        return path + pick.choice(("", "", "", "/", "//"))

    def query(self) -> str:
        pick = self.random
        parts = []
        for _ in range(pick.choice((1, 1, 2, 3, 4, 101)) if pick.random() < 0.3 else 1):
            name = pick.choice(PARAMETERS)
            value = pick.choice(VALUES.get(name, ())) if name in VALUES and pick.random() < 0.6 else self.odd_value()
            parts.append(pick.choice(("{}={}", "{}={}", "{}={}", "{}", "{}=")).format(name, value))
        return "?" + pick.choice("&&&&;").join(parts)

    def odd_value(self) -> str:
        pick = self.random
        if pick.random() < 0.5:
            return pick.choice(SEGMENTS)
        text = "".join(
            chr(pick.choice((32, 127, 255, 0x2FF, 0xFFFF, 0x10FFFF)) - pick.randint(0, 31)) for _ in range(5)
        )
        return quote(text.encode("utf-8", "surrogatepass"))

    def write(self) -> tuple[str, str, bytes]:
        pick = self.random
        method, template, own = pick.choice(WRITES)
        path = template.replace("{registry}", pick.choice(REGISTRIES))
        path = path.replace("{name}", pick.choice(CREATED)).replace("{version}", pick.choice(VERSIONS))
        if own == "document":
            return method, path, self.document()
        if own == "status" and pick.random() < 0.7:
            status = {
                "status": pick.choice(("active", "deprecated", "deleted")),
                "statusMessage": pick.choice(("", "x")),
            }
            return method, path, json.dumps(status).encode()
        return method, path, self.body()

    def document(self) -> bytes:
        """One in three can be published."""
        pick = self.random
        whole: dict[str, Any] = {
            "name": pick.choice(CREATED).replace("%2F", "/"),
            "version": f"{pick.randint(0, 3)}.{pick.randint(0, 30)}.0",
            "description": "A server",
        }
        if pick.random() < 0.66:
            key = pick.choice((*whole, "packages", "remotes", "_meta", "repository", "icons", "$schema", "title", "x"))
            whole[key] = self.json(4)
        data = json.dumps(whole).encode()
        return data if pick.random() < 0.9 else self.damaged(data)

    def json(self, depth: int) -> Any:
        pick = self.random
        if depth == 0 or pick.random() < 0.4:
            return pick.choice(
                (None, True, 0, -1, 2**70, 1.5, "", "\0", "\ud800", "é", "x" * 300, "https://example.org")
            )
        if pick.random() < 0.5:
            return [self.json(depth - 1) for _ in range(pick.randint(0, 3))]
        keys = ("name", "version", "type", "url", "transport", "identifier", "registryType", "src", "é", "\0")
        return {pick.choice(keys): self.json(depth - 1) for _ in range(pick.randint(0, 4))}

    def body(self) -> bytes:
        pick = self.random
        match pick.randint(0, 5):
            case 0:
                return json.dumps(self.json(5)).encode()
            case 1:
                return pick.randbytes(pick.randint(0, 200))
            case 2:
                return b"[" * 5000 if pick.random() < 0.5 else b'{"a":' * 3000 + b"1" + b"}" * 3000
            case 3 if pick.random() < 0.05:
                return b'{"name":"' + b"x" * pick.choice((2**16, 2**20, 2**20 + 2**16)) + b'"}'
            case 4:
                return json.dumps({"query": pick.choice(("{ servers { totalCount } }", "{", "{ x }"))}).encode()
        return pick.choice((b"", b"{}", b"null", b"{}{}", b'{"status":1}', b"\xef\xbb\xbf{}", b'{"a":NaN}'))

    def broken(self) -> bytes:
        pick = self.random
        if pick.random() < 0.4:
            return pick.choice(FRAMES) + SENTINEL
        while True:
            method, data = self.request()
            if method != "HEAD":  # its answer could not be told from one with a body
                return self.damaged(data) + SENTINEL

    def damaged(self, data: bytes) -> bytes:
        pick = self.random
        for _ in range(pick.randint(1, 4)):
            at = pick.randint(0, min(len(data), 400))
            match pick.randint(0, 3):
                case 0:
                    data = data[:at] + bytes([pick.randint(0, 255)]) + data[at + 1 :]
                case 1:
                    data = data[:at] + data[at + pick.randint(1, 20) :]
                case 2:
                    data = data[:at] + pick.choice(DAMAGE) + data[at:]
                case 3:
                    data = data[:at] + data[max(0, at - pick.randint(1, 40)) : at] + data[at:]
        return data
