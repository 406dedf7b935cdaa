"""Trusted documents: the committed manifest, and requests that name one or must be one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import OperationDefinitionNode, parse, print_ast, validate

from app.core.database import Database
from app.core.errors import ConfigError
from app.core.settings import GraphQLSettings
from app.graphql.limits.amounts import Limits
from app.graphql.options import Options
from app.graphql.schema import build_schema
from app.graphql.trusted import (
    TrustedDocuments,
    gather_documents,
    hash_document,
    load_trusted,
    name_document,
    print_manifest,
)
from app.resolvers.context import Ctx
from tests.conftest import connect

FOLDER = Path(__file__).parents[2] / "frontend-schema"
TEXT = "query Named($a: Boolean!) {\n  __typename @include(if: $a)\n}"
ID = name_document(TEXT)
HASH = hash_document(TEXT)
TRUSTED = TrustedDocuments({ID: TEXT})
PERSISTED = {"persistedQuery": {"version": 1, "sha256Hash": HASH}}
VARIABLES = {"a": True}


@pytest.fixture(params=[False, True], ids=["any document", "trusted documents only"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(Ctx(Database({})), Options(trusted=TRUSTED, trusted_only=request.param)) as opened:
        yield opened


@pytest.fixture
async def strict() -> AsyncIterator[httpx.AsyncClient]:
    async with connect(Ctx(Database({})), Options(trusted=TRUSTED, trusted_only=True)) as opened:
        yield opened


def test_committed_manifest_is_made_of_the_operations() -> None:
    written = (FOLDER / "trusted-documents.json").read_text(encoding="utf-8")
    assert written == print_manifest(gather_documents(FOLDER / "operations")), "run: python -m app.graphql.trusted"


def test_each_document_is_one_operation_that_the_schema_knows() -> None:
    schema = build_schema()._schema
    names = []
    for text in load_trusted().texts():
        document = parse(text)
        (operation,) = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        assert operation.name is not None
        names.append(operation.name.value)
        assert print_ast(document) == text
        assert validate(schema, document) == []
    written = [
        node.name.value
        for path in (FOLDER / "operations").glob("*.graphql")
        for node in parse(path.read_text()).definitions
        if isinstance(node, OperationDefinitionNode) and node.name
    ]
    assert sorted(names) == sorted(written)


@pytest.mark.parametrize(
    "members",
    [
        {"documentId": ID},
        {"documentId": HASH},
        {"documentId": ID, "query": None},
        {"extensions": PERSISTED},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH.upper()}}},
        {"extensions": PERSISTED, "query": TEXT},
        {"query": TEXT},
    ],
)
async def test_trusted_document_is_executed(client: httpx.AsyncClient, members: dict[str, Any]) -> None:
    answer = await client.post("/graphql", json={**members, "variables": VARIABLES})
    assert (answer.status_code, answer.json()["data"]) == (200, {"__typename": "Query"})


@pytest.mark.parametrize("members", [{"documentId": ID}, {"extensions": json.dumps(PERSISTED)}, {"query": TEXT}])
async def test_trusted_document_is_executed_by_get(client: httpx.AsyncClient, members: dict[str, str]) -> None:
    parameters = {**members, "variables": json.dumps(VARIABLES)}
    answer = await client.get("/graphql", params=parameters, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json()["data"]) == (200, {"__typename": "Query"})


UNKNOWN = "0" * 64


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"documentId": f"sha256:{UNKNOWN}"}, "DOCUMENT_NOT_FOUND", "graphql.trustedDocuments"),
        ({"documentId": ""}, "DOCUMENT_NOT_FOUND", "documentId"),
        ({"documentId": ID, "query": TEXT}, "BAD_USER_INPUT", "either query or documentId"),
        ({"documentId": [ID]}, "BAD_USER_INPUT", "documentId must be a string, not a list"),
        ({"extensions": {"persistedQuery": {"sha256Hash": UNKNOWN}}}, "PERSISTED_QUERY_NOT_FOUND", "send query"),
        (
            {"extensions": {"persistedQuery": {"sha256Hash": UNKNOWN}}, "query": TEXT},
            "BAD_USER_INPUT",
            "sha256Hash is not the SHA-256 of query",
        ),
        ({"extensions": {"persistedQuery": {"sha256Hash": 1}}}, "BAD_USER_INPUT", "extensions.persistedQuery"),
    ],
)
async def test_document_that_is_not_there_is_refused(
    client: httpx.AsyncClient, members: dict[str, Any], code: str, words: str
) -> None:
    answer = await client.post("/graphql", json=members)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == code
    assert words in error["message"]


@pytest.mark.parametrize(
    "text", ["{ __typename }", TEXT + " ", TEXT.replace("Named", "Other"), "{", "{ __schema { description } }"]
)
async def test_other_text_is_refused_where_only_trusted_ones_run(strict: httpx.AsyncClient, text: str) -> None:
    for answer in (
        await strict.post("/graphql", json={"query": text, "variables": VARIABLES}),
        await strict.get("/graphql", params={"query": text}),
        await strict.post("/graphql", json={"query": text}, headers={"Accept": "text/event-stream"}),
    ):
        assert '"code":"DOCUMENT_NOT_TRUSTED"' in answer.text
        assert "graphql.trustedDocumentsOnly" in answer.text
        assert '"data"' not in answer.text


async def test_limits_hold_for_trusted_documents_too() -> None:
    text = "{ servers(first: 50) { nodes { id } } }"
    trusted = TrustedDocuments({name_document(text): text})
    async with connect(Ctx(Database({})), Options(limits=Limits(max_cost=50), trusted=trusted)) as client:
        answer = await client.post("/graphql", json={"documentId": name_document(text)})
    assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_COMPLEX"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"sha256:0": 1}', "'sha256:0' is not a text"),
        (json.dumps({"sha256:0": TEXT}).encode(), "the id 'sha256:0' does not belong to its document"),
        (json.dumps({HASH: TEXT}).encode(), f"{ID!r} does"),
        (json.dumps({name_document("{"): "{"}).encode(), "is no GraphQL: Syntax Error"),
    ],
)
def test_manifest_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Options.of(GraphQLSettings(trusted_documents=str(path)))
    (problem,) = caught.value.problems
    assert problem.path == "graphql.trustedDocuments"
    assert words in problem.message
    assert str(path) in problem.message
    assert problem.fix


def test_manifest_of_the_settings_takes_the_place_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(print_manifest({ID: TEXT}))
    options = Options.of(GraphQLSettings(trusted_documents=str(path), trusted_documents_only=True))
    assert options.trusted_only
    assert options.trusted.get(ID) == TEXT
    assert len(options.trusted) == 1


def test_settings_become_options() -> None:
    settings = GraphQLSettings(
        max_depth=1,
        max_aliases=2,
        max_tokens=3,
        max_cost=4,
        introspection=False,
        max_batched_operations=5,
        explorer=False,
    )
    options = Options.of(settings)
    assert options.limits == Limits(max_depth=1, max_aliases=2, max_tokens=3, max_cost=4, introspection=False)
    assert (options.max_batched, options.explorer, options.trusted_only) == (5, False, False)
    assert Options.of(GraphQLSettings()).limits == Limits()
    assert len(options.trusted) == len(gather_documents(FOLDER / "operations"))
