"""What a registry says of a name beside its winner: what is shadowed, and what each source has and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.models.snapshot import Rejection
from app.models.views import RegistryView, SourceView, VersionView


class CandidateOutcome(StrEnum):
    """What became of a name in one source of a registry."""

    SERVED = "SERVED"
    SHADOWED = "SHADOWED"
    DELETED = "DELETED"
    HIDDEN = "HIDDEN"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True)
class ShadowView:
    """A server that another one hides. `position` is the place of its source in the registry, from 0."""

    position: int
    latest: VersionView


@dataclass(frozen=True, slots=True)
class CandidateView:
    """What one source of a registry has under a name. `reason` is a sentence; `latest` is None for what is not seen."""

    position: int
    source: SourceView
    outcome: CandidateOutcome
    reason: str
    latest: VersionView | None
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """The candidates stand in the order of the registry's sources."""

    name: str
    registry: RegistryView
    winner: VersionView | None
    candidates: tuple[CandidateView, ...]
