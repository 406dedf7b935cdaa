"""The wire format of the MCP Registry API v0.1. Stored documents are spliced in as text, never parsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from app.models.documents import Issue, Severity
from app.models.views import VersionView

OFFICIAL = "io.modelcontextprotocol.registry/official"
_OPTIONS = orjson.OPT_UTC_Z


def server_list(views: Sequence[VersionView], next_cursor: str | None = None) -> bytes:
    """`{"servers": [...], "metadata": {"count", "nextCursor"?}}`; the count is that of this page."""
    metadata: dict[str, Any] = {"count": len(views)}
    if next_cursor is not None:
        metadata["nextCursor"] = next_cursor
    return b'{"servers":[%b],"metadata":%b}' % (_joined(views), orjson.dumps(metadata))


def server(view: VersionView) -> bytes:
    """`{"server": <server.json>, "_meta": {official: {...}}}`, the official block always filled."""
    official: dict[str, Any] = {"status": view.status.wire}
    if view.status_message:
        official["statusMessage"] = view.status_message
    official |= {
        "statusChangedAt": view.status_changed_at,
        "publishedAt": view.published_at,
        "updatedAt": view.updated_at,
        "isLatest": view.is_latest,
    }
    meta = orjson.dumps({OFFICIAL: official}, option=_OPTIONS)
    return b'{"server":%b,"_meta":%b}' % (view.document.encode(), meta)


def updated(views: Sequence[VersionView]) -> bytes:
    """`{"updatedCount", "servers": [...]}`: the versions whose status was changed."""
    return b'{"updatedCount":%d,"servers":[%b]}' % (len(views), _joined(views))


def report(issues: Sequence[Issue]) -> bytes:
    """`{"valid", "issues": [{type, path, message, severity, reference}]}`."""
    return orjson.dumps({"valid": all(i.severity is not Severity.ERROR for i in issues), "issues": issues})


def error(status: int, title: str, detail: str, **more: Any) -> bytes:
    """Both shapes that clients read: `error`, and the problem document's title, status and detail."""
    return orjson.dumps({"error": detail, "title": title, "status": status, "detail": detail, **more})


def _joined(views: Iterable[VersionView]) -> bytes:
    return b",".join(server(view) for view in views)
