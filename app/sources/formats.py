"""Reads a registry file: tells its format by its shape and turns it into a snapshot.

Owns what makes a file as a whole unreadable. Each document is judged alone, so that a bad one never sinks the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.models.documents import Violation
from app.models.snapshot import Document, Rejection, Snapshot
from app.sources.contents import MAX_FILE_BYTES, parse_json
from app.sources.documents import Candidate, read_document, reject
from app.sources.toolhive import read_entries

__all__ = ["MAX_FILE_BYTES", "read_snapshot"]

_WRAP: Final = 'write {"version": "1.0.0", "meta": {"last_updated": "…"}, "data": {"servers": […]}}'
_SHAPES: Final = {
    SourceFormat.UPSTREAM: 'the upstream format, {"data": {"servers": […]}}',
    SourceFormat.TOOLHIVE: 'the ToolHive format, {"servers": {…}}',
}


def read_snapshot(data: bytes, format: SourceFormat | None) -> Snapshot:
    """The documents of a registry file in `format`, or in the one its shape tells.

    Raises SourceError where the file as a whole cannot be used; faults of single documents are its rejections.
    """
    root = parse_json(data)
    found = _detect_format(root)
    if format is not None and format is not found:
        raise SourceError(
            f"the file has {_SHAPES[found]}, but format: {format} is configured;"
            f" set format: {found}, or leave it out to have it told by the shape"
        )
    candidates, count = _list_candidates(root, found)
    documents, rejections = _sort_out(candidates)
    return Snapshot(documents, rejections, count, found)


def _detect_format(root: Any) -> SourceFormat:
    if isinstance(root, list):
        raise SourceError(f"the file is a bare array; for an array of server.json documents {_WRAP}")
    if not isinstance(root, dict):
        raise SourceError(f"the file must hold a JSON object; {_WRAP}")
    if "data" in root:
        return SourceFormat.UPSTREAM
    servers = root.get("servers")
    if isinstance(servers, list):
        raise SourceError(_explain_list(servers))
    if "servers" in root or "remote_servers" in root:
        return SourceFormat.TOOLHIVE
    if "name" in root and "version" in root:
        raise SourceError(f"the file is a single server.json; put it into an array: {_WRAP}")
    raise SourceError(f"the file has neither {_SHAPES[SourceFormat.UPSTREAM]}, nor {_SHAPES[SourceFormat.TOOLHIVE]}")


def _explain_list(servers: list[Any]) -> str:
    if any(isinstance(item, dict) and isinstance(item.get("server"), dict) for item in servers):
        return (
            "the file is a list response of the MCP Registry API, not a registry file: take the `server` object out of"
            f" each item and {_WRAP}; or read the API itself by a source with api.endpoint"
        )
    return f"the file has an array under servers, at the top; in the upstream format it stands under data: {_WRAP}"


def _list_candidates(root: dict[str, Any], found: SourceFormat) -> tuple[Iterable[Candidate], int]:
    """What the file offers, and how many that is."""
    if found is SourceFormat.TOOLHIVE:
        entries = read_entries(root)
        return entries, len(entries)
    data = root["data"]
    servers = data.get("servers") if isinstance(data, dict) else None
    if not isinstance(servers, list):
        problem = "is missing" if isinstance(data, dict) and "servers" not in data else "must be an array"
        raise SourceError(f"data.servers {problem}; {_WRAP}")
    return _upstream_candidates(servers), len(servers)


def _upstream_candidates(servers: list[Any]) -> Iterator[Candidate]:
    """Takes each server out of the list, so that of a large file only one form is held at a time."""
    for index, server in enumerate(servers):
        servers[index] = None
        yield Candidate(f"data.servers[{index}]", server)


def _sort_out(candidates: Iterable[Candidate]) -> tuple[tuple[Document, ...], tuple[Rejection, ...]]:
    """Good and bad documents. Of several with the same name and version the first good one counts."""
    documents: list[Document] = []
    rejections: list[Rejection] = []
    places: dict[tuple[str, str], str] = {}
    for candidate in candidates:
        result = read_document(candidate)
        if isinstance(result, Document):
            key = (result.name, result.version)
            if key not in places:
                places[key] = candidate.path
                documents.append(result)
                continue
            message = f"{result.name} {result.version} is already given by {places[key]}; the first one counts"
            result = reject(candidate, [Violation("", message)])
        rejections.append(result)
    return tuple(documents), tuple(rejections)
