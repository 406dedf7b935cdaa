"""Servers that are killed in the middle of a run, and what becomes of the run and of what is served."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.scene import (
    LOOPBACK,
    Ground,
    Watcher,
    api_source,
    check_pages,
    kill,
    reach,
    starting,
    states,
    told,
    until_true,
    wait_for_list,
    watching,
)
from tests.misbehaviour import Fault
from tests.served import write_config
from tests.upstreams import Upstream, make_versions

pytestmark = pytest.mark.faults


async def test_first_fetch_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """One server with its own PostgreSQL: the next start knows that whoever held the source is dead."""
    upstream = Upstream(make_versions(800))
    upstream.faults.append(Fault("stall", page=5, times=None))
    async with upstream.serving() as url:
        source = api_source("s", url)
        registries = [{"name": "default", "sources": ["s"]}]
        config = write_config(tmp_path, {}, sources=[source], registries=registries, outbound=LOOPBACK)
        async with starting(config) as served:
            await reach(served, "s", phase="SYNCING", stage="FETCHING", outcome="RUNNING")
            await until_true(lambda: len(upstream.requests) >= 6, "the page that is never sent")
            await reach(served, "s", fetched=500)
            kill(served.process)
        upstream.faults.clear()
        upstream.requests.clear()
        async with starting(config) as served:
            async with watching(Watcher(served, [frozenset(), told(upstream)])):
                await wait_for_list(served, told(upstream))
            assert upstream.queries[0]["cursor"].startswith("500"), "the pages before it were kept"
            await reach(served, "s", phase="COMPLETE")
            await check_pages(served, told(upstream))


@pytest.mark.parametrize("stage", ["FETCHING", "APPLYING"])
async def test_other_server_takes_over_from_one_that_is_killed(stage: str, ground: Ground) -> None:
    upstream = Upstream(make_versions(300))
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        config = ground.write([api_source("s", url)])
        servers = [await stack.enter_async_context(starting(config)) for _ in range(2)]
        old = told(upstream)
        for served in servers:
            await wait_for_list(served, old)
        watchers = [Watcher(served, [old], may_vanish=True) for served in servers]
        async with watching(*watchers):
            async with AsyncExitStack() as fault:
                if stage == "FETCHING":
                    upstream.faults.append(Fault("stall", times=None))
                else:
                    await fault.enter_async_context(ground.catalogue_held())
                upstream.change_some(20)
                for watcher in watchers:
                    watcher.allowed.append(told(upstream))
                pid = await ground.wait_for_holder(stage)
                [victim] = [served for served in servers if served.process.pid == pid]
                [survivor] = [served for served in servers if served is not victim]
                kill(victim.process)
                assert (await states(survivor))["s"]["lastRun"]["outcome"] == "RUNNING"
                upstream.faults.clear()
            await wait_for_list(survivor, told(upstream))
        assert "INTERRUPTED" in await ground.outcomes()
        assert (await reach(survivor, "s", phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
        await check_pages(survivor, told(upstream))
        await ground.check_whole(upstream)
        await ground.check_turns()
