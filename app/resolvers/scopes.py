"""Which registry is read, and what its reader may see of it."""

from __future__ import annotations

from app.core.database import Session
from app.core.errors import RegistryNotFound
from app.models.queries import check_text
from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from app.store import registries as registry_store
from app.store.servers import Scope


async def find_scope(ctx: Ctx, session: Session, registry: str | None) -> Scope:
    """None stands for all registries together. Raises RegistryNotFound, Invalid (no name a registry could have)."""
    if registry is None:
        return Scope(AGGREGATE_ID, ctx.viewer.visibility)
    check_text("registry", registry)
    found = await registry_store.registry_id(session, registry)
    if found is None:
        raise RegistryNotFound("registry not found")
    return Scope(found, ctx.viewer.visibility)
