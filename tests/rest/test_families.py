"""What stands in every family of paths: the small routes, the aliases, the prefix, the grammar of paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.resolvers.context import Ctx
from app.rest.families import FAMILIES
from tests.conftest import connect
from tests.seeding import document, seed

BASES = [family.path.format(registry="default") for family in FAMILIES]


@pytest.fixture(scope="module")
async def served(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    names = ["com.example/one", "io.x/versions", "io.x/status", "io.x/latest"]
    await seed(shared_ctx, tmp_path_factory.mktemp("served"), {"s": [document(name) for name in names]})
    async with connect(shared_ctx) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, status: int = 200) -> Any:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_small_routes(served: httpx.AsyncClient, base: str, slash: str) -> None:
    assert await get(served, f"{base}/health{slash}") == {"status": "ok"}
    assert await get(served, f"{base}/ping{slash}") == {"pong": True}
    assert set(await get(served, f"{base}/version{slash}")) == {"version", "git_commit", "build_time"}
    token = (await served.post(f"{base}/auth/none{slash}")).json()
    assert len(token["registry_token"]) >= 32
    assert 0 < token["expires_at"] - datetime.now(UTC).timestamp() <= 300
    report = (await served.post(f"{base}/validate{slash}", json=document("com.example/tool"))).json()
    assert report["valid"] is True


@pytest.mark.parametrize("base", ["", "/registry/default"])
async def test_version_of_the_api_may_be_left_out_in_reading(served: httpx.AsyncClient, base: str) -> None:
    for path in ("/servers", "/servers/com.example%2Fone/versions", "/servers/com.example/one/versions/latest"):
        assert await get(served, base + path) == await get(served, f"{base}/v0.1{path}")
    await get(served, "/registry/v0/servers", 404)


@pytest.mark.parametrize("name", ["io.x/versions", "io.x/status", "io.x/latest"])
async def test_names_that_look_like_parts_of_the_path(served: httpx.AsyncClient, name: str) -> None:
    for spelt in (name, name.replace("/", "%2F"), name.replace("/", "%2f")):
        for path in ("versions/latest", "versions/1.0.0"):
            assert (await get(served, f"/v0.1/servers/{spelt}/{path}"))["server"]["name"] == name
        listed = await get(served, f"/v0.1/servers/{spelt}/versions")
        assert [item["server"]["name"] for item in listed["servers"]] == [name]


@pytest.mark.parametrize("path", ["/v0.1/servers/com.example%2Fone", "/v0.1/servers/com.example/one"])
async def test_the_removed_path_of_a_server_is_absent(served: httpx.AsyncClient, path: str) -> None:
    await get(served, path, 404)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v0.1/servers", {"GET", "HEAD"}),
        ("/v0.1/publish", {"POST"}),
        ("/registry/default/v0.1/servers/com.example%2Fone/versions/1.0.0", {"GET", "HEAD", "PUT", "DELETE"}),
        ("/v0/servers/com.example%2Fone/versions/1.0.0/status", {"PATCH"}),
        ("/v0/servers/com.example%2Fone/status", {"PATCH"}),
    ],
)
async def test_refused_method_is_told_every_other(served: httpx.AsyncClient, path: str, allowed: set[str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = await served.request(method, path)
        assert answer.status_code == 405
        assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed
        assert answer.json()["status"] == 405
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_everything_stands_under_the_prefix_too(shared_ctx: Ctx, served: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(create_app(shared_ctx, asyncio.Event(), "/api/mcp"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry.example") as client:
        for path in (
            "/v0.1/servers?limit=2",
            "/registry/default/v0.1/servers/com.example%2Fone/versions/latest",
            "/openapi.json",
            "/health",
        ):
            plain = await client.get(path)
            assert plain.status_code == 200
            assert (await client.get(f"/api/mcp{path}")).content == plain.content
        query = {"query": "{ servers { totalCount } }"}
        answer = await client.post("/api/mcp/graphql", json=query)
        assert answer.json()["data"] == {"servers": {"totalCount": 4}}
        for absent in ("/api/mcp", "/api/mcpv0.1/servers", "/api/v0.1/servers", "/api/mcp/api/mcp/health"):
            assert (await client.get(absent)).status_code == 404, absent


async def test_description_names_every_path_that_is_served(served: httpx.AsyncClient) -> None:
    described = (await get(served, "/openapi.json"))["paths"]
    for path, operations in described.items():
        if path == "/graphql":
            continue
        concrete = path.format(
            registry="default", registryName="default", serverName="com.example%2Fone", version="1.0.0"
        )
        allowed = (await served.request("TRACE", concrete)).headers["allow"]
        assert {word.strip().lower() for word in allowed.split(",")} - {"head"} == set(operations), path


async def test_description_passes_the_probe_of_other_registries(served: httpx.AsyncClient) -> None:
    info = (await get(served, "/openapi.json"))["info"]
    assert info["version"] == "1.0.0"
    assert "https://github.com/modelcontextprotocol/registry" in info["description"]
