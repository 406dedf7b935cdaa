"""The description of the REST API, built from the routes' families and the document models."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from app.models.documents.parts import Server
from app.models.queries import DEFAULT_PAGE, MAX_PAGE
from app.rest.wire import OFFICIAL

Json = dict[str, Any]

_DESCRIPTION = (
    "The catalogue of an organisation's MCP servers. The paths under /v0.1 and /v0 speak the API of the MCP Registry"
    " (https://github.com/modelcontextprotocol/registry); /registry/{registry}/… answers for one registry, the others"
    " for all registries together. The GraphQL API is at /graphql."
)


def describe_api(families: tuple[str, ...]) -> Json:
    """An OpenAPI 3.1 document. `info.version` is 1.0.0, which other registries check before they read from this one."""
    paths: Json = {
        "/health": {"get": _operation("getHealth", "Whether the process is alive", "Status")},
        "/readiness": {"get": _operation("getReadiness", "Whether the service can answer", "Status", 503)},
        "/version": {"get": _operation("getServiceVersion", "What is running", "ServiceVersion")},
        "/openapi.json": {"get": _operation("getOpenapiJson", "This document as JSON", "Document")},
        "/openapi.yaml": {"get": _operation("getOpenapiYaml", "This document as YAML", "Document", media="yaml")},
        "/graphql": {"get": _explorer(), "post": _graphql()},
    }
    for number, family in enumerate(families):
        paths |= _family(family, "" if number == 0 else str(number + 1))
    return {
        "openapi": "3.1.0",
        "info": {"title": "ToolHive Registry API", "version": "1.0.0", "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def _family(base: str, suffix: str) -> Json:
    shared = [_in_path("registry", "The registry's name.")] if "{registry}" in base else []
    name = _in_path("serverName", "The server's name; its slash may be sent as %2F or as it is.")
    version = _in_path("version", "The version, or `latest`.")
    deleted = _in_query("include_deleted", {"type": "boolean"}, "Whether deleted versions are shown.")
    lists = _operation(f"listServers{suffix}", "List versions of servers", "ServerList", 400, 404, 503)
    versions = _operation(f"listServerVersions{suffix}", "List the versions of a server", "ServerList", 400, 404, 503)
    one = _operation(f"getServerVersion{suffix}", "Get one version of a server", "ServerResponse", 400, 404, 503)
    return {
        f"{base}/servers": {"get": lists | {"parameters": [*shared, *_list_parameters(), deleted]}},
        f"{base}/servers/{{serverName}}/versions": {"get": versions | {"parameters": [*shared, name, deleted]}},
        f"{base}/servers/{{serverName}}/versions/{{version}}": {
            "get": one | {"parameters": [*shared, name, version, deleted]}
        },
    }


def _list_parameters() -> list[Json]:
    since = "Only versions updated after this time (RFC 3339); deleted ones are then included."
    limit = {"type": "integer", "minimum": 1, "default": DEFAULT_PAGE}
    return [
        _in_query("cursor", {"type": "string"}, "`metadata.nextCursor` of the previous page; it carries the filters."),
        _in_query("limit", limit, f"How many versions to return; more than {MAX_PAGE} counts as {MAX_PAGE}."),
        _in_query("search", {"type": "string"}, "Text in name, title or description, whatever the case."),
        _in_query("updated_since", {"type": "string", "format": "date-time"}, since),
        _in_query("version", {"type": "string"}, "`latest` for one version a server, or an exact version."),
    ]


def _operation(identifier: str, summary: str, schema: str, *errors: int, media: str = "json") -> Json:
    answers: Json = {"200": {"description": "OK", "content": _content(schema, media)}}
    texts = {400: "A parameter cannot be used", 404: "Absent", 503: "Not able to answer at the moment"}
    answers |= {str(code): {"description": texts[code], "content": _content("Error")} for code in errors}
    return {"operationId": identifier, "summary": summary, "responses": answers}


def _graphql() -> Json:
    body = {"type": "object", "properties": {"query": {"type": "string"}, "variables": {"type": "object"}}}
    operation = _operation("graphql", "Run a GraphQL operation", "Document")
    return operation | {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}


def _explorer() -> Json:
    return {
        "operationId": "explore",
        "summary": "GraphiQL, for browsers",
        "responses": {"200": {"description": "OK", "content": {"text/html": {"schema": {"type": "string"}}}}},
    }


def _content(schema: str, media: str = "json") -> Json:
    return {f"application/{media}": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _in_path(name: str, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def _in_query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _schemas() -> Json:
    _, documents = models_json_schema(
        [(Server, "validation")], by_alias=True, ref_template="#/components/schemas/{model}"
    )
    time = {"type": "string", "format": "date-time"}
    official = {
        "type": "object",
        "required": ["status", "statusChangedAt", "publishedAt", "updatedAt", "isLatest"],
        "additionalProperties": False,
        "properties": {
            "status": {"enum": ["active", "deprecated", "deleted"]},
            "statusMessage": {"type": "string", "maxLength": 500},
            **dict.fromkeys(("statusChangedAt", "publishedAt", "updatedAt"), time),
            "isLatest": {"type": "boolean"},
        },
    }
    meta = {"type": "object", "required": [OFFICIAL], "properties": {OFFICIAL: official}}
    counted = {"count": {"type": "integer"}, "nextCursor": {"type": "string"}}
    return {
        **documents["$defs"],
        "ServerResponse": _object({"server": {"$ref": "#/components/schemas/Server"}, "_meta": meta}),
        "ServerList": _object(
            {
                "servers": {"type": "array", "items": {"$ref": "#/components/schemas/ServerResponse"}},
                "metadata": {"type": "object", "required": ["count"], "properties": counted},
            }
        ),
        "Error": _object(
            {"error": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}}
            | {"detail": {"type": "string"}}
        ),
        "Status": _object({"status": {"enum": ["healthy", "ready"]}}),
        "ServiceVersion": _object(
            {key: {"type": "string"} for key in ("version", "commit", "build_date", "go_version", "platform")}
        ),
        "Document": {"type": "object"},
    }


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}
