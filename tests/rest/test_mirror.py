"""A client that follows a registry by `updated_since` ends with what the registry lists, whatever happens to it.

The catalogue is changed in every way there is: by hand, by its files, by its configuration. The mirrors know nothing of
that: they ask for what was updated since the newest time they have seen, and apply it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.effort import search
from tests.seeding import Catalogue, document, upstream

OFFICIAL = "io.modelcontextprotocol.registry/official"
NAMES = ("com.example/Zebra", "com.example/ant", "com.example/bee")
VERSIONS = ("1.0.0", "1.0.0-rc.1", "2.0.0", "nightly")
MANAGED, FILES = "house", ("first", "second", "third")
SOURCES = (MANAGED, *FILES)
FOLLOWED = {"multi": "/registry/multi/v0.1", "other": "/registry/other/v0.1", "aggregate": "/v0.1"}

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Rewrite:
    """A file source gets another content."""

    source: str
    documents: Sequence[Item]


@dataclass(frozen=True)
class Send:
    """A client writes to the managed registry. It may well be refused."""

    method: str
    path: str
    body: Item | None


@dataclass(frozen=True)
class Configure:
    """The server starts again with these registries. A source that none lists leaves, unless spared."""

    registries: Mapping[str, Sequence[str]]
    spared: frozenset[str]


@dataclass(frozen=True)
class Refresh:
    """The mirrors that are refreshed now and then catch up."""


Action = Rewrite | Send | Configure | Refresh

names, versions = st.sampled_from(NAMES), st.sampled_from(VERSIONS)
titles = st.sampled_from(("One", "Two"))
documents = st.lists(
    st.builds(
        lambda name, version, title, status: {**document(name, version, title=title), "status": status},
        names,
        versions,
        titles,
        st.sampled_from(("active", "active", "deprecated", "deleted")),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda d: (d["name"], d["version"]),
)
rewrites = st.builds(Rewrite, st.sampled_from(FILES), documents)
published = st.builds(
    lambda name, version, title: Send("POST", "/publish", document(name, version, title=title)), names, versions, titles
)
edited = st.builds(
    lambda name, version, title: Send(
        "PUT", f"/servers/{name}/versions/{version}", document(name, version, title=title)
    ),
    names,
    versions,
    titles,
)
deleted = st.builds(lambda name, version: Send("DELETE", f"/servers/{name}/versions/{version}", None), names, versions)
statuses = st.sampled_from(
    (
        {"status": "active"},
        {"status": "deleted"},
        {"status": "deleted", "statusMessage": "why"},
        {"status": "deprecated"},
        {"status": "deprecated", "statusMessage": "why"},
    )
)
restatused = st.builds(
    lambda name, version, body: Send("PATCH", f"/servers/{name}{version}/status", body),
    names,
    st.sampled_from(("", *(f"/versions/{version}" for version in VERSIONS))),
    statuses,
)
some_sources = st.lists(st.sampled_from(SOURCES), min_size=1, unique=True)
configured = st.builds(
    Configure,
    st.fixed_dictionaries({"multi": some_sources, "other": some_sources}),
    st.frozensets(st.sampled_from(SOURCES)),
)
actions = st.one_of(rewrites, published, edited, deleted, restatused, configured, st.just(Refresh()))


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
        for item in await self.walk(f"{filters}&limit={self.limit}"):
            official = item["_meta"][OFFICIAL]
            if official["status"] == "deleted":
                self.items.pop(self.key(item), None)
            else:
                self.items[self.key(item)] = item
            updated = official["updatedAt"]
            if self.since is None or datetime.fromisoformat(updated) > datetime.fromisoformat(self.since):
                self.since = updated

    async def walk(self, filters: str) -> list[Item]:
        latest = "version=latest" if self.latest else ""
        found: list[Item] = []
        cursor = ""
        while True:
            answer = await self.client.get(f"{self.base}/servers?{latest}{filters}{cursor}")
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
        listed = await self.walk("&limit=1000")
        assert self.items == {self.key(item): item for item in listed}, self.base


class Stage:
    """A catalogue under change, and mirrors of its lists: diligent ones after every change, lazy ones now and then."""

    def __init__(self, ctx: Ctx, client: httpx.AsyncClient, folder: Path) -> None:
        self.catalogue = Catalogue(ctx, folder)
        self.client = client
        self.diligent = self.mirrors(3)
        self.lazy = self.mirrors(1)

    def mirrors(self, limit: int) -> list[Mirror]:
        return [Mirror(self.client, base, latest, limit) for base in FOLLOWED.values() for latest in (False, True)]

    async def start(self) -> None:
        for source in FILES:
            content = upstream([document(NAMES[0], title=source)])
            self.catalogue.file(source).write_text(json.dumps(content))
        await self.configure(Configure({"multi": SOURCES, "other": ["second", "first"]}, frozenset()))

    async def perform(self, action: Action) -> None:
        match action:
            case Rewrite(source, content):
                self.catalogue.file(source).write_text(json.dumps(upstream(content)))
                await self.catalogue.sync()
            case Send(method, path, body):
                answer = await self.client.request(method, f"/registry/{MANAGED}/v0.1{path}", json=body)
                assert answer.status_code < 500, answer.text
            case Configure():
                await self.configure(action)

    def source(self, name: str) -> dict[str, Any]:
        if name == MANAGED:
            return {"managed": {}}
        return {"file": {"path": str(self.catalogue.file(name))}, "syncPolicy": {"interval": "1h"}}

    async def configure(self, wanted: Configure) -> None:
        listed = {name for sources in wanted.registries.values() for name in sources} | wanted.spared
        self.catalogue.sources = {name: self.source(name) for name in SOURCES if name in listed}
        self.catalogue.registries = dict(wanted.registries)
        if MANAGED in listed:
            self.catalogue.registries[MANAGED] = [MANAGED]
        await self.catalogue.sync()


@pytest.fixture(scope="module")
async def client(shared_ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(shared_ctx) as opened:
        yield opened


async def clear(ctx: Ctx) -> None:
    """As good as a new database for every example, and far cheaper."""
    async with ctx.db.write() as tx:
        await tx.session.execute(text("delete from registry_source"))
        await tx.session.execute(text("delete from registry where id <> :id"), {"id": AGGREGATE_ID})
        for table in ("source", "withdrawal", "change"):
            await tx.session.execute(text(f"delete from {table}"))  # noqa: S608  # the names stand in the line above


@search(20)
@given(plan=st.lists(actions, min_size=5, max_size=12))
async def test_mirrors_hold_what_is_listed_after_every_change(
    shared_ctx: Ctx, client: httpx.AsyncClient, tmp_path_factory: pytest.TempPathFactory, plan: list[Action]
) -> None:
    await clear(shared_ctx)
    stage = Stage(shared_ctx, client, tmp_path_factory.mktemp("mirror"))
    await stage.start()
    for action in plan:
        await stage.perform(action)
        for mirror in stage.diligent:
            await mirror.check()
        if isinstance(action, Refresh):
            for mirror in stage.lazy:
                await mirror.check()
    for mirror in stage.lazy:
        await mirror.check()
