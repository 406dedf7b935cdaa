"""What an operation is measured and charged, and each limit: kept to the last unit, refused one beyond it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    OperationType,
    get_introspection_query,
    get_nullable_type,
    is_list_type,
    parse,
)

from app.core.database import Database
from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.limits import measures
from app.graphql.limits.amounts import MAX_VALUES, Limits
from app.graphql.limits.measures import size_up
from app.graphql.limits.sizes import LENGTHS, VALUES
from app.graphql.options import Options
from app.graphql.preparation import KEPT_CHARACTERS, Operation, Request
from app.graphql.schema import Schema, build_schema
from app.graphql.trusted import TrustedDocuments, load_trusted, name_document
from app.resolvers.context import Ctx
from tests.conftest import connect

ALL = set(OperationType)
WHOLE_SCHEMA = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return build_schema()


def prepare(schema: Schema, text: str, variables: dict[str, Any] | None = None) -> Operation:
    return schema._preparation.prepare(Request(text, variables or {}, None, ALL))


def refuse(schema: Schema, text: str, variables: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as caught:
        prepare(schema, text, variables)
    return [(error.code, error.message) for error in caught.value.errors if isinstance(error, RequestError)]


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{ __typename }", {}, 0),
        ("{ service { version } }", {}, 1),
        ("{ servers { totalCount } }", {}, 1),
        ("{ servers { nodes { name tags } } }", {}, 21),
        ("{ servers(first: 5) { nodes { name } } }", {}, 6),
        ("{ servers(last: 7) { nodes { name } } }", {}, 8),
        ("{ servers(first: 5) { edges { cursor node { name } } pageInfo { hasNextPage } } }", {}, 12),
        ("{ servers(first: 5) { nodes { name } edges { cursor } } }", {}, 11),
        ("{ servers(first: 100000) { nodes { name } } }", {}, 101),
        ("{ servers(first: -1) { nodes { name } } }", {}, 1),
        ("{ servers(first: null) { nodes { name } } }", {}, 21),
        ("query($n: Int) { servers(first: $n) { nodes { name } } }", {"n": 9}, 10),
        ("query($n: Int = 8) { servers(first: $n) { nodes { name } } }", {}, 9),
        ("query($n: Int = 8) { servers(first: $n) { nodes { name } } }", {"n": None}, 21),
        ("query($n: Int) { servers(first: $n) { nodes { name } } }", {}, 21),
        ("{ sources(first: 10) { nodes { runs(first: 2) { nodes { id } } } } }", {}, 41),
        ('{ registry(name: "a") { servers(first: 10) { nodes { source { name } } } } }', {}, 22),
        ('{ server(name: "a/b") { latest { packages { transport { url } } } } }', {}, 8),
        ('{ server(name: "a/b") { latest { toolhive { toolDefinitions { name } } } } }', {}, 23),
        ("{ servers { facets { tags(first: 5) { value } statuses { value } } } }", {}, 10),
        ('{ node(id: "x") { ... on Server { latest { id } } } }', {}, 2),
        ('{ nodes(ids: ["a", "b", "c"]) { id ... on Server { latest { id } } } }', {}, 6),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["a", "b"]}, 2),
        ("query($i: ID!) { nodes(ids: [$i, $i]) { id } }", {"i": "a"}, 2),
        ("query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": "a"}, 1),
        ("{ servers(first: 5) { ...P } } fragment P on ServerConnection { nodes { ...S } }"
         " fragment S on Server { source { id } }", {}, 11),
        ("{ a: servers(first: 5) { ...P } b: servers(first: 10) { ...P } }"
         " fragment P on ServerConnection { nodes { name } }", {}, 17),
        ("{ ... { ... on Query { service { version } } } }", {}, 1),
        ("{ service @skip(if: true) { version } }", {}, 1),
        ("{ __schema { types { fields { name } } } service { version } }", {}, 1),
        ('mutation { syncSource(input: {source: "a"}) { source { id } errors { code } } }', {}, 5),
        ("subscription { catalogChanges { server { id } } }", {}, 2),
    ],
)  # fmt: skip
def test_cost_counts_objects(schema: Schema, text: str, variables: dict[str, Any], cost: int) -> None:
    assert prepare(schema, text, variables).cost == cost


DEEP = '{ server(name: "a/b") { latest { server { name } } } }'
BY_FRAGMENT = (
    '{ server(name: "a/b") { ...A } } fragment A on Server { latest { ...B } } fragment B on ServerVersion { id }'
)
ALIASED = "{ service { a: version b: version } }"

BY_COMMENTS = "#\n#\n#\n{__a}"
"""No valid operation, so that its three other tokens are few enough."""

EDGES: list[tuple[str, str, int, str, str]] = [
    ("max_depth", DEEP, 4, "TOO_DEEP", "4 fields inside each other; 3 at most (graphql.maxDepth)"),
    ("max_depth", BY_FRAGMENT, 3, "TOO_DEEP", "3 fields inside each other; 2 at most (graphql.maxDepth)"),
    ("max_aliases", ALIASED, 2, "TOO_MANY_ALIASES", "2 aliases; 1 at most (graphql.maxAliases)"),
    ("max_tokens", ALIASED, 11, "TOO_MANY_TOKENS", "more than 10 tokens (graphql.maxTokens)"),
    ("max_tokens", BY_COMMENTS, 3, "TOO_MANY_TOKENS", "more than 2 comments (graphql.maxTokens)"),
    ("max_tokens", "{ __typename }" + " " * 60, 5, "TOO_LONG", "74 characters long; 64 at most"),
    ("max_cost", "{ servers { nodes { id } } }", 21, "TOO_COMPLEX", "21 objects; 20 at most (graphql.maxCost)"),
]


@pytest.mark.parametrize(("limit", "text", "amount", "code", "words"), EDGES)
def test_limit_holds_to_the_last_unit(limit: str, text: str, amount: int, code: str, words: str) -> None:
    wide, narrow = (replace(Limits(), **cast(Any, {limit: number})) for number in (amount, amount - 1))
    found = refuse(build_schema(Options(limits=narrow)), text)
    assert found[0][0] == code
    assert words in found[0][1]
    if text is BY_COMMENTS:
        assert refuse(build_schema(Options(limits=wide)), text)[0][0] == "GRAPHQL_VALIDATION_FAILED"
    else:
        prepare(build_schema(Options(limits=wide)), text)


def test_every_limit_that_is_exceeded_is_named(schema: Schema) -> None:
    strict = build_schema(Options(limits=replace(Limits(), max_depth=1, max_aliases=0)))
    assert [code for code, _ in refuse(strict, "{ a: service { b: version } }")] == ["TOO_DEEP", "TOO_MANY_ALIASES"]


def test_doubling_fragments_are_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step for each thing that is written, not for each that it stands for."""
    steps = 0
    note = measures._written_out

    def count(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return note(*arguments)

    monkeypatch.setattr(measures, "_written_out", count)
    chain = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(90)]
    text = " ".join(["{ ...F0 }", *chain, "fragment F90 on Query { __typename }"])
    (_, total), *_ = size_up(parse(text)).operations
    assert total.fields == 2**90
    assert steps == 92


