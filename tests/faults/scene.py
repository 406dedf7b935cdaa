"""What the fault tests share: servers as processes over one database, what they serve, and what they tell of it.

A watcher reads all that a server serves while things go wrong: it has to be one of the states it knows, always.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import yaml

from tests.served import Served, serving
from tests.upstreams import Upstream

Json = dict[str, Any]
Catalogue = frozenset[tuple[str, str, str | None]]
"""Name, version and title of each live version."""

LEASE_SECONDS = 30.0
DEADLINE_SECONDS = 90.0
LOOPBACK = {"allowPrivate": ["127.0.0.0/8"]}

_STATE = (
    "{sources{nodes{name entryCount versionCount sync{phase message consecutiveFailures}"
    " lastRun{outcome stage error fetched trigger}}}}"
)

# Rows of runs that changed nothing are dropped by the next one: the trigger keeps note of all.
_AUDIT = """
create table audit (id bigserial primary key, run bigint, source int, event text, owner text);
create function note_run() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into audit (run, source, event, owner)
    select new.id, new.source_id, 'BEGIN', lease_owner from source where id = new.source_id;
  elsif tg_op = 'DELETE' then
    insert into audit (run, source, event) select old.id, old.source_id, 'DROPPED' where old.outcome = 'RUNNING';
  elsif old.outcome = 'RUNNING' and new.outcome <> 'RUNNING' then
    insert into audit (run, source, event) values (new.id, new.source_id, new.outcome);
  end if;
  return null;
end $$;
create trigger note_run after insert or update or delete on sync_run for each row execute function note_run();
"""


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.1)


async def until_true(condition: Callable[[], bool], what: str) -> None:
    async def look() -> bool:
        return condition()

    await until(look, what)


def api_source(name: str, url: str, **api: Any) -> Json:
    """A source that follows the registry at `url` by the second."""
    policy = {"interval": "1s", "maxRemovalPercent": 100}
    return {"name": name, "api": {"endpoint": url, "timeout": "20s", **api}, "syncPolicy": policy}


def told(upstream: Upstream) -> Catalogue:
    """What a follower of the upstream has to serve."""
    listed = [one for one in upstream.versions if one.status != "deleted"]
    return frozenset((one.name, one.version, one.document.get("title")) for one in listed)


def first_pages(upstream: Upstream) -> int:
    """How often somebody began to read the list."""
    return sum("cursor" not in query for query in upstream.queries)


@dataclass(frozen=True)
class Ground:
    """A folder and a database that several processes share."""

    folder: Path
    connect_args: Mapping[str, Any]

    def write(self, sources: list[Json], **more: Any) -> Path:
        """A configuration; every source has a registry of its name, and `default` has them all."""
        names = [source["name"] for source in sources]
        registries = [{"name": "default", "sources": names}, *({"name": name, "sources": [name]} for name in names)]
        config = {
            "sources": sources,
            "registries": registries,
            "auth": {"mode": "anonymous"},
            "outbound": LOOPBACK,
            "database": self._database(),
            **more,
        }
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path

    def _database(self) -> Json:
        """The socket's directory by its own path: the one in the arguments is good in this process only."""
        host = os.path.realpath(self.connect_args["host"])
        name = self.connect_args.get("database", "postgres")
        return {"host": host, "port": 5432, "user": "postgres", "database": name, "sslMode": "disable"}

    async def ask(self, query: str, *values: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(**self.connect_args)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *values)
        finally:
            await connection.close()
        return found

    async def audit(self) -> None:
        connection = await asyncpg.connect(**self.connect_args)
        try:
            await connection.execute(_AUDIT)
        finally:
            await connection.close()

    @asynccontextmanager
    async def catalogue_held(self) -> AsyncIterator[None]:
        """No change of the catalogue gets through while the block runs."""
        connection = await asyncpg.connect(**self.connect_args)
        try:
            await connection.execute("begin; select revision from catalog where id = 1 for update")
            yield
        finally:
            connection.terminate()  # works whatever became of the server

    async def holder(self, stage: str) -> int | None:
        """The process that holds a source whose run is at `stage`."""
        found = await self.ask(
            "select s.lease_owner from source s join sync_run r on r.source_id = s.id"
            " where r.outcome = 'RUNNING' and r.stage = $1 and s.lease_until > now()",
            stage,
        )
        return int(found[0][0].split(":")[1]) if found else None

    async def wait_for_holder(self, stage: str) -> int:
        async def look() -> bool:
            return await self.holder(stage) is not None

        await until(look, f"a run that is {stage}")
        held = await self.holder(stage)
        assert held is not None
        return held

    async def outcomes(self) -> list[str]:
        """Of all runs that are remembered, the oldest first."""
        return [row[0] for row in await self.ask("select outcome from sync_run order by id")]

    async def check_whole(self, upstream: Upstream) -> None:
        """Nothing is lost or doubled in the tables, and no page of a fetch is left over."""
        expected = sorted((name, version) for name, version, _ in told(upstream))
        for source in await self.ask("select id, name, entry_count, version_count from source order by id"):
            found = await self.ask(
                "select e.name, v.version from entry e join entry_version v on v.entry_id = e.id"
                ' where e.source_id = $1 and v.status <> 2 order by e.name collate "C", v.version collate "C"',
                source["id"],
            )
            assert [tuple(row) for row in found] == expected, source["name"]
            assert source["version_count"] == len(expected)
            assert source["entry_count"] == len({name for name, _ in expected})

    async def check_turns(self) -> int:
        """No two runs of a source overlap; returns how many began."""
        under_way: dict[int, int | None] = {}
        begun = 0
        for run, source, event in await self.ask("select run, source, event from audit order by id"):
            before = under_way.get(source)
            if event == "BEGIN":
                assert before is None, f"run {run} began while run {before} was under way"
                begun += 1
            else:
                assert before == run, f"run {run} ended while run {before} was under way"
            under_way[source] = run if event == "BEGIN" else None
        return begun


