"""Nodes, total and facets of a list agree with each other and with the rules, on random catalogues, to any viewer."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.viewer import ANONYMOUS, Viewer
from app.models.queries import Visibility
from app.resolvers.context import Ctx
from app.resolvers.sources import list_sources
from tests.conftest import StatementCounter, connect
from tests.effort import EFFORT
from tests.graphql import oracle
from tests.graphql.asking import ask, refused
from tests.graphql.oracle import History
from tests.seeding import Catalogue, document, seed, tagged

FACETS = """facets { tags(first: 100) { value count } registryTypes { value count } transports { value count }
  sources { value count } statuses { value count } tiers { value count } namespaces(first: 100) { value count } }"""
LIST = """query($registry: String, $search: String, $where: ServerWhere, $deleted: Boolean!) {
  servers(registry: $registry, search: $search, where: $where, first: 100, includeDeleted: $deleted) {
    totalCount correction edges { rank node { name status source { name } } } FACETS } }""".replace("FACETS", FACETS)
REGISTRIES = {"abc": ["a", "b", "c"], "cb": ["c", "b"], "b": ["b"]}
QUERIES = 15 * EFFORT


async def random_catalogue(ctx: Ctx, folder: Path, rng: random.Random) -> History:
    catalogue, history = Catalogue(ctx, folder), History()
    catalogue.registries.update(REGISTRIES)
    for _ in range(2):  # the second round leaves tombstones behind
        for source in ("a", "b", "c"):
            documents = [
                oracle.random_document(rng, name, version)
                for name in oracle.NAMES
                if rng.random() > 0.4
                for version in rng.sample(["1.0.0", "2.0.0"], rng.randint(1, 2))
            ] or [oracle.random_document(rng, oracle.NAMES[0], "1.0.0")]
            history.put(source, documents)
            catalogue.put(source, documents, claims={"team": source})
        await catalogue.sync()
    return history


async def viewers(ctx: Ctx, rng: random.Random) -> list[tuple[Viewer, set[str]]]:
    """Who sees everything, and who sees some of the sources, with the names of those."""
    sets = {source.name: source.claim_set_id for source in await list_sources(ctx)}
    chosen = [set(rng.sample(sorted(sets), count)) for count in (0, 1, 2)]
    restricted = [(Viewer(Visibility(tuple(sorted(sets[name] for name in names)))), names) for names in chosen]
    return [(ANONYMOUS, set(sets)), *restricted]


@pytest.mark.parametrize("number", range(4))
async def test_lists_and_their_facets_follow_the_rules(ctx: Ctx, tmp_path: Path, number: int) -> None:
    rng = random.Random(number)  # noqa: S311  # reproducible test data
    history = await random_catalogue(ctx, tmp_path, rng)
    found = 0
    for viewer, visible in await viewers(ctx, rng):
        async with connect(replace(ctx, viewer=viewer)) as client:
            for _ in range(QUERIES):
                found += await compare(client, history, visible, rng)
    assert found > QUERIES, "most lists are not empty"


async def compare(client: httpx.AsyncClient, history: History, visible: set[str], rng: random.Random) -> int:
    registry = rng.choice([None, *REGISTRIES])
    sources = [source for source in REGISTRIES.get(registry or "abc", ()) if source in visible]
    deleted, text = rng.random() < 0.3, oracle.random_search(rng)
    where = None if rng.random() < 0.3 else oracle.random_where(rng)
    rows = [row for row in history.seen(sources, deleted=deleted) if where is None or oracle.holds(where, row)]
    asked = {"registry": registry, "where": where, "deleted": deleted}
    servers = (await ask(client, LIST, **asked, search=text))["servers"]
    expected = rows if text is None else oracle.search(rows, text)
    if text is not None and not expected:
        return await check_correction(client, servers, asked, rows)
    check(servers, expected, text)
    assert servers["correction"] is None
    return len(expected)


def check(servers: dict[str, Any], expected: list[oracle.Row], text: str | None) -> None:
    by_name = {row.name: row for row in expected}
    nodes = [edge["node"] for edge in servers["edges"]]
    assert sorted(node["name"] for node in nodes) == sorted(by_name), text
    for node in nodes:
        row = by_name[node["name"]]
        assert (node["source"]["name"], node["status"]) == (row.source, row.values["status"])
    assert servers["totalCount"] == len(expected)
    facets = {facet: [(v["value"], v["count"]) for v in values] for facet, values in servers["facets"].items()}
    assert facets == oracle.count_facets(expected)
    places = [(-(edge["rank"] or 0), edge["node"]["name"]) for edge in servers["edges"]]
    assert places == sorted(places)
    assert all((edge["rank"] is None) == (text is None) for edge in servers["edges"])
    if text is not None:
        tiers = [oracle.tier(by_name[node["name"]], text) for node in nodes]
        assert tiers == sorted(tiers, reverse=True)


async def check_correction(
    client: httpx.AsyncClient, servers: dict[str, Any], asked: dict[str, Any], rows: list[oracle.Row]
) -> int:
    """What is found instead is exactly what the correction finds; and only what the filter and the viewer admit."""
    told = servers["correction"]
    assert (told is None) == (servers["edges"] == [])
    assert {edge["node"]["name"] for edge in servers["edges"]} <= {row.name for row in rows}
    if told is not None and " or " not in told:
        again = (await ask(client, LIST, **asked, search=told))["servers"]
        assert again == {**servers, "correction": None}
    return len(servers["edges"])


async def test_facets_are_one_statement_and_only_when_selected(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    await seed(ctx, tmp_path, {"s": [tagged(f"a/b{n:02}", "t", f"t{n}") for n in range(30)]})
    counts = []
    for selected in ("", "facets { tags { value } }", FACETS, f"{FACETS} again: {FACETS}"):
        with statements() as seen:
            await ask(client, f"{{ servers(first: 3) {{ nodes {{ name }} {selected} }} }}")
        counts.append(len(seen))
    assert [count - counts[0] for count in counts] == [0, 1, 1, 1]


async def test_the_most_frequent_values_come_first(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    documents = [tagged(f"a{n}.example/b", *(f"t{m:03}" for m in range(n + 1)), "Ä") for n in range(130)]
    await seed(ctx, tmp_path, {"s": documents})
    query = "{ servers(first: 1) { facets { tags(first: 3) { value count } all: tags(first: 100) { value }"
    facets = (await ask(client, query + " namespaces(first: 2) { value count } } } }"))["servers"]["facets"]
    assert facets["tags"] == [
        {"value": "t000", "count": 130},
        {"value": "Ä", "count": 130},
        {"value": "t001", "count": 129},
    ]
    assert len(facets["all"]) == 100
    assert facets["namespaces"] == [{"value": "a0.example", "count": 1}, {"value": "a1.example", "count": 1}]


async def test_facets_of_a_registry_count_its_own(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed(
        ctx,
        tmp_path,
        {"a": [document("x/one")], "b": [document("x/one"), document("x/two")]},
        {"ab": ["a", "b"], "ba": ["b", "a"]},
    )
    query = "{ registries { nodes { name servers { facets { sources { value count } } } } } }"
    found = (await ask(client, query))["registries"]["nodes"]
    assert {node["name"]: node["servers"]["facets"]["sources"] for node in found} == {
        "ab": [{"value": "a", "count": 1}, {"value": "b", "count": 1}],
        "ba": [{"value": "b", "count": 2}],
    }


@pytest.mark.parametrize(("facet", "first"), [("tags", 0), ("tags", 101), ("namespaces", -1)])
async def test_values_asked_for_are_limited(client: httpx.AsyncClient, facet: str, first: int) -> None:
    error = await refused(client, f"{{ servers {{ facets {{ {facet}(first: {first}) {{ value }} }} }} }}")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert f"first of {facet} must be from 1 to 100" in error["message"]
