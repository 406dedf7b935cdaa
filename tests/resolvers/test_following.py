"""The journal as a feed: which changes a registry and a viewer get to see, in which order, and following it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.auth.viewer import Viewer
from app.core.errors import Invalid, RegistryNotFound
from app.models.queries import Visibility, Window
from app.models.views import ChangeView
from app.resolvers import following
from app.resolvers.changes import changes_after, changes_by_id, count_changes, list_changes
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.entries import delete_version, publish
from app.resolvers.following import follow_changes
from app.resolvers.live import Live, News
from app.resolvers.registration import delete_registration, put_registration
from tests.resolvers.state import change, drain, make_due, rows
from tests.seeding import Catalogue, document, seed
from tests.waiting import SOON, until


async def feed(ctx: Ctx, registry: str | None = None) -> list[tuple[str, str, str]]:
    page = await list_changes(ctx, registry, Window(1000))
    return [(change.action, change.name, change.version) for change in page.items]


async def take(followed: AsyncGenerator[News[ChangeView], None], count: int) -> list[ChangeView]:
    async with asyncio.timeout(SOON):
        return [(await anext(followed)).view for _ in range(count)]


async def with_registries(ctx: Ctx, folder: Path) -> Catalogue:
    catalogue = Catalogue(ctx, folder)
    catalogue.put("one", [document("a/one")])
    catalogue.put("two", [document("a/two")])
    catalogue.registries.update({"first": ["one"], "both": ["two", "one"]})
    await catalogue.sync()
    return catalogue


async def test_changes_are_in_the_feeds_of_the_registries_that_list_their_source(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await with_registries(ctx, tmp_path)
    one, two = ("ADDED", "a/one", "1.0.0"), ("ADDED", "a/two", "1.0.0")
    assert await feed(ctx, "first") == [one]
    assert sorted(await feed(ctx, "both")) == [one, two]
    assert sorted(await feed(ctx)) == [one, two]
    catalogue.registries["first"] = ["one", "two"]
    await catalogue.sync()
    assert await feed(ctx, "first") == [one], "what happened before the source was listed was not in this registry"
    catalogue.put("two", [document("a/two", title="Two")])
    await make_due(ctx, "two")
    await drain(ctx)
    assert await feed(ctx, "first") == [one, ("UPDATED", "a/two", "1.0.0")]


async def test_removal_with_a_source_is_told_in_the_registries_that_listed_it(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await with_registries(ctx, tmp_path)
    del catalogue.sources["two"]
    catalogue.registries["both"] = ["one"]
    await reconcile(ctx, catalogue.settings())
    gone = ("REMOVED", "a/two", "1.0.0")
    assert (await feed(ctx, "both"))[-1] == gone
    assert (await feed(ctx))[-1] == gone
    assert gone not in await feed(ctx, "first")


async def test_removal_with_a_registration_is_told_in_the_aggregate(ctx: Ctx) -> None:
    await put_registration(ctx, "mine", {"managed": {}})
    await publish(ctx, "mine", document("com.example/aa"))
    await delete_registration(ctx, "mine")
    assert await feed(ctx) == [("ADDED", "com.example/aa", "1.0.0"), ("REMOVED", "com.example/aa", "1.0.0")]
    with pytest.raises(RegistryNotFound):
        await feed(ctx, "mine")


async def test_pages_run_both_ways_over_the_same_order(ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document(f"a/{number}") for number in range(7)]})
    whole = (await list_changes(ctx, None, Window(100))).items
    assert [change.id for change in whole] == sorted(change.id for change in whole)
    forward, backward = (
        await list_changes(ctx, None, Window(3)),
        await list_changes(ctx, None, Window(3, None, None, True)),
    )
    assert (forward.items, forward.has_next, forward.has_previous) == (whole[:3], True, False)
    assert (backward.items, backward.has_next, backward.has_previous) == (whole[-3:], False, True)
    middle = await list_changes(ctx, "default", Window(10, (whole[1].id,), (whole[5].id,)))
    assert middle.items == whole[2:5]
    assert await count_changes(ctx, "default") == len(whole) == 7
    assert set(await changes_by_id(ctx, "default", [whole[0].id, 10**9])) == {whole[0].id}
    assert await changes_by_id(ctx, "no-such", [whole[0].id]) == {}


async def test_restricted_viewer_sees_the_changes_of_his_claim_sets(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("open", [document("a/open")], claims={"team": "all"})
    catalogue.put("closed", [document("a/closed")], claims={"team": "secret"})
    catalogue.registries["default"] = ["open", "closed"]
    await catalogue.sync()
    ((seen,),) = await rows(ctx, "select claim_set_id from source where name = 'open'")
    restricted = replace(ctx, viewer=Viewer(Visibility((seen,))))
    assert await feed(restricted, "default") == [("ADDED", "a/open", "1.0.0")]
    assert await count_changes(restricted, "default") == 1
    hidden = (await rows(ctx, "select id from change where name = 'a/closed'"))[0][0]
    assert await changes_by_id(restricted, "default", [hidden]) == {}
    followed = follow_changes(restricted, "default", (0,))
    everything = follow_changes(ctx, "default", (0,))
    assert [view.name for view in await take(followed, 1)] == ["a/open"]
    assert {view.name for view in await take(everything, 2)} == {"a/open", "a/closed"}
    catalogue.put("closed", [document("a/closed", title="New")])
    catalogue.put("open", [document("a/open", title="New")])
    for name in ("closed", "open"):
        await make_due(ctx, name)
    await drain(ctx)
    assert [view.name for view in await take(followed, 1)] == ["a/open"]
    await followed.aclose()
    await everything.aclose()
    assert ctx.live.feeds == {}, "the last follower ends the reader"


async def test_following_goes_on_after_a_cursor_and_begins_now_without(ctx: Ctx) -> None:
    await put_registration(ctx, "mine", {"managed": {}})
    await publish(ctx, "mine", document("com.example/aa"))
    live, resumed = follow_changes(ctx, "mine", None), follow_changes(ctx, "mine", (0,))
    first = asyncio.create_task(take(live, 1))
    assert [view.name for view in await take(resumed, 1)] == ["com.example/aa"]
    await until(lambda: any(feed.followers > 1 for feed in ctx.live.feeds.values()))
    await publish(ctx, "mine", document("com.example/bb"))
    assert [view.name for view in await first] == ["com.example/bb"]
    assert [view.name for view in await take(resumed, 1)] == ["com.example/bb"]
    await delete_version(ctx, "mine", "com.example/bb", "1.0.0")
    assert [view.action for view in await take(live, 1)] == ["STATUS"]
    await live.aclose()
    await resumed.aclose()


async def test_feed_of_a_registry_that_does_not_exist_or_is_deleted_ends_with_an_error(ctx: Ctx) -> None:
    with pytest.raises(RegistryNotFound):
        await anext(follow_changes(ctx, "no-such", None))
    await put_registration(ctx, "mine", {"managed": {}})
    followed = follow_changes(ctx, "mine", None)
    waiting = asyncio.create_task(anext(followed))
    await until(lambda: ctx.live.feeds)
    await delete_registration(ctx, "mine")
    with pytest.raises(RegistryNotFound):
        async with asyncio.timeout(SOON):
            await waiting
    assert ctx.live.feeds == {}


async def test_stretch_ends_where_nothing_more_of_the_feed_has_happened(ctx: Ctx) -> None:
    """A reader of a quiet feed need not look again at what happened elsewhere."""
    for registry in ("mine", "other"):
        await put_registration(ctx, registry, {"managed": {}})
    await publish(ctx, "mine", document("com.example/aa"))
    for number in range(3):
        await publish(ctx, "other", document(f"com.example/s{number}"))
    mine, other = [await changes_after(ctx, registry, 0, 100) for registry in ("mine", "other")]
    assert [change.name for change in mine.changes] == ["com.example/aa"]
    assert mine.end == other.end == other.changes[-1].id
    assert (await changes_after(ctx, "other", 0, 2)).end == other.changes[1].id
    assert await changes_after(ctx, "mine", mine.end, 100) == ([], mine.end)


async def test_place_that_the_feed_has_not_reached_is_refused(ctx: Ctx, tmp_path: Path) -> None:
    """After a backup was restored, cursors from before it may be of changes that have not happened."""
    await seed(ctx, tmp_path, {"s": [document("a/b")]})
    place = (await changes_after(ctx, None, 0, 100)).end
    with pytest.raises(Invalid, match="after"):
        await anext(follow_changes(ctx, None, (place + 1,)))


async def test_followers_share_the_reading(ctx: Ctx, statements: Any) -> None:
    """However many follow a feed, a change of it is read once."""
    ctx = replace(ctx, live=Live(poll_seconds=0.05))
    await put_registration(ctx, "mine", {"managed": {}})
    followers = [follow_changes(ctx, "mine", None) for _ in range(50)]
    waiting = [asyncio.create_task(take(follower, 3)) for follower in followers]
    await until(lambda: sum(feed.followers for feed in ctx.live.feeds.values()) == len(followers))
    with statements() as seen:
        for number in range(3):
            await publish(ctx, "mine", document(f"com.example/s{number}"))
        taken = await asyncio.gather(*waiting)
    assert all([view.name for view in views] == [f"com.example/s{n}" for n in range(3)] for views in taken)
    reads = [statement for statement in seen if "from change where" in statement]
    assert len(reads) < len(followers), "fewer reads than followers, polling included"
    for follower in followers:
        await follower.aclose()


async def test_follower_who_falls_behind_all_that_is_kept_misses_nothing(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 3)
    monkeypatch.setattr(following, "RECENT", 4)
    ctx = replace(ctx, live=Live(poll_seconds=0.02))
    await put_registration(ctx, "mine", {"managed": {}})
    await publish(ctx, "mine", document("com.example/first"))
    quick, slow = follow_changes(ctx, "mine", (0,)), follow_changes(ctx, "mine", (0,))
    assert [(await take(one, 1))[0].name for one in (quick, slow)] == ["com.example/first"] * 2
    names = [f"com.example/s{number}" for number in range(14)]
    for name in names:
        await publish(ctx, "mine", document(name))
        assert (await take(quick, 1))[0].name == name
    assert [view.name for view in await take(slow, len(names))] == names
    await publish(ctx, "mine", document("com.example/last"))
    assert [(await take(one, 1))[0].name for one in (quick, slow)] == ["com.example/last"] * 2
    for one in (quick, slow):
        await one.aclose()


async def test_random_followers_that_come_and_go_get_every_change_once(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With readers that remember little, so that followers fall behind and catch up all the time."""
    monkeypatch.setattr(following, "PAGE", 3)
    monkeypatch.setattr(following, "RECENT", 5)
    ctx = replace(ctx, live=Live(poll_seconds=0.02))
    await put_registration(ctx, "mine", {"managed": {}})
    await put_registration(ctx, "other", {"managed": {}})
    dice = random.Random(4)  # noqa: S311  # a reproducible choice
    done = asyncio.Event()

    async def follow(seed: int) -> list[int]:
        own = random.Random(seed)  # noqa: S311  # a reproducible choice
        got: list[int] = []
        while not (done.is_set() and got and got[-1] >= last):
            followed = follow_changes(ctx, "mine", (got[-1] if got else 0,))
            for _ in range(own.randint(1, 12)):
                got.append((await anext(followed)).view.id)
                if own.random() < 0.2:
                    await asyncio.sleep(own.random() / 20)
                if done.is_set() and got[-1] >= last:
                    break
            await followed.aclose()
        return got

    last = 2**62
    followers = [asyncio.create_task(follow(number)) for number in range(12)]
    for number in range(60):
        await publish(ctx, dice.choice(["mine", "mine", "other"]), document(f"com.example/s{number}"))
    journal = [view.id for view in (await list_changes(ctx, "mine", Window(1000))).items]
    last = journal[-1]
    done.set()
    await publish(ctx, "mine", document("com.example/end"))
    async with asyncio.timeout(60):
        taken = await asyncio.gather(*followers)
    for got in taken:
        assert got[: len(journal)] == journal
    assert ctx.live.feeds == {}


async def test_following_outlives_a_database_that_is_away_for_a_while(ctx: Ctx) -> None:
    ctx = replace(ctx, live=Live(poll_seconds=0.05))
    await put_registration(ctx, "mine", {"managed": {}})
    followed = follow_changes(ctx, "mine", None)
    waiting = asyncio.create_task(take(followed, 1))
    await until(lambda: ctx.live.feeds)
    others = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    await change(ctx, f"{others} and datname = current_database()")
    await publish(ctx, "mine", document("com.example/aa"))
    assert [view.name for view in await waiting] == ["com.example/aa"]
    await followed.aclose()
