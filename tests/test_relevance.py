"""Ranked search finds what developers look for in real registries; the judgements are those of the benchmark."""

from __future__ import annotations

from pathlib import Path

from app.models.queries import LATEST, ListServers, Window
from app.resolvers.context import Ctx
from app.resolvers.search import search_servers
from bench.search import TARGET, Judged, judgements, mean_of, measure_relevance, ndcg, registries
from tests.conftest import NEEDS_DATA
from tests.seeding import seed


@NEEDS_DATA
async def test_relevance_is_no_less_than_its_target(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, registries())
    page = (await search_servers(ctx, ListServers(version=LATEST, window=Window(1000)))).page
    known = {view.name for view in page.items}
    assert len(known) == 101 + 358
    assert {name for judged in judgements() for name in judged.grades} <= known
    found = await measure_relevance(ctx)
    assert TARGET >= 0.85
    assert mean_of(found) >= TARGET, found


def test_judgements_are_usable() -> None:
    judged = judgements()
    assert len(judged) >= 60
    assert len({(item.group, item.query) for item in judged}) == len(judged)
    for item in judged:
        assert item.grades
        assert set(item.grades.values()) <= {1, 2, 3}


def test_ndcg_is_one_for_the_best_order_only() -> None:
    judged = Judged("g", "q", {"a": 3, "b": 2, "c": 1})
    assert ndcg(judged, ["a", "b", "c", "x"]) == 1
    assert ndcg(judged, ["a", "c", "b"]) < 1
    assert ndcg(judged, ["c", "b", "a"]) < ndcg(judged, ["b", "a", "c"]) < ndcg(judged, ["a", "c", "b"])
    assert ndcg(judged, ["x"] * 10 + ["a", "b", "c"]) == 0
    assert ndcg(judged, []) == 0
