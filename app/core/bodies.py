"""Reading a request's body up to a limit, for every transport. Knows the ASGI messages and no framework."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.core.errors import Invalid, TooLarge

PATIENCE_SECONDS = 30.0
"""How long a body may take to arrive."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole body. Raises TooLarge beyond `limit` bytes, Invalid when it does not arrive whole or in time."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await _gather(receive, limit)
    except TimeoutError as error:
        raise Invalid(f"the body did not arrive within {PATIENCE_SECONDS:g} seconds") from error


async def _gather(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid("the connection ended before the body did")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > limit:
            raise TooLarge(f"the body is larger than {limit >> 20} MiB")
    return b"".join(parts)
