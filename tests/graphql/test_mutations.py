"""Operating sources through GraphQL: run now, look at what a run would do, accept a held one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.errors import Unavailable
from app.graphql.node import node_id
from app.models.kinds import SyncTrigger
from app.models.views import DueSource, WorkerView
from app.resolvers.context import Ctx
from app.resolvers.sync import lease_next, run_next_due
from tests.conftest import connect
from tests.graphql.asking import ask, refused
from tests.graphql.shrinking import seed_held
from tests.seeding import Catalogue, document, seed

SYNC = """mutation($input: SyncSourceInput!) { syncSource(input: $input) {
  source { name sync { phase requested } } errors { field message code } } }"""
PREVIEW = """mutation($input: PreviewSyncInput!, $first: Int! = 200) { previewSync(input: $input) {
  preview { fetched added updated removed rejected held { entries removed names }
    addedVersions(first: $first) { name version } updatedVersions(first: $first) { name version }
    removedVersions(first: $first) { name version } rejections(first: $first) { name version reason } }
  errors { field message code } } }"""
ACCEPT = """mutation($input: AcceptHeldSyncInput!) { acceptHeldSync(input: $input) {
  source { name sync { requested } } errors { field message code } } }"""
STATE = """{ syncRuns { totalCount } service { revision } sources { nodes { entryCount versionCount updatedAt
  sync { phase lastAttemptAt nextRunAt requested heldRun { id } } } } }"""


async def change(client: httpx.AsyncClient, mutation: str, **given: Any) -> Any:
    (payload,) = (await ask(client, mutation, input=given)).values()
    return payload


async def managed(ctx: Ctx, folder: Path) -> Catalogue:
    """A source of one server and one that nothing is ever fetched for."""
    catalogue = Catalogue(ctx, folder)
    catalogue.put("a", [document("a/b")])
    catalogue.registries["default"] = ["a"]
    catalogue.managed.append("m")
    await catalogue.sync()
    return catalogue


async def test_source_is_synchronised_on_request(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("a/b")]})
    assert not await run_next_due(ctx, "test", SyncTrigger.SCHEDULE), "its hour has not passed"
    catalogue.put("a", [document("a/b"), document("a/c")])
    payload = await change(client, SYNC, source="a", full=True)
    assert payload == {"source": {"name": "a", "sync": {"phase": "COMPLETE", "requested": True}}, "errors": []}
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    found = await ask(client, '{ source(name: "a") { entryCount sync { requested } lastRun { trigger } } }')
    assert found["source"] == {"entryCount": 2, "sync": {"requested": False}, "lastRun": {"trigger": "MANUAL"}}


async def test_request_is_handed_to_the_workers_if_they_can_be_reached(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"a": [document("a/b")]})
    queue = Taking()
    async with connect(replace(ctx, queue=queue)) as client:
        assert (await change(client, SYNC, source="a"))["errors"] == []
        assert queue.taken == ["a"]
        queue.away = True
        payload = await change(client, SYNC, source="a")
    assert (payload["errors"], payload["source"]["sync"]["requested"]) == ([], True), "the next tick takes it"


class Taking:
    """Workers as far as the resolvers know them: what they are given, and whether they can be reached."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.away = False

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        if self.away:
            raise Unavailable("the queue is away")
        self.taken += [source.name for source in due]
        return len(due)

    async def list_workers(self) -> tuple[WorkerView, ...]:
        return ()


