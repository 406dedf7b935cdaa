"""Reads one item of an upstream's list: the document, and how its registry says that it stands.

Items come as `{"server": {…}, "_meta": {…}}`, from older registries flat, with the registry's block in the document's
own `_meta`. Whatever is wrong with an item becomes its rejection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.models.documents import PUBLISHER_PROVIDED, Violation
from app.models.kinds import Status
from app.sources.contents import show
from app.sources.documents import OFFICIAL, Candidate, Standing

MAX_MESSAGE: Final = 500
"""Characters of a status message, as the API allows."""

_STATUSES: Final = {status.wire: status for status in Status}
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """`updated_at` is None where the upstream does not tell a time that can be used."""

    candidate: Candidate
    updated_at: datetime | None


def read_item(item: Any, path: str) -> Item:
    """`path` is where the item stands. Never raises, whatever the item holds."""
    if not isinstance(item, dict):
        return Item(Candidate(path, item), None)
    enveloped = "server" in item and (isinstance(item["server"], dict) or "name" not in item)
    meta = item.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    document = _adopt(item["server"], meta) if enveloped else _strip(item)
    path = f"{path}.server" if enveloped else path
    official = meta.get(OFFICIAL)
    if not isinstance(official, dict):
        return Item(Candidate(path, document), None)
    updated_at = _read_time(official, "updatedAt", "updated_at")
    status = official.get("status")
    if status is not None and not (isinstance(status, str) and status.lower() in _STATUSES):
        message = f"its registry gives it the status {show(repr(status), 40)}; known are {', '.join(_STATUSES)}"
        return Item(Candidate(path, document, violations=(Violation("", message),)), updated_at)
    return Item(Candidate(path, document, standing=_read_standing(official)), updated_at)


def _read_standing(official: _Json) -> Standing:
    status = official.get("status")
    message = show(official.get("statusMessage", official.get("status_message")), MAX_MESSAGE)
    return Standing(
        status=None if status is None else _STATUSES[status.lower()],
        message=message or None,
        changed_at=_read_time(official, "statusChangedAt", "status_changed_at"),
        published_at=_read_time(official, "publishedAt", "published_at"),
    )


def _adopt(document: Any, meta: _Json) -> Any:
    """The document, with the publisher's metadata where the registry keeps them beside it."""
    provided = meta.get(PUBLISHER_PROVIDED)
    if not isinstance(document, dict) or not isinstance(provided, dict):
        return document
    own = document.get("_meta")
    if own is None:
        own = {}
    if not isinstance(own, dict) or PUBLISHER_PROVIDED in own:
        return document
    return {**document, "_meta": {**own, PUBLISHER_PROVIDED: provided}}


def _strip(item: _Json) -> _Json:
    """A flat item without the registry's own block."""
    meta = item.get("_meta")
    if not isinstance(meta, dict) or OFFICIAL not in meta:
        return item
    rest = {key: value for key, value in meta.items() if key != OFFICIAL}
    document = {key: value for key, value in item.items() if key != "_meta"}
    return {**document, "_meta": rest} if rest else document


def _read_time(official: _Json, key: str, old_key: str) -> datetime | None:
    return parse_time(official.get(key, official.get(old_key)))


def parse_time(given: Any) -> datetime | None:
    """An RFC 3339 time in UTC. None for what is none, has no zone, or lies before 1970, as Go's zero time does."""
    if not isinstance(given, str):
        return None
    try:
        time = datetime.fromisoformat(given)
        time = time.astimezone(UTC) if time.tzinfo else _EARLIEST
    except (ValueError, OverflowError):
        return None
    return time if time > _EARLIEST else None


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with `Z`, whole seconds; what is finer is cut off."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
