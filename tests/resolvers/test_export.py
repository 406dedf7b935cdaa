"""Reading a whole registry page by page: what is in it, in which order, and what happens between two pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import RegistryNotFound
from app.models.views import VersionView
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.export import export_registry
from tests.conftest import StatementCounter
from tests.seeding import document, seed

Pages = list[tuple[VersionView, ...]]


async def export(ctx: Ctx, registry: str | None, *, latest: bool = False) -> Pages:
    return [page async for page in export_registry(ctx, registry, latest)]


def keys(pages: Pages) -> list[tuple[str, str]]:
    return [(view.name, view.version) for page in pages for view in page]


async def test_pages_join_to_the_whole_registry_in_the_usual_order(
    ctx: Ctx, tmp_path: Path, statements: StatementCounter
) -> None:
    documents = [document(f"a/b{n % 700:03}", f"1.{n // 700}.0") for n in range(2100)]
    await seed(ctx, tmp_path, {"s": documents})
    with statements() as seen:
        pages = await export(ctx, "default")
    assert [len(page) for page in pages] == [1000, 1000, 100]
    assert len(seen) == 6, "two statements a page: which registry, and its rows"
    assert keys(pages) == sorted((each["name"], each["version"]) for each in documents)
    assert keys(await export(ctx, "default", latest=True)) == [(f"a/b{n:03}", "1.2.0") for n in range(700)]


async def test_nothing_is_held_between_two_pages(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/b{n:04}") for n in range(1001)]})
    pages = export_registry(ctx, None, False)
    assert len(await anext(pages)) == 1000
    status = ctx.db.engine.pool.status()
    assert "Current Checked out connections: 0" in status, status
    assert keys([await anext(pages)]) == [("a/b1000", "1.0.0")]


async def test_full_last_page_is_not_followed_by_an_empty_one(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/b{n:04}") for n in range(1000)]})
    assert [len(page) for page in await export(ctx, "default")] == [1000]


async def test_change_behind_the_last_page_is_seen_and_nothing_comes_twice(ctx: Ctx, tmp_path: Path) -> None:
    documents = [document(f"a/b{n:04}") for n in range(1001)]
    catalogue = await seed(ctx, tmp_path, {"s": documents})
    pages = export_registry(ctx, "default", False)
    first = await anext(pages)
    catalogue.put("s", [*documents[1:1000], document("a/a"), document("a/c")])
    await catalogue.sync()
    assert keys([first, *[page async for page in pages]]) == [
        *((each["name"], "1.0.0") for each in documents[:1000]),
        ("a/c", "1.0.0"),
    ]


async def test_deleted_and_hidden_versions_are_left_out(ctx: Ctx, tmp_path: Path) -> None:
    sources = {
        "one": [document("a/b", "1.0.0"), document("a/b", "2.0.0"), document("a/gone")],
        "two": [document("a/b", "3.0.0"), document("a/c")],
    }
    catalogue = await seed(ctx, tmp_path, sources, {"both": ["one", "two"], "second": ["two"]})
    catalogue.put("one", [document("a/b", "1.0.0")])
    await catalogue.sync()
    both = [("a/b", "1.0.0"), ("a/c", "1.0.0")]
    for latest in (False, True):
        assert keys(await export(ctx, "both", latest=latest)) == both
        assert keys(await export(ctx, None, latest=latest)) == both, "all registries together"
        assert keys(await export(ctx, "second", latest=latest)) == [("a/b", "3.0.0"), ("a/c", "1.0.0")]


async def test_empty_registry_is_one_empty_page(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.sources["own"] = {"managed": {}}
    catalogue.registries["empty"] = ["own"]
    await catalogue.sync()
    assert await export(ctx, "empty") == [()]


async def test_unknown_registry_is_told_with_the_first_page(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    with pytest.raises(RegistryNotFound):
        await anext(export_registry(ctx, "nope", False))


async def test_registry_that_goes_midway_is_an_error_and_no_early_end(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document(f"a/b{n:04}") for n in range(1001)]})
    pages = export_registry(ctx, "default", False)
    await anext(pages)
    catalogue.registries = {"other": ["s"]}
    await reconcile(ctx, catalogue.settings())
    with pytest.raises(RegistryNotFound):
        await anext(pages)
