"""What docs/graphql.md shows is what is answered, over the 101 servers of a real registry."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from graphql import GraphQLEnumType, build_schema

from app.core.errors import AppError
from app.graphql.schema import print_sdl
from app.graphql.trusted import load_trusted
from app.resolvers.context import Ctx
from tests.conftest import NEEDS_DATA, connect
from tests.graphql.asking import ask
from tests.graphql.documenting import BLOCK, PAGE, fill, operations, rewrite, without_times


@pytest.fixture(scope="module")
async def real(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await fill(shared_ctx, tmp_path_factory.mktemp("real"))
    async with connect(shared_ctx) as client:
        yield client


@NEEDS_DATA
async def test_page_shows_what_is_answered(real: httpx.AsyncClient) -> None:
    page = PAGE.read_text()
    shown = [(match["kind"], match["name"]) for match in BLOCK.finditer(page)]
    pages = ("Catalogue", "ServerDetail", "Sources", "PublishForm", "Activity")
    assert {(kind, name) for kind in ("operation", "answer") for name in pages} <= set(shown)
    assert without_times(await rewrite(real, page)) == without_times(page)


@NEEDS_DATA
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


def test_page_names_every_mutation_code_and_subscription() -> None:
    schema = build_schema(print_sdl())
    words = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    codes = schema.type_map["ErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    assert schema.mutation_type is not None
    assert schema.subscription_type is not None
    wanted = {*codes.values, *schema.mutation_type.fields, *schema.subscription_type.fields}
    assert wanted - words == set()


def test_page_names_every_code_of_the_domain() -> None:
    waiting, codes = [AppError], set()
    while waiting:
        kind = waiting.pop()
        codes.add(kind.code)
        waiting += kind.__subclasses__()
    elsewhere = {"INVALID_CONFIGURATION", "PAYLOAD_TOO_LARGE", "NOT_IMPLEMENTED"}  # never in an executed answer
    assert codes - elsewhere - set(re.findall(r"`([A-Z_]+)`", PAGE.read_text())) == set()


def test_document_id_on_the_page_is_trusted() -> None:
    (found,) = re.findall(r'"documentId": "(sha256:[0-9a-f]+)"', PAGE.read_text())
    assert "query Activity" in (load_trusted().get(found) or "")


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE.read_text()))
def test_every_link_of_the_page_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()