async def test_preview_tells_what_a_run_would_do_and_does_nothing(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("a/same"), document("a/other"), document("a/gone")]})
    changed = document("a/other", description="now something else")
    catalogue.put("a", [document("a/same"), changed, document("a/new", "2.0.0"), document("bad")])
    before = await ask(client, STATE)
    payload = await change(client, PREVIEW, source="a")
    (rejection,) = payload["preview"].pop("rejections")
    assert (rejection["name"], "name" in rejection["reason"]) == ("bad", True)
    assert payload == {
        "preview": {
            "fetched": 4,
            "added": 1,
            "updated": 1,
            "removed": 1,
            "rejected": 1,
            "held": None,
            "addedVersions": [{"name": "a/new", "version": "2.0.0"}],
            "updatedVersions": [{"name": "a/other", "version": "1.0.0"}],
            "removedVersions": [{"name": "a/gone", "version": "1.0.0"}],
        },
        "errors": [],
    }
    assert await ask(client, STATE) == before


async def test_preview_names_only_the_first_and_counts_all(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("a/b")]})
    catalogue.put("a", [*(document(f"a/c{n}") for n in range(250)), *(document(f"bad{n}") for n in range(220))])
    preview = (await change(client, PREVIEW, source="a"))["preview"]
    assert (preview["added"], preview["removed"], preview["rejected"]) == (250, 1, 220)
    assert (len(preview["addedVersions"]), len(preview["rejections"])) == (200, 200)
    few = (await ask(client, PREVIEW, input={"source": "a"}, first=3))["previewSync"]["preview"]
    assert (few["addedVersions"], few["added"]) == (preview["addedVersions"][:3], 250)
    for first in (0, 201, -1):
        body = {"query": PREVIEW, "variables": {"input": {"source": "a"}, "first": first}}
        errors = (await client.post("/graphql", json=body)).json()["errors"]
        assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}


