"""Which adapter fetches which source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.core.errors import SourceError
from app.core.settings import SourceKind
from app.sources.downloads import fetch_url
from app.sources.fetching import Fetched, FetchRequest
from app.sources.files import fetch_inline, fetch_path, is_inline
from app.sources.git import fetch_git
from app.sources.upstream import fetch_api

_Adapter = Callable[[FetchRequest], Awaitable[Fetched]]


def unsupported(kind: str) -> str | None:
    """Why nothing is ever fetched for a source of this kind; None if it is."""
    if kind == SourceKind.MANAGED:
        return "managed sources hold what is published to them; nothing is fetched"
    if kind == SourceKind.KUBERNETES:
        return "kubernetes sources are not built yet; the source stays as it is and nothing is fetched"
    return None


async def fetch(request: FetchRequest) -> Fetched:
    """The source's current content. Raises SourceError."""
    reason = unsupported(request.kind)
    if reason is not None:
        raise SourceError(reason)
    return await _choose(request.kind, request.config)(request)


def _choose(kind: str, config: Mapping[str, Any]) -> _Adapter:
    if kind == SourceKind.GIT:
        return fetch_git
    if kind == SourceKind.API:
        return fetch_api
    if is_inline(config):
        return fetch_inline
    return fetch_path if config["file"].get("path") else fetch_url
