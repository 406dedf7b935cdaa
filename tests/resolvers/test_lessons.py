"""What once went wrong around a run: refusals of the database, locks, lost reasons, consent and pages that outlived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from app.core.database import Session
from app.core.errors import Conflict
from app.models.kinds import SyncPhase, SyncTrigger
from app.resolvers import running
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.registration import put_registration
from app.resolvers.sync import due_sources, run_next_due
from app.resolvers.sync_requests import accept_held, request_sync
from app.sources.outbound import Outbound
from app.store import runs as history
from tests import webserver
from tests.misbehaviour import Fault
from tests.resolvers.state import (
    SERVED,
    change,
    drain,
    last_run,
    make_due,
    names,
    rows,
    run_again,
    runs,
    source,
    tables,
)
from tests.seeding import Catalogue, document, seed, upstream
from tests.sources.following import Clock, aged
from tests.upstreams import Upstream
from tests.webserver import Reply, Seen

HOURLY = {"interval": "1h"}
LOOPBACK = Outbound(allow_private=("127.0.0.1",))

DISK_FULL = (
    "create function refuse() returns trigger language plpgsql as $$ begin"
    " raise exception using errcode = '53100', message = 'could not extend file'; end $$"
)


@dataclass
class Gate:
    """A web server whose answer waits until it is opened."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, _: Seen, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await self.opened.wait()
        body = orjson.dumps(upstream([document("a/b")]))
        writer.write(Reply(200, body, {"Connection": "close"}).render())
        await writer.drain()


@asynccontextmanager
async def registered(ctx: Ctx) -> AsyncIterator[tuple[Ctx, Gate, dict[str, Any]]]:
    """A registration `s` behind a gate, and the body that made it."""
    near, gate = replace(ctx, outbound=LOOPBACK), Gate()
    async with webserver.serving(script=gate) as server:
        body = {"file": {"url": server.url("/s")}, "format": "upstream", "syncPolicy": HOURLY}
        await put_registration(near, "s", body)
        yield near, gate, body


async def test_what_the_database_refuses_lastingly_is_a_failed_run(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    served = await tables(ctx, *SERVED)
    await change(ctx, DISK_FULL)
    await change(ctx, "create trigger full_disk before insert on entry_version for each row execute function refuse()")
    catalogue.put("s", [document("a/b"), document("a/c")])
    for failures in (1, 2):
        run = await run_again(ctx)
        told = await source(ctx)
        assert (run.outcome, run.error) == ("FAILED", "the database cannot be used at the moment")
        assert (told.phase, told.leased, told.consecutive_failures) == (SyncPhase.FAILED, False, failures)
        assert await rows(ctx, "select next_run_at > now() + interval '2 s' from source") == [(True,)]
        assert await due_sources(ctx) == (), "not again at once"
    assert await tables(ctx, *SERVED) == served
    await change(ctx, "drop trigger full_disk on entry_version")
    assert (await run_again(ctx)).outcome == "APPLIED"
    assert (await source(ctx)).phase is SyncPhase.COMPLETE


async def test_requests_do_not_wait_for_a_locked_source(ctx: Ctx, tmp_path: Path) -> None:
    """More of them than there are connections: waiting, they would leave none for readers."""
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    before = await tables(ctx, "source")
    async with asyncio.timeout(60), ctx.db.write() as tx:
        await tx.session.execute(text("select 1 from source for update"))
        asked = (request_sync(ctx, "s", full=bool(number % 2)) for number in range(24))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Conflict] * 24
        assert set(await names(ctx)) == {"a/b"}
    assert await tables(ctx, "source") == before
    assert (await request_sync(ctx, "s")).requested, "once the lock is gone"


