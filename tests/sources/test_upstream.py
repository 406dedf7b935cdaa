"""Following a registry: full passes, what changed since, and what is remembered in between."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.models.kinds import Status
from tests.misbehaviour import Fault
from tests.sources.following import MORNING, Clock, following, index, truth
from tests.upstreams import Version

FULL = {"limit": "100", "include_deleted": "true"}


async def test_full_pass_reads_every_page() -> None:
    async with following(250) as (upstream, follower):
        fetched = await follower.fetch()
    assert fetched.snapshot is not None
    assert not fetched.snapshot.partial
    assert fetched.snapshot.fetched == len(fetched.snapshot.documents) == 250
    assert fetched.snapshot.format is SourceFormat.UPSTREAM
    assert follower.standings == truth(upstream)
    assert upstream.queries[0] == FULL
    assert [query["cursor"].split()[0] for query in upstream.queries[1:]] == ["100", "200"]
    assert follower.reports == [100, 200, 250]
    assert fetched.revision == "250 versions, newest 2026-05-04T07:00:00Z"


async def test_versions_keep_their_standing() -> None:
    async with following(0) as (upstream, follower):
        upstream.versions = [
            Version("com.example/a", status="deleted", message="Gone for good", changed_at=MORNING),
            Version("com.example/b", status="deprecated", published_at=MORNING - timedelta(days=1)),
            Version("com.example/c", status=None),
        ]
        a, b, c = (await follower.snapshot()).documents
    assert (a.status, a.status_message, a.status_changed_at) == (Status.DELETED, "Gone for good", MORNING)
    assert (b.status, b.published_at, b.status_changed_at) == (Status.DEPRECATED, MORNING - timedelta(days=1), None)
    assert (c.status, c.status_message, c.published_at) == (Status.ACTIVE, None, None)


async def test_bad_document_does_not_sink_the_others() -> None:
    async with following(150) as (upstream, follower):
        upstream.versions[120].document = {"description": 5}
        upstream.versions[121].status = "archived"
        snapshot = await follower.snapshot()
    assert (len(snapshot.documents), snapshot.fetched) == (148, 150)
    assert [one.name for one in snapshot.rejections] == ["com.example/s0120", "com.example/s0121"]
    assert snapshot.rejections[0].reason.startswith("page 2: servers[20].server.description")
    assert "archived" in snapshot.rejections[1].reason


@pytest.mark.parametrize(
    "body", ['{"servers":[]}', '{"servers":null,"metadata":{"count":0}}', '{"servers":[],"metadata":null}']
)
async def test_empty_registry_is_an_empty_snapshot(body: str) -> None:
    async with following() as (upstream, follower):
        upstream.faults.append(Fault("body", body=body))
        snapshot = await follower.snapshot()
    assert (snapshot.documents, snapshot.rejections, snapshot.fetched) == ((), (), 0)
    assert not snapshot.partial
    assert "since" not in follower.state


async def test_then_only_changes_are_asked_for() -> None:
    async with following(250) as (upstream, follower):
        await follower.fetch()
        follower.clock.wait(hours=1)
        upstream.change("com.example/s0200", document={"title": "New"})
        upstream.change("com.example/s0201", status="deleted")
        upstream.versions.append(Version("com.example/new", updated_at=follower.clock.now))
        upstream.requests.clear()
        snapshot = await follower.snapshot()
    assert snapshot.partial
    assert upstream.queries == [{**FULL, "updated_since": "2026-05-04T06:58:00Z"}]
    assert {"com.example/s0200", "com.example/s0201", "com.example/new"} <= {d.name for d in snapshot.documents}
    assert snapshot.fetched < 10
    assert follower.standings == truth(upstream)


async def test_changes_of_several_pages_are_followed() -> None:
    async with following(250) as (upstream, follower):
        await follower.fetch()
        follower.clock.wait(hours=1)
        for one in upstream.versions[:230]:
            upstream.change(one.name, document={"title": "All new"})
        snapshot = await follower.snapshot()
    assert snapshot.partial
    assert snapshot.fetched == 230
    assert "etag" not in follower.state
    assert all(query["updated_since"] == "2026-05-04T06:58:00Z" for query in upstream.queries[3:])


async def test_nothing_new_is_no_snapshot() -> None:
    async with following(3) as (upstream, follower):
        await follower.fetch()
        state = follower.state
        upstream.versions.clear()
        fetched = await follower.fetch()
    assert fetched.snapshot is None
    assert {**state, "url": follower.state["url"], "etag": follower.state["etag"]} == follower.state


async def test_unchanged_answer_is_not_sent_again() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        assert (await follower.snapshot()).partial
        before = follower.state
        fetched = await follower.fetch()
        assert upstream.requests[1].query == upstream.requests[2].query
        assert "if-none-match" not in upstream.requests[1].headers
        assert upstream.requests[2].headers["if-none-match"] == before["etag"]
        assert (fetched.snapshot, follower.state) == (None, before)
        follower.clock.wait(minutes=10)
        upstream.change("com.example/s0002", status="deprecated")
        assert [d.name for d in (await follower.snapshot()).documents if d.status is Status.DEPRECATED]
        assert follower.standings == truth(upstream)


async def test_validators_are_for_their_own_address() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        await follower.fetch()
        follower.clock.wait(minutes=10)
        upstream.change("com.example/s0002", status="deprecated")
        await follower.fetch()
        await follower.fetch()
    assert upstream.queries[-1] != upstream.queries[-2]
    assert "if-none-match" not in upstream.requests[-1].headers


async def test_validators_are_for_the_first_page_alone() -> None:
    async with following(150) as (upstream, follower):
        await follower.fetch()
        await follower.fetch()
        for one in upstream.versions:
            upstream.change(one.name, document={"title": "New"})
        assert (await follower.snapshot()).fetched == 150
    assert ["if-none-match" in asked.headers for asked in upstream.requests[-3:]] == [False, True, False]


async def test_everything_is_read_again_after_a_day() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        del upstream.versions[1]
        follower.clock.wait(hours=23, minutes=59)
        await follower.fetch()
        assert len(follower.has) == 3
        follower.clock.wait(minutes=1)
        snapshot = await follower.snapshot()
    assert not snapshot.partial
    assert upstream.queries[-1] == FULL
    assert follower.standings == truth(upstream)


async def test_interval_of_full_passes_can_be_set() -> None:
    async with following(fullSyncInterval="90m") as (upstream, follower):
        for wait in (0, 89, 1):
            follower.clock.wait(minutes=wait)
            await follower.fetch()
    assert ["updated_since" in query for query in upstream.queries] == [False, True, False]


async def test_clock_that_was_set_back_makes_a_full_pass() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        follower.clock.wait(minutes=-1)
        await follower.fetch()
    assert upstream.queries == [FULL, FULL]


async def test_registry_without_times_is_always_read_in_full() -> None:
    async with following() as (upstream, follower):
        for one in upstream.versions:
            one.updated_at = None
        first = await follower.fetch()
        assert "since" not in follower.state
        assert first.revision.startswith("3 versions, digest ")
        again = await follower.fetch()
        assert (again.snapshot, again.revision) == (None, first.revision)
        upstream.change("com.example/s0001", updated_at=None, status="deprecated")
        assert not (await follower.snapshot()).partial
        assert follower.standings == truth(upstream)
    assert upstream.queries == [FULL] * 3


async def test_change_of_rejections_is_a_change() -> None:
    async with following() as (upstream, follower):
        for one in upstream.versions:
            one.updated_at = None
        await follower.fetch()
        upstream.versions.append(Version("com.example/bad", document={"description": 5}))
        assert len((await follower.snapshot()).rejections) == 1
        assert (await follower.fetch()).snapshot is None


async def test_full_pass_after_changes_is_compared_with_what_came_last() -> None:
    """Changed, fetched, changed back without a new time: the first full pass's digest must not hide that."""
    async with following() as (upstream, follower):
        await follower.fetch()
        follower.clock.wait(hours=1)
        stamp = upstream.find("com.example/s0001").updated_at
        upstream.change("com.example/s0001", status="deprecated")
        await follower.fetch()
        upstream.change("com.example/s0001", status="active", updated_at=stamp)
        follower.clock.wait(days=1)
        assert not (await follower.snapshot()).partial
        assert follower.standings == truth(upstream)


