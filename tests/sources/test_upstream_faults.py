"""An upstream that misbehaves: what is tried again, what ends a pass, and how a pass that broke off goes on."""

from __future__ import annotations

import asyncio
import random
import zlib
from dataclasses import replace
from typing import Any

import pytest
from tenacity import AsyncRetrying, Future, RetryCallState

from app.core.errors import SourceError
from app.sources.http import HttpFailure, NetworkFailure
from app.sources.upstream import Patience
from app.sources.upstream.staging import name_pass
from tests import webserver
from tests.effort import EFFORT
from tests.misbehaviour import Fault
from tests.sources.following import QUICK, Follower, following, truth
from tests.upstreams import Upstream

ONCE = replace(QUICK, attempts=1)


def positions(upstream: Upstream) -> list[str]:
    """Where each page that was asked for begins."""
    return [query.get("cursor", "0").split()[0] for query in upstream.queries]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_passing_status_is_tried_again(status: int) -> None:
    async with following(250) as (upstream, follower):
        upstream.faults.append(Fault("status", page=1, times=4, status=status))
        await follower.fetch()
    assert follower.standings == truth(upstream)
    assert positions(upstream) == ["0", "100", "100", "100", "100", "100", "200"]


@pytest.mark.parametrize("kind", ["drop", "truncate", "cut", "stall", "drip"])
async def test_broken_exchange_is_tried_again(kind: str) -> None:
    async with following(250, timeout="300ms") as (upstream, follower):
        upstream.faults.append(Fault(kind, page=1, times=2))
        await follower.fetch()
    assert follower.standings == truth(upstream)
    assert positions(upstream) == ["0", "100", "100", "100", "200"]


async def test_empty_answer_is_tried_again() -> None:
    async with following(1) as (upstream, follower):
        upstream.faults.append(Fault("body", body=""))
        assert len((await follower.snapshot()).documents) == 1


@pytest.mark.parametrize("kind", ["status", "drop", "truncate", "cut"])
async def test_attempts_are_limited(kind: str) -> None:
    async with following(250) as (upstream, follower):
        upstream.faults.append(Fault(kind, page=1, times=None))
        with pytest.raises(SourceError, match="page 2"):
            await follower.fetch()
    assert positions(upstream) == ["0", "100", "100", "100", "100", "100"]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 451, 501])
async def test_lasting_status_is_not_tried_again(status: int) -> None:
    async with following(250) as (upstream, follower):
        upstream.faults.append(Fault("status", status=status))
        with pytest.raises(SourceError, match=str(status)):
            await follower.fetch()
    assert positions(upstream) == ["0"]


async def test_wrong_address_says_so() -> None:
    async with webserver.serving() as server:
        with pytest.raises(SourceError, match=r"/elsewhere/v0\.1/servers.*404.*api\.endpoint"):
            await Follower(server.url("/elsewhere")).fetch()


async def test_refused_target_is_not_tried_again() -> None:
    async with following(250) as (upstream, follower):
        follower.outbound = replace(follower.outbound, allow_private=())
        with pytest.raises(SourceError, match=r"outbound\.allowPrivate"):
            await follower.fetch()
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("html"), "HTML"),
        (Fault("body", body="[]"), "an array"),
        (Fault("body", body='"hello"'), "hello"),
        (Fault("body", body="null"), "None"),
        (Fault("body", body="{}"), "an empty object"),
        (Fault("body", body='{"error":"no","detail":1}'), "error, detail"),
        (Fault("body", body='{"servers":{"a":1}}'), "no array"),
        (Fault("body", body='{"servers":[],"metadata":{"nextCursor":5}}'), "nextCursor"),
        (Fault("body", body='{"servers":[],"metadata":{"nextCursor":"a\\u0000"}}'), "nextCursor"),
        (Fault("body", body='{"servers":[],"metadata":{"nextCursor":"\\ud800"}}'), "nextCursor"),
    ],
)
async def test_answer_that_is_no_list_says_what_came(fault: Fault, words: str) -> None:
    async with following(250) as (upstream, follower):
        upstream.faults.append(fault)
        with pytest.raises(SourceError, match=words):
            await follower.fetch()
    assert positions(upstream) == ["0"]


