"""The writing routes of the MCP Registry API, and what clients ask around them: validate, health, login."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Invalid, InvalidDocument, TooLarge, Unsupported
from app.models.documents import Issue, IssueType, Severity
from app.models.kinds import Status
from app.resolvers import entries, service
from app.resolvers.context import Ctx
from app.rest import params, wire
from app.rest.bodies import read_object
from app.rest.errors import answer_invalid_document
from app.rest.families import Family

TOKEN_LIFE = timedelta(minutes=5)

_STATUSES = {status.wire: status for status in Status}
_NOT_HERE = "{} via this endpoint is not supported. Use /{{registryName}}/v0.1/{} endpoint instead"

FamilyHandler = Callable[[Family, Request], Awaitable[Response]]


async def publish(family: Family, request: Request) -> Response:
    if not family.writable:
        raise Unsupported(_NOT_HERE.format("Publishing servers", "publish"))
    name = params.registry_name(request)
    work = entries.publish(_ctx(request, family), name, await read_object(request))
    return await _answer(family, work, family.created)


async def edit(family: Family, request: Request) -> Response:
    _check_writable(family)
    path = params.registry_name(request), params.server_name(request), params.path_text(request, "version", "version")
    return await _answer(family, entries.edit(_ctx(request, family), *path, await read_object(request)), 200)


async def delete(family: Family, request: Request) -> Response:
    _check_writable(family)
    path = params.registry_name(request), params.server_name(request), params.path_text(request, "version", "version")
    view = await entries.delete_version(_ctx(request, family), *path)
    return _json(wire.server(view)) if family.echoes_deleted else Response(status_code=204)


async def set_status(family: Family, request: Request) -> Response:
    _check_writable(family)
    path = params.registry_name(request), params.server_name(request), params.path_text(request, "version", "version")
    view = await entries.set_status(_ctx(request, family), *path, _restatus(await read_object(request)))
    return _json(wire.server(view))


async def set_all_statuses(family: Family, request: Request) -> Response:
    _check_writable(family)
    path = params.registry_name(request), params.server_name(request)
    views = await entries.set_all_statuses(_ctx(request, family), *path, _restatus(await read_object(request)))
    return _json(wire.updated(views))


async def validate(family: Family, request: Request) -> Response:
    """Always 200: what is wrong is in the answer, also for a body that is no JSON."""
    try:
        issues = (await entries.validate(_ctx(request, family), await read_object(request))).issues
    except TooLarge:
        raise
    except Invalid as error:
        issues = (Issue(IssueType.JSON, "", str(error), Severity.ERROR, "json"),)
    return _json(wire.report(issues))


async def log_in(family: Family, request: Request) -> Response:
    """The token that anonymous publishers send along. Nothing is checked by it, as there is nobody to tell apart."""
    expires_at = int((_ctx(request, family).clock() + TOKEN_LIFE).timestamp())
    return _json(orjson.dumps({"registry_token": secrets.token_urlsafe(32), "expires_at": expires_at}))


async def get_health(_: Request) -> Response:
    return _json(b'{"status":"ok"}')


async def ping(_: Request) -> Response:
    return _json(b'{"pong":true}')


async def get_version(_: Request) -> Response:
    found = service.get_version()
    told = {"version": found.version, "git_commit": found.commit, "build_time": found.build_date}
    return _json(orjson.dumps(told))


def within(family: Family, handler: FamilyHandler) -> Callable[[Request], Awaitable[Response]]:
    return partial(handler, family)


async def _answer(family: Family, work: Awaitable[Any], status: int) -> Response:
    try:
        return _json(wire.server(await work), status)
    except InvalidDocument as error:
        return answer_invalid_document(error, family.unprocessable)


def _check_writable(family: Family) -> None:
    if not family.writable:
        raise Unsupported(_NOT_HERE.format("Changing servers", "servers/…"))


def _restatus(body: dict[str, Any]) -> entries.Restatus:
    status, message = body.get("status"), body.get("statusMessage")
    if not isinstance(status, str) or status not in _STATUSES:
        raise Invalid(f"Invalid request body: status must be one of {', '.join(_STATUSES)}")
    if message is not None and not isinstance(message, str):
        raise Invalid("Invalid request body: statusMessage must be a string")
    return entries.Restatus(_STATUSES[status], message or None)


def _ctx(request: Request, family: Family) -> Ctx:
    """With the publish policy of the family."""
    ctx = params.context(request)
    return replace(ctx, policy=replace(ctx.policy, short_names=family.short_names))


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")
