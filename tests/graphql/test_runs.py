"""Sync runs through GraphQL: the history of all sources, runs that are held or under way, and what settings show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.models.kinds import SyncStage, SyncTrigger
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import lease_next
from app.resolvers.sync_requests import request_sync
from app.store.runs import note_progress
from tests.conftest import StatementCounter
from tests.graphql.asking import ask, refused
from tests.graphql.shrinking import seed_held
from tests.seeding import Catalogue, document, seed, upstream


async def test_runs_of_all_sources_are_paged_newest_first(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("a/b")], "b": [document("b/c")]})
    catalogue.put("a", b"not JSON")
    catalogue.put("b", [document("b/c", "2.0.0")])
    await catalogue.sync()
    query = """query($source: String, $outcome: SyncOutcome, $first: Int, $after: String, $last: Int, $before: String) {
      syncRuns(source: $source, outcome: $outcome, first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes { id outcome startedAt source { name } } } }"""

    async def page(**variables: Any) -> Any:
        return (await ask(client, query, **variables))["syncRuns"]

    whole = await page()
    ended = [(run["source"]["name"], run["outcome"]) for run in whole["nodes"]]
    assert ended == [("b", "APPLIED"), ("a", "FAILED"), ("b", "APPLIED"), ("a", "APPLIED")]
    assert whole["totalCount"] == 4
    first = await page(first=3)
    second = await page(first=3, after=first["pageInfo"]["endCursor"])
    back = await page(last=3, before=second["pageInfo"]["startCursor"])
    assert first["nodes"] + second["nodes"] == whole["nodes"]
    assert back["nodes"] == first["nodes"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    for chosen, count in (
        ({"source": "a"}, 2),
        ({"outcome": "FAILED"}, 1),
        ({"source": "b", "outcome": "FAILED"}, 0),
        ({"source": "nobody"}, 0),
    ):
        found = await page(**chosen)
        assert (found["totalCount"], len(found["nodes"])) == (count, count), chosen
    error = await refused(client, query, source="a", after=first["pageInfo"]["endCursor"])
    assert "another list" in error["message"]
    assert (await refused(client, query, source="a\0"))["extensions"]["code"] == "BAD_USER_INPUT"


async def test_held_run_tells_what_it_would_remove(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed_held(ctx, tmp_path, "a")
    data = await ask(
        client,
        """{ source(name: "a") { entryCount maxRemovalPercent
          sync { phase message requested heldRun { id outcome held { entries removed names } } }
          lastRun { id held { removed } } } }""",
    )
    source = data["source"]
    run = source["sync"].pop("heldRun")
    assert source["sync"].pop("message")
    assert source["sync"] == {"phase": "HELD", "requested": False}
    assert (source["entryCount"], source["maxRemovalPercent"]) == (12, 40)
    assert source["lastRun"] == {"id": run["id"], "held": {"removed": 10}}
    names = [f"a/b{number:02}" for number in range(2, 12)]
    assert run["held"] == {"entries": 12, "removed": 10, "names": names}
    assert run["outcome"] == "HELD"


async def test_run_under_way_counts_up(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed(ctx, tmp_path, {"a": [document("a/b")]})
    query = """{ source(name: "a") { sync { phase requested heldRun { id } }
      lastRun { outcome stage fetched finishedAt held { removed } } } }"""
    before = (await ask(client, query))["source"]
    assert before["sync"] == {"phase": "COMPLETE", "requested": False, "heldRun": None}
    assert (before["lastRun"]["stage"], before["lastRun"]["held"]) == (None, None)
    await request_sync(ctx, "a")
    assert (await ask(client, query))["source"]["sync"]["requested"] is True
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    async with ctx.db.write() as tx:
        await note_progress(tx.session, run.id, SyncStage.READING, 12_300)
    during = (await ask(client, query))["source"]
    assert during["sync"]["phase"] == "SYNCING"
    assert during["lastRun"] == {
        "outcome": "RUNNING",
        "stage": "READING",
        "fetched": 12_300,
        "finishedAt": None,
        "held": None,
    }


async def test_statements_do_not_grow_with_the_runs(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    await seed_held(ctx, tmp_path, *(f"s{number:02}" for number in range(6)))
    runs = """query($first: Int) { syncRuns(first: $first) { totalCount nodes {
      outcome held { names } rejections { name }
      source { name registries { name } sync { heldRun { source { name } } } lastRun { id } } } } }"""
    sources = """query($first: Int) { sources(first: $first) { nodes { name lastRun { outcome }
      sync { heldRun { held { removed } } } } } }"""
    for query in (runs, sources):
        counts = []
        for first in (2, 12):
            with statements() as seen:
                await ask(client, query, first=first)
            counts.append(len(seen))
        assert counts[0] == counts[1], counts


async def test_settings_are_shown_without_secrets(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    api = {"endpoint": "https://registry.example.org", "headers": {"X-Key": "s3cret"}}
    catalogue.sources["upstream"] = {"api": api, "syncPolicy": {"interval": "1h"}}
    catalogue.registries["upstream"] = ["upstream"]
    await reconcile(ctx, catalogue.settings())
    data = json.dumps(upstream([document("a/b")]))
    answer = await client.put("/extension/v0/registries/inline", json={"file": {"data": data}})
    assert answer.status_code == 201
    nodes = (await ask(client, "{ sources { nodes { name config } } }"))["sources"]["nodes"]
    shown = {node["name"]: node["config"] for node in nodes}
    assert shown["inline"] == {"file": {"data": f"({len(data)} bytes of inline data)"}}
    assert shown["upstream"] == {"api": {**api, "headers": {"X-Key": "***"}}}


@pytest.mark.parametrize("query", ["{ syncRuns(first: 0) { totalCount } }", "{ syncRuns(last: 101) { totalCount } }"])
async def test_pages_of_runs_keep_to_the_limits(client: httpx.AsyncClient, query: str) -> None:
    assert (await refused(client, query))["extensions"]["code"] == "BAD_USER_INPUT"
