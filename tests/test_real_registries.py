"""Real registries load without a rejection, are served whole, and every answer keeps to the official schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from app.models.queries import Window
from app.resolvers.context import Ctx
from app.resolvers.sources import list_sources, page_runs
from tests.conftest import NEEDS_DATA, SHARED
from tests.seeding import Catalogue, upstream

pytestmark = NEEDS_DATA
DATA = SHARED / "data"
REGISTRIES = {
    "toolhive": ("toolhive/registry-toolhive-format/toolhive-v0.6.17-embedded-registry.json", 101),
    "seeds": ("mcp/seed-2025-10.json", 358),
    "example-049": ("toolhive/registry-upstream-format/example-049-12-servers.json", 12),
    "example-head": ("toolhive/registry-upstream-format/example-head-12-servers.json", 12),
    "example-toolhive": ("toolhive/registry-toolhive-format/example-12-servers.json", 12),
}


def content(name: str) -> Any:
    loaded = json.loads((DATA / REGISTRIES[name][0]).read_text())
    return upstream(loaded) if isinstance(loaded, list) else loaded


async def walk(client: httpx.AsyncClient, path: str) -> list[Any]:
    found: list[Any] = []
    cursor = ""
    while True:
        body = (await client.get(f"{path}{cursor}")).json()
        found += body["servers"]
        if "nextCursor" not in body["metadata"]:
            return found
        cursor = f"&cursor={body['metadata']['nextCursor']}"


@pytest.mark.parametrize("name", REGISTRIES)
async def test_registry_is_served_whole_and_to_the_schema(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, name: str
) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put(name, content(name))
    catalogue.registries["default"] = [name]
    await catalogue.sync()
    (source,) = await list_sources(ctx)
    (run,) = (await page_runs(ctx, [source.id], Window(1)))[source.id].items
    count = REGISTRIES[name][1]
    assert (run.outcome, run.rejections, run.added, source.entry_count) == ("APPLIED", [], count, count)
    served = await walk(client, "/registry/default/v0.1/servers?limit=37&version=latest")
    assert len({item["server"]["name"] for item in served}) == count
    official = yaml.safe_load((DATA / "mcp/openapi.yaml").read_text())
    schema = {"$ref": "#/components/schemas/ServerList", "components": official["components"]}
    body = {"servers": served, "metadata": {"count": count}}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(body)


async def test_converted_registry_equals_the_golden_conversion(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("toolhive", content("toolhive"))
    catalogue.registries["default"] = ["toolhive"]
    await catalogue.sync()
    golden = json.loads((DATA / "toolhive/derived/toolhive-v0.6.17-converted-101-servers.json").read_text())
    expected = sorted(golden["data"]["servers"], key=lambda document: document["name"])
    assert [item["server"] for item in await walk(client, "/v0.1/servers?limit=100")] == expected
