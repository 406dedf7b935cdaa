"""Sources made, changed and deleted through GraphQL; what is refused, with the field that is at fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.errors import Unavailable
from app.models.views import DueSource, WorkerView
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.graphql.asking import ask, refused
from tests.graphql.case_sources import GIT, REFUSED, inline
from tests.graphql.changing import mutate, refuse, succeed, text_of
from tests.resolvers.state import drain, names, runs, tables
from tests.seeding import Catalogue, Documents, document, tagged, upstream


def on_disk(folder: Path, documents: Documents) -> dict[str, Any]:
    (folder / "own.json").write_text(json.dumps(upstream(documents)))
    return {"file": {"path": str(folder / "own.json")}, "syncInterval": "1h"}


@pytest.fixture
async def configured(ctx: Ctx, tmp_path: Path) -> Catalogue:
    """A configuration file with a source `a` in a registry `default`, and a managed source `m` of its own."""
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("a", [document("org.example/fetched")])
    catalogue.registries["default"] = ["a"]
    catalogue.managed.append("m")
    await catalogue.sync()
    return catalogue


async def test_every_kind_of_source_is_stored_as_it_was_described(client: httpx.AsyncClient) -> None:
    git = {"repository": "https://git.example.org/x.git", "tag": "v1", "path": "data/registry.json"}
    api = {"endpoint": "https://registry.example.com/", "timeout": "20s", "fullSyncInterval": "48h"}
    file = {"url": "https://files.example.com/registry.json", "timeout": "5s"}
    chosen = {"names": {"include": ["org.*"]}, "tags": {"exclude": ["beta"]}}
    told = await succeed(
        client,
        "createSource",
        name="g",
        git=git,
        syncInterval="45m",
        filter=chosen,
        maxRemovalPercent=10,
        format="TOOLHIVE",
    )
    assert told.pop("id")
    assert told == {
        "name": "g",
        "kind": "GIT",
        "creationType": "API",
        "config": {"git": git, "format": "toolhive"},
        "filter": chosen,
        "syncInterval": "45m0s",
        "maxRemovalPercent": 10,
        "entryCount": 0,
    }
    told = await succeed(client, "createSource", name="p", api=api, syncInterval="1h")
    stored = {"endpoint": "https://registry.example.com", "timeout": "20s", "fullSyncInterval": "48h0m0s"}
    assert (told["kind"], told["config"], told["maxRemovalPercent"]) == ("API", {"api": stored}, 50)
    told = await succeed(client, "createSource", name="f", file=file, syncInterval="90s")
    assert (told["kind"], told["config"], told["filter"]) == ("FILE", {"file": file}, None)
    told = await succeed(client, "createSource", name="m", managed=True)
    assert (told["kind"], told["config"], told["syncInterval"]) == ("MANAGED", {"managed": {}}, None)


async def test_new_source_is_fetched_at_once_and_seen_once_it_is_listed(
    ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient
) -> None:
    await succeed(client, "createSource", name="own", **on_disk(configured.folder, [document("org.example/own")]))
    assert await drain(ctx) == 1
    found = await ask(client, '{ source(name: "own") { entryCount sync { phase } registries { name } } }')
    assert found["source"] == {"entryCount": 1, "sync": {"phase": "COMPLETE"}, "registries": []}
    assert set(await names(ctx)) == {"org.example/fetched"}, "seen nowhere"
    registry = await succeed(client, "createRegistry", name="r", sources=["own"])
    assert registry["serverCount"] == 1
    assert set(await names(ctx)) == {"org.example/fetched", "org.example/own"}
    listed = (await client.get("/extension/v0/registries/r")).json()
    assert (listed["sourceType"], listed["syncStatus"]["serverCount"]) == ("file", 1), "REST shows it, too"


async def test_request_is_handed_to_the_workers(ctx: Ctx, configured: Catalogue) -> None:
    queue = Taking()
    async with connect(replace(ctx, queue=queue)) as client:
        await succeed(client, "createSource", name="g", **GIT)
        await succeed(client, "updateSource", name="g", syncInterval="1h")
        assert queue.taken == ["g", "g"]
        queue.away = True
        await succeed(client, "updateSource", name="g", syncInterval="2h")


class Taking:
    """Workers as far as the resolvers know them."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.away = False

    async def enqueue(self, due: Sequence[DueSource]) -> int:
        if self.away:
            raise Unavailable("the queue is away")
        self.taken += [source.name for source in due]
        return len(due)

    async def list_workers(self) -> tuple[WorkerView, ...]:
        return ()


