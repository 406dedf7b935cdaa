"""Requests that nobody sends by mistake: each is refused with a code, and none costs more than it should."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from graphql import OperationType

from app.core.database import Database
from app.core.opaque import encode_opaque
from app.graphql.errors import Refusal
from app.graphql.limits.amounts import MAX_ERRORS
from app.graphql.options import Options
from app.graphql.preparation import Request
from app.graphql.requests import MAX_BODY_BYTES
from app.graphql.schema import build_schema
from app.resolvers.context import Ctx
from tests.conftest import StatementCounter, connect
from tests.graphql.hostilities import HOSTILE

LIST = "query($w: ServerWhere) { servers(where: $w) { totalCount } }"


def nested(depth: int) -> dict[str, Any]:
    where: dict[str, Any] = {"name": {"eq": "x"}}
    for _ in range(depth):
        where = {"NOT": where}
    return where


BODIES: dict[str, tuple[bytes, int, str]] = {
    "null": (b"null", 400, "must be an object"),
    "number": (b"1", 400, "must be an object"),
    "text": (b'"x"', 400, "must be an object"),
    "nan": (b"NaN", 400, "not JSON"),
    "nothing": (b"", 400, "not JSON"),
    "not utf-8": (b'{"query":"\xff"}', 400, "not JSON"),
    "deep list": (b"[" * 999, 400, "not JSON"),
    "many lists": (b"[" * 100_000, 400, "more than 20000 objects and lists"),
    "many lists beside quotes": (
        rb'{"query":"{__typename}","extensions":{"a":["\\\"","\\\\",' + b"{}," * 20_000 + b"0]}}",
        400,
        "more than 20000 objects and lists",
    ),
    "deep variables": (b'{"query":"{__typename}","variables":' + b'{"a":' * 60 + b"1" + b"}" * 61, 400, "nested more"),
    "wide": (
        b'{"query":"{__typename}","extensions":{"a":[' + b"{}," * 20_000 + b"0]}}",
        400,
        "more than 20000 objects",
    ),
    "exponent": (b'{"query":"{__typename}","variables":{"a":1e999999}}', 400, "not JSON"),
    "half a character": (b'{"query":"{__typename}","variables":{"a":"\\ud800"}}', 400, "not JSON"),
    "too large": (b'{"query":"' + b"x" * MAX_BODY_BYTES + b'"}', 413, "larger than 1 MiB"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_body_that_is_no_operation_is_refused(client: httpx.AsyncClient, case: str) -> None:
    body, status, words = BODIES[case]
    answer = await client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert words in error["message"]
    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "PAYLOAD_TOO_LARGE")


VARIABLES: dict[str, tuple[dict[str, Any], str]] = {
    "empty negations": ({"AND": [{"NOT": {}}] * 200}, "more than 100 conditions"),
    "deep negation": (nested(20), "nested more than 10 deep"),
    "nul in a condition": ({"name": {"eq": "a\0"}}, "where.name.eq holds a NUL character"),
    "nul in a list": ({"tags": {"hasAny": ["a", "b\0"]}}, "where.tags.hasAny holds a NUL character"),
}


@pytest.mark.parametrize("case", VARIABLES)
async def test_filter_that_cannot_be_used_is_refused(client: httpx.AsyncClient, case: str) -> None:
    where, words = VARIABLES[case]
    answer = await client.post("/graphql", json={"query": LIST, "variables": {"w": where}})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert words in error["message"]


@pytest.mark.parametrize(
    "query",
    [
        '{ registry(name: "a\\u0000") { name } }',
        '{ source(name: "a\\u0000") { name } }',
        '{ server(name: "a\\u0000") { name } }',
        '{ servers(registry: "a\\u0000") { totalCount } }',
        f'{{ node(id: "{encode_opaque(["SyncRun", 2**63])}") {{ id }} }}',
        f'{{ node(id: "{encode_opaque(["Registry", "a" + chr(0)])}") {{ id }} }}',
        f'{{ node(id: "{encode_opaque(["Nothing"])}") {{ id }} }}',
        f'{{ node(id: "{encode_opaque([])}") {{ id }} }}',
        f'{{ servers(after: "{encode_opaque([["a"], "x"])}") {{ totalCount }} }}',
    ],
)
async def test_forged_or_unstorable_names_are_refused(client: httpx.AsyncClient, query: str) -> None:
    (error,) = (await client.post("/graphql", json={"query": query})).json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT", error


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-01-01T00:00:00"])
async def test_times_at_the_ends_of_the_calendar_are_compared(client: httpx.AsyncClient, time: str) -> None:
    answer = await client.post(
        "/graphql", json={"query": LIST, "variables": {"w": {"publishedAt": {"gt": time, "lt": time}}}}
    )
    assert answer.json()["data"] == {"servers": {"totalCount": 0}}


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_operation_is_refused_before_it_runs(case: str) -> None:
    """There is no database behind this server: whatever ran would fail in another way."""
    hostile = HOSTILE[case]
    body = {"query": hostile.query, "variables": hostile.variables}
    async with connect(Ctx(Database({}))) as client:
        for _ in range(2):  # the second time it is remembered
            answer = await client.post("/graphql", json=body)
            assert answer.status_code == 400
            assert "data" not in answer.json()
            errors = answer.json()["errors"]
            assert {error["extensions"]["code"] for error in errors} == {hostile.code}, errors
            assert len(errors) <= MAX_ERRORS + 1
            assert len(answer.content) < 10_000


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_operation_is_refused_on_every_way_in(case: str) -> None:
    hostile = HOSTILE[case]
    body = {"query": hostile.query, "variables": hostile.variables}
    parameters = {"query": hostile.query, "variables": json.dumps(hostile.variables)}
    streamed = {"Accept": "text/event-stream"}
    async with connect(Ctx(Database({})), Options(max_batched=2)) as client:
        answers = [
            await client.post("/graphql", json=[body, body]),
            await client.post("/graphql", json=body, headers=streamed),
        ]
        if len(urlencode(parameters)) < MAX_URL:
            answers.append(await client.get("/graphql", params=parameters))
    for answer in answers:
        assert f'"code":"{hostile.code}"' in answer.text
        assert '"data"' not in answer.text


async def test_refusals_ask_nothing_of_a_database_that_is_there(
    client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    with statements() as seen:
        for hostile in HOSTILE.values():
            body = {"query": hostile.query, "variables": hostile.variables}
            assert (await client.post("/graphql", json=body)).status_code == 400
    assert seen == []


MAX_URL = 60_000
"""What the HTTP client sends as an address, about the same as servers take."""

BEFORE_VALIDATION = ("TOO_LONG", "TOO_DEEP", "TOO_MANY_", "GRAPHQL_PARSE_FAILED")
AFTER = ("deep introspection", "list in a variable", "objects in a variable")


@pytest.mark.parametrize(
    "case", [c for c, hostile in HOSTILE.items() if hostile.code.startswith(BEFORE_VALIDATION) and c not in AFTER]
)
async def test_what_is_too_large_is_not_even_validated(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def validated(*_: object) -> None:
        raise AssertionError("validated")

    monkeypatch.setattr("app.graphql.preparation.validate_document", validated)
    with pytest.raises(Refusal):
        build_schema()._preparation.prepare(Request(HOSTILE[case].query, {}, None, set(OperationType)))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ('{"w":{"AND":[' + "{}," * 2000 + "{}]}}", "a list of 2001 items; 250 at most"),
        ("[" * 900, "variables is not JSON"),
        ("[]", "variables must be an object"),
        ('{"a":' * 60 + "1" + "}" * 60, "variables is nested more than 50 deep"),
    ],
)
async def test_variables_of_a_get_are_held_to_the_same_limits(
    client: httpx.AsyncClient, variables: str, words: str
) -> None:
    answer = await client.get("/graphql", params={"query": LIST, "variables": variables})
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]["message"]


async def test_get_with_usable_variables_is_answered(client: httpx.AsyncClient) -> None:
    variables = '{"w": {"name": {"eq": "a/b"}}}'
    answer = await client.get("/graphql", params={"query": LIST, "variables": variables})
    assert answer.json()["data"] == {"servers": {"totalCount": 0}}
