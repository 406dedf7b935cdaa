"""A registry as the extension API shows it: the v0.4.9 model, in which a registry is one source under one name.

Registries of several sources are shown as one, too: by the rules below. Owns no wire format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.core.settings import FETCHED_KINDS
from app.models.kinds import RegistryType, SyncPhase, registry_type
from app.models.views import RegistryView, SourceView, SyncRunView


class RegistrationPhase(StrEnum):
    """Where the synchronisation stands, in the words of v0.4.9."""

    SYNCING = "syncing"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """`next_run_at` is None where nothing is ever fetched, and while a run is under way."""

    phase: RegistrationPhase
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    next_run_at: datetime | None
    failures: int
    message: str


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registry with its sources, in their order, and the number of servers the viewer sees in it. `running` holds the
    runs under way, by the id of their source.
    """

    registry: RegistryView
    sources: tuple[SourceView, ...]
    server_count: int
    running: Mapping[int, SyncRunView] = field(default_factory=dict)

    @property
    def type(self) -> RegistryType:
        return registry_type(source.kind for source in self.sources)

    @property
    def source(self) -> SourceView | None:
        """The only source; None where there is none or a choice."""
        return self.sources[0] if len(self.sources) == 1 else None

    @property
    def updated_at(self) -> datetime:
        """When the registry or the settings of its only source last changed."""
        times = (self.registry.updated_at, *([self.source.updated_at] if self.source else []))
        return max(times)

    @property
    def status(self) -> RegistrationStatus:
        """That of the only source; of several, the phase that needs attention most and the oldest success."""
        return RegistrationStatus(
            phase=_worst(_phase(source) for source in self.sources),
            last_success_at=min((s.last_success_at for s in self.sources if s.last_success_at), default=None),
            last_attempt_at=max((s.last_attempt_at for s in self.sources if s.last_attempt_at), default=None),
            next_run_at=min((s.next_run_at for s in self.sources if s.next_run_at and not s.leased), default=None),
            failures=max((source.consecutive_failures for source in self.sources), default=0),
            message=self._message,
        )

    @property
    def _message(self) -> str:
        """That of the only source; of several, the first that failed, else the first that is being fetched."""
        told = ((source, _message(source, self.running.get(source.id))) for source in self.sources)
        if self.source:
            return next(message for _, message in told)
        by_phase = {_phase(source): f"{source.name}: {message}" for source, message in reversed(list(told)) if message}
        return by_phase.get(RegistrationPhase.FAILED) or by_phase.get(RegistrationPhase.SYNCING, "")


def _phase(source: SourceView) -> RegistrationPhase:
    if source.kind not in FETCHED_KINDS:
        return RegistrationPhase.COMPLETE
    match source.phase:
        case SyncPhase.SYNCING | SyncPhase.PENDING:
            return RegistrationPhase.SYNCING
        case SyncPhase.COMPLETE:
            return RegistrationPhase.COMPLETE
        case SyncPhase.FAILED | SyncPhase.HELD | SyncPhase.IDLE:  # idle: this release cannot fetch it
            return RegistrationPhase.FAILED


def _worst(phases: Iterable[RegistrationPhase]) -> RegistrationPhase:
    found = set(phases)
    by_weight = (RegistrationPhase.FAILED, RegistrationPhase.SYNCING)
    return next((phase for phase in by_weight if phase in found), RegistrationPhase.COMPLETE)


def _message(source: SourceView, running: SyncRunView | None) -> str:
    """How far the run under way has come, with what went wrong before it; otherwise what happened last."""
    if source.kind not in FETCHED_KINDS:
        return f"Non-synced registry (type: {source.kind})"
    if not source.leased or running is None:
        return source.message
    stage = (running.stage or "started").lower()
    progress = f"{stage}: {running.fetched:,} documents so far" if running.fetched else stage
    if source.consecutive_failures and source.message:
        return f"{progress}; the run before failed: {source.message}"
    return progress
