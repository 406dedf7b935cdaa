"""What the sync engine and the adapters say to each other: the request for a fetch, and what it brought."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.models.snapshot import Snapshot
from app.sources.outbound import Outbound


@dataclass(frozen=True, slots=True)
class StagedPage:
    """A page of a fetch under way. `body` is what the adapter needs of it; `cursor` leads to the next page."""

    number: int
    body: bytes
    cursor: str


class Stage(Protocol):
    """Where an adapter keeps pages so that a fetch which broke off can go on. The engine clears it after a success.

    Pages of another `key` are not given back: they belong to a fetch of something else.
    """

    def load(self, key: str) -> AsyncIterator[StagedPage]:
        """The pages kept, in the order of their numbers, from 0 on and without a gap."""
        ...

    async def save(self, key: str, page: StagedPage) -> None:
        """Keep a page; pages of another key are dropped."""
        ...


class NoStage:
    """Keeps nothing: for dry runs, and for adapters that fetch in one piece."""

    async def load(self, key: str) -> AsyncIterator[StagedPage]:
        return
        yield

    async def save(self, key: str, page: StagedPage) -> None:
        pass


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which source to fetch, and what is known of it.

    `config` is the source's stored configuration, such as `{"git": {"repository": …}}`. `trusted` tells that the
    configuration file describes it, not a client of the API. `state` is that of the last fetch that was applied; it is
    empty when everything has to be read anew. `report` is told the number of documents seen so far.
    """

    kind: str
    config: Mapping[str, Any]
    trusted: bool = True
    state: Mapping[str, Any] = field(default_factory=dict)
    outbound: Outbound = field(default_factory=Outbound)
    stage: Stage = field(default_factory=NoStage)
    report: Callable[[int], None] = lambda _: None

    @property
    def own(self) -> Mapping[str, Any]:
        """The block of the source's kind."""
        block: Mapping[str, Any] = self.config[self.kind]
        return block


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought. `snapshot` is None if nothing changed since the fetch that `FetchRequest.state` tells of.

    `revision` names the content for people and the history: a commit, a digest. `state` is JSON that the next fetch is
    given when this one has been applied.
    """

    snapshot: Snapshot | None
    revision: str
    state: Mapping[str, Any]
