"""The shapes that the description of the REST API names: what is sent and what is answered."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from app.models.documents import IssueType, Severity
from app.models.documents.parts import Server
from app.models.kinds import CreationType, RegistryType, Status
from app.resolvers.entries import MAX_STATUS_MESSAGE
from app.rest.wire import OFFICIAL

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_FREE: Json = {"type": "object"}
_TIME: Json = {"type": "string", "format": "date-time"}
_STATUS: Json = {"enum": [status.wire for status in Status]}
_STATUS_MESSAGE: Json = {"type": "string", "maxLength": MAX_STATUS_MESSAGE}


def reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def describe_schemas() -> Json:
    return {**_documents(), **_answers(), **_writing(), **_registries(), **_operations()}


def _documents() -> Json:
    _, found = models_json_schema([(Server, "validation")], by_alias=True, ref_template="#/components/schemas/{model}")
    documents: Json = found["$defs"]
    return documents


def _answers() -> Json:
    official = _object(
        {
            "status": _STATUS,
            **dict.fromkeys(("statusChangedAt", "publishedAt", "updatedAt"), _TIME),
            "isLatest": {"type": "boolean"},
        },
        statusMessage=_STATUS_MESSAGE,
    )
    meta = _object({OFFICIAL: official | {"additionalProperties": False}})
    error = {"error": _TEXT, "title": _TEXT, "status": _NUMBER, "detail": _TEXT}
    return {
        "ServerResponse": _object({"server": reference("Server"), "_meta": meta}),
        "ServerList": _object(
            {"servers": _list(reference("ServerResponse")), "metadata": _object({"count": _NUMBER}, nextCursor=_TEXT)}
        ),
        "Error": _object(error, requestId=_TEXT),
        "InvalidDocument": _object({**error, "issues": _list(reference("Issue"))}),
    }


def _writing() -> Json:
    issue = {
        "type": {"enum": list(IssueType)},
        "path": _TEXT,
        "message": _TEXT,
        "severity": {"enum": list(Severity)},
        "reference": _TEXT,
    }
    return {
        "Issue": _object(issue),
        "ValidationReport": _object({"valid": {"type": "boolean"}, "issues": _list(reference("Issue"))}),
        "StatusUpdate": _object({"status": _STATUS}, statusMessage=_STATUS_MESSAGE),
        "StatusUpdates": _object({"updatedCount": _NUMBER, "servers": _list(reference("ServerResponse"))}),
        "Token": _object({"registry_token": _TEXT, "expires_at": _NUMBER}),
    }


def _registries() -> Json:
    status = _object(
        {"phase": {"enum": ["syncing", "complete", "failed"]}, "attemptCount": _NUMBER, "serverCount": _NUMBER},
        lastSyncTime=_TIME,
        lastAttempt=_TIME,
        nextSyncTime=_TIME,
        message=_TEXT,
    )
    info = _object(
        {
            "name": _TEXT,
            "type": {"enum": list(RegistryType)},
            "creationType": {"enum": list(CreationType)},
            "createdAt": _TIME,
            "updatedAt": _TIME,
        },
        sourceType=_TEXT,
        format=_TEXT,
        sourceConfig=_FREE,
        filterConfig=_FREE,
        syncSchedule=_TEXT,
        syncStatus=status,
    )
    request = _object(
        {},
        format={"enum": ["upstream", "toolhive"]},
        **dict.fromkeys(("git", "api", "file", "managed", "kubernetes", "syncPolicy", "filter"), _FREE),
    )
    return {
        "RegistryInfo": info,
        "RegistryList": _object({"registries": _list(reference("RegistryInfo"))}),
        "RegistryRequest": request,
    }


def _operations() -> Json:
    return {
        "Status": _object({"status": {"enum": ["healthy", "ready", "ok"]}}),
        "Pong": _object({"pong": {"const": True}}),
        "ServiceVersion": _object(
            dict.fromkeys(("version", "commit", "build_date", "go_version", "platform"), _TEXT),
        ),
        "ApiVersion": _object(dict.fromkeys(("version", "git_commit", "build_time"), _TEXT)),
        "Document": _FREE,
    }


def _object(properties: Json, **optional: Json) -> Json:
    required = {"required": list(properties)} if properties else {}
    return {"type": "object", **required, "properties": {**properties, **optional}}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}
