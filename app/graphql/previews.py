"""A dry run of a source as GraphQL types: what a run would change, told in numbers and in names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

import strawberry

from app.core.errors import Invalid
from app.graphql.runs import HeldRemoval, Rejection
from app.resolvers.sync_requests import SyncPreview as PreviewView

T = TypeVar("T")

MAX_NAMED = 200

Named = Annotated[int, strawberry.argument(description="How many to name, 1 to 200.")]


@strawberry.type(description="A version of a server, by name.")
class ChangedVersion:
    name: str = strawberry.field(description="The server's full name, e.g. `io.github.acme/db`.")
    version: str = strawberry.field(description="The version string.")


@strawberry.type(description="What a run of a source would do if it ran now. Nothing was changed.")
class SyncPreview:
    """Fields that may refuse their argument are coroutines: one that raises at once would leave siblings unawaited."""

    view: strawberry.Private[PreviewView]
    fetched: int = strawberry.field(description="How many documents the source holds.")
    added: int = strawberry.field(description="How many versions would be added.")
    updated: int = strawberry.field(description="How many versions would be changed.")
    removed: int = strawberry.field(description="How many versions would become deleted.")
    rejected: int = strawberry.field(description="How many documents could not be used.")
    held: HeldRemoval | None = strawberry.field(description="What would be removed, if the run would be held for that.")

    @classmethod
    def of(cls, view: PreviewView) -> SyncPreview:
        return cls(
            view=view,
            fetched=view.fetched,
            added=len(view.added),
            updated=len(view.updated),
            removed=len(view.removed),
            rejected=len(view.rejections),
            held=None if view.held is None else HeldRemoval.of(view.held.to_json()),
        )

    @strawberry.field(description="The versions that would be added; the first of them.")
    async def added_versions(self, first: Named = MAX_NAMED) -> list[ChangedVersion]:
        return _name(self.view.added, first)

    @strawberry.field(description="The versions that would be changed; the first of them.")
    async def updated_versions(self, first: Named = MAX_NAMED) -> list[ChangedVersion]:
        return _name(self.view.updated, first)

    @strawberry.field(description="The versions that would become deleted; the first of them.")
    async def removed_versions(self, first: Named = MAX_NAMED) -> list[ChangedVersion]:
        return _name(self.view.removed, first)

    @strawberry.field(description="The documents that could not be used; the first of them.")
    async def rejections(self, first: Named = MAX_NAMED) -> list[Rejection]:
        return [Rejection.of(rejection) for rejection in _cut(self.view.rejections, first)]


def _name(versions: Sequence[tuple[str, str]], first: int) -> list[ChangedVersion]:
    return [ChangedVersion(name=name, version=version) for name, version in _cut(versions, first)]


def _cut(items: Sequence[T], first: int) -> Sequence[T]:
    if not 1 <= first <= MAX_NAMED:
        raise Invalid(f"first must be from 1 to {MAX_NAMED}, not {first}")
    return items[:first]
