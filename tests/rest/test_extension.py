"""The extension API of v0.4.9 on the wire: paths, bodies, status codes, the exact shape of a registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.models.kinds import SyncStage, SyncTrigger
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import lease_next, run_next_due
from app.resolvers.sync_requests import request_sync
from app.store.runs import note_progress
from tests.conftest import SHARED, StatementCounter
from tests.seeding import Catalogue, document, seed, upstream

BASE = "/extension/v0/registries"
CASES = SHARED / "cases/api.jsonl"
GIT = {"git": {"repository": "https://git.example.org/a/b.git", "branch": "main", "path": "registry.json"}}
HOURLY = {"syncPolicy": {"interval": "1h"}}


async def ask(client: httpx.AsyncClient, method: str, path: str, status: int, body: Any = None) -> Any:
    content = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
    answer = await client.request(method, path, content=content)
    assert answer.status_code == status, answer.text
    if status == 204:
        assert (answer.content, "content-type" in answer.headers) == (b"", False)
        return None
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def configured(ctx: Ctx, folder: Path) -> Catalogue:
    """A configuration file with one git registry, in the style of v0.4.9, that nobody has fetched yet."""
    catalogue = Catalogue(ctx, folder)
    catalogue.sources["config-reg"] = {**GIT, "syncPolicy": {"interval": "30m"}}
    catalogue.registries["config-reg"] = ["config-reg"]
    await reconcile(ctx, catalogue.settings())
    return catalogue


def times(info: Mapping[str, Any], *keys: str) -> None:
    """Each of the keys holds a time of the last hour, in UTC."""
    for key in keys:
        assert info[key].endswith("Z")
        assert abs((datetime.now(UTC) - datetime.fromisoformat(info[key])).total_seconds()) < 3600


async def test_registry_of_the_file_has_the_exact_shape(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await configured(ctx, tmp_path)
    listed = await ask(client, "GET", BASE, 200)
    info = await ask(client, "GET", f"{BASE}/config-reg", 200)
    assert listed == {"registries": [info]}
    times(info, "createdAt", "updatedAt")
    status = info.pop("syncStatus")
    times(status, "nextSyncTime")
    del status["nextSyncTime"]
    assert status == {"phase": "syncing", "attemptCount": 0, "serverCount": 0, "message": ""}
    del info["createdAt"], info["updatedAt"]
    assert list(info.items()) == [
        ("name", "config-reg"),
        ("type", "REMOTE"),
        ("creationType", "CONFIG"),
        ("sourceType", "git"),
        ("format", "upstream"),
        ("sourceConfig", {"repository": "https://git.example.org/a/b.git", "branch": "main"}),
        ("syncSchedule", "30m0s"),
    ]


async def test_created_registry_is_shown_as_it_was_given(client: httpx.AsyncClient) -> None:
    filters = {"names": {"include": ["a/*"]}, "tags": {"exclude": ["old"]}}
    body = {**GIT, **HOURLY, "format": "toolhive", "filter": {**filters, "claims": 1}, "claims": {"a": 1}, "x": None}
    info = await ask(client, "PUT", f"{BASE}/my-reg", 201, body)
    times(info, "createdAt", "updatedAt")
    assert "syncStatus" not in info, "its first run is yet to come"
    for key in ("createdAt", "updatedAt"):
        del info[key]
    assert info == {
        "name": "my-reg",
        "type": "REMOTE",
        "creationType": "API",
        "sourceType": "git",
        "format": "toolhive",
        "sourceConfig": GIT["git"],
        "filterConfig": filters,
        "syncSchedule": "1h0m0s",
    }
    assert info.items() <= (await ask(client, "GET", f"{BASE}/my-reg", 200)).items()


@pytest.mark.parametrize(
    ("body", "type_", "shown"),
    [
        ({"managed": {}}, "MANAGED", {"sourceType": "managed"}),
        ({"kubernetes": {"namespaces": ["a"]}}, "KUBERNETES", {"sourceConfig": {"namespaces": ["a"]}}),
        ({"file": {"path": "/x.json"}, **HOURLY}, "FILE", {"sourceConfig": {"path": "/x.json"}}),
        (
            {"file": {"url": "https://files.example.org/x.json", "timeout": "90s"}, **HOURLY},
            "FILE",
            {"sourceConfig": {"url": "https://files.example.org/x.json", "timeout": "1m30s"}},
        ),
        (
            {"api": {"endpoint": "https://registry.example.org/"}, "syncPolicy": {"interval": "90m"}},
            "REMOTE",
            {"sourceConfig": {"endpoint": "https://registry.example.org"}, "syncSchedule": "1h30m0s"},
        ),
        (
            {
                "GIT": {"Repository": "https://git.example.org/a/b.git", "branch": "", "tag": None},
                "syncpolicy": {**HOURLY},
            }
            | HOURLY,
            "REMOTE",
            {"sourceConfig": {"repository": "https://git.example.org/a/b.git"}},
        ),
    ],
)
async def test_every_kind_can_be_created(
    client: httpx.AsyncClient, body: dict[str, Any], type_: str, shown: dict[str, Any]
) -> None:
    info = await ask(client, "PUT", f"{BASE}/r", 201, body)
    assert (info["type"], info["format"]) == (type_, "upstream")
    assert shown.items() <= info.items()
    assert ("sourceConfig" in info, "syncSchedule" in info) == (type_ != "MANAGED", type_ in ("FILE", "REMOTE"))
    assert (await ask(client, "PUT", f"{BASE}/r", 200, body))["createdAt"] == info["createdAt"]


async def test_inline_data_are_answered_with_their_status(client: httpx.AsyncClient) -> None:
    data = json.dumps(upstream([document("a/b"), document("a/c")]))
    info = await ask(client, "PUT", f"{BASE}/r", 201, {"file": {"data": data}})
    status = info["syncStatus"]
    times(status, "lastSyncTime", "lastAttempt")
    assert (status["phase"], status["attemptCount"], status["serverCount"]) == ("complete", 0, 2)
    assert status["message"] == "2 added, 0 updated, 0 removed, 0 rejected"
    assert (info["sourceConfig"], "syncSchedule" in info) == ({"data": data}, False)
    assert await ask(client, "GET", f"{BASE}/r", 200) == info
    listed = await ask(client, "GET", "/registry/r/v0.1/servers", 200)
    assert [item["server"]["name"] for item in listed["servers"]] == ["a/b", "a/c"]
    error = (await ask(client, "PUT", f"{BASE}/r", 400, {"file": {"data": json.dumps(upstream([{}]))}}))["error"]
    assert error.startswith("Failed to process inline data: none of the 1 documents can be used; the first: data.")
    assert await ask(client, "GET", f"{BASE}/r", 200) == info, "the old data stand"
    await ask(client, "DELETE", f"{BASE}/r", 204)
    await ask(client, "GET", "/registry/r/v0.1/servers", 404)


async def test_registries_are_listed_in_the_order_of_their_creation(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    assert await ask(client, "GET", BASE, 200) == {"registries": []}
    await seed(ctx, tmp_path, {"s": [document("a/b")], "t": []}, {"b": ["s"], "a": ["s"]})
    for name in ("z", "y"):
        await ask(client, "PUT", f"{BASE}/{name}", 201, {"managed": {}})
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update registry set created_at = '2026-01-01' where name = 'y'"))
    listed = await ask(client, "GET", f"{BASE}/", 200)
    assert [info["name"] for info in listed["registries"]] == ["y", "a", "b", "z"]


async def test_registry_of_several_sources_shows_no_settings(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    sources = {"one": [document("a/b")], "two": [document("a/b"), document("a/c")]}
    await seed(ctx, tmp_path, sources, {"both": ["one", "two"], "two": ["two"]})
    info = await ask(client, "GET", f"{BASE}/both", 200)
    assert list(info) == ["name", "type", "creationType", "syncStatus", "createdAt", "updatedAt"]
    assert list(info["syncStatus"]) == [
        "phase",
        "lastSyncTime",
        "lastAttempt",
        "nextSyncTime",
        "attemptCount",
        "serverCount",
        "message",
    ]
    assert (info["type"], info["syncStatus"]["serverCount"], info["syncStatus"]["message"]) == ("FILE", 2, "")
    single = await ask(client, "GET", f"{BASE}/two", 200)
    assert single["sourceConfig"] == {"path": str(tmp_path / "two.json")}


async def test_fetched_registry_serves_after_its_first_run(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    (tmp_path / "x.json").write_text(json.dumps(upstream([document("a/b")])))
    await ask(client, "PUT", f"{BASE}/r", 201, {"file": {"path": str(tmp_path / "x.json")}, **HOURLY})
    status = (await ask(client, "GET", f"{BASE}/r", 200))["syncStatus"]
    times(status, "nextSyncTime")
    del status["nextSyncTime"]
    assert status == {"phase": "syncing", "attemptCount": 0, "serverCount": 0, "message": ""}
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    status = (await ask(client, "GET", f"{BASE}/r", 200))["syncStatus"]
    assert (status["phase"], status["serverCount"]) == ("complete", 1)
    assert datetime.fromisoformat(status["nextSyncTime"]) > datetime.now(UTC) + timedelta(minutes=30)
    assert len((await ask(client, "GET", "/registry/r/v0.1/servers", 200))["servers"]) == 1


INVALID: list[tuple[str, Any, str]] = [
    ("no kind", {}, "one of git, api, file, managed, or kubernetes must be specified"),
    ("null kind", {"managed": None}, "one of git, api, file, managed, or kubernetes must be specified"),
    ("two kinds", {"managed": {}, "kubernetes": {}}, "only one source type may be specified"),
    ("kind of a wrong type", {"git": 5, **HOURLY}, "git must be an object, got a number"),
    ("flag as a kind", {"managed": True}, "managed must be an object, got a boolean"),
    ("no interval", GIT, "syncPolicy.interval is required for git registries"),
    ("no interval for api", {"api": {"endpoint": "https://x"}}, "interval is required for api registries"),
    ("no interval for file", {"file": {"path": "/x"}, "syncPolicy": {}}, "interval is required for file registries"),
    ("blank interval", {**GIT, "syncPolicy": {"interval": " "}}, "interval is required for git registries"),
    ("bad interval", {**GIT, "syncPolicy": {"interval": "1d"}}, 'invalid sync interval: time: unknown unit "d"'),
    ("zero interval", {**GIT, "syncPolicy": {"interval": "0s"}}, "must be greater than zero, got 0s"),
    ("negative interval", {"managed": {}, "syncPolicy": {"interval": "-5m"}}, "must be greater than zero, got -5m0s"),
    ("number as interval", {**GIT, "syncPolicy": {"interval": 5}}, "syncPolicy.interval must be a string, got a num"),
    ("bad percentage", {"managed": {}, "syncPolicy": {"maxRemovalPercent": 101}}, "must be between 0 and 100, got 101"),
    ("half a percent", {"managed": {}, "syncPolicy": {"maxRemovalPercent": 0.5}}, "must be a whole number, got a num"),
    ("unknown format", {"managed": {}, "format": "xml"}, "format must be 'toolhive' or 'upstream', got 'xml'"),
    ("toolhive api", {"api": {"endpoint": "https://x"}, "format": "toolhive", **HOURLY}, "either empty or upstream"),
    ("no repository", {"git": {"repository": ""}, **HOURLY}, "git.repository is required"),
    ("a command", {"git": {"repository": "ext::sh -c x"}, **HOURLY}, "git.repository must be an address"),
    ("an option", {"git": {"repository": "--upload-pack=x"}, **HOURLY}, "git.repository must be an address"),
    ("two refs", {"git": {"repository": "x", "tag": "a", "commit": "b"}, **HOURLY}, "only one of branch, tag, or com"),
    ("path outside", {"git": {"repository": "x", "path": "../y"}, **HOURLY}, "git.path must be a path inside the rep"),
    ("half of auth", {"git": {"repository": "x", "auth": {"username": "u"}}, **HOURLY}, "must both be specified"),
    ("no endpoint", {"api": {}, **HOURLY}, "api.endpoint is required"),
    ("no URL", {"api": {"endpoint": "registry"}, **HOURLY}, "api.endpoint must be an absolute URL with host"),
    ("no http URL", {"api": {"endpoint": "ftp://x"}, **HOURLY}, "api.endpoint must use http or https scheme"),
    ("long timeout", {"api": {"endpoint": "https://x", "timeout": "6m"}, **HOURLY}, "api.timeout must not exceed 5m0s"),
    ("no file", {"file": {}, **HOURLY}, "one of file.path, file.url and file.data is required"),
    ("two files", {"file": {"path": "/a", "data": "{}"}, **HOURLY}, "file.path, file.url and file.data are mutually"),
    ("no file URL", {"file": {"url": "files"}, **HOURLY}, "file.url must be an absolute URL with host"),
    ("timeout alone", {"file": {"path": "/a", "timeout": "1s"}, **HOURLY}, "file.timeout can only be given together"),
    ("data as an object", {"file": {"data": {"a": 1}}}, "file.data must be a string, got an object"),
    ("bad glob", {"managed": {}, "filter": {"names": {"include": ["a", "b{"]}}}, "filter.names.include[1] 'b{' is not"),
    ("too much", {"managed": {}, "filter": {"names": {"include": ["{a,b}" * 9] * 999}}}, "stands for too many patt"),
    (
        "bad list",
        {"managed": {}, "filter": {"tags": {"exclude": "x"}}},
        "filter.tags.exclude must be an array, got a s",
    ),
    ("bad item", {"managed": {}, "filter": {"tags": {"exclude": ["x", ""]}}}, "filter.tags.exclude[1] must not be emp"),
    ("bad namespace", {"kubernetes": {"namespaces": ["A"]}}, "'A' must be a valid namespace name"),
    ("NUL", {"git": {"repository": "x", "branch": "a\0"}, **HOURLY}, "git.branch holds a NUL character"),
    (
        "NUL in a list",
        {"managed": {}, "filter": {"tags": {"include": ["\0"]}}},
        "tags.include[0] holds a NUL character",
    ),
]


@pytest.mark.parametrize("case", INVALID, ids=[case[0] for case in INVALID])
async def test_broken_rule_is_400_and_stores_nothing(client: httpx.AsyncClient, case: tuple[str, Any, str]) -> None:
    _, body, words = case
    answer = await ask(client, "PUT", f"{BASE}/r", 400, body)
    assert answer["error"].startswith("invalid registry configuration: ")
    assert words in answer["error"]
    assert answer["detail"] == answer["error"]
    assert "; " not in answer["error"].replace("; write \\", ""), "one mistake, one problem"
    assert await ask(client, "GET", BASE, 200) == {"registries": []}


async def test_all_problems_are_told_at_once(client: httpx.AsyncClient) -> None:
    body = {
        "git": {"branch": "a", "commit": "b", "path": "/x"},
        "format": "yaml",
        "syncPolicy": {"interval": "x"},
        "filter": {"names": {"exclude": ["["]}, "tags": 1},
    }
    error = (await ask(client, "PUT", f"{BASE}/v0", 400, body))["error"]
    for words in (
        "name 'v0' cannot be used for a registry",
        "git.repository is required",
        "only one of branch, tag, or commit may be specified",
        "git.path must be a path inside the repository",
        "format must be 'toolhive' or 'upstream'",
        "invalid sync interval",
        "filter.names.exclude[0]",
        "filter.tags must be an object",
    ):
        assert words in error
    many = {"managed": {}, "filter": {"tags": {"include": [1] * 1000}, "names": {"include": ["[" + "x" * 10**6]}}}
    long = (await ask(client, "PUT", f"{BASE}/r", 400, many))["error"]
    assert long.endswith("and 951 more problems")
    assert len(long) < 10_000


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "Invalid request body: it is empty"),
        (b"{", 400, "Invalid request body: "),
        (b"[]", 400, "Invalid request body: it must be a JSON object"),
        (b"{} {}", 400, "Invalid request body: "),
        (b'{"file": {"data": "\\ud800"}}', 400, "Invalid request body: "),
        (b'{"file": {"data": "' + b"x" * 10 * 2**20 + b'"}}', 413, "larger than 10 MiB"),
    ],
)
async def test_unusable_body_is_refused(client: httpx.AsyncClient, content: bytes, status: int, words: str) -> None:
    assert words in (await ask(client, "PUT", f"{BASE}/r", status, content))["error"]
    assert await ask(client, "GET", BASE, 200) == {"registries": []}


async def test_body_of_some_megabytes_is_taken(client: httpx.AsyncClient) -> None:
    documents = [document(f"a/b{number}", extra="x" * 10_000) for number in range(300)]
    info = await ask(client, "PUT", f"{BASE}/r", 201, {"file": {"data": json.dumps(upstream(documents))}})
    assert info["syncStatus"]["serverCount"] == 300


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("%20", "registryName cannot be empty"),
        ("a%20b", "registryName cannot contain whitespace"),
        ("a%0Ab", "registryName cannot contain whitespace"),
        ("a%zz", "invalid URL encoding in registryName"),
        ("a%ff", "invalid URL encoding in registryName"),
        ("a%00", "registryName holds a NUL character"),
    ],
)
async def test_bad_name_is_400_whatever_is_asked(client: httpx.AsyncClient, path: str, words: str) -> None:
    for method, body in (("GET", None), ("PUT", {"managed": {}}), ("DELETE", None)):
        assert words in (await ask(client, method, f"{BASE}/{path}", 400, body))["error"]


@pytest.mark.parametrize("name", ["v0", "v0.1", "a%C2%A0b", "a%0Bb", "a%07", "%E2%80%83", "a" * 256])
async def test_name_that_no_registry_may_have_is_refused(client: httpx.AsyncClient, name: str) -> None:
    await ask(client, "PUT", f"{BASE}/{name}", 400, {"managed": {}})
    assert await ask(client, "GET", BASE, 200) == {"registries": []}


async def test_names_may_hold_what_a_path_encodes(client: httpx.AsyncClient) -> None:
    for path, name in (("team%2Ftools", "team/tools"), ("caf%C3%A9%25", "café%"), ("a" * 255, "a" * 255)):
        info = await ask(client, "PUT", f"{BASE}/{path}/", 201, {"managed": {}})
        assert info["name"] == name
        assert (await ask(client, "GET", f"{BASE}/{path}", 200))["name"] == name
        assert await ask(client, "GET", f"/registry/{path}/v0.1/servers", 200)
        await ask(client, "DELETE", f"{BASE}/{path}/", 204)


async def test_absent_registry_is_404(client: httpx.AsyncClient) -> None:
    for method in ("GET", "DELETE"):
        assert (await ask(client, method, f"{BASE}/nope", 404))["error"] == "Registry nope not found"


async def test_registry_of_the_file_is_not_changed_here(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    await configured(ctx, tmp_path)
    before = await ask(client, "GET", BASE, 200)
    for method, body in (("PUT", {**GIT, **HOURLY}), ("PUT", {"managed": {}}), ("DELETE", None)):
        answer = await ask(client, method, f"{BASE}/config-reg", 403, body)
        assert answer["error"] == "Cannot modify registry created via config file"
    assert await ask(client, "GET", BASE, 200) == before


async def test_servers_are_not_written_here(client: httpx.AsyncClient) -> None:
    for path, status, words in (
        ("foo/servers/a%2Fb/versions/1.0.0", 501, "Creating or updating servers is not supported"),
        ("foo/servers/no-slash/versions/latest", 501, "Creating or updating servers is not supported"),
        ("foo%2Fbar/servers/a/b/versions/1.0.0/", 501, "Creating or updating servers is not supported"),
        ("foo/servers/%20/versions/1.0.0", 400, "serverName cannot be empty"),
        ("%20/servers/a%2Fb/versions/1.0.0", 400, "registryName cannot be empty"),
        ("foo/servers/a%2Fb/versions/%09", 400, "version cannot be empty"),
        ("foo/servers/a%2Fb/versions/1%200", 400, "version cannot contain whitespace"),
    ):
        assert (await ask(client, "PUT", f"{BASE}/{path}", status, b"no JSON"))["error"] == words


async def test_what_only_the_operator_may_name_is_refused(client: httpx.AsyncClient) -> None:
    """It is read at each fetch: a request that names it could have any file sent to a host of its choice."""
    auth = {"username": "u", "passwordFile": "/no/such/file"}
    answer = await ask(client, "PUT", f"{BASE}/r", 400, {"git": {**GIT["git"], "auth": auth}, **HOURLY})
    words = "git.auth can only be given in the configuration file"
    assert answer["error"] == f"invalid registry configuration: {words}"
    assert await ask(client, "GET", BASE, 200) == {"registries": []}


async def test_secrets_of_the_file_are_never_shown(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    endpoint = {"endpoint": "https://registry.example.org", "headers": {"X-Key": "s3cret", "X-Tenant": "s3cret"}}
    address = {"url": "https://reader:s3cret@files.example.org/x.json?a=@"}
    for name, settings in (("upstream", {"api": endpoint}), ("download", {"file": address})):
        catalogue.sources[name] = {**settings, "syncPolicy": {"interval": "30m"}}
        catalogue.registries[name] = [name]
    await reconcile(ctx, catalogue.settings())
    for path in (BASE, f"{BASE}/upstream", f"{BASE}/download"):
        assert "s3cret" not in (await client.get(path)).text
    shown = (await ask(client, "GET", f"{BASE}/upstream", 200))["sourceConfig"]
    assert shown == {**endpoint, "headers": {"X-Key": "***", "X-Tenant": "***"}}
    shown = (await ask(client, "GET", f"{BASE}/download", 200))["sourceConfig"]
    assert shown == {"url": "https://reader:***@files.example.org/x.json?a=@"}


async def test_list_tells_only_the_size_of_inline_data(client: httpx.AsyncClient) -> None:
    data = json.dumps(upstream([document("a/b", extra="é" * 1000)]), ensure_ascii=False)
    info = await ask(client, "PUT", f"{BASE}/r", 201, {"file": {"data": data}})
    (listed,) = (await ask(client, "GET", BASE, 200))["registries"]
    assert listed.pop("sourceConfig") == {"data": f"({len(data.encode()):,} bytes of inline data)"}
    assert info.pop("sourceConfig") == {"data": data}
    assert listed == info


async def test_status_tells_how_far_a_run_has_come(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    body = {"file": {"path": str(tmp_path / "absent.json")}, **HOURLY}
    await ask(client, "PUT", f"{BASE}/r", 201, body)
    assert await run_next_due(ctx, "test", SyncTrigger.SCHEDULE)
    failed = (await ask(client, "GET", f"{BASE}/r", 200))["syncStatus"]
    assert (failed["phase"], failed["attemptCount"]) == ("failed", 1)
    assert "absent.json" in failed["message"]
    await request_sync(ctx, "r")
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    for stage, fetched, words in (
        (SyncStage.FETCHING, 0, "fetching"),
        (SyncStage.FETCHING, 12_300, "fetching: 12,300 documents so far"),
        (SyncStage.APPLYING, 12_345, "applying: 12,345 documents so far"),
    ):
        async with ctx.db.write() as tx:
            await note_progress(tx.session, run.id, stage, fetched)
        status = (await ask(client, "GET", f"{BASE}/r", 200))["syncStatus"]
        assert (status["phase"], status["attemptCount"], "nextSyncTime" in status) == ("syncing", 1, False)
        assert status["message"] == f"{words}; the run before failed: {failed['message']}"


async def test_statements_of_the_list_do_not_grow_with_the_runs_under_way(
    ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path, statements: StatementCounter
) -> None:
    for number in range(4):
        await ask(client, "PUT", f"{BASE}/r{number}", 201, {"file": {"path": str(tmp_path / "x.json")}, **HOURLY})
    counts = []
    for leased in (1, 4):
        while await lease_next(ctx, "test", SyncTrigger.SCHEDULE) and leased > 1:
            pass
        with statements() as seen:
            listed = (await ask(client, "GET", BASE, 200))["registries"]
        assert [info["syncStatus"]["message"] for info in listed].count("fetching") == leased
        counts.append(len(seen))
    assert counts[0] == counts[1], counts


async def test_held_run_counts_as_failed(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient) -> None:
    documents = [document(f"a/b{number}") for number in range(12)]
    catalogue = await seed(ctx, tmp_path, {"r": documents}, {"r": ["r"]})
    catalogue.put("r", documents[:2], **HOURLY)  # without the policy of the other tests, which lets everything go
    await catalogue.sync()
    status = (await ask(client, "GET", f"{BASE}/r", 200))["syncStatus"]
    assert (status["phase"], status["serverCount"]) == ("failed", 12)
    assert "10" in status["message"], "how many it would remove"


async def test_managed_registry_takes_what_is_published_and_goes_with_it(client: httpx.AsyncClient) -> None:
    await ask(client, "PUT", f"{BASE}/m", 201, {"managed": {}})
    await ask(client, "POST", "/registry/m/v0.1/publish", 201, document("com.example/thing"))
    status = (await ask(client, "GET", f"{BASE}/m", 200))["syncStatus"]
    assert status == {
        "phase": "complete",
        "attemptCount": 0,
        "serverCount": 1,
        "message": "Non-synced registry (type: managed)",
    }
    await ask(client, "PUT", f"{BASE}/m", 200, {"managed": {}, "format": "toolhive"})
    assert len((await ask(client, "GET", "/v0.1/servers", 200))["servers"]) == 1
    await ask(client, "DELETE", f"{BASE}/m", 204)
    assert (await ask(client, "GET", "/v0.1/servers", 200))["servers"] == []


async def test_other_methods_are_refused_with_the_whole_list(client: httpx.AsyncClient) -> None:
    for method, path, allowed in (
        ("POST", f"{BASE}/r", "DELETE, GET, HEAD, PUT"),
        ("POST", BASE, "GET, HEAD"),
        ("GET", f"{BASE}/r/servers/a%2Fb/versions/1", "PUT"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, ", ".join(sorted(answer.headers["allow"].split(", ")))) == (405, allowed)
    head = await client.head(BASE)
    assert (head.status_code, head.content) == (200, b"")


ELSEWHERE = {
    "ext-get-trailing": "a trailing slash makes no difference here",
    "ext-put-file-mode": "there is no file mode",
    "ext-gone-head": "this API stays",
}


def read_cases() -> list[Any]:
    if not CASES.is_file():
        return []
    found = [json.loads(line) for line in CASES.read_text().splitlines() if '"id": "ext-' in line]
    return [pytest.param(case, id=case["id"]) for case in found if case["id"] not in ELSEWHERE]


@pytest.mark.parametrize("case", read_cases())
async def test_black_box_case(ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, case: dict[str, Any]) -> None:
    await configured(ctx, tmp_path)
    if case["setup"].endswith("after ext-put-create"):
        await ask(client, "PUT", f"{BASE}/m1", 201, {"managed": {}})
    status = case.get("better_status", case["expect_status"])
    body = await ask(client, case["method"], case["path"], status, case["body"])
    for check in case["expect"] if isinstance(case["expect"], list) else []:
        found = body
        for part in check["ptr"].split("/")[1:]:
            found = found[int(part)] if isinstance(found, list) else found[part]
        match check["op"]:
            case "eq":
                assert found == check["value"]
            case "len":
                assert len(found) == check["value"]
            case "contains":
                assert check["value"] in found
            case other:
                raise AssertionError(f"unknown check {other}")
