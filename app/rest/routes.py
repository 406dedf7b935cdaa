"""Every REST route, in one list: paths that are asked most come first; names may hold an encoded or a literal slash."""

from __future__ import annotations

import orjson
import yaml
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.rest import entries, export, extension, operations, servers
from app.rest.entries import within
from app.rest.families import ALIASES, FAMILIES, Family
from app.rest.openapi import describe_api
from app.rest.resource import resource


class ServerNameConvertor(Convertor[str]):
    """A server's name as it stands in a raw path: one segment with an encoded slash, or two."""

    regex = r"[^/]*%2[fF][^/]*|[^/]+/[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("server", ServerNameConvertor())

# What is no name by its slashes is routed all the same, to be told why it is none.
_NAMES = ("{name:server}", "{name:path}")


def _lists(family: Family) -> list[BaseRoute]:
    return [Route(f"{family.path}/servers", servers.list_servers)]


def _versions(family: Family) -> list[BaseRoute]:
    return [
        route
        for name in _NAMES
        for route in (
            resource(
                f"{family.path}/servers/{name}/versions/{{version}}",
                GET=servers.get_version,
                PUT=within(family, entries.edit),
                DELETE=within(family, entries.delete),
            ),
            Route(f"{family.path}/servers/{name}/versions", servers.list_versions),
        )
    ]


def _others(family: Family) -> list[BaseRoute]:
    statuses: list[BaseRoute] = [
        route
        for name in _NAMES
        for route in (
            resource(
                f"{family.path}/servers/{name}/versions/{{version}}/status", PATCH=within(family, entries.set_status)
            ),
            resource(f"{family.path}/servers/{name}/status", PATCH=within(family, entries.set_all_statuses)),
        )
    ]
    return [
        *statuses,
        resource(f"{family.path}/publish", POST=within(family, entries.publish)),
        resource(f"{family.path}/validate", POST=within(family, entries.validate)),
        resource(f"{family.path}/auth/none", POST=within(family, entries.log_in)),
        Route(f"{family.path}/registry.json", export.get_export),
        Route(f"{family.path}/health", entries.get_health),
        Route(f"{family.path}/ping", entries.ping),
        Route(f"{family.path}/version", entries.get_version),
    ]


def _aliases(family: Family) -> list[BaseRoute]:
    return [
        Route(f"{family.path}/servers", servers.list_servers),
        Route(f"{family.path}/servers/{{name:server}}/versions/{{version}}", servers.get_version),
        Route(f"{family.path}/servers/{{name:server}}/versions", servers.list_versions),
    ]


OPERATIONS: list[BaseRoute] = [
    Route("/health", operations.get_health),
    Route("/readiness", operations.get_readiness),
    Route("/version", operations.get_version),
]

_REGISTRIES = "/extension/v0/registries"
EXTENSION: list[BaseRoute] = [
    resource(
        f"{_REGISTRIES}/{{registryName}}/servers/{{serverName:path}}/versions/{{version}}", PUT=extension.put_version
    ),
    resource(
        f"{_REGISTRIES}/{{registryName}}",
        GET=extension.get_registry,
        PUT=extension.put_registry,
        DELETE=extension.delete_registry,
    ),
    resource(_REGISTRIES, GET=extension.list_registries),
]

_AS_JSON = orjson.dumps(describe_api(FAMILIES))
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C where it is built in: a tenth of every start otherwise
_AS_YAML = yaml.dump(orjson.loads(_AS_JSON), Dumper=_DUMPER, sort_keys=False, allow_unicode=True).encode()


async def get_openapi_json(_: Request) -> Response:
    return Response(_AS_JSON, media_type="application/json")


async def get_openapi_yaml(_: Request) -> Response:
    return Response(_AS_YAML, media_type="application/yaml")


ROUTES: list[BaseRoute] = [
    *(route for family in FAMILIES for route in _lists(family)),
    *(route for family in FAMILIES for route in _versions(family)),
    *OPERATIONS,
    *(
        Route(f"{base}/openapi.{form}", endpoint)
        for base in ("", "/registry/{registry}")  # a registry of ours may be given to another one as its source
        for form, endpoint in (("json", get_openapi_json), ("yaml", get_openapi_yaml))
    ),
    *(route for family in FAMILIES for route in _others(family)),
    *(route for family in ALIASES for route in _aliases(family)),
    *EXTENSION,
]
