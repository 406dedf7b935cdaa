"""Everything that can happen to a catalogue under its readers' eyes: writing by hand, changed files, another
configuration. As hypothesis strategies, and what carries them out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st
from sqlalchemy import text

from app.models.tables import AGGREGATE_ID
from app.resolvers.context import Ctx
from tests.seeding import Catalogue, document, upstream

NAMES = ("COM.example/ant", "com.example/Zebra", "com.example/ant", "com.example/ant-2")
VERSIONS = ("1.0.0", "1.0.0-rc.1", "1.10.0", "1.9.0", "nightly", "2.0.0º")
MANAGED, FILES = "house", ("first", "second", "third")
SOURCES = (MANAGED, *FILES)
HOUSE = f"/registry/{MANAGED}/v0.1"
EXTENSION = "/extension/v0/registries/extra"
LISTS = {"multi": "/registry/multi/v0.1", "other": "/registry/other/v0.1", "aggregate": "/v0.1"}
"""Where what happens can be seen; the managed registry may vanish."""

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Rewrite:
    """A file source gets another content."""

    source: str
    documents: Sequence[Item]


@dataclass(frozen=True)
class Send:
    """A client writes to the managed registry, or makes and deletes one of its own. It may well be refused."""

    method: str
    path: str
    body: Item | None


@dataclass(frozen=True)
class Configure:
    """The server starts again with these registries. A source that none lists leaves, unless spared."""

    registries: Mapping[str, Sequence[str]]
    spared: frozenset[str]


Change = Rewrite | Send | Configure


def _stated(name: str, version: str, title: str, status: str) -> Item:
    return {**document(name, version, title=title), "status": status}


def _publish(name: str, version: str, title: str) -> Send:
    return Send("POST", f"{HOUSE}/publish", document(name, version, title=title))


def _edit(name: str, version: str, title: str) -> Send:
    return Send("PUT", f"{HOUSE}/servers/{name}/versions/{version}", document(name, version, title=title))


def _delete(name: str, version: str) -> Send:
    return Send("DELETE", f"{HOUSE}/servers/{name}/versions/{version}", None)


def _restate(name: str, version: str | None, status: str, message: str | None) -> Send:
    path = f"/servers/{name}/status" if version is None else f"/servers/{name}/versions/{version}/status"
    return Send("PATCH", HOUSE + path, {"status": status, **({"statusMessage": message} if message else {})})


def _register(content: Sequence[Item]) -> Send:
    return Send("PUT", EXTENSION, {"file": {"data": json.dumps(upstream(content))}})


UNREGISTER = Send("DELETE", EXTENSION, None)

names, versions, titles = (st.sampled_from(words) for words in (NAMES, VERSIONS, ("One", "Two")))
held_names, held_versions = st.sampled_from(NAMES[1:3]), st.sampled_from(VERSIONS[:3])  # so that writes meet
statuses = st.sampled_from(("active", "deprecated", "deleted"))
documents = st.lists(
    st.builds(_stated, names, versions, titles, st.just("active") | statuses),
    min_size=1,
    max_size=6,
    unique_by=lambda d: (d["name"], d["version"]),
)
some_sources = st.lists(st.sampled_from(SOURCES), min_size=1, unique=True)
rewrites = st.builds(Rewrite, st.sampled_from(FILES), documents)
sendings = st.one_of(
    st.builds(_publish, held_names, held_versions, titles),
    st.builds(_edit, held_names, held_versions, titles),
    st.builds(_delete, held_names, held_versions),
    st.builds(_restate, held_names, held_versions | st.none(), statuses, st.none()),
    st.builds(_restate, held_names, held_versions, st.sampled_from(("deprecated", "deleted")), st.just("why")),
)
registrations = st.builds(_register, documents) | st.builds(_register, documents) | st.just(UNREGISTER)
configurations = st.builds(
    Configure,
    st.fixed_dictionaries({"multi": some_sources, "other": st.lists(st.sampled_from(SOURCES), min_size=1, max_size=1)}),
    st.frozensets(st.sampled_from(SOURCES)),
)
changes = st.one_of(rewrites, registrations, sendings, sendings, configurations, configurations)


class World:
    """A catalogue that changes. `start` makes it as good as new, in the same database."""

    def __init__(self, ctx: Ctx, client: httpx.AsyncClient, folder: Path) -> None:
        self.ctx = ctx
        self.client = client
        self.catalogue = Catalogue(ctx, folder)

    async def start(self) -> None:
        async with self.ctx.db.write() as tx:
            await tx.session.execute(text("delete from registry_source"))
            await tx.session.execute(text("delete from registry where id <> :id"), {"id": AGGREGATE_ID})
            await tx.session.execute(text("delete from source"))
            await tx.session.execute(text("delete from withdrawal"))
        for number, source in enumerate(FILES):
            own = VERSIONS[number : number + 2]
            self._write(source, [document(n, v, title=source) for n in NAMES[number : number + 3] for v in own])
        await self.perform(Configure({"multi": SOURCES, "other": ["first"]}, frozenset()))
        for name, version in zip(NAMES[1:3], VERSIONS, strict=False):
            await self.perform(_publish(name, version, "One"))

    async def perform(self, change: Change) -> None:
        match change:
            case Rewrite(source, content):
                self._write(source, content)
                await self.catalogue.sync()
            case Send(method, path, body):
                answer = await self.client.request(method, path, json=body)
                assert answer.status_code < 500, answer.text
            case Configure(registries, spared):
                listed = {name for sources in registries.values() for name in sources} | spared
                self.catalogue.sources = {name: self._source(name) for name in SOURCES if name in listed}
                own = {MANAGED: [MANAGED]} if MANAGED in listed else {}
                self.catalogue.registries = {**registries, **own}
                await self.catalogue.sync()

    def _write(self, source: str, content: Sequence[Item]) -> None:
        self.catalogue.file(source).write_text(json.dumps(upstream(content)))

    def _source(self, name: str) -> dict[str, Any]:
        if name == MANAGED:
            return {"managed": {}}
        return {"file": {"path": str(self.catalogue.file(name))}, "syncPolicy": {"interval": "1h"}}
