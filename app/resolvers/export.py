"""Reading a whole registry page by page. The form of the file that is made of it is not here."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace

from app.models.queries import LATEST, MAX_PAGE, ListServers, Window
from app.models.views import VersionView
from app.resolvers.context import Ctx
from app.resolvers.servers import list_servers


async def export_registry(ctx: Ctx, registry: str | None, latest: bool) -> AsyncGenerator[tuple[VersionView, ...]]:
    """All versions that are not deleted, or the latest of each server, by name and version.

    At least one page, which is empty where there is nothing. Nothing is held between two pages, so that a slow reader
    costs neither memory nor a connection; what changes meanwhile behind the last page read is seen. Raises
    RegistryNotFound.
    """
    query = ListServers(registry, version=LATEST if latest else None, window=Window(MAX_PAGE))
    while True:
        page = await list_servers(ctx, query)
        yield page.items
        if not page.has_next:
            return
        query = replace(query, window=Window(MAX_PAGE, after=page.items[-1].key))
