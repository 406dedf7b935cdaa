"""Subscriptions over both transports, on a server in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from app.graphql.limits.streams import StreamLimits
from app.graphql.options import Options
from app.models.kinds import SyncStage, SyncTrigger
from app.resolvers.context import Ctx
from app.resolvers.entries import publish
from app.resolvers.live import Live
from app.resolvers.registration import put_registration
from app.resolvers.sync import lease_next
from app.store.runs import note_progress
from tests.conftest import StatementCounter
from tests.graphql.subscribing import FEED, STREAM, connecting, greeting, hosting, read_events, streaming
from tests.resolvers.state import change, drain, make_due
from tests.seeding import Catalogue, document, seed
from tests.waiting import SOON, until

RUNS = "subscription($source: String) { syncRuns(source: $source) { id outcome stage fetched added source { name } } }"
END = '{ catalogChanges(registry: "mine", last: 1) { pageInfo { endCursor } } }'


@pytest.fixture
async def ctx(ctx: Ctx, connect_args: dict[str, Any]) -> AsyncIterator[Ctx]:
    """One that listens, with a registry to publish to."""
    listening = replace(ctx, live=Live(connect_args))
    async with listening.live.open(ctx.db):
        await until(lambda: listening.live.listening)
        await put_registration(listening, "mine", {"managed": {}})
        yield listening


def options(**limits: Any) -> Options:
    return Options(streams=StreamLimits(**limits))


def followers(ctx: Ctx) -> int:
    return sum(feed.followers for feed in ctx.live.feeds.values())


async def end_of_feed(address: str) -> str:
    async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
        answer = await client.post("/graphql", json={"query": END})
        found: str = answer.json()["data"]["catalogChanges"]["pageInfo"]["endCursor"]
        return found


async def test_changes_come_over_both_transports_as_they_happen(ctx: Ctx) -> None:
    async with hosting(ctx, prefix="/api/mcp") as hosted, connecting(hosted.address) as socket:
        number = await socket.subscribe(FEED, registry="mine")
        async with (
            connecting(hosted.address, "/api/mcp/graphql") as prefixed,
            streaming(hosted.address, FEED, registry="mine") as events,
        ):
            other = await prefixed.subscribe(FEED)
            await until(lambda: followers(ctx) == 3)
            await publish(ctx, "mine", document("com.example/aa", title="A"))
            found = (await socket.data(number))["catalogChanges"]
            assert (found["action"], found["name"], found["source"]) == ("ADDED", "com.example/aa", {"name": "mine"})
            assert found["serverVersion"] == {"title": "A", "status": "ACTIVE"}
            event, data = await anext(events)
            assert (event, json.loads(data)["data"]["catalogChanges"]) == ("next", found)
            assert (await prefixed.data(other))["catalogChanges"]["name"] == "com.example/aa"
        await until(lambda: followers(ctx) == 1)
        await socket.say(id=number, type="complete")
        await until(lambda: followers(ctx) == 0)


async def test_feed_goes_on_from_the_end_of_the_query(ctx: Ctx) -> None:
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        for name in ("com.example/aa", "com.example/bb"):
            end = await end_of_feed(hosted.address)
            await publish(ctx, "mine", document(name))
            number = await socket.subscribe(FEED, registry="mine", after=end)
            assert (await socket.data(number))["catalogChanges"]["name"] == name


async def test_later_change_shows_what_is_true_then(ctx: Ctx) -> None:
    """What was read about one change does not serve the next."""
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        number = await socket.subscribe(FEED, registry="mine", after=await end_of_feed(hosted.address))
        await publish(ctx, "mine", document("com.example/aa"))
        assert (await socket.data(number))["catalogChanges"]["serverVersion"]["status"] == "ACTIVE"
        await change(ctx, "update source set name = 'renamed' where name = 'mine'")
        await publish(ctx, "mine", document("com.example/aa", "2.0.0"))
        assert (await socket.data(number))["catalogChanges"]["source"] == {"name": "renamed"}


async def test_errors_have_codes_as_everywhere(ctx: Ctx) -> None:
    cases: tuple[tuple[str, dict[str, Any], str | None], ...] = (
        (FEED, {"registry": "no-such"}, "REGISTRY_NOT_FOUND"),
        (FEED, {"after": "junk"}, "BAD_USER_INPUT"),
        (FEED, {"registry": 5}, "BAD_USER_INPUT"),
        (RUNS, {"source": "no-such"}, "SOURCE_NOT_FOUND"),
        ("subscription { nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ " + "a: service { version } " * 200 + "}", {}, None),
        (
            "{ servers(first: 100) { nodes { versions(first: 100) { nodes { server { versions(first: 100) {"
            " nodes { id } } } } } } } }",
            {},
            "TOO_COMPLEX",
        ),
    )
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        for query, variables, code in cases:
            number = await socket.subscribe(query, **variables)
            message = await socket.hear(number)
            payload = message["payload"]
            error = (payload if message["type"] == "error" else payload["errors"])[0]
            assert code in (None, error["extensions"]["code"]), query[:60]
            assert error["extensions"]["requestId"]
            async with streaming(hosted.address, query, **variables) as events:
                assert [
                    json.loads(data)["errors"][0]["extensions"]["code"] for event, data in [await anext(events)]
                ] == [error["extensions"]["code"]], query[:60]
                assert (await anext(events))[0] == "complete"
        assert followers(ctx) == 0


async def test_queries_and_mutations_come_over_the_socket_too(ctx: Ctx) -> None:
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        number = await socket.subscribe('{ registry(name: "mine") { name } }')
        assert await socket.data(number) == {"registry": {"name": "mine"}}
        assert (await socket.hear(number))["type"] == "complete"
        await change(ctx, "update registry set name = 'renamed' where name = 'mine'")
        number = await socket.subscribe('{ registry(name: "mine") { name } }')
        assert await socket.data(number) == {"registry": None}, "what an operation has read is not shown to the next"


async def test_subscription_without_a_stream_is_refused_with_a_word_on_how(ctx: Ctx, client: httpx.AsyncClient) -> None:
    for answer in (
        await client.post("/graphql", json={"query": FEED}),
        await client.get("/graphql", params={"query": FEED}),
    ):
        (error,) = answer.json()["errors"]
        assert answer.status_code == 400
        assert error["extensions"]["code"] == "SUBSCRIPTION_NOT_STREAMED"
        assert "text/event-stream" in error["message"]


async def test_events_come_by_get_too_and_comments_keep_the_line_open(
    ctx: Ctx, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strawberry.http.streaming.SSETransport.__init__", _often)
    async with (
        hosting(ctx) as hosted,
        httpx.AsyncClient(base_url=f"http://{hosted.address}", trust_env=False) as client,
    ):
        async with client.stream("GET", "/graphql", params={"query": FEED}, headers=STREAM) as answer:
            assert answer.headers["cache-control"] == "no-cache, no-transform"
            assert answer.headers["access-control-allow-origin"] == "*"
            events = read_events(answer)
            assert await anext(events) == ("", "ping")
            await publish(ctx, "mine", document("com.example/aa"))
            while (found := await anext(events))[0] != "next":
                assert found == ("", "ping")
            await events.aclose()
        mutation = 'mutation { syncSource(input: {source: "x"}) { errors { code } } }'
        refused = await client.get("/graphql", params={"query": mutation}, headers=STREAM)
        assert "METHOD_NOT_ALLOWED" in refused.text


def _often(self: Any) -> None:
    self.heartbeat_interval = 0.05


async def test_runs_are_followed_to_their_end(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")], "t": [document("b/c")]})
    catalogue.put("s", [document("a/b"), document("a/c")])
    await make_due(ctx, "s")
    run = await lease_next(ctx, "test", SyncTrigger.SCHEDULE)
    assert run is not None
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        number = await socket.subscribe(RUNS, source="s")
        other = await socket.subscribe(RUNS, source="t")
        first = (await socket.data(number))["syncRuns"]
        assert (first["outcome"], first["stage"], first["source"]) == ("RUNNING", "FETCHING", {"name": "s"})
        async with ctx.db.write() as tx:
            await note_progress(tx.session, run.id, SyncStage.READING, 2)
        told = (await socket.data(number))["syncRuns"]
        assert (told["id"], told["stage"], told["fetched"]) == (first["id"], "READING", 2)
        await change(ctx, "update source set lease_until = now() - interval '1 second' where name = 's'")
        assert await drain(ctx) == 1
        states: list[tuple[str, str, int]] = []
        while not states or states[-1][1] != "APPLIED":
            state = (await socket.data(number))["syncRuns"]
            states.append((state["id"], state["outcome"], state["added"]))
        assert (first["id"], "INTERRUPTED", 0) in states
        assert states[-1][2] == 1
        assert socket.messages[other].empty(), "nothing of another source"
        await make_due(ctx, "t")
        assert await drain(ctx) == 1
        async with asyncio.timeout(SOON):
            while (await socket.data(other))["syncRuns"]["outcome"] == "RUNNING":
                pass
    await until(lambda: ctx.live.run_feed is None)


async def test_source_that_is_deleted_ends_the_following_of_its_runs(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = Catalogue(ctx, tmp_path)
    catalogue.put("s", [document("a/b")])
    catalogue.put("t", [document("a/c")])
    catalogue.registries["default"] = ["s", "t"]
    await catalogue.sync()
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        number = await socket.subscribe(RUNS, source="s")
        await until(lambda: ctx.live.run_feed is not None)
        del catalogue.sources["s"]
        catalogue.registries["default"] = ["t"]
        await catalogue.sync()
        message = await socket.hear(number)
        assert message["payload"]["errors"][0]["extensions"]["code"] == "SOURCE_NOT_FOUND"
        assert (await socket.hear(number))["type"] == "complete"


async def test_many_subscribers_share_what_is_read(ctx: Ctx, statements: StatementCounter) -> None:
    """Two hundred are told of a change by fewer statements than there are subscribers, what it refers to included."""
    async with hosting(ctx) as hosted:
        async with asyncio.TaskGroup() as group:
            ready, done = asyncio.Event(), asyncio.Event()

            async def follow() -> None:
                async with connecting(hosted.address) as socket:
                    numbers = [await socket.subscribe(FEED, registry="mine") for _ in range(20)]
                    await ready.wait()
                    for number in numbers:
                        for name in ("com.example/aa", "com.example/bb"):
                            assert (await socket.data(number))["catalogChanges"]["name"] == name
                    await done.wait()

            tasks = [group.create_task(follow()) for _ in range(10)]
            await until(lambda: followers(ctx) == 200)
            with statements() as seen:
                ready.set()
                for name in ("com.example/aa", "com.example/bb"):
                    await publish(ctx, "mine", document(name))
                done.set()
                await asyncio.wait(tasks)
        reads = [one for one in seen if "from change where" in one or "array_agg(rs.registry_id" in one]
        assert len(reads) < 20, len(reads)


async def test_client_who_does_not_read_is_dropped(ctx: Ctx, tmp_path: Path) -> None:
    """What he does not take is neither read from the database nor kept: the rest of the feed waits where it is."""
    padding = {"io.modelcontextprotocol.registry/publisher-provided": {"padding": "x" * 60_000}}
    await seed(ctx, tmp_path, {"s": [document(f"a/{number}", _meta=padding) for number in range(400)]})
    query = "subscription($after: String) { catalogChanges(after: $after) { serverVersion { document } } }"
    start = "{ catalogChanges(first: 1) { pageInfo { endCursor } } }"
    async with hosting(ctx, options(send_seconds=0.5)) as hosted:
        async with httpx.AsyncClient(base_url=f"http://{hosted.address}", trust_env=False) as client:
            found = (await client.post("/graphql", json={"query": start})).json()
        after = found["data"]["catalogChanges"]["pageInfo"]["endCursor"]
        async with connecting(hosted.address, max_queue=1) as socket:
            socket.socket.transport.pause_reading()
            await socket.subscribe(query, after=after)
            await until(lambda: followers(ctx) == 1)
            await until(lambda: followers(ctx) == 0)
            socket.socket.transport.resume_reading()
            assert await socket.closed() == (1013, "too slow")
            received = sum(queue.qsize() for queue in socket.messages.values())
            assert received < 399, "the feed was not sent in full"


async def test_limits_of_a_connection_and_of_the_process(ctx: Ctx) -> None:
    limits = options(per_connection=2, per_process=3)
    async with hosting(ctx, limits) as hosted, connecting(hosted.address) as one, connecting(hosted.address) as two:
        first = await one.subscribe(FEED)
        await one.subscribe(FEED)
        for subscriber in (one, two):
            number = await subscriber.subscribe(FEED)
            if subscriber is one:
                error = (await subscriber.hear(number))["payload"][0]
                assert error["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
                assert "2 operations" in error["message"]
        await until(lambda: followers(ctx) == 3)
        error = (await two.hear(await two.subscribe(FEED)))["payload"][0]
        assert error["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        assert "3 operations" in error["message"]
        await one.say(id=first, type="complete")
        await until(lambda: followers(ctx) == 2)
        await two.subscribe(FEED)
        await until(lambda: followers(ctx) == 3)
        async with connecting(hosted.address):
            with pytest.raises(InvalidStatus) as refused:
                async with connecting(hosted.address):
                    pass
            assert refused.value.response.status_code == 503


async def test_streams_of_the_process_are_limited(ctx: Ctx) -> None:
    async with hosting(ctx, options(per_process=1)) as hosted:
        async with streaming(hosted.address, FEED):
            await until(lambda: followers(ctx) == 1)
            async with httpx.AsyncClient(base_url=f"http://{hosted.address}", trust_env=False) as client:
                answer = await client.post("/graphql", json={"query": FEED}, headers=STREAM)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
                assert answer.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await until(lambda: followers(ctx) == 0)
        async with streaming(hosted.address, FEED):
            await until(lambda: followers(ctx) == 1)


async def test_streams_end_when_the_server_stops(ctx: Ctx) -> None:
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket, greeting(hosted.address) as idle:
        await socket.subscribe(FEED)
        async with streaming(hosted.address, FEED) as events:
            await until(lambda: followers(ctx) == 2)
            hosted.stop.set()
            assert [event async for event, _ in events] == [], "cut off, not completed: the client goes on elsewhere"
        assert (await socket.closed())[0] == 1001
        assert (await idle.closed())[0] == 1001
        await until(lambda: followers(ctx) == 0)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": FEED}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "connection_init", "payload": 5}], 4400),
        ([{"type": "unheard-of"}], 4400),
        ([[1]], 4400),
        (["text"], 4400),
        ([{"type": 5}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "payload": {"query": FEED}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": 5, "payload": {"query": FEED}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "1"}], 4400),
        ([{"type": "connection_init"}, *[{"type": "subscribe", "id": "1", "payload": {"query": FEED}}] * 2], 4409),
        ([{"type": "connection_init"}, {"type": "complete", "id": ["1"]}], 4400),
        ([{"type": "connection_init"}, {"type": "complete", "id": {}}], 4400),
        ([{"type": "ü" * 500}], 4400),
        ([{"type": "connection_init", "payload": [[[]]] * 30_000}], 4400),
        ([{"type": "connection_init", "payload": {"x": "y" * 2**20}}], 1009),
    ],
)
async def test_what_breaks_the_protocol_is_closed(ctx: Ctx, messages: list[Any], code: int) -> None:
    async with hosting(ctx) as hosted, greeting(hosted.address) as socket:
        for message in messages:
            await socket.socket.send(json.dumps(message))
        assert (await socket.closed())[0] == code
    await until(lambda: followers(ctx) == 0)


async def test_operations_that_cannot_be_read_are_refused_and_the_connection_stays(ctx: Ctx) -> None:
    async with hosting(ctx) as hosted, connecting(hosted.address) as socket:
        for payload in (None, {}, {"query": 5}, {"query": FEED, "variables": []}, {"documentId": "nothing"}, "text"):
            await socket.say(id="x", type="subscribe", payload=payload)
            message = await socket.hear("x")
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] in ("BAD_USER_INPUT", "DOCUMENT_NOT_FOUND")
        await socket.say(type="ping")
        assert (await socket.hear(""))["type"] == "pong"


async def test_other_handshakes_are_refused(ctx: Ctx) -> None:
    async with hosting(ctx, options(init_seconds=0.2)) as hosted:
        async with greeting(hosted.address, subprotocols=["graphql-ws"]) as legacy:
            assert (await legacy.closed())[0] == 4406
        async with greeting(hosted.address) as silent:
            assert (await silent.closed())[0] == 4408
        async with greeting(
            hosted.address, origin="https://ui.example.org", additional_headers={"X-Request-Id": "mine"}
        ) as far:
            assert far.socket.response is not None
            assert far.socket.response.headers["x-request-id"] == "mine"
        for path in ("/v0.1/servers", "/nowhere"):
            with pytest.raises(InvalidStatus) as refused:
                async with greeting(hosted.address, path):
                    pass
            assert refused.value.response.status_code == 403
