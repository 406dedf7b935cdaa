"""The extension API of v0.4.9, under /extension/v0/registries: registries are listed, made, changed and deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Unsupported
from app.core.settings import SourceFormat, format_duration
from app.models.registrations import RegistrationView
from app.models.views import SourceView
from app.resolvers import registration
from app.resolvers.concealment import conceal
from app.rest import params
from app.rest.bodies import read_object

MAX_BODY_BYTES: Final = 10 * 2**20
"""Larger than elsewhere: a body may hold a whole registry file."""


async def list_registries(request: Request) -> Response:
    """Of inline data only the size: the list would be as long as all of them together."""
    views = await registration.list_registrations(params.context(request))
    return _json({"registries": [_info(view, keep_data=False) for view in views]})


async def get_registry(request: Request) -> Response:
    return _json(_info(await registration.get_registration(params.context(request), _name(request))))


async def put_registry(request: Request) -> Response:
    """The status is part of the answer only for inline data, whose run is over by now."""
    name = _name(request)
    view, created = await registration.put_registration(
        params.context(request), name, await read_object(request, MAX_BODY_BYTES)
    )
    info = _info(view)
    if "data" not in info.get("sourceConfig", {}):
        del info["syncStatus"]
    return _json(info, 201 if created else 200)


async def delete_registry(request: Request) -> Response:
    await registration.delete_registration(params.context(request), _name(request))
    return Response(status_code=204)


async def put_version(request: Request) -> Response:
    """Never offered, but v0.4.9 checks the path first."""
    for parameter in ("registryName", "serverName", "version"):
        params.path_text(request, parameter, parameter)
    raise Unsupported("Creating or updating servers is not supported")


def _info(view: RegistrationView, *, keep_data: bool = True) -> dict[str, Any]:
    return {
        "name": view.registry.name,
        "type": view.type,
        "creationType": view.registry.creation_type,
        **(_source(view.source, keep_data) if view.source else {}),
        "syncStatus": _status(view),
        "createdAt": view.registry.created_at,
        "updatedAt": view.updated_at,
    }


def _source(source: SourceView, keep_data: bool) -> dict[str, Any]:
    seconds = source.interval_seconds
    config = conceal(source.config, keep_data=keep_data)
    return {
        "sourceType": source.kind,
        "format": config.get("format", SourceFormat.UPSTREAM),
        **_filled(
            sourceConfig=config.get(source.kind),
            filterConfig=source.filter,
            syncSchedule=None if seconds is None else format_duration(timedelta(seconds=seconds)),
        ),
    }


def _status(view: RegistrationView) -> dict[str, Any]:
    status = view.status
    return {
        "phase": status.phase,
        **_filled(
            lastSyncTime=status.last_success_at,
            lastAttempt=status.last_attempt_at,
            nextSyncTime=status.next_run_at,
        ),
        "attemptCount": status.failures,
        "serverCount": view.server_count,
        "message": status.message,
    }


def _filled(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _name(request: Request) -> str:
    return params.path_text(request, "registryName", "registryName")


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_UTC_Z), status, media_type="application/json")
