"""How the registry of tests/upstreams.py misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

CURSOR_TAIL = " & more+/%é"
"""Ends each cursor: whoever does not encode it asks for something else."""

MAX_LIMIT = 100


@dataclass
class Fault:
    """What goes wrong on page `page` (None: on each), `times` times (None: always).

    `kind`: `status` answers `status` with `retry_after`; `stall` never answers; `drip` sends a byte at a time; `drop`
    closes the connection; `truncate` sends half of the body that was announced; `cut` sends half a JSON; `body` sends
    `body`, and `html` a login page, with 200; `loop` leads back to the first page but one.
    """

    kind: str
    page: int | None = None
    times: int | None = 1
    status: int = 503
    retry_after: str | None = None
    body: str = ""


@dataclass
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def _head(reply: Reply) -> bytes:
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Status\r\n{lines}\r\n".encode("latin-1")


async def send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    writer.write(_head(reply) + reply.body)
    await writer.drain()


async def misbehave(fault: Fault, reply: Reply, writer: asyncio.StreamWriter) -> bool:
    if fault.kind in _TRANSFERS:
        await _TRANSFERS[fault.kind](reply, writer)
        return False
    await send(writer, _spoil(fault, reply))
    return True


def _spoil(fault: Fault, reply: Reply) -> Reply:
    if fault.kind == "status":
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        return Reply(b"<h1>Something went wrong</h1>", fault.status, {"Content-Type": "text/html", **headers})
    if fault.kind == "cut":
        return Reply(reply.body[: len(reply.body) // 2], 200, reply.headers)
    if fault.kind == "html":
        return Reply(b"<!DOCTYPE html><title>Please log in</title>", 200, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "loop":
        page = orjson.loads(reply.body)
        page["metadata"]["nextCursor"] = f"{MAX_LIMIT}{CURSOR_TAIL}"
        return Reply(orjson.dumps(page), 200, reply.headers)
    assert fault.kind == "body", f"no such fault: {fault.kind}"
    return Reply(fault.body.encode(), 200, reply.headers)


async def _stall(_: Reply, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def _drip(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(reply))
    for byte in reply.body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _truncate(reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(_head(reply) + reply.body[: len(reply.body) // 2])
    await writer.drain()


async def _drop(_: Reply, writer: asyncio.StreamWriter) -> None:
    writer.close()


_TRANSFERS: dict[str, Callable[[Reply, asyncio.StreamWriter], Awaitable[None]]] = {
    "stall": _stall,
    "drip": _drip,
    "truncate": _truncate,
    "drop": _drop,
}