async def test_change_behind_the_pager_is_fetched_next() -> None:
    async with following(250) as (upstream, follower):

        def change() -> None:
            follower.clock.wait(seconds=1)
            upstream.change("com.example/s0007", status="deleted")
            upstream.versions.insert(0, Version("com.example/a", updated_at=follower.clock.now))
            follower.clock.wait(seconds=1)

        upstream.after_page[1] = change
        await follower.fetch()
        assert follower.has["com.example/s0007", "1.0.0"].status is Status.ACTIVE
        assert ("com.example/a", "1.0.0") not in follower.has
        assert (await follower.snapshot()).partial
        assert follower.standings == truth(upstream)


async def test_change_under_an_incremental_pager_is_fetched_next() -> None:
    async with following(250) as (upstream, follower):
        await follower.fetch()
        follower.clock.wait(hours=1)
        for one in upstream.versions[:150]:
            upstream.change(one.name, document={"title": "New"})

        def change() -> None:
            follower.clock.wait(minutes=30)
            upstream.change("com.example/s0007", status="deleted")

        upstream.after_page[0] = change
        await follower.fetch()
        await follower.fetch()
        assert follower.standings == truth(upstream)


@pytest.mark.parametrize(
    ("newest", "dated", "since"),
    [
        pytest.param("2026-05-04T07:30:00Z", True, "2026-05-04T07:28:00Z", id="by the newest"),
        pytest.param("2026-05-04T09:00:00Z", True, "2026-05-04T05:58:00Z", id="not by what is still to come"),
        pytest.param("2026-05-04T07:56:00Z", False, "2026-05-04T05:58:00Z", id="later than our clock put back"),
        pytest.param("2026-05-04T07:54:00Z", False, "2026-05-04T07:52:00Z", id="before our clock put back"),
        pytest.param("2026-05-04T07:30:00", True, "2026-05-04T05:58:00Z", id="a time without zone is none"),
    ],
)
async def test_since_is_never_later_than_what_was_seen(newest: str, dated: bool, since: str) -> None:
    async with following(0) as (upstream, follower):
        upstream.dated = dated
        upstream.versions = [
            Version("com.example/a", updated_at=newest),
            Version("com.example/b", updated_at=MORNING - timedelta(hours=2)),
        ]
        await follower.fetch()
    assert follower.state["since"] == since