async def test_half_a_surrogate_pair_sinks_one_document() -> None:
    body = '{"servers":[{"server":{"name":"com.example/a","version":"1","description":"\\ud800"}},%s]}'
    good = '{"server":{"name":"com.example/b","version":"1","description":"Good"}}'
    async with following(250) as (upstream, follower):
        upstream.faults.append(Fault("body", body=body % good))
        snapshot = await follower.snapshot()
    assert [document.name for document in snapshot.documents] == ["com.example/b"]
    assert "surrogate" in snapshot.rejections[0].reason


async def test_circle_of_cursors_is_seen() -> None:
    async with following(500) as (upstream, follower):
        upstream.faults.append(Fault("loop", page=3))
        with pytest.raises(SourceError, match="leads back"):
            await follower.fetch()
    assert positions(upstream) == ["0", "100", "200", "300"]


async def test_pages_are_limited() -> None:
    async with following(500) as (_, follower):
        follower.patience = replace(QUICK, max_pages=5)
        await follower.fetch()
        follower.state, follower.patience = {}, replace(QUICK, max_pages=4)
        with pytest.raises(SourceError, match="more than 4 pages"):
            await follower.fetch()


async def test_versions_are_limited() -> None:
    async with following(201) as (_, follower):
        follower.patience = replace(QUICK, max_versions=201)
        await follower.fetch()
        follower.state, follower.patience = {}, replace(QUICK, max_versions=200)
        with pytest.raises(SourceError, match="more than 200 versions"):
            await follower.fetch()


async def test_bytes_are_limited() -> None:
    async with following(250) as (upstream, follower):
        follower.stage.lasting = True
        await follower.fetch()
        total = sum(measure(follower))
        follower.state, follower.stage.lasting = {}, False
        follower.stage.clear()
        follower.patience = replace(QUICK, max_bytes=total)
        await follower.fetch()
        follower.state, follower.patience = {}, replace(QUICK, max_bytes=total - 1)
        with pytest.raises(SourceError, match=f"more than {total - 1} bytes"):
            await follower.fetch()
    assert len(upstream.requests) == 9
    assert sorted(*(kept for kept in follower.stage.pages.values())) == [0, 1]


async def test_bytes_of_kept_pages_count() -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        first, second = measure(follower)
        follower.patience = replace(QUICK, max_bytes=first + second)
        with pytest.raises(SourceError, match=f"more than {first + second} bytes"):
            await follower.fetch()
        assert positions(upstream) == ["200"]
        follower.patience = replace(QUICK, max_bytes=first + second - 1)
        with pytest.raises(SourceError, match=f"more than {first + second - 1} bytes"):
            await follower.fetch()
        assert positions(upstream) == ["200"]
        follower.patience = QUICK
        await follower.fetch()
    assert follower.standings == truth(upstream)


async def test_bytes_of_changes_are_limited() -> None:
    async with following(250) as (upstream, follower):
        await follower.fetch()
        before = follower.state
        follower.clock.wait(minutes=10)
        upstream.change_some(100)
        upstream.forget_rendered()
        follower.clock.wait(minutes=10)
        follower.patience = replace(QUICK, max_bytes=1000)
        with pytest.raises(SourceError, match="more than 1000 bytes"):
            await follower.fetch()
        assert "updated_since" in upstream.queries[-1]
        assert follower.state == before


def measure(follower: Follower) -> list[int]:
    """Bytes of each page that is kept, as it came."""
    (kept,) = follower.stage.pages.values()
    return [len(zlib.decompress(kept[number].body).partition(b"\n")[2]) for number in sorted(kept)]


def delay(error: Exception, attempt: int = 1, patience: Patience | None = None) -> float:
    state = RetryCallState(AsyncRetrying(), None, (), {})
    state.attempt_number = attempt
    state.outcome = Future(attempt)
    state.outcome.set_exception(error)
    return (patience or Patience()).choose_delay(state)


