"""Sources that have another name or another address in the configuration file: which is which, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import SourceSettings
from app.models.kinds import CreationType
from app.models.tables import NO_CLAIMS_ID
from app.models.views import SourceView
from app.resolvers.configuration import match_sources, reconcile
from app.resolvers.context import Ctx
from app.resolvers.entries import publish
from app.resolvers.sync_requests import accept_held
from tests.resolvers.state import SERVED, drain, last_run, names, rows, run_again, source, tables
from tests.seeding import Catalogue, document, seed

ONE = {"file": {"url": "https://one.example.com/servers.json"}}
TWO = {"file": {"url": "https://two.example.com/servers.json"}}
FAR = {"api": {"endpoint": "https://registry.example.org"}}
OWN: dict[str, Any] = {"managed": {}}
WATCHED: dict[str, Any] = {"kubernetes": {}}
REMOTE = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}

Named = Mapping[str, Mapping[str, Any]]


def store(number: int, name: str, config: Mapping[str, Any]) -> SourceView:
    """A stored source of which only name, kind and address matter."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return SourceView(
        id=number,
        name=name,
        kind=next(iter(config)),
        creation_type=CreationType.CONFIG,
        config=config,
        filter=None,
        interval_seconds=3600,
        claim_set_id=NO_CLAIMS_ID,
        claims={},
        created_at=now,
        updated_at=now,
        next_run_at=None,
        leased=False,
        last_attempt_at=None,
        last_success_at=None,
        consecutive_failures=0,
        message="",
        requested=False,
        applied_hash=None,
        fetch_state={},
        max_removal_percent=50,
        held_run_id=None,
        accepted_removal=None,
        entry_count=0,
        version_count=0,
        registry_ids=(),
    )


@pytest.mark.parametrize(
    ("before", "after", "renamed", "going"),
    [
        pytest.param({"a": ONE}, {"a": ONE}, {}, set(), id="nothing changed"),
        pytest.param({"a": ONE}, {"b": ONE}, {"a": "b"}, set(), id="renamed"),
        pytest.param({"a": ONE, "b": TWO}, {"c": ONE, "d": TWO}, {"a": "c", "b": "d"}, set(), id="both renamed"),
        pytest.param({"a": ONE, "b": TWO}, {"a": TWO, "b": ONE}, {"a": "b", "b": "a"}, set(), id="swapped"),
        pytest.param({"a": ONE, "b": TWO}, {"b": ONE, "c": TWO}, {"a": "b", "b": "c"}, set(), id="moved on by one"),
        pytest.param({"a": ONE, "m": OWN}, {"m": ONE, "a": OWN}, {"a": "m", "m": "a"}, set(), id="managed swapped"),
        pytest.param({"a": ONE, "b": TWO}, {"b": ONE}, {"a": "b"}, {"b"}, id="onto the name of one that goes"),
        pytest.param({"a": ONE, "m": OWN}, {"a": OWN}, {"m": "a"}, {"a"}, id="managed onto the name of one that goes"),
        pytest.param({"a": ONE, "b": TWO}, {"a": ONE}, {}, set(), id="one goes"),
        pytest.param({"a": ONE, "b": ONE}, {"c": ONE}, {}, set(), id="two could be meant"),
        pytest.param({"a": ONE}, {"b": ONE, "c": ONE}, {}, set(), id="two could follow"),
        pytest.param({"m": OWN, "n": OWN}, {"o": OWN, "p": OWN}, {}, set(), id="two managed ones, both renamed"),
        pytest.param({"a": ONE, "b": ONE}, {"a": ONE, "c": ONE}, {"b": "c"}, set(), id="the other one is known"),
        pytest.param({"m": OWN, "n": OWN}, {"m": OWN, "o": OWN}, {"n": "o"}, set(), id="the other managed one"),
        pytest.param({"a": ONE}, {"a": TWO}, {}, set(), id="address changed"),
        pytest.param({"a": ONE}, {"a": FAR}, {}, set(), id="fetched in another way"),
        pytest.param({"a": ONE}, {"a": TWO, "b": ONE}, {"a": "b"}, set(), id="renamed, and another in its place"),
        pytest.param({"a": ONE}, {"b": TWO}, {}, set(), id="another one altogether"),
        pytest.param({"a": ONE}, {"a": OWN}, {}, {"a"}, id="a fetched one became managed"),
        pytest.param({"m": OWN}, {"m": ONE}, {}, {"m"}, id="a managed one is fetched now"),
        pytest.param({"m": OWN}, {"m": WATCHED}, {}, {"m"}, id="a managed one is discovered now"),
        pytest.param({}, {"a": ONE}, {}, set(), id="the first one"),
    ],
)
def test_source_is_what_it_is_fetched_from(
    before: Named, after: Named, renamed: Mapping[str, str], going: set[str]
) -> None:
    held = [store(number, name, config) for number, (name, config) in enumerate(before.items())]
    given = [SourceSettings.model_validate({"name": name, **config}) for name, config in after.items()]
    for order in (given, given[::-1]):
        found, leaving = match_sources(held, order)
        assert {view.name: name for view, name in found} == renamed
        assert {view.name for view in leaving} == going


async def with_house(ctx: Ctx, folder: Path) -> Catalogue:
    """A file source `s`, and a managed one `house` with a published server."""
    catalogue = await seed(ctx, folder, {"s": [document("a/b")]})
    catalogue.sources["house"] = dict(OWN)
    catalogue.registries["default"] = ["s", "house"]
    await catalogue.sync()
    await publish(ctx, "default", document("com.example/own", remotes=[REMOTE]))
    return catalogue