def test_operations_of_the_user_interface_stay_far_below(schema: Schema) -> None:
    """Also with the largest pages."""
    given = {"name": "a/b", "document": {}, "first": 100, "last": 100}
    for text in load_trusted().texts():
        checked = schema._preparation._check(text)
        assert checked.errors == (), text
        ((node, total),) = checked.operations
        assert total.depth <= Limits().max_depth / 2
        assert total.aliases <= Limits().max_aliases / 2
        if node.operation is not OperationType.MUTATION:
            assert prepare(schema, text, given).cost <= Limits().max_cost / 2


def test_all_of_the_schema_can_be_asked_for(schema: Schema) -> None:
    assert prepare(schema, WHOLE_SCHEMA).cost == 0


async def test_schema_is_told_by_default() -> None:
    async with connect(Ctx(Database({}))) as client:
        answer = await client.post("/graphql", json={"query": WHOLE_SCHEMA})
    assert len(answer.json()["data"]["__schema"]["types"]) > 50


@pytest.fixture
def closed() -> httpx.AsyncClient:
    """A server that tells nothing of its schema."""
    return connect(Ctx(Database({})), Options(limits=Limits(introspection=False)))


@pytest.mark.parametrize(
    "text",
    [
        WHOLE_SCHEMA,
        '{ __type(name: "Query") { name } }',
        "{ ...A } fragment A on Query { __schema { queryType { name } } }",
        "{ ... { a: __schema { queryType { name } } } }",
    ],
)
async def test_introspection_can_be_switched_off(closed: httpx.AsyncClient, text: str) -> None:
    async with closed:
        answer = await closed.post("/graphql", json={"query": text})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INTROSPECTION_DISABLED"
    assert "graphql.introspection" in error["message"]


