"""What the reference server is known to get wrong with sources and their synchronisation, one test each: not here."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml

from app.core.embedded import EmbeddedPostgres
from app.core.errors import ConfigError, Invalid
from app.core.settings import AuthMode, Settings, load_settings
from app.models.kinds import SyncPhase, SyncTrigger
from app.models.queries import ListServers
from app.process import open_database
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.entries import publish, validate
from app.resolvers.registration import put_registration
from app.resolvers.servers import list_servers
from app.resolvers.sync import FIRST_RETRY, execute, lease_next
from app.resolvers.sync_requests import request_sync
from app.sources import files
from app.sources.outbound import Outbound
from tests import webserver
from tests.resolvers.state import (
    at,
    change,
    drain,
    last_run,
    make_due,
    names,
    rows,
    run_again,
    runs,
    source,
    tables,
    versions,
)
from tests.seeding import Catalogue, document, seed, tagged, upstream
from tests.served import serving, wait_for, write_config
from tests.sources.following import Clock, aged
from tests.sources.samples import image_entry, remote_entry
from tests.upstreams import Upstream, Version
from workers.scheduler import run_scheduler

HOURLY = {"interval": "1h"}
REMOTE = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
LOOPBACK = Outbound(allow_private=("127.0.0.1",))


def configured(folder: Path, config: Mapping[str, Any], flags: Mapping[str, str] | None = None) -> Settings:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return load_settings(path, {}, flags)


def following(ctx: Ctx, folder: Path, endpoint: str, **own: Any) -> Catalogue:
    """A catalogue with one source, `s`, that follows a registry on loopback."""
    catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), folder)
    catalogue.sources["s"] = {"api": {"endpoint": endpoint, **own}, "syncPolicy": HOURLY}
    catalogue.registries["default"] = ["s"]
    return catalogue


def elsewhere(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The `database` block of another process that uses a database of this one's PostgreSQL."""
    host = arguments["host"].replace("/proc/self/", f"/proc/{os.getpid()}/")
    given = {key: arguments[key] for key in ("port", "user", "database")}
    return {"host": host, **given, "sslMode": "disable"}


async def until(connection: asyncpg.Connection, question: str) -> None:
    """Ask again and again until the answer is yes."""
    for _ in range(1000):
        if await connection.fetchval(question):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"asked in vain: {question}")


async def test_bug_01_changed_filter_takes_effect(ctx: Ctx, tmp_path: Path) -> None:
    documents = [tagged("a/b", "db"), tagged("a/c", "web")]
    catalogue = await seed(ctx, tmp_path, {"s": documents})
    os.utime(catalogue.file("s"), (1, 1))  # old enough to be known by its mark alone
    assert (await run_again(ctx)).outcome == "UNCHANGED"
    catalogue.sources["s"]["filter"] = {"tags": {"exclude": ["web"]}}
    await catalogue.sync()
    assert set(await names(ctx)) == {"a/b"}
    del catalogue.sources["s"]["filter"]
    await catalogue.sync()
    assert set(await names(ctx)) == {"a/b", "a/c"}


async def test_bug_02_registry_that_stays_as_it_is_is_not_rewritten(ctx: Ctx, tmp_path: Path) -> None:
    async with Upstream([Version("com.example/a"), Version("com.example/b")]).serving() as url:
        catalogue = following(ctx, tmp_path, url)
        await catalogue.sync()
        before = await tables(ctx, "entry", "entry_version", "listing", "change", "catalog")
        for _ in range(2):
            assert (await run_again(catalogue.ctx)).outcome == "UNCHANGED"
    assert await tables(ctx, "entry", "entry_version", "listing", "change", "catalog") == before


