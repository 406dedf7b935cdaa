"""A client that follows a registry by `updated_since` ends with what the registry lists, whatever happens to it.

The mirrors know nothing of what happens: they ask for what was updated since the newest time they have seen, and apply
it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.effort import search
from tests.rest.changes import LISTS, SOURCES, Change, Configure, Item, World, changes

OFFICIAL = "io.modelcontextprotocol.registry/official"

Step = tuple[Change, bool]
"""What happens, and whether the lazy mirrors look afterwards."""


@dataclass
class Mirror:
    """What a client knows of one list: every version, or with `latest` one version a name."""

    client: httpx.AsyncClient
    base: str
    latest: bool
    limit: int
    items: dict[tuple[str, ...], Item] = field(default_factory=dict)
    since: str | None = None

    async def refresh(self) -> None:
        filters = "" if self.since is None else f"&updated_since={quote(self.since)}"
        for item in await self.walk(self.limit, filters):
            official = item["_meta"][OFFICIAL]
            if official["status"] == "deleted":
                self.items.pop(self.key(item), None)
            else:
                self.items[self.key(item)] = item
            updated = official["updatedAt"]
            if self.since is None or datetime.fromisoformat(updated) > datetime.fromisoformat(self.since):
                self.since = updated

    async def walk(self, limit: int, filters: str = "") -> list[Item]:
        query = f"limit={limit}{filters}" + ("&version=latest" if self.latest else "")
        found: list[Item] = []
        cursor = ""
        while True:
            answer = await self.client.get(f"{self.base}/servers?{query}{cursor}")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found += body["servers"]
            if "nextCursor" not in body["metadata"]:
                break
            cursor = f"&cursor={body['metadata']['nextCursor']}"
        keys = [self.key(item) for item in found]
        assert keys == sorted(set(keys)), "in order, and nothing twice"
        return found

    def key(self, item: Item) -> tuple[str, ...]:
        server = item["server"]
        return (server["name"],) if self.latest else (server["name"], server["version"])

    async def check(self) -> None:
        await self.refresh()
        assert self.items == {self.key(item): item for item in await self.walk(1000)}, self.base


@pytest.fixture(scope="module")
async def client(shared_ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(shared_ctx) as opened:
        yield opened


def listing(*sources: str) -> Change:
    return Configure({"multi": SOURCES, "other": sources}, frozenset(SOURCES))


@search(15)
@example(plan=[(listing("second"), False), (listing("third"), True)])  # a name is withdrawn twice, by two sources
@example(plan=[(listing("second"), False), (listing("first"), True)])  # what is withdrawn comes back
@given(plan=st.lists(st.tuples(changes, st.sampled_from((False, False, True))), min_size=5, max_size=12))
async def test_mirrors_hold_what_is_listed_after_every_change(
    shared_ctx: Ctx, client: httpx.AsyncClient, tmp_path_factory: pytest.TempPathFactory, plan: list[Step]
) -> None:
    """All that is served of a version is compared, its times included: whatever changes in it must have been told."""
    world = World(shared_ctx, client, tmp_path_factory.mktemp("mirror"))
    await world.start()
    diligent, lazy = (
        [Mirror(client, base, latest, limit) for base in LISTS.values() for latest in (False, True)] for limit in (6, 2)
    )
    for mirror in (*diligent, *lazy):
        await mirror.check()
    for change, catching_up in plan:
        await world.perform(change)
        for mirror in [*diligent, *(lazy if catching_up else ())]:
            await mirror.check()
    for mirror in lazy:
        await mirror.check()
