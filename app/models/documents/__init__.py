"""What a server.json must look like: schema 2025-12-11, with the stricter name and version rules of the MCP Registry.

Owns the rules and the texts that tell which one was broken. It only checks: what is stored is the document itself, so
that key order and unknown keys survive. A document from a source has to obey the schema (`check_server`), a published
one the publish rules, too (`check_publishable`).
"""

from app.models.documents.check import check_server
from app.models.documents.issues import Issue, IssueType, Severity
from app.models.documents.parts import PUBLISHER_PROVIDED
from app.models.documents.publishing import PublishPolicy, check_publishable
from app.models.documents.server_rules import CURRENT_SCHEMA
from app.models.documents.violations import Violation, format_path, violations_of

__all__ = [
    "CURRENT_SCHEMA",
    "PUBLISHER_PROVIDED",
    "Issue",
    "IssueType",
    "PublishPolicy",
    "Severity",
    "Violation",
    "check_publishable",
    "check_server",
    "format_path",
    "violations_of",
]
