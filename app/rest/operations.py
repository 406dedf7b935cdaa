"""Health, readiness and version, on the main and on the internal port."""

from __future__ import annotations

from http import HTTPStatus

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Unavailable
from app.resolvers import service
from app.rest.errors import answer

log = structlog.get_logger(__name__)


async def get_health(_: Request) -> Response:
    """Liveness: the process answers. Never touches the database."""
    return _json({"status": "healthy"})


async def get_readiness(request: Request) -> Response:
    """Ready to take traffic: the database answers and the process is not about to stop."""
    if request.app.state.stopping.is_set():
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, "service not ready")
    try:
        await service.check_ready(request.app.state.ctx)
    except Unavailable as error:
        log.warning("not_ready", error=str(error), reason=error.reason)
        return answer(HTTPStatus.SERVICE_UNAVAILABLE, "service not ready")
    return _json({"status": "ready"})


async def get_version(_: Request) -> Response:
    """`go_version` names the runtime: the key is what existing probes and dashboards read."""
    found = service.get_version()
    return _json(
        {
            "version": found.version,
            "commit": found.commit,
            "build_date": found.build_date,
            "go_version": found.runtime,
            "platform": found.platform,
        }
    )


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
