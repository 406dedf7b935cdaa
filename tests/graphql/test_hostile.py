"""Requests that nobody sends by mistake: each is refused with a code, and none costs more than it should."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.core.opaque import encode_opaque
from app.graphql.endpoint import MAX_BODY_BYTES

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
    "list": (b"[]", 400, "must be an object"),
    "nan": (b"NaN", 400, "not JSON"),
    "nothing": (b"", 400, "not JSON"),
    "not utf-8": (b'{"query":"\xff"}', 400, "not JSON"),
    "deep list": (b"[" * 999, 400, "not JSON"),
    "many lists": (b"[" * 100_000, 400, "more than 1000 objects and lists"),
    "deep variables": (b'{"query":"{__typename}","variables":' + b'{"a":' * 60 + b"1" + b"}" * 61, 400, "nested more"),
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
    "empty conditions": ({"AND": [{}] * 900}, "more than 100 conditions"),
    "empty negations": ({"AND": [{"NOT": {}}] * 400}, "more than 100 conditions"),
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
    assert answer.json() == {"data": {"servers": {"totalCount": 0}}}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ " + " ".join(f"a{n}: __typename" for n in range(60)) + " }", "aliases"),
        ("{ " + "__typename " * 3000 + "}", "tokens"),
        ("{ node(id: 1) " + "{ ... on Server { latest { server " * 12 + "{ id }" + "} } }" * 12 + " }", "depth"),
    ],
)
async def test_operation_beyond_the_limits_is_refused(client: httpx.AsyncClient, query: str, words: str) -> None:
    errors = (await client.post("/graphql", json={"query": query})).json()["errors"]
    assert words in errors[0]["message"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ('{"w":{"AND":[' + "{}," * 2000 + "{}]}}", "variables holds more than 1000 objects"),
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
    assert answer.json() == {"data": {"servers": {"totalCount": 0}}}
