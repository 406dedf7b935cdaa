"""What checking a server.json for publication can find: one issue for each fault, with its JSON path and its rule.

Owns the form of an issue as POST /validate sends it. Which issues there are is known to the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.models.documents.values import Place
from app.models.documents.violations import Violation, format_path


class IssueType(StrEnum):
    JSON = "json"
    SCHEMA = "schema"
    SEMANTIC = "semantic"
    LINTER = "linter"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Issue:
    """The fields are in the order of the wire. `path` is empty for the document as a whole; `reference` names the
    rule and never changes, whatever becomes of the wording of `message`."""

    type: IssueType
    path: str
    message: str
    severity: Severity
    reference: str


def schema_error(violation: Violation) -> Issue:
    """A broken rule of the schema as an issue."""
    path, message = _clean(violation.path), _clean(violation.message)
    return Issue(IssueType.SCHEMA, path, message, Severity.ERROR, f"schema-{violation.rule}")


def error(place: Place, message: str, reference: str) -> Issue:
    """What keeps a document that obeys the schema from being published."""
    return Issue(IssueType.SEMANTIC, _clean(format_path(place)), _clean(message), Severity.ERROR, reference)


def warning(place: Place, message: str, reference: str) -> Issue:
    return Issue(IssueType.SEMANTIC, _clean(format_path(place)), _clean(message), Severity.WARNING, reference)


def hint(message: str, reference: str) -> Issue:
    """Advice on the document as a whole."""
    return Issue(IssueType.LINTER, "", message, Severity.INFO, reference)


def _clean(text: str) -> str:
    """`text` without lone surrogates, which cannot be sent."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
