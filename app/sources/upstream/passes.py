"""The two ways to read an upstream: all of it, or what changed since the last time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from app.core.errors import SourceError
from app.sources.fetching import Fetched, FetchRequest
from app.sources.http import Answer, parse_http_date
from app.sources.upstream.asking import CursorRefused, Line, Walk, ask_next
from app.sources.upstream.harvest import Harvest
from app.sources.upstream.items import format_time
from app.sources.upstream.memory import Memory
from app.sources.upstream.pages import Page
from app.sources.upstream.staging import Pass, keep_page, load_pages, name_pass

ALL: Final = {"include_deleted": "true"}

CLOCKS_APART: Final = timedelta(minutes=5)
"""How far an upstream's clock may lag behind ours where it does not tell its time."""


@dataclass(frozen=True, slots=True)
class Job:
    """One fetch under way."""

    request: FetchRequest
    line: Line
    memory: Memory
    clock: Callable[[], datetime]


async def read_all(job: Job, *, plain: bool) -> Fetched:
    """A full pass; `plain` without any parameter that an upstream might not know. Raises SourceError."""
    parameters = {} if plain else ALL
    try:
        found = await _read_pages(job, Walk(parameters), resume=True)
    except CursorRefused:  # as upstreams do that were started anew, or forget cursors with time
        found = None
    # Outside of the handler, where the error no longer holds on to the harvest so far: two would be too large.
    this, harvest = found or await _read_pages(job, Walk(parameters), resume=False)
    newest, digest = harvest.newest(this.upstream_begun), await asyncio.to_thread(harvest.digest)
    memory = job.memory.advance(newest, this.upstream_begun).validate("", {})
    memory = replace(memory, full_at=this.begun, plain_at=memory.plain_at if plain else None, digest=digest)
    state = (replace(memory, since=None, newest_at=None) if plain else memory).dump()
    revision = f"{len(harvest)} versions, {f'newest {format_time(newest)}' if newest else f'digest {digest[:12]}'}"
    same = digest == job.memory.digest
    return Fetched(None if same else harvest.snapshot(partial=False), revision, state)


async def _read_pages(job: Job, walk: Walk, *, resume: bool) -> tuple[Pass, Harvest]:
    harvest, key = Harvest(), name_pass(job.line.endpoint.servers, walk.parameters)
    this = await _resume(job, walk, harvest, key) if resume else None
    begun = job.clock()
    while this is None or not walk.finished:
        answer, page = await ask_next(job.line, walk)
        this = this or Pass(begun, _read_clock(answer, begun))
        await _take(job, harvest, page)  # first: a page that is one too many is not kept
        await keep_page(job.request, key, this, page, answer.body)
    return this, harvest


async def _resume(job: Job, walk: Walk, harvest: Harvest, key: str) -> Pass | None:
    """Go as far as the stage leads; None if nothing of use is kept."""
    this: Pass | None = None
    async for kept, page in load_pages(job.request, key, job.clock()):
        this = kept
        walk.move(page)
        await _take(job, harvest, page)
    return this


async def read_changes(job: Job, since: datetime) -> Fetched:
    """A pass over what changed after `since`. Raises SourceError."""
    parameters = {**ALL, "updated_since": format_time(since)}
    url, begun = job.line.endpoint.page(parameters, ""), job.clock()
    harvest, walk = Harvest(), Walk(parameters, job.memory.conditions(url))
    first, page = await ask_next(job.line, walk)
    if first.status == HTTPStatus.NOT_MODIFIED:
        return Fetched(None, _describe_quiet(job.memory), job.memory.dump())
    await _take(job, harvest, page)
    while not walk.finished:
        _, page = await ask_next(job.line, walk)
        await _take(job, harvest, page)
    memory = _advance(job.memory, harvest, _read_clock(first, begun))
    memory = memory.validate(url, first.headers) if walk.number == 1 else memory.validate("", {})
    if not len(harvest):
        return Fetched(None, _describe_quiet(memory), memory.dump())
    revision = f"{len(harvest)} changed since {format_time(since)}"
    return Fetched(harvest.snapshot(partial=True), revision, replace(memory, digest="").dump())


def _advance(memory: Memory, harvest: Harvest, begun: datetime) -> Memory:
    times = [time for time in (memory.newest, harvest.newest(begun)) if time is not None]
    return memory.advance(max(times, default=None), begun)


def _describe_quiet(memory: Memory) -> str:
    return f"newest {format_time(memory.newest)}" if memory.newest else "nothing new"


async def _take(job: Job, harvest: Harvest, page: Page) -> None:
    most, room = job.line.patience.max_versions, job.line.patience.max_bytes
    if harvest.seen + len(page.items) > most:
        raise SourceError(f"the list of servers has more than {most} versions; nothing was changed")
    if harvest.size + page.size > room:
        raise SourceError(f"the list of servers has more than {room} bytes in all its pages; nothing was changed")
    await asyncio.to_thread(harvest.add, page)
    job.request.report(len(harvest))


def _read_clock(answer: Answer, begun: datetime) -> datetime:
    """The upstream's time when it answered; ours, put back, if it does not tell."""
    return parse_http_date(answer.headers.get("date", "")) or begun - CLOCKS_APART
