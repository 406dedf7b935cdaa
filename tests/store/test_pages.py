"""A page costs the same wherever it stands: the cursor's name is a condition on the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Select, text
from sqlalchemy.dialects import postgresql

from app.core.database import Session
from app.models.queries import ListServers, Order, Visibility, Window
from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from app.store.servers import Scope, list_versions
from tests.seeding import document, seed


class Watched:
    """A session that remembers the statement it was given."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.statement: Select[Any] | None = None

    async def execute(self, statement: Select[Any]) -> Any:
        self.statement = statement
        return await self.session.execute(statement)


async def explain(session: Session, query: ListServers) -> tuple[list[str], str]:
    """The names of the page, and the plan of its statement."""
    watched = Watched(session)
    page = await list_versions(cast(Session, watched), Scope(AGGREGATE_ID, Visibility()), query)
    assert watched.statement is not None
    compiled = watched.statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
    plan = await session.execute(text("explain " + str(compiled).replace(":", "\\:")))
    return [view.name for view in page.items], "\n".join(plan.scalars())


@pytest.mark.parametrize("version", [None, "latest"])
@pytest.mark.parametrize("descending", [False, True])
async def test_page_starts_at_its_place_in_the_index(
    ctx: Ctx, tmp_path: Path, version: str | None, descending: bool
) -> None:
    names = [f"a/b{number:04}" for number in range(2000)]
    await seed(ctx, tmp_path, {"s": [document(name) for name in names]})
    place = ("a/b1000",) if version else ("a/b1000", "1.0.0")
    query = ListServers(version=version, order=Order(descending=descending), window=Window(3, after=place))
    async with ctx.db.read() as session:
        found, plan = await explain(session, query)
    assert found == (["a/b0999", "a/b0998", "a/b0997"] if descending else ["a/b1001", "a/b1002", "a/b1003"])
    conditions = [line for line in plan.splitlines() if "Index Cond" in line]
    assert any("a/b1000" in line for line in conditions), plan
