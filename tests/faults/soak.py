"""A mixed run under random kills, ended equal to the upstream: `make soak`.

SOAK_SECONDS tells how long (60), SOAK_SEED what happens when (chosen anew; printed). Two servers share a PostgreSQL,
and two workers run what is due. Whoever reads meanwhile must always see every version, of whatever age.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.core.embedded import EmbeddedPostgres
from app.core.migrations import migrate
from tests.faults.scene import (
    Ground,
    api_source,
    check_pages,
    kill,
    read_list,
    starting,
    told,
    until,
    wait_for_list,
)
from tests.misbehaviour import Fault
from tests.redisserver import RedisServer, working
from tests.served import Served
from tests.upstreams import Upstream, make_versions

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SOURCES = ["s0", "s1", "s2"]
FAULTS = [
    Fault("status", times=4, status=500),
    Fault("stall", times=2),
    Fault("truncate", times=2),
    Fault("html", times=1),
    Fault("status", times=2, status=429, retry_after="2"),
]


class Soak:
    """The processes, by name, and what was done to them."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres) -> None:
        self.random = random.Random(SEED)  # noqa: S311 - no secret
        self.folder = folder
        self.postgres = postgres
        self.upstream = Upstream(make_versions(300))
        self.names = {(name, version) for name, version, _ in told(self.upstream)}
        self.ground = Ground(folder, postgres.connect_args())
        self.redis = RedisServer(folder)
        self.done: Counter[str] = Counter()
        self.servers: dict[str, Served] = {}
        self.workers: dict[str, subprocess.Popen[Any]] = {}
        self.stacks: dict[str, AsyncExitStack] = {}
        self.config = folder / "config.yaml"
        self.ending = False

    async def run(self) -> None:
        async with self.upstream.serving() as url:
            sources = [api_source(name, f"{url}/{name}", timeout="2s") for name in SOURCES]
            self.config = self.ground.write(sources, redis={"url": self.redis.url})
            self.redis.start()
            try:
                for name in ("server 1", "server 2"):
                    await self.start_server(name)
                for name in ("worker 1", "worker 2"):
                    await self.start_worker(name)
                await self.settle()
                watch = asyncio.create_task(self.watch())
                await self.disturb()
                self.ending = True
                await watch
                await self.settle()
                await self.ground.check_turns()
            finally:
                for stack in self.stacks.values():
                    await stack.aclose()
                self.redis.kill()

    async def disturb(self) -> None:
        """One thing after the other until the time is up."""
        actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (8, self.change_upstream),
            (3, self.kill_server),
            (3, self.kill_worker),
            (2, self.spoil_upstream),
            (1, self.stop_server),
            (1, self.restart_redis),
            (1, self.kill_postgres),
        ]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            [(_, action)] = self.random.choices(actions, [weight for weight, _ in actions])
            self.done[action.__name__.replace("_", " ")] += 1
            await action()
            await asyncio.sleep(self.random.uniform(0.1, 1.5))

    async def settle(self) -> None:
        """What is served, and what is stored, is what the upstream has."""
        self.upstream.faults.clear()
        for served in self.servers.values():
            for name in SOURCES:
                await wait_for_list(served, told(self.upstream), name)
                await check_pages(served, told(self.upstream), name)
        await self.ground.check_whole(self.upstream)

    async def watch(self) -> None:
        """While a server answers, no version is missing or too many."""
        while not self.ending:
            for served in list(self.servers.values()):
                try:
                    status, found = await read_list(served)
                except httpx.TransportError:
                    self.done["refused reads"] += 1
                    continue
                if status == 503:
                    self.done["refused reads"] += 1
                    continue
                assert status == 200, status
                assert {(name, version) for name, version, _ in found} == self.names
                self.done["reads"] += 1
            await asyncio.sleep(0.1)

    async def start_server(self, name: str) -> None:
        self.stacks[name] = AsyncExitStack()
        self.servers[name] = await self.stacks[name].enter_async_context(starting(self.config))

    async def start_worker(self, name: str) -> None:
        self.stacks[name] = AsyncExitStack()
        self.workers[name] = self.stacks[name].enter_context(working(self.config))

    async def kill_server(self) -> None:
        name = self.random.choice(sorted(self.servers))
        await self._end_server(name, signal.SIGKILL)

    async def stop_server(self) -> None:
        name = self.random.choice(sorted(self.servers))
        await self._end_server(name, signal.SIGTERM)

    async def _end_server(self, name: str, number: signal.Signals) -> None:
        served = self.servers.pop(name)
        code = await asyncio.to_thread(served.stop, number)
        assert code == (0 if number is signal.SIGTERM else -number), f"{name} ended with {code}"
        await self.stacks[name].aclose()
        await self.start_server(name)

    async def kill_worker(self) -> None:
        name = self.random.choice(sorted(self.workers))
        assert self.workers[name].poll() is None, f"{name} has ended by itself"
        kill(self.workers[name])
        await self.stacks[name].aclose()
        await self.start_worker(name)

    async def change_upstream(self) -> None:
        self.upstream.change_some(self.random.uniform(1, 20))

    async def spoil_upstream(self) -> None:
        chosen = self.random.choice(FAULTS)
        self.upstream.faults.append(Fault(**vars(chosen)))

    async def restart_redis(self) -> None:
        self.redis.kill()
        await asyncio.sleep(self.random.uniform(0.5, 3))
        await asyncio.to_thread(self.redis.start)

    async def kill_postgres(self) -> None:
        """Whoever started it starts it again."""
        pid = int((self.folder / "postgres/postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.5)

        async def answers() -> bool:
            try:
                return bool(await self.ground.ask("select 1"))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False

        await until(answers, "PostgreSQL")


async def _main() -> None:
    sys.stdout.write(f"soak: {SECONDS:g} s, SOAK_SEED={SEED}\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="thv-soak-") as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as postgres:
            await migrate(postgres.connect_args())
            soak = Soak(Path(folder), postgres)
            await soak.ground.audit()
            await soak.run()
            ended = await soak.ground.ask("select event, count(*) from audit group by event order by event")
    runs = ", ".join(f"{count} {event.lower()}" for event, count in ended)
    done = ", ".join(f"{count} {what}" for what, count in sorted(soak.done.items()))
    sys.stdout.write(f"soak: equal to the upstream after {done}; runs: {runs}\n")


if __name__ == "__main__":
    asyncio.run(_main())