async def test_bug_03_failing_source_starves_no_other(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"bad": [document("a/b")], "good": [document("a/c")]})
    catalogue.put("bad", b"{")
    for round_ in range(3):
        catalogue.put("good", [document("a/c", description=f"round {round_}")])
        await make_due(ctx, "bad")
        await make_due(ctx, "good")
        assert await drain(ctx) == 2
        assert (await names(ctx))["a/c"] == f"round {round_}"
    bad = await source(ctx, "bad")
    assert bad.consecutive_failures == 3
    assert bad.next_run_at is not None
    assert bad.last_attempt_at is not None
    assert bad.next_run_at - bad.last_attempt_at > FIRST_RETRY, "it waits longer and longer"


async def test_bug_04_unchanged_source_blocks_no_other(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"first": [document("a/b")], "second": [document("a/c")]})
    catalogue.put("second", [document("a/c", description="new")])
    await make_due(ctx, "first")
    await make_due(ctx, "second")
    assert await drain(ctx) == 2, "each once, and none is due any more"
    assert [(await last_run(ctx, name)).outcome for name in ("first", "second")] == ["UNCHANGED", "APPLIED"]
    assert (await names(ctx))["a/c"] == "new"


async def test_bug_05_repeated_version_does_not_sink_the_source(ctx: Ctx, tmp_path: Path) -> None:
    both = {"version": "1.0.0", "servers": {"db": image_entry()}, "remote_servers": {"db": remote_entry()}}
    package = {"registryType": "npm", "identifier": "@acme/x", "version": "1", "transport": {"type": "stdio"}}
    twice = document("a/b", packages=[package, {**package, "registryType": "pypi", "version": "2"}, package])
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("toolhive", both)
    catalogue.put("upstream", [twice, document("a/b"), document("a/c")])
    catalogue.registries["default"] = ["toolhive", "upstream"]
    await catalogue.sync()
    assert set(await names(ctx)) == {"io.github.stacklok/db", "a/b", "a/c"}
    for name, added in (("toolhive", 1), ("upstream", 2)):
        run = await last_run(ctx, name)
        assert (run.outcome, run.added, run.rejected) == ("APPLIED", added, 1)
        assert "already given by" in run.rejections[0]["reason"]
    stored = json.loads((await versions(ctx))["a/b", "1.0.0"].document)
    assert stored["packages"] == twice["packages"]


async def test_bug_06_bad_glob_is_refused_before_it_empties_a_source(ctx: Ctx, tmp_path: Path) -> None:
    bad = {"names": {"include": ["io.github.acme/[a"]}}
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources["s"]["filter"] = bad
    with pytest.raises(ConfigError, match=r"filter\.names\.include\[0\] 'io\.github\.acme/\[a' is not a valid glob"):
        catalogue.settings()
    body = {"file": {"path": str(catalogue.file("s"))}, "syncPolicy": HOURLY, "filter": bad}
    with pytest.raises(Invalid, match="is not a valid glob"):
        await put_registration(ctx, "own", body)
    assert set(await names(ctx)) == {"a/b"}


async def test_bug_07_nothing_at_all_removes_nothing_silently(ctx: Ctx, tmp_path: Path) -> None:
    entries = {"servers": {"db": image_entry()}}
    async with Upstream([Version("com.example/a")]).serving() as url:
        catalogue = following(ctx, tmp_path, url)
        ctx = catalogue.ctx
        catalogue.put("toolhive", {"version": "1.0.0", **entries}, syncPolicy=HOURLY)
        catalogue.put("filtered", [document("a/b")], syncPolicy=HOURLY)
        catalogue.registries["default"] = ["s", "toolhive", "filtered"]
        await catalogue.sync()
        before = await names(ctx)
        assert len(before) == 3
    async with Upstream().serving() as url:
        catalogue.sources["s"]["api"]["endpoint"] = url
        catalogue.put("toolhive", {"version": "1.0.0", "servers": {}})
        catalogue.sources["filtered"]["filter"] = {"names": {"include": ["nothing/*"]}}
        await catalogue.sync()
    assert await names(ctx) == before
    for name in ("s", "toolhive", "filtered"):
        held = await source(ctx, name)
        assert (held.phase, held.message) == (SyncPhase.HELD, "held: 1 of 1 entries would be removed")