async def test_document_that_is_rejected_now_stays_served_as_it_was(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c"), document("a/d")]})
    catalogue.put("s", [document("a/b"), document("a/c", description=7)])
    run = await run_again(ctx)
    assert (run.outcome, run.updated, run.removed, run.rejected) == ("APPLIED", 0, 1, 1)
    assert await names(ctx) == {"a/b": "Does a/b", "a/c": "Does a/c"}
    catalogue.put("s", [document("a/b"), document("a/c", description="Sound again")])
    await run_again(ctx)
    assert await names(ctx) == {"a/b": "Does a/b", "a/c": "Sound again"}
    catalogue.put("s", [document("a/b")])
    await run_again(ctx)
    assert set(await names(ctx)) == {"a/b"}, "one that is not told of any more goes"


async def test_change_of_a_registration_and_the_renewal_of_its_lease_do_not_lock_each_other_out(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal is stopped between its two statements, when it holds the source's row and wants the run's."""
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(running, "LEASE", timedelta(seconds=1.5))
    note, between, ended = history.note_progress, asyncio.Event(), asyncio.Event()
    errors: list[Exception] = []

    async def pause(session: Session, *told: Any) -> None:
        first = not between.is_set()
        between.set()
        if first:
            await asyncio.sleep(0.5)
        try:
            await note(session, *told)
        except Exception as error:
            errors.append(error)
            raise
        finally:
            ended.set()

    monkeypatch.setattr(history, "note_progress", pause)
    async with asyncio.timeout(120), registered(ctx) as (near, gate, body):
        task = asyncio.create_task(run_next_due(near, "test", SyncTrigger.SCHEDULE))
        await between.wait()
        _, new = await put_registration(near, "s", body)
        await ended.wait()
        gate.opened.set()
        assert await task
        assert (new, errors) == (False, [])
        assert await drain(near) == 1
    assert [run.outcome for run in await runs(ctx)] == ["APPLIED", "INTERRUPTED"]
    assert set(await names(ctx, "s")) == {"a/b"}


async def test_reasons_of_rejections_survive_runs_that_read_nothing(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.put("s", [document("a/b"), {"name": "a/bad", "version": 5}])
    first = await run_again(ctx)
    told = await source(ctx)
    assert (first.outcome, first.rejected, [one["name"] for one in first.rejections]) == ("UNCHANGED", 1, ["a/bad"])
    for _ in range(3):
        await run_again(ctx)
        rejected = [run for run in await runs(ctx) if run.rejections]
        assert [run.rejections for run in rejected] == [first.rejections]
        assert (await source(ctx)).message == told.message == "0 added, 0 updated, 0 removed, 1 rejected"
    assert len(await runs(ctx)) <= 3, "and they are no reason to keep every tick"


async def test_consent_does_not_outlive_a_failed_run(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", [document("a/x")], syncPolicy=HOURLY)
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    catalogue.put("s", [document("a/y")])
    assert (await run_again(ctx)).outcome == "HELD"
    await accept_held(ctx, "s")
    assert (await source(ctx)).accepted_removal is not None
    catalogue.put("s", b"{broken")
    assert await drain(ctx) == 1
    assert (await last_run(ctx)).outcome == "FAILED"
    assert (await source(ctx)).accepted_removal is None
    catalogue.put("s", [document("a/later")])
    await make_due(ctx)
    assert await drain(ctx) == 1
    assert (await source(ctx)).phase is SyncPhase.HELD, "it removes the same, and nobody agreed to this"
    assert set(await names(ctx)) == {"a/x"}
    await accept_held(ctx, "s")
    assert await drain(ctx) == 1
    assert set(await names(ctx)) == {"a/later"}


async def test_full_run_fetches_the_pages_of_one_that_broke_off_again(ctx: Ctx, tmp_path: Path) -> None:
    clock = Clock()
    far = Upstream(aged(350, clock), clock=clock)
    far.faults.append(Fault("status", page=2, times=None, status=403))
    async with far.serving() as url:
        catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), tmp_path)
        catalogue.sources["s"] = {"api": {"endpoint": url}, "syncPolicy": HOURLY}
        catalogue.registries["default"] = ["s"]
        await reconcile(ctx, catalogue.settings())
        await drain(catalogue.ctx)
        assert await rows(ctx, "select count(*) from fetched_page") == [(2,)]
        far.faults.clear()
        far.requests.clear()
        await request_sync(ctx, "s", full=True)
        assert await rows(ctx, "select count(*) from fetched_page") == [(0,)]
        assert await drain(catalogue.ctx) == 1
    assert ["cursor" in query for query in far.queries] == [False, True, True, True]
    assert ((await last_run(ctx)).outcome, len(await names(ctx))) == ("APPLIED", 350)


async def test_lease_is_kept_after_a_round_that_met_an_unforeseen_error(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.05)
    monkeypatch.setattr(running, "LEASE", timedelta(seconds=1.5))
    note, rounds, renewed = history.note_progress, [0], asyncio.Event()

    async def stumble(session: Session, *told: Any) -> None:
        rounds[0] += 1
        if rounds[0] == 1:
            await session.execute(text("select 1 / 0"))
        await note(session, *told)
        renewed.set()

    monkeypatch.setattr(history, "note_progress", stumble)
    async with asyncio.timeout(60), registered(ctx) as (near, gate, _):
        task = asyncio.create_task(run_next_due(near, "test", SyncTrigger.SCHEDULE))
        await renewed.wait()
        gate.opened.set()
        assert await task
    assert rounds[0] > 1
    assert (await last_run(ctx)).outcome == "APPLIED"
