"""Pages taken one after another make up the list, whatever is written between them; a cursor cannot be bent.

What stands in the list is not the matter here: it is read whole, at the moment of each page, and compared.
"""

from __future__ import annotations

import re
import string
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.opaque import encode_opaque
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.effort import search
from tests.rest.changes import LISTS, NAMES, VERSIONS, Change, Item, Rewrite, Send, World, changes
from tests.seeding import document, seed

Key = tuple[Any, ...]
Filters = dict[str, str]
Step = tuple[int, bool, Sequence[Change]]
"""The size of a page, whether the client says the filters again, and what happens after it."""

OFFICIAL = "io.modelcontextprotocol.registry/official"
NEWEST = "newest"
"""Stands for a time half-way through the changes so far, which is not known beforehand."""

filters = st.just({"version": "latest"}) | st.fixed_dictionaries(
    {},
    optional={
        "search": st.sampled_from(("ant", "example/a", "COM.", "com.example/ant", "%", "absent")),
        "version": st.sampled_from(("latest", *VERSIONS)),
        "updated_since": st.sampled_from(("2020-01-01T00:00:00Z", NEWEST)),
        "include_deleted": st.just("true"),
    },
)
steps = st.tuples(st.sampled_from((1, 1, 2, 4)), st.booleans(), st.lists(changes, max_size=2))


