"""Checking a document without publishing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.models.documents import Issue, IssueType, Severity
from app.resolvers import entries
from app.resolvers.context import Ctx

NO_OBJECT = Issue(IssueType.SCHEMA, "", "a server.json must be a JSON object", Severity.ERROR, "schema-type")


@dataclass(frozen=True, slots=True)
class ValidationView:
    """Name and version as the document gives them, where they are texts."""

    is_valid: bool
    name: str | None
    version: str | None
    issues: tuple[Issue, ...]


async def validate_server(ctx: Ctx, document: Any) -> ValidationView:
    """What publishing would say of the document itself, which may be any value. Writes nothing, never raises."""
    if not isinstance(document, dict):
        return ValidationView(False, None, None, (NO_OBJECT,))
    report = await entries.validate(ctx, document)
    name, version = (text if isinstance(text := document.get(key), str) else None for key in ("name", "version"))
    return ValidationView(report.document is not None, name, version, report.issues)
