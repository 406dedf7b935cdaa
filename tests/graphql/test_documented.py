"""What docs/graphql.md shows is what is answered, over the 101 servers of a real registry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.resolvers.context import Ctx
from tests.conftest import NEEDS_DATA, connect
from tests.graphql.asking import ask
from tests.graphql.documenting import BLOCK, PAGE, fill, operations, rewrite, without_times

pytestmark = NEEDS_DATA


@pytest.fixture(scope="module")
async def real(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await fill(shared_ctx, tmp_path_factory.mktemp("real"))
    async with connect(shared_ctx) as client:
        yield client


async def test_page_shows_what_is_answered(real: httpx.AsyncClient) -> None:
    page = PAGE.read_text()
    shown = [(match["kind"], match["name"]) for match in BLOCK.finditer(page)]
    pages = ("Catalogue", "ServerDetail", "Sources", "PublishForm", "Activity")
    assert {(kind, name) for kind in ("operation", "answer") for name in pages} <= set(shown)
    assert without_times(await rewrite(real, page)) == without_times(page)


async def test_pages_show_the_whole_registry(real: httpx.AsyncClient) -> None:
    """The five pages draw on all 101 servers, not on what the page of documentation happens to show."""
    texts = operations()
    page = (await ask(real, texts["Catalogue"], first=100, registry="default"))["servers"]
    assert page["totalCount"] == 101
    assert sum(count["count"] for count in page["facets"]["statuses"]) == 101
    names = [edge["node"]["name"] for edge in page["edges"]]
    assert len(names) == 100
    for name in names:
        server = (await ask(real, texts["ServerDetail"], name=name, registry="default"))["server"]
        assert server["version"]["toolhive"]["tier"] == server["tier"]
        assert server["version"]["packages"] or server["version"]["remotes"]
    sources = (await ask(real, texts["Sources"]))["sources"]["nodes"]
    assert {source["name"]: source["entryCount"] for source in sources} == {"toolhive": 101, "community": 1, "team": 0}
    changes = (await ask(real, texts["Activity"], registry="default", last=100))["catalogChanges"]
    assert changes["totalCount"] == 102
