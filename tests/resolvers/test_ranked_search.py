"""Ranked search as resolvers do it: what is hidden plays no part in it, and no page is lost between cursors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from app.auth.viewer import Viewer
from app.core.errors import Invalid, RegistryNotFound
from app.models.queries import LATEST, Key, ListServers, Order, OrderField, Visibility, Window
from app.models.searches import MAX_EITHER, Search
from app.models.views import Page
from app.resolvers.context import Ctx
from app.resolvers.housekeeping import keep_house
from app.resolvers.search import Found, count_facets, search_servers
from app.resolvers.servers import count_servers
from app.resolvers.sources import list_sources
from app.store import search as search_store
from tests.conftest import StatementCounter
from tests.seeding import Catalogue, document, seed, tagged


def query(text: str, window: Window = Window(), **more: object) -> ListServers:  # noqa: B008  # immutable
    return replace(ListServers(version=LATEST, ranked=Search.of(text), window=window), **more)  # type: ignore[arg-type]


async def names(ctx: Ctx, text: str) -> list[str]:
    return [view.name for view in (await search_servers(ctx, query(text))).page.items]


async def viewer_of(ctx: Ctx, *sources: str) -> Ctx:
    sets = tuple(source.claim_set_id for source in await list_sources(ctx) if source.name in sources)
    return replace(ctx, viewer=Viewer(Visibility(sets)))


@pytest.fixture
async def divided(ctx: Ctx, tmp_path: Path) -> Ctx:
    """Two sources that different viewers see; `x/weather` is in both, and only the hidden one is about secrets."""
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.registries["all"] = ["hidden", "open"]
    catalogue.put(
        "hidden",
        [document("x/weather", description="Secret forecasts"), document("x/skunkworks"), document("x/wheatear")],
        claims={"team": "hidden"},
    )
    catalogue.put("open", [document("x/weather", description="Public forecasts")], claims={"team": "open"})
    await catalogue.sync()
    return ctx


async def test_a_viewer_finds_what_is_his(divided: Ctx) -> None:
    everybody, outsider = divided, await viewer_of(divided, "open")
    nobody = await viewer_of(divided)
    assert await names(everybody, "secret") == ["x/weather"]
    assert await names(outsider, "secret") == []
    assert await names(outsider, "public") == ["x/weather"]
    assert await names(everybody, "public") == [], "the first source has the whole name"
    assert await names(nobody, "weather") == []
    for ctx, expected in ((everybody, 1), (outsider, 1), (nobody, 0)):
        assert await count_servers(ctx, query("forecasts")) == expected
        assert sum(n for _, n in (await count_facets(ctx, query("forecasts"))).get("source", ())) == expected


async def test_a_correction_does_not_tell_what_is_hidden(divided: Ctx) -> None:
    outsider = await viewer_of(divided, "open")
    found = await search_servers(divided, query("skunkwroks"))
    assert (found.correction, [view.name for view in found.page.items]) == ("skunkworks", ["x/skunkworks"])
    nothing = Found(Page((), has_next=False, has_previous=False), query("skunkwroks"))
    assert await search_servers(outsider, query("skunkwroks")) == nothing
    assert (await search_servers(divided, query("wheathear"))).correction == "wheatear"
    assert (await search_servers(outsider, query("wheathear"))).correction == "weather"


async def test_a_corrected_search_goes_on_as_it_began(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"x/weather-{n}") for n in range(5)]})
    seen: list[str] = []
    place: Key | None = None
    while True:
        found = await search_servers(ctx, query("wether", Window(2, after=place)))
        assert found.correction == "weather"
        seen += [view.name for view in found.page.items]
        if not found.page.has_next:
            break
        place = found.page.items[-1].key
    assert seen == [f"x/weather-{n}" for n in range(5)]
    assert await count_servers(ctx, found.query) == 5
    last = found.page.items[-1].key
    behind = await search_servers(ctx, query("wether", Window(2, after=last)))
    assert (behind.page.items, behind.correction) == ((), "weather")
    back = await search_servers(ctx, query("wether", Window(2, before=last, backward=True)))
    assert [view.name for view in back.page.items] == ["x/weather-2", "x/weather-3"]


async def test_a_corrected_search_is_ranked_as_its_cursors_say_it(ctx: Ctx, tmp_path: Path) -> None:
    """The nearest word is one that does not count; behind the first page the search is what the correction tells."""
    names = ("x/a-weather", "x/weather", "x/weather-weather", "y/my-weather", "z/weather-app")
    await seed(ctx, tmp_path, {"s": [document(name, description="What a weather", title="Weather") for name in names]})
    whole = [view.name for view in (await search_servers(ctx, query("whta weather"))).page.items]
    assert sorted(whole) == sorted(names)
    for backward in (False, True):
        seen: list[str] = []
        place: Key | None = None
        for _ in names:
            window = Window(1, before=place, backward=True) if backward else Window(1, after=place)
            found = await search_servers(ctx, query("whta weather", window))
            (item,) = found.page.items
            assert found.correction == "weather"
            assert (found.page.has_previous if backward else found.page.has_next) == (len(seen) < len(names) - 1)
            place = item.key
            seen.append(item.name)
        assert seen == (whole[::-1] if backward else whole)


async def test_of_very_many_words_the_first_ones_will_do(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("x/early", description="00"), document("x/late", description="59")]})
    found = await search_servers(ctx, query(" ".join(f"{n:02}" for n in range(60))))
    assert [view.name for view in found.page.items] == ["x/early"]
    assert found.correction == " or ".join(f"{n:02}" for n in range(MAX_EITHER))
    again = await search_servers(ctx, query("late", Window(2, before=(0, "y", found.correction), backward=True)))
    assert (again.page.items, again.correction) == (found.page.items, found.correction)


async def test_a_long_search_of_any_word_goes_on(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"x/weather-{n}") for n in range(3)]})
    typed = " ".join(["wether", *(f"{n:02}" for n in range(80))])
    first = await search_servers(ctx, query(typed, Window(1)))
    assert first.correction is not None
    assert first.correction.startswith("weather or 00 or 01")
    rest = await search_servers(ctx, query(typed, Window(9, after=first.page.items[0].key)))
    assert [view.name for view in rest.page.items] == ["x/weather-1", "x/weather-2"]


async def test_beyond_the_last_hit_nothing_is_corrected(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("x/weather"), document("x/wether")]})
    (only,) = (await search_servers(ctx, query("wether"))).page.items
    found = await search_servers(ctx, query("wether", Window(2, after=only.key)))
    assert (found.page.items, found.correction) == ((), None)


@pytest.mark.parametrize(
    "place",
    [(), (1,), (-1, "x/a"), (-1, "x/a", 5), ("x", "y", ""), (-1, "x/a", "\0"), (-1, "x/a", "a" * 3000), (-1, "", " ")],
)
async def test_places_that_no_answer_gave_are_refused(ctx: Ctx, place: Key) -> None:
    with pytest.raises(Invalid):
        await search_servers(ctx, query("x", Window(2, after=place)))


async def test_places_of_two_searches_are_refused(ctx: Ctx) -> None:
    window = Window(2, after=(-1, "x/a", "weather"), before=(-1, "x/a", "other"))
    with pytest.raises(Invalid, match="different lists"):
        await search_servers(ctx, query("wether", window))


async def test_an_order_goes_before_the_rank(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("x/a", description="b"), document("x/b"), document("x/c")]})
    ranked = await search_servers(ctx, query("b"))
    ordered = await search_servers(ctx, query("b", order=Order(OrderField.NAME)))
    assert [view.name for view in ranked.page.items] == ["x/b", "x/a"]
    assert [view.name for view in ordered.page.items] == ["x/a", "x/b"]
    assert {view.name: view.score for view in ranked.page.items} == {v.name: v.score for v in ordered.page.items}
    first = await search_servers(ctx, query("b", Window(1), order=Order(OrderField.UPDATED_AT, descending=True)))
    window = Window(1, after=first.page.items[0].key)
    second = await search_servers(ctx, query("b", window, order=Order(OrderField.UPDATED_AT, descending=True)))
    assert {first.page.items[0].name, second.page.items[0].name} == {"x/a", "x/b"}


async def test_an_unknown_registry_is_said_so(ctx: Ctx) -> None:
    for ask in (search_servers, count_facets):
        with pytest.raises(RegistryNotFound):
            await ask(ctx, query("x", registry="absent"))


async def test_a_page_is_one_statement_and_a_correction_three_more(
    ctx: Ctx, tmp_path: Path, statements: StatementCounter
) -> None:
    await seed(ctx, tmp_path, {"s": [tagged(f"x/weather-{n}", "sun") for n in range(5)]})
    for typed, expected in (
        ("weather", 1),
        ("wether", 4),
        ("weather sun", 1),
        ("wether sun", 4),
        ("qqqqq", 3),
        ("?", 1),
    ):
        with statements() as seen:
            await search_servers(ctx, query(typed))
        assert len(seen) == expected, (typed, seen)


async def test_words_are_known_as_soon_as_they_are_there_and_no_longer(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("x/one", description="A barometer")]})
    assert (await search_servers(ctx, query("baromter"))).correction == "barometer"
    catalogue.put("s", [document("x/one", description="A thermometer")])
    await catalogue.sync()
    assert (await search_servers(ctx, query("baromter"))).correction is None
    assert (await search_servers(ctx, query("thermomter"))).correction == "thermometer"
    await keep_house(ctx)
    assert (await search_servers(ctx, query("thermomter"))).correction == "thermometer"
    async with ctx.db.read() as session:
        words = set((await session.execute(text("select word from word"))).scalars())
    assert words == {"one", "thermometer"}


async def test_search_data_are_written_in_batches(
    ctx: Ctx, tmp_path: Path, statements: StatementCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_store, "BATCH", 3)
    with statements() as seen:
        await seed(ctx, tmp_path, {"s": [document(f"x/n{n}", title=f"Number{n} weather") for n in range(9)]})
    batches = [statement for statement in seen if "from touched t cross join lateral" in statement]
    assert len(batches) == 4
    assert await names(ctx, "weather") == [f"x/n{n}" for n in range(9)]
    assert (await search_servers(ctx, query("numbr8"))).correction == "number8"