@pytest.fixture(scope="module")
async def client(shared_ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(shared_ctx) as opened:
        yield opened


def key_of(item: Item, chosen: Filters) -> Key:
    """The place of an item in its list: exact hits of a search come first."""
    name, version = item["server"]["name"], item["server"]["version"]
    wanted = chosen.get("search")
    ranked = () if wanted is None else (wanted not in (name, name.partition("/")[2]),)
    return (*ranked, name) if chosen.get("version") == "latest" else (*ranked, name, version)


def aim(change: Change, name: str) -> Change:
    """The same at that name: what happens where a page just ended is the most telling."""
    match change:
        case Send(method, path, body):
            body = {**body, "name": name} if body and "name" in body else body
            return Send(method, re.sub("(?<=/servers/)[^/]+/[^/]+", name, path), body)
        case Rewrite(source, (first, *_)):
            return Rewrite(source, [{**first, "name": name}])
    return change


class Reader:
    """Reads one list, by pages and whole."""

    def __init__(self, client: httpx.AsyncClient, base: str, chosen: Filters) -> None:
        self.client, self.base, self.chosen = client, base, chosen

    async def get(self, parameters: dict[str, Any]) -> Any:
        answer = await self.client.get(f"{self.base}/servers?{urlencode(parameters)}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def whole(self) -> dict[Key, Item]:
        body = await self.get({**self.chosen, "limit": 1000})
        assert "nextCursor" not in body["metadata"]
        held = {key_of(item, self.chosen): item for item in body["servers"]}
        assert list(held) == sorted(held), "in byte order"
        assert len(held) == len(body["servers"]), "nothing twice"
        return held


@search(40)
@given(
    base=st.sampled_from(list(LISTS.values())),
    chosen=filters,
    before=st.lists(changes, min_size=2, max_size=6),
    walk=st.lists(steps, min_size=1, max_size=8),
)
async def test_pages_make_up_the_list_while_it_changes(
    shared_ctx: Ctx,
    client: httpx.AsyncClient,
    tmp_path_factory: pytest.TempPathFactory,
    base: str,
    chosen: Filters,
    before: list[Change],
    walk: list[Step],
) -> None:
    world = World(shared_ctx, client, tmp_path_factory.mktemp("paging"))
    await world.start()
    for change in before:
        await world.perform(change)
    if chosen.get("updated_since") == NEWEST:
        times = [i["_meta"][OFFICIAL]["updatedAt"] for i in (await Reader(client, base, {}).whole()).values()]
        chosen = {**chosen, "updated_since": sorted(times)[len(times) // 2]} if times else {}
    reader = Reader(client, base, chosen)
    unchanged = await reader.whole()
    seen: dict[Key, Item] = {}
    cursor: dict[str, str] = {}
    pending = iter(walk)
    while True:
        limit, repeats, happening = next(pending, (2, True, ()))
        held = await reader.whole()
        page = await reader.get({**(chosen if repeats or not cursor else {}), **cursor, "limit": limit})
        rest = [key for key in held if not seen or key > max(seen)]
        assert [key_of(item, chosen) for item in page["servers"]] == rest[:limit]
        assert ("nextCursor" in page["metadata"]) == (len(rest) > limit), "a cursor leads to something"
        assert all(held[key_of(item, chosen)] == item for item in page["servers"])
        seen |= {key_of(item, chosen): item for item in page["servers"]}
        unchanged = {key: item for key, item in unchanged.items() if held.get(key) == item}
        if "nextCursor" not in page["metadata"]:
            break
        cursor = {"cursor": page["metadata"]["nextCursor"]}
        for change in happening:
            await world.perform(aim(change, page["servers"][-1]["server"]["name"]) if limit == 1 else change)
    assert unchanged.items() <= seen.items(), "what stood there all the time came"


WORDS = string.ascii_letters + string.digits + "-_"
flips = st.tuples(st.just("flip"), st.integers(0, 500), st.sampled_from(WORDS + "+/=.%~ é\0"))
tamperings = st.one_of(
    flips,
    st.tuples(st.just("insert"), st.integers(0, 500), st.sampled_from(WORDS + "+/=.%~ \n\0")),
    st.tuples(st.just("delete"), st.integers(0, 500), st.just("")),
    st.tuples(st.just("truncate"), st.integers(0, 500), st.just("")),
    st.tuples(st.just("append"), st.integers(0, 500), st.sampled_from(("=", "==", "A", "AAAA", "\n"))),
    st.tuples(st.just("case"), st.integers(0, 500), st.just("")),
)


def tamper(text: str, how: str, place: int, word: str) -> str:
    at = place % len(text)
    match how:
        case "flip":
            return text[:at] + word + text[at + 1 :]
        case "insert":
            return text[:at] + word + text[at:]
        case "delete":
            return text[:at] + text[at + 1 :]
        case "truncate":
            return text[:at]
        case "case":
            return text[:at] + text[at:].swapcase()
    return text + word


@pytest.fixture(scope="module")
async def lists(shared_ctx: Ctx, client: httpx.AsyncClient, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The first pages of several lists over one catalogue."""
    documents = [document(name, version) for name in NAMES for version in VERSIONS]
    await seed(shared_ctx, tmp_path_factory.mktemp("cursors"), {"s": documents})
    queries = ("", "&version=latest", "&search=ant", "&updated_since=2020-01-01T00:00:00Z", "&include_deleted=true")
    return [f"/v0.1/servers?limit=2{query}" for query in queries]


@search(150)
@given(number=st.integers(0, 4), how=st.lists(tamperings, min_size=1, max_size=3))
async def test_a_cursor_that_was_tampered_with_is_refused(
    client: httpx.AsyncClient, lists: list[str], number: int, how: list[tuple[str, int, str]]
) -> None:
    first = lists[number]
    cursor = (await client.get(first)).json()["metadata"]["nextCursor"]
    bent = cursor
    for tampering in how:
        bent = tamper(bent, *tampering) or cursor
    answer = await client.get(f"{first}&cursor={quote(bent, safe='')}")
    if bent == cursor:
        assert answer.json() == (await client.get(f"{first}&cursor={cursor}")).json()
    else:
        assert (answer.status_code, answer.json()["error"].partition(":")[0]) == (400, "Invalid cursor parameter")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
carried = st.dictionaries(
    st.sampled_from(("search", "version", "updated_since", "include_deleted", "limit")),
    st.sampled_from(("ant", "latest", "1.0.0", "2020-01-01T00:00:00Z", "true", "false", "")) | st.text(max_size=5),
)
places = st.lists(st.text(max_size=9) | st.integers(-(2**63), 2**63 - 1), max_size=4)


@search(250)
@given(
    number=st.integers(0, 4), value=values | st.tuples(places, carried).map(list) | st.tuples(values, values).map(list)
)
async def test_a_forged_cursor_breaks_nothing(
    client: httpx.AsyncClient, lists: list[str], number: int, value: object
) -> None:
    """The check sum has no key, so anybody can make a cursor of anything that JSON can say."""
    forged = encode_opaque(value)
    for query in ("", f"{lists[number]}&"):
        answer = await client.get(f"{query or '/v0.1/servers?'}cursor={forged}")
        assert answer.status_code in (200, 400), answer.text
        assert "error" in answer.json() or answer.json()["metadata"]["count"] == len(answer.json()["servers"])


async def test_a_cursor_of_another_list_is_refused_or_goes_on_from_its_place(
    ctx: Ctx, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    documents = [document(f"com.example/{letter}") for letter in "abcdef"]
    sources = {"all": documents, "few": [document(f"com.example/{letter}") for letter in "bdf"]}
    await seed(ctx, tmp_path, sources, {"all": ["all"], "few": ["few"]})
    async with connect(ctx) as own:
        cursors = {
            query: (await own.get(f"/registry/all/v0.1/servers?limit=2{query}")).json()["metadata"]["nextCursor"]
            for query in ("", "&version=latest", "&search=example")
        }
        other = (await own.get(f"/registry/few/v0.1/servers?cursor={cursors['']}")).json()
        assert [item["server"]["name"] for item in other["servers"]] == ["com.example/d", "com.example/f"]
        for query, cursor in cursors.items():
            for another in (
                "&version=1.0.0",
                "&search=a",
                "&include_deleted=true",
                "&updated_since=2020-01-01T00:00:00Z",
            ):
                answer = await own.get(f"/registry/all/v0.1/servers?limit=2{another}&cursor={cursor}")
                assert answer.status_code == 400, (query, another)
        listing = await own.post("/graphql", json={"query": "{ servers(first: 1) { pageInfo { endCursor } } }"})
        foreign = listing.json()["data"]["servers"]["pageInfo"]["endCursor"]
        assert (await own.get(f"/v0.1/servers?cursor={foreign}")).status_code == 400
