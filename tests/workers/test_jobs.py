"""What a worker runs by the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import Unavailable
from app.core.settings import RedisSettings
from app.resolvers.context import Ctx
from workers import jobs
from workers.queue import RedisQueue


def test_starts_missed_are_not_made_up_for() -> None:
    now = datetime.now(UTC)
    for job in jobs.schedule("q"):
        job.calculate_next(now - timedelta(hours=5))
        assert job.next_run is not None
        assert job.next_run > now
        following = job.next_run
        job.calculate_next(following)
        assert job.next_run > following


def test_jobs_of_two_queues_have_names_of_their_own() -> None:
    one, other = ({job.name for job in jobs.schedule(queue)} for queue in ("one", "other"))
    assert len(one) == 2
    assert one.isdisjoint(other)


@pytest.mark.parametrize("job", ["tick", "keep_house"])
async def test_absent_database_fails_no_job_of_the_clock(ctx: Ctx, monkeypatch: pytest.MonkeyPatch, job: str) -> None:
    asked = []

    async def refuse(_: Ctx) -> None:
        asked.append(job)
        raise Unavailable("away", reason="x")

    monkeypatch.setattr(jobs, "due_sources", refuse)
    monkeypatch.setattr(jobs, "keep_registry", refuse)
    queue = RedisQueue(RedisSettings(url="redis://127.0.0.1:1/0"))
    await getattr(jobs, job)({"registry": replace(ctx, queue=queue)})
    await queue.close()
    assert asked == [job]
