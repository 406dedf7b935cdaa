"""Health, readiness and version on both ports, and the description of the API."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest
import yaml

from app.core.database import Database
from app.graphql.explorer import ROUTES as EXPLORER
from app.main import create_app, create_internal_app
from app.resolvers.context import Ctx
from app.rest.families import ALIASES


def connect(ctx: Ctx, port: str, stopping: asyncio.Event | None = None) -> httpx.AsyncClient:
    create = create_app if port == "public" else create_internal_app
    transport = httpx.ASGITransport(create(ctx, stopping or asyncio.Event()), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://registry.example")


@pytest.mark.parametrize("port", ["public", "internal"])
async def test_both_ports_answer_the_probes(ctx: Ctx, port: str) -> None:
    async with connect(ctx, port) as client:
        assert (await client.get("/health")).json() == {"status": "healthy"}
        assert (await client.get("/readiness")).json() == {"status": "ready"}
        version = (await client.get("/version")).json()
        assert list(version) == ["version", "commit", "build_date", "go_version", "platform"]
        assert all(version.values())


@pytest.mark.parametrize("path", ["/v0.1/servers", "/graphql", "/openapi.json"])
async def test_internal_port_serves_nothing_else(ctx: Ctx, path: str) -> None:
    async with connect(ctx, "internal") as client:
        assert (await client.get(path)).status_code == 404


async def test_lost_database_takes_readiness_but_not_health(connect_args: dict[str, Any]) -> None:
    away = Database({**connect_args, "host": "/nonexistent"})
    async with connect(Ctx(away), "public") as client:
        refused = await client.get("/readiness")
        assert (refused.status_code, refused.json()["error"]) == (503, "service not ready")
        assert (await client.get("/health")).status_code == 200
        listing = await client.get("/v0.1/servers")
        assert (listing.status_code, listing.headers["retry-after"]) == (503, "5")
        assert "nonexistent" not in listing.text
    await away.close()


async def test_stopping_process_is_not_ready(ctx: Ctx) -> None:
    stopping = asyncio.Event()
    async with connect(ctx, "internal", stopping) as client:
        assert (await client.get("/readiness")).status_code == 200
        stopping.set()
        assert (await client.get("/readiness")).status_code == 503


async def test_unexpected_error_is_500_without_its_text(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("app.resolvers.servers.list_servers", crash)
    async with connect(ctx, "public") as client:
        answer = await client.get("/v0.1/servers", headers={"X-Request-Id": "r1"})
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "internal server error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "internal server error",
        "requestId": "r1",
    }
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_openapi_passes_the_probe_of_other_registries_and_names_every_route(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert yaml.safe_load((await client.get("/openapi.yaml")).text) == described
    assert described["info"]["version"] == "1.0.0"
    assert "https://github.com/modelcontextprotocol/registry" in described["info"]["description"]
    app = create_app(Ctx(Database({})), asyncio.Event())
    served = {re.sub(r"\{(\w+):\w+}", r"{\1}", getattr(route, "path", "")) for route in app.routes}
    aliases = {f"{alias.path}{path}" for alias in ALIASES for path in ("/servers", *(_SERVER + p for p in _VERSIONS))}
    served -= {explored.path for explored in EXPLORER}  # files of a page, which no client of the API asks for
    never = {"/extension/v0/registries/{registryName}/servers/{serverName}/versions/{version}"}
    assert {path.replace("{name}", "{serverName}") for path in served} == {*described["paths"], *aliases, *never}


_SERVER = "/servers/{serverName}"
_VERSIONS = ("/versions", "/versions/{version}")
