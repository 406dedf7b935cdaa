"""What is forgotten after a time: old runs, versions that vanished from their source, and withdrawals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.listings import create_touched, relist_touched

KEPT_RUNS: Final = 20
"""Runs of each source that stay, however old they are."""

BATCH: Final = 5000
"""Versions that one transaction purges at most: it holds up whoever publishes."""


async def purge_runs(session: AsyncSession, before: datetime) -> int:
    """Forget ended runs that began before, but the newest of each source and the one that is held."""
    found = await session.execute(
        text(
            "delete from sync_run r using (select id, row_number() over (partition by source_id order by id desc) place"
            "  from sync_run) newest"
            " where newest.id = r.id and newest.place > :kept and r.started_at < :before and r.outcome <> 'RUNNING'"
            " and not exists (select 1 from source s where s.held_run_id = r.id)"
        ),
        {"before": before, "kept": KEPT_RUNS},
    )
    return int(found.rowcount)  # type: ignore[attr-defined]


async def old_tombstones(session: AsyncSession, before: datetime) -> list[int]:
    """Versions that vanished from their source before then, at most a batch of them. An entry's latest comes last."""
    found = await session.execute(
        text(
            "select v.id from entry_version v join entry e on e.id = v.entry_id where v.content_hash = ''"
            " and v.status = 2 and v.status_changed_at < :before and not (e.latest_version_id = v.id and exists"
            "  (select 1 from entry_version w where w.entry_id = e.id and w.id <> v.id)) order by v.id limit :limit"
        ),
        {"before": before, "limit": BATCH},
    )
    return list(found.scalars())


async def purge_versions(session: AsyncSession, ids: Sequence[int], at: datetime) -> None:
    """Delete tombstones, and the entries of which they were the last version, within a turn."""
    await create_touched(session)
    await session.execute(
        text("insert into touched select id, kind, name from entry where latest_version_id = any(cast(:ids as int[]))"),
        {"ids": list(ids)},
    )
    await session.execute(text("analyze touched"))
    await session.execute(text("delete from entry_version where id = any(cast(:ids as int[]))"), {"ids": list(ids)})
    await session.execute(text("delete from entry e using touched t where e.id = t.entry_id"))
    await relist_touched(session, at)


async def purge_withdrawals(session: AsyncSession, before: datetime) -> None:
    await session.execute(text("delete from withdrawal where at < :before"), {"before": before})
