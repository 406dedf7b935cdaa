"""The life of a version: its status, its message, and what follows from them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.resolvers.context import Ctx
from tests.seeding import Catalogue, document, seed

HOUSE = "/registry/house/v0.1"
TOOL = f"{HOUSE}/servers/com.example%2Ftool"
OFFICIAL = "io.modelcontextprotocol.registry/official"


@pytest.fixture(autouse=True)
async def catalogue(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> Catalogue:
    """A managed registry with three versions of one server."""
    catalogue = await seed(ctx, tmp_path, {"files": [document("com.example/fetched")]}, {"default": ["files"]})
    catalogue.managed.append("house")
    await catalogue.sync()
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        assert (await client.post(f"{HOUSE}/publish", json=document("com.example/tool", version))).status_code == 201
    return catalogue


async def send(client: httpx.AsyncClient, method: str, path: str, status: int, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def standing(client: httpx.AsyncClient) -> dict[str, Any]:
    """The official block of each version, deleted ones too."""
    body = await send(client, "GET", f"{TOOL}/versions?include_deleted=true", 200)
    return {item["server"]["version"]: item["_meta"][OFFICIAL] for item in body["servers"]}


async def patch(client: httpx.AsyncClient, version: str, status: int, body: Any) -> Any:
    return await send(client, "PATCH", f"{TOOL}/versions/{version}/status", status, body)


async def test_every_transition_is_allowed_and_moves_the_times(client: httpx.AsyncClient) -> None:
    previous = (await standing(client))["2.0.0"]
    for status in ("deprecated", "deleted", "active", "deleted", "deprecated", "active"):
        answer = (await patch(client, "2.0.0", 200, {"status": status}))["_meta"][OFFICIAL]
        assert answer["status"] == status
        assert answer["statusChangedAt"] == answer["updatedAt"] > previous["updatedAt"]
        assert answer["publishedAt"] == previous["publishedAt"]
        assert (await standing(client))["2.0.0"] == answer
        previous = answer


async def test_message_alone_moves_only_the_update(client: httpx.AsyncClient) -> None:
    first = (await patch(client, "1.0.0", 200, {"status": "deprecated", "statusMessage": "use 3"}))["_meta"][OFFICIAL]
    second = (await patch(client, "1.0.0", 200, {"status": "deprecated", "statusMessage": "use 4"}))["_meta"][OFFICIAL]
    assert (first["statusMessage"], second["statusMessage"]) == ("use 3", "use 4")
    assert second["statusChangedAt"] == first["statusChangedAt"]
    assert second["updatedAt"] > first["updatedAt"]
    cleared = (await patch(client, "1.0.0", 200, {"status": "deprecated"}))["_meta"][OFFICIAL]
    assert "statusMessage" not in cleared
    await patch(client, "1.0.0", 200, {"status": "deleted", "statusMessage": "é" * 500})
    back = (await patch(client, "1.0.0", 200, {"status": "active"}))["_meta"][OFFICIAL]
    assert "statusMessage" not in back


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "status must be one of active, deprecated, deleted"),
        ({"status": "gone"}, "status must be one of active, deprecated, deleted"),
        ({"status": 1}, "status must be one of active, deprecated, deleted"),
        ({"status": ["active"]}, "status must be one of active, deprecated, deleted"),
        ({"status": "Active"}, "status must be one of active, deprecated, deleted"),
        ({"status": "active"}, "No changes to apply: status is already active"),
        ({"status": "active", "statusMessage": "fine"}, "statusMessage cannot be given with status active"),
        ({"status": "deleted", "statusMessage": "x" * 501}, "statusMessage has 501 characters; 500 at most"),
        ({"status": "deleted", "statusMessage": 5}, "statusMessage must be a string"),
        ({"status": "deleted", "statusMessage": "a\0b"}, "statusMessage holds a NUL"),
        ([], "must be a JSON object"),
    ],
)
@pytest.mark.parametrize("path", [f"{TOOL}/versions/2.0.0/status", f"{TOOL}/status"])
async def test_bad_change_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, path: str, body: Any, words: str
) -> None:
    before = await standing(client)
    assert words in (await send(client, "PATCH", path, 400, body))["error"]
    assert await standing(client) == before


@pytest.mark.parametrize(
    "path",
    [
        f"{TOOL}/versions/9.9.9/status",
        f"{HOUSE}/servers/com.example%2Fnope/versions/1.0.0/status",
        f"{HOUSE}/servers/com.example%2Fnope/status",
        f"{HOUSE}/servers/com.example%2Ffetched/status",
    ],
)
async def test_absent_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert "not found" in (await send(client, "PATCH", path, 404, {"status": "deleted"}))["error"]


async def test_bulk_changes_what_differs_and_leaves_the_rest_alone(client: httpx.AsyncClient) -> None:
    await patch(client, "2.0.0", 200, {"status": "deprecated", "statusMessage": "soon gone"})
    before = await standing(client)
    wanted = {"status": "deprecated", "statusMessage": "soon gone"}
    answer = await send(client, "PATCH", f"{TOOL}/status", 200, wanted)
    assert answer["updatedCount"] == 2
    assert [item["server"]["version"] for item in answer["servers"]] == ["1.0.0", "3.0.0"]
    after = await standing(client)
    assert after["2.0.0"] == before["2.0.0"]
    assert len({block["updatedAt"] for block in (after["1.0.0"], after["3.0.0"])}) == 1, "one transaction"
    refused = await send(client, "PATCH", f"{TOOL}/status", 400, wanted)
    assert refused["error"] == "No changes to apply: status is already deprecated"


async def test_bulk_is_all_or_nothing(client: httpx.AsyncClient) -> None:
    """One of the versions cannot come back, as its remote URL was taken meanwhile: so none does."""
    remote = {"remotes": [{"type": "sse", "url": "https://example.com/sse"}]}
    path = f"{HOUSE}/servers/com.example%2Ftwin"
    await send(client, "POST", f"{HOUSE}/publish", 201, document("com.example/twin", "1.0.0"))
    await send(client, "POST", f"{HOUSE}/publish", 201, document("com.example/twin", "2.0.0", **remote))
    await send(client, "PATCH", f"{path}/status", 200, {"status": "deleted"})
    await send(client, "POST", f"{HOUSE}/publish", 201, document("com.example/heir", "1.0.0", **remote))
    await send(client, "PATCH", f"{path}/status", 409, {"status": "active"})
    await send(client, "GET", f"{path}/versions", 404)
    await send(client, "PATCH", f"{path}/versions/1.0.0/status", 200, {"status": "active"})


async def test_versions_that_win_or_lose_the_latest_mark_count_as_updated(client: httpx.AsyncClient) -> None:
    before = await standing(client)
    await patch(client, "3.0.0", 200, {"status": "deleted"})
    since = max(block["updatedAt"] for block in before.values())
    body = await send(client, "GET", f"{HOUSE}/servers?updated_since={since}", 200)
    moved = {item["server"]["version"]: item["_meta"][OFFICIAL] for item in body["servers"]}
    assert {version: (block["status"], block["isLatest"]) for version, block in moved.items()} == {
        "2.0.0": ("active", True),
        "3.0.0": ("deleted", False),
    }
    assert moved["2.0.0"]["statusChangedAt"] == before["2.0.0"]["statusChangedAt"]


async def test_deprecated_versions_are_listed(client: httpx.AsyncClient) -> None:
    await send(client, "PATCH", f"{TOOL}/status", 200, {"status": "deprecated"})
    listed = await send(client, "GET", f"{HOUSE}/servers", 200)
    assert {item["_meta"][OFFICIAL]["status"] for item in listed["servers"]} == {"deprecated"}
    assert listed["metadata"]["count"] == 3


async def test_changes_at_once_are_all_answered_and_leave_one_latest(client: httpx.AsyncClient) -> None:
    work = [
        client.patch(f"{TOOL}/versions/{version}/status", json={"status": status})
        for version in ("1.0.0", "2.0.0", "3.0.0")
        for status in ("deprecated", "deleted", "active")
    ]
    bulk = [client.patch(f"{TOOL}/status", json={"status": status}) for status in ("deprecated", "deleted")]
    published = [client.post(f"{HOUSE}/publish", json=document("com.example/tool", f"0.{n}.0")) for n in range(5)]
    answers = await asyncio.gather(*work, *bulk, *published)
    assert {answer.status_code for answer in answers} <= {200, 201, 400}
    blocks = await standing(client)
    assert len(blocks) == 8
    assert sum(block["isLatest"] for block in blocks.values()) == 1
