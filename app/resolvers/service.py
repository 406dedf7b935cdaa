"""The service itself: whether it can work, and what it is."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from app import BUILD_DATE, COMMIT, VERSION
from app.resolvers.context import Ctx
from app.store.journal import current_revision


@dataclass(frozen=True, slots=True)
class ServiceVersion:
    version: str
    commit: str
    build_date: str
    runtime: str
    platform: str


def get_version() -> ServiceVersion:
    runtime = f"{platform.python_implementation()} {platform.python_version()}"
    return ServiceVersion(VERSION, COMMIT, BUILD_DATE, runtime, f"{platform.system()}/{platform.machine()}".lower())


async def check_ready(ctx: Ctx) -> int:
    """The catalogue's revision. Raises Unavailable when the database does not answer."""
    async with ctx.db.read() as session:
        return await current_revision(session)
