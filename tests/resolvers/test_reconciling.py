"""What becomes of what is served when the configuration changes, and when several processes apply it at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.core.database import Database
from app.models.kinds import SyncPhase
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.entries import publish
from app.resolvers.sources import list_sources
from app.sources.outbound import Outbound
from tests.resolvers.state import SERVED, drain, names, rows, run_again, runs, source, tables
from tests.seeding import Catalogue, document, seed, tagged
from tests.sources.following import Clock, aged
from tests.upstreams import Upstream, Version

REMOTE = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
HOURLY = {"interval": "1h"}
LOOPBACK = Outbound(allow_private=("127.0.0.1",))


@pytest.fixture
async def processes(connect_args: dict[str, Any]) -> AsyncIterator[list[Ctx]]:
    """Several that share a database, each with connections of its own."""
    async with AsyncExitStack() as stack:
        opened = [Database(connect_args, pool_size=2) for _ in range(6)]
        for database in opened:
            stack.push_async_callback(database.close)
        yield [Ctx(database) for database in opened]


async def with_house(ctx: Ctx, folder: Path) -> Catalogue:
    """A file source `s`, and a managed one `house` with a published server."""
    catalogue = await seed(ctx, folder, {"s": [document("a/b"), document("a/c")]})
    catalogue.sources["house"] = {"managed": {}}
    catalogue.registries["default"] = ["s", "house"]
    await catalogue.sync()
    await publish(ctx, "default", document("com.example/own", remotes=[REMOTE]))
    return catalogue


@pytest.mark.parametrize(("before", "after"), [("s", "files"), ("house", "home")])
async def test_renamed_source_keeps_what_it_serves(ctx: Ctx, tmp_path: Path, before: str, after: str) -> None:
    catalogue = await with_house(ctx, tmp_path)
    served, old = await tables(ctx, *SERVED, "catalog", "sync_run"), await source(ctx, before)
    catalogue.sources = {after if name == before else name: told for name, told in catalogue.sources.items()}
    catalogue.registries["default"] = list(catalogue.sources)
    await reconcile(ctx, catalogue.settings())
    now_served = await tables(ctx, *SERVED, "catalog", "sync_run")
    for table in (*SERVED, "sync_run"):
        assert now_served[table] == served[table], table
    new = await source(ctx, after)
    assert (new.id, new.applied_hash, new.fetch_state, new.entry_count) == (
        old.id,
        old.applied_hash,
        old.fetch_state,
        old.entry_count,
    )
    assert await list_sources(ctx, [before]) == ()
    if before == "s":
        assert (await run_again(ctx, after)).outcome == "UNCHANGED"
    assert set(await names(ctx)) == {"a/b", "a/c", "com.example/own"}


async def test_two_sources_that_could_be_meant_are_not_guessed_between(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")]})
    catalogue.sources["two"] = dict(catalogue.sources["one"])
    catalogue.registries["default"] = ["one", "two"]
    await catalogue.sync()
    held = {view.id for view in await list_sources(ctx)}
    catalogue.sources = {"three": catalogue.sources["one"]}
    catalogue.registries["default"] = ["three"]
    await catalogue.sync()
    assert (await source(ctx, "three")).id not in held
    assert set(await names(ctx)) == {"a/b"}


async def test_names_can_change_places(ctx: Ctx, tmp_path: Path) -> None:
    """Each name stands for another file then: no rename, but two changed sources."""
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")], "two": [document("a/c")]})
    sources = catalogue.sources
    catalogue.sources = {"one": sources["two"], "two": sources["one"]}
    await catalogue.sync()
    assert await rows(
        ctx,
        "select s.name, e.name from source s join entry e on e.source_id = s.id join entry_version v"
        " on v.id = e.latest_version_id where v.status = 0 order by s.name",
    ) == [("one", "a/c"), ("two", "a/b")]


async def test_source_of_another_kind_serves_on_until_that_was_fetched(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.ctx = replace(ctx, outbound=LOOPBACK)
    old = await source(ctx)
    far = Upstream([Version("com.example/a")])
    far.token = "unknown to us"
    async with far.serving() as url:
        catalogue.sources["s"] = {**catalogue.sources["s"], "api": {"endpoint": url}}
        told = catalogue.sources["s"].pop("file")
        await reconcile(ctx, catalogue.settings())
        changed = await source(ctx)
        assert (changed.id, changed.phase, changed.kind) == (old.id, SyncPhase.PENDING, "api")
        assert await drain(catalogue.ctx) == 1
        assert ((await source(ctx)).phase, set(await names(ctx))) == (SyncPhase.FAILED, {"a/b"})
        far.token = None
        await catalogue.sync()
        assert ((await source(ctx)).phase, set(await names(ctx))) == (SyncPhase.COMPLETE, {"com.example/a"})
        del catalogue.sources["s"]["api"]
        catalogue.sources["s"]["file"] = told
        await reconcile(ctx, catalogue.settings())
        assert set(await names(ctx)) == {"com.example/a"}
        await drain(ctx)
    assert set(await names(ctx)) == {"a/b"}, "the file had not changed, and is read nevertheless"


async def test_sources_that_swap_their_names_keep_what_they_serve(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await with_house(ctx, tmp_path)
    before = await rows(ctx, "select max(id) from change")
    served = await names(ctx)
    catalogue.sources["s"], catalogue.sources["house"] = catalogue.sources["house"], catalogue.sources["s"]
    await reconcile(ctx, catalogue.settings())
    assert await names(ctx) == served
    await drain(ctx)
    assert await names(ctx) == served
    assert await rows(ctx, "select max(id) from change") == before
    assert (await source(ctx, "s")).kind == "managed"


async def test_source_that_became_managed_or_is_so_no_more_starts_empty(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await with_house(ctx, tmp_path)
    before = await rows(ctx, "select max(id) from change")
    told = catalogue.sources["s"]
    del catalogue.sources["s"]  # nothing is the managed source now, and the file goes by its name
    catalogue.sources["house"] = told | {"file": {"path": str(tmp_path / "other.json")}}
    (tmp_path / "other.json").write_bytes((tmp_path / "s.json").read_bytes())
    catalogue.registries["default"] = ["house"]
    await reconcile(ctx, catalogue.settings())
    assert await names(ctx) == {}
    journal = f"select action, name from change where id > {before[0][0]} order by name"  # noqa: S608  # a number
    assert await rows(ctx, journal) == [("REMOVED", "a/b"), ("REMOVED", "a/c"), ("REMOVED", "com.example/own")]
    assert await drain(ctx) == 1
    assert set(await names(ctx)) == {"a/b", "a/c"}
    catalogue.sources["house"] = {"managed": {}}
    await reconcile(ctx, catalogue.settings())
    assert await names(ctx) == {}
    await publish(ctx, "default", document("com.example/own", remotes=[REMOTE]))
    assert (await source(ctx, "house")).entry_count == 1


async def test_source_out_of_the_file_takes_everything_of_its_own_along(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await with_house(ctx, tmp_path)
    gone = (await source(ctx)).id
    revision = (await rows(ctx, "select revision from catalog"))[0][0]
    del catalogue.sources["s"]
    catalogue.registries["default"] = ["house"]
    await reconcile(ctx, catalogue.settings())
    assert set(await names(ctx)) == {"com.example/own"}
    for table in ("entry", "listing", "sync_run", "registry_source", "fetched_page"):
        statement = f"select count(*) from {table} where source_id = {gone}"  # noqa: S608  # fixed names, a number
        assert await rows(ctx, statement) == [(0,)], table
    journal = f"select action, source_id, name, version from change where revision > {revision} order by name"  # noqa: S608
    assert await rows(ctx, journal) == [("REMOVED", gone, "a/b", "1.0.0"), ("REMOVED", gone, "a/c", "1.0.0")]


async def test_changed_filter_has_a_followed_registry_read_in_full(ctx: Ctx, tmp_path: Path) -> None:
    clock = Clock()
    far = Upstream(aged(4, clock), clock=clock)
    async with far.serving() as url:
        catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), tmp_path)
        catalogue.sources["s"] = {"api": {"endpoint": url}, "syncPolicy": HOURLY}
        catalogue.registries["default"] = ["s"]
        await catalogue.sync()
        catalogue.sources["s"]["filter"] = {"names": {"exclude": ["*3"]}}
        await catalogue.sync()
        assert ["updated_since" in query for query in far.queries] == [False, False]
        assert set(await names(ctx)) == {f"com.example/s{number:04}" for number in range(3)}
        await run_again(catalogue.ctx)
        assert "updated_since" in far.queries[-1]


async def test_interval_alone_is_no_reason_to_read_anew(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources["s"]["syncPolicy"] = {"interval": "2h"}
    await catalogue.sync()
    assert [run.outcome for run in await runs(ctx)] == ["UNCHANGED", "APPLIED"]
    assert (await source(ctx)).interval_seconds == 7200


async def test_runs_that_change_nothing_write_no_row_of_the_catalogue(ctx: Ctx, tmp_path: Path) -> None:
    documents = [document("a/b"), document("a/c"), tagged("a/t", "x")]
    catalogue = await seed(ctx, tmp_path, {"s": documents})
    before, revision = await tables(ctx, *SERVED), await rows(ctx, "select revision from catalog")
    assert (await run_again(ctx)).outcome == "UNCHANGED"
    os.utime(catalogue.file("s"), (1, 1))
    assert (await run_again(ctx)).outcome == "UNCHANGED"
    assert (await run_again(ctx)).outcome == "UNCHANGED"
    for content, more in ((documents[::-1], {}), (documents, {"filter": {"names": {"include": ["a/*"]}}})):
        catalogue.put("s", content, **more)
        await reconcile(ctx, catalogue.settings())
        assert (await run_again(ctx)).outcome == "UNCHANGED"
    assert await tables(ctx, *SERVED) == before
    assert await rows(ctx, "select revision from catalog") == revision


async def test_processes_that_start_together_apply_the_configuration_once(processes: list[Ctx], tmp_path: Path) -> None:
    catalogue = Catalogue(processes[0], tmp_path)
    catalogue.put("s", [document("a/b")])
    catalogue.registries["default"] = ["s"]
    settings = catalogue.settings()
    with capture_logs() as logs:
        await asyncio.gather(*(reconcile(ctx, settings, age=60) for ctx in processes))
    told = [entry["event"] for entry in logs]
    assert told.count("configuration_applied_already") == len(processes) - 1
    assert await rows(processes[0], "select revision from catalog") == [(1,)]
    applied = await tables(processes[0], "catalog", "source", "registry")
    with capture_logs() as logs:
        await reconcile(processes[1], settings, age=60)
    assert [entry["event"] for entry in logs] == ["configuration_applied_already"]
    assert await tables(processes[0], "catalog", "source", "registry") == applied


async def test_process_that_started_later_applies_it_again(processes: list[Ctx], tmp_path: Path) -> None:
    catalogue = Catalogue(processes[0], tmp_path)
    catalogue.put("s", [document("a/b")])
    catalogue.registries["default"] = ["s"]
    settings = catalogue.settings()
    times = set()
    with capture_logs() as logs:
        for ctx in processes[:3]:
            await reconcile(ctx, settings)
            times |= set(await rows(ctx, "select config_applied_at from catalog"))
    assert len(times) == 3
    assert "configuration_applied_already" not in [entry["event"] for entry in logs]


async def test_last_of_different_configurations_stands(processes: list[Ctx], tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = (Catalogue(processes[0], tmp_path / name) for name in ("old", "new"))
    for catalogue, name in ((old, "a"), (new, "b")):
        catalogue.put(name, [document(f"a/{name}b")])
        catalogue.registries["default"] = [name]
    for catalogue in (old, new, old):
        await reconcile(processes[0], catalogue.settings(), age=60)
        assert [view.name for view in await list_sources(processes[1])] == list(catalogue.sources)
    done = [reconcile(ctx, (old, new)[n % 2].settings(), age=60) for n, ctx in enumerate(processes)]
    await asyncio.gather(*done)
    (left,) = await list_sources(processes[0])
    assert left.name in ("a", "b"), "one of them, whole"
