"""What surrounds every request, REST and GraphQL alike: the request id, CORS, the last resort for errors, raw paths.

Pure ASGI classes, so that streams pass through untouched.
"""

from __future__ import annotations

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.rest.errors import answer

log = structlog.get_logger(__name__)
access_log = structlog.get_logger("access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_QUIET = ("/health", "/readiness")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
    "Access-Control-Expose-Headers": "X-Request-Id, ETag, Retry-After",
}


class _ClientLeft(Exception):
    """The client closed the connection before its answer was written."""


class Edge:
    """Outermost: gives each request an id and echoes it, allows every origin, logs the request, and answers 500 for
    what nobody caught.

    CORS is on every answer, errors too, as editors call from an origin of their own, and whole, as GitHub's check of a
    registry asks. No credentials are involved, so `*` is enough.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._accompany(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = time.perf_counter()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in (("X-Request-Id", request_id), *_HEADERS.items()):
                    headers.setdefault(name, value)
            await _deliver(send, message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._answer(scope, receive, watch)
            except _ClientLeft:
                log.debug("client_left", path=scope["path"])
            except Exception:  # the ASGI edge: nothing internal may reach the client
                log.exception("request_crashed", path=scope["path"])
                if status:
                    raise  # the answer has begun; the server must cut it off
                crashed = answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal server error", requestId=request_id)
                await crashed(scope, receive, watch)
            finally:
                _log_access(scope, status, time.perf_counter() - started)

    async def _accompany(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for a WebSocket, logged when it ends: `status` is 101, or that of the answer which refused it."""
        request_id, started, status = _request_id(scope), time.perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] in ("websocket.accept", "websocket.http.response.start"):
                status = message.get("status", HTTPStatus.SWITCHING_PROTOCOLS)
                MutableHeaders(scope=message).setdefault("X-Request-Id", request_id)
            elif message["type"] == "websocket.close" and not status:
                status = HTTPStatus.FORBIDDEN
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, watch)
            except Exception:  # the ASGI edge, as above; the server ends the connection
                log.exception("websocket_crashed", path=scope["path"])
                if not status:
                    await watch({"type": "websocket.close", "code": 1011})
            finally:
                _log_access({**scope, "method": "WEBSOCKET"}, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _preflight(scope)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class RawPath:
    """Routes on the path as it was sent, so that handlers decode each part exactly once; drops a trailing slash, and
    the prefix under which everything stands a second time.
    """

    def __init__(self, app: ASGIApp, prefix: str = "") -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            raw = scope.get("raw_path") or scope["path"].encode()
            path = raw.split(b"?")[0].decode("latin-1")
            if self.prefix and (path == self.prefix or path.startswith(self.prefix + "/")):
                path = path[len(self.prefix) :] or "/"
            scope = {**scope, "path": path[:-1] if path.endswith("/") and len(path) > 1 else path}
        await self.app(scope, receive, send)


async def _deliver(send: Send, message: Message) -> None:
    try:
        await send(message)
    except RuntimeError as error:
        # The event loop's own word for a connection that was closed a moment ago, before the server was told of it.
        if "closed=True" in str(error):
            raise _ClientLeft from error
        raise


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _preflight(scope: Scope) -> Response:
    headers = {"Access-Control-Max-Age": "86400"}
    asked = Headers(scope=scope).get("access-control-request-headers")
    if asked:
        headers["Access-Control-Allow-Headers"] = asked
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


def _log_access(scope: Scope, status: int, seconds: float) -> None:
    """Neither the query string nor a header is logged: both may hold what is nobody's business."""
    if scope["path"] in _QUIET:
        return
    write = access_log.error if status >= 500 else access_log.warning if status >= 400 else access_log.info
    client = scope.get("client")
    write(
        "http_request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        duration_ms=round(seconds * 1000, 2),
        remote_addr=client[0].removeprefix("::ffff:") if client else None,
    )
