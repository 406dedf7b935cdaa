"""What one fetch of a source yields: documents that are ready to store, and why the others are not among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.core.settings import SourceFormat
from app.models.kinds import Status


@dataclass(frozen=True, slots=True)
class Document:
    """One validated, normalised server.json.

    `text` is its compact JSON, key order kept; the other fields are drawn from it for filtering, sorting and search.
    `published_at` and `status_changed_at` are None unless the source says so. `content_hash` is the SHA-256 over text,
    status and message: equal hashes mean that nothing has to be written.
    """

    name: str
    version: str
    status: Status
    status_message: str | None
    published_at: datetime | None
    title: str | None
    description: str
    tags: tuple[str, ...]
    tools: tuple[str, ...]
    registry_types: tuple[str, ...]
    transports: tuple[str, ...]
    tier: str | None
    text: str
    content_hash: bytes
    status_changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A document that cannot be served. `reason` starts with its JSON path inside the file; name and version are given
    as far as they could be read."""

    name: str | None
    version: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The documents of one fetch, in a stable order. `fetched` counts the documents seen, good or bad.

    A `partial` one holds only what changed since the fetch before: what it lacks is not gone, but what changed so that
    the source's filter admits it no more is `excluded`, by name and version.
    """

    documents: tuple[Document, ...]
    rejections: tuple[Rejection, ...]
    fetched: int
    format: SourceFormat
    partial: bool = False
    excluded: tuple[tuple[str, str], ...] = ()
