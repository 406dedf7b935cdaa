"""Several statements of the same columns as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession


async def execute_each(session: AsyncSession, statements: Sequence[Select[Any]]) -> list[list[Row[Any]]]:
    """The rows of each statement, in its order. CTEs in them must have no names, which would clash."""
    if len(statements) == 1:
        return [list(await session.execute(statements[0]))]
    branches = [
        select(literal_column(str(number)).label("branch"), statement.subquery())
        for number, statement in enumerate(statements)
    ]
    found: list[list[Row[Any]]] = [[] for _ in statements]
    if branches:
        for row in await session.execute(union_all(*branches)):
            found[row.branch].append(row)
    return found
