"""The black-box cases of the reference server, each played against the application from the state that it names."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.core.database import Database
from app.main import create_internal_app
from app.resolvers.context import Ctx
from tests.conftest import NEEDS_DATA, SHARED, connect
from tests.rest import case_stages as stages
from tests.rest.case_decisions import FOLLOWS, INSTEAD, Check, reason_to_skip

FILE = SHARED / "cases" / "api.jsonl"
Case = dict[str, Any]

# How a setup begins, and what builds it; the first that fits counts.
BUILDS: dict[str, stages.Build] = {
    "FX-EMPTY": stages.build_empty,
    "FX-MG after del-ok-049": stages.build_deleted,
    "FX-MG, publish com.example/s 1.0.0 then 1.0.0-alpha": stages.build_prerelease,
    "FX-MG, publish only 1.0.0, delete it": stages.build_deleted,
    "FX-MG": stages.build_managed,
    "server com.example/s with 2.0.0, 10.0.0, 9.0.0 in FX-MG": stages.build_three_versions,
    "1001+ rows": stages.build_large,
    "FX-SH, anonymous": stages.build_shadows,
    "FX-API after ext-put-create": stages.build_created,
    "FX-API": stages.build_configured,
    "FX-TS": stages.build_test_servers,
    "any": stages.build_test_servers,
    "anonymous auth": stages.build_empty,
    "auth mode anonymous": stages.build_empty,
}
LOST = ("storage unreachable", "DB down")


def read_cases() -> list[Case]:
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


CASES = read_cases()
PLAYED = [case for case in CASES if reason_to_skip(case["id"], case["path"]) is None]
WITHOUT = [case for case in PLAYED if case["setup"].startswith(LOST)]
SHARING = [case for case in PLAYED if case["setup"].startswith("FX-TS") and case["method"] == "GET"]
OWN = [case for case in PLAYED if case not in SHARING and case not in WITHOUT]

pytestmark = NEEDS_DATA


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


@pytest.fixture(scope="module")
async def test_servers(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """FX-TS for all cases that only read it."""
    async with connect(shared_ctx) as client:
        await stages.build_test_servers(stages.Stage(shared_ctx, client, tmp_path_factory.mktemp("cases")))
        yield client


@each(SHARING)
async def test_case_that_reads(test_servers: httpx.AsyncClient, case: Case) -> None:
    judge(case, await play(test_servers, case))


@each(OWN)
async def test_case_from_a_state_of_its_own(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path, case: Case) -> None:
    build = next(build for start, build in BUILDS.items() if case["setup"].startswith(start))
    await build(stages.Stage(ctx, client, tmp_path))
    async with connect_to_port(ctx, case) as port:
        judge(case, await play(port, case))


@each(WITHOUT)
async def test_case_without_storage(connect_args: dict[str, Any], case: Case) -> None:
    away = Database({**connect_args, "host": "/nonexistent"})
    async with connect_to_port(Ctx(away), case) as port:
        judge(case, await play(port, case))
    await away.close()


@each([case for case in CASES if case not in PLAYED])
def test_case_of_what_is_not_built(case: Case) -> None:
    pytest.skip(str(reason_to_skip(case["id"], case["path"])))


def test_every_decision_is_about_a_case_that_is_played() -> None:
    assert {FOLLOWS, *INSTEAD} <= {case["id"] for case in PLAYED}
    assert {case["id"] for case in PLAYED if "better" in case} <= set(INSTEAD), "what is better is told in prose only"


@each([case for case in PLAYED if case["id"] in INSTEAD])
def test_decision_differs_from_the_reference(case: Case) -> None:
    """A decision that says what the case says anyway would only hide it."""
    decided = INSTEAD[case["id"]]
    assert (decided.status, decided.checks) != (case["expect_status"], case["expect"])


def connect_to_port(ctx: Ctx, case: Case) -> httpx.AsyncClient:
    if "internal port" not in case["setup"]:
        return connect(ctx)
    transport = httpx.ASGITransport(create_internal_app(ctx, asyncio.Event()), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://registry.example")


async def play(client: httpx.AsyncClient, case: Case) -> httpx.Response:
    path = case["path"]
    if case["id"] == FOLLOWS:
        first = (await client.get(path.partition("&cursor=")[0])).json()
        path = re.sub("(?<=&cursor=).*", quote(first["metadata"]["nextCursor"]), path)
    body = case["body"]
    content = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return await client.request(case["method"], path, headers=case["headers"], content=content)


def judge(case: Case, answer: httpx.Response) -> None:
    instead = INSTEAD.get(case["id"])
    status = case.get("better_status", case["expect_status"])
    own = case["expect"] if isinstance(case["expect"], list) and "better_status" not in case else []
    checks = instead.checks if instead else own
    assert answer.status_code == (instead.status if instead else status), answer.text
    body: Any = answer.json() if answer.content else None
    if answer.status_code >= 400:
        assert body.items() >= {"error": body["detail"], "status": answer.status_code}.items()
        assert answer.headers["content-type"] == "application/json"
    if answer.status_code == 204:
        assert body is None
    if case["path"].endswith("/publish") and answer.is_success:
        body = body["server"]  # v0.4.9 answers with the bare document, this server with its envelope
    for check in checks:
        hold(check, body, answer)


def hold(check: Check, body: Any, answer: httpx.Response) -> None:
    found = [answer.headers[check["header"]]] if "header" in check else resolve(body, check["ptr"])
    match check["op"]:
        case "absent":
            assert found == [], check
        case "exists":
            assert len(found) == 1, check
        case "eq":
            assert found == [check["value"]], check
        case "len":
            assert [len(value) for value in found] == [check["value"]], check
        case "contains":
            assert [value for value in found if check["value"] in value] == found != [], (check, found)
        case other:
            pytest.fail(f"unknown check {other}")


def resolve(value: Any, pointer: str) -> list[Any]:
    """What the JSON pointer leads to, as a list of one; empty where it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return []
    return [value]
