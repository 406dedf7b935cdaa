"""Waiting for what a test brought about to show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SOON = 30.0
"""Seconds in which what must come has come; a bound that tells a hang from a slow machine."""


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110  # the state of the code under test, which tells nobody when it changes
            await asyncio.sleep(0.01)
