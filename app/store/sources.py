"""Sources: their configuration, their synchronisation state, the lease on it, and the history of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.models.kinds import CreationType, SyncOutcome, SyncTrigger
from app.models.queries import Key, Window
from app.models.views import Page, SourceView, SyncRunView, cut_page

_SELECT = """
select s.id, s.name, s.kind, s.creation_type, s.config, s.filter, s.interval_seconds,
       s.claim_set_id, c.claims, s.created_at, s.updated_at, s.next_run_at,
       coalesce(s.lease_until > now(), false) leased, s.last_attempt_at, s.last_success_at,
       s.consecutive_failures, s.message, s.applied_hash, s.entry_count, s.version_count,
       coalesce((select array_agg(rs.registry_id order by rs.registry_id) from registry_source rs
                 where rs.source_id = s.id and rs.registry_id <> 0), '{}') registry_ids
from source s join claim_set c on c.id = s.claim_set_id where {condition} order by s.name
"""

_RUN = (
    "id, source_id, trigger, outcome, started_at, finished_at, fetched, added, updated, removed, rejected, rejections,"
    " error, upstream_revision, revision"
)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What the configuration says of a source, ready to be stored. `config` holds no secret."""

    name: str
    kind: str
    creation_type: CreationType
    config: Mapping[str, Any]
    filter: Mapping[str, Any] | None
    interval_seconds: float | None
    claim_set_id: int


async def list_sources(session: AsyncSession, names: Sequence[str] | None = None) -> tuple[SourceView, ...]:
    """All sources, or those of the given names, by name."""
    condition = "true" if names is None else "s.name = any(cast(:names as text[]))"
    return await _select(session, condition, {} if names is None else {"names": list(names)})


async def sources_by_id(session: AsyncSession, ids: Sequence[int]) -> dict[int, SourceView]:
    found = await _select(session, "s.id = any(cast(:ids as int[]))", {"ids": list(ids)})
    return {view.id: view for view in found}


class LinkedSource(NamedTuple):
    """A source of a registry, as far as it takes to choose one."""

    id: int
    kind: str
    claim_set_id: int


async def sources_of(session: AsyncSession, registry_id: int) -> list[LinkedSource]:
    """The sources of a registry in their order, without their configuration, which may hold inline data."""
    found = await session.execute(
        text(
            "select s.id, s.kind, s.claim_set_id from registry_source rs join source s on s.id = rs.source_id"
            " where rs.registry_id = :id order by rs.position"
        ),
        {"id": registry_id},
    )
    return [LinkedSource(*row) for row in found]


async def save_source(session: AsyncSession, row: SourceRow) -> int:
    """Insert or update by name; `updated_at` moves only when something differs. Returns the id.

    Not `on conflict do update`: that takes a number of the sequence at every call.
    """
    bind = {
        "name": row.name,
        "kind": row.kind,
        "creation": row.creation_type,
        "config": json.dumps(row.config),
        "filter": None if row.filter is None else json.dumps(row.filter),
        "interval": row.interval_seconds,
        "claims": row.claim_set_id,
    }
    columns = "(kind, creation_type, config, filter, interval_seconds, claim_set_id)"
    values = (
        "(:kind, :creation, cast(:config as jsonb), cast(:filter as jsonb), cast(:interval as float8),"
        " cast(:claims as int))"
    )
    await session.execute(
        text(
            f"update source set {columns} = {values}, updated_at = now()"
            f" where name = :name and {columns} is distinct from {values}"
        ),
        bind,
    )
    await session.execute(
        text(
            f"insert into source (name, {columns[1:]} select :name, v.* from (values {values}) v"
            " where not exists (select 1 from source where name = :name)"
        ),
        bind,
    )
    return int(await session.scalar(text("select id from source where name = :name"), {"name": row.name}) or 0)


async def carry_claims(session: AsyncSession, source_ids: Sequence[int]) -> set[int]:
    """Give the entries of these sources their source's claim set; returns the sources where that changed one.

    For synchronised sources only: entries published by hand carry the claims they were published with.
    """
    found = await session.execute(
        text(
            "update entry e set claim_set_id = s.claim_set_id from source s where s.id = e.source_id"
            " and s.id = any(cast(:ids as int[])) and e.claim_set_id <> s.claim_set_id returning e.source_id"
        ),
        {"ids": list(source_ids)},
    )
    return set(found.scalars())


async def config_sources_beside(session: AsyncSession, names: Sequence[str]) -> dict[int, str]:
    """The sources that came from a configuration file and are none of `names`: id to name."""
    found = await session.execute(
        text("select id, name from source where creation_type = 'CONFIG' and name <> all(cast(:names as text[]))"),
        {"names": list(names)},
    )
    return {row.id: row.name for row in found}


async def unlink_sources(session: AsyncSession, ids: Sequence[int]) -> None:
    """Take sources out of every registry."""
    await session.execute(
        text("delete from registry_source where source_id = any(cast(:ids as int[]))"), {"ids": list(ids)}
    )


async def delete_sources(session: AsyncSession, ids: Sequence[int]) -> None:
    """Delete sources, which no registry lists any more, with everything they served."""
    await session.execute(text("delete from source where id = any(cast(:ids as int[]))"), {"ids": list(ids)})


