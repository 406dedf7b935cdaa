"""Upstreams that misbehave in every way at once, beside one that does not."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.scene import (
    Ground,
    Watcher,
    api_source,
    check_pages,
    fail,
    post,
    reach,
    starting,
    states,
    told,
    until,
    until_true,
    wait_for_list,
    watching,
)
from tests.misbehaviour import Fault
from tests.upstreams import Upstream, Version, make_versions

pytestmark = pytest.mark.faults

LASTING = {
    "stall": (Fault("stall", page=1, times=None), "page 2"),
    "drip": (Fault("drip", page=1, times=None), "page 2"),
    "drop": (Fault("drop", page=1, times=None), "page 2"),
    "truncate": (Fault("truncate", page=1, times=None), "page 2"),
    "cut": (Fault("cut", page=1, times=None), "JSON"),
    "html": (Fault("html", page=1, times=None), "HTML"),
    "garbage": (Fault("body", page=1, times=None, body='{"error": "none"}'), "no servers"),
    "error": (Fault("status", page=1, times=None, status=500), "500"),
    "gone": (Fault("status", page=None, times=None, status=403), "403"),
    "loop": (Fault("loop", page=2, times=None), "leads back"),
}
"""Each fault of an upstream, and what its source has to say of it."""


async def test_what_was_served_stays_until_they_behave(ground: Ground) -> None:
    upstreams = {name: Upstream(make_versions(300)) for name in (*LASTING, "good")}
    async with AsyncExitStack() as stack:
        sources = [
            api_source(name, await stack.enter_async_context(upstream.serving()), timeout="1s")
            for name, upstream in upstreams.items()
        ]
        served = await stack.enter_async_context(starting(ground.write(sources, sync={"concurrency": len(sources)})))
        for name, upstream in upstreams.items():
            await wait_for_list(served, told(upstream), name)
        watchers = {name: Watcher(served, [told(upstream)], name, pause=0.5) for name, upstream in upstreams.items()}
        async with watching(*watchers.values()):
            for name, upstream in upstreams.items():
                if name in LASTING:
                    upstream.faults.append(replace(LASTING[name][0]))
                upstream.change_some(100)
            watchers["good"].allowed.append(told(upstreams["good"]))
            await wait_for_list(served, told(upstreams["good"]), "good")
            for name, (_, words) in LASTING.items():
                assert (await fail(served, name, words))["versionCount"] == 300
            await wait_for_next_run(served, "good")
            for name in LASTING:
                watchers[name].allowed.append(told(upstreams[name]))
                upstreams[name].faults.clear()
            for name, upstream in upstreams.items():
                await wait_for_list(served, told(upstream), name)
        for name, upstream in upstreams.items():
            assert (await reach(served, name, phase="COMPLETE"))["sync"]["consecutiveFailures"] == 0
            await check_pages(served, told(upstream), name)
    await ground.check_whole(upstreams["good"])


async def wait_for_next_run(served: Any, name: str) -> None:
    """The source still takes its turns."""
    query = f"{{sources{{nodes{{name sync{{lastAttemptAt}}}}}}}}  # {name}"

    async def last() -> str:
        nodes = (await post(served, query))["sources"]["nodes"]
        return str(next(node["sync"]["lastAttemptAt"] for node in nodes if node["name"] == name))

    before = await last()

    async def later() -> bool:
        return await last() > before

    await until(later, f"another run of {name}")


async def test_fetch_that_fails_on_page_7_goes_on_there(ground: Ground) -> None:
    """The first fetch, so that nothing is served before it is whole; the retries of a page come before its failure."""
    upstream = Upstream(make_versions(900))
    upstream.faults.append(Fault("status", page=6, times=None, status=500))
    async with upstream.serving() as url, starting(ground.write([api_source("s", url)])) as served:
        async with watching(Watcher(served, [frozenset(), told(upstream)])):
            state = await reach(served, "s", phase="FAILED", outcome="FAILED")
            assert "page 7" in state["sync"]["message"]
            assert "500" in state["lastRun"]["error"]
            assert state["lastRun"]["fetched"] == 600
            assert (state["entryCount"], state["versionCount"]) == (0, 0)
            asked = [query.get("cursor", "0").split(" ")[0] for query in upstream.queries]
            assert asked[:6] == [str(number * 100) for number in range(6)]
            assert len(asked) > 7, "more than one try"
            assert set(asked[6:]) == {"600"}
            upstream.faults.clear()
            upstream.requests.clear()
            await wait_for_list(served, told(upstream))
        asked = [query.get("cursor", "0").split(" ")[0] for query in upstream.queries[:3]]
        assert asked == ["600", "700", "800"], "nothing is asked for twice"
        await reach(served, "s", phase="COMPLETE")
        await ground.check_whole(upstream)
        assert await ground.ask("select 1 from fetched_page") == []


async def test_upstream_that_asks_for_patience_gets_it(ground: Ground) -> None:
    upstream = Upstream(make_versions(300))
    async with upstream.serving() as url, starting(ground.write([api_source("s", url)])) as served:
        await wait_for_list(served, told(upstream))
        upstream.faults.append(Fault("status", page=0, times=2, status=429, retry_after="3"))
        watcher = Watcher(served, [told(upstream)])
        async with watching(watcher):
            upstream.change_some(10)
            watcher.allowed.append(told(upstream))
            await wait_for_list(served, told(upstream))
        [(length,)] = await ground.ask(
            "select max(extract(epoch from finished_at - started_at)) from sync_run where outcome = 'APPLIED'"
        )
        assert length >= 6
        assert (await states(served))["s"]["sync"]["consecutiveFailures"] == 0
        assert set(await ground.outcomes()) <= {"APPLIED", "UNCHANGED", "RUNNING"}


async def test_upstream_that_changes_under_the_pager_is_caught_up_with(ground: Ground) -> None:
    """What comes in front of the pages that were read already shifts the others: no version is lost or doubled."""
    upstream = Upstream(make_versions(500))
    names = {name for name, _, _ in told(upstream)}

    def push() -> None:
        now = upstream.clock()
        new = [Version(f"io.github.new/server-{number}", updated_at=now, published_at=now) for number in range(30)]
        upstream.versions[:0] = new
        upstream.change_some(30)

    async with upstream.serving() as url, starting(ground.write([api_source("s", url)])) as served:
        await wait_for_list(served, told(upstream))
        upstream.after_page[2] = push
        await post(served, 'mutation{syncSource(input:{source:"s",full:true}){errors{message}}}')
        await until_true(lambda: len(upstream.versions) == 530, "the pager to get there")

        async def whole() -> bool:
            listed = (await post(served, "{servers{totalCount}}"))["servers"]["totalCount"]
            assert listed >= len(names), "nothing vanishes meanwhile"
            return bool(listed == len(names) + 30)

        await until(whole, "what came later")
        await wait_for_list(served, told(upstream))
        await check_pages(served, told(upstream))
        await ground.check_whole(upstream)
