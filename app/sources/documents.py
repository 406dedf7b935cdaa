"""Turns one server.json, whatever source it comes from, into a Document or into the reason why it is none.

Owns what is drawn from a document besides its text. Its quirks are ironed out by app.sources.quirks, its rules are in
app.models.documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from app.models.documents import PUBLISHER_PROVIDED, Violation, check_server, format_path
from app.models.kinds import Status
from app.models.snapshot import Document, Rejection
from app.sources.contents import dump_json, find_unstorable, show
from app.sources.quirks import normalise

OFFICIAL: Final = "io.modelcontextprotocol.registry/official"
TOOLHIVE: Final = "io.github.stacklok"
"""The publisher whose extension tells a status."""

READING: Final = 1
"""Raise when a document is read or drawn from differently: every version then counts as changed."""

MAX_BYTES: Final = 2**20
"""A document's JSON, as at the official registry."""

MAX_WORD: Final = 200
"""Characters of a tag, tool, tier or kind of package: each is indexed."""

MAX_WORDS: Final = 2000
"""Tags, or tools, of one document."""

MAX_REASONS: Final = 5
"""Violations that one rejection spells out."""

_STATUSES: Final = {status.wire: status for status in Status}

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How another registry says that a version stands. What it does not say is None."""

    status: Status | None = None
    message: str | None = None
    changed_at: datetime | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a source offers as one document. `path` is where it stands in the file. For a `converted` one, paths inside
    the document do not continue that path. With `violations`, there is no document: it could not be converted.
    `standing` is what the source says of the document's status outside of it."""

    path: str
    document: Any
    converted: bool = False
    violations: tuple[Violation, ...] = ()
    standing: Standing | None = None


def read_document(candidate: Candidate) -> Document | Rejection:
    """The document, normalised and checked, or why it is rejected. Never raises, whatever the candidate holds."""
    value = candidate.document
    if candidate.violations:
        return reject(candidate, candidate.violations)
    if not isinstance(value, dict):
        return reject(candidate, [Violation("", "a server must be an object")])
    document = normalise(value)
    status = document.pop("status", None)
    data = dump_json(document)
    if data is None:
        path, fault = find_unstorable(document) or ((), "cannot be written as JSON")
        return reject(candidate, [Violation(format_path(path), fault)])
    violations = (*_check_status(status), *check_server(document))
    if violations:
        return reject(candidate, violations)
    standing = candidate.standing or Standing(published_at=_published_at(document))
    stands = _STATUSES[status.lower()] if status else _extension_status(document)
    stands = stands if standing.status is None else standing.status
    built = build_document(document, data, stands, standing.message)
    built = replace(built, published_at=standing.published_at, status_changed_at=standing.changed_at)
    oversized = check_sizes(built)
    return reject(candidate, oversized) if oversized else built


def check_sizes(document: Document) -> tuple[Violation, ...]:
    """What is too large to be indexed or sent."""
    found = []
    if len(document.text.encode()) > MAX_BYTES:
        found.append(Violation("", f"is larger than {MAX_BYTES >> 20} MiB"))
    for name, words in (
        ("tags", document.tags),
        ("tools", document.tools),
        ("registryType", document.registry_types),
        ("tier", (document.tier or "",)),
    ):
        if len(words) > MAX_WORDS:
            found.append(Violation("", f"has {len(words)} {name}; {MAX_WORDS} at most"))
        if any(len(word) > MAX_WORD for word in words):
            found.append(Violation("", f"has {name} of more than {MAX_WORD} characters"))
    return tuple(found)


def reject(candidate: Candidate, violations: Sequence[Violation]) -> Rejection:
    """The rejection that spells out the violations, each with its JSON path inside the file."""
    value = candidate.document if isinstance(candidate.document, dict) else {}
    reasons = [_place(candidate, violation) for violation in violations[:MAX_REASONS]]
    if len(violations) > MAX_REASONS:
        reasons.append(f"and {len(violations) - MAX_REASONS} more")
    return Rejection(show(value.get("name")), show(value.get("version")), "; ".join(reasons))


def _place(candidate: Candidate, violation: Violation) -> str:
    if not violation.path:
        return f"{candidate.path}: {violation.message}"
    if candidate.converted:
        return f"{candidate.path}: converted to server.json, {violation}"
    return f"{candidate.path}{'' if violation.path.startswith('[') else '.'}{violation}"


def _check_status(status: Any) -> tuple[Violation, ...]:
    """Schemas up to 2025-09-16 had the status in the document."""
    if status is None or (isinstance(status, str) and status.lower() in _STATUSES):
        return ()
    return (Violation("status", f"must be {', '.join(_STATUSES)}"),)


def build_document(document: _Json, data: bytes, status: Status, message: str | None = None) -> Document:
    """What is stored of a document that keeps the rules; `data` is its compact JSON."""
    extensions = list(_extensions(document))
    packages, remotes = document.get("packages", []), document.get("remotes", [])
    transports = [package["transport"]["type"] for package in packages] + [remote["type"] for remote in remotes]
    return Document(
        name=document["name"],
        version=document["version"],
        status=status,
        status_message=message,
        published_at=None,
        title=document.get("title"),
        description=document["description"],
        tags=_words(extensions, "tags"),
        tools=_words(extensions, "tools"),
        registry_types=tuple(dict.fromkeys(package["registryType"] for package in packages)),
        transports=tuple(dict.fromkeys(transports)),
        tier=next((e["tier"] for e in extensions if isinstance(e.get("tier"), str) and e["tier"]), None),
        text=data.decode(),
        content_hash=_hash_content(data, status, message),
    )


def _hash_content(data: bytes, status: Status, message: str | None) -> bytes:
    standing = status.wire if message is None else f"{status.wire}\0{message}"
    return hashlib.sha256(b"%d\0%b\0%b\0" % (READING, data, standing.encode())).digest()


def _publishers(document: _Json) -> _Json:
    provided: _Json = document.get("_meta", {}).get(PUBLISHER_PROVIDED, {})
    return provided


def _extensions(document: _Json) -> Iterator[_Json]:
    """The objects at depth publisher → identifier, of any publisher; whatever else stands there is skipped."""
    for publisher in _publishers(document).values():
        if isinstance(publisher, dict):
            yield from (item for item in publisher.values() if isinstance(item, dict))


def _words(extensions: Sequence[_Json], key: str) -> tuple[str, ...]:
    """The strings of all lists under `key`, without repetitions, in order."""
    lists = [extension[key] for extension in extensions if isinstance(extension.get(key), list)]
    return tuple(dict.fromkeys(word for words in lists for word in words if isinstance(word, str)))


def _extension_status(document: _Json) -> Status:
    own = _publishers(document).get(TOOLHIVE)
    items = own.values() if isinstance(own, dict) else ()
    given = (item.get("status") for item in items if isinstance(item, dict))
    deprecated = any(isinstance(status, str) and status.lower() == "deprecated" for status in given)
    return Status.DEPRECATED if deprecated else Status.ACTIVE


def _published_at(document: _Json) -> datetime | None:
    """The time in the registry's own block, where a document was exported with it. A time without zone is none."""
    block = document.get("_meta", {}).get(OFFICIAL)
    given = (block.get("publishedAt") or block.get("published_at")) if isinstance(block, dict) else None
    if not isinstance(given, str):
        return None
    try:
        published_at = datetime.fromisoformat(given)
        return published_at.astimezone(UTC) if published_at.tzinfo else None
    except (ValueError, OverflowError):
        return None
