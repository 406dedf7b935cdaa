"""Real git repositories for the tests, and a loopback server that serves them by `git http-backend`."""

from __future__ import annotations

import base64
import gzip
import os
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_WORDS = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A"}
_ENVIRONMENT = {
    **_WORDS,
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
    "PATH": os.environ["PATH"],
}


def lend_temporary_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go, for a fixture to yield from; nothing may be left there."""
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def run_git(folder: Path, *words: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """What git prints, without the last line feed."""
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, input=data, capture_output=True, env={**_ENVIRONMENT, **(env or {})}, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().removesuffix("\n")


@dataclass(frozen=True)
class Repository:
    """A repository with a work tree, its default branch `main`."""

    path: Path

    @classmethod
    def make(cls, path: Path, *options: str) -> Repository:
        path.mkdir(parents=True)
        run_git(path, "init", "-q", "-b", "main", *options)
        repository = cls(path)
        repository.allow_filters(True)
        return repository

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def allow_filters(self, allowed: bool) -> None:
        run_git(self.path, "config", "uploadpack.allowFilter", str(allowed).lower())

    def commit(self, files: Mapping[str, bytes | str], message: str = "change") -> str:
        """Write the files, commit them all and return the commit's hash."""
        for name, data in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data.encode() if isinstance(data, str) else data)
        run_git(self.path, "add", "-A")
        run_git(self.path, "commit", "-q", "--allow-empty", "-m", message)
        return self.resolve("HEAD")

    def resolve(self, name: str) -> str:
        return run_git(self.path, "rev-parse", "--verify", name)

    def run(self, *words: str) -> str:
        return run_git(self.path, *words)


@dataclass(frozen=True)
class Seen:
    """One request that the server got. `path` is with its query; `fetches` tells that objects were asked for."""

    method: str
    path: str
    authorization: str | None
    fetches: bool


@dataclass
class GitServer:
    """How it answers may be changed at any time. Paths are those of the request, without the query.

    `login` is the user name and password that it asks for. `stall` names the last part of the path of requests that are
    never answered, `drip` of those whose answer never ends. `speaks_v2` off is a server, or a proxy before it, that
    knows only the older protocol. `spy` is called at each request. Requests for other hosts are answered, too, so that
    it can stand for a proxy.
    """

    root: Path
    port: int = 0
    scheme: str = "http"
    login: tuple[str, str] | None = None
    stall: str = ""
    drip: str = ""
    speaks_v2: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    spy: Callable[[], None] = lambda: None
    seen: list[Seen] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"

    @property
    def fetches(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.fetches]


class _Handler(BaseHTTPRequestHandler):
    owner: GitServer
    timeout = 30

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._read_body())

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        asked = urlsplit(self.path)
        path, query = asked.path, asked.query
        authorization = self.headers.get("Authorization")
        self.owner.seen.append(Seen(self.command, self.path, authorization, _asks_for_objects(self.headers, body)))
        self.owner.spy()
        last = path.rpartition("/")[2]
        if last == self.owner.stall:
            self.owner.closing.wait(60)
        elif last == self.owner.drip:
            self._drip()
        elif target := self.owner.redirects.get(path):
            self._send(301, {"Location": f"{target}?{query}" if query else target})
        elif status := self.owner.statuses.get(path):
            self._send(status, {"Content-Type": "text/html"}, b"<html>\nA page\n</html>\n")
        elif not self._is_let_in(authorization):
            self._send(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._serve(path, query, body)

    def _is_let_in(self, authorization: str | None) -> bool:
        if self.owner.login is None:
            return True
        secret = base64.b64encode(":".join(self.owner.login).encode()).decode()
        return authorization == f"Basic {secret}"

    def _send(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        self.wfile.write(b"fff0")  # announces a long packet
        while not self.owner.closing.wait(0.05):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def _serve(self, path: str, query: str, body: bytes) -> None:
        environment = {
            **_ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        if self.owner.speaks_v2:
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol") or ""
        done = subprocess.run(_find_backend(), input=body, capture_output=True, env=environment, timeout=60)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._send(status, headers, content)


def _asks_for_objects(headers: Message, body: bytes) -> bool:
    text = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
    return b"want " in text


def _find_backend() -> list[str]:
    folder = subprocess.run(["git", "--exec-path"], capture_output=True, check=True, timeout=60).stdout.decode().strip()
    return [f"{folder}/git-http-backend"]


@contextmanager
def serving_git(root: Path, tls: ssl.SSLContext | None = None) -> Iterator[GitServer]:
    """A server of the repositories below `root`; each is named by its path there."""
    owner = GitServer(root, scheme="https" if tls else "http")
    handler = type("Handler", (_Handler,), {"owner": owner})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    owner.port = server.server_port
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield owner
    finally:
        owner.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