def test_delays_grow_up_to_a_limit() -> None:
    delays = [delay(NetworkFailure("x"), attempt) for attempt in range(1, 9)]
    for number, length in enumerate(delays):
        assert min(0.5 * 2**number, 20) <= length <= min(0.5 * 2**number + 0.5, 20)
    assert len(set(delays[:5])) == 5


@pytest.mark.parametrize(
    ("status", "asked", "least", "most"),
    [
        (429, 7.0, 7, 7),
        (503, 59.0, 59, 59),
        (429, 3600.0, 60, 60),
        (503, 0.0, 0.5, 1),
        (500, 30.0, 0.5, 1),
        (429, None, 0.5, 1),
    ],
)
def test_delay_that_the_upstream_asks_for_is_kept(status: int, asked: float | None, least: float, most: float) -> None:
    assert least <= delay(HttpFailure("x", status, asked)) <= most


async def test_upstreams_wish_is_waited_for() -> None:
    async with following(1) as (upstream, follower):
        follower.patience = replace(QUICK, longest_asked=0.2)
        upstream.faults.append(Fault("status", status=429, retry_after="3600"))
        begun = asyncio.get_running_loop().time()
        await follower.fetch()
        assert 0.19 <= asyncio.get_running_loop().time() - begun < 30


async def break_off(upstream: Upstream, follower: Follower, page: int = 2, **fault: Any) -> None:
    """A fetch that fails at a page, and a registry that is well again."""
    follower.patience = ONCE
    upstream.faults.append(Fault("status", page=page, times=None, **fault))
    with pytest.raises(SourceError, match=f"page {page + 1}"):
        await follower.fetch()
    follower.patience = QUICK
    upstream.faults.clear()
    upstream.requests.clear()


async def test_pass_goes_on_where_it_broke_off() -> None:
    async with following(350) as (upstream, follower):
        await break_off(upstream, follower)
        assert follower.stage.saves == [0, 1]
        follower.clock.wait(minutes=50)
        await follower.fetch()
    assert positions(upstream) == ["200", "300"]
    assert follower.standings == truth(upstream)
    assert follower.reports == [100, 200, 300, 350]
    assert follower.stage.saves == [0, 1, 2, 3]
    assert follower.state["fullAt"] == "2026-05-04T08:00:00Z"


async def test_pass_that_went_on_misses_no_change_made_meanwhile() -> None:
    async with following(350) as (upstream, follower):
        await break_off(upstream, follower)
        follower.clock.wait(minutes=20)
        upstream.change("com.example/s0005", status="deleted")
        upstream.change("com.example/s0305", status="deprecated")
        follower.clock.wait(minutes=20)
        await follower.fetch()
        assert follower.standings != truth(upstream)
        assert (await follower.snapshot()).partial
        assert follower.standings == truth(upstream)


async def test_each_page_is_kept_before_the_next_is_asked_for() -> None:
    async with following(350) as (upstream, follower):
        asked: list[int] = []
        follower.stage.on_save = lambda _: asked.append(len(upstream.requests))
        await follower.fetch()
    assert asked == [1, 2, 3, 4]
    assert follower.stage.saves == [0, 1, 2, 3]


async def test_pass_that_is_complete_asks_for_nothing() -> None:
    """As when it was fetched and could not be applied."""
    async with following(250) as (upstream, follower):
        follower.stage.lasting = True
        await follower.fetch()
        follower.state = {}
        upstream.requests.clear()
        assert len((await follower.snapshot()).documents) == 250
    assert upstream.requests == []


async def test_old_pages_are_not_used() -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        follower.clock.wait(minutes=61)
        await follower.fetch()
    assert positions(upstream) == ["0", "100", "200"]


async def test_pages_of_something_else_are_not_used() -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        follower.own["endpoint"] += "/registry/other"
        await follower.fetch()
    assert positions(upstream) == ["0", "100", "200"]


