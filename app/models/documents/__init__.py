"""What a server.json must look like: schema 2025-12-11, with the stricter name and version rules of the MCP Registry.

Owns the rules and the texts that tell which one was broken. It only checks: what is stored is the document itself, so
that key order and unknown keys survive. What publishing demands beyond this is not checked here.
"""

from app.models.documents.check import check_server
from app.models.documents.parts import PUBLISHER_PROVIDED
from app.models.documents.violations import Violation, format_path, violations_of

__all__ = ["PUBLISHER_PROVIDED", "Violation", "check_server", "format_path", "violations_of"]
