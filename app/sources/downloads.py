"""The adapter for files behind a URL: fetched only when they changed, as far as the server can tell."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from app.core.errors import SourceError
from app.core.settings import SourceFormat, parse_duration
from app.models.snapshot import Snapshot
from app.sources.fetching import Fetched, FetchRequest
from app.sources.formats import read_snapshot
from app.sources.http import Answer, get, open_client, parse_http_date

DEFAULT_TIMEOUT: Final = timedelta(seconds=30)

_ACCEPT: Final = "application/json, */*;q=0.5"
"""Many servers do not know that a registry file is JSON, and some are strict."""

_LONGEST_VALIDATOR: Final = 1000


async def fetch_url(request: FetchRequest) -> Fetched:
    """Download and read the file at `file.url`. Raises SourceError, HttpFailure or NetworkFailure.

    The state is `{"url", "digest", "etag"?, "lastModified"?}`; one of another URL counts as none.
    """
    url: str = request.own["url"]
    seconds = _read_timeout(request.own.get("timeout"))
    known = request.state if request.state.get("url") == url and request.state.get("digest") else {}
    async with open_client(request.outbound, timeout=seconds) as client:
        answer = await get(client, url, timeout_seconds=seconds, headers={"Accept": _ACCEPT, **_conditions(known)})
    if answer.status == 304:
        return Fetched(None, known["digest"], {**known, **_validators(answer)})
    digest, snapshot = await asyncio.to_thread(_read, answer.body, request.config.get("format"), known.get("digest"))
    if snapshot is not None:
        request.report(snapshot.fetched)
    return Fetched(snapshot, digest, {"url": url, "digest": digest, **_validators(answer)})


def _read(data: bytes, name: str | None, known: str | None) -> tuple[str, Snapshot | None]:
    """The SHA-256 in hex, and what the file holds; None for what is known."""
    digest = hashlib.sha256(data).hexdigest()
    if digest == known:
        return digest, None
    return digest, read_snapshot(data, SourceFormat(name) if name else None)


def _read_timeout(text: str | None) -> float:
    try:
        length = parse_duration(text) if text else DEFAULT_TIMEOUT
    except ValueError as error:
        raise SourceError(f"file.timeout is no duration: {text!r}; write it like 30s") from error
    if length <= timedelta(0):
        raise SourceError(f"file.timeout must be more than zero, not {text}; write it like 30s")
    return length.total_seconds()


def _conditions(known: Mapping[str, Any]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "lastModified": "If-Modified-Since"}
    return {header: known[name] for name, header in names.items() if known.get(name)}


def _validators(answer: Answer) -> dict[str, str]:
    found = {"etag": answer.headers.get("etag", ""), "lastModified": _settled_date(answer)}
    return {name: value for name, value in found.items() if _can_be_sent_back(value)}


def _settled_date(answer: Answer) -> str:
    """Last-Modified, unless the file changed in the second it was sent in: a later change in that second would go
    unseen (RFC 9110, 8.8.2.2)."""
    text = answer.headers.get("last-modified", "")
    modified, sent = parse_http_date(text), parse_http_date(answer.headers.get("date", ""))
    return text if modified and sent and sent - modified > timedelta(seconds=1) else ""


def _can_be_sent_back(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_VALIDATOR and value.isascii() and value.isprintable()
