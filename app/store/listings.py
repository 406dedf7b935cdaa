"""The derived listing: which entries each registry holds, and who shadows whom.

Rule (DESIGN.md 4): of the entries of one name a viewer may see, a live one goes before one that is wholly deleted,
then the lower position goes first; the first takes the whole name.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_INSERT = """
insert into listing (entry_id, registry_id, source_id, kind, name, position, claim_set_id, shadowed_by,
                     latest_version_id, live)
select entry_id, registry_id, source_id, kind, name, position, claim_set_id,
       array_agg(claim_set_id) over (partition by registry_id, kind, name order by live desc, position
                                     rows between unbounded preceding and 1 preceding),
       latest_version_id, live
from (select e.id entry_id, rs.registry_id, e.source_id, e.kind, e.name, rs.position, e.claim_set_id,
             e.latest_version_id, v.status <> 2 live
      from {entries}
      join registry_source rs on rs.source_id = e.source_id
      join entry_version v on v.id = e.latest_version_id) held
"""


async def relist_touched(session: AsyncSession) -> None:
    """Rebuild the rows of every name in the transaction's `touched` table, in all registries."""
    await session.execute(text("delete from listing l using touched t where l.kind = t.kind and l.name = t.name"))
    # LATERAL with OFFSET 0 pins the index look-up by name: a source loaded in this very transaction has no statistics,
    # and the planner would otherwise guess one row and join quadratically.
    entries = (
        "(select distinct kind, name from touched) t cross join lateral"
        " (select * from entry where entry.kind = t.kind and entry.name = t.name offset 0) e"
    )
    await session.execute(text(_INSERT.format(entries=entries)))


async def relist_registries(session: AsyncSession) -> None:
    """Rebuild the whole listing, after a registry's sources or order, or a source's claims, changed."""
    await session.execute(text("delete from listing"))
    await session.execute(text(_INSERT.format(entries="entry e")))
