"""The history of sync runs: how each began, went and ended. Each step of one is told to who listens on `CHANNEL`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.models.kinds import SyncOutcome, SyncStage, SyncTrigger
from app.models.queries import Key, Window
from app.models.views import Page, SyncRunView, cut_page

CHANNEL: Final = "sync_run"
"""The NOTIFY channel; the payload is the run's id in decimal."""

_JSON: Final = ("rejections", "held")
_CHOSEN: Final = (
    "(cast(:source as text) is null or source_id = (select id from source where name = :source))"
    " and (cast(:outcome as text) is null or outcome = :outcome)"
)
_RUN: Final = (
    "id, source_id, trigger, outcome, started_at, finished_at, fetched, added, updated, removed, rejected, rejections,"
    " error, upstream_revision, revision, stage, held"
)


def _told(statement: str) -> str:
    """The statement, which returns ids of runs, with those who listen told of each."""
    return f"with told as ({statement}) select id, pg_notify('{CHANNEL}', id::text) from told"


async def end_runs(session: AsyncSession, source_id: int, now: datetime, reason: str) -> None:
    """Close the runs of a source that have not ended, as interrupted."""
    await session.execute(
        text(
            _told(
                "update sync_run set outcome = 'INTERRUPTED', finished_at = :now, error = :reason, stage = null"
                " where source_id = :id and outcome = 'RUNNING' returning id"
            )
        ),
        {"id": source_id, "now": now, "reason": reason},
    )


async def start_run(session: AsyncSession, source_id: int, trigger: SyncTrigger, now: datetime) -> int:
    """Record a new run. Runs of the source that never ended belong to processes that died: they are closed here."""
    await end_runs(session, source_id, now, "the process stopped during the run")
    found = await session.scalar(
        text(
            _told(
                "insert into sync_run (source_id, trigger, outcome, started_at, stage)"
                " values (:id, :trigger, 'RUNNING', :now, 'FETCHING') returning id"
            )
        ),
        {"id": source_id, "trigger": trigger, "now": now},
    )
    return int(found or 0)


async def note_progress(session: AsyncSession, run_id: int, stage: SyncStage, fetched: int) -> None:
    """Show how far a run under way has come."""
    await session.execute(
        text(
            _told(
                "update sync_run set stage = :stage, fetched = :fetched where id = :id and outcome = 'RUNNING'"
                " returning id"
            )
        ),
        {"id": run_id, "stage": stage, "fetched": fetched},
    )


async def finish_run(session: AsyncSession, source_id: int, run_id: int, values: Mapping[str, Any]) -> None:
    """Set the run's outcome, times, counts and reasons, unless it was closed as interrupted.

    A row of runs that changed nothing is kept as its newest one: the history shows changes, not ticks. What was
    rejected is shown until another run tells of rejections.
    """
    given = {
        name: json.dumps(value) if name in _JSON and value is not None else value for name, value in values.items()
    }
    columns = ", ".join(f"{n} = cast(:{n} as jsonb)" if n in _JSON else f"{n} = :{n}" for n in given)
    await session.execute(
        text(_told(f"update sync_run set {columns}, stage = null where id = :id and outcome = 'RUNNING' returning id")),
        {"id": run_id, **given},
    )
    if values["outcome"] == SyncOutcome.UNCHANGED:
        await session.execute(
            text(
                "delete from sync_run where source_id = :source and outcome = 'UNCHANGED' and id < :id and id >"
                " coalesce((select max(id) from sync_run where source_id = :source and outcome <> 'UNCHANGED'), 0)"
                " and (rejected = 0 or :rejected > 0)"
            ),
            {"source": source_id, "id": run_id, "rejected": values.get("rejected", 0)},
        )


async def drop_run(session: AsyncSession, run_id: int) -> None:
    """Forget a run that only repeats an earlier one."""
    await session.execute(text(_told("delete from sync_run where id = :id returning id")), {"id": run_id})


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


async def list_runs(
    session: AsyncSession, source: str | None, outcome: SyncOutcome | None, window: Window
) -> Page[SyncRunView]:
    """A page of the runs of a source, or of all sources, the newest first."""
    found = await session.execute(
        text(
            f"select {_RUN} from sync_run where {_CHOSEN} and id < :after and id > :before"
            f" order by id {'asc' if window.backward else 'desc'} limit :limit"
        ),
        {
            "source": source,
            "outcome": outcome,
            "after": _place(window.after, 2**62),
            "before": _place(window.before, -1),
            "limit": window.limit + 1,
        },
    )
    return cut_page([SyncRunView(**row._mapping) for row in found], window)


async def count_all_runs(session: AsyncSession, source: str | None, outcome: SyncOutcome | None) -> int:
    found = await session.scalar(
        text(f"select count(*) from sync_run where {_CHOSEN}"), {"source": source, "outcome": outcome}
    )
    return int(found or 0)


async def running_runs(session: AsyncSession, source_ids: Sequence[int]) -> dict[int, SyncRunView]:
    """The run under way of each source that has one."""
    found = await session.execute(
        text(f"select {_RUN} from sync_run where source_id = any(cast(:ids as int[])) and outcome = 'RUNNING'"),
        {"ids": list(source_ids)},
    )
    return {row.source_id: SyncRunView(**row._mapping) for row in found}


async def news_of_runs(session: AsyncSession, known: Sequence[int], last: int) -> list[SyncRunView]:
    """The runs under way, those of `known` that are still remembered, and those begun after the run `last`, by id."""
    found = await session.execute(
        text(
            f"select {_RUN} from sync_run where outcome = 'RUNNING' or id > :last"
            " or id = any(cast(:known as bigint[])) order by id"
        ),
        {"known": list(known), "last": last},
    )
    return [SyncRunView(**row._mapping) for row in found]


async def last_run(session: AsyncSession) -> int:
    """The id of the run that was begun last; 0 where there is none."""
    return int(await session.scalar(text("select max(id) from sync_run")) or 0)


async def count_runs(session: AsyncSession, source_ids: Sequence[int]) -> dict[int, int]:
    """For each source the number of its runs."""
    found = await session.execute(
        text(
            "select source_id, count(*) n from sync_run where source_id = any(cast(:ids as int[])) group by source_id"
        ),
        {"ids": list(source_ids)},
    )
    return dict.fromkeys(source_ids, 0) | {row.source_id: row.n for row in found}


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
