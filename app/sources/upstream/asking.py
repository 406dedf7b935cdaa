"""Asks an upstream for the pages of its list, one after the other, patiently.

Owns retries and the ends of a pass: what is tried again, how long is waited, and how many pages are too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from app.core.errors import SourceError
from app.sources.http import Answer, HttpFailure, NetworkFailure, get
from app.sources.upstream.endpoints import Endpoint
from app.sources.upstream.pages import Page, Unreadable, read_page

MAX_PAGES: Final = 20_000
MAX_VERSIONS: Final = 1_000_000
MAX_BYTES: Final = 2**30
"""Of all pages of one fetch together, unpacked: what they hold is in memory until it is applied."""

_BAD_PARAMETERS: Final = (400, 422)
_BAD_CURSOR: Final = (400, 404, 410, 422)
_OBEYED: Final = (429, 503)
"""Statuses whose Retry-After is a wish to obey."""


class ParametersRefused(SourceError):
    """The upstream does not take the parameters of the first page."""


class CursorRefused(SourceError):
    """The upstream does not know a cursor, or no longer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on. Delays are in seconds and grow from `first_delay`; an upstream that names one itself gets up
    to `longest_asked`."""

    attempts: int = 5
    first_delay: float = 0.5
    longest_delay: float = 20.0
    longest_asked: float = 60.0
    max_pages: int = MAX_PAGES
    max_versions: int = MAX_VERSIONS
    max_bytes: int = MAX_BYTES

    def choose_delay(self, state: RetryCallState) -> float:
        backoff = wait_exponential_jitter(multiplier=self.first_delay, max=self.longest_delay, jitter=self.first_delay)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, HttpFailure) and error.status in _OBEYED else None
        return max(backoff(state), min(asked or 0.0, self.longest_asked))


@dataclass(frozen=True, slots=True)
class Line:
    """The way to one upstream; `timeout` is for one exchange, in seconds."""

    client: httpx.AsyncClient
    endpoint: Endpoint
    timeout: float
    patience: Patience


@dataclass(slots=True)
class Walk:
    """Which pages to ask for: those that `parameters` select, next number `number` at `cursor`. `conditions` are
    headers of the first one. `visited` are the cursors met before."""

    parameters: Mapping[str, str]
    conditions: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    cursor: str = ""
    visited: set[str] = field(default_factory=set)

    @property
    def finished(self) -> bool:
        return self.number > 0 and not self.cursor

    def move(self, page: Page) -> None:
        """Go on behind `page`. Raises SourceError where that leads back."""
        if page.cursor in self.visited:
            raise SourceError(f"page {page.number + 1} of the list of servers leads back to a page before it")
        if page.cursor:
            self.visited.add(page.cursor)
        self.number, self.cursor = page.number + 1, page.cursor


async def ask_next(line: Line, walk: Walk) -> tuple[Answer, Page]:
    """The next page and the answer it came in; one that did not change (status 304) is empty and the last.

    Raises ParametersRefused, CursorRefused, or SourceError for whatever else ends the walk.
    """
    if walk.number >= line.patience.max_pages:
        raise SourceError(f"the list of servers has more than {line.patience.max_pages} pages; nothing was changed")
    answer, page = await _ask(line, walk)
    walk.move(page)
    return answer, page


async def _ask(line: Line, walk: Walk) -> tuple[Answer, Page]:
    retrying = AsyncRetrying(
        stop=stop_after_attempt(line.patience.attempts),
        wait=line.patience.choose_delay,
        retry=retry_if_exception(_is_passing),
        reraise=True,
    )
    try:
        return await retrying(_exchange, line, walk)
    except HttpFailure as error:
        where = f"page {walk.number + 1} of the list of servers: {error}"
        if walk.number and error.status in _BAD_CURSOR:
            raise CursorRefused(where) from error
        if walk.parameters and not walk.number and error.status in _BAD_PARAMETERS:
            raise ParametersRefused(where) from error
        if error.status == HTTPStatus.NOT_FOUND:
            raise SourceError(f"{where} (api.endpoint must be the base URL of an MCP registry)") from error
        raise SourceError(where) from error
    except NetworkFailure as error:
        raise SourceError(f"page {walk.number + 1} of the list of servers: {error}") from error


async def _exchange(line: Line, walk: Walk) -> tuple[Answer, Page]:
    url = line.endpoint.page(walk.parameters, walk.cursor)
    conditions = {} if walk.number else walk.conditions
    answer = await get(line.client, url, timeout_seconds=line.timeout, headers=conditions)
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return answer, Page(walk.number, [], "")
    return answer, await asyncio.to_thread(read_page, answer.body, walk.number)


def _is_passing(error: BaseException) -> bool:
    if isinstance(error, HttpFailure | NetworkFailure):
        return error.retryable
    return isinstance(error, Unreadable)
