"""Checking a document without publishing it: the same rules, and nothing is written."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.resolvers.context import Ctx
from tests.conftest import StatementCounter
from tests.graphql.asking import ask
from tests.models.publishable import publishable

QUERY = """query($document: JSON!) { validateServer(document: $document) { isValid name version
  issues { severity path message rule } } }"""


async def validate(client: httpx.AsyncClient, document: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(client, QUERY, document=document))["validateServer"]
    return found


async def test_good_document_is_valid(client: httpx.AsyncClient, statements: StatementCounter) -> None:
    document = publishable()
    with statements() as seen:
        found = await validate(client, document)
    assert (found["isValid"], found["name"], found["version"]) == (True, document["name"], document["version"])
    assert [issue for issue in found["issues"] if issue["severity"] == "ERROR"] == []
    assert seen == []


async def test_each_fault_is_told_with_its_place_and_rule(client: httpx.AsyncClient) -> None:
    found = await validate(client, {**publishable(), "version": "latest", "description": 5})
    assert (found["isValid"], found["version"]) == (False, "latest")
    errors = {issue["path"]: issue for issue in found["issues"] if issue["severity"] == "ERROR"}
    assert set(errors) == {"version", "description"}
    assert all(issue["message"] and issue["rule"] for issue in errors.values())


@pytest.mark.parametrize("document", [[], [1], "text", 5, 1.5, True, [{"name": "com.example/x"}]])
async def test_what_is_no_object_is_a_report_too(client: httpx.AsyncClient, document: Any) -> None:
    assert await validate(client, document) == {
        "isValid": False,
        "name": None,
        "version": None,
        "issues": [
            {"severity": "ERROR", "path": "", "message": "a server.json must be a JSON object", "rule": "schema-type"}
        ],
    }


@pytest.mark.parametrize("value", [None, 5, [], {}, ["x"]])
async def test_name_and_version_are_told_only_as_texts(client: httpx.AsyncClient, value: Any) -> None:
    found = await validate(client, {"name": value, "version": value})
    assert (found["isValid"], found["name"], found["version"]) == (False, None, None)


async def test_report_is_that_of_the_registry_api(ctx: Ctx, client: httpx.AsyncClient) -> None:
    document = {"name": "x", "version": "", "packages": [{"registryType": "npm"}], "unknown": 1}
    report = (await client.post("/v0.1/validate", json=document)).json()
    told = [(issue["severity"], issue["path"], issue["message"], issue["reference"]) for issue in report["issues"]]
    found = await validate(client, document)
    assert found["isValid"] is report["valid"] is False
    issues = [(i["severity"].lower(), i["path"], i["message"], i["rule"]) for i in found["issues"]]
    assert issues == told


async def test_document_may_be_written_in_the_query(client: httpx.AsyncClient) -> None:
    query = '{ validateServer(document: {name: "com.example/x", version: "1.0.0", remotes: []}) { name version } }'
    assert (await ask(client, query))["validateServer"] == {"name": "com.example/x", "version": "1.0.0"}
