"""A registry as one file: the same as the list it replaces, readable by a file source, told in full or refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from app.models.queries import ListServers, Window
from app.models.views import VersionView
from app.resolvers.context import Ctx
from app.resolvers.servers import list_servers
from app.rest.files import FileFormat, write_file
from tests.conftest import NEEDS_DATA, SHARED, StatementCounter, connect
from tests.seeding import Catalogue, document, seed

EXAMPLES = Path(__file__).parents[2] / "examples"
FAMILIES = ("/registry/default/v0.1", "/registry/default/v0", "/registry/v0.1", "/v0.1", "/v0")
OFFICIAL = "io.modelcontextprotocol.registry/official"


@pytest.fixture(scope="module")
async def served(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """Both example files, and two registries more: a large one and an empty one."""
    folder = tmp_path_factory.mktemp("served")
    catalogue = Catalogue(shared_ctx, folder)
    catalogue.put("curated", (EXAMPLES / "upstream-registry.json").read_bytes())
    catalogue.put("toolhive", (EXAMPLES / "toolhive-registry.json").read_bytes())
    catalogue.put("large", [document(f"org.example/s{n:04}", title="Größe ✓") for n in range(2001)])
    catalogue.sources["own"] = {"managed": {}}
    catalogue.registries.update(default=["curated", "toolhive"], large=["large"], empty=["own"])
    await catalogue.sync()
    async with connect(shared_ctx) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str) -> bytes:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    return answer.content


async def walk(client: httpx.AsyncClient, base: str, query: str = "") -> list[dict[str, Any]]:
    """Every item of the list, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = json.loads(await get(client, f"{base}/servers?limit=300{query}{cursor}"))
        found += body["servers"]
        if "nextCursor" not in body["metadata"]:
            return found
        cursor = f"&cursor={body['metadata']['nextCursor']}"


async def versions(ctx: Ctx, registry: str | None = None) -> list[tuple[str, str, str]]:
    page = await list_servers(ctx, ListServers(registry, window=Window(1000)))
    assert not page.has_next
    return [(view.name, view.version, view.document) for view in page.items]


@pytest.mark.parametrize("family", ["/registry/default/v0.1", "/registry/large/v0"])
@pytest.mark.parametrize("query", ["", "&version=latest"])
async def test_list_file_is_all_pages_of_the_list_as_one(served: httpx.AsyncClient, family: str, query: str) -> None:
    items = await walk(served, family, query)
    assert len(items) > 40
    exported = await get(served, f"{family}/registry.json?format=v0.1{query}")
    assert json.loads(exported) == {"servers": items, "metadata": {"count": len(items)}}


@pytest.mark.parametrize("family", FAMILIES)
async def test_every_family_has_its_file_byte_for_byte_like_the_list(ctx: Ctx, tmp_path: Path, family: str) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/b", "2.0.0"), document("a/c", title="ü")]})
    async with connect(ctx) as client:
        for query in ("", "version=latest"):
            listed = await get(client, f"{family}/servers?{query}")
            assert await get(client, f"{family}/registry.json?{query}") == listed
            assert await get(client, f"{family}/registry.json/?{query}&format=v0.1&unknown=1") == listed


async def test_upstream_file_read_by_a_file_source_gives_the_same_catalogue(
    served: httpx.AsyncClient, shared_ctx: Ctx, ctx: Ctx, tmp_path: Path
) -> None:
    exported = await get(served, "/registry/default/v0.1/registry.json?format=upstream")
    assert list(json.loads(exported)) == ["$schema", "version", "data", "meta"]
    copy = Catalogue(ctx, tmp_path)
    copy.put("copy", exported, format="upstream")
    copy.registries["default"] = ["copy"]
    await copy.sync()
    before = await versions(shared_ctx, "default")
    assert len(before) > 45
    assert await versions(ctx) == before
    async with connect(ctx) as client:
        again = json.loads(await get(client, "/v0.1/registry.json?format=upstream"))
    assert again["data"] == json.loads(exported)["data"]


