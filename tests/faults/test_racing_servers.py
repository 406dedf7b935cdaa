"""Servers that share a database, and every source that is due."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from tests.faults.scene import (
    Ground,
    Watcher,
    api_source,
    check_pages,
    first_pages,
    reach,
    starting,
    told,
    wait_for_list,
    watching,
)
from tests.upstreams import Upstream, make_versions

pytestmark = pytest.mark.faults

RACE_SECONDS = 12.0
SOURCES = [f"s{number}" for number in range(8)]


async def test_every_run_is_made_once(ground: Ground) -> None:
    upstream = Upstream(make_versions(150))
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        config = ground.write([api_source(name, f"{url}/{name}") for name in SOURCES])
        servers = [await stack.enter_async_context(starting(config)) for _ in range(2)]
        for served in servers:
            for name in SOURCES:
                await wait_for_list(served, told(upstream), name)
        watchers = [Watcher(served, [told(upstream)]) for served in servers]
        async with watching(*watchers):
            end = time.monotonic() + RACE_SECONDS
            while time.monotonic() < end:
                upstream.change_some(5)
                for watcher in watchers:
                    watcher.allowed.append(told(upstream))
                await asyncio.sleep(0.7)
            for served in servers:
                for name in SOURCES:
                    await wait_for_list(served, told(upstream), name)
        for name in SOURCES:
            assert (await reach(servers[0], name, phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
        await check_pages(servers[1], told(upstream))
        for served in servers:
            assert await asyncio.to_thread(served.stop) == 0
    await ground.check_whole(upstream)
    begun, asked = await ground.check_turns(), first_pages(upstream)
    assert begun > 3 * len(SOURCES)
    assert asked <= begun <= asked + 2 * len(SOURCES), "each run begins to read once, unless it was cut off"
    owners = await ground.ask("select distinct split_part(owner, ':', 2) from audit where event = 'BEGIN'")
    assert {int(row[0]) for row in owners} == {served.process.pid for served in servers}, "both take part"