async def test_inline_data_are_applied_at_once(ctx: Ctx, client: httpx.AsyncClient) -> None:
    told = await succeed(
        client, "createSource", name="own", **inline(document("org.example/x"), document("org.example/y"))
    )
    assert told["entryCount"] == 2
    assert "bytes of inline data" in told["config"]["file"]["data"], "not echoed"
    await succeed(client, "createRegistry", name="r", sources=["own"])
    told = await succeed(client, "updateSource", name="own", **inline(document("org.example/x", description="new")))
    assert (told["entryCount"], await names(ctx, "r")) == (1, {"org.example/x": "new"})
    assert await drain(ctx) == 0


async def test_what_is_in_inline_data_is_no_object_of_the_request(client: httpx.AsyncClient) -> None:
    """A request may hold 20,000 of them; a file that is a text in it may hold more."""
    many = document("org.example/x", _meta={"org.example/x": [[]] * 20_001})
    assert (await succeed(client, "createSource", name="own", **inline(many)))["entryCount"] == 1


async def test_what_an_update_leaves_out_stays(ctx: Ctx, client: httpx.AsyncClient) -> None:
    await succeed(
        client,
        "createSource",
        name="g",
        git={"repository": "https://git.example.org/x.git", "branch": "main"},
        syncInterval="30m",
        filter={"tags": {"include": ["db"]}},
        maxRemovalPercent=10,
        format="UPSTREAM",
    )
    told = await succeed(client, "updateSource", name="g", syncInterval="1h")
    config = {"git": {"repository": "https://git.example.org/x.git", "branch": "main"}, "format": "upstream"}
    assert (told["config"], told["filter"], told["syncInterval"]) == (config, {"tags": {"include": ["db"]}}, "1h0m0s")
    assert told["maxRemovalPercent"] == 10
    told = await succeed(client, "updateSource", name="g", filter={"names": {"include": ["org.*"]}})
    assert told["filter"] == {"names": {"include": ["org.*"]}}, "a block that is given replaces the whole block"
    told = await succeed(client, "updateSource", name="g", git={"repository": "https://git.example.org/y.git"})
    assert told["config"]["git"] == {"repository": "https://git.example.org/y.git"}
    told = await succeed(client, "updateSource", name="g", filter=None, format=None, maxRemovalPercent=None, git=None)
    assert (told["filter"], told["maxRemovalPercent"], told["syncInterval"]) == (None, 50, "1h0m0s")
    assert told["config"] == {"git": {"repository": "https://git.example.org/y.git"}}
    assert await refuse(ctx, client, "updateSource", name="g", syncInterval=None) == [("INVALID", ["syncInterval"])]


async def test_changed_filter_takes_effect_at_the_next_run(
    ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient
) -> None:
    documents = [tagged("org.example/db", "db"), tagged("org.example/web", "web")]
    await succeed(client, "createSource", name="own", **on_disk(configured.folder, documents))
    await succeed(client, "createRegistry", name="r", sources=["own"])
    await drain(ctx)
    await succeed(client, "updateSource", name="own", filter={"tags": {"include": ["db"]}})
    assert set(await names(ctx, "r")) == {"org.example/db", "org.example/web"}
    assert await drain(ctx) == 1
    assert set(await names(ctx, "r")) == {"org.example/db"}
    assert [run.outcome for run in await runs(ctx, "own")] == ["APPLIED", "APPLIED"]


async def test_deleted_source_goes_with_what_it_held(ctx: Ctx, client: httpx.AsyncClient) -> None:
    made = await succeed(client, "createSource", name="own", **inline(document("org.example/x")))
    assert await succeed(client, "deleteSource", name="own") == made["id"]
    found = await ask(client, "query($id: ID!) { node(id: $id) { id } sources { totalCount } }", id=made["id"])
    assert found == {"node": None, "sources": {"totalCount": 0}}
    left = await tables(ctx, "entry", "entry_version", "listing", "sync_run")
    assert list(left.values()) == [[], [], [], []]
    assert (await succeed(client, "createSource", name="own", managed=True))["kind"] == "MANAGED"


