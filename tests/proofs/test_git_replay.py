"""A git repository with a long history, replayed through the real sync: after each revision exactly that is served.

What is to be expected is kept by a model that knows nothing of the product but the rules: a file replaces what was
served, what is gone is deleted and keeps its document, a run that fails or is held changes nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import text

from app.core.settings import load_settings
from app.models.kinds import SyncOutcome, SyncTrigger
from app.models.queries import Window
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sources import list_runs, list_sources
from app.resolvers.sync import run_next_due
from app.resolvers.sync_requests import accept_held, request_sync
from app.sources.outbound import Outbound
from tests.gitserver import Repository
from tests.rest.changes import Item
from tests.rest.test_mirror import Mirror
from tests.seeding import document, upstream

OFFICIAL = "io.modelcontextprotocol.registry/official"
BASE = "/registry/default/v0.1"
FILE = "registries/all.json"
SEED = 20260504
ROUNDS = 3
OUTCOMES = {True: SyncOutcome.APPLIED, False: SyncOutcome.UNCHANGED}
"""Of a run by whether it has something to change."""

Key = tuple[str, str]
Json = dict[str, Any]
Files = dict[str, str]


@dataclass(frozen=True)
class Standing:
    document: Json
    status: str
    latest: bool = False


@dataclass(frozen=True)
class Revision:
    """A commit, and how its run has to end; None: as the model says. `documents` are the good ones of the file."""

    title: str
    files: Files
    outcome: SyncOutcome | None
    documents: tuple[Json, ...] = ()
    rejected: int = 0
    accepted: bool = False
    """Whether the run that is held has to be accepted."""


def key_of(item: Json) -> Key:
    return item["name"], item["version"]


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@dataclass
class Model:
    """What has to be served, deleted versions included."""

    served: dict[Key, Standing] = field(default_factory=dict)

    def live(self) -> set[Key]:
        return {key for key, standing in self.served.items() if standing.status != "deleted"}

    def after(self, documents: tuple[Json, ...]) -> Model:
        given = {key_of(one): {k: v for k, v in one.items() if k != "status"} for one in documents}
        statuses = {key_of(one): one.get("status", "active") for one in documents}
        gone = {key: replace(kept, status="deleted") for key, kept in self.served.items() if key not in given}
        there = {key: Standing(whole, statuses[key]) for key, whole in given.items()}
        return Model(_point({**gone, **there}))

    def guards(self, later: Model) -> bool:
        """Whether going to `later` would remove too much."""
        before, lost = self._names(), self._names() - later._names()
        share = len(before) >= 10 and len(lost) * 100 > len(before) * 50
        return bool(lost) and (lost == before or share)

    def _names(self) -> set[str]:
        return {name for name, _ in self.live()}


def _point(served: dict[Key, Standing]) -> dict[Key, Standing]:
    """Mark the latest version of each name."""
    best: dict[str, Key] = {}
    for key, standing in served.items():
        known = best.get(key[0])
        rank = (standing.status != "deleted", number(key[1]))
        if known is None or rank > (served[known].status != "deleted", number(known[1])):
            best[key[0]] = key
    return {key: replace(standing, latest=best[key[0]] == key) for key, standing in served.items()}


class History:
    """Makes up revisions, each from the one before."""

    def __init__(self) -> None:
        self.random = random.Random(SEED)  # noqa: S311 - the same history each time
        self.documents: list[Json] = [self._new(number) for number in range(14)]
        self.made = 14

    def _new(self, number: int) -> Json:
        return document(f"io.github.org{number % 3}/server-{number}", f"1.{number % 4}.0", title=f"Server {number}")

    def render(self, more: tuple[Json, ...] = ()) -> Files:
        return {FILE: json.dumps(upstream([*self.documents, *more]), indent=self.random.choice((None, 1, 2)))}

    def _changed(self, title: str) -> Revision:
        return Revision(title, self.render(), None, tuple(self.documents))

    def first(self) -> Revision:
        return self._changed("first")

    def add(self) -> Revision:
        for _ in range(self.random.randint(1, 3)):
            self.documents.insert(self.random.randrange(len(self.documents)), self._new(self.made))
            self.made += 1
        return self._changed("add")

    def edit(self) -> Revision:
        for index in self.random.sample(range(len(self.documents)), 3):
            self.documents[index] = {**self.documents[index], "title": f"Edited {self.random.random()}"}
        return self._changed("edit")

    def remove(self) -> Revision:
        for _ in range(self.random.randint(1, 2)):
            self.documents.pop(self.random.randrange(len(self.documents)))
        return self._changed("remove")

    def rename(self) -> Revision:
        index = self.random.randrange(len(self.documents))
        self.made += 1
        self.documents[index] = {**self.documents[index], "name": f"io.github.renamed/server-{self.made}"}
        return self._changed("rename")

    def bump(self) -> Revision:
        """One version takes the place of its predecessor, one comes beside it, and one comes that is older."""
        chosen = self.random.sample(range(len(self.documents)), 3)
        self.made += 1
        for place, version in zip(chosen, (f"2.{self.made}.0", f"10.{self.made}.0", f"0.{self.made}.1"), strict=True):
            newer = {**self.documents[place], "version": version}
            if place == chosen[0]:
                self.documents[place] = newer
            else:
                self.documents.append(newer)
        return self._changed("bump")

    def restate(self) -> Revision:
        for index in self.random.sample(range(len(self.documents)), 4):
            before = self.documents[index].get("status", "active")
            others = [status for status in ("active", "deprecated", "deleted") if status != before]
            self.documents[index] = {**self.documents[index], "status": self.random.choice(others)}
        return self._changed("restate")

    def shuffle(self) -> Revision:
        self.random.shuffle(self.documents)
        return Revision("shuffle", self.render(), SyncOutcome.UNCHANGED, tuple(self.documents))

    def touch_another_file(self) -> Revision:
        return Revision("another file", {"README.md": f"{self.random.random()}"}, SyncOutcome.UNCHANGED)

    def spoil(self) -> Revision:
        return Revision("broken", {FILE: self.render()[FILE][:-40]}, SyncOutcome.FAILED)

    def spoil_single(self) -> Revision:
        self.documents.append(self._new(self.made))
        self.made += 1
        bad = (document("no namespace"), {"name": "io.github.org0/no-description", "version": "1.0.0"})
        return Revision("bad documents", self.render(bad), SyncOutcome.APPLIED, tuple(self.documents), rejected=2)

    def empty(self) -> Revision:
        return Revision("emptied", {FILE: json.dumps(upstream([]))}, SyncOutcome.HELD)

    def recover(self) -> Revision:
        """What came before a broken or held revision comes back."""
        return Revision("recover", self.render(), SyncOutcome.UNCHANGED, tuple(self.documents))

    def remove_most(self) -> Revision:
        self.documents = self.documents[: len(self.documents) // 4]
        return Revision("remove most", self.render(), SyncOutcome.HELD, tuple(self.documents), accepted=True)

    def refill(self) -> Revision:
        self.documents += [self._new(number) for number in range(self.made, self.made + 12)]
        self.made += 12
        return self._changed("refill")

    def revisions(self) -> Iterator[Revision]:
        usual = [self.add, self.edit, self.remove, self.rename, self.bump, self.restate]
        yield self.first()
        for _ in range(ROUNDS):
            for step in self.random.sample(usual, len(usual)):
                yield step()
            for step in (self.shuffle, self.touch_another_file, self.spoil, self.recover, self.spoil_single):
                yield step()
        for step in (self.empty, self.recover, self.remove_most, self.refill, *usual):
            yield step()


class Replay:
    """The repository, the source that follows it, the model, and clients that follow what is served."""

    def __init__(self, ctx: Ctx, client: httpx.AsyncClient, folder: Path) -> None:
        self.ctx = replace(ctx, outbound=Outbound(allow_file_repositories=True))
        self.client = client
        self.folder = folder
        self.repository = Repository.make(folder / "repository")
        self.model = Model()
        self.states: dict[str, tuple[Json, ...]] = {}
        """The documents of each commit that could be applied."""
        self.mirrors = [Mirror(client, BASE, latest=False, limit=100), Mirror(client, BASE, latest=True, limit=7)]

    async def configure(self) -> None:
        config = {
            "sources": [
                {
                    "name": "git",
                    "git": {"repository": self.repository.url, "branch": "main", "path": FILE},
                    "syncPolicy": {"interval": "1h"},
                }
            ],
            "registries": [{"name": "default", "sources": ["git"]}],
            "outbound": {"allowFileRepositories": True},
            "auth": {"mode": "anonymous"},
        }
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        await reconcile(self.ctx, load_settings(path, {}))

    async def follow(self, revision: Revision) -> None:
        """Commit, run, and compare."""
        commit = self.repository.commit(revision.files, revision.title)
        later = self.model.after(revision.documents) if revision.documents or revision.title == "emptied" else None
        if later is not None:
            assert self.model.guards(later) == (revision.outcome is SyncOutcome.HELD), "the model's own plausibility"
        changes = later is not None and later.served != self.model.served
        await self.run(revision.outcome or OUTCOMES[changes], revision.rejected)
        if revision.outcome is SyncOutcome.HELD:
            await self.check(revision.title)
        if revision.accepted:
            await accept_held(self.ctx, "git")
            await self.run(SyncOutcome.APPLIED, requested=False)
        if later is not None and (revision.outcome is not SyncOutcome.HELD or revision.accepted):
            self.model = later
            self.states[commit] = revision.documents
        await self.check(revision.title)

    async def go_back(self, commit: str) -> None:
        """Force the branch to where it was."""
        self.repository.run("reset", "-q", "--hard", commit)
        self.model = self.model.after(self.states[commit])
        await self.run(SyncOutcome.APPLIED)
        await self.check("go back")

    async def run(self, outcome: SyncOutcome, rejected: int = 0, *, requested: bool = True) -> None:
        if requested and self.states:
            await request_sync(self.ctx, "git")
        assert await run_next_due(self.ctx, "test", SyncTrigger.SCHEDULE)
        [source] = await list_sources(self.ctx)
        last = (await list_runs(self.ctx, "git", None, Window(limit=1))).items[0]
        assert (last.outcome, last.rejected) == (outcome, rejected), source.message
        good = outcome in (SyncOutcome.APPLIED, SyncOutcome.UNCHANGED)
        assert source.phase == ("COMPLETE" if good else outcome), source.message
        assert (source.held_run_id is not None) == (outcome is SyncOutcome.HELD)

    async def check(self, title: str) -> None:
        items = await Mirror(self.client, BASE, False, 100).walk(100, "&include_deleted=true")
        assert {key_of(item["server"]): self.read(item) for item in items} == self.model.served, title
        visible = await Mirror(self.client, BASE, False, 100).walk(13)
        assert {key_of(item["server"]) for item in visible} == self.model.live(), title
        for mirror in self.mirrors:
            await mirror.check()
        assert await self.replay_journal() == self.model.live(), title

    def read(self, item: Item) -> Standing:
        official = item["_meta"][OFFICIAL]
        server = {key: value for key, value in item["server"].items() if key != "$schema"}
        return Standing(server, official["status"], official["isLatest"])

    async def replay_journal(self) -> set[Key]:
        """The versions that are there when every change is carried out in its order; what became of their status is
        asked for, as a follower has to."""
        there: set[Key] = set()
        async with self.ctx.db.read() as session:
            rows = await session.execute(text("select action, name, version from change order by revision, id"))
            for action, name, version in rows:
                key = (name, version)
                assert (key in there) == (action in ("STATUS", "REMOVED", "UPDATED")), (action, key)
                (there.discard if action == "REMOVED" else there.add)(key)
        return {key for key in there if self.model.served[key].status != "deleted"}


@pytest.fixture
async def replay(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path) -> Replay:
    made = Replay(ctx, client, tmp_path)
    await made.configure()
    return made


async def test_every_revision_is_served_exactly(replay: Replay) -> None:
    history, count = History(), 0
    kept: list[str] = []
    for revision in history.revisions():
        await replay.follow(revision)
        count += 1
        kept = list(replay.states)
    assert count > 40
    await replay.go_back(kept[-4])
    await replay.go_back(kept[-1])
    await replay.go_back(kept[-6])
