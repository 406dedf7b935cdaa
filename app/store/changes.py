"""Reading the journal: what changed in a registry, in the order in which it was committed.

The number of a row is its place. Numbers are drawn within the turn of a writer (`app.store.journal`), so a reader who
has seen one has missed none below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.models.queries import Key, Window
from app.models.views import ChangeView, Page, cut_page
from app.store.servers import Scope

_CHANGE: Final = "id, revision, at, action, source_id, name, version"
_SEEN: Final = (
    "kind = :kind and :registry = any(registry_ids) and (cast(:claim_sets as int[]) is null or"
    " claim_set_id = any(cast(:claim_sets as int[])))"
)


async def list_changes(session: AsyncSession, scope: Scope, window: Window) -> Page[ChangeView]:
    """A page of the feed of a registry, the oldest change first."""
    found = await session.execute(
        text(
            f"select {_CHANGE} from change where {_SEEN} and id > :after and id < :before"
            f" order by id {'desc' if window.backward else 'asc'} limit :limit"
        ),
        {
            **_bind(scope),
            "after": place(window.after, 0),
            "before": place(window.before, 2**62),
            "limit": window.limit + 1,
        },
    )
    return cut_page([ChangeView(**row._mapping) for row in found], window)


async def changes_after(session: AsyncSession, scope: Scope, after: int, limit: int) -> list[ChangeView]:
    """The first `limit` changes of the feed after a place."""
    found = await session.execute(
        text(f"select {_CHANGE} from change where {_SEEN} and id > :after order by id limit :limit"),
        {**_bind(scope), "after": after, "limit": limit},
    )
    return [ChangeView(**row._mapping) for row in found]


async def changes_by_id(session: AsyncSession, scope: Scope, ids: Sequence[int]) -> dict[int, ChangeView]:
    """Those of these changes that are in the feed."""
    found = await session.execute(
        text(f"select {_CHANGE} from change where {_SEEN} and id = any(cast(:ids as bigint[]))"),
        {**_bind(scope), "ids": list(ids)},
    )
    return {row.id: ChangeView(**row._mapping) for row in found}


async def count_changes(session: AsyncSession, scope: Scope) -> int:
    return int(await session.scalar(text(f"select count(*) from change where {_SEEN}"), _bind(scope)) or 0)


async def latest_place(session: AsyncSession) -> int:
    """The place of the last change of all; 0 where there is none."""
    return int(await session.scalar(text("select max(id) from change")) or 0)


def place(key: Key | None, otherwise: int) -> int:
    """The place that a cursor holds. Raises Invalid for one of another kind of list."""
    match key:
        case None:
            return otherwise
        case (int(found),):
            return found
    raise Invalid("the cursor belongs to another kind of list")


def _bind(scope: Scope) -> Mapping[str, Any]:
    sets = scope.visibility.claim_sets
    return {"kind": int(scope.kind), "registry": scope.registry_id, "claim_sets": None if sets is None else list(sets)}
