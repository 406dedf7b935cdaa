"""A registry as the extension API shows it: the v0.4.9 model, in which a registry is one source under one name.

Registries of several sources are shown as one, too: by the rules below. Owns no wire format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.settings import FETCHED_KINDS
from app.models.kinds import RegistryType, SyncPhase, registry_type
from app.models.views import RegistryView, SourceView


class RegistrationPhase(StrEnum):
    """Where the synchronisation stands, in the words of v0.4.9."""

    SYNCING = "syncing"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    phase: RegistrationPhase
    last_success_at: datetime | None
    last_attempt_at: datetime | None
    failures: int
    message: str


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """A registry with its sources, in their order, and the number of servers the viewer sees in it."""

    registry: RegistryView
    sources: tuple[SourceView, ...]
    server_count: int

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
            failures=max((source.consecutive_failures for source in self.sources), default=0),
            message=_message(self.source) if self.source else _first_failure(self.sources),
        )


def _phase(source: SourceView) -> RegistrationPhase:
    if source.kind not in FETCHED_KINDS:
        return RegistrationPhase.COMPLETE
    match source.phase:
        case SyncPhase.SYNCING | SyncPhase.PENDING:
            return RegistrationPhase.SYNCING
        case SyncPhase.COMPLETE:
            return RegistrationPhase.COMPLETE
        case SyncPhase.FAILED | SyncPhase.IDLE:  # idle: this release cannot fetch it
            return RegistrationPhase.FAILED


def _worst(phases: Iterable[RegistrationPhase]) -> RegistrationPhase:
    found = set(phases)
    by_weight = (RegistrationPhase.FAILED, RegistrationPhase.SYNCING)
    return next((phase for phase in by_weight if phase in found), RegistrationPhase.COMPLETE)


def _message(source: SourceView) -> str:
    return source.message if source.kind in FETCHED_KINDS else f"Non-synced registry (type: {source.kind})"


def _first_failure(sources: Iterable[SourceView]) -> str:
    failed = (source for source in sources if _phase(source) is RegistrationPhase.FAILED)
    return next((f"{source.name}: {source.message}" for source in failed), "")
