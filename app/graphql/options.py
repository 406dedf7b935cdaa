"""What of the GraphQL API an operator chooses. Whoever makes the application hands it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.core.settings import GraphQLSettings
from app.graphql.limits.amounts import Limits
from app.graphql.limits.streams import StreamLimits
from app.graphql.trusted import TrustedDocuments, load_trusted


@dataclass(frozen=True, slots=True)
class Options:
    limits: Limits = field(default_factory=Limits)
    max_batched: int = 1
    """Operations of a request that is a list of them; 1: no lists."""

    streams: StreamLimits = field(default_factory=StreamLimits)
    trusted: TrustedDocuments = field(default_factory=load_trusted)
    trusted_only: bool = False
    explorer: bool = True
    """Whether a browser that comes without an operation gets a page to write one on."""

    @classmethod
    def of(cls, settings: GraphQLSettings) -> Options:
        """Raises ConfigError for a manifest of trusted documents that cannot be used."""
        return cls(
            limits=Limits(
                max_depth=settings.max_depth,
                max_aliases=settings.max_aliases,
                max_tokens=settings.max_tokens,
                max_cost=settings.max_cost,
                introspection=settings.introspection,
            ),
            max_batched=settings.max_batched_operations,
            trusted=load_trusted(Path(settings.trusted_documents) if settings.trusted_documents else None),
            trusted_only=settings.trusted_documents_only,
            explorer=settings.explorer,
        )
