"""What is found when a document is checked, as GraphQL types."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.models.documents import Issue
from app.resolvers.validation import ValidationView


@strawberry.enum(description="How much an issue matters.")
class IssueSeverity(Enum):
    ERROR = strawberry.enum_value("ERROR", description="It keeps the document from being published.")
    WARNING = strawberry.enum_value("WARNING", description="It can be published, but may not do what is wanted.")
    INFO = strawberry.enum_value("INFO", description="Advice.")


@strawberry.type(description="One thing to know about a document.")
class ValidationIssue:
    severity: IssueSeverity = strawberry.field(description="How much it matters.")
    path: str = strawberry.field(description="Where it stands, e.g. `packages[0].identifier`; empty for the whole.")
    message: str = strawberry.field(description="What is wrong, in words.")
    rule: str = strawberry.field(description="The rule that it breaks: a word that never changes.")

    @classmethod
    def of(cls, issue: Issue) -> ValidationIssue:
        severity = IssueSeverity[issue.severity.name]
        return cls(severity=severity, path=issue.path, message=issue.message, rule=issue.reference)


@strawberry.type(description="What publishing would say of a document.")
class ValidationReport:
    is_valid: bool = strawberry.field(description="Whether no rule keeps it from being published.")
    name: str | None = strawberry.field(description="The server's name, if the document has one.")
    version: str | None = strawberry.field(description="The version, if the document has one.")
    issues: list[ValidationIssue] = strawberry.field(description="What was found, in the order of the document.")

    @classmethod
    def of(cls, view: ValidationView) -> ValidationReport:
        issues = [ValidationIssue.of(issue) for issue in view.issues]
        return cls(is_valid=view.is_valid, name=view.name, version=view.version, issues=issues)
