"""The sync engine: only differences are written, a failure changes nothing, every run leaves its record."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.models.kinds import Status, SyncPhase, SyncTrigger
from app.resolvers import sync
from app.resolvers.context import Ctx
from app.resolvers.sources import list_sources
from app.sources import files
from app.sources.adapters import fetch
from app.sources.fetching import Fetched, FetchRequest
from app.sources.formats import read_snapshot
from tests.resolvers.state import at, last_run, rows, source, versions
from tests.seeding import Catalogue, document, seed, tagged


async def test_first_sync_serves_every_document(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/b", "2.0.0"), document("a/c")]})
    found = await versions(ctx)
    assert set(found) == {("a/b", "1.0.0"), ("a/b", "2.0.0"), ("a/c", "1.0.0")}
    assert [found[key].is_latest for key in sorted(found)] == [False, True, True]
    run, told = await last_run(ctx), await source(ctx)
    assert (run.outcome, run.trigger, run.fetched, run.added, run.updated, run.removed) == (
        "APPLIED",
        "START",
        3,
        3,
        0,
        0,
    )
    assert (told.phase, told.entry_count, told.version_count) == (SyncPhase.COMPLETE, 2, 3)
    assert told.next_run_at is not None
    assert told.last_success_at is not None


async def test_document_is_kept_as_it_came_key_order_included(ctx: Ctx, tmp_path: Path) -> None:
    odd = {"version": "1.0.0", "zzz": {"b": 1.5, "a": [1, None, "é"]}, "name": "a/b", "description": "é ✓"}
    await seed(ctx, tmp_path, {"s": [odd]})
    stored = (await versions(ctx))["a/b", "1.0.0"].document
    assert json.loads(stored) == odd
    assert list(json.loads(stored)) == list(odd)


async def test_only_what_changed_moves(ctx: Ctx, tmp_path: Path) -> None:
    first, second = at(ctx, 1), at(ctx, 2)
    catalogue = await seed(first, tmp_path, {"s": [document("a/b"), document("a/c"), document("a/d")]})
    before = await versions(ctx)
    catalogue.ctx = second
    catalogue.put("s", [document("a/b"), document("a/c", description="Now different"), document("a/e")])
    await catalogue.sync()
    after = await versions(ctx)
    assert after["a/b", "1.0.0"] == before["a/b", "1.0.0"]
    changed, gone, new = (after[f"a/{x}", "1.0.0"] for x in "cde")
    assert changed.description == "Now different"
    assert changed.updated_at == gone.updated_at == new.published_at == second.clock()
    assert changed.published_at == changed.status_changed_at == gone.published_at == before["a/b", "1.0.0"].published_at
    assert (gone.status, gone.status_message, gone.status_changed_at) == (
        Status.DELETED,
        "no longer in its source",
        second.clock(),
    )
    run = await last_run(ctx)
    assert (run.outcome, run.added, run.updated, run.removed) == ("APPLIED", 1, 1, 1)
    assert set(await versions(ctx, deleted=False)) == {("a/b", "1.0.0"), ("a/c", "1.0.0"), ("a/e", "1.0.0")}


async def test_journal_tells_every_change_with_its_revision(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(
        ctx, tmp_path, {"s": [document("a/b"), document("a/c"), tagged("a/t", "x", status="Active")]}
    )
    catalogue.put("s", [document("a/b", description="Other"), tagged("a/t", "x", status="Deprecated"), document("a/n")])
    await catalogue.sync()
    journal = await rows(ctx, "select revision, action, name from change order by revision, action, name")
    first, second = sorted({revision for revision, _, _ in journal})
    assert [row[1:] for row in journal if row[0] == first] == [("ADDED", f"a/{x}") for x in "bct"]
    assert [row[1:] for row in journal if row[0] == second] == [
        ("ADDED", "a/n"),
        ("REMOVED", "a/c"),
        ("STATUS", "a/t"),
        ("UPDATED", "a/b"),
    ]
    assert await rows(ctx, "select revision from catalog") == [(second,)]
    assert (await last_run(ctx)).revision == second


async def test_unchanged_source_writes_no_row_of_the_catalogue(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    state = (
        "select (select revision from catalog), (select count(*) from change), (select xmin::text from entry_version)"
    )
    before = await rows(ctx, state)
    for _ in range(3):
        await catalogue.sync()
    assert await rows(ctx, state) == before
    assert await rows(ctx, "select outcome from sync_run order by id") == [("APPLIED",), ("UNCHANGED",)]


async def test_reordered_file_is_no_change(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c")]})
    before = await versions(ctx)
    catalogue.put("s", [document("a/c"), document("a/b")])
    await catalogue.sync()
    assert await versions(ctx) == before
    assert (await last_run(ctx)).outcome == "UNCHANGED"


async def test_tombstone_comes_back_as_an_addition(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c")]})
    for documents in ([document("a/b")], [document("a/b"), document("a/c")]):
        catalogue.put("s", documents)
        await catalogue.sync()
    back = (await versions(ctx))["a/c", "1.0.0"]
    assert (back.status, back.status_message, back.is_latest) == (Status.ACTIVE, None, True)
    assert (await last_run(ctx)).added == 1


async def test_latest_falls_back_when_the_highest_version_vanishes(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(
        ctx, tmp_path, {"s": [document("a/b", v) for v in ("1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1")]}
    )
    assert (await versions(ctx))["a/b", "2.0.0-rc.1"].is_latest
    catalogue.put("s", [document("a/b", v) for v in ("1.0.0", "1.10.0", "1.9.0")])
    await catalogue.sync()
    assert [key[1] for key, view in (await versions(ctx)).items() if view.is_latest] == ["1.10.0"]


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "not json": (b"{,", "JSON"),
    "all bad": (b'{"data": {"servers": [{"name": "x"}]}}', "none of the 1 documents"),
    "another shape": (b"[]", ""),
}


@pytest.mark.parametrize("case", BAD_FILES)
async def test_failed_run_keeps_what_is_served(ctx: Ctx, tmp_path: Path, case: str) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    before, good = await versions(ctx), await source(ctx)
    content, words = BAD_FILES[case]
    catalogue.put("s", content)
    await catalogue.sync()
    run, told = await last_run(ctx), await source(ctx)
    assert (run.outcome, run.error) == ("FAILED", told.message)
    assert words in told.message
    assert await versions(ctx) == before
    assert (told.phase, told.consecutive_failures) == (SyncPhase.FAILED, 1)
    kept = ("applied_hash", "entry_count", "version_count", "last_success_at")
    assert [getattr(told, name) for name in kept] == [getattr(good, name) for name in kept]
    catalogue.put("s", [document("a/b")])
    await catalogue.sync()
    told = await source(ctx)
    assert (told.phase, told.message) == (SyncPhase.COMPLETE, "nothing changed since the last success")


async def test_vanished_file_is_a_failure_that_names_it(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.file("s").unlink()
    await catalogue.sync()
    assert (await source(ctx)).message == f"file not found: {catalogue.file('s')}"
    assert len(await versions(ctx, deleted=False)) == 1


async def test_bad_document_is_rejected_alone_with_its_reason(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b"), document("no-slash"), document("a/b"), document("a/c")]})
    assert set(await versions(ctx)) == {("a/b", "1.0.0"), ("a/c", "1.0.0")}
    run = await last_run(ctx)
    assert (run.outcome, run.fetched, run.added, run.rejected) == ("APPLIED", 4, 2, 2)
    assert [(r["name"], r["reason"].split(":")[0]) for r in run.rejections] == [
        ("no-slash", "data.servers[1].name"),
        ("a/b", "data.servers[2]"),
    ]
    assert (await source(ctx)).message == "2 added, 0 updated, 0 removed, 2 rejected"


async def test_changed_filter_takes_effect_though_the_file_is_the_same(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [tagged("a/b", "db"), tagged("a/c", "web")]})
    catalogue.put("s", [tagged("a/b", "db"), tagged("a/c", "web")], filter={"tags": {"exclude": ["web"]}})
    await catalogue.sync()
    assert set(await versions(ctx, deleted=False)) == {("a/b", "1.0.0")}
    assert (await last_run(ctx)).removed == 1


async def test_wrong_format_is_an_error_that_says_what_to_write(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", [document("a/b")], format="toolhive")
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    message = (await source(ctx)).message
    assert "toolhive" in message
    assert "upstream" in message
    assert await versions(ctx) == {}


async def test_source_is_due_again_after_its_interval_not_before(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    assert not await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set next_run_at = next_run_at - interval '1 hour'"))
    assert await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    assert (await last_run(ctx)).trigger == "SCHEDULE"


async def test_leased_source_is_left_alone_until_the_lease_runs_out(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    async with ctx.db.write() as tx:
        await tx.session.execute(
            text("update source set next_run_at = now(), lease_owner = 'other', lease_until = now() + interval '9 s'")
        )
        await tx.session.execute(
            text(
                "insert into sync_run (source_id, trigger, outcome, started_at)"
                " select id, 'START', 'RUNNING', now() from source"
            )
        )
    assert (await source(ctx)).phase is SyncPhase.SYNCING
    assert not await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update source set lease_until = now() - interval '1 s'"))
    catalogue.put("s", [document("a/c")])
    assert await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    assert await rows(ctx, "select outcome from sync_run order by id") == [("APPLIED",), ("INTERRUPTED",), ("APPLIED",)]


async def test_run_whose_lease_was_taken_over_changes_nothing(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    before = await versions(ctx)
    catalogue.put("s", [document("a/c")])

    async def fetch_slowly(request: FetchRequest) -> Fetched:
        async with ctx.db.write() as tx:
            await tx.session.execute(text("update source set lease_owner = 'other'"))
        return await fetch(request)

    monkeypatch.setattr(sync, "fetch", fetch_slowly)
    await catalogue.sync()
    assert await versions(ctx) == before
    assert await rows(ctx, "select lease_owner, consecutive_failures from source") == [("other", 0)]


async def test_defect_in_one_source_is_a_failed_run_and_the_others_go_on(
    ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_or_crash(data: bytes, format_: Any) -> Any:
        if b"a/broken" in data:
            raise ZeroDivisionError("secret")
        return read_snapshot(data, format_)

    monkeypatch.setattr(files, "read_snapshot", read_or_crash)
    await seed(ctx, tmp_path, {"one": [document("a/broken")], "two": [document("a/b")]})
    assert set(await versions(ctx)) == {("a/b", "1.0.0")}
    one, two = await list_sources(ctx)
    assert (one.phase, two.phase) == (SyncPhase.FAILED, SyncPhase.COMPLETE)
    assert "secret" not in one.message


def test_retry_delay_doubles_up_to_a_cap_and_never_passes_the_interval() -> None:
    hour = timedelta(hours=1)
    for failures, seconds in ((1, 10), (2, 20), (3, 40), (20, 900), (10**6, 900)):
        assert timedelta(seconds=seconds * 0.8) <= sync.retry_delay(failures, hour) <= timedelta(seconds=seconds * 1.2)
    assert sync.retry_delay(9, timedelta(seconds=30)) <= timedelta(seconds=36)


async def test_filter_that_admits_nothing_is_held_and_keeps_what_is_served(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c")]})
    policy = {"interval": "1h"}
    catalogue.put("s", [document("a/b"), document("a/c")], filter={"names": {"exclude": ["*"]}}, syncPolicy=policy)
    await catalogue.sync()
    run, told = await last_run(ctx), await source(ctx)
    assert (run.outcome, run.fetched, run.removed) == ("HELD", 2, 2)
    assert (told.phase, told.message) == (SyncPhase.HELD, "held: 2 of 2 entries would be removed")
    assert set(await versions(ctx, deleted=False)) == {("a/b", "1.0.0"), ("a/c", "1.0.0")}


@pytest.mark.parametrize("content", [b'{"data": {"servers": []}}', b'{"servers": {}}'])
async def test_empty_file_is_held_where_it_would_remove_all_and_fine_where_nothing_is_served(
    ctx: Ctx, tmp_path: Path, content: bytes
) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", content, syncPolicy={"interval": "1h"})
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    told = await source(ctx)
    assert (told.phase, told.message, told.entry_count) == (SyncPhase.COMPLETE, "nothing changed", 0)
    for documents in ([document("a/b")], content):
        catalogue.put("s", documents)
        await catalogue.sync()
    told = await source(ctx)
    assert (told.phase, told.entry_count) == (SyncPhase.HELD, 1)
    assert set(await versions(ctx, deleted=False)) == {("a/b", "1.0.0")}


async def test_oversized_words_reject_their_document_alone(ctx: Ctx, tmp_path: Path) -> None:
    many = [f"tool{number}" for number in range(2001)]
    bad = [tagged("a/long", "x" * 201), tagged("a/many", tools=many), tagged("a/tier", tier="t" * 201)]
    huge = document("a/huge", extra="x" * 2**20)
    most = tagged("a/most", "x" * 200, tools=[f"{number:0200}" for number in range(2000)])
    await seed(ctx, tmp_path, {"s": [*bad, huge, most, document("a/b")]})
    assert set(await versions(ctx)) == {("a/b", "1.0.0"), ("a/most", "1.0.0")}
    reasons = " ".join(rejection["reason"] for rejection in (await last_run(ctx)).rejections)
    for words in ("tags of more than 200", "2001 tools; 2000 at most", "tier of more than 200", "larger than 1 MiB"):
        assert words in reasons


async def test_pipe_as_a_file_is_refused_without_waiting_for_a_writer(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.file("s").unlink()
    os.mkfifo(catalogue.file("s"))
    await catalogue.sync()
    assert "no regular file" in (await source(ctx)).message
    assert len(await versions(ctx, deleted=False)) == 1


async def test_cancelled_run_gives_its_source_back(ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    before = await versions(ctx)
    fetching = asyncio.Event()

    async def hang(*_: Any) -> Any:
        fetching.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(sync, "fetch", hang)
    task = asyncio.create_task(catalogue.sync())
    await fetching.wait()
    assert (await source(ctx)).phase is SyncPhase.SYNCING
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.undo()
    assert (await source(ctx)).phase is SyncPhase.COMPLETE
    assert await versions(ctx) == before
    assert await sync.run_next_due(ctx, "another", SyncTrigger.SCHEDULE)


async def test_orphaned_lease_is_freed_by_the_only_user_of_a_database(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    async with ctx.db.write() as tx:
        await tx.session.execute(
            text("update source set next_run_at = now(), lease_owner = 'x', lease_until = now() + interval '1 hour'")
        )
    assert not await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    await sync.release_orphans(ctx)
    assert await sync.run_next_due(ctx, "test", SyncTrigger.SCHEDULE)


async def test_bulk_change_leaves_merged_search_indexes(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/b{number}") for number in range(sync.SETTLE_ROWS)]})
    pending = await rows(
        ctx, "select gin_clean_pending_list(c.oid) from pg_class c where relname like 'ix_entry_search_%'"
    )
    assert pending == [(0,), (0,)]
