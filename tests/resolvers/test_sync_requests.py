"""What an operator asks of a source: a run now, a look at what one would do. What it would do, it then does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict, Invalid, SourceError, SourceNotFound, Unavailable
from app.models.kinds import SyncPhase, SyncTrigger
from app.models.views import DueSource, WorkerView
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import due_sources, lease_next
from app.resolvers.sync_requests import preview_sync, request_sync
from app.sources.outbound import Outbound
from tests.effort import search
from tests.resolvers.state import drain, last_run, make_due, names, rows, run_again, tables, versions
from tests.seeding import Catalogue, document, seed, tagged
from tests.sources.following import Clock, aged
from tests.upstreams import Upstream

HOURLY = {"interval": "1h"}


class Jobs:
    """A queue of the workers that only remembers; without Redis behind it there is nothing to talk to."""

    def __init__(self, *, away: bool = False) -> None:
        self.names: list[str] = []
        self.away = away

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        if self.away:
            raise Unavailable("Redis is away")
        self.names += [one.name for one in due]
        return len(due)

    async def list_workers(self) -> tuple[WorkerView, ...]:
        return ()


async def test_requested_run_is_due_at_once_and_a_manual_one(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")], "other": [document("a/c")]})
    assert await due_sources(ctx) == ()
    told = await request_sync(ctx, "s")
    assert (told.name, told.requested, told.phase) == ("s", True, SyncPhase.COMPLETE)
    assert [due.name for due in await due_sources(ctx)] == ["s"]
    assert (await request_sync(ctx, "s")).requested, "asking twice is asking once"
    assert await drain(ctx) == 1
    assert (await last_run(ctx)).trigger == "MANUAL"
    assert (await run_again(ctx)).trigger == "SCHEDULE", "the one after it is as any other"


async def test_full_run_reads_everything_anew(ctx: Ctx, tmp_path: Path) -> None:
    clock = Clock()
    far = Upstream(aged(5, clock), clock=clock)
    async with far.serving() as url:
        catalogue = Catalogue(replace(ctx, outbound=Outbound(("127.0.0.1",))), tmp_path)
        catalogue.sources["s"] = {"api": {"endpoint": url}, "syncPolicy": HOURLY}
        catalogue.registries["default"] = ["s"]
        await catalogue.sync()
        far.find("com.example/s0003").document = {"title": "changed without a word"}
        far.forget_rendered()
        for full, outcome in ((False, "UNCHANGED"), (True, "APPLIED")):
            far.requests.clear()
            await request_sync(ctx, "s", full=full)
            await drain(catalogue.ctx)
            assert (await last_run(ctx)).outcome == outcome
            assert ["updated_since" in query for query in far.queries] == [not full]
    assert (await versions(ctx))["com.example/s0003", "1.0.0"].title == "changed without a word"


async def test_full_run_reads_a_file_whose_mark_is_known(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b", description="1")]})
    os.utime(catalogue.file("s"), (1, 1))
    await run_again(ctx)
    catalogue.file("s").write_text(catalogue.file("s").read_text().replace('"1"', '"2"'))
    os.utime(catalogue.file("s"), (1, 1))
    await run_again(ctx)
    assert await names(ctx) == {"a/b": "1"}, "nothing tells that it changed"
    await request_sync(ctx, "s", full=True)
    await drain(ctx)
    assert await names(ctx) == {"a/b": "2"}


async def test_request_is_refused_while_a_run_is_under_way(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    assert await lease_next(ctx, "test", SyncTrigger.SCHEDULE) is not None
    before = await tables(ctx)
    for full in (False, True):
        with pytest.raises(Conflict, match="a run of source s is under way"):
            await request_sync(ctx, "s", full=full)
    assert await tables(ctx) == before


@pytest.mark.parametrize("ask", [request_sync, preview_sync])
async def test_source_that_is_never_fetched_cannot_be_asked(ctx: Ctx, tmp_path: Path, ask: Any) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources |= {"own": {"managed": {}}, "cluster": {"kubernetes": {}}}
    catalogue.registries["default"] = ["s", "own", "cluster"]
    await catalogue.sync()
    with pytest.raises(Invalid, match="managed sources hold what is published to them"):
        await ask(ctx, "own")
    with pytest.raises(Invalid, match="kubernetes"):
        await ask(ctx, "cluster")
    with pytest.raises(SourceNotFound, match="Source nobody not found"):
        await ask(ctx, "nobody")
    with pytest.raises(Invalid):
        await ask(ctx, "a\0")


@pytest.mark.parametrize("away", [False, True])
async def test_workers_hear_of_a_request_at_once_or_by_their_next_tick(ctx: Ctx, tmp_path: Path, away: bool) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")], "other": [document("a/c")]})
    await make_due(ctx, "other")
    jobs = Jobs(away=away)
    assert (await request_sync(replace(ctx, queue=jobs), "s")).requested
    assert jobs.names == ([] if away else ["s"])
    assert "s" in [due.name for due in await due_sources(ctx)]


async def test_preview_tells_what_would_change_and_changes_nothing(ctx: Ctx, tmp_path: Path) -> None:
    stored = [document("a/b"), document("a/b", "2.0.0"), tagged("a/t", "x", status="Active"), document("a/gone")]
    catalogue = await seed(ctx, tmp_path, {"s": stored})
    new = [document("a/b"), document("a/b", "2.0.0", title="T"), tagged("a/t", "x", status="Deprecated")]
    catalogue.put("s", [*new, document("a/new"), {"name": "bad"}])
    before = await tables(ctx)
    preview = await preview_sync(ctx, "s")
    assert await tables(ctx) == before
    assert preview.fetched == 5
    assert preview.added == (("a/new", "1.0.0"),)
    assert sorted(preview.updated) == [("a/b", "2.0.0"), ("a/t", "1.0.0")]
    assert preview.removed == (("a/gone", "1.0.0"),)
    assert [rejection.name for rejection in preview.rejections] == ["bad"]
    assert preview.held is None
    assert await due_sources(ctx) == (), "and nothing is planned"


async def test_preview_reads_what_a_run_would_skip(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    os.utime(catalogue.file("s"), (1, 1))
    await run_again(ctx)
    preview = await preview_sync(ctx, "s")
    assert (preview.fetched, preview.added, preview.updated, preview.removed) == (1, (), (), ())


async def test_preview_while_a_run_is_under_way_is_answered(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    assert await lease_next(ctx, "test", SyncTrigger.SCHEDULE) is not None
    before = await tables(ctx)
    assert (await preview_sync(ctx, "s")).fetched == 1
    assert await tables(ctx) == before


async def test_preview_of_what_cannot_be_fetched_tells_why(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    before = await tables(ctx)
    for content, words in ((b"{", "not valid JSON"), (b'{"data": {"servers": [1]}}', "none of the 1 documents")):
        catalogue.put("s", content)
        with pytest.raises(SourceError, match=words):
            await preview_sync(ctx, "s")
    catalogue.file("s").unlink()
    with pytest.raises(SourceError, match="file not found"):
        await preview_sync(ctx, "s")
    assert await tables(ctx) == before


NAMES = st.sampled_from([f"a/{letter}" for letter in "bcdefghijklmn"])
DOCUMENTS = st.one_of(
    st.builds(document, NAMES, st.sampled_from(["1.0.0", "2.0.0"]), title=st.sampled_from(["x", "y"])),
    st.builds(
        lambda name, word, status: tagged(name, word, status=status),
        NAMES,
        st.sampled_from(["db", "web"]),
        st.sampled_from(["Active", "Deprecated"]),
    ),
    st.just({"name": "bad"}),
)
FILES = st.lists(DOCUMENTS, max_size=24)
FILTERS = st.sampled_from([{}, {"tags": {"exclude": ["web"]}}, {"names": {"exclude": ["a/[bcd]"]}}])


@search(40)
@given(files=st.lists(FILES, min_size=2, max_size=3), chosen=FILTERS, percent=st.sampled_from([0, 50, 100]))
async def test_preview_is_what_the_run_then_does(
    shared_ctx: Ctx,
    tmp_path_factory: pytest.TempPathFactory,
    files: Sequence[Sequence[Mapping[str, Any]]],
    chosen: Mapping[str, Any],
    percent: int,
) -> None:
    """The journal and the tables are the witnesses, not the counts of the run alone."""
    ctx, catalogue = shared_ctx, Catalogue(shared_ctx, tmp_path_factory.mktemp("preview"))
    catalogue.put("s", files[0], syncPolicy={**HOURLY, "maxRemovalPercent": 100})
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    catalogue.sources["s"]["syncPolicy"]["maxRemovalPercent"] = percent
    for content in files[1:]:
        catalogue.put("s", content, filter=chosen)
        await reconcile(ctx, catalogue.settings())
        await compare_preview(ctx)


async def compare_preview(ctx: Ctx) -> None:
    before = await tables(ctx)
    try:
        preview = await preview_sync(ctx, "s")
    except SourceError as error:
        refusal = str(error)
        assert await tables(ctx) == before
        run = await run_again(ctx)
        assert (run.outcome, run.error) == ("FAILED", refusal)
        return
    assert await tables(ctx) == before
    revision = (await rows(ctx, "select revision from catalog"))[0][0]
    run = await run_again(ctx)
    counts = (len(preview.added), len(preview.updated), len(preview.removed), len(preview.rejections))
    journal = await rows(ctx, f"select action, name, version from change where revision > {revision}")  # noqa: S608
    if preview.held is not None:
        assert (run.outcome, run.held, journal) == ("HELD", preview.held.to_json(), [])
        return
    told = {
        *(("ADDED", *key) for key in preview.added),
        *(("UPDATED", *key) for key in preview.updated),
        *(("REMOVED", *key) for key in preview.removed),
    }
    assert {("UPDATED" if action == "STATUS" else action, *key) for action, *key in journal} == told
    assert len(journal) == len(told)
    if run.outcome == "APPLIED":
        assert (run.added, run.updated, run.removed, run.rejected) == counts
    else:
        assert (run.outcome, told) == ("UNCHANGED", set())
