"""Registries made by the extension API: who may change what, what happens at once, what a refusal leaves behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.core.errors import AppError, Conflict, Forbidden, Invalid, NotFound, RegistryNotFound
from app.models.kinds import SyncPhase, SyncTrigger
from app.models.queries import ListServers, Window
from app.models.registrations import RegistrationPhase, RegistrationView
from app.models.views import SourceView, SyncRunView
from app.resolvers import sync
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.registration import delete_registration, get_registration, list_registrations, put_registration
from app.resolvers.servers import list_servers
from app.resolvers.sources import list_sources, page_runs
from app.resolvers.sync import due_sources, run_next_due
from app.sources.adapters import fetch
from app.sources.fetching import Fetched, FetchRequest
from app.store.listings import relist_sources
from tests.conftest import StatementCounter
from tests.seeding import Catalogue, Documents, document, seed, tagged, upstream

GIT = {"git": {"repository": "https://git.example.org/team/catalogue.git"}, "syncPolicy": {"interval": "30m"}}


def inline(*documents: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"file": {"data": json.dumps(upstream(documents))}, **more}


def on_disk(folder: Path, documents: Documents, interval: str = "1h", file: str = "api.json") -> dict[str, Any]:
    (folder / file).write_text(json.dumps(upstream(documents)))
    return {"file": {"path": str(folder / file)}, "syncPolicy": {"interval": interval}}


async def put(ctx: Ctx, name: str, body: Mapping[str, Any]) -> RegistrationView:
    return (await put_registration(ctx, name, body))[0]


async def drain(ctx: Ctx) -> int:
    """Run what is due, as the scheduler does; tells how many runs there were."""
    count = 0
    while await run_next_due(ctx, "test", SyncTrigger.SCHEDULE):
        count += 1
    return count


async def names(ctx: Ctx, registry: str | None = None) -> dict[str, str]:
    page = await list_servers(ctx, ListServers(registry, window=Window(1000)))
    return {view.name: view.description for view in page.items}


async def source(ctx: Ctx, name: str) -> SourceView:
    (found,) = await list_sources(ctx, [name])
    return found


async def runs(ctx: Ctx, name: str) -> Sequence[SyncRunView]:
    found = await source(ctx, name)
    return (await page_runs(ctx, [found.id], Window(100)))[found.id].items


async def state(ctx: Ctx) -> dict[str, list[Any]]:
    """Every row of every table that a request could change."""
    tables = ("source", "registry", "registry_source", "entry", "entry_version", "listing", "sync_run", "change")
    async with ctx.db.read() as session:
        return {
            table: sorted(
                json.dumps(row, sort_keys=True)
                for row in await session.scalars(text(f"select to_jsonb(t) from {table} t"))  # noqa: S608  # fixed names
            )
            for table in (*tables, "catalog", "withdrawal", "claim_set")
        }


async def aggregate(ctx: Ctx) -> list[str]:
    async with ctx.db.read() as session:
        found = await session.scalars(
            text(
                "select s.name from registry_source r join source s on s.id = r.source_id where registry_id = 0"
                " order by position"
            )
        )
        return list(found)


async def revision(ctx: Ctx) -> int:
    async with ctx.db.read() as session:
        return int(await session.scalar(text("select revision from catalog")) or 0)


async def configured(ctx: Ctx, folder: Path) -> Catalogue:
    """A configuration file with a registry of one source, one of two, and a source under another name."""
    catalogue = Catalogue(ctx, folder)
    catalogue.put("one", [document("a/b", description="one")])
    catalogue.put("two", [document("a/c", description="two")])
    catalogue.registries = {"one": ["one"], "both": ["one", "two"]}
    await catalogue.sync()
    return catalogue


async def test_new_registry_is_a_source_and_a_registry_at_the_end_of_the_aggregate(ctx: Ctx, tmp_path: Path) -> None:
    await configured(ctx, tmp_path)
    before = await revision(ctx)
    view, created = await put_registration(ctx, "own", on_disk(tmp_path, [document("a/b"), document("a/d")]))
    assert created
    assert (view.registry.name, view.registry.creation_type) == ("own", "API")
    assert [(s.name, s.creation_type, s.kind) for s in view.sources] == [("own", "API", "file")]
    assert await aggregate(ctx) == ["one", "two", "own"]
    assert await revision(ctx) == before + 1, "whoever caches by revision must learn of it"
    assert await names(ctx, "own") == {}
    assert await drain(ctx) == 1
    assert await names(ctx, "own") == {"a/b": "Does a/b", "a/d": "Does a/d"}
    assert await names(ctx) == {"a/b": "one", "a/c": "two", "a/d": "Does a/d"}, "the file's sources go first"


async def test_status_follows_the_runs(ctx: Ctx, tmp_path: Path) -> None:
    body = on_disk(tmp_path, [document("a/b")])
    status = (await put(ctx, "own", body)).status
    assert (status.phase, status.last_attempt_at, status.failures) == (RegistrationPhase.SYNCING, None, 0)
    await drain(ctx)
    good = await get_registration(ctx, "own")
    assert (good.status.phase, good.server_count) == (RegistrationPhase.COMPLETE, 1)
    assert good.status.message == "1 added, 0 updated, 0 removed, 0 rejected"
    assert good.status.last_success_at is not None
    (tmp_path / "api.json").unlink()
    await put(ctx, "own", body)
    await drain(ctx)
    bad = await get_registration(ctx, "own")
    assert (bad.status.phase, bad.status.failures, bad.server_count) == (RegistrationPhase.FAILED, 1, 1)
    assert bad.status.message == f"file not found: {tmp_path / 'api.json'}"
    assert bad.status.last_success_at == good.status.last_success_at, "a failure is no success"
    assert bad.status.last_attempt_at is not None
    assert good.status.last_attempt_at is not None
    assert bad.status.last_attempt_at > good.status.last_attempt_at
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set lease_until = now() + interval '1 minute'"))
    assert (await get_registration(ctx, "own")).status.phase is RegistrationPhase.SYNCING


async def test_kind_that_cannot_be_fetched_yet_says_so(ctx: Ctx) -> None:
    await put(ctx, "cluster", {"kubernetes": {}})
    await put(ctx, "mine", {"managed": {}})
    await put(ctx, "yours", {"managed": {}})
    assert await drain(ctx) == 0
    cluster, mine, yours = [view.status for view in await list_registrations(ctx)]
    for status, kind in ((cluster, "kubernetes"), (mine, "managed"), (yours, "managed")):
        assert (status.phase, status.message) == (RegistrationPhase.COMPLETE, f"Non-synced registry (type: {kind})")
    far = await source(ctx, "cluster")
    assert (far.phase, far.last_attempt_at, far.next_run_at) == (SyncPhase.IDLE, None, None)
    assert "not built yet" in far.message
    assert (await source(ctx, "mine")).message == ""


@pytest.mark.parametrize("body", [GIT, {"api": {"endpoint": "https://registry.example.com"}}])
async def test_kind_that_is_fetched_from_elsewhere_waits_for_its_first_run(ctx: Ctx, body: dict[str, Any]) -> None:
    status = (await put(ctx, "far", {"syncPolicy": {"interval": "1h"}, **body})).status
    assert (status.phase, status.last_attempt_at, status.message) == (RegistrationPhase.SYNCING, None, "")
    found = await source(ctx, "far")
    assert found.phase is SyncPhase.PENDING
    assert [due.name for due in await due_sources(ctx)] == ["far"]


async def test_several_sources_are_summed_up(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("one", [document("a/b"), document("a/c")])
    catalogue.put("two", [document("a/b"), document("a/d")])
    catalogue.put("bad", b"{")
    catalogue.sources["far"] = {"kubernetes": {}}
    catalogue.sources["own"] = {"managed": {}}
    catalogue.registries = {"good": ["one", "two"], "mixed": ["one", "bad", "far"], "writable": ["two", "own"]}
    await catalogue.sync()
    one, two = await source(ctx, "one"), await source(ctx, "two")
    good, mixed, writable = [await get_registration(ctx, name) for name in ("good", "mixed", "writable")]
    assert (good.type, good.source, good.server_count) == ("FILE", None, 3)
    assert good.status.phase is RegistrationPhase.COMPLETE
    assert [one.last_success_at, two.last_attempt_at] == [good.status.last_success_at, good.status.last_attempt_at]
    assert one.last_attempt_at != two.last_attempt_at
    assert good.status.message == ""
    assert (mixed.status.phase, mixed.status.failures) == (RegistrationPhase.FAILED, 1)
    assert mixed.status.message.startswith("bad: the file is not valid JSON")
    assert (writable.type, writable.server_count) == ("MANAGED", 2)
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set lease_until = now() + interval '1 minute' where name = 'two'"))
    assert (await get_registration(ctx, "good")).status.phase is RegistrationPhase.SYNCING


async def test_list_takes_the_same_statements_whatever_its_size(
    ctx: Ctx, tmp_path: Path, statements: StatementCounter
) -> None:
    await configured(ctx, tmp_path)
    for number in range(20):
        await put(ctx, f"r{number}", {"managed": {}})
    with statements() as seen:
        assert len(await list_registrations(ctx)) == 22
    assert len(seen) == 3, seen


async def test_update_is_applied_by_the_next_run_which_is_due_at_once(ctx: Ctx, tmp_path: Path) -> None:
    documents = [tagged("a/b", "db"), tagged("a/c", "web")]
    await put(ctx, "own", on_disk(tmp_path, documents))
    await drain(ctx)
    first = await get_registration(ctx, "own")
    before = await revision(ctx)
    body = on_disk(tmp_path, documents, interval="2h") | {"filter": {"tags": {"include": ["db"]}}}
    view, created = await put_registration(ctx, "own", body)
    assert not created
    assert view.updated_at > first.updated_at
    assert (view.registry.created_at, view.status.phase) == (first.registry.created_at, RegistrationPhase.COMPLETE)
    assert await revision(ctx) == before + 1
    assert set(await names(ctx, "own")) == {"a/b", "a/c"}
    assert await drain(ctx) == 1
    assert set(await names(ctx, "own")) == {"a/b"}
    assert (await source(ctx, "own")).interval_seconds == 7200


async def test_same_settings_again_only_start_a_run(ctx: Ctx, tmp_path: Path) -> None:
    body = on_disk(tmp_path, [document("a/b")])
    await put(ctx, "own", body)
    await drain(ctx)
    first, before = await get_registration(ctx, "own"), await revision(ctx)
    again = await put(ctx, "own", body)
    assert again.updated_at == first.updated_at
    assert await drain(ctx) == 1
    assert await revision(ctx) == before
    assert [run.outcome for run in await runs(ctx, "own")] == ["UNCHANGED", "APPLIED"]


async def test_deleted_registry_goes_with_its_source_and_what_that_served(ctx: Ctx, tmp_path: Path) -> None:
    await configured(ctx, tmp_path)
    await put(ctx, "own", on_disk(tmp_path, [document("a/b"), document("a/d")]))
    await put(ctx, "rest", inline(document("a/e")))
    await drain(ctx)
    await delete_registration(ctx, "own")
    assert [view.registry.name for view in await list_registrations(ctx)] == ["both", "one", "rest"]
    assert await list_sources(ctx, ["own"]) == ()
    assert await aggregate(ctx) == ["one", "two", "rest"]
    assert set(await names(ctx)) == {"a/b", "a/c", "a/e"}
    with pytest.raises(RegistryNotFound):
        await names(ctx, "own")
    async with ctx.db.read() as session:
        gone = await session.execute(text("select name, version from change where action = 'REMOVED' order by name"))
        assert [tuple(row) for row in gone] == [("a/b", "1.0.0"), ("a/d", "1.0.0")]
        assert list(await session.scalars(text("select name from withdrawal where registry_id = 0"))) == ["a/d"]
    with pytest.raises(NotFound, match="Registry own not found"):
        await delete_registration(ctx, "own")


async def test_name_is_free_again_after_deletion(ctx: Ctx) -> None:
    await put(ctx, "own", inline(document("a/b")))
    await delete_registration(ctx, "own")
    assert (await put_registration(ctx, "own", {"managed": {}}))[1]
    assert await names(ctx, "own") == {}


async def test_source_that_another_registry_lists_outlives_its_own(ctx: Ctx) -> None:
    await put(ctx, "own", inline(document("a/b")))
    await put(ctx, "other", inline(document("a/c")))
    async with ctx.db.write() as tx:
        await tx.session.execute(
            text(
                "insert into registry_source (registry_id, source_id, position)"
                " select r.id, s.id, 1 from registry r, source s where r.name = 'other' and s.name = 'own'"
            )
        )
        own = await tx.session.scalar(text("select id from source where name = 'own'"))
        await relist_sources(tx.session, [own], ctx.clock())
    await delete_registration(ctx, "own")
    assert await aggregate(ctx) == ["own", "other"]
    assert await names(ctx, "other") == await names(ctx) == {"a/b": "Does a/b", "a/c": "Does a/c"}
    with pytest.raises(Conflict, match="registry other lists other sources"):
        await put(ctx, "other", inline(document("a/c")))
    with pytest.raises(Conflict, match="the name own is taken"):
        await put(ctx, "own", inline(document("a/b")))
    await delete_registration(ctx, "other")
    assert await aggregate(ctx) == []
    assert [view.name for view in await list_sources(ctx)] == ["own"], "only a registry's own source goes with it"


REFUSED: list[tuple[str, dict[str, Any], type[AppError], str]] = [
    ("one", {"file": {"path": "/x"}, "syncPolicy": {"interval": "1h"}}, Forbidden, "created via config file"),
    ("one", GIT, Forbidden, "created via config file"),
    ("one", inline(document("bad")), Forbidden, "created via config file"),
    ("both", {"managed": {}}, Forbidden, "created via config file"),
    ("two", {"managed": {}}, Conflict, "the name two is taken by a source that has no registry of its own"),
    ("own", {"kubernetes": {}}, Invalid, "changing registry source type is not allowed: own is file, not kubernetes"),
    ("own", {"file": {"path": "/x"}, "syncPolicy": {"interval": "1h"}}, Invalid, "own has file.data, not file.path"),
    ("own", inline(document("bad")), Invalid, "Failed to process inline data: none of the 1 documents can be used"),
    ("own", inline(document("a/b", "2.0.0"), document("bad")), Invalid, "inline data: 1 of 2 documents cannot be used"),
    ("own", {"file": {"data": "{,"}}, Invalid, "Failed to process inline data: the file is not valid JSON"),
    ("own", inline(document("a/b"), format="toolhive"), Invalid, "but format: toolhive is configured"),
    ("own", inline(document("a/b"), filter={"names": {"exclude": ["*"]}}), Invalid, "inline data: the filter admits"),
    ("new", inline(document("bad")), Invalid, "Failed to process inline data: none of the 1 documents"),
    ("new", {"managed": {}, "git": {}}, Invalid, "invalid registry configuration"),
    ("v0.1", {"managed": {}}, Invalid, "name 'v0.1' cannot be used for a registry"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
async def test_refused_request_changes_nothing(ctx: Ctx, tmp_path: Path, number: int) -> None:
    name, body, kind, words = REFUSED[number]
    await configured(ctx, tmp_path)
    await put(ctx, "own", inline(document("a/b")))
    before = await state(ctx)
    with pytest.raises(kind) as refused:
        await put(ctx, name, body)
    assert words in str(refused.value)
    assert await state(ctx) == before


@pytest.mark.parametrize(
    ("name", "kind"), [("one", Forbidden), ("both", Forbidden), ("two", NotFound), ("", NotFound), ("a\0", Invalid)]
)
async def test_refused_deletion_changes_nothing(ctx: Ctx, tmp_path: Path, name: str, kind: type[AppError]) -> None:
    await configured(ctx, tmp_path)
    before = await state(ctx)
    with pytest.raises(kind):
        await delete_registration(ctx, name)
    assert await state(ctx) == before


async def test_concurrent_requests_for_one_name_make_one_registry(ctx: Ctx) -> None:
    bodies = [inline(document("a/b", f"{number}.0.0")) for number in range(6)]
    done = await asyncio.gather(*(put_registration(ctx, "own", body) for body in bodies))
    assert sorted(created for _, created in done) == [False] * 5 + [True]
    assert [view.registry.name for view in await list_registrations(ctx)] == ["own"]
    page = await list_servers(ctx, ListServers("own"))
    assert len(page.items) == 1, "the last one's data stand, whole"
    kinds: list[dict[str, Any]] = [{"managed": {}}, {"kubernetes": {}}]
    different = [put_registration(ctx, "new", body) for body in kinds]
    outcomes = await asyncio.gather(*different, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0], Invalid)


async def test_concurrent_deletions_delete_once(ctx: Ctx) -> None:
    await put(ctx, "own", inline(document("a/b")))
    outcomes = await asyncio.gather(*(delete_registration(ctx, "own") for _ in range(4)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType"] + ["RegistryNotFound"] * 3
    assert await list_registrations(ctx) == ()


async def test_restart_leaves_what_the_api_made(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await configured(ctx, tmp_path)
    await put(ctx, "zulu", inline(document("x/y", description="zulu")))
    await put(ctx, "alpha", inline(document("x/y", description="alpha")))
    await put(ctx, "mine", {"managed": {}})
    before = await list_registrations(ctx)
    assert await aggregate(ctx) == ["one", "two", "zulu", "alpha", "mine"]
    assert (await names(ctx))["x/y"] == "zulu"
    at_first = await revision(ctx)
    await reconcile(ctx, catalogue.settings())
    assert await revision(ctx) == at_first
    assert await aggregate(ctx) == ["one", "two", "zulu", "alpha", "mine"], "in the order of their creation"
    after = await list_registrations(ctx)
    assert [view.registry for view in after] == [view.registry for view in before]
    assert [replace(view.status, next_run_at=None) for view in after] == [
        replace(view.status, next_run_at=None) for view in before
    ], "a start has everything looked at again, and tells nothing else"
    catalogue.put("three", [document("x/y", description="three")])
    catalogue.registries["three"] = ["three"]
    del catalogue.registries["one"], catalogue.registries["both"], catalogue.sources["one"], catalogue.sources["two"]
    await catalogue.sync()
    assert await aggregate(ctx) == ["three", "zulu", "alpha", "mine"]
    assert (await names(ctx))["x/y"] == "three"


async def test_inline_data_are_served_at_once(ctx: Ctx) -> None:
    view = await put(ctx, "own", inline(document("a/b"), document("a/b", "2.0.0"), document("a/c")))
    assert (view.status.phase, view.server_count, view.status.failures) == (RegistrationPhase.COMPLETE, 2, 0)
    assert view.status.message == "3 added, 0 updated, 0 removed, 0 rejected"
    assert view.status.last_success_at is not None
    assert set(await names(ctx, "own")) == set(await names(ctx)) == {"a/b", "a/c"}
    (run,) = await runs(ctx, "own")
    assert (run.outcome, run.trigger, run.added) == ("APPLIED", "MANUAL", 3)
    assert await drain(ctx) == 0, "nothing more is to be fetched"
    assert (await source(ctx, "own")).next_run_at is None


async def test_new_inline_data_replace_the_old(ctx: Ctx) -> None:
    await put(ctx, "own", inline(document("a/b"), document("a/c")))
    view = await put(ctx, "own", inline(document("a/c", description="new"), document("a/d")))
    assert view.status.message == "1 added, 1 updated, 1 removed, 0 rejected"
    assert await names(ctx, "own") == {"a/c": "new", "a/d": "Does a/d"}
    same = await put(ctx, "own", inline(document("a/c", description="new"), document("a/d")))
    assert (same.status.phase, same.status.message) == (RegistrationPhase.COMPLETE, "nothing changed")


async def test_inline_data_may_have_either_format(ctx: Ctx) -> None:
    entry = {"description": "Does it", "image": "ghcr.example.org/x:1", "transport": "stdio", "tools": ["t"]}
    legacy = {"version": "1.0.0", "last_updated": "2026-01-01T00:00:00Z", "servers": {"thing": entry}}
    for name, more in (("told", {"format": "toolhive"}), ("found", {})):
        view = await put(ctx, name, {"file": {"data": json.dumps(legacy)}, **more})
        assert view.server_count == 1


async def test_scheduler_finds_inline_data_unchanged(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.sources["mine"], catalogue.registries["mine"] = {"managed": {}}, ["mine"]
    await put(ctx, "own", inline(document("a/b"), filter={"names": {"include": ["a/*"]}}, format="upstream"))
    before = await revision(ctx)
    await reconcile(ctx, catalogue.settings())
    for expected in (1, 0):  # once at each start, in case this release reads the data differently
        assert await drain(ctx) == expected
    assert [run.outcome for run in await runs(ctx, "own")] == ["UNCHANGED", "APPLIED"]
    assert await revision(ctx) == before + 1, "the configuration's own registry"


async def test_deletion_during_a_run_neither_crashes_nor_resurrects(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(ctx, "own", on_disk(tmp_path, [document("a/b")]))

    async def fetch_while_it_is_deleted(request: FetchRequest) -> Fetched:
        await delete_registration(ctx, "own")
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_while_it_is_deleted)
    assert await drain(ctx) == 1
    assert (await list_registrations(ctx), await list_sources(ctx), await names(ctx)) == ((), (), {})
    left = await state(ctx)
    assert left["entry"] == left["listing"] == left["sync_run"] == left["change"] == []


async def test_change_during_a_run_makes_that_run_void(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = on_disk(tmp_path, [document("a/old")])
    new = on_disk(tmp_path, [document("a/new")], file="other.json")
    await put(ctx, "own", old)

    async def fetch_while_it_is_changed(request: FetchRequest) -> Fetched:
        monkeypatch.undo()
        await put(ctx, "own", new)
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_while_it_is_changed)
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    assert await names(ctx, "own") == {}
    found = await source(ctx, "own")
    assert (found.phase, found.consecutive_failures) == (SyncPhase.PENDING, 0)
    assert await drain(ctx) == 1
    assert set(await names(ctx, "own")) == {"a/new"}
    void = (await runs(ctx, "own"))[1]
    assert (void.outcome, void.error) == ("INTERRUPTED", "the source was changed during the run")


async def test_new_inline_data_during_a_run_stand(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(ctx, "own", inline(document("a/old")))
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set next_run_at = now(), applied_hash = 'of another release'"))

    async def fetch_while_it_is_changed(request: FetchRequest) -> Fetched:
        monkeypatch.undo()
        await put(ctx, "own", inline(document("a/new")))
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_while_it_is_changed)
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    assert set(await names(ctx, "own")) == {"a/new"}
    assert [run.outcome for run in await runs(ctx, "own")] == ["APPLIED", "INTERRUPTED", "APPLIED"]
    assert (await source(ctx, "own")).phase is SyncPhase.COMPLETE


async def test_source_that_could_not_be_fetched_is_tried_by_the_release_that_can(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")]})
    await put(ctx, "own", on_disk(tmp_path, [document("a/c")]))
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set next_run_at = null where name = 'own'"))
    await catalogue.sync()
    assert set(await names(ctx, "own")) == {"a/c"}


async def test_many_inline_documents_leave_merged_search_indexes(ctx: Ctx) -> None:
    await put(ctx, "own", inline(*(document(f"a/b{number}") for number in range(sync.SETTLE_ROWS))))
    async with ctx.db.read() as session:
        pending = await session.scalars(
            text("select gin_clean_pending_list(c.oid) from pg_class c where relname like 'ix_entry_search_%'")
        )
        assert list(pending) == [0, 0]
