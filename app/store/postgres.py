"""What the database says of itself."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def read_version(session: AsyncSession) -> str:
    """The release of PostgreSQL, e.g. `16.4`, without what its packagers add."""
    found = await session.scalar(text("select split_part(current_setting('server_version'), ' ', 1)"))
    return str(found)
