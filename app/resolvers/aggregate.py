"""Keeps the aggregate: it holds every source that some registry lists, in the order of their first mention."""

from __future__ import annotations

from app.core.database import Session
from app.models.kinds import CreationType
from app.models.tables import AGGREGATE_ID
from app.store import registries


async def link_aggregate(session: Session) -> set[int]:
    """After a registry of the API was made, changed or deleted; returns the sources that joined, left or moved.

    The configuration's registries go first, in an order that only their file knows: what the aggregate has of their
    sources stays as it is. Those of the API follow in the order of their creation. So does a start have it.
    """
    views = sorted(await registries.list_registries(session), key=lambda view: view.id)
    configured = {i for view in views if view.creation_type == CreationType.CONFIG for i in view.source_ids}
    first = [i for i in await registries.linked_sources(session, AGGREGATE_ID) if i in configured]
    others = [i for view in views for i in view.source_ids]
    return await registries.link_sources(session, AGGREGATE_ID, list(dict.fromkeys([*first, *others])))
