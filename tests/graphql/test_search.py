"""Searching servers over GraphQL: what is found, in what order, where in the texts, and from page to page."""

from __future__ import annotations

import random
import string
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.searches import Search
from app.resolvers.context import Ctx
from app.resolvers.search_matches import find_matches
from tests.conftest import StatementCounter, connect
from tests.effort import search as effort
from tests.graphql.asking import ask, refused
from tests.graphql.viewing import view
from tests.seeding import document, seed, tagged

FIND = """query($search: String, $first: Int, $after: String, $last: Int, $before: String, $orderBy: ServerOrder) {
  servers(search: $search, first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
    correction totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor rank node { name } matches { field parts { text isMatch } } } } }"""

DOCUMENTS = [
    document("com.example/postgres", description="The elephant"),
    document("org.example/postgres-mcp-server", description="Another elephant"),
    document("org.example/postgres-admin", description="Looks after it"),
    document("org.example/one", title="Works with Postgres", description="In the title"),
    tagged("org.example/two", "postgres") | {"description": "In the tags"},
    tagged("org.example/three", tools=["postgres_query"]) | {"description": "In the tools"},
    document("org.example/four", description="Reads Postgres and much else"),
    document("postgres.example/five", description="In the namespace"),
    document("org.example/six", description="Half of it: mypostgresql"),
    document("io.github.acme/getweather", title="Wetter", description="GitHub is not what it is about"),
    tagged("io.github.acme/camel", tools=["getUserProfile", "HTTPServerStart"]) | {"description": "Camels"},
    document("io.github.acme/duck-duck-go", description="Finds pages"),
    document("io.github.acme/databases", description="Queries of all kinds, mapping included"),
    document("org.example/strasse", title="Straße"),
    document("org.example/cafe", title="Café Ünïcode", description="Crème brûlée für Ärzte"),
    document("org.example/cjk", title="网络搜索服务", description="ウェブ検索サーバー"),
    document("org.example/hindi", title="मौसम सेवा", description="Прогноз погоды и температура"),
    document("org.example/odd", description="100% of a_b \\ 'quoted' \"twice\" 🚀 c++ :* & | !"),
    document("org.example/it", description="To be or not to be the it"),
]


@pytest.fixture(scope="module")
async def served(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    await seed(shared_ctx, tmp_path_factory.mktemp("served"), {"s": DOCUMENTS})
    async with connect(shared_ctx) as client:
        yield client


async def find(client: httpx.AsyncClient, text: str | None, **more: Any) -> Any:
    return (await ask(client, FIND, search=text, **more))["servers"]


async def names(client: httpx.AsyncClient, text: str) -> list[str]:
    found = await find(client, text, first=100)
    assert found["totalCount"] == len(found["edges"])
    return [edge["node"]["name"].partition("/")[2] for edge in found["edges"]]


async def test_tiers_come_in_their_order(served: httpx.AsyncClient) -> None:
    found = await find(served, "postgres")
    order = [edge["node"]["name"].partition("/")[2] for edge in found["edges"]]
    assert order[:3] == ["postgres", "postgres-mcp-server", "postgres-admin"]
    assert order[3] == "one"
    assert set(order[4:6]) == {"two", "three"}
    assert order[6:] == ["four", "five", "six"], "description, namespace, inside of a word"
    assert found["correction"] is None
    assert (await names(served, "org.example/postgres-admin"))[0] == "postgres-admin"
    assert (await names(served, "ORG.example/ONE"))[0] == "one"
    assert (await names(served, "a_b"))[0] == "odd", "what is written so goes before words that begin so"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "postgre",
            {"postgres", "postgres-mcp-server", "postgres-admin", "one", "two", "three", "four", "five", "six"},
        ),
        ("gresql", {"six"}),
        ("elephant postgres", {"postgres", "postgres-mcp-server"}),
        ("another elephant", {"postgres-mcp-server"}),
        ("user profile", {"camel"}),
        ("getuserprofile", {"camel"}),
        ("http", {"camel"}),
        ("duckduckgo", {"duck-duck-go"}),
        ("duck duck go", {"duck-duck-go"}),
        ("database", {"databases"}),
        ("query mapped", {"databases"}),
        ("mcp database server", {"databases"}),
        ("github", {"getweather"}),
        ("acme", {"getweather", "camel", "duck-duck-go", "databases"}),
        ("io.github.acme", {"getweather", "camel", "duck-duck-go", "databases"}),
        ("acme/d", {"duck-duck-go", "databases"}),
        ("mcp", {"postgres-mcp-server"}),
        ("STRASSE", {"strasse"}),
        ("straße", {"strasse"}),
        ("CAFÉ", {"cafe"}),
        ("cafe\u0301", {"cafe"}),
        ("unïcode", {"cafe"}),
        ("ÜNÏ", {"cafe"}),
        ("ärzte", {"cafe"}),
        ("搜索", {"cjk"}),
        ("检索 无", set()),
        ("検索", {"cjk"}),
        ("मौसम", {"hindi"}),
        ("ПОГОД", {"hindi"}),
        ("100%", {"odd"}),
        ("'quoted'", {"odd"}),
        ("%", {"odd"}),
        ("\\", {"odd"}),
        ('"twice"', {"odd"}),
        (":* & | !", {"odd"}),
        ("🚀", {"odd"}),
        ("the it", {"it", "getweather"}),
        ("to be or not to be", {"it", "getweather", "postgres-mcp-server"}),
    ],
)
async def test_what_is_found(served: httpx.AsyncClient, typed: str, expected: set[str]) -> None:
    assert set(await names(served, typed)) == expected


