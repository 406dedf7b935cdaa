"""Every REST route, in one list. Longer paths stand first; names may hold an encoded or a literal slash."""

from __future__ import annotations

import orjson
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.rest import operations, servers
from app.rest.openapi import describe_api

FAMILIES = ("/registry/{registry}/v0.1", "/registry/{registry}/v0", "/registry/v0.1", "/v0.1", "/v0")
"""Where the MCP Registry API stands: in one registry, in the aggregate, and the aggregate again at the root."""

READS = (
    ("/servers/{name:path}/versions/{version}", servers.get_version),
    ("/servers/{name:path}/versions", servers.list_versions),
    ("/servers", servers.list_servers),
)

OPERATIONS: list[BaseRoute] = [
    Route("/health", operations.get_health),
    Route("/readiness", operations.get_readiness),
    Route("/version", operations.get_version),
]

_DESCRIPTION = describe_api(FAMILIES)
_AS_JSON = orjson.dumps(_DESCRIPTION)
_AS_YAML = yaml.safe_dump(_DESCRIPTION, sort_keys=False, allow_unicode=True).encode()


async def get_openapi_json(_: Request) -> Response:
    return Response(_AS_JSON, media_type="application/json")


async def get_openapi_yaml(_: Request) -> Response:
    return Response(_AS_YAML, media_type="application/yaml")


ROUTES: list[BaseRoute] = [
    *OPERATIONS,
    Route("/openapi.json", get_openapi_json),
    Route("/openapi.yaml", get_openapi_yaml),
    *(Route(family + path, endpoint) for family in FAMILIES for path, endpoint in READS),
]
