"""Publishing, editing, deleting and the status of versions, as REST clients see them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.models.documents import PublishPolicy
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.seeding import Catalogue, document, seed

HOUSE = "/registry/house/v0.1"
OFFICIAL = "io.modelcontextprotocol.registry/official"


@pytest.fixture
async def catalogue(ctx: Ctx, tmp_path: Path) -> Catalogue:
    return await managed(ctx, tmp_path, "house")


async def managed(ctx: Ctx, folder: Path, *names: str) -> Catalogue:
    """A source that is fetched, and managed ones of these names, each with its registry in the v0.4.9 style."""
    catalogue = await seed(ctx, folder, {"files": [document("com.example/fetched")]}, {"default": ["files"]})
    catalogue.managed.extend(names)
    await catalogue.sync()
    return catalogue


def remote(url: str) -> dict[str, Any]:
    return {"remotes": [{"type": "streamable-http", "url": url}]}


async def send(client: httpx.AsyncClient, method: str, path: str, status: int, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def publish(client: httpx.AsyncClient, version: str, name: str = "com.example/tool", **more: Any) -> Any:
    return await send(client, "POST", f"{HOUSE}/publish", 201, document(name, version, **more))


def official(item: Any) -> Any:
    return item["_meta"][OFFICIAL]


async def latest(client: httpx.AsyncClient, name: str = "com.example/tool") -> list[str]:
    """The versions that say of themselves that they are the latest, deleted ones too."""
    body = await send(client, "GET", f"{HOUSE}/servers/{name}/versions?include_deleted=true", 200)
    return [item["server"]["version"] for item in body["servers"] if official(item)["isLatest"]]


@pytest.mark.parametrize(
    ("family", "status"),
    [("/registry/house/v0.1", 201), ("/registry/house/v0", 201), ("/v0.1", 200), ("/v0", 200)],
)
async def test_publish_answers_with_the_version_as_it_is_served(
    catalogue: Catalogue, client: httpx.AsyncClient, family: str, status: int
) -> None:
    given = document(
        "com.example/tool", "1.0.0", title="Tool", websiteUrl="https://example.com", bogus={"b": 1, "a": 2}
    )
    answer = await send(client, "POST", f"{family}/publish", status, given)
    assert answer["server"] == given
    assert list(answer["server"]) == list(given), "the order of keys is kept"
    assert official(answer)["status"] == "active"
    assert official(answer)["isLatest"] is True
    assert official(answer)["publishedAt"] == official(answer)["updatedAt"] == official(answer)["statusChangedAt"]
    for base in (HOUSE, "/v0.1", "/registry/v0.1"):
        assert answer == await send(client, "GET", f"{base}/servers/com.example%2Ftool/versions/latest", 200)
    assert answer in (await send(client, "GET", f"{HOUSE}/servers", 200))["servers"]


async def test_published_versions_can_be_searched(catalogue: Catalogue, client: httpx.AsyncClient) -> None:
    await publish(client, "1.0.0", title="Nutcracker")
    found = await send(client, "GET", "/v0.1/servers?search=nutcrack", 200)
    assert [item["server"]["name"] for item in found["servers"]] == ["com.example/tool"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "publish"),
        ("PUT", "servers/com.example%2Ffetched/versions/1.0.0"),
        ("DELETE", "servers/com.example%2Ffetched/versions/1.0.0"),
        ("PATCH", "servers/com.example%2Ffetched/versions/1.0.0/status"),
        ("PATCH", "servers/com.example%2Ffetched/status"),
    ],
)
async def test_only_managed_registries_are_written_to(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, method: str, path: str
) -> None:
    body = {**document("com.example/fetched"), "status": "deleted"}
    catalogue = await managed(ctx, tmp_path)
    before = await send(client, "GET", "/v0.1/servers?include_deleted=true", 200)
    refused = await send(client, method, f"/registry/default/v0.1/{path}", 403, body)
    assert refused["error"] == "registry is not managed: registry default has type FILE"
    assert (await send(client, method, f"/registry/nope/v0.1/{path}", 404, body))["error"].startswith(
        "registry not found"
    )
    assert "no managed registry" in (await send(client, method, f"/v0.1/{path}", 501, body))["error"]
    assert "is not supported" in (await send(client, method, f"/registry/v0.1/{path}", 501, body))["error"]
    catalogue.managed.extend(["one", "two"])
    await catalogue.sync()
    several = await send(client, method, f"/v0/{path}", 501, body)
    assert "/registry/one/v0.1/publish, /registry/two/v0.1/publish" in several["error"]
    assert await send(client, "GET", "/v0.1/servers?include_deleted=true", 200) == before, "nothing has changed"


async def test_where_to_publish_is_told_before_what_is_wrong_with_the_document(client: httpx.AsyncClient) -> None:
    for method, path in (("POST", "publish"), ("PUT", "servers/com.example%2Ftool/versions/1.0.0")):
        assert "no managed registry" in (await send(client, method, f"/v0.1/{path}", 501, {}))["error"]


async def test_aggregate_publish_is_refused_in_the_words_of_the_reference(client: httpx.AsyncClient) -> None:
    refused = await send(client, "POST", "/registry/v0.1/publish", 501)
    assert refused["error"] == (
        "Publishing servers via this endpoint is not supported. Use /{registryName}/v0.1/publish endpoint instead"
    )


@pytest.mark.parametrize(
    ("family", "status"), [(HOUSE, 400), ("/registry/house/v0", 422), ("/v0.1", 422), ("/v0", 422)]
)
async def test_every_violation_is_told_at_once_as_validate_tells_it(
    catalogue: Catalogue, client: httpx.AsyncClient, family: str, status: int
) -> None:
    bad = {"name": "x", "version": "latest", "packages": [{"registryType": "npm"}], "websiteUrl": "http://example.com"}
    report = await send(client, "POST", f"{family}/validate", 200, bad)
    assert report["valid"] is False
    paths = {issue["path"] for issue in report["issues"] if issue["severity"] == "error"}
    assert paths >= {"name", "version", "description", "packages[0].identifier", "packages[0].transport", "websiteUrl"}
    refused = await send(client, "POST", f"{family}/publish", status, bad)
    assert refused["issues"] == report["issues"]
    assert refused["error"] == refused["detail"]
    for path in paths:
        assert f"{path}: " in refused["error"]
    put = await send(client, "PUT", f"{family}/servers/com.example%2Ftool/versions/1.0.0", status, {"description": ""})
    assert {"name", "version", "description"} <= {issue["path"] for issue in put["issues"]}
    assert (await send(client, "GET", f"{HOUSE}/servers", 200))["servers"] == []


@pytest.mark.parametrize("name", ["com.example/x", "x/tool"])
async def test_halves_of_one_letter_are_for_clients_of_the_go_server(
    catalogue: Catalogue, client: httpx.AsyncClient, name: str
) -> None:
    for family, status in (("/v0.1", 422), ("/v0", 422), ("/registry/house/v0", 422), (HOUSE, 201)):
        report = await send(client, "POST", f"{family}/validate", 200, document(name))
        assert [issue["severity"] for issue in report["issues"] if issue["reference"] == "name-too-short"] == [
            "warning" if status == 201 else "error"
        ]
        await send(client, "POST", f"{family}/publish", status, document(name))


async def test_validate_accepts_what_publish_accepts(catalogue: Catalogue, client: httpx.AsyncClient) -> None:
    good = {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        **document("com.example/tool"),
        **remote("https://example.com/mcp"),
    }
    assert await send(client, "POST", "/v0/validate", 200, good) == {"valid": True, "issues": []}
    await send(client, "POST", f"{HOUSE}/publish", 201, good)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid request body"),
        (b"not-json", "Invalid request body"),
        (b"[]", "Invalid request body: it must be a JSON object"),
        (b"null", "Invalid request body"),
        (b'{"name":"a/b"} trailing', "Invalid request body"),
        (b'{"name":"\xff"}', "Invalid request body"),
        (b'{"name":NaN}', "Invalid request body"),
        (b'{"name":"com.example/x","x":123456789012345678901234567890}', "x: is an integer of more than 64 bits"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "Invalid request body"),
        (b'{"name":"com.example/x","version":"1.0.0","description":"a\\u0000b"}', "description: holds a NUL"),
    ],
)
async def test_body_that_cannot_be_read_is_400(
    catalogue: Catalogue, client: httpx.AsyncClient, body: bytes, words: str
) -> None:
    refused = await client.post(f"{HOUSE}/publish", content=body)
    assert refused.status_code == 400
    assert words in refused.json()["error"]
    report = (await client.post(f"{HOUSE}/validate", content=body)).json()
    assert report["valid"] is False
    assert {issue["type"] for issue in report["issues"]} == {"json"}


@pytest.mark.parametrize("path", ["publish", "validate", "servers/com.example%2Fx/status"])
async def test_body_over_the_limit_is_413(catalogue: Catalogue, client: httpx.AsyncClient, path: str) -> None:
    method = "PATCH" if path.endswith("status") else "POST"

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 2**19

    for content in (b" " * (2**20 + 1), stream()):
        answer = await client.request(method, f"{HOUSE}/{path}", content=content)
        assert (answer.status_code, answer.json()["error"]) == (413, "the body is larger than 1 MiB")


async def test_versions_are_immutable_and_deleted_ones_block_their_string(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    first = await publish(client, "1.0.0", title="First")
    again = document("com.example/tool", "1.0.0", title="Second")
    refused = await send(client, "POST", f"{HOUSE}/publish", 409, again)
    assert refused["error"] == "version already exists: com.example/tool@1.0.0"
    path = f"{HOUSE}/servers/com.example%2Ftool/versions/1.0.0"
    assert await send(client, "GET", path, 200) == first
    assert await send(client, "DELETE", path, 204) is None
    assert await send(client, "POST", f"{HOUSE}/publish", 409, again) == refused
    assert (await send(client, "DELETE", path, 404))["error"] == "server not found: com.example/tool@1.0.0"
    await send(client, "GET", path, 404)
    assert official(await send(client, "GET", f"{path}?include_deleted=true", 200))["status"] == "deleted"


async def test_latest_is_not_resolved_where_something_is_written(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    await publish(client, "1.0.0")
    path = f"{HOUSE}/servers/com.example%2Ftool/versions/latest"
    await send(client, "DELETE", path, 404)
    await send(client, "PATCH", f"{path}/status", 404, {"status": "deleted"})
    assert await latest(client) == ["1.0.0"]


async def test_delete_at_the_root_answers_with_what_was_deleted(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    await publish(client, "1.0.0")
    gone = await send(client, "DELETE", "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200)
    assert (gone["server"]["version"], official(gone)["status"]) == ("1.0.0", "deleted")


async def test_what_is_fetched_is_not_deleted_beside_a_managed_source(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    catalogue = await managed(ctx, tmp_path, "house")
    catalogue.registries["both"] = ["house", "files"]
    await catalogue.sync()
    await send(client, "DELETE", "/registry/both/v0.1/servers/com.example%2Ffetched/versions/1.0.0", 404)
    await send(client, "GET", "/registry/both/v0.1/servers/com.example%2Ffetched/versions/1.0.0", 200)


async def test_edit_replaces_the_document_and_nothing_else(catalogue: Catalogue, client: httpx.AsyncClient) -> None:
    path = f"{HOUSE}/servers/com.example%2Ftool/versions/1.0.0"
    await publish(client, "1.0.0")
    before = await send(client, "PATCH", f"{path}/status", 200, {"status": "deprecated", "statusMessage": "old"})
    changed = document("com.example/tool", "1.0.0", title="Better")
    after = await send(client, "PUT", path, 200, changed)
    assert after["server"] == changed
    assert official(after) == {**official(before), "updatedAt": official(after)["updatedAt"]}
    assert official(after)["updatedAt"] > official(before)["updatedAt"]
    assert await send(client, "PUT", path, 200, changed) == after, "the same document changes nothing"


@pytest.mark.parametrize(
    ("name", "version", "given", "status", "words"),
    [
        ("tool", "1.0.0", document("com.example/other"), 400, "Cannot rename server"),
        ("tool", "1.0.0", document("com.example/tool", "1.0.1"), 400, "Cannot change the version"),
        ("tool", "3.0.0", document("com.example/tool", "3.0.0"), 404, "server not found"),
        ("nope", "1.0.0", document("com.example/nope"), 404, "server not found"),
        ("tool", "2.0.0", document("com.example/tool", "2.0.0"), 404, "make it active again"),
    ],
)
async def test_edit_refuses(
    catalogue: Catalogue,
    client: httpx.AsyncClient,
    name: str,
    version: str,
    given: Any,
    status: int,
    words: str,
) -> None:
    await publish(client, "1.0.0")
    await publish(client, "2.0.0")
    await send(client, "DELETE", f"{HOUSE}/servers/com.example%2Ftool/versions/2.0.0", 204)
    before = await send(client, "GET", f"{HOUSE}/servers?include_deleted=true", 200)
    path = f"{HOUSE}/servers/com.example%2F{name}/versions/{version}"
    assert words in (await send(client, "PUT", path, status, given))["error"]
    assert await send(client, "GET", f"{HOUSE}/servers?include_deleted=true", 200) == before


async def test_remote_urls_belong_to_one_server(catalogue: Catalogue, client: httpx.AsyncClient) -> None:
    url = "https://example.com/mcp"
    await publish(client, "1.0.0", **remote(url))
    await publish(client, "1.1.0", **remote(url))
    rival = document("com.example/rival", "1.0.0", **remote(url))
    refused = await send(client, "POST", f"{HOUSE}/publish", 409, rival)
    assert refused["error"] == f"another server has the same remote URL: {url} by com.example/tool"
    await publish(client, "1.0.0", "com.example/rival", **remote(f"{url}/"))
    rival_path = f"{HOUSE}/servers/com.example%2Frival/versions/1.0.0"
    await send(client, "PUT", rival_path, 409, rival)
    await send(client, "PATCH", f"{HOUSE}/servers/com.example%2Ftool/status", 200, {"status": "deleted"})
    await send(client, "PUT", rival_path, 200, rival)
    back = f"{HOUSE}/servers/com.example%2Ftool/versions/1.0.0/status"
    refused = await send(client, "PATCH", back, 409, {"status": "active"})
    assert "is used by com.example/rival" in refused["error"]
    await send(client, "PATCH", f"{HOUSE}/servers/com.example%2Ftool/status", 409, {"status": "deprecated"})
    await send(client, "PUT", rival_path, 200, document("com.example/rival", "1.0.0"))
    await send(client, "PATCH", back, 200, {"status": "active"})


async def test_a_name_has_ten_thousand_versions_at_most(
    ctx: Ctx, catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    await publish(client, "1.0.0")
    copies = (
        "insert into entry_version select (jsonb_populate_record(v, jsonb_build_object('id', 100000 + n, 'version',"
        " '0.0.' || n, 'version_sort', '0'))).* from entry_version v, generate_series(1, 9998) n"
        " where v.version = '1.0.0' and v.entry_id = (select id from entry where name = 'com.example/tool')"
    )
    async with ctx.db.write() as tx:
        await tx.session.execute(text(copies))
    await publish(client, "2.0.0")
    refused = await send(client, "POST", f"{HOUSE}/publish", 409, document("com.example/tool", "2.0.1"))
    assert refused["error"] == "com.example/tool has 10000 versions, the most a server may have"
    await publish(client, "2.0.1", "com.example/other")


async def test_publisher_metadata_and_base_urls_follow_the_configuration(
    ctx: Ctx, catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    package = {"registryType": "npm", "identifier": "x", "version": "1.0.0", "transport": {"type": "stdio"}}
    npm = document("com.example/npm", packages=[{**package, "registryBaseUrl": "https://npm.example.org"}])
    meta = {"io.modelcontextprotocol.registry/publisher-provided": {"text": "x" * 100}}
    strict = Ctx(ctx.db, policy=PublishPolicy(110, ("https://npm.example.com",)))
    async with connect(strict) as other:
        refused = await send(other, "POST", f"{HOUSE}/publish", 400, npm)
        assert [i["path"] for i in refused["issues"] if i["severity"] == "error"] == ["packages[0].registryBaseUrl"]
        refused = await send(other, "POST", f"{HOUSE}/publish", 400, document("com.example/meta", _meta=meta))
        assert "111" in refused["error"]
        assert "110" in refused["error"]
    await send(client, "POST", f"{HOUSE}/publish", 201, npm)
    await send(client, "POST", f"{HOUSE}/publish", 201, document("com.example/meta", _meta=meta))


async def test_same_version_at_once_is_published_once(catalogue: Catalogue, client: httpx.AsyncClient) -> None:
    given = [document("com.example/tool", "1.0.0", title=f"By {n}") for n in range(20)]
    answers = await asyncio.gather(*(client.post(f"{HOUSE}/publish", json=body) for body in given))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    (won,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert await send(client, "GET", f"{HOUSE}/servers/com.example%2Ftool/versions/1.0.0", 200) == won


async def test_different_versions_at_once_leave_the_right_latest(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    versions = [f"1.{n}.0" for n in range(20)] + ["2.0.0-rc.1", "next"]
    given = [document("com.example/tool", version) for version in versions]
    answers = await asyncio.gather(*(client.post(f"{HOUSE}/publish", json=body) for body in given))
    assert {answer.status_code for answer in answers} == {201}
    assert await latest(client) == ["2.0.0-rc.1"]


async def test_latest_does_not_depend_on_the_order_of_publishing(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    orders = list(itertools.permutations(["1.9.0", "1.10.0", "1.10.0-rc.1", "nightly"]))
    for number, order in enumerate(orders):
        for version in order:
            await publish(client, version, f"com.example/tool{number}")
        assert await latest(client, f"com.example/tool{number}") == ["1.10.0"]
    listed = await send(client, "GET", f"{HOUSE}/servers?version=latest", 200)
    assert {item["server"]["version"] for item in listed["servers"]} == {"1.10.0"}
    assert listed["metadata"]["count"] == len(orders)


async def test_latest_moves_with_what_is_deleted_restored_and_published(
    catalogue: Catalogue, client: httpx.AsyncClient
) -> None:
    path = f"{HOUSE}/servers/com.example%2Ftool/versions"
    await publish(client, "1.0.0")
    await publish(client, "2.0.0")
    await send(client, "DELETE", f"{path}/2.0.0", 204)
    assert await latest(client) == ["1.0.0"]
    await send(client, "DELETE", f"{path}/1.0.0", 204)
    assert await latest(client) == ["2.0.0"], "of deleted ones the highest keeps the mark"
    await send(client, "GET", f"{path}/latest", 404)
    assert (await send(client, "GET", f"{path}/latest?include_deleted=true", 200))["server"]["version"] == "2.0.0"
    await publish(client, "0.5.0")
    assert await latest(client) == ["0.5.0"], "deleted versions do not count against it"
    assert (await send(client, "GET", f"{path}/latest", 200))["server"]["version"] == "0.5.0"
    await send(client, "PATCH", f"{path}/1.0.0/status", 200, {"status": "active"})
    assert await latest(client) == ["1.0.0"]
    await send(client, "PATCH", f"{path}/1.0.0/status", 200, {"status": "deprecated"})
    assert await latest(client) == ["1.0.0"], "a deprecated version may be the latest"
