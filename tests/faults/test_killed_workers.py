"""Workers and their Redis: killed, racing, away and back. The server itself only serves."""

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
    get,
    kill,
    post,
    reach,
    starting,
    told,
    wait_for_list,
    watching,
)
from tests.misbehaviour import Fault
from tests.redisserver import RedisServer, running_redis, working
from tests.upstreams import Upstream, make_versions

pytestmark = pytest.mark.faults

RACE_SECONDS = 25.0
SOURCES = [f"s{number}" for number in range(8)]


@pytest.mark.parametrize("stage", ["FETCHING", "APPLYING"])
async def test_other_worker_takes_over_from_one_that_is_killed(stage: str, ground: Ground) -> None:
    upstream = Upstream(make_versions(300))
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        redis = stack.enter_context(running_redis(ground.folder))
        config = ground.write([api_source("s", url)], redis={"url": redis.url})
        served = await stack.enter_async_context(starting(config))
        workers = [stack.enter_context(working(config)) for _ in range(2)]
        await wait_for_list(served, told(upstream))
        watcher = Watcher(served, [told(upstream)])
        async with watching(watcher):
            async with AsyncExitStack() as fault:
                if stage == "FETCHING":
                    upstream.faults.append(Fault("stall", times=None))
                else:
                    await fault.enter_async_context(ground.catalogue_held())
                upstream.change_some(20)
                watcher.allowed.append(told(upstream))
                pid = await ground.wait_for_holder(stage)
                [victim] = [worker for worker in workers if worker.pid == pid]
                kill(victim)
                upstream.faults.clear()
            await wait_for_list(served, told(upstream))
        assert "INTERRUPTED" in await ground.outcomes()
        assert (await reach(served, "s", phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
        await check_pages(served, told(upstream))
        await ground.check_whole(upstream)
        await ground.check_turns()


async def test_every_run_is_made_once_by_the_workers(ground: Ground) -> None:
    upstream = Upstream(make_versions(150))
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        redis = stack.enter_context(running_redis(ground.folder))
        config = ground.write([api_source(name, f"{url}/{name}") for name in SOURCES], redis={"url": redis.url})
        servers = [await stack.enter_async_context(starting(config)) for _ in range(2)]
        workers = [stack.enter_context(working(config)) for _ in range(2)]
        for name in SOURCES:
            await wait_for_list(servers[0], told(upstream), name)
        watchers = [Watcher(served, [told(upstream)]) for served in servers]
        async with watching(*watchers):
            end = time.monotonic() + RACE_SECONDS
            while time.monotonic() < end:
                upstream.change_some(5)
                for watcher in watchers:
                    watcher.allowed.append(told(upstream))
                await asyncio.sleep(0.9)
            for served in servers:
                for name in SOURCES:
                    await wait_for_list(served, told(upstream), name)
        for worker in workers:
            worker.terminate()
            assert await asyncio.to_thread(worker.wait, 60) == 0
        for served in servers:
            assert await asyncio.to_thread(served.stop) == 0
    await ground.check_whole(upstream)
    begun, asked = await ground.check_turns(), first_pages(upstream)
    assert begun >= 3 * len(SOURCES)
    assert asked <= begun <= asked + len(SOURCES), "each run begins to read once, unless it was cut off"
    owners = {
        row[0].split(":")[1] for row in await ground.ask("select distinct owner from audit where event = 'BEGIN'")
    }
    assert owners == {str(worker.pid) for worker in workers}, "both take part, and nobody else"


async def test_redis_that_goes_and_comes_loses_no_run(ground: Ground) -> None:
    upstream, redis = Upstream(make_versions(300)), RedisServer(ground.folder)
    await ground.audit()
    async with AsyncExitStack() as stack:
        stack.callback(redis.kill)
        url = await stack.enter_async_context(upstream.serving())
        config = ground.write([api_source("s", url, timeout="5s")], redis={"url": redis.url})
        served = await stack.enter_async_context(starting(config))
        worker = stack.enter_context(working(config))
        watcher = Watcher(served, [frozenset(), told(upstream)])
        async with watching(watcher):
            await asyncio.sleep(3)
            assert upstream.requests == [], "nobody synchronises without Redis"
            redis.start()
            await wait_for_list(served, told(upstream))
            watcher.allowed.remove(frozenset())
            upstream.faults.append(Fault("stall", page=0))
            upstream.change_some(20)
            watcher.allowed.append(told(upstream))
            await ground.wait_for_holder("FETCHING")
            redis.kill()
            await wait_for_list(served, told(upstream))  # the run under way needs no Redis
            assert redis.process is None
            assert (await get(served, "/readiness")).status_code == 200
            payload = await post(served, 'mutation{syncSource(input:{source:"s"}){errors{message}}}')
            assert payload["syncSource"]["errors"] == []
            upstream.change_some(30)
            watcher.allowed.append(told(upstream))
            redis.start()
            await wait_for_list(served, told(upstream))
        assert worker.poll() is None
        assert (await reach(served, "s", phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
        assert "INTERRUPTED" not in await ground.outcomes()
        await ground.check_whole(upstream)
        await ground.check_turns()
