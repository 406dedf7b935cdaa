"""The built files of the explorer: what there is, and how it is served. Their names change with their content, so that
browsers may keep them for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

DIST = Path(__file__).parent / "dist"
PATH = "explorer/assets"
"""Where the files stand, below the address of the endpoint."""

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The names of the files that the page starts with."""

    script: str
    style: str


def find_bundle() -> Bundle | None:
    """What `make explorer` has built; None where it has not run."""
    try:
        return Bundle(**orjson.loads((DIST / "manifest.json").read_bytes()))
    except FileNotFoundError:
        return None


async def serve_asset(request: Request) -> Response:
    """One file by its name, gzipped for those who take it. Raises HTTPException 404 for any other name."""
    path = await asyncio.to_thread(_find, request.path_params["name"])
    if path is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such file of the explorer")
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    media_type = _MEDIA_TYPES[path.suffix]
    if "gzip" in request.headers.get("accept-encoding", ""):
        path = path.with_name(path.name + ".gz")
        headers["Content-Encoding"] = "gzip"
    return FileResponse(path, headers=headers, media_type=media_type)


def _find(name: str) -> Path | None:
    """Looked up among what lies in the folder, so that no name can lead out of it."""
    try:
        return next((path for path in DIST.iterdir() if path.name == name and path.suffix in _MEDIA_TYPES), None)
    except FileNotFoundError:
        return None


ROUTES = [Route(f"/graphql/{PATH}/{{name}}", serve_asset)]