async def test_without_introspection_no_name_is_suggested(closed: httpx.AsyncClient, schema: Schema) -> None:
    wrong = (
        "{ service { versio } }",
        "{ servers(frist: 1) { totalCount } }",
        "{ servers(orderBy: {field: NAM}) { totalCount } }",
    )
    assert any("Did you mean" in message for text in wrong for _, message in refuse(schema, text))
    async with closed:
        for text in wrong:
            answer = await closed.post("/graphql", json={"query": text})
            assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
            assert "Did you mean" not in answer.text
        assert (await closed.post("/graphql", json={"query": "{ __typename }"})).json()["data"]


def test_every_length_is_that_of_a_list_in_the_schema(schema: Schema) -> None:
    kinds = schema._schema.type_map
    for name in LENGTHS:
        kind, _, field = name.partition(".")
        found = kinds[kind]
        assert isinstance(found, GraphQLObjectType | GraphQLInterfaceType)
        assert is_list_type(get_nullable_type(found.fields[field].type)), name
        assert "first" not in found.fields[field].args, f"{name}: its argument says how long it is"


def test_every_weight_is_that_of_a_field_in_the_schema(schema: Schema) -> None:
    for name in VALUES:
        kind, _, field = name.partition(".")
        found = schema._schema.type_map[kind]
        assert isinstance(found, GraphQLObjectType)
        assert field in found.fields, name


def test_values_of_an_answer_are_bounded_beside_its_objects(schema: Schema) -> None:
    wide = "query($n: Int) { servers(first: 100) { nodes { versions(first: $n) { nodes { %s } } } } }"
    fields = "id name version status publishedAt title description"  # with the version itself 8 values
    most = (MAX_VALUES - 1 - 100 * 2) // (100 * 8)
    assert prepare(schema, wide % fields, {"n": most}).cost < 15_000
    ((code, message),) = refuse(schema, wide % fields, {"n": most + 1})
    assert code == "TOO_COMPLEX"
    assert f"{1 + 100 * 2 + 100 * 8 * (most + 1)} values; {MAX_VALUES} at most" in message
    for dear in ("document", "toolhive { tier }", "name " + " ".join(f"a{n}: schema" for n in range(5))):
        prepare(schema, wide % dear, {"n": 10})
        ((code, message),) = refuse(schema, wide % dear, {"n": 40})
        assert (code, "values" in message) == ("TOO_COMPLEX", True)


def test_documents_of_strangers_are_kept_within_bounds_and_push_out_none_of_ours() -> None:
    ours = "{ service { version } }"
    trusted = TrustedDocuments({name_document(ours): ours})
    schema = build_schema(Options(trusted=trusted))
    first = prepare(schema, ours).document
    padding = " " * 10_000
    for number in range(50):
        prepare(schema, f"{{ __typename }} # {number}{padding}")
        refuse(schema, f"{{ nothing }} # {number}{padding}")
        refuse(schema, f"{{ # {number}{padding}")
    kept = schema._preparation._kept
    assert 0 < sum(map(len, kept._found)) <= KEPT_CHARACTERS
    assert prepare(schema, ours).document is first


def test_document_is_parsed_and_validated_once(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{ service { version } } # once"
    first = prepare(schema, text).document
    monkeypatch.setattr("app.graphql.preparation.parse_document", None)
    assert prepare(schema, text).document is first


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a": [{}] * 900}, None),
        ([[1] * 400] * 2, None),
        ({"a": {"b": [1.5, None, True, "x"]}}, None),
    ],
)
def test_value_of_type_json_may_be_large(schema: Schema, value: Any, code: str | None) -> None:
    text = "query($d: JSON!) { validateServer(document: $d) { isValid } }"
    assert prepare(schema, text, {"d": value}).cost == 1


@pytest.mark.parametrize("code", Code)
def test_every_code_is_documented(code: Code) -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    table = page.read_text(encoding="utf-8").partition("| Code | What is refused |")[2].partition("\n\n")[0]
    assert f"`{code}`" in table
