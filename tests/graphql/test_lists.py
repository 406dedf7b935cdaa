"""Lists of versions, sources and registries: what they are filtered by, their order, their pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.errors import Invalid, RegistryNotFound
from app.core.opaque import decode_opaque, encode_opaque
from app.graphql.context import GraphQLContext
from app.graphql.inputs import NameFilter, ServerVersionWhere, ServerWhere, TextFilter
from app.models.queries import ListServers
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.graphql.asking import ask, refused
from tests.graphql.counting import counting
from tests.seeding import document, seed, tagged

ONE, TWO = "com.example/one", "org.example/two"
VERSIONS = """query($where: ServerVersionWhere, $order: ServerVersionOrder, $first: Int, $after: String, $last: Int,
    $before: String, $deleted: Boolean! = false) { serverVersions(registry: "default", where: $where, orderBy: $order,
    first: $first, after: $after, last: $last, before: $before, includeDeleted: $deleted) { totalCount
  edges { cursor node { name version } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
SOURCES = """query($where: SourceWhere, $first: Int, $after: String, $last: Int, $before: String) {
  sources(where: $where, first: $first, after: $after, last: $last, before: $before) { totalCount nodes { name }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
REGISTRIES = "query($where: RegistryWhere) { registries(where: $where) { totalCount nodes { name } } }"


async def fill(ctx: Ctx, folder: Path) -> None:
    one = [document(ONE, f"1.{number}.0") for number in range(6)]
    two = [tagged(TWO, "db", version="1.0.0", tier="Official"), document(TWO, "2.0.0-rc.1"), document(ONE, "9.0.0")]
    gone = [document("com.example/gone", version) for version in ("1.0.0", "2.0.0")]
    catalogue = await seed(ctx, folder, {"a": one, "b": two, "c": gone})
    catalogue.put("c", [document("com.example/gone", "1.0.0")])
    catalogue.put("broken", b"no JSON")
    catalogue.managed.append("hand")
    catalogue.registries["other"] = ["b"]
    await catalogue.sync()
    async with connect(ctx) as client:
        assert (await client.put("/extension/v0/registries/made", json={"managed": {}})).status_code == 201


@pytest.fixture(scope="module")
async def filled(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await fill(shared_ctx, tmp_path_factory.mktemp("filled"))
    async with connect(shared_ctx) as client:
        yield client


async def versions(client: httpx.AsyncClient, **variables: Any) -> list[str]:
    found = (await ask(client, VERSIONS, **{"first": None, "last": None, **variables}))["serverVersions"]
    return [f"{edge['node']['name'].partition('/')[2]} {edge['node']['version']}" for edge in found["edges"]]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"version": {"eq": "1.0.0"}}, ["gone 1.0.0", "one 1.0.0", "two 1.0.0"]),
        ({"version": {"in": ["1.5.0", "2.0.0-rc.1"]}}, ["one 1.5.0", "two 2.0.0-rc.1"]),
        ({"version": {"startsWith": "2."}}, ["two 2.0.0-rc.1"]),
        ({"version": {"contains": "RC"}}, ["two 2.0.0-rc.1"]),
        ({"isLatest": True}, ["gone 1.0.0", "one 1.5.0", "two 2.0.0-rc.1"]),
        ({"isLatest": False, "name": {"eq": TWO}}, ["two 1.0.0"]),
        ({"NOT": {"isLatest": False}}, ["gone 1.0.0", "one 1.5.0", "two 2.0.0-rc.1"]),
        ({"tags": {"has": "db"}}, ["two 1.0.0"]),
        ({"tier": {"eq": "Official"}}, ["two 1.0.0"]),
        ({"source": {"eq": "b"}}, ["two 1.0.0", "two 2.0.0-rc.1"]),
        ({"OR": [{"version": {"eq": "1.5.0"}}, {"AND": [{"isLatest": True}, {"name": {"eq": TWO}}]}]},
         ["one 1.5.0", "two 2.0.0-rc.1"]),
        ({"status": {"eq": "DELETED"}}, []),
    ],
)  # fmt: skip
async def test_versions_are_filtered(filled: httpx.AsyncClient, where: dict[str, Any], found: list[str]) -> None:
    assert await versions(filled, where=where) == found


async def test_deleted_versions_are_listed_where_they_are_asked_for(filled: httpx.AsyncClient) -> None:
    gone = {"name": {"contains": "gone"}}
    assert await versions(filled, where=gone) == ["gone 1.0.0"]
    assert await versions(filled, where=gone, deleted=True) == ["gone 1.0.0", "gone 2.0.0"]
    assert await versions(filled, where={"status": {"eq": "DELETED"}}, deleted=True) == ["gone 2.0.0"]


@pytest.mark.parametrize("field", ["NAME", "PUBLISHED_AT", "UPDATED_AT"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_of_versions_join_in_both_directions(filled: httpx.AsyncClient, field: str, direction: str) -> None:
    order = {"field": field, "direction": direction}
    whole = await versions(filled, order=order)
    assert len(whole) == len(set(whole)) == 9
    if field == "NAME":
        assert whole == sorted(whole, reverse=direction == "DESC")
    for size, onward, cursor, more in (
        ("first", "after", "endCursor", "hasNextPage"),
        ("last", "before", "startCursor", "hasPreviousPage"),
    ):
        joined: list[str] = []
        place: dict[str, Any] = {size: 4}
        while True:
            page = (await ask(filled, VERSIONS, order=order, **place))["serverVersions"]
            shown = [f"{e['node']['name'].partition('/')[2]} {e['node']['version']}" for e in page["edges"]]
            joined = joined + shown if size == "first" else shown + joined
            assert page["totalCount"] == 9
            if not page["pageInfo"][more]:
                break
            place[onward] = page["pageInfo"][cursor]
        assert joined == whole


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (None, ["a", "b", "broken", "c", "hand", "made"]),
        ({"name": {"eq": "a"}}, ["a"]),
        ({"name": {"in": ["a", "b", "nope"]}}, ["a", "b"]),
        ({"name": {"startsWith": "b"}}, ["b", "broken"]),
        ({"name": {"startsWith": "B"}}, []),
        ({"name": {"contains": "RO"}}, ["broken"]),
        ({"kind": {"eq": "MANAGED"}}, ["hand", "made"]),
        ({"kind": {"in": ["GIT", "FILE"]}, "NOT": {"phase": {"eq": "FAILED"}}}, ["a", "b", "c"]),
        ({"creationType": {"eq": "API"}}, ["made"]),
        ({"phase": {"eq": "FAILED"}}, ["broken"]),
        ({"phase": {"in": ["FAILED", "IDLE"]}}, ["broken", "hand", "made"]),
        ({"OR": [{"name": {"eq": "a"}}, {"phase": {"eq": "FAILED"}}]}, ["a", "broken"]),
        ({"AND": [{"kind": {"eq": "MANAGED"}}, {"creationType": {"eq": "CONFIG"}}]}, ["hand"]),
        ({"OR": []}, []),
        ({}, ["a", "b", "broken", "c", "hand", "made"]),
    ],
)
async def test_sources_are_filtered(filled: httpx.AsyncClient, where: Any, found: list[str]) -> None:
    shown = (await ask(filled, SOURCES, where=where))["sources"]
    assert [node["name"] for node in shown["nodes"]] == found
    assert shown["totalCount"] == len(found)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (None, ["default", "hand", "made", "other"]),
        ({"name": {"contains": "AD"}}, ["made"]),
        ({"creationType": {"in": ["API"]}}, ["made"]),
        ({"NOT": {"OR": [{"creationType": {"eq": "API"}}, {"name": {"eq": "default"}}]}}, ["hand", "other"]),
    ],
)
async def test_registries_are_filtered(filled: httpx.AsyncClient, where: Any, found: list[str]) -> None:
    shown = (await ask(filled, REGISTRIES, where=where))["registries"]
    assert [node["name"] for node in shown["nodes"]] == found
    assert shown["totalCount"] == len(found)


async def test_pages_of_sources_keep_to_the_filter(filled: httpx.AsyncClient) -> None:
    where = {"kind": {"eq": "FILE"}}
    first = (await ask(filled, SOURCES, where=where, first=3))["sources"]
    assert [node["name"] for node in first["nodes"]] == ["a", "b", "broken"]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    after = first["pageInfo"]["endCursor"]
    second = (await ask(filled, SOURCES, where=where, first=3, after=after))["sources"]
    assert [node["name"] for node in second["nodes"]] == ["c"]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
    before = second["pageInfo"]["startCursor"]
    back = (await ask(filled, SOURCES, where=where, last=2, before=before))["sources"]
    assert [node["name"] for node in back["nodes"]] == ["b", "broken"]
    error = await refused(filled, SOURCES, where={"kind": {"eq": "GIT"}}, after=after)
    assert "another list" in error["message"]


async def test_cursors_of_other_lists_are_refused(filled: httpx.AsyncClient) -> None:
    page = (await ask(filled, VERSIONS, first=1))["serverVersions"]["pageInfo"]["endCursor"]
    for variables in ({"where": {"isLatest": True}}, {"order": {"field": "UPDATED_AT"}}, {"deleted": True}):
        error = await refused(filled, VERSIONS, after=page, **variables)
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "another list" in error["message"]
    source = (await ask(filled, SOURCES, first=1))["sources"]["pageInfo"]["endCursor"]
    error = await refused(filled, "query($a: String) { registries(after: $a) { totalCount } }", a=source)
    assert "another list" in error["message"]


@pytest.mark.parametrize("name", ["Source", "Registry", "Server", "ServerVersion"])
async def test_filters_have_a_size(filled: httpx.AsyncClient, name: str) -> None:
    field = {"Source": "sources", "Registry": "registries", "Server": "servers", "ServerVersion": "serverVersions"}
    query = f"query($w: {name}Where) {{ {field[name]}(where: $w) {{ totalCount }} }}"
    deep: dict[str, Any] = {"name": {"eq": "a"}}
    for _ in range(11):
        deep = {"NOT": deep}
    too_large = [{"OR": [{"name": {"eq": "x"}}] * 101}, {"name": {"in": ["x"] * 251}}, deep]
    codes = [(await refused(filled, query, w=where))["extensions"]["code"] for where in too_large]
    assert set(codes) <= {"BAD_USER_INPUT", "TOO_MANY_ITEMS"}
    assert await ask(filled, query, w={"OR": [{"name": {"eq": "x"}}] * 100}) == {field[name]: {"totalCount": 0}}


def test_both_filters_of_servers_become_the_same() -> None:
    inner: dict[str, Any] = {"name": TextFilter(eq="a"), "tier": NameFilter(in_=["x"])}
    server = ServerWhere(all_of=[ServerWhere(**inner)], none_of=ServerWhere(**inner))
    version = ServerVersionWhere(all_of=[ServerVersionWhere(**inner)], none_of=ServerVersionWhere(**inner))
    assert server.to_filter() == version.to_filter()


COUNTED = [
    ("{ serverVersions { totalCount } }", 1),
    ("{ serverVersions { nodes { version } } }", 1),
    ("{ serverVersions { ...P totalCount } } fragment P on ServerVersionConnection { ... { nodes { id } } }", 2),
    ("{ servers { totalCount } }", 1),
    ("{ servers { edges { node { name } } } }", 1),
    ("{ servers(first: 3) { nodes { versions { totalCount } } } }", 2),
    ("{ servers(first: 3) { nodes { versions { nodes { version } } } } }", 2),
    ('{ server(name: "com.example/one") { latest { version } version(version: "1.1.0") { version } } }', 2),
    ("{ sources { totalCount } }", 1),
    ("{ syncRuns { totalCount } }", 1),
    ("{ catalogChanges { totalCount } }", 1),
    ("{ sources { nodes { runs { totalCount } } } }", 2),
    ("{ sources { nodes { runs { nodes { id } } } } }", 2),
    ("{ sources { nodes { runs { totalCount nodes { id } } } } }", 3),
    ("{ registries { nodes { name } totalCount } }", 1),
]


@pytest.mark.parametrize(("query", "count"), COUNTED)
async def test_only_what_is_selected_is_read(
    filled: httpx.AsyncClient, shared_ctx: Ctx, query: str, count: int
) -> None:
    with counting(shared_ctx) as seen:
        await ask(filled, query)
    assert len(seen) == count


async def test_nodes_that_are_gone_are_null(client: httpx.AsyncClient, ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document(ONE)], "b": [document(ONE)]}, {"r": ["a", "b"], "s": ["b"]})
    query = """{ server(name: "com.example/one", registry: "r") { id latest { id } shadows { latest { id } } }
      registry(name: "r") { id } source(name: "a") { id lastRun { id } } stays: server(name: "com.example/one") { id }
      catalogChanges(registry: "r") { nodes { id } } }"""
    data = await ask(client, query)
    server = data["server"]
    gone = [server["id"], server["latest"]["id"], server["shadows"][0]["latest"]["id"], data["registry"]["id"]]
    gone += [data["catalogChanges"]["nodes"][0]["id"], data["source"]["id"], data["source"]["lastRun"]["id"]]
    del catalogue.sources["a"], catalogue.registries["r"]
    await catalogue.sync()
    ids = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = (await ask(client, ids, ids=[*gone, data["stays"]["id"]]))["nodes"]
    assert found == [*[None] * len(gone), {"id": data["stays"]["id"]}]


async def test_aliases_of_a_field_fail_by_themselves(client: httpx.AsyncClient, ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"a": [document(ONE)]})
    query = """{ good: server(name: "com.example/one") { name } nobody: server(name: "x/y") { name }
      bad: server(name: "com.example/one", registry: "nope") { name } nul: server(name: "a\\u0000") { name } }"""
    body = (await client.post("/graphql", json={"query": query})).json()
    assert body["data"] == {"good": {"name": ONE}, "nobody": None, "bad": None, "nul": None}
    codes = {error["path"][0]: error["extensions"]["code"] for error in body["errors"]}
    assert codes == {"bad": "REGISTRY_NOT_FOUND", "nul": "BAD_USER_INPUT"}


async def test_runs_of_an_unknown_source_are_none(filled: httpx.AsyncClient) -> None:
    data = await ask(filled, '{ syncRuns(source: "nope") { totalCount nodes { id } } }')
    assert data == {"syncRuns": {"totalCount": 0, "nodes": []}}


@pytest.mark.parametrize(
    "arguments", ["first: 2", "last: 2", 'search: "one"', 'search: "onne"', "includeDeleted: true"]
)
async def test_lists_of_several_registries_are_those_of_each(filled: httpx.AsyncClient, arguments: str) -> None:
    """Registries beside each other are read with one statement; what each shows is what it shows alone."""
    shown = f"({arguments}) {{ totalCount correction facets {{ sources {{ value count }} tags {{ value count }} }}"
    shown += " pageInfo { hasNextPage hasPreviousPage } nodes { id } edges { cursor rank } }"
    beside = (await ask(filled, f"{{ registries {{ nodes {{ name servers{shown} }} }} }}"))["registries"]["nodes"]
    assert len(beside) == 4
    for registry in beside:
        alone = await ask(filled, f'{{ registry(name: "{registry["name"]}") {{ servers{shown} }} }}')
        assert registry["servers"] == alone["registry"]["servers"]
    assert [registry["servers"]["totalCount"] for registry in beside[1:3]] == [0, 0]
    assert beside[0]["servers"]["totalCount"] > 0


async def test_lists_beside_each_other_fail_by_themselves(filled: httpx.AsyncClient, shared_ctx: Ctx) -> None:
    """Two lists that are read together, and what is wrong with one of them."""
    context = GraphQLContext(shared_ctx)
    good, unknown, nul = (ListServers(registry=name) for name in ("default", "nope", "a\0"))
    found = await asyncio.gather(
        *(context.loaders.servers_found.load(query) for query in (good, unknown, nul)), return_exceptions=True
    )
    assert isinstance(found[0], int)
    assert found[0] > 0
    assert [type(error) for error in found[1:]] == [RegistryNotFound, Invalid]
    query = """{ good: registry(name: "default") { servers { totalCount } }
      bad: registry(name: "other") { servers(after: "junk") { totalCount } } }"""
    body = (await filled.post("/graphql", json={"query": query})).json()
    assert body["data"] == {"good": {"servers": {"totalCount": 3}}, "bad": None}
    assert body["errors"][0]["path"] == ["bad", "servers"]


FORGED: tuple[Any, ...] = (2**31, -(2**63), 2**63 - 1, None, True, [], {}, [[]], "x", "\ud7ff")


@pytest.mark.parametrize(
    ("listed", "part"),
    [
        ("servers(WINDOW) EDGES", 0),
        ('servers(search: "one", WINDOW) EDGES', 0),
        ('servers(search: "one", WINDOW) EDGES', 1),
        ('servers(search: "one", WINDOW) EDGES', 2),
        ("servers(orderBy: { field: UPDATED_AT }, WINDOW) EDGES", 0),
        ("serverVersions(WINDOW) EDGES", 1),
        (f'server(name: "{ONE}") {{ versions(WINDOW) EDGES }}', 0),
        (f'server(name: "{ONE}") {{ versions(WINDOW) EDGES }}', 1),
        ("syncRuns(WINDOW) EDGES", 0),
        ('source(name: "a") { runs(WINDOW) EDGES }', 0),
        ("catalogChanges(WINDOW) EDGES", 0),
        ("sources(WINDOW) EDGES", 0),
    ],
)
async def test_a_forged_cursor_is_refused_or_a_place(filled: httpx.AsyncClient, listed: str, part: int) -> None:
    """The sum in a cursor has no key: whoever makes one may put there what no column can be compared with."""
    operation = "{ " + listed.replace("EDGES", "{ edges { cursor } }") + " }"
    (found,) = (await ask(filled, operation.replace("WINDOW", "first: 1"))).values()
    edges = found["edges"] if "edges" in found else next(iter(found.values()))["edges"]
    key, owner = decode_opaque(edges[0]["cursor"], "after")
    for forged in FORGED:
        cursor = encode_opaque([[*key[:part], forged, *key[part + 1 :]], owner])
        for argument in ("after", "before"):
            window = f'{argument}: "{cursor}"'
            body = (await filled.post("/graphql", json={"query": operation.replace("WINDOW", window)})).json()
            codes = [error["extensions"]["code"] for error in body.get("errors", ())]
            assert codes in ([], ["BAD_USER_INPUT"]), (forged, body)
