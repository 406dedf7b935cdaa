"""The reading routes of the MCP Registry API, in every family of paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from app.core.opaque import encode_opaque
from app.resolvers.context import Ctx
from tests.conftest import NEEDS_DATA, SHARED, StatementCounter, connect
from tests.seeding import document, seed

FAMILIES = ("/registry/default/v0.1", "/registry/default/v0", "/registry/v0.1", "/v0.1", "/v0")
SERVERS = [
    document("com.example/one", "1.0.0", title="First Thing"),
    document("com.example/one", "1.10.0", description="50% off_road"),
    document("com.example/one", "1.9.0"),
    document("com.example/two", "0.1.0+b1"),
    document("com.example/Three", "2.0.0"),
]


@pytest.fixture(scope="module")
async def served(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await seed(shared_ctx, tmp_path_factory.mktemp("served"), {"s": SERVERS})
    async with connect(shared_ctx) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def listed(body: Any) -> list[tuple[str, str]]:
    return [(item["server"]["name"], item["server"]["version"]) for item in body["servers"]]


@pytest.mark.parametrize("family", FAMILIES)
async def test_every_family_lists_all_versions_in_byte_order(served: httpx.AsyncClient, family: str) -> None:
    body = await get(served, f"{family}/servers")
    assert listed(body) == sorted((s["name"], s["version"]) for s in SERVERS)
    assert body["metadata"] == {"count": 5}
    assert body == await get(served, f"{family}/servers/"), "a trailing slash makes no difference"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["com.example%2Fone", "com.example/one", "com%2Eexample%2fone"])
async def test_names_work_with_encoded_and_literal_slash(served: httpx.AsyncClient, family: str, name: str) -> None:
    assert [v for _, v in listed(await get(served, f"{family}/servers/{name}/versions"))] == [
        "1.10.0",
        "1.9.0",
        "1.0.0",
    ]
    for version, expected in (("latest", "1.10.0"), ("1.9.0", "1.9.0")):
        body = await get(served, f"{family}/servers/{name}/versions/{version}")
        assert body["server"]["version"] == expected


async def test_plus_in_a_version_is_literal_in_paths(served: httpx.AsyncClient) -> None:
    for path in ("0.1.0+b1", "0.1.0%2Bb1"):
        body = await get(served, f"/v0.1/servers/com.example%2Ftwo/versions/{path}")
        assert body["server"]["version"] == "0.1.0+b1"


async def test_official_block_is_always_filled(served: httpx.AsyncClient) -> None:
    body = await get(served, "/v0.1/servers/com.example%2Fone/versions/1.9.0")
    official = body["_meta"]["io.modelcontextprotocol.registry/official"]
    times = [official.pop(name) for name in ("statusChangedAt", "publishedAt", "updatedAt")]
    assert official == {"status": "active", "isLatest": False}
    for time in times:
        assert time.endswith("Z")
        assert abs((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()) < 3600


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_pages_join_to_the_whole_list(served: httpx.AsyncClient, limit: int) -> None:
    cursor, found, pages = "", [], 0
    while True:
        body = await get(served, f"/v0.1/servers?limit={limit}{cursor}")
        assert body["metadata"]["count"] == len(body["servers"]) <= limit
        found += listed(body)
        pages += 1
        if "nextCursor" not in body["metadata"]:
            break
        cursor = "&cursor=" + body["metadata"]["nextCursor"]
    assert found == sorted((s["name"], s["version"]) for s in SERVERS)
    assert pages == -(-5 // limit), "a full last page has no cursor"


async def test_cursor_carries_the_filters(served: httpx.AsyncClient) -> None:
    first = await get(served, "/v0.1/servers?limit=1&version=latest&search=EXAMPLE/t")
    cursor = first["metadata"]["nextCursor"]
    for repeated in ("", "&version=latest", "&version=latest&search=EXAMPLE/t"):
        second = await get(served, f"/v0.1/servers?limit=9&cursor={cursor}{repeated}")
        assert listed(first) + listed(second) == [("com.example/Three", "2.0.0"), ("com.example/two", "0.1.0+b1")]
    error = await get(served, f"/v0.1/servers?cursor={cursor}&search=other", 400)
    assert "another search" in error["error"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("version=latest", ["Three 2.0.0", "one 1.10.0", "two 0.1.0+b1"]),
        ("version=1.0.0", ["one 1.0.0"]),
        ("version=9.9.9", []),
        ("search=FIRST%20thing", []),
        ("search=ONE&version=latest", ["one 1.10.0"]),
        ("search=%25", ["one 1.0.0", "one 1.10.0", "one 1.9.0"]),
        ("search=off_road&version=latest", ["one 1.10.0"]),
        ("search=offXroad", []),
        ("search=", ["Three 2.0.0", "one 1.0.0", "one 1.10.0", "one 1.9.0", "two 0.1.0+b1"]),
        ("search=tw", ["two 0.1.0+b1"]),
        ("limit=1&limit=3", ["Three 2.0.0"]),
        ("unknown=1&version=1.9.0", ["one 1.9.0"]),
        ("updated_since=2999-01-01T00:00:00Z", []),
        ("updated_since=0001-01-01T00:00:00Z&version=1.9.0", ["one 1.9.0"]),
        ("updated_since=0001-01-01T00:00:00%2B14:00&version=1.9.0", ["one 1.9.0"]),
        ("updated_since=2020-01-01T00:00:00.123456789%2B02:00&version=1.9.0", ["one 1.9.0"]),
        ("updated_since=9999-12-31T23:59:59-14:00", []),
    ],
)
async def test_filters(served: httpx.AsyncClient, query: str, expected: list[str]) -> None:
    body = await get(served, f"/v0.1/servers?{query}")
    assert [f"{name.partition('/')[2]} {version}" for name, version in listed(body)] == expected


async def test_search_reads_the_latest_version(served: httpx.AsyncClient) -> None:
    """The title stood in 1.0.0 only: search data come from the version that is latest."""
    assert listed(await get(served, "/v0.1/servers?search=first")) == []


async def test_exact_hit_of_a_search_stands_first(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await seed(
        ctx, tmp_path, {"s": [document(f"com.example/a{n:02}-git") for n in range(40)] + [document("z.org/git")]}
    )
    for term in ("git", "z.org/git"):
        body = await get(client, f"/v0.1/servers?search={term}&limit=1&version=latest")
        assert listed(body) == [("z.org/git", "1.0.0")]
    cursor = (await get(client, "/v0.1/servers?search=git&limit=1"))["metadata"]["nextCursor"]
    rest = await get(client, f"/v0.1/servers?cursor={cursor}&limit=100")
    assert [name for name, _ in listed(rest)] == [f"com.example/a{n:02}-git" for n in range(40)]


BAD_REQUESTS = {
    "limit=invalid": "Invalid limit parameter: must be an integer",
    "limit=1.5": "Invalid limit parameter: must be an integer",
    "limit=+2": "Invalid limit parameter: must be an integer",
    "limit=1_0": "Invalid limit parameter: must be an integer",
    "limit=%D9%A1": "Invalid limit parameter: must be an integer",
    "limit=99999999999999999999": "Invalid limit parameter: must be an integer",
    "limit=0": "Invalid limit parameter: must be at least 1",
    "limit=-1": "Invalid limit parameter: must be at least 1",
    "cursor=not-valid-base64!!!": "Invalid cursor parameter",
    "cursor=c2VydmVyMSwxLjAuMA==": "Invalid cursor parameter",
    f"cursor={encode_opaque(['x', 1])}": "Invalid cursor parameter",
    f"cursor={encode_opaque([['x'], {}])}": "cursor",
    f"cursor={encode_opaque([[1, 2], {}])}": "cursor",
    f"cursor={encode_opaque([['x', 'y'], {'search': 5}])}": "cursor",
    f"cursor={encode_opaque([['x', 'y' + chr(0)], {}])}": "cursor",
    f"cursor={encode_opaque([[2**63, 'x', 'y'], {'search': 'x'}])}": "cursor",
    f"cursor={encode_opaque([['x', 'y'], {'version': 'latest'}])}": "cursor",
    f"updated_since=2025-01-01T00:00:00.{'0' * 31}Z": "Invalid updated_since parameter",
    "updated_since=invalid": "Invalid updated_since parameter: must be RFC3339 format",
    "updated_since=2025-01-01": "Invalid updated_since parameter: must be RFC3339 format",
    "updated_since=2025-01-01T00:00:00": "Invalid updated_since parameter: must be RFC3339 format",
    "updated_since=2025-01-01T00:00:00+02:00": "Invalid updated_since parameter: must be RFC3339 format",
    "updated_since=2025-13-01T00:00:00Z": "Invalid updated_since parameter: must be RFC3339 format",
    "updated_since=2020-01-01T00:00:00Z&include_deleted=false": "Invalid include_deleted parameter",
    "include_deleted=maybe": "Invalid include_deleted parameter: must be true or false",
    "search=%00": "NUL",
    "version=%00": "NUL",
    "search=%ff": "UTF-8",
}


@pytest.mark.parametrize("query", BAD_REQUESTS)
async def test_bad_query_is_400_in_both_error_shapes(served: httpx.AsyncClient, query: str) -> None:
    body = await get(served, f"/v0.1/servers?{query}", 400)
    assert BAD_REQUESTS[query] in body["error"]
    assert body == {"error": body["detail"], "title": "Bad Request", "status": 400, "detail": body["detail"]}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/registry/nope/v0.1/servers", 404, "registry not found"),
        ("/registry/nope/v0.1/servers/com.example%2Fone/versions", 404, "registry not found"),
        ("/registry/nope/v0.1/servers/com.example%2Fone/versions/latest", 404, "registry not found"),
        ("/registry/all%20registries/v0.1/servers", 400, "registryName cannot contain whitespace"),
        ("/v0.1/servers/com.example%2Fnope/versions", 404, "not found"),
        ("/v0.1/servers/com.example%2Fnope/versions/latest", 404, "not found"),
        ("/v0.1/servers/com.example%2FONE/versions/latest", 404, "not found"),
        ("/v0.1/servers/com.example%2Fone/versions/9.9.9", 404, "not found"),
        ("/v0.1/servers/com.example%2Fone/versions/v1.0.0", 404, "not found"),
        ("/v0.1/servers/com.example%2Fone/versions/1.0%2F0", 404, "not found"),
        ("/v0.1/servers/com.example%2Fone/versions/%20", 400, "version cannot be empty"),
        ("/v0.1/servers/com.example%2Fone/versions/a%20b", 400, "version cannot contain whitespace"),
        ("/v0.1/servers/com.example%2Fone/versions/%00", 400, "NUL"),
        ("/v0.1/servers/com.example%2Fone/versions/%ff", 400, "invalid URL encoding in version"),
        ("/v0.1/servers/com.example%252Fone/versions", 400, "invalid server name format"),
        ("/v0.1/servers/one/versions", 400, "invalid server name format: server name must be in format"),
        ("/v0.1/servers//versions", 400, "serverName cannot be empty"),
        ("/v0.1/servers/github/versions/latest", 404, "invalid server name format"),
        ("/v0.1/servers/a%2Fb%2Fc/versions/1.0.0", 404, "invalid server name format"),
        ("/v0.1/servers/com.example%2Fone", 404, "no such path"),
        ("/no/such/path", 404, "no such path"),
    ],
)
async def test_absent_is_404_and_malformed_400(served: httpx.AsyncClient, path: str, status: int, words: str) -> None:
    assert words in (await get(served, path, status))["error"]


async def test_deleted_versions_hide_unless_asked_for(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b", "1.0.0"), document("a/b", "2.0.0"), document("a/c")]})
    catalogue.put("s", [document("a/b", "1.0.0")])
    await catalogue.sync()
    assert listed(await get(client, "/v0.1/servers")) == [("a/b", "1.0.0")]
    everything = [("a/b", "1.0.0"), ("a/b", "2.0.0"), ("a/c", "1.0.0")]
    assert listed(await get(client, "/v0.1/servers?include_deleted=true")) == everything
    assert listed(await get(client, "/v0.1/servers?updated_since=2020-01-01T00:00:00Z")) == everything
    await get(client, "/v0.1/servers/a%2Fc/versions", 404)
    await get(client, "/v0.1/servers/a%2Fc/versions/latest", 404)
    await get(client, "/v0.1/servers/a%2Fb/versions/2.0.0", 404)
    gone = await get(client, "/v0.1/servers/a%2Fc/versions/latest?include_deleted=true")
    official = gone["_meta"]["io.modelcontextprotocol.registry/official"]
    assert (official["status"], official["statusMessage"]) == ("deleted", "no longer in its source")
    assert len((await get(client, "/v0.1/servers/a%2Fb/versions?include_deleted=true"))["servers"]) == 2


async def test_methods_and_cors(served: httpx.AsyncClient) -> None:
    head = await served.head("/v0.1/servers")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len((await served.get("/v0.1/servers")).content)
    refused = await served.post("/v0.1/servers")
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]
    assert refused.json()["status"] == 405
    preflight = await served.options("/v0.1/servers", headers={"Access-Control-Request-Headers": "authorization, x-a"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization, x-a"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    for path in ("/v0.1/servers", "/v0.1/servers?limit=x", "/nope", "/health"):
        assert (await served.get(path)).headers["access-control-allow-origin"] == "*"


async def test_request_id_is_echoed_or_made(served: httpx.AsyncClient) -> None:
    assert (await served.get("/health", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    forged = await served.get("/health", headers={"X-Request-Id": "a b\tc"})
    assert forged.headers["x-request-id"] not in ("", "a b\tc")


@pytest.mark.parametrize("path", ["/v0.1/servers?limit=100&search=a&version=latest", "/v0.1/servers?limit=2"])
async def test_list_takes_the_same_statements_whatever_its_size(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter, path: str
) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/b{n}") for n in range(120)]})
    with statements() as seen:
        await get(client, path)
    assert len(seen) == 1, seen


@NEEDS_DATA
async def test_answers_validate_against_the_official_openapi(served: httpx.AsyncClient) -> None:
    official = yaml.safe_load((SHARED / "data/mcp/openapi.yaml").read_text())
    for path, name in (
        ("/v0.1/servers", "ServerList"),
        ("/v0.1/servers/com.example%2Fone/versions", "ServerList"),
        ("/v0.1/servers/com.example%2Fone/versions/latest", "ServerResponse"),
    ):
        schema = {"$ref": f"#/components/schemas/{name}", "components": official["components"]}
        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(
            await get(served, path)
        )
