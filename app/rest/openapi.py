"""The description of the REST API: every path of every family, with what it takes and answers."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from app.models.queries import DEFAULT_PAGE, LATEST, MAX_PAGE
from app.rest.families import Family
from app.rest.files import FileFormat
from app.rest.openapi_schemas import describe_schemas, reference

Json = dict[str, Any]

_DESCRIPTION = (
    "The catalogue of an organisation's MCP servers. The paths under /v0.1 and /v0 speak the API of the MCP Registry"
    " (https://github.com/modelcontextprotocol/registry); /registry/{registry}/… answers for one registry, the others"
    " for all registries together. The GraphQL API is at /graphql."
)
_NAME: Json = {
    "name": "serverName",
    "in": "path",
    "required": True,
    "description": "The server's name; its slash may be sent as %2F or as it is.",
    "schema": {"type": "string"},
}
_ERRORS = {
    400: "Something sent cannot be used",
    403: "The registry is not managed",
    404: "Absent",
    409: "Clashes with what is stored",
    413: "The body is too large",
    422: "The document breaks rules",
    501: "Not offered here; the answer tells where",
    503: "Not able to answer at the moment",
}
_WRITING = (400, 403, 404, 409, 413, 501, 503)


def describe_api(families: Sequence[Family]) -> Json:
    """An OpenAPI 3.1 document. `info.version` is 1.0.0, which other registries check before they read from this one."""
    paths: Json = {
        "/health": {"get": _operation("getHealth", "Whether the process is alive", "Status")},
        "/readiness": {"get": _operation("getReadiness", "Whether the service can answer", "Status", 503)},
        "/version": {"get": _operation("getServiceVersion", "What is running", "ServiceVersion")},
        **_descriptions("", ""),
        **_descriptions("/registry/{registry}", "OfRegistry"),
        "/graphql": {"get": _explorer(), "post": _graphql()},
        **_extension(),
    }
    for number, family in enumerate(families):
        suffix = "" if number == 0 else str(number + 1)
        described = {**_reading(family), **_around(family)}
        for path, operations in (*_writing(family).items(), *_status(family).items()):
            described[path] = {**described.get(path, {}), **operations}
        paths |= {f"{family.path}{path}": _numbered(operations, suffix) for path, operations in described.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ToolHive Registry API", "version": "1.0.0", "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": describe_schemas()},
    }


def _reading(family: Family) -> Json:
    version = _in_path("version", "The version, or `latest`.")
    deleted = _in_query("include_deleted", {"type": "boolean"}, "Whether deleted versions are shown.")
    lists = _operation("listServers", "List versions of servers", "ServerList", 400, 404, 503)
    versions = _operation("listServerVersions", "List the versions of a server", "ServerList", 400, 404, 503)
    one = _operation("getServerVersion", "Get one version of a server", "ServerResponse", 400, 404, 503)
    file = _operation("getRegistryFile", "The whole registry as one file", "Document", 400, 404, 503)
    return {
        "/servers": {"get": _with(lists, family, *_list_parameters(), deleted)},
        "/servers/{serverName}/versions": {"get": _with(versions, family, _NAME, deleted)},
        "/servers/{serverName}/versions/{version}": {"get": _with(one, family, _NAME, version, deleted)},
        "/registry.json": {"get": _with(file, family, *_file_parameters())},
    }


def _writing(family: Family) -> Json:
    version = _in_path("version", "The version.")
    publish = _document_operation(family, "publishServer", "Publish a new version", family.created)
    edit = _document_operation(family, "editServerVersion", "Replace the document of a version", HTTPStatus.OK)
    delete = _operation("deleteServerVersion", "Mark a version deleted", "ServerResponse", *_WRITING)
    if not family.echoes_deleted:
        del delete["responses"]["200"]
        delete["responses"]["204"] = {"description": "Deleted"}
    return {
        "/publish": {"post": _with(publish, family)},
        "/servers/{serverName}/versions/{version}": {
            "put": _with(edit, family, _NAME, version),
            "delete": _with(delete, family, _NAME, version),
        },
    }


def _status(family: Family) -> Json:
    version = _in_path("version", "The version.")
    one = _operation("setServerVersionStatus", "Change the status of a version", "ServerResponse", *_WRITING)
    every = _operation("setServerStatus", "Change the status of every version", "StatusUpdates", *_WRITING)
    body = _body("StatusUpdate")
    return {
        "/servers/{serverName}/versions/{version}/status": {"patch": _with(one | body, family, _NAME, version)},
        "/servers/{serverName}/status": {"patch": _with(every | body, family, _NAME)},
    }


def _around(family: Family) -> Json:
    validate = _operation("validateServer", "What publishing would say of a document", "ValidationReport", 413)
    anything: Json = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}
    return {
        "/validate": {"post": _with(validate | anything, family)},
        "/auth/none": {"post": _with(_operation("logIn", "A token for anonymous publishers", "Token"), family)},
        "/health": {"get": _with(_operation("getApiHealth", "Whether the API answers", "Status"), family)},
        "/ping": {"get": _with(_operation("ping", "Whether the API answers", "Pong"), family)},
        "/version": {"get": _with(_operation("getApiVersion", "What is running", "ApiVersion"), family)},
    }


def _extension() -> Json:
    name = _in_path("registryName", "The registry's name.")
    lists = _operation("listRegistries", "List the registries", "RegistryList", 503)
    one = _operation("getRegistry", "Get a registry", "RegistryInfo", 400, 404, 503)
    put = _operation("putRegistry", "Create or change a registry", "RegistryInfo", 400, 403, 409, 413, 503)
    put["responses"]["201"] = {"description": "Created", "content": _content("RegistryInfo")}
    delete = _operation("deleteRegistry", "Delete a registry with what it serves", "Document", 400, 403, 404, 503)
    del delete["responses"]["200"]
    delete["responses"]["204"] = {"description": "Deleted"}
    path = "/extension/v0/registries"
    return {
        path: {"get": lists},
        f"{path}/{{registryName}}": {
            "get": one | {"parameters": [name]},
            "put": put | {"parameters": [name]} | _body("RegistryRequest"),
            "delete": delete | {"parameters": [name]},
        },
    }


def _document_operation(family: Family, identifier: str, summary: str, ok: HTTPStatus) -> Json:
    operation = _operation(identifier, summary, "ServerResponse", *_WRITING) | _body("Server")
    answers = operation["responses"]
    answers[str(int(ok))] = answers.pop("200")
    refused = str(int(family.unprocessable))
    kinds = [reference("InvalidDocument")] + ([reference("Error")] if refused == "400" else [])
    schema = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    answers[refused] = {"description": _ERRORS[422], "content": {"application/json": {"schema": schema}}}
    return operation


def _numbered(operations: Json, suffix: str) -> Json:
    """Operation ids are unique; those of the first family have no number."""
    return {m: {**o, "operationId": o["operationId"] + suffix} for m, o in operations.items()}


def _with(operation: Json, family: Family, *parameters: Json) -> Json:
    registry = [_in_path("registry", "The registry's name.")] if "{registry}" in family.path else []
    return {**operation, "parameters": [*registry, *parameters]}


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


def _file_parameters() -> list[Json]:
    return [
        _in_query("format", {"enum": list(FileFormat)}, "The form of the file; v0.1 is that of the list."),
        _in_query("version", {"enum": [LATEST]}, "`latest` for one version a server; otherwise all."),
    ]


def _operation(identifier: str, summary: str, schema: str, *errors: int) -> Json:
    answers: Json = {"200": {"description": "OK", "content": _content(schema)}}
    answers |= {str(code): {"description": _ERRORS[code], "content": _content("Error")} for code in errors}
    return {"operationId": identifier, "summary": summary, "responses": answers}


def _body(schema: str) -> Json:
    return {"requestBody": {"required": True, "content": _content(schema)}}


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


def _descriptions(base: str, suffix: str) -> Json:
    as_json = _operation(f"getOpenapiJson{suffix}", "This document as JSON", "Document")
    as_yaml = _operation(f"getOpenapiYaml{suffix}", "This document as YAML", "Document")
    content = {"application/yaml": {"schema": reference("Document")}}
    as_yaml["responses"] = {"200": {"description": "OK", "content": content}}
    parameters = {"parameters": [_in_path("registry", "The registry's name.")]} if base else {}
    return {
        f"{base}/openapi.json": {"get": as_json | parameters},
        f"{base}/openapi.yaml": {"get": as_yaml | parameters},
    }


def _content(schema: str) -> Json:
    return {"application/json": {"schema": reference(schema)}}


def _in_path(name: str, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def _in_query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
