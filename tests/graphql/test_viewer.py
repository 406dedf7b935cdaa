"""Who is asking, and what they may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx

from app.auth.viewer import Permission, Role, Viewer
from app.models.queries import Visibility
from app.resolvers.context import Ctx
from tests.conftest import StatementCounter, connect
from tests.graphql.asking import ask
from tests.seeding import document, seed

QUERY = "{ viewer { subject isAnonymous roles claims permissions publishesTo { name } } }"


async def test_anonymous_viewers_may_do_everything(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("com.example/x")]})
    catalogue.managed += ["second", "first"]
    await catalogue.sync()
    assert (await ask(client, QUERY))["viewer"] == {
        "subject": None,
        "isAnonymous": True,
        "roles": [],
        "claims": {},
        "permissions": ["READ", "PUBLISH", "MANAGE_SOURCES", "MANAGE_REGISTRIES", "SYNCHRONISE"],
        "publishesTo": [{"name": "first"}, {"name": "second"}],
    }


async def test_viewer_shows_what_it_is_allowed(ctx: Ctx) -> None:
    viewer = Viewer(
        Visibility(()),
        subject="someone",
        roles=frozenset({Role.MANAGE_ENTRIES, Role.MANAGE_SOURCES}),
        claims={"org": ["acme"]},
        permissions=frozenset({Permission.SYNCHRONISE, Permission.READ}),
    )
    async with connect(ctx) as client:
        assert (await client.put("/extension/v0/registries/mine", json={"managed": {}})).status_code == 201
    async with connect(replace(ctx, viewer=viewer)) as client:
        assert (await ask(client, QUERY))["viewer"] == {
            "subject": "someone",
            "isAnonymous": False,
            "roles": ["MANAGE_SOURCES", "MANAGE_ENTRIES"],
            "claims": {"org": ["acme"]},
            "permissions": ["READ", "SYNCHRONISE"],
            "publishesTo": [],
        }


async def test_registries_with_several_sources_are_published_to_if_one_is_managed(
    ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    catalogue = await seed(ctx, tmp_path, {"a": [document("com.example/x")]})
    catalogue.sources["hand"] = {"managed": {}}
    catalogue.registries["both"] = ["a", "hand"]
    await catalogue.sync()
    assert (await ask(client, QUERY))["viewer"]["publishesTo"] == [{"name": "both"}]


async def test_nothing_is_read_for_what_is_not_asked(client: httpx.AsyncClient, statements: StatementCounter) -> None:
    with statements() as seen:
        await ask(client, "{ viewer { subject roles permissions } }")
    assert seen == []
