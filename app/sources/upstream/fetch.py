"""Fetches a source of kind api: its settings, what is remembered, and which way to read the upstream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.errors import SourceError
from app.core.settings import parse_duration
from app.sources.fetching import Fetched, FetchRequest
from app.sources.http import open_client
from app.sources.upstream.access import read_access
from app.sources.upstream.asking import Line, ParametersRefused, Patience
from app.sources.upstream.endpoints import read_endpoint
from app.sources.upstream.memory import is_recent, recall
from app.sources.upstream.passes import Job, read_all, read_changes

DEFAULT_TIMEOUT: Final = "10s"
DEFAULT_FULL_SYNC: Final = "24h"


def _now() -> datetime:
    return datetime.now(UTC)


async def fetch_api(
    request: FetchRequest, patience: Patience | None = None, clock: Callable[[], datetime] = _now
) -> Fetched:
    """What the registry at `api.endpoint` has: all of it, or, as a partial snapshot, what changed since the last time.

    An upstream without servers gives an empty snapshot. Raises SourceError; the pages read until then are staged.
    """
    endpoint = read_endpoint(request.own.get("endpoint"))
    timeout = _read_duration(request, "timeout", DEFAULT_TIMEOUT).total_seconds()
    full_sync = _read_duration(request, "fullSyncInterval", DEFAULT_FULL_SYNC)
    access = await read_access(request, endpoint)
    memory = recall(request.state, endpoint.servers)
    async with open_client(request.outbound, timeout=timeout, ca_file=access.ca_file, headers=access.headers) as client:
        job = Job(request, Line(client, endpoint, timeout, patience or Patience()), memory, clock)
        return await _read(job, full_sync)


async def _read(job: Job, full_sync: timedelta) -> Fetched:
    now = job.clock()
    if is_recent(job.memory.plain_at, now, full_sync):
        return await read_all(job, plain=True)
    try:
        if job.memory.since is not None and is_recent(job.memory.full_at, now, full_sync):
            return await read_changes(job, job.memory.since)
        return await read_all(job, plain=False)
    except ParametersRefused:
        return await read_all(replace(job, memory=replace(job.memory, plain_at=now)), plain=True)


def _read_duration(request: FetchRequest, key: str, default: str) -> timedelta:
    given = request.own.get(key) or default
    try:
        length = parse_duration(given)
    except (ValueError, TypeError) as error:
        raise SourceError(f"api.{key} must be a duration such as {default}") from error
    if length <= timedelta(0):
        raise SourceError(f"api.{key} must be longer than nothing, such as {default}")
    return length
