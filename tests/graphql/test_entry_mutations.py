"""Servers written by hand through GraphQL: published, edited, deprecated, deleted; and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.resolvers.context import Ctx
from tests.graphql.asking import ask, refused
from tests.graphql.changing import VERSION, Refusal, mutate, refusal, refuse, succeed, text_of
from tests.resolvers.state import tables
from tests.seeding import Catalogue, document

NAME = "org.example/tool"
REMOTE: dict[str, Any] = {"remotes": [{"type": "sse", "url": "https://tools.example.org/sse"}]}
PACKAGE = {"registryType": "npm", "identifier": "tool", "version": "1.0.0", "transport": {"type": "carrier-pigeon"}}


@pytest.fixture
async def house(ctx: Ctx, tmp_path: Path) -> Catalogue:
    """A registry to read, `default`, and one to write to, `m`."""
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("a", [document("org.example/fetched")])
    catalogue.registries["default"] = ["a"]
    catalogue.managed.append("m")
    await catalogue.sync()
    return catalogue


async def seen(client: httpx.AsyncClient, registry: str | None = None) -> dict[str, str]:
    """What REST shows: each name with its latest version."""
    path = f"/registry/{registry}/v0.1/servers" if registry else "/v0.1/servers"
    found = (await client.get(path, params={"version": "latest", "limit": 100})).json()["servers"]
    return {item["server"]["name"]: item["server"]["version"] for item in found}


@pytest.mark.parametrize("registry", ["m", None])
async def test_published_server_is_seen_everywhere(
    house: Catalogue, client: httpx.AsyncClient, registry: str | None
) -> None:
    version = await succeed(client, "publishServer", registry=registry, document=document(NAME))
    assert (version["name"], version["version"], version["status"], version["isLatest"]) == (
        NAME,
        "1.0.0",
        "ACTIVE",
        True,
    )
    assert await seen(client, "m") == {NAME: "1.0.0"}
    assert await seen(client) == {NAME: "1.0.0", "org.example/fetched": "1.0.0"}
    found = await ask(
        client, "query($id: ID!) { node(id: $id) { ... on ServerVersion { name document } } }", id=version["id"]
    )
    assert found["node"] == {"name": NAME, "document": document(NAME)}


async def test_published_version_that_is_not_shown_is_found_by_its_id(
    house: Catalogue, client: httpx.AsyncClient
) -> None:
    """All registries together show the name as the source that comes first has it."""
    hidden = document("org.example/fetched", "5.0.0")
    version = await succeed(client, "publishServer", document=hidden)
    assert (await seen(client))["org.example/fetched"] == "1.0.0"
    query = "query($id: ID!) { node(id: $id) { id ... on ServerVersion { version document } } }"
    found = (await ask(client, query, id=version["id"]))["node"]
    assert found == {"id": version["id"], "version": "5.0.0", "document": hidden}


async def test_what_rest_published_is_changed_here_and_the_reverse(house: Catalogue, client: httpx.AsyncClient) -> None:
    path = f"/registry/m/v0.1/servers/{NAME.replace('/', '%2F')}/versions/1.0.0"
    assert (await client.post("/registry/m/v0.1/publish", json=document(NAME))).status_code == 201
    edited = await succeed(
        client, "updateServer", registry="m", name=NAME, version="1.0.0", document=document(NAME, description="better")
    )
    assert edited["description"] == "better"
    assert (await client.get(path)).json()["server"]["description"] == "better"
    assert (await client.put(path, json=document(NAME, description="best"))).status_code == 200
    changed = await succeed(
        client, "updateServerStatus", name=NAME, version="1.0.0", status="DEPRECATED", statusMessage="use another"
    )
    assert (changed["description"], changed["status"], changed["statusMessage"]) == (
        "best",
        "DEPRECATED",
        "use another",
    )
    official = (await client.get(path)).json()["_meta"]["io.modelcontextprotocol.registry/official"]
    assert (official["status"], official["statusMessage"]) == ("deprecated", "use another")


async def test_same_document_again_is_told_with_the_version_there_is(
    ctx: Ctx, house: Catalogue, client: httpx.AsyncClient
) -> None:
    first = await succeed(client, "publishServer", document=document(NAME, **REMOTE))
    reordered = dict(reversed(document(NAME, **REMOTE).items()))
    before = await tables(ctx)
    again = await mutate(client, "publishServer", document=document(NAME, **REMOTE))
    assert again["serverVersion"] == first
    assert [(e["code"], e["field"]) for e in again["errors"]] == [("ALREADY_EXISTS", ["document", "version"])]
    assert await tables(ctx) == before
    assert await refuse(ctx, client, "publishServer", document=reordered) == [("CONFLICT", ["document", "version"])]
    await succeed(client, "updateServerStatus", name=NAME, version="1.0.0", status="DEPRECATED")
    assert (await mutate(client, "publishServer", document=document(NAME, **REMOTE)))["serverVersion"]["id"] == first[
        "id"
    ]
    gone = await succeed(client, "deleteServerVersion", name=NAME, version="1.0.0")
    assert gone["id"] == first["id"]
    assert await refuse(ctx, client, "publishServer", document=document(NAME, **REMOTE)) == [
        ("CONFLICT", ["document", "version"])
    ]


async def test_statuses_change_one_by_one_or_all_at_once(house: Catalogue, client: httpx.AsyncClient) -> None:
    for version in ("1.0.0", "2.0.0"):
        await succeed(client, "publishServer", document=document(NAME, version))
    one = await mutate(
        client, "updateServerStatus", name=NAME, version="1.0.0", status="DEPRECATED", statusMessage="old"
    )
    old = {"name": NAME, "version": "1.0.0", "status": "DEPRECATED", "statusMessage": "old"}
    assert one["serverVersions"] == [old]
    assert one["serverVersion"]["version"] == "1.0.0"
    both = await mutate(client, "updateServerStatus", name=NAME, status="DEPRECATED", statusMessage="old")
    assert (both["serverVersion"], both["serverVersions"]) == (None, [{**old, "version": "2.0.0"}]), "what changed"
    await mutate(client, "updateServerStatus", name=NAME, version=None, status="ACTIVE")
    assert await seen(client, "m") == {NAME: "2.0.0"}


async def test_deleted_version_is_hidden_and_can_come_back(house: Catalogue, client: httpx.AsyncClient) -> None:
    for version in ("1.0.0", "2.0.0"):
        await succeed(client, "publishServer", document=document(NAME, version))
    gone = await succeed(client, "deleteServerVersion", registry="m", name=NAME, version="2.0.0")
    assert (gone["status"], gone["isLatest"]) == ("DELETED", False)
    assert await seen(client, "m") == {NAME: "1.0.0"}
    await succeed(client, "updateServerStatus", name=NAME, version="2.0.0", status="ACTIVE")
    assert await seen(client, "m") == {NAME: "2.0.0"}


NO_OBJECTS: list[Any] = [[], "{}", 1, True]
PUBLISHED = {"name": NAME, "version": "1.0.0"}
REFUSALS: list[Refusal] = [
    ("publishServer", {"document": document(NAME, description="other")}, [("CONFLICT", ["document", "version"])]),
    ("publishServer", {"document": document("org.example/two"), "registry": "nope"}, [("NOT_FOUND", ["registry"])]),
    ("publishServer", {"document": document("org.example/two"), "registry": ""}, [("NOT_FOUND", ["registry"])]),
    ("publishServer", {"document": document("org.example/two"), "registry": "m\0"}, [("INVALID", ["registry"])]),
    (
        "publishServer",
        {"document": document("org.example/two"), "registry": "default"},
        [("NOT_MANAGED", ["registry"])],
    ),
    ("publishServer", {"document": document("org.example/two", **REMOTE)}, [("CONFLICT", ["document", "remotes"])]),
    (
        "publishServer",
        {"document": {"name": "x", "version": "latest", "packages": [PACKAGE]}},
        [
            ("VALIDATION_FAILED", ["document", "name"]),
            ("VALIDATION_FAILED", ["document", "description"]),
            ("VALIDATION_FAILED", ["document", "version"]),
            ("VALIDATION_FAILED", ["document", "packages", "0", "transport", "type"]),
        ],
    ),
    *(refusal("publishServer", {"document": value}, ("VALIDATION_FAILED", ["document"])) for value in NO_OBJECTS),
    (
        "publishServer",
        {"document": document("org.example/two", many=list(range(10_001)))},
        [("VALIDATION_FAILED", ["document"])],
    ),
    (
        "publishServer",
        {"document": document("org.example/two", description="nul \0")},
        [("VALIDATION_FAILED", ["document", "description"])],
    ),
    ("updateServer", {**PUBLISHED, "document": document("org.example/two")}, [("INVALID", ["document", "name"])]),
    ("updateServer", {**PUBLISHED, "document": document(NAME, "2.0.0")}, [("INVALID", ["document", "version"])]),
    ("updateServer", {**PUBLISHED, "document": []}, [("VALIDATION_FAILED", ["document"])]),
    (
        "updateServer",
        {**PUBLISHED, "document": document(NAME, websiteUrl="ftp:/x")},
        [("VALIDATION_FAILED", ["document", "websiteUrl"])],
    ),
    (
        "updateServer",
        {"name": NAME, "version": "9.0.0", "document": document(NAME, "9.0.0")},
        [("NOT_FOUND", ["version"])],
    ),
    (
        "updateServer",
        {"name": NAME, "version": "0.1.0", "document": document(NAME, "0.1.0", description="new")},
        [("NOT_FOUND", ["version"])],
    ),
    ("updateServerStatus", {**PUBLISHED, "status": "ACTIVE"}, [("INVALID", ["status"])]),
    ("updateServerStatus", {**PUBLISHED, "status": "ACTIVE", "statusMessage": "x"}, [("INVALID", ["statusMessage"])]),
    (
        "updateServerStatus",
        {**PUBLISHED, "status": "DEPRECATED", "statusMessage": "x" * 501},
        [("INVALID", ["statusMessage"])],
    ),
    (
        "updateServerStatus",
        {**PUBLISHED, "status": "DEPRECATED", "statusMessage": "\0"},
        [("INVALID", ["statusMessage"])],
    ),
    ("updateServerStatus", {"name": "org.example/no", "status": "DELETED"}, [("NOT_FOUND", ["name"])]),
    ("updateServerStatus", {"name": NAME, "version": "9", "status": "DELETED"}, [("NOT_FOUND", ["version"])]),
    ("updateServerStatus", {"name": NAME, "version": "\0", "status": "DELETED"}, [("INVALID", ["version"])]),
    ("updateServerStatus", {**PUBLISHED, "registry": "default", "status": "DELETED"}, [("NOT_MANAGED", ["registry"])]),
    ("deleteServerVersion", {"name": NAME, "version": "0.1.0"}, [("NOT_FOUND", ["version"])]),
    ("deleteServerVersion", {"name": NAME, "version": "latest"}, [("NOT_FOUND", ["version"])]),
    ("deleteServerVersion", {"name": f"{NAME}\0", "version": "1.0.0"}, [("INVALID", ["name"])]),
    ("deleteServerVersion", {"name": "org.example/fetched", "version": "1.0.0"}, [("NOT_FOUND", ["version"])]),
    ("deleteServerVersion", {**PUBLISHED, "registry": "default"}, [("NOT_MANAGED", ["registry"])]),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
async def test_refusal_tells_code_and_field_and_changes_nothing(
    ctx: Ctx, house: Catalogue, client: httpx.AsyncClient, number: int
) -> None:
    await succeed(client, "publishServer", document=document(NAME, **REMOTE))
    await succeed(client, "publishServer", document=document(NAME, "0.1.0"))
    await succeed(client, "deleteServerVersion", name=NAME, version="0.1.0")
    mutation, given, faults = REFUSALS[number]
    assert await refuse(ctx, client, mutation, **given) == faults


async def test_number_that_json_cannot_hold_is_refused(ctx: Ctx, house: Catalogue, client: httpx.AsyncClient) -> None:
    """Only the text of an operation can bring one: it would be stored as null, which is something else."""
    given = f'{{name: "{NAME}", description: "d", version: "1.0.0", _meta: {{x: [1, 1e400]}}}}'
    before = await tables(ctx)
    found = await ask(
        client,
        f"mutation {{ publishServer(input: {{document: {given}}}) {{ serverVersion {{ id }} errors {{ field }} }} }}",
    )
    assert found["publishServer"] == {"serverVersion": None, "errors": [{"field": ["document", "_meta", "x", "1"]}]}
    assert await tables(ctx) == before


async def test_where_to_publish_must_be_clear(ctx: Ctx, house: Catalogue, client: httpx.AsyncClient) -> None:
    house.managed.append("n")
    await house.sync()
    payload = await mutate(client, "publishServer", document=document(NAME))
    (error,) = payload["errors"]
    assert (error["code"], error["field"]) == ("REGISTRY_REQUIRED", ["registry"])
    assert error["message"].endswith("name one of them: m, n")
    await succeed(client, "publishServer", registry="n", document=document(NAME))
    house.managed.clear()
    await house.sync()
    assert await refuse(ctx, client, "publishServer", document=document(NAME)) == [("NOT_SUPPORTED", None)]


async def test_many_faults_are_cut_short(ctx: Ctx, house: Catalogue, client: httpx.AsyncClient) -> None:
    bad = document(NAME, icons=[{"src": number} for number in range(150)])
    payload = await mutate(client, "publishServer", document=bad)
    assert len(payload["errors"]) == 101
    assert payload["errors"][99]["field"] == ["document", "icons", "99", "src"]
    assert payload["errors"][100]["message"] == "and 50 more errors"


async def test_of_two_publishers_one_wins(ctx: Ctx, house: Catalogue, client: httpx.AsyncClient) -> None:
    documents = [document(NAME, description=f"by {number}") for number in range(4)]
    payloads = await asyncio.gather(*(mutate(client, "publishServer", document=item) for item in documents))
    assert sorted(len(payload["errors"]) for payload in payloads) == [0, 1, 1, 1]
    assert {error["code"] for payload in payloads for error in payload["errors"]} == {"CONFLICT"}
    same = await asyncio.gather(*(mutate(client, "publishServer", document=document(NAME, "2.0.0")) for _ in range(4)))
    assert sorted(len(payload["errors"]) for payload in same) == [0, 1, 1, 1]
    assert len({payload["serverVersion"]["id"] for payload in same}) == 1, "each is shown what there is"


async def test_mutations_of_one_operation_run_in_their_order(house: Catalogue, client: httpx.AsyncClient) -> None:
    target = f'name: "{NAME}", version: "1.0.0"'
    shown = f"{{ {VERSION} errors {{ code }} }}"
    found = await ask(
        client,
        f"""mutation($document: JSON!) {{
          one: publishServer(input: {{document: $document}}) {shown}
          two: updateServerStatus(input: {{{target}, status: DEPRECATED}}) {shown}
          three: deleteServerVersion(input: {{{target}}}) {shown}
          four: deleteServerVersion(input: {{{target}}}) {shown}
          five: updateServerStatus(input: {{{target}, status: ACTIVE}}) {shown} }}""",
        document=document(NAME),
    )
    states = [payload["serverVersion"] and payload["serverVersion"]["status"] for payload in found.values()]
    assert states == ["ACTIVE", "DEPRECATED", "DELETED", None, "ACTIVE"]
    assert found["four"]["errors"] == [{"code": "NOT_FOUND"}], "a refusal does not stop those behind it"


async def test_hostile_documents_are_refused(ctx: Ctx, house: Catalogue, client: httpx.AsyncClient) -> None:
    """Before anything of them is looked at: too large, too deep, no JSON, no text."""
    start = f'{{"query": "{text_of("publishServer")}", "variables": {{"input": {{"document": '
    bodies = {
        start + f'"{"x" * 2**21}"}}}}}}': 413,
        start + '{"a":' * 900 + "1" + "}" * 903: 400,
        start + '{"a":' * 20_000: 400,
        start + '"\\ud800"}}}': 400,
        start + '"\0"}}}': 400,
    }
    before = await tables(ctx)
    for body, status in bodies.items():
        answer = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, answer.text
        assert answer.json()["errors"]
    assert await tables(ctx) == before


@pytest.mark.parametrize(
    "literal",
    [
        'version: "1", count: 1e999',
        f'version: "1", count: {10**399}',
        'version: "1", a: {a: {a: [[[[1]]]]}}, count: ENUM',
    ],
)
async def test_values_that_no_json_has_are_faults_of_the_document(
    ctx: Ctx, house: Catalogue, client: httpx.AsyncClient, literal: str
) -> None:
    """Written into the text of the operation, where more is possible than in JSON."""
    before = await tables(ctx)
    given = f'input: {{document: {{name: "{NAME}", {literal}}}}}'
    found = await ask(client, f"mutation {{ publishServer({given}) {{ errors {{ code field }} }} }}")
    codes = {error["code"] for error in found["publishServer"]["errors"]}
    assert codes == {"VALIDATION_FAILED"}
    assert await tables(ctx) == before


async def test_malformed_input_is_an_error_of_the_operation(house: Catalogue, client: httpx.AsyncClient) -> None:
    for given in ({}, {"document": None}, {"document": {}, "registry": 1}, {"document": {}, "nope": 1}):
        error = await refused(client, text_of("publishServer"), input=given)
        assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT")