@pytest.mark.parametrize(
    ("typed", "correction", "first"),
    [
        ("postgers", "postgres", "postgres"),
        ("postrges", "postgres", "postgres"),
        ("elefant", "elephant", "postgres"),
        ("cmel", "camel", "camel"),
        ("qeuries", "queries", "databases"),
        ("elephnt postgers", "elephant postgres", "postgres"),
        ("pogoda", "погоды", None),
        ("погодя", "погоды", "hindi"),
        ("camel elephant", "camel or elephant", "camel"),
        ("camle elephnat", "camel or elephant", "camel"),
        ("zzzzzzzz", None, None),
        ("zz", None, None),
    ],
)
async def test_misspelt_words_are_corrected(
    served: httpx.AsyncClient, typed: str, correction: str | None, first: str | None
) -> None:
    found = await find(served, typed)
    if first is None:
        assert (found["edges"], found["correction"], found["totalCount"]) == ([], None, 0)
        return
    assert found["correction"] == correction
    assert first in {edge["node"]["name"].partition("/")[2] for edge in found["edges"]}
    again = await find(served, correction)
    assert [edge["node"] for edge in again["edges"]] == [edge["node"] for edge in found["edges"]]
    assert again["totalCount"] == found["totalCount"]


async def test_blank_search_is_none(served: httpx.AsyncClient) -> None:
    for blank in (None, "", "  \t\n", "\u3000"):
        found = await find(served, blank, first=100)
        assert found["totalCount"] == len(DOCUMENTS)
        assert all(edge["rank"] is None and edge["matches"] == [] for edge in found["edges"])


async def test_names_are_not_taken_apart_where_nothing_is_found(served: httpx.AsyncClient) -> None:
    """Else any server of the same publisher would do."""
    found = await find(served, "org.example/camel-elephant")
    assert (found["edges"], found["correction"]) == ([], None)


@pytest.mark.parametrize(
    ("typed", "matches"),
    [
        ("elephant", [("DESCRIPTION", "The [elephant]")]),
        ("com.example/postgres", [("NAME", "[com.example/postgres]"), ("DESCRIPTION", "The elephant")]),
    ],
)
async def test_matches_show_what_was_found(
    served: httpx.AsyncClient, typed: str, matches: list[tuple[str, str]]
) -> None:
    edges = (await find(served, typed))["edges"]
    (edge,) = (edge for edge in edges if edge["node"]["name"] == "com.example/postgres")
    found = [
        (match["field"], bracketed((p["text"], p["isMatch"]) for p in match["parts"])) for match in edge["matches"]
    ]
    assert found == [match for match in matches if "[" in match[1]]


def bracketed(parts: Any) -> str:
    return "".join(f"[{text}]" if is_match else text for text, is_match in parts)


@pytest.mark.parametrize(
    ("typed", "more", "expected"),
    [
        ("git", {"name": "io.github.acme/git-hub"}, ["NAME io.github.acme/[git]-hub"]),
        ("acme", {"name": "io.github.acme/x"}, ["NAME io.github.[acme]/x"]),
        ("github", {"name": "io.github.acme/x"}, []),
        ("io.github", {"name": "io.github.acme/x"}, ["NAME [io.github].acme/x"]),
        ("web search", {"title": "Web search, websearch"}, ["TITLE [Web search], [websearch]"]),
        ("base", {"description": "Based on a database"}, ["DESCRIPTION [Base]d on a data[base]"]),
        ("db", {"description": "DB, not mongodb"}, ["DESCRIPTION [DB], not mongodb"]),
        ("queries", {"description": "Query the queries"}, ["DESCRIPTION [Quer]y the [queries]"]),
        ("strasse", {"title": "Die Straße"}, ["TITLE Die [Straße]"]),
        ("straß", {"title": "STRASSE"}, ["TITLE [STRASS]E"]),
        ("é", {"title": "Cafe\u0301 É"}, ["TITLE Caf[e\u0301] [É]"]),
        ("i", {"title": "İi"}, ["TITLE [İ]i"]),
        ("sql", {"tags": ["nosql", "db"], "tools": ["sql_query"]}, ["TAGS no[sql]", "TOOLS [sql]_query"]),
        ("%", {"description": "100%"}, ["DESCRIPTION 100[%]"]),
        ("aa", {"description": "aaaa aa"}, ["DESCRIPTION [aa]aa [aa]"]),
    ],
)
def test_texts_are_cut_where_they_match(typed: str, more: dict[str, Any], expected: list[str]) -> None:
    search = Search.of(typed)
    assert search is not None
    found = [
        f"{match.field} {bracketed((p.text, p.is_match) for p in match.parts)}"
        for match in find_matches(view(**{"name": "x/y", "description": "-", **more}), search)
    ]
    assert found == expected


