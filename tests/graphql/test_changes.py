"""The change feed as a query: its connection, its nodes, its cursors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from app.resolvers.context import Ctx
from app.resolvers.entries import publish
from app.resolvers.registration import delete_registration, put_registration
from tests.conftest import StatementCounter
from tests.graphql.asking import ask, refused
from tests.seeding import Catalogue, document, seed

FEED = """query($registry: String, $first: Int, $after: String, $last: Int, $before: String) {
  catalogChanges(registry: $registry, first: $first, after: $after, last: $last, before: $before) {
    totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { id cursor revision at action name version
      source { name } server { name } serverVersion { version status } } } } }"""


async def feed(client: httpx.AsyncClient, **variables: Any) -> Any:
    return (await ask(client, FEED, **variables))["catalogChanges"]


def nodes(connection: Any) -> list[Any]:
    return [edge["node"] for edge in connection["edges"]]


async def test_feed_is_paged_both_ways_oldest_first(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/{number}") for number in range(5)]})
    whole = await feed(client)
    assert [change["name"] for change in nodes(whole)] == [f"a/{number}" for number in range(5)]
    assert whole["totalCount"] == 5
    first = await feed(client, first=2)
    second = await feed(client, first=2, after=first["pageInfo"]["endCursor"])
    back = await feed(client, last=2, before=second["pageInfo"]["startCursor"])
    assert nodes(first) + nodes(second) == nodes(whole)[:4]
    assert nodes(back) == nodes(first)
    assert nodes(await feed(client, last=3)) == nodes(whole)[2:]
    assert all(edge["cursor"] == edge["node"]["cursor"] for edge in whole["edges"])
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)


async def test_change_tells_what_became_of_source_server_and_version(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")], "t": [document("a/c")]})
    catalogue.put("s", [])
    catalogue.put("t", [document("a/c", title="C")])
    del catalogue.sources["s"]
    catalogue.registries["default"] = ["t"]
    await catalogue.sync()
    found = [
        (c["action"], c["name"], c["source"], c["server"], c["serverVersion"])
        for c in nodes(await feed(client, registry="default"))
    ]
    there = ({"name": "t"}, {"name": "a/c"}, {"version": "1.0.0", "status": "ACTIVE"})
    assert sorted(found, key=repr) == sorted(
        [
            ("ADDED", "a/b", None, None, None),
            ("ADDED", "a/c", *there),
            ("REMOVED", "a/b", None, None, None),
            ("UPDATED", "a/c", *there),
        ],
        key=repr,
    )


async def test_version_that_a_namesake_hides_is_null(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    """The server is then that of the other source, which the description says; the version is not."""
    await seed(ctx, tmp_path, {"s": [document("a/b")], "t": [document("a/b")]})
    found = {c["source"]["name"]: (c["server"], c["serverVersion"]) for c in nodes(await feed(client))}
    shown = {"version": "1.0.0", "status": "ACTIVE"}
    assert found == {"s": ({"name": "a/b"}, shown), "t": ({"name": "a/b"}, None)}


async def test_nodes_of_changes_are_found_again(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", [document("a/b")])
    catalogue.put("t", [document("a/c")])
    catalogue.registries.update({"one": ["s"], "both": ["s", "t"]})
    await catalogue.sync()
    changes = nodes(await feed(client, registry="both"))
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on CatalogChange { name cursor } } }"
    found = (await ask(client, query, ids=[change["id"] for change in changes]))["nodes"]
    assert found == [
        {"__typename": "CatalogChange", "id": c["id"], "name": c["name"], "cursor": c["cursor"]} for c in changes
    ]
    await put_registration(ctx, "mine", {"managed": {}})
    await publish(ctx, "mine", document("com.example/own"))
    (own,) = nodes(await feed(client, registry="mine"))
    assert (await ask(client, query, ids=[own["id"]]))["nodes"][0]["name"] == "com.example/own"
    await delete_registration(ctx, "mine")
    assert (await ask(client, query, ids=[own["id"], changes[0]["id"]]))["nodes"] == [None, found[0]]


async def test_feed_in_which_nothing_happened_has_an_end_to_go_on_from(ctx: Ctx, client: httpx.AsyncClient) -> None:
    await put_registration(ctx, "mine", {"managed": {}})
    empty = await feed(client, registry="mine")
    assert (empty["totalCount"], empty["edges"]) == (0, [])
    end = empty["pageInfo"]["endCursor"]
    assert end is not None
    assert (await feed(client, registry="mine", after=end))["pageInfo"]["endCursor"] == end
    assert (await feed(client, registry="mine", last=5, before=end))["pageInfo"]["endCursor"] is None


async def test_bad_arguments_are_refused(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    end = (await feed(client))["pageInfo"]["endCursor"]
    assert (await refused(client, FEED, registry="no-such"))["extensions"]["code"] == "REGISTRY_NOT_FOUND"
    for variables, told in (
        ({"registry": "default", "after": end}, "after is a cursor of another list"),
        ({"after": end[:-2]}, "Invalid after"),
        ({"before": "junk"}, "Invalid before"),
        ({"first": 0}, "first must be"),
        ({"first": 1, "last": 1}, "either first or last"),
        ({"registry": "a\0"}, "NUL"),
    ):
        error = await refused(client, FEED, **variables)
        assert error["extensions"]["code"] == "BAD_USER_INPUT", variables
        assert told in error["message"], variables


async def test_statements_do_not_depend_on_the_size_of_the_page(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    for name in "stu":
        catalogue.put(name, [document(f"{name}/{number}", f"1.{number}.0") for number in range(20)])
    catalogue.registries["default"] = list("stu")
    await catalogue.sync()
    counts = []
    for first in (2, 50):
        with statements() as seen:
            assert len(nodes(await feed(client, registry="default", first=first))) == first
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 12, counts
