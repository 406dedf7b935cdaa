"""The catalogue's revision and its journal of changes: raising the one, writing the other. Reading it is
`app.store.changes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.tables import Catalog, table_of
from app.store.bulk import copy_rows

CHANNEL = "catalog"
"""The NOTIFY channel; the payload is the new revision in decimal."""

_COLUMNS = ("revision", "at", "action", "source_id", "claim_set_id", "kind", "name", "version", "registry_ids")


class Turn(NamedTuple):
    """A change under way: its revision, and the time that everything it touches is stamped with."""

    revision: int
    at: datetime


class Journaled(NamedTuple):
    """A change of one version. `action` is ADDED, UPDATED, STATUS or REMOVED."""

    action: str
    source_id: int
    claim_set_id: int
    kind: int
    name: str
    version: str


_STARTS = 0x7468_7672  # the advisory lock under which starting processes apply their configuration


async def take_start(session: AsyncSession) -> None:
    """Wait until no other process applies its configuration. Readers and writers are not held up."""
    await session.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _STARTS})


async def is_applied(session: AsyncSession, digest: str, age: float) -> bool:
    """Whether the configuration of that digest was applied within the last `age` seconds, and none after it."""
    found = await session.scalar(
        text(
            "select config_digest = :digest and config_applied_at > clock_timestamp() - make_interval(secs => :age)"
            " from catalog where id = 1"
        ),
        {"digest": digest, "age": age},
    )
    return bool(found)


async def note_applied(session: AsyncSession, digest: str) -> None:
    await session.execute(
        text("update catalog set config_digest = :digest, config_applied_at = clock_timestamp() where id = 1"),
        {"digest": digest},
    )


async def take_turn(session: AsyncSession) -> None:
    """Wait until no other transaction changes the catalogue, and keep others waiting until this one ends."""
    await session.execute(text("select revision from catalog where id = 1 for update"))


async def begin_change(session: AsyncSession, now: datetime) -> Turn:
    """Raise the revision.

    Called first in every transaction that changes the catalogue: the row lock makes writers take turns, which the
    derived tables need (two writers that do not see each other's entries could not tell who shadows whom). Each turn's
    time is later than that of every turn before, whatever the replicas' clocks say: who asks for everything after the
    newest time seen so far misses nothing. Listeners hear of the revision when, and only when, the transaction commits.
    """
    found = await session.execute(
        text(
            "update catalog set revision = revision + 1,"
            " changed_at = greatest(:now, changed_at + interval '1 microsecond') where id = 1"
            " returning revision, changed_at"
        ),
        {"now": now},
    )
    turn = Turn(*found.one())
    await session.execute(
        text("select pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": str(turn.revision)}
    )
    return turn


async def current_revision(session: AsyncSession) -> int:
    return int(await session.scalar(select(table_of(Catalog).c.revision)) or 0)


async def record_changes(session: AsyncSession, turn: Turn, changes: Iterable[Journaled]) -> None:
    """Journal these changes, with the registries that list their sources now.

    The numbers of the rows are drawn within the turn, so that their order is the order of commits: who has seen a row
    has missed none of a lower number.
    """
    changes = list(changes)
    found = await session.execute(
        text(
            "select source_id, array_agg(registry_id order by registry_id) registry_ids from registry_source"
            " where source_id = any(cast(:ids as int[])) group by source_id"
        ),
        {"ids": sorted({change.source_id for change in changes})},
    )
    listed: dict[int, list[int]] = {row.source_id: row.registry_ids for row in found}
    rows = ((*turn, *change, listed.get(change.source_id, [])) for change in changes)
    await copy_rows(session, "change", _COLUMNS, rows)


async def record_removal(session: AsyncSession, source_ids: Sequence[int], turn: Turn) -> None:
    """Record every live version of these sources as removed, before the sources are deleted.

    The registries are those in which their entries stand, so this comes before the listing is brought up to date; the
    sources may have been unlinked already.
    """
    await session.execute(
        text(
            "insert into change (revision, at, action, source_id, claim_set_id, kind, name, version, registry_ids)"
            " select :revision, :at, 'REMOVED', e.source_id, e.claim_set_id, e.kind, e.name, v.version,"
            "  array(select l.registry_id from listing l where l.entry_id = e.id order by l.registry_id)"
            " from entry e join entry_version v on v.entry_id = e.id"
            " where e.source_id = any(cast(:ids as int[])) and v.status <> 2 order by e.name, v.version"
        ),
        {"revision": turn.revision, "at": turn.at, "ids": list(source_ids)},
    )