@effort(300)
@given(st.text("aAßẞİıſée\u0301 ﬁ-한각x", max_size=12), st.text("aAsßi\u0307éef ﬁ-한x", min_size=1, max_size=3))
def test_parts_put_together_are_the_text(text: str, typed: str) -> None:
    search = Search.of(typed)
    if search is None:
        return
    for match in find_matches(view(name="x/y", description=text), search):
        if match.field == "DESCRIPTION":
            assert "".join(part.text for part in match.parts) == text
            assert all(part.text for part in match.parts)
            flags = [part.is_match for part in match.parts]
            assert all(one != other for one, other in pairwise(flags))


@pytest.fixture(scope="module")
async def many(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    rng = random.Random(7)  # noqa: S311  # reproducible test data
    words = ["sun", "rain", "sunny", "weather", "unsung"]
    documents = [
        tagged(f"x{n % 3}.example/{rng.choice(words)}-{n}", *rng.sample(words, 2))
        | {"description": " ".join(rng.choices(words, k=rng.randint(1, 6)))}
        for n in range(60)
    ]
    await seed(shared_ctx, tmp_path_factory.mktemp("many"), {"s": documents})
    async with connect(shared_ctx) as client:
        yield client


@pytest.mark.parametrize("typed", ["sun", "sun rain", "wether", "ain", "-", None])
@pytest.mark.parametrize("order", [None, {"field": "NAME", "direction": "DESC"}, {"field": "UPDATED_AT"}])
async def test_pages_in_both_directions_are_the_whole(
    many: httpx.AsyncClient, typed: str | None, order: dict[str, str] | None
) -> None:
    whole = (await find(many, typed, first=100, orderBy=order))["edges"]
    assert len(whole) > 7
    if typed is not None and order is None:
        places = [(-edge["rank"], edge["node"]["name"]) for edge in whole]
        assert places == sorted(places)
    forward: list[Any] = []
    page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        page = await find(many, typed, first=7, after=page["pageInfo"]["endCursor"], orderBy=order)
        assert page["totalCount"] == len(whole)
        forward += page["edges"]
    assert forward == whole
    backward: list[Any] = []
    page = {"pageInfo": {"hasPreviousPage": True, "startCursor": None}}
    while page["pageInfo"]["hasPreviousPage"]:
        page = await find(many, typed, last=7, before=page["pageInfo"]["startCursor"], orderBy=order)
        backward = page["edges"] + backward
    assert backward == whole


async def test_cursors_of_another_search_are_refused(many: httpx.AsyncClient) -> None:
    cursor = (await find(many, "sun", first=1))["pageInfo"]["endCursor"]
    assert (await find(many, " SUN ", first=1, after=cursor))["edges"] != []
    error = await refused(many, FIND, search="rain", after=cursor)
    assert "another list" in error["message"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [("x" * 257, "search holds 257 characters; 256 at most"), ("a b" * 3400, "search"), ("\0", "NUL")],
)
async def test_unusable_searches_are_refused(served: httpx.AsyncClient, typed: str, words: str) -> None:
    error = await refused(served, FIND, search=typed)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert words in error["message"]


HOSTILE = [
    "'",
    "''",
    "\\'",
    "a'b",
    "a\\",
    "' | 'x':*",
    "a:*",
    "!a",
    "(a",
    "a <-> b",
    "%%%",
    "_",
    "--",
    "/",
    "a/b/c",
    "::int",
]
HOSTILE += [
    "ﷺ",
    "\u202e",
    "e\u0301" * 100,
    "\ufeff",
    "١٢٣",
    "a" * 256,
    "a " * 128,
    "é " * 128,
    "' " * 128,
    "or",
    "or or",
]


@pytest.mark.parametrize("typed", HOSTILE)
async def test_hostile_searches_are_answered(served: httpx.AsyncClient, typed: str) -> None:
    found = await find(served, typed, first=100)
    assert found["totalCount"] == len(found["edges"])


async def test_random_text_is_answered(served: httpx.AsyncClient) -> None:
    rng = random.Random(1)  # noqa: S311  # reproducible test data
    letters = string.printable + "äßéİı网मौ🚀\u0301\u200d"
    for _ in range(60):
        text = "".join(rng.choices(letters, k=rng.randint(1, 20)))
        found = await find(served, text, first=100)
        assert found["totalCount"] == len(found["edges"]), text


async def test_statements_do_not_grow_with_the_page(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient, statements: StatementCounter
) -> None:
    await seed(ctx, tmp_path, {"s": [tagged(f"x/weather-{n}", "sun") for n in range(40)]})
    for typed in ("weather", "wether"):
        counts = []
        for first in (2, 30):
            with statements() as seen:
                assert len((await find(client, typed, first=first))["edges"]) == first
            counts.append(len(seen))
        assert counts[0] == counts[1] <= 5, "page, total, and three for a correction"
