"""Applies changes to what is stored of a source, in the caller's transaction: the difference to a snapshot, one
published document, a status.

The number of statements does not grow with the number of documents: rows go to a temporary table by COPY and are
merged from there. Everything else is reached from `touched`, the keyed and analysed table of affected entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import Kind, Status
from app.models.snapshot import Document
from app.models.versions import sort_key
from app.store.bulk import copy_rows
from app.store.journal import Journaled, Turn, begin_change, record_changes
from app.store.listings import create_touched, relist_touched
from app.store.search import refresh_search

GONE = "no longer in its source"
"""The status message of a tombstone."""

VersionName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a stored version when a snapshot is compared with it. A tombstone's hash is empty."""

    version_id: int
    content_hash: bytes
    status: Status


@dataclass(frozen=True, slots=True)
class Difference:
    """What a snapshot changes. `restatused` are versions whose status moved (their text may have, too); `removed` are
    live versions that the snapshot no longer has."""

    added: Sequence[Document]
    updated: Sequence[Document]
    restatused: Sequence[Document]
    removed: Sequence[tuple[VersionName, Stored]]

    @property
    def size(self) -> int:
        return len(self.added) + len(self.updated) + len(self.restatused) + len(self.removed)

    def __bool__(self) -> bool:
        return self.size > 0


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The stored versions to change, their names in the same order, and how they stand from then on."""

    version_ids: Sequence[int]
    names: Sequence[VersionName]
    status: Status
    message: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """The source that owns the documents, and the claim set that new entries of it carry."""

    source_id: int
    claim_set_id: int
    kind: Kind = Kind.SERVER


_INCOMING = (
    'ordinal int, name text collate "C", version text collate "C", version_sort text collate "C",'
    " published_at timestamptz, status smallint, status_message text, status_changed_at timestamptz, title text,"
    " description text, tier text, tags text[], tools text[], registry_types text[], transports text[],"
    " content_hash bytea, document text"
)
_COLUMNS = tuple(column.split()[0] for column in _INCOMING.split(", ") if column)

_UPSERT_ENTRIES = """
insert into entry (source_id, kind, name, claim_set_id)
select :source, :kind, name, :claims from incoming i where not exists
  (select 1 from entry e where e.kind = :kind and e.name = i.name and e.source_id + 0 = :source)
group by name order by min(ordinal)
"""

# OFFSET 0 pins the index look-up: see listings. The sum, here and above, keeps the planner from the index by source
# alone: as long as it has no statistics on a new source, it takes that for empty.
_TOUCH = """
insert into touched (entry_id, kind, name)
select e.id, :kind, n.name from (select distinct name from incoming) n cross join lateral
  (select id from entry where entry.kind = :kind and entry.name = n.name and entry.source_id + 0 = :source
   offset 0) e
union
select e.id, e.kind, e.name from entry_version v join entry e on e.id = v.entry_id
where v.id = any(cast(:removed as int[]))
"""

# Only the keys are sorted, and each whole row is then reached by its place: sorting the documents would spill to disk.
_UPSERT_VERSIONS = """
insert into entry_version (entry_id, version, version_sort, status, status_message, status_changed_at, published_at,
  updated_at, title, description, tier, tags, tools, registry_types, transports, content_hash, document)
select o.entry_id, i.version, i.version_sort, i.status, i.status_message, coalesce(i.status_changed_at, :now),
  i.published_at, :now, i.title, i.description, i.tier, i.tags, i.tools, i.registry_types, i.transports,
  i.content_hash, i.document
from (select i.ctid place, t.entry_id from incoming i join touched t on t.name = i.name order by i.ordinal) o
cross join lateral (select * from incoming where incoming.ctid = o.place offset 0) i
on conflict (entry_id, version) do update set
  status_changed_at = case when entry_version.status = excluded.status
    then entry_version.status_changed_at else excluded.status_changed_at end,
  status = excluded.status, status_message = excluded.status_message, updated_at = excluded.updated_at,
  title = excluded.title, description = excluded.description, tier = excluded.tier, tags = excluded.tags,
  tools = excluded.tools, registry_types = excluded.registry_types, transports = excluded.transports,
  content_hash = excluded.content_hash, document = excluded.document
"""

_BURY = """
update entry_version set status = 2, status_message = :message, status_changed_at = :now, updated_at = :now,
  content_hash = '' where id = any(cast(:removed as int[]))
"""

# Latest among the versions that are not deleted; if all are, the highest of them, so that
# `latest?include_deleted=true` still answers. Ties keep the earlier one. A version that becomes the latest, or is it no
# more, is served differently from then on, and so counts as updated.
_POINT_TO_LATEST = """
with pointed as (
  select e.id, e.latest_version_id old_id, l.id new_id from touched t join entry e on e.id = t.entry_id
  cross join lateral
    (select v.id from entry_version v where v.entry_id = t.entry_id
     order by v.status = 2, v.version_sort desc, v.published_at, v.id limit 1) l
  where e.latest_version_id is distinct from l.id),
