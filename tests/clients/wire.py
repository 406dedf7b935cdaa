"""The HTTP under the client drivers: request lines sent exactly as written, connections kept alive, requests counted.

It follows no redirect, as several of the clients do not, and it knows nothing of registries.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, quote_plus, urlsplit

Json = dict[str, Any]
OFFICIAL = "io.modelcontextprotocol.registry/official"
TIMEOUT_SECONDS = 30.0


class ClientError(Exception):
    """Where the real client would show an error, or leave data out without a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except ValueError as error:
            raise ClientError(f"the body is not JSON: {error}: {self.body[:200]!r}") from error

    def told(self) -> str:
        return f"{self.status}: {self.body[:500].decode(errors='replace')}"


class Wire:
    """The connections of one client: one a thread, all to the host of its base URL."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "", parts.port
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._opened: list[HTTPConnection] = []
        self.requests = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for connection in self._opened:
            connection.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send what follows the host in `url` without encoding or cleaning any of it, and these headers alone."""
        connection = self._connection()
        connection.putrequest(method, url.removeprefix(self._origin), skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None or method == "POST":
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        content = answer.read()
        return Answer(answer.status, found, gzip.decompress(content) if "content-encoding" in found else content)

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._of_thread, "connection", None)
        with self._lock:
            self.requests += 1
            if connection is None:
                connection = self._of_thread.connection = HTTPConnection(self._host, self._port, TIMEOUT_SECONDS)
                self._opened.append(connection)
        return connection


def encode_uri_component(text: str) -> str:
    """JavaScript's encodeURIComponent."""
    return quote(text, safe="!'()*")


def path_escape(text: str) -> str:
    """Go's url.PathEscape."""
    return quote(text, safe="$&+:=@")


def query_escape(text: str) -> str:
    """Go's url.QueryEscape."""
    return quote_plus(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
