"""Servers that stop without an end, as when their machine is suspended or cut off, and wake up too late."""

from __future__ import annotations

import re
import signal
from contextlib import AsyncExitStack

import pytest

from tests.faults.scene import (
    Ground,
    Watcher,
    api_source,
    check_pages,
    reach,
    starting,
    told,
    until,
    wait_for_list,
    watching,
)
from tests.misbehaviour import Fault
from tests.upstreams import Upstream, make_versions

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("stage", ["FETCHING", "APPLYING"])
async def test_run_that_wakes_up_too_late_changes_nothing(stage: str, ground: Ground) -> None:
    upstream = Upstream(make_versions(300))
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        config = ground.write([api_source("s", url)])
        servers = [await stack.enter_async_context(starting(config)) for _ in range(2)]
        for served in servers:
            await wait_for_list(served, told(upstream))
        async with AsyncExitStack() as fault:
            old = told(upstream)
            if stage == "FETCHING":
                upstream.faults.append(Fault("stall"))
            else:
                await fault.enter_async_context(ground.catalogue_held())
            upstream.change_some(20)
            pid = await ground.wait_for_holder(stage)
            [frozen] = [served for served in servers if served.process.pid == pid]
            [other] = [served for served in servers if served is not frozen]
            frozen.process.send_signal(signal.SIGSTOP)
        upstream.change_some(30)
        async with watching(Watcher(other, [old, told(upstream)])):
            await wait_for_list(other, told(upstream), seconds=150)
        upstream.change_some(10)
        frozen.process.send_signal(signal.SIGCONT)

        async def ended() -> bool:
            return re.search(rf'run"?[=:] ?{run}\b|run_lost', frozen.log.read_text()) is not None

        [(run,)] = await ground.ask("select run from audit where event = 'INTERRUPTED' order by id desc limit 1")
        await until(ended, "the end of the run that came too late")
        assert "sync_crashed" not in frozen.log.read_text()
        for served in servers:
            await wait_for_list(served, told(upstream))
            await check_pages(served, told(upstream))
        assert (await reach(other, "s", phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
        await ground.check_whole(upstream)
        await ground.check_turns()
