"""What is forgotten after a time, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.database import Database
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx, SyncLimits
from app.resolvers.entries import delete_version, publish
from app.resolvers.housekeeping import keep_house
from app.store import retention
from tests.resolvers.state import SERVED, change, last_run, names, rows, run_again, runs, source, tables, versions
from tests.seeding import Catalogue, document, seed

START = datetime(2026, 1, 1, tzinfo=UTC)
REMOTE = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}


def on(db: Database, day: float, **limits: Any) -> Ctx:
    """A process on that day of the year."""
    return Ctx(db, clock=lambda: START + timedelta(days=day), sync=SyncLimits(**limits))


async def shrink(catalogue: Catalogue, day: float, documents: Sequence[dict[str, Any]], name: str = "s") -> None:
    catalogue.ctx = on(catalogue.ctx.db, day)
    catalogue.put(name, documents)
    await catalogue.sync()


async def kept(ctx: Ctx) -> list[Any]:
    return await rows(
        ctx, "select e.name, v.version from entry e join entry_version v on v.entry_id = e.id order by 1, 2"
    )


async def test_newest_runs_stay_however_old_they_are(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b")], "quiet": [document("a/c")]})
    for day in range(1, 30):
        await shrink(catalogue, day, [document("a/b", description=f"day {day}")])
    before = [run.id for run in await runs(catalogue.ctx)]
    assert len(before) == 30
    await keep_house(on(db, 29))
    assert [run.id for run in await runs(catalogue.ctx)] == before, "none is older than a month"
    await keep_house(on(db, 34.5))
    assert [run.id for run in await runs(catalogue.ctx)] == before[:25], "five days of them are"
    await keep_house(on(db, 1000))
    assert [run.id for run in await runs(catalogue.ctx)] == before[:20]
    assert len(await runs(catalogue.ctx, "quiet")) == 2, "each source is counted alone"


async def test_retention_of_runs_can_be_set(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b")]})
    for day in range(1, 25):
        await shrink(catalogue, day, [document("a/b", description=f"day {day}")])
    await keep_house(on(db, 24, run_retention=timedelta(days=100)))
    assert len(await runs(catalogue.ctx)) == 25
    await keep_house(on(db, 24, run_retention=timedelta(days=1)))
    assert len(await runs(catalogue.ctx)) == 20


async def test_held_run_stays_until_it_is_settled(db: Database, tmp_path: Path) -> None:
    ctx = on(db, 0)
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c")]})
    catalogue.put("s", [document("a/d")], syncPolicy={"interval": "1h"})
    await catalogue.sync()
    held = await last_run(ctx)
    assert held.outcome == "HELD"
    catalogue.put("s", b"{")
    for _ in range(25):
        assert (await run_again(ctx)).outcome == "FAILED"
    await keep_house(on(db, 1000))
    left = await runs(ctx)
    assert len(left) == 21
    assert left[-1] == held
    assert (await source(ctx)).held_run_id == held.id


async def test_run_under_way_stays(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b")]})
    await change(catalogue.ctx, "update sync_run set outcome = 'RUNNING', finished_at = null")
    for day in range(1, 25):
        await change(
            catalogue.ctx,
            "insert into sync_run (source_id, trigger, outcome, started_at)"  # noqa: S608  # a number
            f" select id, 'SCHEDULE', 'FAILED', '2026-01-01'::date + {day} from source",
        )
    await keep_house(on(db, 1000))
    assert [run.outcome for run in await runs(catalogue.ctx)] == ["FAILED"] * 20 + ["RUNNING"]


async def test_vanished_versions_are_forgotten_after_a_month(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b"), document("a/b", "0.9.0"), document("a/c")]})
    await shrink(catalogue, 1, [document("a/b")])
    everything = await kept(catalogue.ctx)
    assert len(everything) == 3
    await keep_house(on(db, 30.9))
    assert await kept(catalogue.ctx) == everything
    before = await versions(catalogue.ctx, deleted=False)
    await keep_house(on(db, 31.1))
    assert await kept(catalogue.ctx) == [("a/b", "1.0.0")]
    assert await versions(catalogue.ctx) == before, "what lives is as it was, its times included"
    assert await rows(catalogue.ctx, "select name from entry") == [("a/b",)]
    assert await rows(catalogue.ctx, "select distinct name from listing") == [("a/b",)]
    assert await rows(catalogue.ctx, "select count(*) from entry_search") == [(1,)]
    counts = await source(catalogue.ctx)
    assert (counts.entry_count, counts.version_count) == (1, 1)


async def test_entry_with_a_live_version_keeps_what_is_latest(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b", v) for v in ("1.0.0", "2.0.0", "3.0.0")]})
    await shrink(catalogue, 1, [document("a/b", "1.0.0")])
    await keep_house(on(db, 40))
    (left,) = (await versions(catalogue.ctx)).values()
    assert (left.version, left.is_latest) == ("1.0.0", True)
    assert await rows(catalogue.ctx, "select count(*) from entry_search") == [(1,)]


async def test_version_that_came_back_is_no_tombstone(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b"), document("a/c")]})
    await shrink(catalogue, 1, [document("a/b")])
    await shrink(catalogue, 2, [document("a/b"), document("a/c")])
    await keep_house(on(db, 100))
    assert await kept(catalogue.ctx) == [("a/b", "1.0.0"), ("a/c", "1.0.0")]


async def test_version_that_somebody_deleted_stays(db: Database, tmp_path: Path) -> None:
    """Its version string stays taken for ever: only what vanished from a source is forgotten."""
    ctx, catalogue = on(db, 0), Catalogue(on(db, 0), tmp_path)
    catalogue.sources["house"] = {"managed": {}}
    catalogue.registries["default"] = ["house"]
    await reconcile(ctx, catalogue.settings())
    await publish(ctx, None, document("com.example/own", remotes=[REMOTE]))
    await delete_version(ctx, None, "com.example/own", "1.0.0")
    await keep_house(on(db, 1000))
    assert await kept(ctx) == [("com.example/own", "1.0.0")]


async def test_namesakes_that_died_in_several_sources_all_go(db: Database, tmp_path: Path) -> None:
    sources = {name: [document("a/b"), document(f"a/{name}")] for name in ("one", "two", "three")}
    catalogue = await seed(on(db, 0), tmp_path, sources)
    for name in ("two", "one"):
        await shrink(catalogue, 1, [document(f"a/{name}")], name)
    await keep_house(on(db, 40))
    ids = {name: (await source(catalogue.ctx, name)).id for name in sources}
    found = await rows(catalogue.ctx, "select source_id, name from entry order by name, source_id")
    assert found == [
        (ids["three"], "a/b"),
        (ids["one"], "a/one"),
        (ids["three"], "a/three"),
        (ids["two"], "a/two"),
    ]
    assert set(await names(catalogue.ctx)) == {"a/b", "a/one", "a/two", "a/three"}
    await shrink(catalogue, 41, [document("a/three")], "three")
    await keep_house(on(db, 100))
    assert await rows(catalogue.ctx, "select count(*) from entry where name = 'a/b'") == [(0,)]
    assert await rows(catalogue.ctx, "select count(*) from listing where name = 'a/b'") == [(0,)]


async def test_more_than_a_batch_is_forgotten_in_several_by_whoever_keeps_house(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    old = [document(f"a/b{n}", v) for n in range(4) for v in ("1.0.0", "2.0.0", "3.0.0")]
    catalogue = await seed(on(db, 0), tmp_path, {"s": [*old, document("a/live")]})
    await shrink(catalogue, 1, [document("a/live"), document("a/b0", "2.0.0")])
    await asyncio.gather(*(keep_house(on(db, 40)) for _ in range(3)))
    assert await kept(catalogue.ctx) == [("a/b0", "2.0.0"), ("a/live", "1.0.0")]
    assert set(await names(catalogue.ctx)) == {"a/b0", "a/live"}


async def test_withdrawals_are_forgotten_with_the_rest(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"one": [document("a/b")], "two": [document("a/c")]})
    catalogue.ctx = on(db, 1)
    catalogue.registries["default"] = ["one"]
    await catalogue.sync()
    count = "select count(*) from withdrawal"
    before = await rows(catalogue.ctx, count)
    assert before != [(0,)]
    await keep_house(on(db, 30.9))
    assert await rows(catalogue.ctx, count) == before
    await keep_house(on(db, 31.1))
    assert await rows(catalogue.ctx, count) == [(0,)]


async def test_house_that_is_in_order_is_left_alone(db: Database, tmp_path: Path) -> None:
    catalogue = await seed(on(db, 0), tmp_path, {"s": [document("a/b"), document("a/c")]})
    await shrink(catalogue, 1, [document("a/b")])
    await keep_house(on(db, 100))
    before = await tables(catalogue.ctx, *SERVED, "catalog", "sync_run")
    await keep_house(on(db, 101))
    assert await tables(catalogue.ctx, *SERVED, "catalog", "sync_run") == before