async def test_registration_made_by_rest_is_a_source_like_any(ctx: Ctx, client: httpx.AsyncClient) -> None:
    body = {"git": {"repository": "https://git.example.org/x.git"}, "syncPolicy": {"interval": "30m"}}
    assert (await client.put("/extension/v0/registries/Team A".replace(" ", "_"), json=body)).status_code == 201
    told = await succeed(client, "updateSource", name="Team_A", syncInterval="2h")
    assert told["syncInterval"] == "2h0m0s", "its name may be one that no new source could have"
    assert (await client.get("/extension/v0/registries/Team_A")).json()["syncSchedule"] == "2h0m0s"
    assert await refuse(ctx, client, "deleteSource", name="Team_A") == [("IN_USE", ["name"])]


@pytest.mark.parametrize("number", range(len(REFUSED)))
async def test_refusal_tells_code_and_field_and_changes_nothing(
    ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient, number: int
) -> None:
    await succeed(client, "createSource", name="own", **inline(document("org.example/x")))
    await succeed(client, "createRegistry", name="r", sources=["own"])
    mutation, given, faults = REFUSED[number]
    assert await refuse(ctx, client, mutation, **given) == faults


async def test_errors_speak_of_the_input_and_never_of_secrets(client: httpx.AsyncClient) -> None:
    git = {"repository": "https://user:secret@git.example.org/x.git"}
    payload = await mutate(client, "createSource", name="new", git=git, maxRemovalPercent=101)
    messages = [error["message"] for error in payload["errors"]]
    assert messages[0] == "syncInterval is required for git sources"
    assert messages[1] == "maxRemovalPercent must be between 0 and 100, got 101"
    assert "secret" not in str(payload)
    payload = await mutate(client, "createSource", name="new")
    assert payload["errors"][0]["message"] == "one of git, api, file, or managed must be specified"


async def test_message_of_a_source_in_use_names_the_registries(client: httpx.AsyncClient) -> None:
    await succeed(client, "createSource", name="own", managed=True)
    for number in range(22):
        await succeed(client, "createRegistry", name=f"r{number:02}", sources=["own"])
    (error,) = (await mutate(client, "deleteSource", name="own"))["errors"]
    assert error["message"].startswith("source own is listed by registries r00, r01, ")
    assert error["message"].endswith("r19 and 2 more")


async def test_of_several_creators_one_wins(ctx: Ctx, client: httpx.AsyncClient) -> None:
    given = [{**GIT, "syncInterval": f"{number + 1}h"} for number in range(4)]
    payloads = await asyncio.gather(*(mutate(client, "createSource", name="g", **one) for one in given))
    assert [error["code"] for payload in payloads for error in payload["errors"]] == ["ALREADY_EXISTS"] * 3
    managed = await asyncio.gather(*(mutate(client, "createSource", name=f"m{n}", managed=True) for n in range(3)))
    assert [error["code"] for payload in managed for error in payload["errors"]] == ["CONFLICT"] * 2
    assert len((await tables(ctx, "source"))["source"]) == 2


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": None},
        {"name": "x", "git": {}},
        {"name": "x", "git": {"repository": "https://git.example.org/x", "auth": {"passwordFile": "/etc/passwd"}}},
        {"name": "x", "api": {"endpoint": "https://example.org", "headers": {"Authorization": "x"}}},
        {"name": "x", "kubernetes": {}},
        {"name": "x", "format": "upstream"},
        {"name": "x", "maxRemovalPercent": "many"},
        {"name": "x", "claims": {}},
    ],
)
async def test_malformed_input_is_an_error_of_the_operation(
    ctx: Ctx, client: httpx.AsyncClient, given: dict[str, Any]
) -> None:
    """What only the configuration file may say has no field here."""
    before = await tables(ctx)
    error = await refused(client, text_of("createSource"), input=given)
    assert error["extensions"]["code"] in ("GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT")
    assert await tables(ctx) == before