async def test_since_is_the_upstreams_time_when_all_lies_ahead() -> None:
    async with following(0) as (upstream, follower):
        upstream.versions = [Version("com.example/a", updated_at=MORNING + timedelta(days=900))]
        follower.clock = Clock(MORNING + timedelta(minutes=20))
        await follower.fetch()
    assert follower.state["since"] == "2026-05-04T07:58:00Z"


async def test_since_goes_back_with_the_upstreams_clock() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        upstream.clock = Clock(MORNING - timedelta(hours=2))
        await follower.fetch()
    assert follower.state["since"] == "2026-05-04T05:58:00Z"


async def test_one_imports_versions_are_read_again_only_until_its_time_has_stood() -> None:
    async with following(0) as (upstream, follower):
        stamp = MORNING - timedelta(seconds=30, microseconds=123_456)
        upstream.versions = [Version(f"com.example/s{number}", updated_at=stamp) for number in range(150)]
        seen = []
        for seconds in (0, 60, 61, 1, 60, 60):
            follower.clock.wait(seconds=seconds)
            fetched = await follower.fetch()
            seen.append((fetched.snapshot.fetched if fetched.snapshot else 0, follower.state["since"]))
        early, settled = "2026-05-04T07:57:29Z", "2026-05-04T07:59:30Z"
        assert seen == [(150, early), (150, early), (150, early), (150, settled), (0, settled), (0, settled)]
        upstream.change("com.example/s7", document={"title": "New"})
        assert (await follower.snapshot()).fetched == 1
        assert follower.state["since"] == "2026-05-04T08:02:02Z"
    assert follower.standings == truth(upstream)


async def test_what_becomes_visible_late_is_not_missed() -> None:
    """A change that carries the newest time, or a fraction more, shows two minutes after it."""
    async with following(1) as (upstream, follower):
        upstream.validators = False
        upstream.versions[0].updated_at = stamp = MORNING.replace(microsecond=100_000)
        follower.clock.wait(seconds=1)
        await follower.fetch()
        follower.clock.wait(seconds=119)
        await follower.fetch()
        upstream.versions += [
            Version("com.example/late", updated_at=stamp),
            Version("com.example/later", updated_at=stamp + timedelta(milliseconds=899)),
        ]
        for _ in range(5):
            await follower.fetch()
            follower.clock.wait(minutes=1)
    assert follower.standings == truth(upstream)
    assert follower.state["since"] == "2026-05-04T08:00:01Z"


