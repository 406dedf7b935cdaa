"""Hearing what other processes say through PostgreSQL's LISTEN: one connection of its own a process.

A notification wakes whoever waits and carries no data that anybody relies on: who is woken reads the database from
where he stands. So nothing is lost when notifications are, and while nobody listens, waiting ends after a short time
by itself. Owns the connection; what the channels mean is for its users.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
import structlog

from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 5.0
"""How often the connection is tried, and how long it may take: a line that was cut tells nothing by itself."""

FIRST_RETRY_SECONDS: Final = 0.2
LAST_RETRY_SECONDS: Final = 5.0

_SERVER_SETTINGS: Final = {"application_name": "thv-registry-api listener"}
_FAULTS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable)


class Signal:
    """Wakes everybody who waits. Each remembers how often it was fired when he last looked, so none misses one."""

    def __init__(self) -> None:
        self.fired = 0
        self._next = asyncio.Event()

    def fire(self) -> None:
        self.fired += 1
        waiting, self._next = self._next, asyncio.Event()
        waiting.set()

    async def wait(self, seen: int, seconds: float | None = None) -> int:
        """Until it was fired more than `seen` times, or `seconds` have passed; how often it was fired by now."""
        if self.fired == seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._next.wait()
        return self.fired


class Notifications:
    """Listens on `channels`, a signal each. `hear` is told each payload; `arrive` is awaited each time listening
    begins, before anybody is woken, to read what was missed.

    Until it is opened, and while the connection is down, `listening` is False.
    """

    def __init__(
        self,
        connect_args: Mapping[str, Any],
        channels: Sequence[str],
        *,
        hear: Callable[[str, str], None],
        arrive: Callable[[], Awaitable[None]],
    ) -> None:
        self._connect_args = connect_args
        self._hear = hear
        self._arrive = arrive
        self._signals = {channel: Signal() for channel in channels}
        self.listening = False

    def signal(self, channel: str) -> Signal:
        """What fires whenever something may have happened on the channel, or was missed."""
        return self._signals[channel]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listens while the block runs. The database may be away meanwhile, and at the start."""
        task = asyncio.create_task(self._keep_listening())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_listening(self) -> None:
        delay, is_told = FIRST_RETRY_SECONDS, False
        while True:
            try:
                await self._listen()
            except _FAULTS as error:
                if self.listening:
                    delay, is_told = FIRST_RETRY_SECONDS, False
                if not is_told:
                    log.warning("not_listening", reason=str(error) or type(error).__name__)
                is_told = True
            finally:
                self.listening = False
            self._wake()
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret
            delay = min(delay * 2, LAST_RETRY_SECONDS)

    async def _listen(self) -> None:
        """Until the connection fails, which it raises."""
        given = {"timeout": 10, **self._connect_args}
        connection = await asyncpg.connect(server_settings=_SERVER_SETTINGS, **given)
        try:
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            for channel in self._signals:
                await connection.add_listener(channel, self._receive)
            await self._arrive()
            self.listening = True
            log.info("listening")
            self._wake()
            while not ended.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_SECONDS):
                        await ended.wait()
                if not ended.is_set():
                    await connection.execute("select 1", timeout=CHECK_SECONDS)
            raise ConnectionResetError("the connection was ended")
        finally:
            connection.terminate()

    def _receive(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._hear(channel, str(payload))
        self._signals[channel].fire()

    def _wake(self) -> None:
        for signal in self._signals.values():
            signal.fire()
