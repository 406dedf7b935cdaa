"""GraphQL over HTTP: a row for each thing that the audits of its draft ask of a server, and for what it leaves open."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.graphql.limits.amounts import Limits
from app.graphql.options import Options
from app.resolvers.context import Ctx
from tests.conftest import connect

QUERY = "{ __typename }"
TYPED = "query($n: String!) { server(name: $n) { name } }"
JSON = "application/json"
OWN = "application/graphql-response+json"
UTF8 = "; charset=utf-8"


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post("/graphql", content=content, headers={k: v for k, v in given.items() if v})


def check_refusal(answer: httpx.Response, status: int, code: str, words: str) -> None:
    """No data, one way to be written, and the request to ask about."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert "data" not in body
    assert words in body["errors"][0]["message"]
    assert body["errors"][0]["extensions"] == {"code": code, "requestId": answer.headers["X-Request-Id"]}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (JSON, JSON),
        (OWN, OWN),
        (f"{OWN}, {JSON}", OWN),
        (f"{JSON}, {OWN}", OWN),
        (f"{OWN};q=0.9, {JSON}", JSON),
        (f"{OWN}, {JSON};q=0.9", OWN),
        (f"{OWN};q=0", JSON),
        (f"{OWN};q=much", OWN),
        (f"{OWN.upper()}; charset=utf-8", OWN),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, */*;q=0.8", JSON),
        ("image/png", JSON),
        ("", JSON),
    ],
)
async def test_answer_has_the_media_type_that_is_asked_for(
    client: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    for body in ({"query": QUERY}, {"query": "{"}):
        answer = await post(client, body, Accept=accept)
        assert answer.headers["Content-Type"] == media_type + UTF8
        assert answer.headers["Vary"] == "Accept"


_NO_TEXTS: list[Any] = [{}, [], 0, 1.5, True]
_NO_OBJECTS: list[Any] = ["{}", [], 0, False]

BODIES: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "the body is not JSON"),
    "no JSON": (b"query { __typename }", "the body is not JSON"),
    "half": (b'{"query": "{', "the body is not JSON"),
    "NaN": (b'{"query": "{ __typename }", "variables": {"a": NaN}}', "the body is not JSON"),
    "null": (None, "the body must be an object such as"),
    "true": (True, "not a boolean"),
    "number": (1, "not a number"),
    "text": ("{ __typename }", "not a string"),
    "not UTF-8": (b'{"query": "{ __typename } # \xff"}', "the body is not JSON"),
    "UTF-16": ('{"query": "{ __typename }"}'.encode("utf-16"), "the body is not JSON"),
    "gzip": (gzip.compress(b'{"query": "{ __typename }"}'), "the body is not JSON"),
    "no query": ({}, "query is missing"),
    "null query": ({"query": None}, "query is missing"),
    "empty query": ({"query": ""}, "query is missing"),
    **{f"query {value!r}": ({"query": value}, "query must be a string, not ") for value in _NO_TEXTS},
    **{
        f"operationName {value!r}": ({"query": QUERY, "operationName": value}, "operationName must be a string, not ")
        for value in _NO_TEXTS
    },
    **{
        f"{name} {value!r}": ({"query": QUERY, name: value}, f"{name} must be an object, not ")
        for name in ("variables", "extensions")
        for value in _NO_OBJECTS
    },
    "documentId 1": ({"documentId": 1}, "documentId must be a string, not a number"),
    "query and documentId": ({"query": QUERY, "documentId": "sha256:0"}, "either query or documentId"),
    "persistedQuery 1": ({"extensions": {"persistedQuery": 1}}, "extensions.persistedQuery must be an object"),
    "no hash": ({"extensions": {"persistedQuery": {}}}, "extensions.persistedQuery must be an object"),
}


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("accept", [JSON, OWN])
async def test_body_that_is_no_request_is_refused(client: httpx.AsyncClient, case: str, accept: str) -> None:
    body, words = BODIES[case]
    answer = await post(client, body, Accept=accept)
    check_refusal(answer, 400, "BAD_USER_INPUT", words)
    assert answer.headers["Content-Type"] == accept + UTF8


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"operationName": None, "variables": None, "extensions": None},
        {"operationName": "", "variables": {}, "extensions": {}},
        {"variables": {"unused": [1, {"a": None}]}, "extensions": {"anything": 1}},
        {"unknown": 1},
    ],
)
@pytest.mark.parametrize(
    "content_type", [JSON, f"{JSON}; charset=utf-8", f'{JSON};charset="UTF-8"', "Application/JSON"]
)
async def test_request_is_answered(client: httpx.AsyncClient, members: dict[str, Any], content_type: str) -> None:
    for accept in (JSON, OWN):
        answer = await post(client, {"query": QUERY, **members}, Accept=accept, Content_Type=content_type)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content_Type": ""}, "Content-Type: application/json"),
        ({"Content_Type": "text/plain"}, "Content-Type: application/json"),
        ({"Content_Type": "application/graphql"}, "Content-Type: application/json"),
        ({"Content_Type": "application/x-www-form-urlencoded"}, "Content-Type: application/json"),
        ({"Content_Type": "multipart/form-data; boundary=x"}, "Content-Type: application/json"),
        ({"Content_Type": "text/plain; application/json"}, "Content-Type: application/json"),
        ({"Content_Type": f"{JSON}; charset=iso-8859-1"}, "UTF-8"),
        ({"Content_Encoding": "gzip"}, "uncompressed"),
    ],
)
async def test_body_of_another_type_is_refused(client: httpx.AsyncClient, headers: dict[str, str], words: str) -> None:
    check_refusal(await post(client, {"query": QUERY}, **headers), 415, "UNSUPPORTED_MEDIA_TYPE", words)


TWO = "query A { __typename } query B { service { version } }"

OPERATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name"),
    "only a comment": ({"query": "# nothing"}, "GRAPHQL_PARSE_FAILED", "Unexpected <EOF>"),
    "unknown field": (
        {"query": "{ serverz { totalCount } }"},
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot query field 'serverz'",
    ),
    "no selection": ({"query": "{ servers }"}, "GRAPHQL_VALIDATION_FAILED", "must have a selection"),
    "unknown variable": ({"query": "{ server(name: $n) { name } }"}, "GRAPHQL_VALIDATION_FAILED", "$n"),
    "a schema": ({"query": "type A { a: Int }"}, "GRAPHQL_VALIDATION_FAILED", "not executable"),
    "variable missing": (
        {"query": TYPED},
        "BAD_USER_INPUT",
        "'$n' has invalid value: Expected a value of non-null type",
    ),
    "variable null": ({"query": TYPED, "variables": {"n": None}}, "BAD_USER_INPUT", "$n"),
    "variable of another type": ({"query": TYPED, "variables": {"n": [1]}}, "BAD_USER_INPUT", "$n"),
    "several, none named": ({"query": TWO}, "OPERATION_RESOLUTION_FAILURE", "2 operations; name one"),
    "another named": ({"query": TWO, "operationName": "C"}, "OPERATION_RESOLUTION_FAILURE", "no operation 'C'"),
    "unnamed one named": ({"query": QUERY, "operationName": "C"}, "OPERATION_RESOLUTION_FAILURE", "'C'"),
}


@pytest.mark.parametrize("case", OPERATIONS)
@pytest.mark.parametrize("accept", [JSON, OWN])
async def test_operation_that_cannot_run_is_refused(client: httpx.AsyncClient, case: str, accept: str) -> None:
    body, code, words = OPERATIONS[case]
    check_refusal(await post(client, body, Accept=accept), 400, code, words)
    parameters = {name: json.dumps(v) if name == "variables" else v for name, v in body.items()}
    check_refusal(await client.get("/graphql", params=parameters, headers={"Accept": accept}), 400, code, words)


@pytest.mark.parametrize(("name", "data"), [("A", {"__typename": "Query"}), ("B", {"service": {"version": "0.1.0"}})])
async def test_named_operation_is_the_one_that_runs(client: httpx.AsyncClient, name: str, data: Any) -> None:
    assert (await post(client, {"query": TWO, "operationName": name})).json()["data"] == data


@pytest.mark.parametrize("accept", [JSON, OWN])
async def test_error_of_a_field_leaves_the_answer_a_success(client: httpx.AsyncClient, accept: str) -> None:
    query = '{ __typename node(id: "junk") { id } }'
    answer = await post(client, {"query": query}, Accept=accept)
    assert answer.status_code == 200
    body = answer.json()
    assert body["data"] == {"__typename": "Query", "node": None}
    assert body["errors"][0]["path"] == ["node"]
    assert body["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("accept", [JSON, OWN])
async def test_error_that_leaves_no_data_is_a_success_too(client: httpx.AsyncClient, accept: str) -> None:
    answer = await post(client, {"query": '{ servers(registry: "none") { totalCount } }'}, Accept=accept)
    assert answer.status_code == 200
    assert answer.json()["data"] is None
    assert answer.json()["errors"][0]["extensions"]["code"] == "REGISTRY_NOT_FOUND"


async def test_null_for_an_argument_that_may_not_be_null_is_the_clients_mistake(client: httpx.AsyncClient) -> None:
    query = 'query($v: String = "latest") { serverVersion(name: "a/b", version: $v) { id } }'
    answer = await post(client, {"query": query, "variables": {"v": None}})
    assert answer.status_code == 200
    (error,) = answer.json()["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["serverVersion"], "BAD_USER_INPUT")
    assert "provided to non-null type" in error["message"]


async def test_null_for_a_directive_is_a_mistake_of_the_request(client: httpx.AsyncClient) -> None:
    query = "query($v: Boolean = true) { __typename @include(if: $v) }"
    answer = await post(client, {"query": query, "variables": {"v": None}})
    check_refusal(answer, 400, "BAD_USER_INPUT", "Argument 'if' has invalid value")


async def test_message_of_an_error_is_no_longer_than_needed(client: httpx.AsyncClient) -> None:
    answer = await post(client, {"query": "{ " + "x" * 9000 + " }"})
    check_refusal(answer, 400, "GRAPHQL_VALIDATION_FAILED", "xxx…")
    assert len(answer.content) < 1000


@pytest.mark.parametrize("query", ["subscription { catalogChanges { id } }", "subscription { syncRuns { id } }"])
async def test_subscription_that_is_not_streamed_is_told_how_to(client: httpx.AsyncClient, query: str) -> None:
    check_refusal(await post(client, {"query": query}), 400, "SUBSCRIPTION_NOT_STREAMED", "Accept: text/event-stream")
    answer = await client.get("/graphql", params={"query": query})
    check_refusal(answer, 400, "SUBSCRIPTION_NOT_STREAMED", "graphql-transport-ws")


async def test_query_by_get_is_answered(client: httpx.AsyncClient) -> None:
    parameters = {"query": TYPED, "variables": '{"n": "a/b"}', "operationName": "", "extensions": "null"}
    answer = await client.get("/graphql", params=parameters)
    assert (answer.status_code, answer.json()["data"]) == (200, {"server": None})


@pytest.mark.parametrize(
    ("query_string", "words"),
    [
        ("", "query is missing"),
        ("query=", "query is missing"),
        ("variables={}", "query is missing"),
        (f"query={quote(QUERY)}&query={quote(QUERY)}", "query is given more than once"),
        (f"query={quote(QUERY)}&variables=x", "variables is not JSON"),
        (f"query={quote(QUERY)}&variables=[]", "variables must be an object, not a list"),
        (f"query={quote(QUERY)}&variables=1", "variables must be an object, not a number"),
        (f"query={quote(QUERY)}&extensions=1", "extensions must be an object, not a number"),
    ],
)
async def test_get_that_is_no_request_is_refused(client: httpx.AsyncClient, query_string: str, words: str) -> None:
    check_refusal(await client.get(f"/graphql?{query_string}"), 400, "BAD_USER_INPUT", words)


async def test_mutation_by_get_is_refused_and_changes_nothing(client: httpx.AsyncClient, statements: Any) -> None:
    query = 'mutation { syncSource(input: {source: "x"}) { errors { code } } }'
    with statements() as seen:
        answer = await client.get("/graphql", params={"query": query})
    check_refusal(answer, 405, "METHOD_NOT_ALLOWED", "send mutations by POST")
    assert answer.headers["Allow"] == "POST"
    assert seen == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/graphql", params={"query": QUERY})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    if method != "HEAD":
        check_refusal(answer, 405, "METHOD_NOT_ALLOWED", f"not by {method}")


async def test_preflight_is_answered(client: httpx.AsyncClient) -> None:
    assert (await client.options("/graphql")).status_code == 204


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [("text/html,application/xhtml+xml,*/*;q=0.8", True), ("*/*", False), (JSON, False), ("text/html;q=0", False)],
)
async def test_browser_without_an_operation_gets_a_page(client: httpx.AsyncClient, accept: str, is_page: bool) -> None:
    answer = await client.get("/graphql", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/html" if is_page else JSON)
    assert answer.status_code == (200 if is_page else 400)


async def test_browser_with_an_operation_gets_its_answer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphql", params={"query": QUERY}, headers={"Accept": "text/html"})
    assert answer.json()["data"] == {"__typename": "Query"}


async def test_page_can_be_switched_off(ctx: Ctx) -> None:
    async with connect(ctx, Options(explorer=False)) as client:
        answer = await client.get("/graphql", headers={"Accept": "text/html"})
        check_refusal(answer, 400, "BAD_USER_INPUT", "query is missing")


@pytest.fixture
async def batching(ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(ctx, Options(max_batched=3)) as client:
        yield client


async def test_list_of_operations_is_refused_by_default(client: httpx.AsyncClient) -> None:
    for body in ([{"query": QUERY}], []):
        check_refusal(await post(client, body), 400, "BATCHING_DISABLED", "graphql.maxBatchedOperations")


async def test_list_of_operations_is_answered_in_order(batching: httpx.AsyncClient) -> None:
    answer = await post(batching, [{"query": QUERY}, {"query": "{"}, {"query": "{ service { version } }"}])
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert first["data"] == {"__typename": "Query"}
    assert "data" not in second
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert third["data"] == {"service": {"version": "0.1.0"}}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ([], "BAD_USER_INPUT", "empty list"),
        ([{"query": QUERY}] * 4, "TOO_MANY_OPERATIONS", "4 operations; 3 at most (graphql.maxBatchedOperations)"),
        ([{"query": QUERY}, 1], "BAD_USER_INPUT", "each operation must be an object"),
        ([[{"query": QUERY}]], "BAD_USER_INPUT", "each operation must be an object"),
    ],
)
async def test_list_that_is_none_of_operations_is_refused(
    batching: httpx.AsyncClient, body: Any, code: str, words: str
) -> None:
    check_refusal(await post(batching, body), 400, code, words)


async def test_cost_is_told_with_the_data(client: httpx.AsyncClient) -> None:
    answer = await post(client, {"query": "{ servers(first: 10) { nodes { name source { name } } } }"})
    assert answer.json()["extensions"] == {"cost": {"requested": 21, "maximum": 15_000}}


async def test_cost_is_told_with_the_refusal(ctx: Ctx) -> None:
    options = Options(limits=replace(Limits(), max_cost=20))
    async with connect(ctx, options) as client:
        answer = await post(client, {"query": "{ servers(first: 10) { nodes { name source { name } } } }"})
    check_refusal(answer, 400, "TOO_COMPLEX", "up to 21 objects; 20 at most (graphql.maxCost)")
    assert answer.json()["extensions"] == {"cost": {"requested": 21, "maximum": 20}}


@pytest.mark.parametrize("text", ["\ud800", "\U0001f600", "\u0000", "\u202e"])
async def test_any_character_of_a_query_comes_back_in_an_error(client: httpx.AsyncClient, text: str) -> None:
    body = json.dumps({"query": QUERY, "operationName": text}).encode()
    answer = await post(client, body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == JSON + UTF8
    assert answer.json()["errors"][0]["extensions"]["code"] in ("OPERATION_RESOLUTION_FAILURE", "BAD_USER_INPUT")
