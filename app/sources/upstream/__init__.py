"""Another MCP registry as a source: follows the list of its servers, page after page.

A full pass reads every version; each of its pages is staged, so that a pass which broke off goes on where it was.
Between full passes only what changed is asked for (`updated_since`). Owns the protocol and what is remembered from one
fetch to the next; HTTP and its guard are app.sources.http, single documents app.sources.documents. Source: MCP Registry
API v0.1, GET /v0.1/servers.
"""

from app.sources.upstream.asking import Patience
from app.sources.upstream.fetch import fetch_api

__all__ = ["Patience", "fetch_api"]
