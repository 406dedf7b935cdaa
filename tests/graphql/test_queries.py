"""The reading half of the GraphQL API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.graphql.schema import print_sdl
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.graphql.asking import ask, refused
from tests.seeding import Catalogue, document, seed, tagged

ROOT = Path(__file__).parents[2]

PACKAGE = {
    "registryType": "oci",
    "identifier": "ghcr.io/acme/one:1",
    "transport": {"type": "streamable-http", "url": "http://localhost:{port}", "headers": [{"name": "X-Key"}]},
    "packageArguments": [{"type": "positional", "valueHint": "path", "isRepeated": True}],
    "environmentVariables": [
        {"name": "TOKEN", "isRequired": True, "isSecret": True, "value": "{t}", "variables": {"t": {"default": "x"}}}
    ],
}
ONE = tagged("com.example/one", "db", "sql", version="2.0.0", tools=["query"], tier="Official") | {
    "title": "One",
    "websiteUrl": "https://one.example.com",
    "repository": {"url": "https://github.com/acme/one", "source": "github"},
    "icons": [{"src": "https://one.example.com/i.png", "sizes": ["48x48"]}],
    "packages": [PACKAGE],
    "remotes": [{"type": "sse", "url": "https://one.example.com/sse", "variables": {"tenant": {"isRequired": True}}}],
}


async def fill(ctx: Ctx, folder: Path) -> Catalogue:
    one = [ONE, document("com.example/one", "1.0.0"), document("com.example/one", "2.1.0-rc.1+b")]
    two = [document("com.example/one", "9.0.0"), tagged("org.example/two", "db", status="Deprecated")]
    more = [document(f"org.example/x{n:02}", description="MANY things, 100%") for n in range(30)]
    return await seed(ctx, folder, {"a": one[:2], "b": two + more}, {"default": ["a", "b"], "other": ["b"]})


@pytest.fixture
async def catalogue(ctx: Ctx, tmp_path: Path) -> Catalogue:
    return await fill(ctx, tmp_path)


@pytest.fixture(scope="module")
async def served(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await fill(shared_ctx, tmp_path_factory.mktemp("served"))
    async with connect(shared_ctx) as client:
        yield client


PARTS = """{ server(name: "com.example/one", registry: "default") {
          name namespace title description websiteUrl tags tools tier status
          repository { url source id subfolder } icons { src mimeType sizes theme }
          latest { version isLatest status statusMessage schema
            packages { registryType identifier version runtimeHint fileSha256 registryBaseUrl
              transport { type url headers { name } variables { name } } runtimeArguments { name }
              packageArguments { type valueHint isRepeated }
              environmentVariables { name isRequired isSecret value variables { name default } } }
            remotes { type url variables { name isRequired } } publisherMetadata document server { name } }
          version(version: "1.0.0") { version isLatest } missing: version(version: "5") { version }
          versions { totalCount nodes { version } } source { name kind } registries { name } } }"""


async def test_server_shows_its_own_fields(served: httpx.AsyncClient) -> None:
    found = (await ask(served, PARTS))["server"]
    found.pop("latest")
    assert found == {
        "name": "com.example/one",
        "namespace": "com.example",
        "title": "One",
        "description": "Does com.example/one",
        "websiteUrl": "https://one.example.com",
        "tags": ["db", "sql"],
        "tools": ["query"],
        "tier": "Official",
        "status": "ACTIVE",
        "repository": {"url": "https://github.com/acme/one", "source": "github", "id": None, "subfolder": None},
        "icons": [{"src": "https://one.example.com/i.png", "mimeType": None, "sizes": ["48x48"], "theme": None}],
        "version": {"version": "1.0.0", "isLatest": False},
        "missing": None,
        "versions": {"totalCount": 2, "nodes": [{"version": "2.0.0"}, {"version": "1.0.0"}]},
        "source": {"name": "a", "kind": "FILE"},
        "registries": [{"name": "default"}],
    }


async def test_latest_version_shows_all_its_parts(served: httpx.AsyncClient) -> None:
    latest = (await ask(served, PARTS))["server"]["latest"]
    (package,) = latest.pop("packages")
    assert package["transport"] == {
        "type": "streamable-http",
        "url": "http://localhost:{port}",
        "headers": [{"name": "X-Key"}],
        "variables": [],
    }
    assert package["packageArguments"] == [{"type": "positional", "valueHint": "path", "isRepeated": True}]
    assert package["environmentVariables"] == [
        {
            "name": "TOKEN",
            "isRequired": True,
            "isSecret": True,
            "value": "{t}",
            "variables": [{"name": "t", "default": "x"}],
        }
    ]
    assert latest["remotes"][0]["variables"] == [{"name": "tenant", "isRequired": True}]
    assert latest["document"] == ONE
    assert list(latest["document"]) == list(ONE)
    assert latest["publisherMetadata"] == ONE["_meta"]["io.modelcontextprotocol.registry/publisher-provided"]
    assert (latest["version"], latest["isLatest"], latest["server"]) == ("2.0.0", True, {"name": "com.example/one"})


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("first: 2", ["com.example/one", "org.example/two"]),
        ('search: "TWO"', ["org.example/two"]),
        ('search: "%"  first: 2', ["org.example/x00", "org.example/x01"]),
        ('search: "many" last: 1', ["org.example/x29"]),
        ('where: {name: {eq: "org.example/two"}}', ["org.example/two"]),
        ('where: {name: {in: ["org.example/two", "x"]}}', ["org.example/two"]),
        ('where: {name: {startsWith: "com."}}', ["com.example/one"]),
        ('where: {name: {contains: "/TW"}}', ["org.example/two"]),
        ('where: {namespace: {eq: "com.example"}}', ["com.example/one"]),
        ('where: {title: {startsWith: "O"}}', ["com.example/one"]),
        ('where: {title: {contains: "ne"}}', ["com.example/one"]),
        ('where: {description: {contains: "100%"} name: {contains: "x2"}} last: 1', ["org.example/x29"]),
        ("where: {status: {eq: DEPRECATED}}", ["org.example/two"]),
        ("where: {status: {in: [DEPRECATED, DELETED]}}", ["org.example/two"]),
        ('where: {tier: {eq: "Official"}}', ["com.example/one"]),
        ('where: {NOT: {tier: {eq: "Official"}} tags: {has: "db"}}', ["org.example/two"]),
        ('where: {source: {eq: "a"}}', ["com.example/one"]),
        ('where: {source: {in: ["a", "nope"]}}', ["com.example/one"]),
        ('where: {tags: {has: "db"}}', ["com.example/one", "org.example/two"]),
        ('where: {tags: {hasAny: ["sql", "x"]}}', ["com.example/one"]),
        ('where: {tags: {hasAll: ["sql", "db"]}}', ["com.example/one"]),
        ('where: {tags: {hasAll: ["sql", "x"]}}', []),
        ('where: {tools: {has: "query"}}', ["com.example/one"]),
        ('where: {registryTypes: {has: "oci"}}', ["com.example/one"]),
        ('where: {transports: {hasAll: ["sse", "streamable-http"]}}', ["com.example/one"]),
        ('where: {updatedAt: {gt: "2999-01-01T00:00:00Z"}}', []),
        (
            'where: {publishedAt: {gte: "2020-01-01T00:00:00Z", lt: "2999-01-01T00:00:00Z"}} first: 1',
            ["com.example/one"],
        ),
        (
            'where: {OR: [{tier: {eq: "Official"}}, {name: {eq: "org.example/two"}}]}',
            ["com.example/one", "org.example/two"],
        ),
        ('where: {AND: [{tags: {has: "db"}}, {status: {eq: ACTIVE}}]}', ["com.example/one"]),
        ("where: {OR: []}", []),
        ("where: {}  first: 1", ["com.example/one"]),
        ("orderBy: {direction: DESC} first: 1", ["org.example/x29"]),
    ],
)
async def test_servers_filter_and_order(served: httpx.AsyncClient, arguments: str, names: list[str]) -> None:
    data = await ask(served, f'{{ servers(registry: "default" {arguments}) {{ nodes {{ name }} }} }}')
    assert [node["name"] for node in data["servers"]["nodes"]] == names


@pytest.mark.parametrize("order", ["NAME", "UPDATED_AT", "PUBLISHED_AT"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
async def test_pages_in_both_directions_join_to_the_whole_list(
    served: httpx.AsyncClient, order: str, direction: str
) -> None:
    query = """query($first: Int, $after: String, $last: Int, $before: String, $order: ServerOrder) {
      servers(orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
        totalCount edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    by = {"order": {"field": order, "direction": direction}}
    whole = (await ask(served, query, first=100, **by))["servers"]
    names = [edge["node"]["name"] for edge in whole["edges"]]
    assert len(set(names)) == whole["totalCount"] == 32
    forward: list[str] = []
    place: dict[str, Any] = {"first": 7}
    while True:
        page = (await ask(served, query, **place, **by))["servers"]
        forward += [edge["node"]["name"] for edge in page["edges"]]
        assert page["pageInfo"]["hasPreviousPage"] == ("after" in place)
        if not page["pageInfo"]["hasNextPage"]:
            break
        place["after"] = page["pageInfo"]["endCursor"]
    backward: list[str] = []
    place = {"last": 7}
    while True:
        page = (await ask(served, query, **place, **by))["servers"]
        backward = [edge["node"]["name"] for edge in page["edges"]] + backward
        assert page["pageInfo"]["hasNextPage"] == ("before" in place)
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        place["before"] = page["pageInfo"]["startCursor"]
    assert forward == backward == names


async def test_server_version_and_absence(served: httpx.AsyncClient) -> None:
    data = await ask(
        served,
        """{ latest: serverVersion(name: "com.example/one") { version }
          old: serverVersion(name: "com.example/one", version: "1.0.0", registry: "default") { version }
          other: serverVersion(name: "com.example/one", registry: "other") { version }
          none: serverVersion(name: "com.example/one", version: "7") { version }
          nobody: server(name: "x/y") { name } noRegistry: registry(name: "nope") { name }
          noSource: source(name: "nope") { name } }""",
    )
    assert data == {
        "latest": {"version": "2.0.0"},
        "old": {"version": "1.0.0"},
        "other": {"version": "9.0.0"},
        "none": None,
        "nobody": None,
        "noRegistry": None,
        "noSource": None,
    }


async def test_registries_and_sources_show_their_state(client: httpx.AsyncClient, catalogue: Catalogue) -> None:
    data = await ask(
        client,
        """{ registries { totalCount nodes { name creationType serverCount sources { position source { name } }
              servers(first: 1) { totalCount nodes { name } } } }
          sources(first: 1) { totalCount pageInfo { hasNextPage } nodes { name kind creationType config filter
              syncInterval entryCount versionCount registries { name }
              sync { phase message lastAttemptAt lastSuccessAt nextRunAt consecutiveFailures }
              lastRun { trigger outcome fetched added updated removed rejected error rejections { reason }
                source { name } } } } }""",
    )
    default, other = data["registries"]["nodes"]
    assert default == {
        "name": "default",
        "creationType": "CONFIG",
        "serverCount": 32,
        "sources": [{"position": 0, "source": {"name": "a"}}, {"position": 1, "source": {"name": "b"}}],
        "servers": {"totalCount": 32, "nodes": [{"name": "com.example/one"}]},
    }
    assert (other["name"], other["serverCount"]) == ("other", 32)
    (source,) = data["sources"]["nodes"]
    sync = source.pop("sync")
    assert (data["sources"]["totalCount"], data["sources"]["pageInfo"]["hasNextPage"]) == (2, True)
    assert source.pop("lastRun") == {
        "trigger": "START",
        "outcome": "APPLIED",
        "fetched": 2,
        "added": 2,
        "updated": 0,
        "removed": 0,
        "rejected": 0,
        "error": None,
        "rejections": [],
        "source": {"name": "a"},
    }
    assert source == {
        "name": "a",
        "kind": "FILE",
        "creationType": "CONFIG",
        "config": {"file": {"path": str(catalogue.file("a"))}},
        "filter": None,
        "syncInterval": "1h0m0s",
        "entryCount": 1,
        "versionCount": 2,
        "registries": [{"name": "default"}],
    }
    assert (sync["phase"], sync["consecutiveFailures"]) == ("COMPLETE", 0)
    assert all(sync[name] for name in ("message", "lastAttemptAt", "lastSuccessAt", "nextRunAt"))


async def test_every_node_is_found_again_by_its_id(served: httpx.AsyncClient) -> None:
    data = await ask(
        served,
        """{ server(name: "com.example/one", registry: "default") { id latest { id } source { id lastRun { id } } }
          aggregate: server(name: "com.example/one") { id } registry(name: "other") { id } }""",
    )
    server = data["server"]
    ids = [
        server["id"],
        server["latest"]["id"],
        server["source"]["id"],
        server["source"]["lastRun"]["id"],
        data["aggregate"]["id"],
        data["registry"]["id"],
    ]
    assert len(set(ids)) == 6
    found = await ask(
        served,
        """query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Server { name }
          ... on ServerVersion { version } ... on Source { kind } ... on SyncRun { outcome }
          ... on Registry { serverCount } } }""",
        ids=ids,
    )
    assert [node["id"] for node in found["nodes"]] == ids
    types = ["Server", "ServerVersion", "Source", "SyncRun", "Server", "Registry"]
    assert [node["__typename"] for node in found["nodes"]] == types
    one = await ask(served, "query($id: ID!) { node(id: $id) { ... on ServerVersion { version } } }", id=ids[1])
    assert one == {"node": {"version": "2.0.0"}}


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ('{ servers(registry: "nope") { totalCount } }', "REGISTRY_NOT_FOUND", "registry not found"),
        ("{ servers(first: 0) { totalCount } }", "BAD_USER_INPUT", "first must be from 1 to 100, not 0"),
        ("{ servers(first: 101) { totalCount } }", "BAD_USER_INPUT", "first must be from 1 to 100"),
        ("{ servers(last: -1) { totalCount } }", "BAD_USER_INPUT", "last must be from 1 to 100"),
        ("{ servers(first: 1, last: 1) { totalCount } }", "BAD_USER_INPUT", "either first or last"),
        ('{ servers(after: "junk") { totalCount } }', "BAD_USER_INPUT", "Invalid after"),
        ('{ servers(search: "\\u0000") { totalCount } }', "BAD_USER_INPUT", "NUL"),
        ('{ server(name: "a/b\\u0000") { name } }', "BAD_USER_INPUT", "NUL"),
        ('{ node(id: "junk") { id } }', "BAD_USER_INPUT", "Invalid id"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED", "nope"),
        ("{ servers(", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
    ],
)
async def test_mistakes_are_errors_with_a_code(served: httpx.AsyncClient, query: str, code: str, words: str) -> None:
    error = await refused(served, query)
    assert error["extensions"]["code"] == code
    assert words in error["message"]
    assert error["extensions"]["requestId"]


async def test_cursor_of_another_list_is_refused(served: httpx.AsyncClient) -> None:
    data = await ask(served, '{ servers(search: "x", first: 1) { pageInfo { endCursor } } }')
    cursor = data["servers"]["pageInfo"]["endCursor"]
    query = 'query($after: String) { servers(search: "y", after: $after) { totalCount } }'
    error = await refused(served, query, after=cursor)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "another list" in error["message"]


async def test_defect_is_masked(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("app.store.servers.count_versions_of", crash)
    error = await refused(client, "{ servers { totalCount } }")
    assert (error["message"], error["extensions"]["code"]) == ("internal server error", "INTERNAL")
    assert "secret" not in str(error)


async def test_deleted_servers_show_only_when_asked_for(client: httpx.AsyncClient, catalogue: Catalogue) -> None:
    catalogue.put("b", [tagged("org.example/two", "db")])
    await catalogue.sync()
    data = await ask(
        client,
        """{ servers { totalCount } all: servers(includeDeleted: true) { totalCount }
          hidden: server(name: "org.example/x01") { name }
          shown: server(name: "org.example/x01", includeDeleted: true) { status latest { status statusMessage } } }""",
    )
    assert data == {
        "servers": {"totalCount": 2},
        "all": {"totalCount": 32},
        "hidden": None,
        "shown": {"status": "DELETED", "latest": {"status": "DELETED", "statusMessage": "no longer in its source"}},
    }


async def test_browser_gets_graphiql(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "graphql" in page.text.lower()


def test_committed_schema_is_the_one_in_the_code() -> None:
    assert (ROOT / "frontend-schema/schema.graphql").read_text() == print_sdl(), "run: make schema"


async def test_runs_of_a_source_are_paged_and_keep_their_rejections(
    client: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    for round_number in range(3):
        catalogue.put("a", [document("com.example/one", f"1.0.{round_number}"), document("bad")])
        await catalogue.sync()
    await catalogue.sync()
    query = """query($first: Int, $after: String, $last: Int, $before: String) { source(name: "a") {
      lastRun { outcome }
      runs(first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        nodes { outcome rejections { name reason } } } } }"""
    whole = (await ask(client, query))["source"]
    outcomes = ["UNCHANGED", "APPLIED", "APPLIED", "APPLIED", "APPLIED"]
    assert [run["outcome"] for run in whole["runs"]["nodes"]] == outcomes
    assert (whole["lastRun"], whole["runs"]["totalCount"]) == ({"outcome": "UNCHANGED"}, 5)
    assert [len(run["rejections"]) for run in whole["runs"]["nodes"]] == [0, 1, 1, 1, 0]
    first = (await ask(client, query, first=2))["source"]["runs"]
    second = (await ask(client, query, first=2, after=first["pageInfo"]["endCursor"]))["source"]["runs"]
    back = (await ask(client, query, last=2, before=second["pageInfo"]["startCursor"]))["source"]["runs"]
    assert first["nodes"] + second["nodes"] == whole["runs"]["nodes"][:4]
    assert back["nodes"] == first["nodes"]
    assert (second["pageInfo"]["hasNextPage"], back["pageInfo"]["hasPreviousPage"]) == (True, False)
