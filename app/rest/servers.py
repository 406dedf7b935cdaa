"""The reading routes of the MCP Registry API, the same in every family of paths."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import NotFound
from app.resolvers import servers
from app.rest import params, wire


async def list_servers(request: Request) -> Response:
    page = await servers.list_servers(params.context(request), params.list_servers(request))
    cursor = params.next_cursor(request, page.items[-1].key) if page.has_next else None
    return _json(wire.server_list(page.items, cursor))


async def list_versions(request: Request) -> Response:
    views = await servers.list_versions(
        params.context(request),
        params.registry_name(request),
        params.server_name(request),
        include_deleted=params.include_deleted(request),
    )
    return _json(wire.server_list(views))


async def get_version(request: Request) -> Response:
    """Editors ask for servers by the ids of their users' configuration, whatever they look like, and take 404 alone for
    "not in the registry".
    """
    view = await servers.get_version(
        params.context(request),
        params.registry_name(request),
        params.server_name(request, NotFound),
        params.path_text(request, "version", "version"),
        include_deleted=params.include_deleted(request),
    )
    return _json(wire.server(view))


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