async def test_held_run_is_previewed_and_accepted(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed_held(ctx, tmp_path, "a")
    preview = (await change(client, PREVIEW, source="a"))["preview"]
    assert (preview["held"]["entries"], preview["held"]["removed"]) == (12, 10)
    assert preview["held"]["names"][:1] == ["a/b02"]
    found = await ask(client, '{ source(name: "a") { id sync { heldRun { id } } } }')
    run = found["source"]["sync"]["heldRun"]["id"]
    refusal = await change(client, ACCEPT, source="a", run=node_id("SyncRun", 999))
    assert (refusal["source"], [error["code"] for error in refusal["errors"]]) == (None, ["CONFLICT"])
    assert refusal["errors"][0]["field"] == ["run"]
    for wrong in ("junk", found["source"]["id"], node_id("SyncRun", "1"), node_id("SyncRun", True)):
        error = await refused(client, ACCEPT, input={"source": "a", "run": wrong})
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert not await run_next_due(ctx, "test", SyncTrigger.SCHEDULE), "nothing was accepted"
    payload = await change(client, ACCEPT, source="a", run=run)
    assert payload == {"source": {"name": "a", "sync": {"requested": True}}, "errors": []}
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    found = await ask(client, '{ source(name: "a") { entryCount sync { phase heldRun { id } } } }')
    assert found["source"] == {"entryCount": 2, "sync": {"phase": "COMPLETE", "heldRun": None}}


REFUSALS: list[tuple[str, str, str, list[str] | None]] = [
    (SYNC, "nobody", "NOT_FOUND", ["source"]),
    (SYNC, "m", "INVALID", ["source"]),
    (SYNC, "a\0", "INVALID", ["source"]),
    (SYNC, "", "NOT_FOUND", ["source"]),
    (PREVIEW, "nobody", "NOT_FOUND", ["source"]),
    (PREVIEW, "m", "INVALID", ["source"]),
    (ACCEPT, "nobody", "NOT_FOUND", ["source"]),
    (ACCEPT, "a", "CONFLICT", ["source"]),
]


@pytest.mark.parametrize(("mutation", "source", "code", "field"), REFUSALS)
async def test_refusal_stands_in_the_payload_and_changes_nothing(
    ctx: Ctx,
    tmp_path: Path,
    client: httpx.AsyncClient,
    mutation: str,
    source: str,
    code: str,
    field: list[str] | None,
) -> None:
    await managed(ctx, tmp_path)
    before = await ask(client, STATE)
    payload = await change(client, mutation, source=source)
    (error,) = payload.pop("errors")
    assert (error["code"], error["field"], list(payload.values())) == (code, field, [None])
    assert error["message"]
    assert await ask(client, STATE) == before


async def test_run_under_way_and_failing_source_are_refusals(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    catalogue = await managed(ctx, tmp_path)
    catalogue.file("a").unlink()
    (error,) = (await change(client, PREVIEW, source="a"))["errors"]
    assert (error["code"], error["field"], "a.json" in error["message"]) == ("SOURCE_FAILED", None, True)
    assert (await change(client, SYNC, source="a"))["errors"] == []
    assert await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    (error,) = (await change(client, SYNC, source="a"))["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["source"])


async def test_mutations_of_one_operation_see_what_the_one_before_did(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    await seed_held(ctx, tmp_path, "a", "b")
    state = "source { registries { name } lastRun { id source { sync { requested } } } } errors { code }"
    data = await ask(
        client,
        f"""mutation {{ one: acceptHeldSync(input: {{source: "a"}}) {{ {state} }}
          two: syncSource(input: {{source: "b"}}) {{ {state} }}
          three: syncSource(input: {{source: "a"}}) {{ {state} }} }}""",
    )
    assert [payload["errors"] for payload in data.values()] == [[], [], []]
    assert [payload["source"]["lastRun"]["source"]["sync"]["requested"] for payload in data.values()] == [True] * 3


@pytest.mark.parametrize(
    "query",
    [
        'mutation { syncSource(input: {source: "a", nope: 1}) { errors { code } } }',
        "mutation { syncSource(input: {}) { errors { code } } }",
        "mutation { syncSource(input: {source: null}) { errors { code } } }",
        'mutation { syncSource(source: "a") { errors { code } } }',
        'mutation { syncSource(input: {source: "a", full: "yes"}) { errors { code } } }',
    ],
)
async def test_malformed_mutation_is_an_error_of_the_operation(client: httpx.AsyncClient, query: str) -> None:
    body = (await client.post("/graphql", json={"query": query})).json()
    assert {error["extensions"]["code"] for error in body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "text/event-stream", "multipart/mixed;subscriptionSpec=1.0"]
)
async def test_mutation_by_get_is_refused(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, accept: str) -> None:
    await managed(ctx, tmp_path)
    before = await ask(client, STATE)
    query = 'query Read { service { version } } mutation Write { syncSource(input: {source: "a"}) { errors { code } } }'
    for name in ("Write", "Read") if accept == "application/json" else ("Write",):
        parameters = {"query": query, "operationName": name}
        answer = await client.get("/graphql", params=parameters, headers={"Accept": accept})
        streamed = accept == "text/event-stream"  # where the answer has begun before the operation is looked at
        assert answer.status_code == (405 if name == "Write" and not streamed else 200), answer.text
        assert ('"METHOD_NOT_ALLOWED"' in answer.text) == (name == "Write")
    assert await ask(client, STATE) == before


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (
            {"query": "query A { __typename } query B { __typename }", "operationName": "C"},
            "C",
            "OPERATION_RESOLUTION_FAILURE",
        ),
        ({"variables": {}}, "query is missing", "BAD_USER_INPUT"),
    ],
)
async def test_operation_that_is_not_there_is_a_json_error(
    client: httpx.AsyncClient, body: dict[str, Any], words: str, code: str
) -> None:
    answer = await client.post("/graphql", json=body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (words in error["message"], error["extensions"]["code"]) == (True, code)


async def test_limits_hold_for_mutations(client: httpx.AsyncClient) -> None:
    field = 'syncSource(input: {source: "x"}) { errors { code } }'
    many = "mutation { " + " ".join(f"a{number}: {field}" for number in range(60)) + " }"
    body = (await client.post("/graphql", json={"query": many})).json()
    assert "data" not in body
    assert any("aliases" in error["message"] for error in body["errors"])
