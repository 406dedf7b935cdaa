"""A whole registry as one JSON file, written as a stream. Stored documents are spliced in as text, never parsed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import orjson

from app.models.views import VersionView
from app.rest import wire
from app.sources.toolhive import to_upstream

_NEVER = datetime.fromtimestamp(0, UTC)


class FileFormat(StrEnum):
    V01 = "v0.1"
    """The list of the MCP Registry API, as one page."""

    UPSTREAM = "upstream"
    """A registry file that a file source reads."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands before the servers, each server, and what follows, given their number and the newest change."""

    head: bytes
    item: Callable[[VersionView], bytes]
    tail: Callable[[int, datetime], bytes]


async def write_file(format_: FileFormat, pages: AsyncIterable[tuple[VersionView, ...]]) -> AsyncGenerator[bytes]:
    """One chunk for each page and one that ends the file; the first comes with the first page."""
    form = _FORMS[format_]
    opening, count, newest = form.head, 0, _NEVER
    async for page in pages:
        comma = b"," if count and page else b""
        yield opening + comma + b",".join(form.item(view) for view in page)
        opening, count = b"", count + len(page)
        newest = max([newest, *(view.updated_at for view in page)])
    yield form.tail(count, newest)


def _upstream_head() -> bytes:
    """`meta` follows the servers, because it holds what is known only after the last one."""
    file = to_upstream([], _NEVER)
    return orjson.dumps({key: file[key] for key in ("$schema", "version")})[:-1] + b',"data":{"servers":['


def _upstream_tail(_: int, newest: datetime) -> bytes:
    return b']},"meta":%b}' % orjson.dumps(to_upstream([], newest)["meta"])


def _list_tail(count: int, _: datetime) -> bytes:
    return b'],"metadata":%b}' % orjson.dumps({"count": count})


_FORMS = {
    FileFormat.V01: _Form(b'{"servers":[', wire.server, _list_tail),
    FileFormat.UPSTREAM: _Form(_upstream_head(), lambda view: view.document.encode(), _upstream_tail),
}