async def test_clock_of_the_stamps_may_lag_behind() -> None:
    """The time that passed counts, not how far the stamps lie behind the upstream's clock."""
    async with following(1) as (upstream, follower):
        upstream.versions[0].updated_at = follower.clock.now - timedelta(minutes=10)
        for _ in range(30):
            await follower.fetch()
            follower.clock.wait(seconds=20)
            stamp = follower.clock.now - timedelta(minutes=10)
            upstream.versions.append(Version(f"com.example/{len(upstream.versions)}", updated_at=stamp))
        await follower.fetch()
    assert follower.standings == truth(upstream)


async def test_full_pass_keeps_what_has_stood() -> None:
    async with following() as (upstream, follower):
        for minutes in (0, 10, 24 * 60):
            follower.clock.wait(minutes=minutes)
            await follower.fetch()
            settled = follower.state["since"]
        assert [query for query in upstream.queries if "updated_since" not in query] == [FULL, FULL]
        await follower.fetch()
    assert (settled, upstream.queries[-1]["updated_since"]) == ("2026-05-04T07:00:01Z", "2026-05-04T07:00:01Z")


async def test_repeated_version_counts_once() -> None:
    """A list that grows at its front while it is read gives the last of a page again on the next."""
    async with following(0) as (upstream, follower):
        old, new = MORNING - timedelta(hours=3), MORNING - timedelta(hours=2)
        upstream.versions = [
            Version("com.example/a", updated_at=new, document={"title": "New"}),
            Version("com.example/a", updated_at=old, document={"title": "Old"}),
            Version("com.example/b", updated_at=old, document={"title": "Old"}),
            Version("com.example/b", updated_at=new, document={"title": "New"}),
            Version("com.example/c", updated_at=old, document={"title": "Earlier"}),
            Version("com.example/c", updated_at=old, document={"title": "Later"}),
            Version("com.example/d", updated_at=old, document={"title": "Earlier"}),
            Version("com.example/d", document={"title": "Later"}),
        ]
        snapshot = await follower.snapshot()
    assert snapshot.rejections == ()
    assert snapshot.fetched == 4
    assert [document.title for document in snapshot.documents] == ["New", "New", "Later", "Later"]


async def test_flat_items_of_older_registries_are_read() -> None:
    async with following(150) as (upstream, follower):
        upstream.flat = True
        upstream.versions[0] = Version(
            "com.example/old", document={"_meta": {"com.example/own": {"x": 1}}}, status="deprecated"
        )
        snapshot = await follower.snapshot()
    assert len(snapshot.documents) == 150
    old = index(snapshot)["com.example/old", "1.0.0"]
    assert old.status is Status.DEPRECATED
    assert old.text.endswith('"_meta":{"com.example/own":{"x":1}}}')
    assert "_meta" not in snapshot.documents[1].text


@pytest.mark.parametrize("status", [400, 422])
async def test_registry_that_knows_no_parameters_is_read_plainly(status: int) -> None:
    async with following(150) as (upstream, follower):
        upstream.refused = status
        upstream.versions[3].status = "deleted"
        assert len((await follower.snapshot()).documents) == 149
        assert [query.keys() - {"cursor"} for query in upstream.queries] == [set(FULL), {"limit"}, {"limit"}]
        follower.clock.wait(hours=23)
        assert (await follower.fetch()).snapshot is None
        assert upstream.queries[3] == {"limit": "100"}
        upstream.refused = None
        follower.clock.wait(hours=2)
        assert len((await follower.snapshot()).documents) == 150
        assert upstream.queries[5] == FULL
        assert (await follower.snapshot()).partial


async def test_registry_that_forgets_a_parameter_is_read_plainly() -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        upstream.refused = 400
        upstream.versions.pop()
        assert not (await follower.snapshot()).partial
        assert len(follower.has) == 2


async def test_refusal_of_everything_is_an_error() -> None:
    async with following() as (upstream, follower):
        upstream.faults.append(Fault("status", status=422, times=None))
        with pytest.raises(SourceError, match=r"page 1 .* 422"):
            await follower.fetch()
        assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "change", [{"endpoint": "http://other.example.com/v0.1/servers"}, {"reading": -1}, {"fullAt": "x"}]
)
async def test_memory_of_something_else_is_not_used(change: dict[str, Any]) -> None:
    async with following() as (upstream, follower):
        await follower.fetch()
        follower.state |= change
        await follower.fetch()
    assert upstream.queries == [FULL, FULL]
