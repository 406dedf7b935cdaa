"""Sources and registries made by clients: what follows from each change, during runs, for followers, after a start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigError, ConfigOwned, Conflict, InUse, Invalid
from app.models.kinds import SyncPhase, SyncTrigger
from app.resolvers import source_administration, sync
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.provisioning import read_inline
from app.resolvers.registration import delete_registration, put_registration
from app.resolvers.registries import list_registries
from app.resolvers.registry_administration import MAX_SOURCES, create_registry, delete_registry, update_registry
from app.resolvers.source_administration import create_source, delete_source, update_source
from app.resolvers.sources import list_sources
from app.resolvers.sync import run_next_due
from app.sources.adapters import fetch
from app.sources.fetching import Fetched, FetchRequest
from app.store.sources import SourceRow
from tests.resolvers.state import drain, names, rows, runs, source, tables
from tests.seeding import Catalogue, document, upstream

GIT = {"git": {"repository": "https://git.example.org/x.git"}, "syncPolicy": {"interval": "1h"}}
AGGREGATE = (
    "select s.name from registry_source r join source s on s.id = r.source_id where registry_id = 0 order by position"
)


def inline(*documents: Any) -> dict[str, Any]:
    return {"file": {"data": json.dumps(upstream(documents))}}


def on_disk(folder: Path, *documents: Any, file: str = "own.json") -> dict[str, Any]:
    (folder / file).write_text(json.dumps(upstream(documents)))
    return {"file": {"path": str(folder / file)}, "syncPolicy": {"interval": "1h", "maxRemovalPercent": 100}}


@pytest.fixture
async def configured(ctx: Ctx, tmp_path: Path) -> Catalogue:
    """Sources `one` and `two` of the configuration file, and the registry `both` of them."""
    catalogue = Catalogue(ctx, tmp_path)
    for name in ("one", "two"):
        catalogue.put(name, [document("a/b", description=name), document(f"a/{name}", description=name)])
    catalogue.registries["both"] = ["two", "one"]
    await catalogue.sync()
    return catalogue


async def aggregate(ctx: Ctx) -> list[str]:
    return [name for (name,) in await rows(ctx, AGGREGATE)]


async def revision(ctx: Ctx) -> int:
    return int((await rows(ctx, "select revision from catalog"))[0][0])


async def test_aggregate_holds_what_is_listed_in_order_of_first_mention(ctx: Ctx, configured: Catalogue) -> None:
    for name in ("x", "y", "z"):
        await create_source(ctx, name, inline(document("a/b", description=name), document(f"a/{name}")))
    assert await aggregate(ctx) == ["two", "one"], "no registry lists the others"
    await create_registry(ctx, "first", ["y"])
    await create_registry(ctx, "second", ["x", "one", "y"])
    assert await aggregate(ctx) == ["two", "one", "y", "x"]
    await update_registry(ctx, "first", ["z"])
    assert await aggregate(ctx) == ["two", "one", "z", "x", "y"], "an older registry mentions it first"
    await delete_registry(ctx, "second")
    assert await aggregate(ctx) == ["two", "one", "z"]
    assert set(await names(ctx)) == {"a/b", "a/one", "a/two", "a/z"}
    assert (await names(ctx))["a/b"] == "two"


async def test_start_finds_everything_as_it_would_have_it(ctx: Ctx, configured: Catalogue) -> None:
    for name in ("x", "y"):
        await create_source(ctx, name, inline(document("a/b", description=name)))
    await create_source(ctx, "far", GIT)
    await create_source(ctx, "house", {"managed": {}})
    await create_registry(ctx, "first", ["y", "one"])
    await create_registry(ctx, "second", ["x", "house", "y"])
    await update_registry(ctx, "first", ["x", "two"])
    before = await tables(ctx, "registry", "registry_source", "entry", "entry_version", "listing", "change")
    at_first, order = await revision(ctx), await aggregate(ctx)
    configured.sources["one"]["syncPolicy"] = {"interval": "2h"}
    await reconcile(ctx, configured.settings())
    after = await tables(ctx, "registry", "registry_source", "entry", "entry_version", "listing", "change")
    assert (after, await revision(ctx), await aggregate(ctx)) == (before, at_first, order)
    assert {view.name for view in await list_sources(ctx)} == {"one", "two", "x", "y", "far", "house"}


@pytest.mark.parametrize("what", ["source", "registry"])
async def test_start_does_not_take_over_what_a_client_made(ctx: Ctx, configured: Catalogue, what: str) -> None:
    await create_source(ctx, "mine", {"managed": {}})
    await create_registry(ctx, "own", ["mine"])
    if what == "source":
        configured.put("mine", [document("a/x")])
        configured.registries["new"] = ["mine"]
    else:
        configured.registries["own"] = ["one"]
    before = await tables(ctx)
    with pytest.raises(ConfigError, match="was created through the API"):
        await reconcile(ctx, configured.settings())
    assert await tables(ctx) == before


async def test_source_that_the_file_drops_leaves_the_registries_of_clients(ctx: Ctx, configured: Catalogue) -> None:
    await create_source(ctx, "x", inline(document("a/x")))
    await create_registry(ctx, "own", ["one", "x"])
    del configured.sources["one"]
    configured.registries["both"] = ["two"]
    await configured.sync()
    assert set(await names(ctx, "own")) == {"a/x"}
    with pytest.raises(Invalid, match="source not found: one"):
        await update_registry(ctx, "own", ["x", "one"])


async def test_each_change_is_one_revision(ctx: Ctx, configured: Catalogue) -> None:
    """Whoever caches by revision must learn of it."""
    seen = [await revision(ctx)]
    await create_source(ctx, "x", GIT)
    seen.append(await revision(ctx))
    await update_source(ctx, "x", {"syncPolicy": {"interval": "2h"}})
    seen.append(await revision(ctx))
    await create_registry(ctx, "own", ["x", "one"])
    seen.append(await revision(ctx))
    await update_registry(ctx, "own", ["one", "x"])
    seen.append(await revision(ctx))
    await delete_registry(ctx, "own")
    seen.append(await revision(ctx))
    await delete_source(ctx, "x")
    seen.append(await revision(ctx))
    assert seen == list(range(seen[0], seen[0] + 7))
    await create_source(ctx, "x", GIT)
    at_last = await revision(ctx)
    await update_source(ctx, "x", {"syncPolicy": {"interval": "1h"}})
    assert await revision(ctx) == at_last, "the same settings again only start a run"


async def test_what_a_registry_stops_showing_is_remembered(ctx: Ctx, configured: Catalogue) -> None:
    await create_source(ctx, "x", inline(document("a/x"), document("a/b", description="x")))
    await create_registry(ctx, "own", ["x", "one"])
    await update_registry(ctx, "own", ["one"])
    gone = (
        "select case registry_id when 0 then 'aggregate' else 'own' end, version from withdrawal where name = 'a/x'"
        " order by 1"
    )
    assert await rows(ctx, gone) == [("aggregate", "1.0.0"), ("own", "1.0.0")]
    assert (await names(ctx, "own"))["a/b"] == "one"
    await delete_registry(ctx, "own")
    assert await rows(ctx, gone) == [("aggregate", "1.0.0")]


async def test_deleted_source_is_told_by_the_journal(ctx: Ctx) -> None:
    await create_source(ctx, "x", inline(document("a/x"), document("a/y")))
    await create_registry(ctx, "own", ["x"])
    with pytest.raises(InUse, match="source x is listed by registry own"):
        await delete_source(ctx, "x")
    await delete_registry(ctx, "own")
    taken = "select action, name from change where action = 'REMOVED' order by name"
    assert await rows(ctx, taken) == []
    await delete_source(ctx, "x")
    assert await rows(ctx, taken) == [("REMOVED", "a/x"), ("REMOVED", "a/y")]


async def test_change_during_a_run_makes_that_run_void(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_source(ctx, "own", on_disk(tmp_path, document("a/old")))
    new = on_disk(tmp_path, document("a/new"), file="other.json")

    async def fetch_while_it_is_changed(request: FetchRequest) -> Fetched:
        monkeypatch.undo()
        await update_source(ctx, "own", new)
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_while_it_is_changed)
    await create_registry(ctx, "own", ["own"])
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    assert await names(ctx, "own") == {}
    assert (await source(ctx, "own")).phase is SyncPhase.PENDING
    assert await drain(ctx) == 1
    assert set(await names(ctx, "own")) == {"a/new"}
    assert [run.outcome for run in await runs(ctx, "own")] == ["APPLIED", "INTERRUPTED"]


async def test_deletion_during_a_run_neither_crashes_nor_resurrects(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_source(ctx, "own", on_disk(tmp_path, document("a/b")))

    async def fetch_while_it_is_deleted(request: FetchRequest) -> Fetched:
        await delete_source(ctx, "own")
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_while_it_is_deleted)
    assert await drain(ctx) == 1
    left = await tables(ctx, "source", "entry", "listing", "sync_run", "change")
    assert not any(left.values())


async def test_of_two_changes_at_a_time_one_is_told_to_look_again(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it described was put together with settings that are no longer those."""
    await create_source(ctx, "own", GIT)

    async def meanwhile(row: SourceRow) -> Any:
        monkeypatch.undo()
        await update_source(ctx, "own", {"filter": {"tags": {"include": ["db"]}}})
        return await read_inline(row)

    monkeypatch.setattr(source_administration, "read_inline", meanwhile)
    with pytest.raises(Conflict, match="source own was changed meanwhile"):
        await update_source(ctx, "own", {"syncPolicy": {"interval": "2h"}})
    found = await source(ctx, "own")
    assert (found.interval_seconds, found.filter) == (3600, {"tags": {"include": ["db"]}})


