"""What schemathesis is told about this API that its description cannot say. Loaded by `st`, not by pytest.

Requests are led to where the rules are (names that exist, documents that can be published), and failures are passed
over only where the contract asks for what the check takes for one.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from tests.effort import EFFORT

Json = dict[str, Any]

TEXT = {"type": "string", "minLength": 1, "maxLength": 100}
SIMPLE: Json = {
    "type": "object",
    "required": ["name", "description", "version"],
    "properties": {"name": TEXT, "description": TEXT, "version": TEXT},
}
THOROUGH = "/registry/{registry}/v0.1/publish"
"""The one operation whose documents are spoilt in every part, unless more effort is asked for; packages alone would
take most of the time, as they hold everything else, and have tests of their own."""

REFUSALS = (
    # Rules of paths and queries that hold for several values together, or that no pattern tells.
    "invalid server name format: ",
    "invalid URL encoding in ",
    "cannot be empty",
    "cannot contain whitespace",
    "holds half a surrogate pair",
    "updated_since always includes deleted versions",
    "Invalid limit parameter: must be at least 1",  # the official description states no bounds
    # Rules of changing: what the stored version is like, and what the path says.
    "Cannot rename server",
    "Cannot change the version",
    "No changes to apply",
    "statusMessage cannot be given with status active",
    # The rules of a registry's configuration: one kind of source, complete and consistent.
    "invalid registry configuration",
    "changing registry source type is not allowed",
)
UNTOLD = {"schema-name", "schema-version", "schema-required", "schema-positional", "schema-unknown"}
"""Rules of the schema of documents that no description tells; those of publishing stand in none."""


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: Json) -> None:
    """Links from publishing to what can be done with a version, so that runs over several requests reach it; and what
    the official description leaves out."""
    if "securitySchemes" in raw_schema["components"]:
        _complete_official(raw_schema)
    if EFFORT == 1:
        _simplify_documents(raw_schema)
    for path, methods in raw_schema["paths"].items():
        if path.endswith("/publish"):
            answers = methods["post"]["responses"]
            answers["201" if "201" in answers else "200"]["links"] = _links(raw_schema, path.removesuffix("/publish"))


def _links(raw_schema: Json, family: str) -> Json:
    about_versions = f"{family}/servers/{{serverName}}"
    return {
        operation["operationId"]: _link(operation)
        for path, methods in raw_schema["paths"].items()
        if path.startswith(about_versions)
        for operation in methods.values()
    }


def _link(operation: Json) -> Json:
    sources = {
        "registry": "$request.path.registry",
        "serverName": "$response.body#/server/name",
        "version": "$response.body#/server/version",
    }
    held = {parameter["name"] for parameter in operation.get("parameters", ())}
    return {
        "operationId": operation["operationId"],
        "parameters": {f"path.{name}": source for name, source in sources.items() if name in held},
    }


def _simplify_documents(raw_schema: Json) -> None:
    documents = {f"#/components/schemas/{name}" for name in ("Server", "ServerDetail")}
    for path, methods in raw_schema["paths"].items():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if content.get("schema", {}).get("$ref") in documents:
                content["schema"] = _without_packages(raw_schema) if path == THOROUGH else SIMPLE


def _without_packages(raw_schema: Json) -> Json:
    server: Json = raw_schema["components"]["schemas"]["Server"]
    return {**server, "properties": {name: part for name, part in server["properties"].items() if name != "packages"}}


def _complete_official(raw_schema: Json) -> None:
    """It names no operation, documents few refusals, and asks for a token that an anonymous server does not want. Its
    examples of documents lack what its own schema requires of packages."""
    refusal = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    for path, methods in raw_schema["paths"].items():
        for method, operation in methods.items():
            operation.setdefault("operationId", f"{method} {path}")
            operation.pop("security", None)
            operation["responses"].setdefault(
                "default", {"description": "Refused", "content": {"application/json": {"schema": refusal}}}
            )
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content.pop("examples", None)


@schemathesis.hook
def map_query(context: HookContext, query: Json | None) -> Json | None:
    """A cursor is opaque: one that was not given out is refused, so none is sent."""
    return {name: value for name, value in query.items() if name != "cursor"} if query else query


@schemathesis.hook
def map_case(context: HookContext, case: Case[Any]) -> Case[Any]:
    """Sound requests mostly name what exists, and every second document can be published."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    number = int.from_bytes(hashlib.sha256(repr((case.path_parameters, case.body)).encode()).digest()[:4])
    if "registry" in case.path_parameters and number % 8:
        case.path_parameters["registry"] = "house"
    if isinstance(case.body, dict) and {"name", "version", "description"} <= set(case.body) and number % 4:
        keep = {"name", "description", "version"} if number % 4 < 3 else set(case.body)
        case.body = {key: value for key, value in case.body.items() if key in keep}
        case.body |= {"name": f"com.example/tool-{number % 5}", "version": f"1.{number % 1000}.0"}
    return case


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    told = _told(response)
    match failure:
        case ServerError():
            # The aggregate belongs to no registry, so nothing can be written there.
            return not (response.status_code == 501 and case.path.startswith("/registry/v0.1/"))
        case RejectedPositiveData() if told.get("issues"):
            broken = [issue for issue in told["issues"] if issue["severity"] == "error"]
            return any(_is_told(issue) for issue in broken)
        case RejectedPositiveData():
            return not any(words in told.get("error", "") for words in REFUSALS)
        case AcceptedNegativeData():
            # What is wrong with a document is the answer of validating it, whatever was sent. A parameter without a
            # value counts as absent, and so does null in a document.
            return not (case.path.endswith("/validate") or "" in (case.query or {}).values() or _has_null(case.body))
        case UseAfterFree():
            # What is deleted stays stored: it is shown to who asks for it, and another status brings it back.
            return not (case.path.endswith("/status") or (case.query or {}).get("include_deleted") is not None)
    return True


def _is_told(issue: Json) -> bool:
    """Whether the description should have kept schemathesis from taking the document for a sound one. The official
    one admits URLs that start with a variable, as the draft of the next schema does."""
    is_url = issue["path"].endswith(".url") and issue["reference"] == "schema-string-pattern-mismatch"
    return issue["reference"].startswith("schema-") and issue["reference"] not in UNTOLD and not is_url


def _has_null(value: object) -> bool:
    match value:
        case dict():
            return any(map(_has_null, value.values()))
        case list():
            return any(map(_has_null, value))
    return value is None


def _told(response: Response) -> Json:
    try:
        told = json.loads(response.content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
