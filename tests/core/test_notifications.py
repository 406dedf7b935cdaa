"""Listening in the database: what is said is heard, and what may have been missed wakes everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from app.core.database import Database
from app.core.errors import Unavailable
from app.core.notifications import Notifications, Signal
from app.resolvers.context import Ctx
from app.resolvers.live import Live
from app.resolvers.registration import put_registration
from tests.waiting import until

CHANNELS = ("news", "weather")


class Hearing:
    """Notifications, what was heard, and how often listening began. While `is_away`, it cannot begin."""

    def __init__(self, connect_args: dict[str, Any]) -> None:
        self.heard: list[tuple[str, str]] = []
        self.arrivals = 0
        self.is_away = False
        self.notifications = Notifications(connect_args, CHANNELS, hear=self._hear, arrive=self._arrive)

    def _hear(self, channel: str, payload: str) -> None:
        self.heard.append((channel, payload))

    async def _arrive(self) -> None:
        if self.is_away:
            raise Unavailable("away")
        self.arrivals += 1


async def say(connect_args: dict[str, Any], statement: str) -> None:
    connection = await asyncpg.connect(**connect_args)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


END_LISTENERS = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and application_name like '%listener'"
)


async def test_what_is_said_wakes_who_waits_for_that_channel(connect_args: dict[str, Any]) -> None:
    hearing = Hearing(connect_args)
    news, weather = (hearing.notifications.signal(channel) for channel in CHANNELS)
    async with hearing.notifications.open():
        await until(lambda: hearing.notifications.listening)
        seen, calm = news.fired, weather.fired
        waiting = asyncio.create_task(news.wait(seen))
        await say(connect_args, "select pg_notify('news', 'first'), pg_notify('news', 'second')")
        await waiting
        await until(lambda: hearing.heard == [("news", "first"), ("news", "second")])
        assert (news.fired, weather.fired) == (seen + 2, calm)
        await say(connect_args, "begin; notify news, 'never'; rollback; notify weather, 'last'")
        await until(lambda: hearing.heard[-1] == ("weather", "last"))
        assert ("news", "never") not in hearing.heard
    assert not hearing.notifications.listening


async def test_connection_that_ends_is_made_anew_and_everybody_is_woken(connect_args: dict[str, Any]) -> None:
    hearing = Hearing(connect_args)
    news = hearing.notifications.signal("news")
    async with hearing.notifications.open():
        await until(lambda: hearing.notifications.listening)
        seen = news.fired
        hearing.is_away = True
        await say(connect_args, END_LISTENERS)
        await until(lambda: not hearing.notifications.listening)
        await until(lambda: news.fired > seen)
        hearing.is_away = False
        await until(lambda: hearing.notifications.listening)
        assert hearing.arrivals == 2
        assert news.fired > seen + 1, "woken when it was lost, and when it was back"
        await say(connect_args, "notify news, 'again'")
        await until(lambda: hearing.heard == [("news", "again")])


async def test_database_that_is_away_at_first_is_listened_to_later(connect_args: dict[str, Any]) -> None:
    given = {**connect_args, "database": "not_yet_there"}
    hearing = Hearing(given)
    async with hearing.notifications.open():
        await until(lambda: hearing.notifications.signal("news").fired > 1)
        assert not hearing.notifications.listening
        given["database"] = connect_args["database"]
        await until(lambda: hearing.notifications.listening)


async def test_waiting_ends_by_itself_and_misses_nothing() -> None:
    signal = Signal()
    assert await signal.wait(0, 0.01) == 0
    signal.fire()
    assert await signal.wait(0) == 1, "fired before the waiting began"
    waiting = [asyncio.create_task(signal.wait(1)) for _ in range(3)]
    await asyncio.sleep(0)
    signal.fire()
    signal.fire()
    assert await asyncio.gather(*waiting) == [3, 3, 3], "two that follow each other wake once"


async def test_revision_is_known_only_while_listening(connect_args: dict[str, Any]) -> None:
    db = Database(connect_args)
    ctx = Ctx(db, live=Live(connect_args))
    assert ctx.live.revision is None
    async with ctx.live.open(db):
        await until(lambda: ctx.live.revision is not None)
        before = ctx.live.revision
        assert before is not None
        await put_registration(ctx, "mine", {"managed": {}})
        await until(lambda: ctx.live.revision == before + 1)
        await say(connect_args, END_LISTENERS)
        await until(lambda: ctx.live.revision is None)
        await put_registration(ctx, "other", {"managed": {}})
        await until(lambda: ctx.live.revision is not None)
        assert ctx.live.revision == before + 2, "what was missed was read before anybody may rely on it"
    assert ctx.live.revision is None
    await db.close()
