"""The families of paths under which the MCP Registry API stands, and how each answers to writing.

Under `/registry/{registry}/v0.1` clients of the Go server write, elsewhere those of the official registry.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Family:
    """`created` is the status of a publication, `unprocessable` that of a document that breaks rules. A deletion is
    answered with the deleted version where `echoes_deleted`, else with nothing. `short_names` admits names with a half
    of one letter, which the official registry refuses."""

    path: str
    created: HTTPStatus = HTTPStatus.OK
    unprocessable: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
    echoes_deleted: bool = True
    writable: bool = True
    short_names: bool = False


FAMILIES = (
    Family(
        "/registry/{registry}/v0.1", HTTPStatus.CREATED, HTTPStatus.BAD_REQUEST, echoes_deleted=False, short_names=True
    ),
    Family("/registry/{registry}/v0", HTTPStatus.CREATED, echoes_deleted=False),
    Family("/registry/v0.1", writable=False),
    Family("/v0.1"),
    Family("/v0"),
)

ALIASES = (Family("/registry/{registry}"), Family(""))
"""Some clients leave the version of the API out when they read."""
