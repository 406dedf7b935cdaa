"""The scheduler inside the API process: runs the sources that are due, one after another, until told to stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress

import structlog

from app.core.errors import Unavailable
from app.models.kinds import SyncTrigger
from app.resolvers.context import Ctx
from app.resolvers.sync import run_next_due

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0


async def run_scheduler(ctx: Ctx, stop: asyncio.Event, drained: asyncio.Event) -> None:
    """Drains what is due at once and sets `drained`, then looks again every second.

    Survives a database that is away.
    """
    # Host and process number tell an operator who holds a lease; the token tells apart containers that share both.
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    trigger = SyncTrigger.START
    while not stop.is_set():
        try:
            while not stop.is_set() and await run_next_due(ctx, owner, trigger):
                pass
            trigger = SyncTrigger.SCHEDULE
            drained.set()
        except Unavailable as error:
            log.warning("scheduler_waits", error=str(error), reason=error.reason)
        except Exception:  # the job loop: whatever one round meets, the next one must come
            log.exception("scheduler_round_failed")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TICK_SECONDS)
