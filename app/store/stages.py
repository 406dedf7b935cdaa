"""Pages of fetches under way, kept so that a run which broke off can be continued."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def load_page(session: AsyncSession, source_id: int, key: str, number: int) -> tuple[bytes, str] | None:
    """Body and cursor of a page kept under `key`."""
    found = await session.execute(
        text("select body, cursor from fetched_page where source_id = :id and key = :key and number = :number"),
        {"id": source_id, "key": key, "number": number},
    )
    row = found.one_or_none()
    return None if row is None else (row.body, row.cursor)


async def save_page(session: AsyncSession, source_id: int, key: str, number: int, page: tuple[bytes, str]) -> None:
    """Keep a page in place of what stood there; pages of other keys go, and those that followed it."""
    await session.execute(
        text("delete from fetched_page where source_id = :id and (key <> :key or number >= :number)"),
        {"id": source_id, "key": key, "number": number},
    )
    await session.execute(
        text("insert into fetched_page (source_id, number, key, body, cursor) values (:id, :number, :key, :body, :to)"),
        {"id": source_id, "number": number, "key": key, "body": page[0], "to": page[1]},
    )


async def clear_pages(session: AsyncSession, source_id: int) -> None:
    await session.execute(text("delete from fetched_page where source_id = :id"), {"id": source_id})
