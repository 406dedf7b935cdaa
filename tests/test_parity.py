"""REST and GraphQL tell the same story: names, versions, order, latest, status, on random catalogues, to any viewer."""

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
from tests.conftest import connect
from tests.seeding import Catalogue, tagged

VERSIONS = ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "2025-06-18", "v3.0.0", "nightly"]
LIST = """query($registry: String, $where: ServerWhere, $after: String, $deleted: Boolean!) {
  servers(registry: $registry, where: $where, first: 7, after: $after, includeDeleted: $deleted) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { name latest { version status statusMessage publishedAt updatedAt statusChangedAt isLatest document }
      versions(first: 100, includeDeleted: $deleted) { nodes { version status isLatest } } } } }"""


def random_documents(rng: random.Random) -> list[dict[str, Any]]:
    return [
        tagged(f"{space}/{name}", "t", version=version, status=rng.choice(["Active", "Deprecated"]))
        for space in ("com.example", "org.example")
        for name in ("Alpha", "beta", "gamma", "delta-9")
        if rng.random() > 0.3
        for version in rng.sample(VERSIONS, rng.randint(1, 4))
    ]


async def random_catalogue(ctx: Ctx, folder: Path, seed_number: int) -> Catalogue:
    rng = random.Random(seed_number)  # noqa: S311  # reproducible test data
    sources = {name: random_documents(rng) for name in ("a", "b", "c")}
    catalogue = Catalogue(ctx, folder)
    catalogue.registries = {"abc": ["a", "b", "c"], "cb": ["c", "b"], "b": ["b"]}
    for name, documents in sources.items():
        catalogue.put(name, documents, claims={"team": name})
    await catalogue.sync()
    for name in sources:  # a second round leaves tombstones behind
        catalogue.put(name, random_documents(rng) or sources[name])
    await catalogue.sync()
    return catalogue


async def over_rest(client: httpx.AsyncClient, base: str, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = (await client.get(f"{base}/v0.1/servers?limit=5{query}{cursor}")).json()
        found += body["servers"]
        if "nextCursor" not in body["metadata"]:
            return found
        cursor = f"&cursor={body['metadata']['nextCursor']}"


async def over_graphql(client: httpx.AsyncClient, **variables: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.post("/graphql", json={"query": LIST, "variables": variables})
        page = answer.json()["data"]["servers"]
        found += page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"]
            return found
        variables["after"] = page["pageInfo"]["endCursor"]


def official(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["_meta"]["io.modelcontextprotocol.registry/official"]
    return found


async def viewers(ctx: Ctx, rng: random.Random) -> list[Viewer]:
    """Who sees everything, nothing, and three random choices of the sources' claim sets."""
    held = [source.claim_set_id for source in await list_sources(ctx)]
    chosen = [(), *(tuple(rng.sample(held, rng.randint(1, 2))) for _ in range(3))]
    return [ANONYMOUS, *(Viewer(Visibility(claim_sets)) for claim_sets in chosen)]


@pytest.mark.parametrize("seed_number", range(6))
async def test_both_transports_agree(ctx: Ctx, tmp_path: Path, seed_number: int) -> None:
    await random_catalogue(ctx, tmp_path, seed_number)
    for viewer in await viewers(ctx, random.Random(seed_number)):  # noqa: S311  # reproducible test data
        async with connect(replace(ctx, viewer=viewer)) as client:
            for registry in (None, "abc", "cb", "b"):
                for deleted in (False, True):
                    shown = await compare(client, registry, deleted=deleted)
                    assert shown == 0 or viewer.visibility.claim_sets != ()


async def compare(client: httpx.AsyncClient, registry: str | None, *, deleted: bool) -> int:
    """How many servers both transports show."""
    base = "" if registry is None else f"/registry/{registry}"
    flags = "&include_deleted=true" * deleted
    latest = await over_rest(client, base, f"{flags}&version=latest")
    every = await over_rest(client, base, flags)
    nodes = await over_graphql(client, registry=registry, deleted=deleted)
    assert [n["name"] for n in nodes] == [i["server"]["name"] for i in latest]
    for node, item in zip(nodes, latest, strict=True):
        compare_latest(node["latest"], item)
        versions = {
            (i["server"]["version"], official(i)["status"], official(i)["isLatest"])
            for i in every
            if i["server"]["name"] == node["name"]
        }
        shown = [(v["version"], v["status"].lower(), v["isLatest"]) for v in node["versions"]["nodes"]]
        assert set(shown) == versions
        assert len(shown) == len(versions)
        assert sum(is_latest for _, _, is_latest in shown) == 1
    await compare_text(client, registry, deleted=deleted)
    return len(nodes)


async def compare_text(client: httpx.AsyncClient, registry: str | None, *, deleted: bool) -> None:
    """REST's search is a substring of name, title or description, which a filter can ask for, too."""
    base = "" if registry is None else f"/registry/{registry}"
    for text in ("ALPHA", "com.example"):
        rest = await over_rest(client, base, f"{'&include_deleted=true' * deleted}&version=latest&search={text}")
        where = {"OR": [{name: {"contains": text}} for name in ("name", "title", "description")]}
        nodes = await over_graphql(client, registry=registry, where=where, deleted=deleted)
        assert [node["name"] for node in nodes] == [item["server"]["name"] for item in rest]


def compare_latest(version: dict[str, Any], item: dict[str, Any]) -> None:
    meta = official(item)
    assert version["document"] == item["server"]
    assert version["version"] == item["server"]["version"]
    assert (version["status"].lower(), version["statusMessage"]) == (meta["status"], meta.get("statusMessage"))
    assert version["isLatest"] is meta["isLatest"] is True
    for name in ("publishedAt", "updatedAt", "statusChangedAt"):
        assert version[name].replace("+00:00", "Z") == meta[name]
