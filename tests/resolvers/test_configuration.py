"""The configuration file decides which sources and registries there are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.errors import ConfigError, RegistryNotFound
from app.models.kinds import SyncPhase
from app.models.queries import ListServers
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.registries import list_registries
from app.resolvers.servers import list_servers
from app.resolvers.sources import list_sources
from tests.seeding import document, seed, tagged


async def names(ctx: Ctx, registry: str | None = None) -> dict[str, str]:
    page = await list_servers(ctx, ListServers(registry))
    return {view.name: view.description for view in page.items}


async def test_order_of_sources_decides_who_is_seen(ctx: Ctx, tmp_path: Path) -> None:
    sources = {
        "one": [document("a/b", description="one")],
        "two": [document("a/b", description="two"), document("a/c")],
    }
    catalogue = await seed(ctx, tmp_path, sources, {"x": ["one", "two"], "y": ["two", "one"], "z": ["one"]})
    assert await names(ctx, "x") == {"a/b": "one", "a/c": "Does a/c"}
    assert await names(ctx, "y") == {"a/b": "two", "a/c": "Does a/c"}
    assert await names(ctx, "z") == {"a/b": "one"}
    assert (await names(ctx))["a/b"] == "one", "the aggregate follows the order of first mention"
    catalogue.registries["x"] = ["two", "one"]
    await reconcile(ctx, catalogue.settings())
    assert (await names(ctx, "x"))["a/b"] == "two"
    assert (await names(ctx))["a/b"] == "two"


async def test_source_taken_out_of_the_file_goes_with_what_it_served(ctx: Ctx, tmp_path: Path) -> None:
    sources = {
        "one": [document("a/b", description="one")],
        "two": [document("a/b", description="two"), document("a/c")],
    }
    catalogue = await seed(ctx, tmp_path, sources, {"x": ["one", "two"], "y": ["one"]})
    del catalogue.sources["one"], catalogue.registries["y"]
    catalogue.registries["x"] = ["two"]
    await reconcile(ctx, catalogue.settings())
    assert await names(ctx, "x") == await names(ctx) == {"a/b": "two", "a/c": "Does a/c"}
    assert [view.name for view in await list_registries(ctx)] == ["x"]
    with pytest.raises(RegistryNotFound):
        await names(ctx, "y")
    async with ctx.db.read() as session:
        gone = await session.execute(text("select name, version from change where action = 'REMOVED'"))
        assert [tuple(row) for row in gone] == [("a/b", "1.0.0")]


async def test_reconciling_the_same_file_changes_nothing(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")]}, {"x": ["one"]})
    state = text(
        "select (select revision from catalog), (select updated_at from registry where name = 'x'), updated_at"
        " from source"
    )
    async with ctx.db.read() as session:
        before = (await session.execute(state)).all()
    await reconcile(ctx, catalogue.settings())
    async with ctx.db.read() as session:
        assert (await session.execute(state)).all() == before


async def test_claims_of_a_source_reach_its_entries_and_are_interned(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")], "two": [document("a/c")]})
    for source in ("one", "two"):
        catalogue.sources[source]["claims"] = {"orgId": ["b", "a"] if source == "one" else ["a", "b"]}
    await catalogue.sync()
    async with ctx.db.read() as session:
        found = await session.execute(
            text("select distinct c.claims from listing l join claim_set c on c.id = l.claim_set_id")
        )
        assert [row.claims for row in found] == [{"orgId": ["a", "b"]}]
        assert await session.scalar(text("select count(*) from claim_set")) == 2


async def test_kind_that_is_not_built_yet_is_a_message_on_that_source(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")]})
    catalogue.sources["far"] = {"kubernetes": {}}
    catalogue.sources["own"] = {"managed": {}}
    catalogue.registries["default"] = ["far", "one", "own"]
    await catalogue.sync()
    far, one, own = await list_sources(ctx)
    assert (far.phase, one.phase, own.phase) == (SyncPhase.IDLE, SyncPhase.COMPLETE, SyncPhase.IDLE)
    assert "not built yet" in far.message
    assert far.next_run_at is None
    assert (own.message, own.next_run_at) == ("", None), "a managed source waits for no run"
    assert await names(ctx, "default") == {"a/b": "Does a/b"}


async def test_name_created_through_the_api_is_not_taken_over(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")]}, {"x": ["one"]})
    async with ctx.db.write() as tx:
        await tx.session.execute(text("update registry set creation_type = 'API' where name = 'x'"))
        await tx.session.execute(text("update source set creation_type = 'API'"))
    with pytest.raises(ConfigError) as refused:
        await reconcile(ctx, catalogue.settings())
    assert [problem.path for problem in refused.value.problems] == ["source 'one'", "registry 'x'"]
    assert (await list_registries(ctx))[0].creation_type == "API"


async def test_restarts_use_up_no_ids(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [tagged("a/b", "x")]})
    for _ in range(5):
        await reconcile(ctx, catalogue.settings())
    catalogue.put("one", [tagged("a/b", "x"), tagged("a/c", "x")])
    catalogue.put("two", [document("a/d")])
    catalogue.registries["two"] = ["two"]
    await catalogue.sync()
    async with ctx.db.read() as session:
        for table, ids in (("source", [1, 2]), ("registry", [0, 1, 2]), ("entry", [1, 2, 3])):
            found = await session.execute(text(f"select id from {table} order by id"))  # noqa: S608  # fixed names
            assert list(found.scalars()) == ids, table
