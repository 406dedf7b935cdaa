"""COPY through a session's own transaction. Owns the way to the driver's connection, no table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession


async def copy_rows(session: AsyncSession, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append `rows` to `table` by COPY.

    The session must have executed a statement before: only then is its transaction open on the wire, and COPY part of
    it. Values go to the driver as they are, so jsonb columns take JSON text.
    """
    connection = await session.connection()
    driver = (await connection.get_raw_connection()).driver_connection
    if driver is None or not driver.is_in_transaction():
        raise RuntimeError("COPY outside a transaction would commit by itself")
    await driver.copy_records_to_table(table, columns=list(columns), records=rows)