def test_key_of_a_pass_tells_what_is_fetched() -> None:
    long = "https://registry.example.com/" + "x" * 300
    names = {name_pass(servers, parameters) for servers in (long, f"{long}y") for parameters in ({}, {"a": "b"})}
    assert len(names) == 4
    assert max(len(name) for name in names) < 250


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_refused_cursor_makes_the_pass_begin_anew(status: int) -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        upstream.faults.append(Fault("status", page=2, status=status))
        upstream.change("com.example/s0005", status="deleted")
        await follower.fetch()
    assert positions(upstream) == ["200", "0", "100", "200"]
    assert follower.standings == truth(upstream)


async def test_pass_begins_anew_only_once() -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        upstream.faults.append(Fault("status", page=2, times=None, status=410))
        with pytest.raises(SourceError, match=r"page 3 .* 410"):
            await follower.fetch()
    assert positions(upstream) == ["200", "0", "100", "200"]


async def test_pages_of_two_passes_are_not_mixed() -> None:
    """What a pass left behind that was longer than the one begun anew."""
    async with following(500) as (upstream, follower):
        await break_off(upstream, follower, page=4)
        upstream.faults.append(Fault("status", page=4, status=410))
        upstream.faults.append(Fault("status", page=2, times=None, status=500))
        follower.patience = ONCE
        with pytest.raises(SourceError, match="page 3"):
            await follower.fetch()
        upstream.faults.clear()
        upstream.requests.clear()
        await follower.fetch()
    assert positions(upstream) == ["200", "300", "400"]
    assert follower.standings == truth(upstream)


@pytest.mark.parametrize("body", [b"", b"junk", b"x\x9cK\xcb\xcf\x07\x00\x02\x82\x01E"])
async def test_kept_page_that_cannot_be_read_is_fetched_again(body: bytes) -> None:
    async with following(250) as (upstream, follower):
        await break_off(upstream, follower)
        (kept,) = follower.stage.pages.values()
        kept[1] = replace(kept[1], body=body)
        await follower.fetch()
    assert positions(upstream) == ["100", "200"]
    assert follower.standings == truth(upstream)


async def test_cancelled_pass_goes_on_where_it_was() -> None:
    async with following(250, timeout="1m") as (upstream, follower):
        upstream.faults.append(Fault("stall", page=2))
        reached = asyncio.Event()
        upstream.after_page[2] = reached.set
        task = asyncio.create_task(follower.fetch())
        await asyncio.wait_for(reached.wait(), 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        upstream.requests.clear()
        await follower.fetch()
    assert positions(upstream) == ["200"]
    assert follower.standings == truth(upstream)


async def test_incremental_pass_keeps_no_pages() -> None:
    async with following(250) as (upstream, follower):
        await follower.fetch()
        follower.stage.saves.clear()
        follower.clock.wait(hours=1)
        upstream.change("com.example/s0005", status="deleted")
        await follower.fetch()
    assert follower.stage.saves == []


@pytest.mark.parametrize("seed", range(10 * EFFORT))
async def test_whatever_goes_wrong_the_copy_is_right_in_the_end(seed: int) -> None:
    """A failed fetch changes nothing; one that succeeds when all is well makes the copy the same as the upstream."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    kinds = ["status", "drop", "truncate", "cut", "html", "loop"]
    async with following(dice.randrange(1, 450)) as (upstream, follower):
        for _ in range(6):
            upstream.faults = [
                Fault(dice.choice(kinds), dice.randrange(5), dice.choice([1, 2, 9]), dice.choice([400, 404, 422, 500]))
                for _ in range(dice.randrange(3))
            ]
            before = follower.standings
            try:
                await follower.fetch()
            except SourceError:
                assert follower.standings == before
            follower.clock.wait(minutes=dice.choice([0, 5, 70]))
            for one in dice.sample(upstream.versions, dice.randrange(len(upstream.versions))):
                upstream.change(one.name, status=dice.choice(["active", "deprecated"]))
        upstream.faults = []
        follower.clock.wait(minutes=1)
        await follower.fetch()
        assert follower.standings == truth(upstream)