async def test_upstream_file_tells_its_newest_change_and_keeps_documents_as_they_are(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    spelled = (
        b'{"data":{"servers":[{"version":"1.0.0","name":"a/b","description":"\\u00fc","x":1.50}]},"version":"1.0.0"}'
    )
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", spelled)
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    stored = (await versions(ctx))[0][2]
    exported = await get(client, "/v0.1/registry.json?format=upstream")
    assert stored.encode() in exported
    (item,) = (await client.get("/v0.1/servers")).json()["servers"]
    newest = item["_meta"][OFFICIAL]["updatedAt"]
    assert json.loads(exported)["meta"] == {"last_updated": f"{newest[:19]}Z"}


@NEEDS_DATA
@pytest.mark.parametrize("registry", ["default", "large", "empty"])
@pytest.mark.parametrize("query", ["", "&version=latest"])
async def test_upstream_file_is_valid(served: httpx.AsyncClient, registry: str, query: str) -> None:
    data = SHARED / "data"
    schema = json.loads((data / "toolhive/schemas/toolhive-v0.6.17/upstream-registry.schema.json").read_bytes())
    server = json.loads((data / "mcp/server.schema.2025-12-11.json").read_bytes())
    # The registry schema points to the server schema by its public address; nothing may be downloaded here.
    known: Registry[Any] = Registry().with_resource(server["$id"], Resource.from_contents(server))
    validator = Draft202012Validator(schema, registry=known, format_checker=FormatChecker())
    exported = await get(served, f"/registry/{registry}/v0.1/registry.json?format=upstream{query}")
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(exported))] == []


async def test_empty_registry_is_an_empty_file(served: httpx.AsyncClient) -> None:
    base = "/registry/empty/v0.1/registry.json"
    assert json.loads(await get(served, base)) == {"servers": [], "metadata": {"count": 0}}
    upstream = json.loads(await get(served, f"{base}?format=upstream"))
    assert upstream["data"] == {"servers": []}
    assert upstream["meta"] == {"last_updated": "1970-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v0.1/registry.json?format=toolhive", 400, "Invalid format parameter: must be v0.1 or upstream"),
        ("/v0.1/registry.json?format=V0.1", 400, "Invalid format parameter: must be v0.1 or upstream"),
        ("/v0.1/registry.json?version=1.0.0", 400, "Invalid version parameter: must be latest"),
        ("/v0.1/registry.json?version=LATEST", 400, "Invalid version parameter: must be latest"),
        ("/registry/nope/v0.1/registry.json", 404, "registry not found"),
        ("/registry/nope/v0.1/registry.json?format=upstream", 404, "registry not found"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_cannot_be_told_is_refused_before_anything_is_sent(
    served: httpx.AsyncClient, method: str, path: str, status: int, detail: str
) -> None:
    answer = await served.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert method == "HEAD" or answer.json()["error"] == detail


async def test_head_tells_the_headers_without_reading_the_registry(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/b{n:04}") for n in range(2001)]})
    for format_ in FileFormat:
        path = f"/v0.1/registry.json?format={format_}"
        with statements() as whole:
            got = await client.get(path)
        with statements() as seen:
            head = await client.head(path)
        assert (len(whole), len(seen)) == (3, 1)
        assert (head.status_code, head.content) == (200, b"")
        del head.headers["x-request-id"], got.headers["x-request-id"]
        assert head.headers == got.headers


async def paged(pages: Sequence[tuple[VersionView, ...]]) -> AsyncIterator[tuple[VersionView, ...]]:
    for page in pages:
        yield page


async def test_file_is_whole_however_the_pages_fall(served: httpx.AsyncClient, shared_ctx: Ctx) -> None:
    """The rows behind a page may be gone when the next one is read, which is then empty."""
    views = (await list_servers(shared_ctx, ListServers("default"))).items[:3]
    one, two, three = ((view,) for view in views)
    expected: dict[FileFormat, set[bytes]] = {format_: set() for format_ in FileFormat}
    for pages in ([views], [one, two, three], [one, (*two, *three), ()], [(), one, (), two, three]):
        for format_, found in expected.items():
            found.add(b"".join([chunk async for chunk in write_file(format_, paged(pages))]))
    for found in expected.values():
        assert len(found) == 1
        json.loads(found.pop())


async def test_newest_change_counts_wherever_it_stands(served: httpx.AsyncClient, shared_ctx: Ctx) -> None:
    first, second, *_ = (await list_servers(shared_ctx, ListServers("default"))).items
    newest = max(first, second, key=lambda view: view.updated_at).updated_at + timedelta(days=1)
    changed = type(first)(**{name: getattr(first, name) for name in first.__slots__} | {"updated_at": newest})
    for pages in ([(changed,), (second,)], [(second,), (changed,)], [(second, changed)]):
        file = json.loads(b"".join([chunk async for chunk in write_file(FileFormat.UPSTREAM, paged(pages))]))
        assert datetime.fromisoformat(file["meta"]["last_updated"]) == newest.replace(microsecond=0)
