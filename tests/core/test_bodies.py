"""Bodies: whole, too large, cut off, or never arriving."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from app.core import bodies
from app.core.bodies import Receive, read_body
from app.core.errors import Invalid, TooLarge


def sending(*messages: MutableMapping[str, Any]) -> Receive:
    """What a server hands to an application; after the last message it waits for ever."""
    waiting = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_parts_are_joined() -> None:
    assert await read_body(sending(part(b"ab"), part(b""), part(b"c", more=False)), 3) == b"abc"


async def test_more_than_the_limit_is_refused_without_waiting_for_the_rest() -> None:
    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        await read_body(sending(part(b"x" * 2**20), part(b"x")), 2**20)


async def test_body_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Invalid, match="the connection ended before the body did"):
        await read_body(sending(part(b"ab"), {"type": "http.disconnect"}), 10)


async def test_body_that_never_arrives_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(Invalid, match=r"did not arrive within 0\.05 seconds"):
        await read_body(sending(part(b"ab")), 10)