async def test_bug_10_claims_of_published_entries_survive_a_restart(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources["house"] = {"managed": {}, "claims": {"org": "acme"}}
    catalogue.registries["house"] = ["house"]
    await reconcile(ctx, catalogue.settings())
    await publish(ctx, "house", document("com.example/own", remotes=[REMOTE]))
    await change(ctx, """insert into claim_set (claims) values ('{"team": "x"}')""")
    await change(
        ctx, "update entry set claim_set_id = (select max(id) from claim_set) where name = 'com.example/own'"
    )  # published with claims of its own
    told = "select e.name, c.claims from entry e join claim_set c on c.id = e.claim_set_id order by e.name"
    for claims in ({"org": "acme"}, {"org": "other"}, {}):
        catalogue.sources["house"]["claims"] = claims
        catalogue.sources["s"]["claims"] = claims
        await catalogue.sync()
        assert await rows(ctx, told) == [("a/b", claims), ("com.example/own", {"team": "x"})]


async def test_bug_13_claim_keys_keep_their_case(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources["s"]["claims"] = {"orgId": "acme", "OrgID": ["b", "a"]}
    await catalogue.sync()
    assert (await source(ctx)).claims == {"orgId": "acme", "OrgID": ["a", "b"]}


@pytest.mark.parametrize("auth", [{}, {"auth": {}}, {"auth": {"mode": "bogus"}}])
def test_bug_14_flag_decides_the_mode_of_a_file_without_one(tmp_path: Path, auth: dict[str, Any]) -> None:
    config = {"sources": [{"name": "own", "managed": {}}], **auth}
    assert configured(tmp_path, config, {"auth.mode": "anonymous"}).auth.mode is AuthMode.ANONYMOUS
    with pytest.raises(ConfigError, match=r"auth"):
        configured(tmp_path, config)


async def test_bug_15_interval_is_kept(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", [document("a/b")], syncPolicy={"interval": "30m"})
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    for _ in range(3):
        told = await source(ctx)
        assert told.next_run_at is not None
        assert told.last_attempt_at is not None
        assert timedelta(minutes=30) <= told.next_run_at - told.last_attempt_at < timedelta(minutes=40)
        assert await drain(ctx) == 0, "not before its time"
        await change(ctx, "update source set next_run_at = next_run_at - interval '31 minutes'")
        assert await drain(ctx) == 1, "and not only once"


async def test_bug_16_run_of_a_process_that_died_does_not_last_for_ever(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    await make_due(ctx)
    assert await lease_next(ctx, "killed", SyncTrigger.SCHEDULE) is not None
    assert (await source(ctx)).phase is SyncPhase.SYNCING
    assert await drain(ctx) == 0
    await change(ctx, "update source set lease_until = now() - interval '1 second'")
    assert await drain(ctx) == 1
    assert [run.outcome for run in await runs(ctx)] == ["UNCHANGED", "INTERRUPTED", "APPLIED"]
    assert (await source(ctx)).phase is SyncPhase.COMPLETE


async def test_bug_16_stopping_gives_a_source_back(ctx: Ctx, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def hang(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with webserver.serving(script=hang) as server:
        catalogue = Catalogue(replace(ctx, outbound=LOOPBACK), tmp_path)
        catalogue.sources["s"] = {"file": {"url": server.url("/registry.json")}, "syncPolicy": HOURLY}
        catalogue.registries["default"] = ["s"]
        await reconcile(ctx, catalogue.settings())
        run = await lease_next(catalogue.ctx, "stopped", SyncTrigger.START)
        assert run is not None
        task = asyncio.create_task(execute(catalogue.ctx, run))
        await asyncio.wait_for(asked.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (told,) = await runs(ctx)
    assert (told.outcome, told.error) == ("INTERRUPTED", "the process was told to stop during the run")
    assert told.finished_at is not None
    assert (await source(ctx)).phase is SyncPhase.PENDING
    assert await lease_next(ctx, "another", SyncTrigger.START) is not None


@pytest.mark.process
async def test_bug_17_request_under_way_is_answered_before_the_pool_closes(
    connect_args: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "s.json").write_text(json.dumps(upstream([document("a/b")])))
    config = write_config(tmp_path, {"s": tmp_path / "s.json"}, database=elsewhere(connect_args))
    waiting = "select count(*) from pg_locks where not granted and relation = 'listing'::regclass"
    locker, watcher = [await asyncpg.connect(**connect_args) for _ in range(2)]
    with serving(config) as served:
        wait_for(lambda: served.names() == ["a/b"], "the first sync")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", timeout=60, trust_env=False) as client:
            lock = locker.transaction()
            await lock.start()
            await locker.execute("lock table listing in access exclusive mode")
            request = asyncio.create_task(client.get("/v0.1/servers"))
            await until(watcher, waiting)
            served.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "stopping" in served.log.read_text(), "the server to stop")
            await lock.rollback()
            answer = await request
        assert answer.status_code == 200
        assert [item["server"]["name"] for item in answer.json()["servers"]] == ["a/b"]
        assert await asyncio.to_thread(served.process.wait, 60) == 0
    for connection in (locker, watcher):
        await connection.close()


async def test_bug_18_arguments_are_kept_whole(ctx: Ctx, tmp_path: Path) -> None:
    arguments: list[dict[str, Any]] = [
        {"type": "positional", "valueHint": "path", "value": "/data", "isRequired": True},
        {"type": "named", "name": "--level", "description": "How much", "default": "1", "choices": ["1", "2"]},
        {"type": "named", "name": "--key", "isSecret": True, "variables": {"k": {"description": "A key"}}},
    ]
    package: dict[str, Any] = {
        "registryType": "npm",
        "identifier": "@acme/x",
        "version": "1.0.0",
        "transport": {"type": "stdio"},
    }
    package |= {"runtimeArguments": arguments[:1], "packageArguments": arguments, "fileSha256": "a" * 64}
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b", packages=[package])]})
    await catalogue.sync()
    assert json.loads((await versions(ctx))["a/b", "1.0.0"].document)["packages"] == [package]


async def test_bug_19_validation_needs_no_network(ctx: Ctx, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    schema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    good = await validate(ctx, {"$schema": schema, **document("com.example/tool", remotes=[REMOTE])})
    assert (good.document is not None, good.issues) == (True, ())
    bad = await validate(ctx, {"$schema": schema, **document("com.example/tool", "latest", remotes=[REMOTE])})
    assert (bad.document, [issue.path for issue in bad.issues]) == (None, ["version"])


async def test_bug_20_names_of_users_and_databases_are_escaped(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    user, database = 'o\'dd "user"@host:/?#%20&x=y', 'd%b \\"@: &sslmode=require'
    owner = await asyncpg.connect(**postgres.connect_args())
    quoted = [await owner.fetchval("select quote_ident($1)", word) for word in (user, database)]
    await owner.execute(f"create role {quoted[0]} login")
    await owner.execute(f"create database {quoted[1]} owner {quoted[0]}")
    block = {**elsewhere(postgres.connect_args()), "user": user, "database": database, "password": "p@ss/w:rd?#%"}
    config = {"sources": [{"name": "own", "managed": {}}], "auth": {"mode": "anonymous"}, "database": block}
    async with open_database(configured(tmp_path, config)) as arguments:
        connection = await asyncpg.connect(**arguments)
        assert await connection.fetchrow("select current_user, current_database()") == (user, database)
        assert await connection.fetchval("select count(*) from catalog") == 1
        await connection.close()
    await owner.execute(f"drop database {quoted[1]} with (force)")
    await owner.execute(f"drop role {quoted[0]}")
    await owner.close()


async def test_gap_01_source_is_synchronised_on_demand(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.put("s", [document("a/b"), document("a/c")])
    assert await drain(ctx) == 0
    assert (await request_sync(ctx, "s")).requested
    assert await drain(ctx) == 1
    run = await last_run(ctx)
    assert (run.outcome, run.trigger, run.added) == ("APPLIED", "MANUAL", 1)
    assert not (await source(ctx)).requested


async def test_gap_02_registry_is_followed_by_its_changes_and_statuses(ctx: Ctx, tmp_path: Path) -> None:
    clock = Clock()
    far = Upstream(aged(250, clock), clock=clock)
    async with far.serving() as url:
        catalogue = following(ctx, tmp_path, url)
        ctx = catalogue.ctx
        await catalogue.sync()
        full = len(far.requests)
        gone, old = "com.example/s0001", "com.example/s0002"
        far.change(gone, status="deleted", message="Gone")
        far.change(old, status="deprecated", message="Use another")
        run = await run_again(ctx)
        assert (run.outcome, run.fetched, run.added, run.updated, run.removed) == ("APPLIED", 3, 0, 2, 0), (
            "and the newest again"
        )
        assert full == 3
        assert ["updated_since" in asked for asked in far.queries] == [False] * full + [True]
        assert (await run_again(ctx)).outcome == "UNCHANGED"
    assert {key[0] for key in await versions(ctx, deleted=False)} == {f"com.example/s{n:04}" for n in range(250)} - {
        gone
    }
    found = await versions(ctx)
    told = [(found[name, "1.0.0"].status.wire, found[name, "1.0.0"].status_message) for name in (gone, old)]
    assert told == [("deleted", "Gone"), ("deprecated", "Use another")]


async def test_gap_03_any_registry_that_lists_servers_can_be_followed(ctx: Ctx, tmp_path: Path) -> None:
    far = Upstream([Version("com.example/a")])
    async with far.serving() as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/openapi.yaml")).status_code == 404
        far.requests.clear()
        await following(ctx, tmp_path, url).sync()
    assert set(await names(ctx)) == {"com.example/a"}
    assert {asked.path for asked in far.requests} == {"/v0.1/servers"}


async def test_gap_04_bad_document_is_reported_and_the_rest_is_served(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c", version=""), {"name": "bad"}, document("a/d")]})
    assert set(await names(ctx)) == {"a/b", "a/d"}
    run = await last_run(ctx)
    assert (run.outcome, run.fetched, run.added, run.rejected) == ("APPLIED", 4, 2, 2)
    assert [rejection["name"] for rejection in run.rejections] == ["a/c", "bad"]
    assert all(rejection["reason"].startswith(f"data.servers[{n}]") for n, rejection in enumerate(run.rejections, 1))


async def test_gap_05_registry_may_want_a_token_headers_and_an_authority_of_its_own(ctx: Ctx, tmp_path: Path) -> None:
    certificate, token = webserver.make_certificate(tmp_path), tmp_path / "token"
    token.write_text("t0ken\n")
    far = Upstream([Version("com.example/a")])
    far.token = "t0ken"
    async with far.serving(tls=webserver.serve_tls(certificate)) as url:
        own = {"authTokenFile": str(token), "headers": {"X-Tenant": "catalogue"}}
        catalogue = following(ctx, tmp_path, url, **own)
        await catalogue.sync()
        assert (await source(ctx)).phase is SyncPhase.FAILED, "nobody vouches for the certificate"
        assert far.requests == []
        catalogue.sources["s"]["api"]["caCertPath"] = str(certificate)
        await catalogue.sync()
    assert set(await names(ctx)) == {"com.example/a"}
    assert [asked.headers["x-tenant"] for asked in far.requests] == ["catalogue"]
    assert "t0ken" not in json.dumps(await rows(ctx, "select config from source"))


async def test_gap_06_all_that_is_due_is_run_at_once(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    for number in range(9):
        catalogue.put(f"s{number}", [document(f"a/b{number}")])
    catalogue.registries["default"] = list(catalogue.sources)
    await reconcile(ctx, catalogue.settings())
    stop, drained = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(run_scheduler(ctx, stop, drained))
    await asyncio.wait_for(drained.wait(), 60)
    assert len(await names(ctx)) == 9
    stop.set()
    await task


@pytest.mark.process
async def test_gap_07_server_that_cannot_apply_its_configuration_does_not_go_on_without(
    ctx: Ctx, connect_args: dict[str, Any], tmp_path: Path
) -> None:
    await put_registration(ctx, "default", {"managed": {}})
    (tmp_path / "s.json").write_text(json.dumps(upstream([document("a/b")])))
    config = write_config(tmp_path, {"s": tmp_path / "s.json"}, database=elsewhere(connect_args))
    with serving(config, ready=False) as refused:
        assert await asyncio.to_thread(refused.process.wait, 60) == 1
        message = refused.log.read_text()
    assert "registry 'default': was created through the API (choose another name, or delete that one first)" in message
    assert "Traceback" not in message


async def test_gap_08_failures_in_a_row_are_counted(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    good = await source(ctx)
    catalogue.put("s", b"{")
    for count in (1, 2, 3):
        assert (await run_again(ctx)).outcome == "FAILED"
        told = await source(ctx)
        assert (told.consecutive_failures, told.entry_count, told.applied_hash) == (count, 1, good.applied_hash)
    catalogue.put("s", [document("a/b")])
    await run_again(ctx)
    assert (await source(ctx)).consecutive_failures == 0


async def test_gap_10_local_file_has_a_largest_size(ctx: Ctx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2**20)
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.put("s", [document("a/c", extra="x" * 2**20)])
    await catalogue.sync()
    assert (await source(ctx)).message == f"{catalogue.file('s')} is larger than 1 MiB, the most a file may have"
    assert set(await names(ctx)) == {"a/b"}


@pytest.mark.parametrize("kind", ["git", "api", "file"])
async def test_gap_10_clients_reach_no_private_address(ctx: Ctx, kind: str) -> None:
    async with webserver.serving() as server:
        bodies: dict[str, dict[str, Any]] = {
            "git": {"git": {"repository": server.url("/team/catalogue.git")}},
            "api": {"api": {"endpoint": server.url("")}},
            "file": {"file": {"url": server.url("/registry.json")}},
        }
        await put_registration(ctx, "own", {**bodies[kind], "syncPolicy": HOURLY})
        assert await drain(ctx) == 1
        assert server.connections == 0
    told = await source(ctx, "own")
    assert told.phase is SyncPhase.FAILED
    assert "127.0.0.1 is not public" in told.message


async def test_gap_12_only_what_changed_counts_as_updated(ctx: Ctx, tmp_path: Path) -> None:
    documents = [document("a/b"), document("a/c")]
    catalogue = await seed(at(ctx, 1), tmp_path, {"s": documents})
    newest = max(view.updated_at for view in (await versions(ctx)).values())
    catalogue.ctx = at(ctx, 2)
    catalogue.put("s", [documents[0], document("a/c", description="new")])
    await catalogue.sync()
    page = await list_servers(ctx, ListServers(updated_since=newest))
    assert [view.name for view in page.items] == ["a/c"]


def test_gap_13_every_problem_is_told_and_no_interval_is_zero(tmp_path: Path) -> None:
    intervals = ("0s", "-5m", "soon")
    sources = [
        {"name": f"s{n}", "file": {"path": "x"}, "syncPolicy": {"interval": text}} for n, text in enumerate(intervals)
    ]
    sources.append({"name": "S 3", "file": {}, "syncPolicy": HOURLY})
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, {"sources": sources, "auth": {"mode": "anonymous"}})
    told = {problem.path for problem in refused.value.problems}
    assert told == {
        *(f"sources[{n}].syncPolicy.interval" for n in range(3)),
        "sources[3].name",
        "sources[3].file.path",
    }