async def set_message(session: AsyncSession, name: str, message: str) -> None:
    await session.execute(
        text("update source set message = :message where name = :name and message <> :message"),
        {"name": name, "message": message},
    )


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


async def lease_due(session: AsyncSession, owner: str, term: timedelta) -> SourceView | None:
    """Take the source that has been due longest and that nobody holds; None if there is none."""
    found = await session.scalar(
        text(
            "update source set lease_owner = :owner, lease_until = now() + :term, last_attempt_at = now()"
            " where id = (select id from source where next_run_at <= now() and coalesce(lease_until <= now(), true)"
            "   order by next_run_at, name for update skip locked limit 1) returning id"
        ),
        {"owner": owner, "term": term},
    )
    return None if found is None else (await sources_by_id(session, [found]))[found]


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

    Nothing happens if somebody else holds the lease by now. Leases and due times follow the database's clock alone:
    those of several replicas may differ.
    """
    columns = "".join(f", {name} = :{name}" for name in state)
    await session.execute(
        text(
            "update source set lease_owner = null, lease_until = null,"
            f" next_run_at = now() + cast(:delay as interval){columns}"
            " where id = :id and lease_owner = :owner"
        ),
        {"id": source_id, "owner": owner, "delay": delay, **state},
    )


async def release_all(session: AsyncSession) -> None:
    await session.execute(
        text("update source set lease_owner = null, lease_until = null where lease_until is not null")
    )


async def end_runs(session: AsyncSession, source_id: int, now: datetime, reason: str) -> None:
    """Close the runs of a source that have not ended, as interrupted."""
    await session.execute(
        text(
            "update sync_run set outcome = 'INTERRUPTED', finished_at = :now, error = :reason"
            " where source_id = :id and outcome = 'RUNNING'"
        ),
        {"id": source_id, "now": now, "reason": reason},
    )


async def start_run(session: AsyncSession, source_id: int, trigger: SyncTrigger, now: datetime) -> int:
    """Record a new run. Runs of the source that never ended belong to processes that died: they are closed here."""
    await end_runs(session, source_id, now, "the process stopped during the run")
    found = await session.scalar(
        text(
            "insert into sync_run (source_id, trigger, outcome, started_at)"
            " values (:id, :trigger, 'RUNNING', :now) returning id"
        ),
        {"id": source_id, "trigger": trigger, "now": now},
    )
    return int(found or 0)


async def finish_run(session: AsyncSession, source_id: int, run_id: int, values: Mapping[str, Any]) -> None:
    """Set the run's outcome, times, counts and reasons, unless it was closed as interrupted.

    A row of runs that changed nothing is kept as its newest one: the history shows changes, not ticks.
    """
    given = {**values, "rejections": json.dumps(values.get("rejections", []))}
    columns = ", ".join(f"{n} = cast(:{n} as jsonb)" if n == "rejections" else f"{n} = :{n}" for n in given)
    await session.execute(
        text(f"update sync_run set {columns} where id = :id and outcome = 'RUNNING'"), {"id": run_id, **given}
    )
    if values["outcome"] == SyncOutcome.UNCHANGED:
        await session.execute(
            text(
                "delete from sync_run where source_id = :source and outcome = 'UNCHANGED' and id < :id and id >"
                " coalesce((select max(id) from sync_run where source_id = :source and outcome <> 'UNCHANGED'), 0)"
            ),
            {"source": source_id, "id": run_id},
        )


async def page_runs(session: AsyncSession, source_ids: Sequence[int], window: Window) -> dict[int, Page[SyncRunView]]:
    """For each source a page of its runs, the newest first."""
    places = {"after": _place(window.after, 2**62), "before": _place(window.before, -1)}
    found = await session.execute(
        text(
            "select r.* from unnest(cast(:ids as int[])) given (source_id) cross join lateral"
            f" (select {_RUN} from sync_run where sync_run.source_id = given.source_id and id < :after and id > :before"
            f"  order by id {'asc' if window.backward else 'desc'} limit :limit) r"
        ),
        {"ids": list(source_ids), "limit": window.limit + 1, **places},
    )
    runs: dict[int, list[SyncRunView]] = {source_id: [] for source_id in source_ids}
    for row in found:
        runs[row.source_id].append(SyncRunView(**row._mapping))
    return {source_id: cut_page(items, window) for source_id, items in runs.items()}


async def count_runs(session: AsyncSession, source_id: int) -> int:
    return int(
        await session.scalar(text("select count(*) from sync_run where source_id = :id"), {"id": source_id}) or 0
    )


def _place(key: Key | None, otherwise: int) -> int:
    match key:
        case None:
            return otherwise
        case (int(place),):
            return place
    raise Invalid("the cursor belongs to another kind of list")


async def runs_by_id(session: AsyncSession, ids: Sequence[int]) -> dict[int, SyncRunView]:
    found = await session.execute(
        text(f"select {_RUN} from sync_run where id = any(cast(:ids as bigint[]))"), {"ids": list(ids)}
    )
    return {row.id: SyncRunView(**row._mapping) for row in found}


async def _select(session: AsyncSession, condition: str, bind: Mapping[str, Any]) -> tuple[SourceView, ...]:
    found = await session.execute(text(_SELECT.replace("{condition}", condition)), dict(bind))
    return tuple(SourceView(**{**row._mapping, "registry_ids": tuple(row.registry_ids)}) for row in found)