async def test_inline_data_that_are_refused_leave_the_old_ones(ctx: Ctx) -> None:
    await create_source(ctx, "own", inline(document("a/x")))
    await create_registry(ctx, "own", ["own"])
    before = await tables(ctx)
    with pytest.raises(Invalid, match="1 of 2 documents cannot be used") as refused:
        await update_source(ctx, "own", inline(document("a/y"), document("bad")))
    assert (refused.value.where, await tables(ctx)) == (("file", "data"), before)


async def test_extension_api_and_administration_share_what_there_is(ctx: Ctx, configured: Catalogue) -> None:
    await put_registration(ctx, "old", inline(document("a/x")))
    await create_registry(ctx, "new", ["old", "one"])
    await delete_registration(ctx, "old")
    assert set(await names(ctx, "new")) == {"a/x", "a/b", "a/one"}, "another registry lists its source"
    with pytest.raises(Conflict, match="the name old is taken"):
        await put_registration(ctx, "old", {"managed": {}})
    with pytest.raises(Conflict, match="registry new lists other sources"):
        await put_registration(ctx, "new", {"managed": {}})
    await delete_registry(ctx, "new")
    await delete_source(ctx, "old")
    await put_registration(ctx, "old", inline(document("a/x")))
    assert [view.name for view in await list_registries(ctx)] == ["both", "old"]


async def test_registry_has_so_many_sources_and_no_more(ctx: Ctx) -> None:
    with pytest.raises(Invalid, match="at most 250 sources, not 251") as refused:
        await create_registry(ctx, "own", [f"s{number}" for number in range(MAX_SOURCES + 1)])
    assert refused.value.where == ("sources",)


async def test_owner_is_told_by_the_kind_of_error(ctx: Ctx, configured: Catalogue) -> None:
    for work in (
        update_source(ctx, "one", {}),
        delete_source(ctx, "one"),
        update_registry(ctx, "both", ["one"]),
        delete_registry(ctx, "both"),
        delete_registration(ctx, "both"),
    ):
        with pytest.raises(ConfigOwned):
            await work
