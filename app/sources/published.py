"""Turns what somebody publishes into a Document, or into the list of what is wrong with it.

Unlike documents that are fetched, nothing is repaired here beyond what means nothing: nulls, empty optional strings and
an empty repository, which some clients send for what they left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.models.documents import Issue, IssueType, PublishPolicy, Severity, check_publishable, format_path
from app.models.kinds import Status
from app.models.snapshot import Document
from app.sources.contents import dump_json, find_unstorable
from app.sources.documents import build_document, check_sizes
from app.sources.shapes import SERVER, tidy

MAX_VALUES: Final = 10_000
"""Values of a document, those below `_meta` not counted. Each may break rules of its own, and to find and tell so many
takes seconds. The largest server.json known has some hundreds.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """Every issue found; `document` is None if one of them is an error."""

    document: Document | None
    issues: tuple[Issue, ...]


def read_published(value: Mapping[str, Any], policy: PublishPolicy) -> Report:
    """Never raises, whatever `value` holds."""
    if _holds_too_much(value):
        message = f"holds more than {MAX_VALUES} values beside _meta; a server.json has some hundreds"
        return Report(None, (_error(IssueType.SCHEMA, "", message, "size"),))
    document = tidy(value, SERVER, rename=False)
    if document.get("repository") == {}:
        del document["repository"]
    data = dump_json(document)
    if data is None:
        path, fault = find_unstorable(document) or ((), "cannot be written as JSON")
        return Report(None, (_error(IssueType.JSON, format_path(path), fault, "unstorable"),))
    issues = check_publishable(document, policy)
    if any(issue.severity is Severity.ERROR for issue in issues):
        return Report(None, issues)
    built = build_document(document, data, Status.ACTIVE)
    oversized = tuple(_error(IssueType.SEMANTIC, v.path, v.message, "size") for v in check_sizes(built))
    return Report(None if oversized else built, (*issues, *oversized))


def _holds_too_much(document: Mapping[str, Any]) -> bool:
    stack: list[Any] = [item for key, item in document.items() if key != "_meta"]
    seen = len(document)
    while stack and seen <= MAX_VALUES:
        item = stack.pop()
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        seen += len(children)
        if seen <= MAX_VALUES:
            stack.extend(children)
    return seen > MAX_VALUES


def _error(kind: IssueType, path: str, message: str, reference: str) -> Issue:
    return Issue(kind, path, message, Severity.ERROR, reference)
