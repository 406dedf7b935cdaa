"""Documents that may be published, made of the parts that the tests change, and what checking them finds."""

from __future__ import annotations

from typing import NamedTuple

from app.models.documents import CURRENT_SCHEMA, PublishPolicy, check_publishable
from tests.sources.samples import Json, package, server


class Finding(NamedTuple):
    path: str
    reference: str
    severity: str


def find(document: Json, policy: PublishPolicy | None = None) -> list[Finding]:
    issues = check_publishable(document, policy or PublishPolicy())
    return [Finding(issue.path, issue.reference, issue.severity) for issue in issues]


def publishable(**changes: object) -> Json:
    """The smallest document without an issue, with changes."""
    return {**server(**{"$schema": CURRENT_SCHEMA}), "packages": [npm()], **changes}


def in_package(**changes: object) -> Json:
    return publishable(packages=[npm(**changes)])


def npm(**changes: object) -> Json:
    return package(**{"version": "1.0.0", **changes})


def image(**changes: object) -> Json:
    return package(**{"registryType": "oci", "identifier": "ghcr.io/acme/db:1.0.0", **changes})


def bundle(**changes: object) -> Json:
    url = "https://github.com/acme/db-mcp/releases/download/v1/db.mcpb"
    return package(**{"registryType": "mcpb", "identifier": url, "fileSha256": "0" * 64, **changes})


def remote(**changes: object) -> Json:
    return {"type": "streamable-http", "url": "https://acme.example/mcp", **changes}
