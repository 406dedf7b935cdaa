"""The one entry to the rules of server.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from app.models.documents.parts import Server
from app.models.documents.violations import Violation, violations_of


def check_server(document: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Every rule that `document` breaks, in the order of the schema's fields; empty for a good one. Never raises.

    Source: server.schema.json 2025-12-11; names and versions as the MCP Registry's publish rules have them.
    """
    try:
        Server.model_validate(document)
    except ValidationError as error:
        return violations_of(error)
    return ()