@asynccontextmanager
async def starting(config: Path) -> AsyncIterator[Served]:
    """A server that is ready; ended by SIGKILL at the latest when the block ends."""
    with serving(config, ready=False) as served:

        async def ready() -> bool:
            assert served.process.poll() is None, served.log.read_text()[-4000:]
            try:
                return (await get(served, "/readiness")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready, "readiness")
        yield served


def kill(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(30)


async def get(served: Served, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.get(f"http://127.0.0.1:{served.port}{path}")


async def post(served: Served, query: str) -> Json:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(f"http://127.0.0.1:{served.port}/graphql", json={"query": query})
    body: Json = answer.json()
    assert "errors" not in body, body
    data: Json = body["data"]
    return data


async def states(served: Served) -> dict[str, Json]:
    """What GraphQL tells of each source: `sync` and `lastRun`."""
    return {node["name"]: node for node in (await post(served, _STATE))["sources"]["nodes"]}


async def reach(served: Served, name: str, **wanted: str | int) -> Json:
    """Wait until `phase`, or `outcome`, `stage` or `fetched` of the last run, are those. Returns all that is told."""
    seen: Json = {}

    async def look() -> bool:
        seen.update((await states(served))[name])
        known = {**seen["sync"], **(seen["lastRun"] or {})}
        return all(known.get(key) == value for key, value in wanted.items())

    try:
        await until(look, f"{wanted} of {name}")
    except AssertionError as error:
        raise AssertionError(f"{error}; last seen: {seen}") from None
    return seen


async def fail(served: Served, name: str, words: str) -> Json:
    """Wait until the source tells of a failure in these words; its next run may be under way. Returns all it tells."""
    seen: Json = {}

    async def look() -> bool:
        seen.update((await states(served))[name])
        return words in seen["sync"]["message"] and seen["sync"]["consecutiveFailures"] > 0

    try:
        await until(look, f"the failure of {name}")
    except AssertionError as error:
        raise AssertionError(f"{error}; last seen: {seen}") from None
    assert seen["sync"]["phase"] in ("FAILED", "SYNCING")
    return seen


async def read_list(served: Served, registry: str = "default") -> tuple[int, Catalogue]:
    """The status, and all that a registry serves, from one answer."""
    answer = await get(served, f"/registry/{registry}/v0.1/servers?limit=1000")
    if answer.status_code != 200:
        return answer.status_code, frozenset()
    body = answer.json()
    assert "nextCursor" not in body["metadata"], "more than one answer holds"
    items = [item["server"] for item in body["servers"]]
    found = frozenset((item["name"], item["version"], item.get("title")) for item in items)
    assert len(found) == len(items), "something is served twice"
    return 200, found


async def wait_for_list(
    served: Served, wanted: Catalogue, registry: str = "default", seconds: float = DEADLINE_SECONDS
) -> None:
    async def look() -> bool:
        return await read_list(served, registry) == (200, wanted)

    await until(look, f"{registry} to serve {len(wanted)} versions", seconds)


async def check_pages(served: Served, wanted: Catalogue, registry: str = "default") -> None:
    """The pages of the list, too, have each version once."""
    keys: list[tuple[str, str]] = []
    cursor = ""
    while True:
        answer = await get(served, f"/registry/{registry}/v0.1/servers?limit=93{cursor}")
        body = answer.json()
        keys += [(item["server"]["name"], item["server"]["version"]) for item in body["servers"]]
        if "nextCursor" not in body["metadata"]:
            break
        cursor = f"&cursor={body['metadata']['nextCursor']}"
    assert keys == sorted({(name, version) for name, version, _ in wanted})


@dataclass
class Watcher:
    """Reads a registry over and over. `allowed` may grow; `statuses` are answers that are no fault besides 200."""

    served: Served
    allowed: list[Catalogue]
    registry: str = "default"
    statuses: Collection[int] = ()
    may_vanish: bool = False
    pause: float = 0.1
    reads: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        while True:
            try:
                await self._look()
            except httpx.TransportError as error:
                if not self.may_vanish:
                    self.faults.append(repr(error))
            except AssertionError as error:
                self.faults.append(str(error))
            await asyncio.sleep(self.pause)

    async def _look(self) -> None:
        status, found = await read_list(self.served, self.registry)
        if status in self.statuses:
            self.refused += 1
        elif status != 200:
            self.faults.append(f"status {status}")
        elif found not in self.allowed:
            self.faults.append(f"{len(found)} versions that are neither the old nor the new ones")
        else:
            self.reads += 1


@asynccontextmanager
async def watching(*watchers: Watcher) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    try:
        yield
        await until_true(lambda: all(watcher.reads or watcher.faults for watcher in watchers), "a first look")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for watcher in watchers:
        assert watcher.faults == [], f"{watcher.registry}: {watcher.faults[:3]}"
