"""Which source runs when, and who runs it: due times, requests, and the leases on sources.

Leases and due times follow the database's clock alone: those of several replicas may differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.views import DueSource, SourceView
from app.store.sources import sources_by_id

_DUE = "next_run_at <= now() and coalesce(lease_until <= now(), true)"


async def make_due(session: AsyncSession, names: Sequence[str]) -> None:
    """Let the next tick run these sources; the others of the configuration file are never due."""
    await session.execute(
        text(
            "update source set next_run_at = case when name = any(cast(:names as text[])) then now() end"
            " where creation_type = 'CONFIG'"
        ),
        {"names": list(names)},
    )


async def wake_sources(session: AsyncSession, ids: Sequence[int]) -> None:
    """Let the next tick run these sources if no run of theirs is planned."""
    await session.execute(
        text(
            "update source set next_run_at = now() where next_run_at is null and lease_until is null"
            " and id = any(cast(:ids as int[]))"
        ),
        {"ids": list(ids)},
    )


async def replan(session: AsyncSession, source_id: int, *, due: bool) -> None:
    """Let the next tick run the source, or none ever. A run under way loses its lease, and so changes nothing."""
    await session.execute(
        text(
            "update source set lease_owner = null, lease_until = null, next_run_at = case when :due then now() end"
            " where id = :id"
        ),
        {"id": source_id, "due": due},
    )


async def take_lease(session: AsyncSession, source_id: int, owner: str, term: timedelta) -> SourceView:
    """Take a source, whether it is due or not, also from who holds it now."""
    await session.execute(
        text(
            "update source set lease_owner = :owner, lease_until = now() + :term, last_attempt_at = now()"
            " where id = :id"
        ),
        {"id": source_id, "owner": owner, "term": term},
    )
    return (await sources_by_id(session, [source_id]))[source_id]


async def lease_due(
    session: AsyncSession, owner: str, term: timedelta, source_id: int | None = None
) -> SourceView | None:
    """Take the source that has been due longest and that nobody holds, or the given one if it is due and free."""
    found = await session.scalar(
        text(
            "update source set lease_owner = :owner, lease_until = now() + :term, last_attempt_at = now()"
            f" where id = (select id from source where {_DUE} and (cast(:source as int) is null or id = :source)"
            "   order by next_run_at, name for update skip locked limit 1) returning id"
        ),
        {"owner": owner, "term": term, "source": source_id},
    )
    return None if found is None else (await sources_by_id(session, [found]))[found]


async def list_due(session: AsyncSession) -> tuple[DueSource, ...]:
    """The sources that are due and that nobody holds, the longest due first."""
    found = await session.execute(
        text(
            "select id, name, coalesce(extract(epoch from last_attempt_at)::numeric(20, 6), 0)::text key from source"
            f" where {_DUE} order by next_run_at, name"
        )
    )
    return tuple(DueSource(*row) for row in found)


async def request_run(session: AsyncSession, source_id: int, *, full: bool) -> bool:
    """Let the next tick run the source because somebody asks for it; False, at once, if a run is under way.

    `full` forgets what is known of its content, so that all of it is read anew.
    """
    found = await session.execute(
        text(
            "update source set next_run_at = now(), requested = true,"
            " fetch_state = case when :full then '{}' else fetch_state end"
            " where id = (select id from source where id = :id and coalesce(lease_until <= now(), true)"
            "  for update skip locked)"
        ),
        {"id": source_id, "full": full},
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]


async def accept_removal(session: AsyncSession, source_id: int, digest: str) -> bool:
    """Let the next tick run the source, and let that run remove the entries that `digest` stands for; False if a run is
    under way, which would not know of it.
    """
    found = await session.execute(
        text(
            "update source set next_run_at = now(), requested = true, accepted_removal = :digest"
            " where id = :id and coalesce(lease_until <= now(), true)"
        ),
        {"id": source_id, "digest": digest},
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]


async def renew_lease(session: AsyncSession, source_id: int, owner: str, term: timedelta) -> bool:
    """Hold the lease for another `term`; False if somebody else has taken it meanwhile."""
    found = await session.execute(
        text("update source set lease_until = now() + :term where id = :id and lease_owner = :owner"),
        {"id": source_id, "owner": owner, "term": term},
    )
    return bool(found.rowcount)  # type: ignore[attr-defined]


async def holds_lease(session: AsyncSession, source_id: int, owner: str) -> bool:
    """Whether `owner` still holds the source; locks the row, so that nobody can take it before the commit."""
    found = await session.scalar(
        text("select true from source where id = :id and lease_owner = :owner for update"),
        {"id": source_id, "owner": owner},
    )
    return bool(found)


async def release(
    session: AsyncSession, source_id: int, owner: str, delay: timedelta | None, state: Mapping[str, Any]
) -> None:
    """Give the lease back, let the next run be due after `delay` (None: never), and set columns of the source's state.

    Nothing happens if somebody else holds the lease by now.
    """
    given = {name: json.dumps(value) if name == "fetch_state" else value for name, value in state.items()}
    columns = "".join(f", {name} = " + _cast(name) for name in state)
    await session.execute(
        text(
            "update source set lease_owner = null, lease_until = null,"
            f" next_run_at = now() + cast(:delay as interval){columns}"
            " where id = :id and lease_owner = :owner"
        ),
        {"id": source_id, "owner": owner, "delay": delay, **given},
    )


async def release_all(session: AsyncSession) -> None:
    await session.execute(
        text("update source set lease_owner = null, lease_until = null where lease_until is not null")
    )


def _cast(name: str) -> str:
    return f"cast(:{name} as jsonb)" if name == "fetch_state" else f":{name}"
