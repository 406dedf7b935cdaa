"""PostgreSQL that is stopped or killed in the middle of a run, and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.core.embedded import EmbeddedPostgres
from app.core.migrations import migrate
from tests.faults.scene import (
    Ground,
    Watcher,
    api_source,
    check_pages,
    get,
    reach,
    starting,
    told,
    until_true,
    wait_for_list,
    watching,
)
from tests.misbehaviour import Fault
from tests.upstreams import Upstream, make_versions

pytestmark = pytest.mark.faults

AWAY_SECONDS = 3.0


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """One that may be stopped, and that keeps what it has confirmed."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=True)
    await server.start()
    await migrate(server.connect_args())
    yield server
    await server.stop()


async def stop_for_a_while(postgres: EmbeddedPostgres, _: Path) -> None:
    await postgres.stop()
    await asyncio.sleep(AWAY_SECONDS)
    await postgres.start()


async def kill_postmaster(_: EmbeddedPostgres, folder: Path) -> None:
    """Whoever started it starts it again."""
    pid = int((folder / "postgres/postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(pid, signal.SIGKILL)


HAPPENINGS = {"stopped": stop_for_a_while, "killed": kill_postmaster}


@pytest.mark.parametrize("stage", ["FETCHING", "APPLYING"])
@pytest.mark.parametrize("happening", HAPPENINGS)
async def test_run_survives_or_is_made_again(
    happening: str, stage: str, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    upstream, ground = Upstream(make_versions(300)), Ground(tmp_path, own_postgres.connect_args())
    await ground.audit()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(upstream.serving())
        config = ground.write([api_source("s", url, timeout="8s")])
        served = await stack.enter_async_context(starting(config))
        await wait_for_list(served, told(upstream))
        watcher = Watcher(served, [told(upstream)], statuses=[503])
        async with watching(watcher):
            async with AsyncExitStack() as lock:
                if stage == "FETCHING":
                    upstream.faults.append(Fault("stall", page=0))
                else:
                    await lock.enter_async_context(ground.catalogue_held())
                upstream.change_some(20)
                watcher.allowed.append(told(upstream))
                await ground.wait_for_holder(stage)
                assert (await get(served, "/health")).status_code == 200
                await HAPPENINGS[happening](own_postgres, tmp_path)
            await wait_for_list(served, told(upstream))
        assert served.process.poll() is None
        state = await reach(served, "s", phase="COMPLETE")
        assert state["sync"]["consecutiveFailures"] == 0
        await check_pages(served, told(upstream))
        ground = Ground(tmp_path, own_postgres.connect_args())
        await ground.check_whole(upstream)
        await ground.check_turns()


async def test_server_tells_that_the_database_is_away(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    upstream, ground = Upstream(make_versions(50)), Ground(tmp_path, own_postgres.connect_args())
    async with upstream.serving() as url, starting(ground.write([api_source("s", url)])) as served:
        await wait_for_list(served, told(upstream))
        await own_postgres.stop()
        await until_true(lambda: not served.answers(), "readiness to go")
        assert (await get(served, "/health")).status_code == 200
        assert (await get(served, "/v0.1/servers")).status_code == 503
        upstream.change_some(20)
        await own_postgres.start()
        await wait_for_list(served, told(upstream))
        assert served.answers()
