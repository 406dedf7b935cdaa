"""What reading the catalogue yields: plain, immutable values that transports shape into answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from app.models.kinds import Status, SyncPhase
from app.models.queries import Key, Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a server as a viewer sees it in a registry. `document` is the server.json as JSON text; `score`
    tells how well it fits a ranked search, the greater the better.
    """

    entry_id: int
    version_id: int
    source_id: int
    registry_id: int
    name: str
    version: str
    is_latest: bool
    status: Status
    status_message: str | None
    status_changed_at: datetime
    published_at: datetime
    updated_at: datetime
    title: str | None
    description: str
    tier: str | None
    tags: list[str]
    tools: list[str]
    registry_types: list[str]
    transports: list[str]
    document: str
    key: Key = ()
    score: int | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Consecutive rows of an order, and whether the order goes on before and after them."""

    items: tuple[T, ...]
    has_next: bool
    has_previous: bool


def cut_page(found: Sequence[T], window: Window) -> Page[T]:
    """The page out of the window's rows and, if there is one, the row beyond; `found` runs the window's way."""
    more = len(found) > window.limit
    items = tuple(found[: window.limit])
    if window.backward:
        return Page(items[::-1], has_next=window.before is not None, has_previous=more)
    return Page(items, has_next=more, has_previous=window.after is not None)


@dataclass(frozen=True, slots=True)
class RegistryView:
    id: int
    name: str
    creation_type: str
    claims: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    source_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source with its synchronisation state. `leased` tells that a run is under way, `requested` that somebody asked
    for the next one. `held_run_id` is the run that waits for an operator, `accepted_removal` what he agreed to.
    """

    id: int
    name: str
    kind: str
    creation_type: str
    config: Mapping[str, Any]
    filter: Mapping[str, Any] | None
    interval_seconds: float | None
    claim_set_id: int
    claims: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    next_run_at: datetime | None
    leased: bool
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    consecutive_failures: int
    message: str
    requested: bool
    applied_hash: str | None
    fetch_state: Mapping[str, Any]
    max_removal_percent: int
    held_run_id: int | None
    accepted_removal: str | None
    entry_count: int
    version_count: int
    registry_ids: tuple[int, ...]

    @property
    def phase(self) -> SyncPhase:
        if self.leased:
            return SyncPhase.SYNCING
        if self.consecutive_failures:
            return SyncPhase.FAILED
        if self.held_run_id is not None:
            return SyncPhase.HELD
        if self.last_success_at:
            return SyncPhase.COMPLETE
        return SyncPhase.IDLE if self.next_run_at is None else SyncPhase.PENDING


@dataclass(frozen=True, slots=True)
class SyncRunView:
    """A run. `stage` tells what one under way is doing. `held` is `{"entries", "removed", "names", "digest"}`: how many
    live entries there were, how many of them would have gone, the first of their names, and what identifies them all.
    """

    id: int
    source_id: int
    trigger: str
    outcome: str
    started_at: datetime
    finished_at: datetime | None
    fetched: int
    added: int
    updated: int
    removed: int
    rejected: int
    rejections: list[dict[str, Any]]
    error: str | None
    upstream_revision: str | None
    revision: int | None
    stage: str | None
    held: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A row of the journal. `id` is its place in the feed; `action` is ADDED, UPDATED, STATUS or REMOVED."""

    id: int
    revision: int
    at: datetime
    action: str
    source_id: int
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class DueSource:
    """A source that waits to be run. `key` changes with every lease of it."""

    id: int
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process as it last reported itself."""

    name: str
    seen_at: datetime
    jobs_complete: int
    jobs_failed: int
    jobs_retried: int
    jobs_ongoing: int
