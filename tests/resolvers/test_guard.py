"""The guard against sources that shrink: what is held, what a held run leaves alone, and who may let it go on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import Conflict, SourceNotFound
from app.models.kinds import SyncOutcome, SyncPhase, SyncTrigger
from app.models.queries import Window
from app.resolvers.comparison import MAX_NAMES, Removal
from app.resolvers.context import Ctx
from app.resolvers.sources import count_all_runs, list_runs
from app.resolvers.sync import lease_next
from app.resolvers.sync_requests import accept_held, request_sync
from app.sources.outbound import Outbound
from tests.resolvers.state import SERVED, drain, last_run, names, rows, run_again, runs, source, tables, versions
from tests.seeding import Catalogue, document, tagged
from tests.sources.following import Clock, aged
from tests.upstreams import Upstream

HOURLY = {"interval": "1h"}
KEPT = ("applied_hash", "fetch_state", "entry_count", "version_count", "last_success_at", "consecutive_failures")


def numbered(*numbers: int, version: str = "1.0.0") -> list[dict[str, Any]]:
    return [document(f"a/b{number:03}", version) for number in numbers]


def called(*numbers: int) -> set[str]:
    return {f"a/b{number:03}" for number in numbers}


async def guarded(ctx: Ctx, folder: Path, documents: Sequence[dict[str, Any]], **policy: Any) -> Catalogue:
    catalogue = Catalogue(ctx, folder)
    catalogue.put("s", documents, syncPolicy={**HOURLY, **policy})
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    return catalogue


@pytest.mark.parametrize(
    ("entries", "lost", "percent", "held"),
    [
        (10, 5, 50, False),
        (10, 6, 50, True),
        (12, 6, 50, False),
        (12, 7, 50, True),
        (1000, 501, 50, True),
        (10, 1, 0, True),
        (10, 0, 0, False),
        (10, 9, 99, False),
        (10, 10, 99, True),
        (10, 10, 100, False),
        (9, 8, 50, False),
        (9, 9, 50, True),
        (9, 8, 0, False),
        (9, 9, 100, False),
        (1, 1, 50, True),
        (1, 1, 99, True),
        (0, 0, 0, False),
    ],
)
def test_share_of_the_entries_decides_from_ten_on_below_only_all_of_them(
    entries: int, lost: int, percent: int, held: bool
) -> None:
    removal = Removal(tuple(f"a/b{number}" for number in range(lost)), entries)
    assert removal.exceeds(percent) is held


@pytest.mark.parametrize(
    ("count", "left", "policy", "held"),
    [
        (12, 6, {}, False),
        (12, 5, {}, True),
        (12, 9, {"maxRemovalPercent": 20}, True),
        (12, 0, {"maxRemovalPercent": 99}, True),
        (12, 0, {"maxRemovalPercent": 100}, False),
        (4, 1, {}, False),
        (4, 0, {}, True),
    ],
)
async def test_run_that_removes_too_much_is_held(
    ctx: Ctx, tmp_path: Path, count: int, left: int, policy: dict[str, Any], held: bool
) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(count)), **policy)
    catalogue.put("s", numbered(*range(left)))
    run = await run_again(ctx)
    assert (run.outcome, run.fetched, run.added, run.removed) == ("HELD" if held else "APPLIED", left, 0, count - left)
    assert set(await names(ctx)) == called(*range(count if held else left))
    assert (await source(ctx)).phase is (SyncPhase.HELD if held else SyncPhase.COMPLETE)


async def test_entries_count_not_their_versions(ctx: Ctx, tmp_path: Path) -> None:
    old = [one for major in range(1, 4) for one in numbered(*range(10), version=f"{major}.0.0")]
    catalogue = await guarded(ctx, tmp_path, old, maxRemovalPercent=0)
    catalogue.put("s", numbered(*range(10), version="4.0.0"))
    run = await run_again(ctx)
    assert (run.outcome, run.added, run.removed) == ("APPLIED", 10, 30), "thirty versions, and no entry"
    catalogue.put("s", numbered(*range(9), version="4.0.0"))
    assert (await run_again(ctx)).outcome == "HELD", "one version, and an entry"


async def test_new_names_do_not_make_up_for_lost_ones(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(*range(100, 130)))
    run = await run_again(ctx)
    assert (run.outcome, run.added, run.removed) == ("HELD", 30, 12)
    assert run.held is not None
    assert {key: run.held[key] for key in ("entries", "removed", "names")} == {
        "entries": 12,
        "removed": 12,
        "names": sorted(called(*range(12))),
    }


async def test_entries_that_their_source_deletes_itself_count_too(ctx: Ctx, tmp_path: Path) -> None:
    clock = Clock()
    far = Upstream(aged(12, clock), clock=clock)
    async with far.serving() as url:
        catalogue = Catalogue(replace(ctx, outbound=Outbound(("127.0.0.1",))), tmp_path)
        catalogue.sources["s"] = {"api": {"endpoint": url}, "syncPolicy": HOURLY}
        catalogue.registries["default"] = ["s"]
        await catalogue.sync()
        served = await tables(ctx, *SERVED)
        for number in range(7):
            far.change(f"com.example/s{number:04}", status="deleted")
        for _ in range(2):
            assert (await run_again(catalogue.ctx)).outcome == "HELD"
            assert await tables(ctx, *SERVED) == served
        far.change("com.example/s0000", status="active")
        run = await run_again(catalogue.ctx)
        assert (run.outcome, run.updated) == ("APPLIED", 6)
        assert all("updated_since" in query for query in far.queries[1:]), "none of them was a full pass"
    assert len(await names(ctx)) == 6


async def test_held_run_leaves_everything_as_it_was(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, [*numbered(*range(12)), tagged("a/t", "x")])
    served, good = await tables(ctx, *SERVED, "catalog"), await source(ctx)
    catalogue.put("s", [*numbered(0, 1), document("a/new"), tagged("a/t", "y")])
    run = await run_again(ctx)
    told = await source(ctx)
    assert (run.outcome, run.error, run.added, run.updated, run.removed) == ("HELD", told.message, 1, 1, 10)
    assert (run.revision, run.stage) == (None, None)
    assert run.finished_at is not None
    assert await tables(ctx, *SERVED, "catalog") == served
    assert [getattr(told, key) for key in KEPT] == [getattr(good, key) for key in KEPT]
    assert (told.phase, told.held_run_id, told.message) == (
        SyncPhase.HELD,
        run.id,
        "held: 10 of 13 entries would be removed",
    )
    assert told.next_run_at is not None, "it is looked at again"


async def test_history_keeps_one_row_of_runs_that_are_held_for_the_same(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0, 1))
    first = await run_again(ctx)
    for _ in range(3):
        assert await run_again(ctx) == first
    catalogue.put("s", numbered(0, 1, 200))  # the same entries would go
    assert (await run_again(ctx)).id == first.id
    catalogue.put("s", numbered(0))
    second = await run_again(ctx)
    assert second.id != first.id
    assert (await source(ctx)).held_run_id == second.id
    assert [run.outcome for run in await runs(ctx)] == ["HELD", "HELD", "APPLIED"]
    assert await count_all_runs(ctx, "s", SyncOutcome.HELD) == 2
    page = await list_runs(ctx, None, SyncOutcome.HELD, Window(1))
    assert ([run.id for run in page.items], page.has_next) == ([second.id], True)


@pytest.mark.parametrize("back", [range(12), range(11), range(1, 14)])
async def test_content_that_comes_back_is_no_longer_held(ctx: Ctx, tmp_path: Path, back: range) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    os.utime(catalogue.file("s"), (1, 1))
    await run_again(ctx)
    catalogue.put("s", numbered(0))
    await run_again(ctx)
    catalogue.put("s", numbered(*back))
    await run_again(ctx)
    told = await source(ctx)
    assert (told.phase, told.held_run_id, told.accepted_removal) == (SyncPhase.COMPLETE, None, None)
    assert set(await names(ctx)) == called(*back)
    with pytest.raises(Conflict, match="no run of source s is held"):
        await accept_held(ctx, "s")


async def test_failure_after_a_held_run_does_not_forget_it(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0))
    held = await run_again(ctx)
    catalogue.put("s", b"{")
    await run_again(ctx)
    assert (await source(ctx)).phase is SyncPhase.FAILED
    catalogue.put("s", numbered(0))
    await run_again(ctx)
    told = await source(ctx)
    assert (told.phase, told.held_run_id, told.consecutive_failures) == (SyncPhase.HELD, held.id, 0)


@pytest.mark.parametrize("named", [True, False])
async def test_accepted_run_is_carried_out_at_once(ctx: Ctx, tmp_path: Path, named: bool) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0, 1, 200))
    held = await run_again(ctx)
    assert (await accept_held(ctx, "s", held.id if named else None)).requested
    assert set(await names(ctx)) == called(*range(12)), "a run does it, nobody else"
    assert await drain(ctx) == 1
    run, told = await last_run(ctx), await source(ctx)
    assert (run.outcome, run.trigger, run.added, run.removed) == ("APPLIED", "MANUAL", 1, 10)
    assert (told.phase, told.held_run_id, told.accepted_removal) == (SyncPhase.COMPLETE, None, None)
    assert set(await names(ctx)) == called(0, 1, 200)
    catalogue.put("s", numbered(300))
    assert (await run_again(ctx)).outcome == "HELD", "it was accepted once, not for ever"


async def test_consent_is_to_the_entries_that_were_shown(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0, 1))
    held = await run_again(ctx)
    await accept_held(ctx, "s", held.id)
    catalogue.put("s", numbered(0))
    assert await drain(ctx) == 1
    another = await last_run(ctx)
    assert (another.outcome, another.trigger, another.removed) == ("HELD", "MANUAL", 11)
    assert set(await names(ctx)) == called(*range(12))
    with pytest.raises(Conflict, match="another run of source s is held by now"):
        await accept_held(ctx, "s", held.id)
    await accept_held(ctx, "s", another.id)
    await drain(ctx)
    assert set(await names(ctx)) == called(0)


async def test_consent_to_nothing_is_refused(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    with pytest.raises(Conflict, match="no run of source s is held"):
        await accept_held(ctx, "s")
    with pytest.raises(SourceNotFound):
        await accept_held(ctx, "nobody")
    catalogue.put("s", numbered(0))
    held = await run_again(ctx)
    before = await tables(ctx)
    for wrong in (held.id + 1, held.id - 1, 0):
        with pytest.raises(Conflict):
            await accept_held(ctx, "s", wrong)
    assert await tables(ctx) == before


async def test_consent_waits_for_the_run_under_way(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0))
    held = await run_again(ctx)
    await request_sync(ctx, "s")
    assert await lease_next(ctx, "test", SyncTrigger.SCHEDULE) is not None
    before = await tables(ctx)
    with pytest.raises(Conflict, match="a run of source s is under way"):
        await accept_held(ctx, "s", held.id)
    assert await tables(ctx) == before


async def test_configuration_can_let_it_go_on_too(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    catalogue.put("s", numbered(0))
    await catalogue.sync()
    assert (await source(ctx)).phase is SyncPhase.HELD
    catalogue.sources["s"]["syncPolicy"] = {**HOURLY, "maxRemovalPercent": 100}
    await catalogue.sync()
    told = await source(ctx)
    assert (told.phase, told.held_run_id, told.max_removal_percent) == (SyncPhase.COMPLETE, None, 100)
    assert set(await names(ctx)) == called(0)


async def test_held_run_tells_some_names_and_all_of_their_number(ctx: Ctx, tmp_path: Path) -> None:
    count = MAX_NAMES + 50
    catalogue = await guarded(ctx, tmp_path, numbered(*range(count)))
    catalogue.put("s", numbered(0))
    held = (await run_again(ctx)).held
    assert held is not None
    assert (held["entries"], held["removed"]) == (count, count - 1)
    assert held["names"] == sorted(called(*range(1, count)))[:MAX_NAMES]


async def test_tombstones_are_no_entries(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await guarded(ctx, tmp_path, numbered(*range(12)))
    for left in (6, 3, 2, 1):  # half of twelve; then fewer than ten are left, of which all but the last may go
        catalogue.put("s", numbered(*range(left)))
        assert (await run_again(ctx)).outcome == "APPLIED"
    assert len(await versions(ctx)) == 12
    assert await rows(ctx, "select entry_count, version_count from source") == [(1, 1)]
    catalogue.put("s", numbered(99))
    run = await run_again(ctx)
    assert (run.outcome, run.removed) == ("HELD", 1)