moved as (update entry e set latest_version_id = p.new_id from pointed p where e.id = p.id)
update entry_version v set updated_at = :now
from pointed p cross join lateral (values (p.old_id), (p.new_id)) flipped (id)
where v.id = flipped.id and v.updated_at < :now
"""

_TOUCH_VERSIONS = """
insert into touched (entry_id, kind, name)
select distinct e.id, e.kind, e.name from entry_version v join entry e on e.id = v.entry_id
where v.id = any(cast(:ids as int[]))
"""

_SET_STATUS = """
update entry_version set updated_at = :now, status_message = :message, status = :status,
  status_changed_at = case when status = :status then status_changed_at else :now end
where id = any(cast(:ids as int[]))
"""

_COUNT = """
update source s set
  entry_count = (select count(*) from entry e join entry_version v on v.id = e.latest_version_id
                 where e.source_id = s.id and v.status <> 2),
  version_count = (select count(*) from entry e join entry_version v on v.entry_id = e.id
                   where e.source_id = s.id and v.status <> 2)
where s.id = :source
"""


async def stored_versions(session: AsyncSession, target: Target) -> dict[VersionName, Stored]:
    found = await session.execute(
        text(
            "select e.name, v.version, v.id, v.content_hash, v.status from entry e"
            " join entry_version v on v.entry_id = e.id where e.source_id = :source and e.kind = :kind"
        ),
        {"source": target.source_id, "kind": target.kind},
    )
    return {
        (name, version): Stored(version_id, content_hash, Status(status))
        for name, version, version_id, content_hash, status in found
    }


async def apply_difference(session: AsyncSession, target: Target, difference: Difference, now: datetime) -> Turn:
    """Write exactly `difference`. What changed is stamped with the time of the turn, the rest is left alone."""
    turn = await begin_change(session, now)
    removed = [stored.version_id for _, stored in difference.removed]
    bind = {"source": target.source_id, "kind": target.kind, "claims": target.claim_set_id, "now": turn.at}
    await session.execute(text(f"create temp table incoming ({_INCOMING}) on commit drop"))
    await create_touched(session)
    await copy_rows(session, "incoming", _COLUMNS, _rows(difference, turn.at))
    await session.execute(text("analyze incoming (ordinal, name)"))
    await _execute(session, _UPSERT_ENTRIES, bind)
    await _execute(session, _TOUCH, {**bind, "removed": removed})
    await session.execute(text("analyze touched"))
    await _execute(session, _UPSERT_VERSIONS, bind)
    await _execute(session, _BURY, {**bind, "removed": removed, "message": GONE})
    await _settle(session, target, turn)
    await record_changes(session, turn, _changes(target, difference))
    return turn


async def set_statuses(session: AsyncSession, target: Target, change: StatusChange, now: datetime) -> Turn:
    """Give stored versions another status or message; `status_changed_at` moves only where the status does."""
    turn = await begin_change(session, now)
    bind = {"ids": list(change.version_ids), "status": int(change.status), "message": change.message, "now": turn.at}
    await create_touched(session)
    await session.execute(text(_TOUCH_VERSIONS), {"ids": bind["ids"]})
    await session.execute(text(_SET_STATUS), bind)
    await _settle(session, target, turn)
    changes = (Journaled("STATUS", target.source_id, target.claim_set_id, target.kind, *name) for name in change.names)
    await record_changes(session, turn, changes)
    return turn


async def _settle(session: AsyncSession, target: Target, turn: Turn) -> None:
    """Bring everything that is derived from the `touched` entries up to date."""
    await session.execute(text(_POINT_TO_LATEST), {"now": turn.at})
    await relist_touched(session, turn.at)
    await refresh_search(session, turn.at)
    await session.execute(text(_COUNT), {"source": target.source_id})


async def _execute(session: AsyncSession, statement: str, bind: dict[str, Any]) -> None:
    clause = text(statement)
    await session.execute(clause, {name: bind[name] for name in clause.compile().params})


def _rows(difference: Difference, now: datetime) -> Iterator[Sequence[Any]]:
    documents = (*difference.added, *difference.updated, *difference.restatused)
    for ordinal, document in enumerate(documents):
        published_at = document.published_at or now
        yield (
            ordinal,
            document.name,
            document.version,
            sort_key(document.version, published_at),
            published_at,
            int(document.status),
            document.status_message,
            document.status_changed_at,
            document.title,
            document.description,
            document.tier,
            list(document.tags),
            list(document.tools),
            list(document.registry_types),
            list(document.transports),
            document.content_hash,
            document.text,
        )


def _changes(target: Target, difference: Difference) -> Iterator[Journaled]:
    for action, documents in (
        ("ADDED", difference.added),
        ("UPDATED", difference.updated),
        ("STATUS", difference.restatused),
    ):
        for d in documents:
            yield Journaled(action, target.source_id, target.claim_set_id, target.kind, d.name, d.version)
    for (name, version), _ in difference.removed:
        yield Journaled("REMOVED", target.source_id, target.claim_set_id, target.kind, name, version)