@pytest.mark.parametrize(
    ("names_now", "served"),
    [
        ({"home": "house", "s": "s"}, {"a/b", "com.example/own"}),
        ({"s": "house", "house": "s"}, {"a/b", "com.example/own"}),
        ({"s": "house"}, {"com.example/own"}),
    ],
)
async def test_managed_source_keeps_what_was_published_to_it(
    ctx: Ctx, tmp_path: Path, names_now: Mapping[str, str], served: set[str]
) -> None:
    catalogue = await with_house(ctx, tmp_path)
    house, sources = await source(ctx, "house"), catalogue.sources
    entry = "select id, source_id, latest_version_id from entry where name = 'com.example/own'"
    before = await rows(ctx, entry)
    catalogue.sources = {new: sources[old] for new, old in names_now.items()}
    catalogue.registries["default"] = list(names_now)
    await reconcile(ctx, catalogue.settings())
    assert set(await names(ctx)) == served
    await drain(ctx)
    assert set(await names(ctx)) == served
    assert await rows(ctx, entry) == before
    (name,) = (new for new, old in names_now.items() if old == "house")
    now = await source(ctx, name)
    assert (now.id, now.kind, now.entry_count) == (house.id, "managed", 1)


async def test_fetched_sources_that_swap_names_serve_on_without_a_change(ctx: Ctx, tmp_path: Path) -> None:
    """A registry that lists one by name shows the other's servers then; no server changed for that."""
    listed: dict[str, Sequence[str]] = {"one-alone": ["one"], "two-alone": ["two"]}
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")], "two": [document("a/c")]}, listed)
    ids = {name: (await source(ctx, name)).id for name in ("one", "two")}
    before = await tables(ctx, "entry", "change")
    sources = catalogue.sources
    catalogue.sources = {"one": sources["two"], "two": sources["one"]}
    for _ in range(2):
        await catalogue.sync()
        assert {name: (await source(ctx, name)).id for name in ("two", "one")} == {"two": ids["one"], "one": ids["two"]}
        assert await tables(ctx, "entry", "change") == before
        assert (set(await names(ctx, "one-alone")), set(await names(ctx, "two-alone"))) == ({"a/c"}, {"a/b"})
    assert [(await last_run(ctx, name)).outcome for name in ("one", "two")] == ["UNCHANGED", "UNCHANGED"]


async def test_swapped_names_in_one_registry_write_no_row_of_what_is_served(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"one": [document("a/b")], "two": [document("a/c")]})
    before = await tables(ctx, *SERVED)
    sources = catalogue.sources
    catalogue.sources = {"two": sources["one"], "one": sources["two"]}
    catalogue.registries["default"] = ["two", "one"]
    await catalogue.sync()
    assert await tables(ctx, *SERVED) == before


async def labels(ctx: Ctx) -> dict[str, Any]:
    """The claims of what is live, by name."""
    found = await rows(
        ctx,
        "select e.name, c.claims from entry e join claim_set c on c.id = e.claim_set_id"
        " join entry_version v on v.id = e.latest_version_id where v.status = 0",
    )
    return dict(found)


SECRET, OPEN = {"team": "secret"}, {"team": "all"}


async def labelled(ctx: Ctx, folder: Path) -> Catalogue:
    """A source `s` of secret content, which the configuration has pointed at open content since."""
    catalogue = Catalogue(ctx, folder)
    catalogue.put("s", [document("secret/x")], claims=SECRET, syncPolicy={"interval": "1h"})
    catalogue.registries["default"] = ["s"]
    await catalogue.sync()
    assert await labels(ctx) == {"secret/x": SECRET}
    other = folder / "other.json"
    other.write_bytes(catalogue.file("s").read_bytes().replace(b"secret/x", b"open/x"))
    catalogue.sources["s"] |= {"file": {"path": str(other)}, "claims": OPEN}
    return catalogue


async def test_claims_of_a_new_address_come_with_its_content(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await labelled(ctx, tmp_path)
    await reconcile(ctx, catalogue.settings())
    assert await labels(ctx) == {"secret/x": SECRET}
    await drain(ctx)
    assert (await last_run(ctx)).outcome == "HELD"
    assert await labels(ctx) == {"secret/x": SECRET}, "nor while the new content is held"
    await accept_held(ctx, "s")
    await drain(ctx)
    assert (await last_run(ctx)).outcome == "APPLIED"
    assert await labels(ctx) == {"open/x": OPEN}


async def test_claims_of_a_new_address_wait_while_it_fails(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await labelled(ctx, tmp_path)
    other = tmp_path / "other.json"
    other.write_bytes(b"{")
    await catalogue.sync()
    assert (await last_run(ctx)).outcome == "FAILED"
    await catalogue.sync()
    assert await labels(ctx) == {"secret/x": SECRET}, "nor when the configuration is applied again"
    other.write_bytes(catalogue.file("s").read_bytes())
    assert (await run_again(ctx)).outcome == "UNCHANGED", "the same content, by another name"
    assert await labels(ctx) == {"secret/x": OPEN}


async def test_claims_of_the_same_address_hold_at_once(ctx: Ctx, tmp_path: Path) -> None:
    catalogue = await seed(ctx, tmp_path, {"s": [document("a/b")]})
    catalogue.put("s", [document("a/b")], claims=SECRET)
    await reconcile(ctx, catalogue.settings())
    assert await labels(ctx) == {"a/b": SECRET}
