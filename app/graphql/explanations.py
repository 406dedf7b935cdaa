"""Why a registry serves what it serves, as GraphQL types."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.graphql.registries import Registry
from app.graphql.runs import Rejection
from app.graphql.servers import ServerVersion
from app.graphql.sources import Source
from app.models.explanations import CandidateOutcome as Outcome
from app.models.explanations import CandidateView, ExplanationView


@strawberry.enum(description="What became of a name in one source of a registry.")
class CandidateOutcome(Enum):
    SERVED = strawberry.enum_value("SERVED", description="It is what the registry serves.")
    SHADOWED = strawberry.enum_value("SHADOWED", description="Another source has the name and goes before it.")
    DELETED = strawberry.enum_value("DELETED", description="It has only deleted versions, which are not served.")
    HIDDEN = strawberry.enum_value("HIDDEN", description="Its claims hide it from whoever asks.")
    ABSENT = strawberry.enum_value("ABSENT", description="The source has no server of that name.")


@strawberry.type(description="What one source of a registry has under a name.")
class ServerCandidate:
    position: int = strawberry.field(description="The place of the source in the registry, from 0.")
    source: Source = strawberry.field(description="The source.")
    outcome: CandidateOutcome = strawberry.field(description="What became of it.")
    reason: str = strawberry.field(description="Why, in a sentence.")
    latest: ServerVersion | None = strawberry.field(
        description="The newest version that it has there; null if it has none that may be seen."
    )
    rejections: list[Rejection] = strawberry.field(
        description="What the last run that read the source could not use of this name."
    )

    @classmethod
    def of(cls, registry: str, view: CandidateView) -> ServerCandidate:
        served = view.outcome is Outcome.SERVED
        make = ServerVersion.of if served else ServerVersion.of_source
        return cls(
            position=view.position,
            source=Source.of(view.source),
            outcome=CandidateOutcome[view.outcome],
            reason=view.reason,
            latest=None if view.latest is None else make(registry, view.latest),
            rejections=[Rejection.of(rejection) for rejection in view.rejections],
        )


@strawberry.type(description="Why a registry serves what it serves under a name.")
class ServerExplanation:
    name: str = strawberry.field(description="The name that was asked for.")
    registry: Registry = strawberry.field(description="The registry.")
    winner: ServerVersion | None = strawberry.field(
        description="The latest version that the registry serves; null if it serves none."
    )
    candidates: list[ServerCandidate] = strawberry.field(description="What each source of the registry has, in order.")

    @classmethod
    def of(cls, view: ExplanationView) -> ServerExplanation:
        name = view.registry.name
        return cls(
            name=view.name,
            registry=Registry.of(view.registry),
            winner=None if view.winner is None else ServerVersion.of(name, view.winner),
            candidates=[ServerCandidate.of(name, candidate) for candidate in view.candidates],
        )
