"""Twenty thousand raw requests to the real server: whatever arrives, it answers in its own way and stays alive."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.effort import EFFORT
from tests.rest.house import complaints, house
from tests.rest.wire_grammar import Attempt, Grammar, Kind

REQUESTS = 20_000 * EFFORT
CONNECTIONS = 16
PATIENCE_SECONDS = 0.1
"""How long the answer to a broken request is awaited: many leave the server waiting for more."""

NOT_OFFERED = (
    "Publishing servers via this endpoint is not supported.",
    "Changing servers via this endpoint is not supported.",
    "Creating or updating servers is not supported",
)
LISTED = "com.example/fetched"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_refusal(self) -> bool:
        """Whether the HTTP parser gave it, which knows nothing of the application."""
        return self.status == 400 and self.headers["content-type"].startswith("text/plain")

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


@dataclass
class Tally:
    requests: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    refusals: int = 0
    unanswered: list[bytes] = field(default_factory=list)


class Line:
    """One connection after another to the server, each kept until either side closes it."""

    def __init__(self, port: int, grammar: Grammar, tally: Tally) -> None:
        self.port, self.grammar, self.tally = port, grammar, tally
        self.open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        try:
            while self.tally.requests < REQUESTS:
                attempt = self.grammar.attempt()
                self.tally.requests += len(attempt.methods)
                with suppress(ConnectionError):
                    await self.play(attempt)
        finally:
            self.hang_up()

    async def play(self, attempt: Attempt) -> None:
        if attempt.kind is not Kind.SOUND:
            self.hang_up()
        reader, writer = await self.connection()
        writer.write(attempt.data)
        if attempt.kind is Kind.LEFT:
            await asyncio.sleep(0)
            self.hang_up()
        elif attempt.kind is Kind.BROKEN:
            with suppress(TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while True:
                        self.judge(await read_answer(reader, "GET"), attempt)
            self.hang_up()
        else:
            await self.collect(reader, attempt)

    async def collect(self, reader: asyncio.StreamReader, attempt: Attempt) -> None:
        """Each of the requests is answered, unless the answer to one before closed the connection."""
        for method in attempt.methods:
            try:
                answer = await read_answer(reader, method)
            except (asyncio.IncompleteReadError, ConnectionError):
                self.tally.unanswered.append(attempt.data)
                self.hang_up()
                return
            self.judge(answer, attempt)
            if answer.is_refusal or answer.closes:
                self.hang_up()
                return

    def judge(self, answer: Answer, attempt: Attempt) -> None:
        told = (answer, attempt.data[:3000])
        self.tally.answers[answer.status] += 1
        if answer.is_refusal:
            self.tally.refusals += 1
            return
        assert answer.headers.get("access-control-allow-origin") == "*", told
        assert answer.headers.get("x-request-id"), told
        assert "x-evil" not in answer.headers, told
        if answer.headers.get("content-type") == "application/json" and answer.body:
            body = json.loads(answer.body)
            if answer.status >= 400 and "errors" not in body:  # GraphQL has a form of its own
                assert (body["status"], body["error"]) == (answer.status, body["detail"]), told
            if answer.status == 501:
                assert body["error"].startswith(NOT_OFFERED), told
        assert answer.status < 500 or answer.status == 501, told

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.open is None:
            self.open = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        return self.open

    def hang_up(self) -> None:
        if self.open is not None:
            self.open[1].transport.abort()
            self.open = None


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        if status >= 200:
            break
    if method == "HEAD" or status in (204, 304):
        return Answer(status, headers, b"")
    if headers.get("transfer-encoding") == "chunked":
        return Answer(status, headers, await read_chunks(reader))
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(int(headers["content-length"])))
    return Answer(status, headers, await reader.read())


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


async def bombard(port: int) -> Tally:
    tally = Tally()
    lines = [Line(port, Grammar(number), tally) for number in range(CONNECTIONS)]
    async with asyncio.TaskGroup() as group:
        for line in lines:
            group.create_task(line.run())
    return tally


@pytest.mark.process
async def test_no_request_brings_the_server_down(tmp_path: Path) -> None:
    with house(tmp_path, [LISTED]) as served:
        tally = await bombard(served.port)
        assert tally.requests >= REQUESTS
        assert tally.unanswered == []
        assert tally.refusals < REQUESTS / 4
        assert min(tally.answers[status] for status in (200, 201, 204, 400, 403, 404, 405, 409, 501)) > 0, tally.answers
        assert complaints(served) == []
        assert served.process.poll() is None
        assert LISTED in served.names()
