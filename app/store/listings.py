"""The derived listing: which entries each registry holds, and who shadows whom.

Rule (DESIGN.md 4): of the entries of one name a viewer may see, a live one goes before one that is wholly deleted,
then the lower position goes first; the first takes the whole name.

What a registry starts to show counts as updated, what it stops showing is remembered as withdrawn, so that those who
follow it by `updated_since` learn of both.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# LATERAL with OFFSET 0 pins the index look-up by name: a source loaded in this very transaction has no statistics, and
# the planner would otherwise guess one row and join quadratically.
_DERIVE = """
insert into relisted (entry_id, registry_id, source_id, kind, name, position, claim_set_id, shadowed_by,
                      latest_version_id, live)
select entry_id, registry_id, source_id, kind, name, position, claim_set_id,
       array_agg(claim_set_id) over (partition by registry_id, kind, name order by live desc, position
                                     rows between unbounded preceding and 1 preceding),
       latest_version_id, live
from (select e.id entry_id, rs.registry_id, e.source_id, e.kind, e.name, rs.position, e.claim_set_id,
             e.latest_version_id, v.status <> 2 live
      from (select distinct kind, name from touched) t
      cross join lateral (select * from entry where entry.kind = t.kind and entry.name = t.name offset 0) e
      join registry_source rs on rs.source_id = e.source_id
      join entry_version v on v.id = e.latest_version_id) held
"""

# Rows that stay as they are stay where they are: rewriting them would cost as much as a change.
_DELETE = """
delete from listing l using touched t where l.kind = t.kind and l.name = t.name and not exists
  (select from relisted n where n.entry_id = l.entry_id and n.registry_id = l.registry_id and
   (n.source_id, n.kind, n.name, n.position, n.claim_set_id, n.shadowed_by, n.latest_version_id, n.live)
   is not distinct from
   (l.source_id, l.kind, l.name, l.position, l.claim_set_id, l.shadowed_by, l.latest_version_id, l.live))
"""

_INSERT = """
insert into listing (entry_id, registry_id, source_id, kind, name, position, claim_set_id, shadowed_by,
                     latest_version_id, live)
select n.entry_id, n.registry_id, n.source_id, n.kind, n.name, n.position, n.claim_set_id, n.shadowed_by,
       n.latest_version_id, n.live
from relisted n where not exists
  (select from listing l where l.entry_id = n.entry_id and l.registry_id = n.registry_id)
"""

_REMEMBER = """
insert into was_listed select registry_id, kind, name, entry_id, source_id, claim_set_id, latest_version_id
from listing l where shadowed_by is null and (l.kind, l.name) in (select kind, name from touched)
"""

_SHOWN = """
select from listing n where n.registry_id = w.registry_id and n.entry_id = w.entry_id and n.shadowed_by is null
"""

# A registry that this transaction made has no followers yet.
_STAMP_ARRIVALS = """
update entry_version v set updated_at = :at
from listing l join registry r on r.id = l.registry_id and r.created_at < now()
where v.entry_id = l.entry_id and v.updated_at < :at and l.shadowed_by is null
  and (l.kind, l.name) in (select kind, name from touched)
  and not exists (select from was_listed w where w.registry_id = l.registry_id and w.entry_id = l.entry_id)
"""

_FORGET_LATEST = f"""
update withdrawal g set was_latest = false from was_listed w
where (g.registry_id, g.kind, g.name) = (w.registry_id, w.kind, w.name) and g.was_latest and not exists ({_SHOWN})
"""

_WITHDRAW = f"""
insert into withdrawal (registry_id, kind, name, version, source_id, claim_set_id, at, published_at, was_latest,
                        document)
select w.registry_id, w.kind, w.name, v.version, w.source_id, w.claim_set_id, :at, v.published_at,
       v.id = w.latest_version_id, v.document
from was_listed w join registry r on r.id = w.registry_id join entry_version v on v.entry_id = w.entry_id
where not exists ({_SHOWN})
on conflict (registry_id, kind, name, version) do update set
  (source_id, claim_set_id, at, published_at, was_latest, document) =
  (excluded.source_id, excluded.claim_set_id, excluded.at, excluded.published_at, excluded.was_latest,
   excluded.document)
"""


async def create_touched(session: AsyncSession) -> None:
    """The transaction's table of the entries that it changes: what is derived from them is rebuilt at its end."""
    await session.execute(
        text(
            "create temp table if not exists touched (entry_id int primary key, kind smallint,"
            ' name text collate "C") on commit drop'
        )
    )


async def relist_touched(session: AsyncSession, at: datetime) -> None:
    """Bring the rows of every name in `touched` up to date, in all registries; only those that change are written."""
    await _remember(session)
    await _derive(session)
    await session.execute(text(_DELETE))
    await session.execute(text(_INSERT))
    await session.execute(text(_STAMP_ARRIVALS), {"at": at})
    await session.execute(text(_FORGET_LATEST))
    await session.execute(text(_WITHDRAW), {"at": at})


async def relist_sources(session: AsyncSession, source_ids: Collection[int], at: datetime) -> None:
    """Rebuild the rows of every name these sources have, after they joined, left or moved in a registry, or their
    claims changed.

    A source that goes is deleted afterwards only: its versions are needed to remember what was withdrawn.
    """
    if not source_ids:
        return
    await create_touched(session)
    await session.execute(
        text(
            "insert into touched select id, kind, name from entry where source_id = any(cast(:ids as int[]))"
            " on conflict do nothing"
        ),
        {"ids": list(source_ids)},
    )
    await session.execute(text("analyze touched"))
    await relist_touched(session, at)


async def _remember(session: AsyncSession) -> None:
    await session.execute(
        text(
            'create temp table if not exists was_listed (registry_id int, kind smallint, name text collate "C",'
            " entry_id int, source_id int, claim_set_id int, latest_version_id int) on commit drop"
        )
    )
    await session.execute(text("truncate was_listed"))
    await session.execute(text(_REMEMBER))
    await session.execute(text("analyze was_listed"))


async def _derive(session: AsyncSession) -> None:
    await session.execute(text("create temp table if not exists relisted (like listing) on commit drop"))
    await session.execute(text("truncate relisted"))
    await session.execute(text(_DERIVE))
    await session.execute(text("analyze relisted (entry_id, registry_id)"))
