"""A registry as one file, for clients that fetch a file instead of asking the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.models.queries import LATEST
from app.resolvers.export import export_registry
from app.rest import params
from app.rest.files import FileFormat, write_file


async def get_export(request: Request) -> Response:
    """The first page is read before the answer begins, so that what is wrong has its status."""
    format_ = FileFormat(params.choice(request, "format", list(FileFormat)) or FileFormat.V01)
    latest = params.choice(request, "version", [LATEST]) is not None
    chunks = write_file(format_, export_registry(params.context(request), params.registry_name(request), latest))
    first = await anext(chunks)
    body = _nothing() if request.method == "HEAD" else _joined(first, chunks)
    return StreamingResponse(body, media_type="application/json")


async def _joined(first: bytes, others: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in others:
        yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    """An empty body of unknown length: to tell it, the whole registry would have to be read."""
    return
    yield b""
