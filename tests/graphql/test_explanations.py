"""What a registry says of what it does not serve: shadowed servers, and why a name is served from where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.auth.viewer import Viewer
from app.models.queries import Visibility
from app.resolvers.context import Ctx
from tests.conftest import StatementCounter, connect
from tests.graphql.asking import ask, refused
from tests.seeding import Catalogue, document, seed

ONE = "com.example/one"
EXPLAIN = """query($name: String!) { explainServer(name: $name, registry: "default") { name registry { name }
  winner { id version } candidates { position outcome reason source { name } latest { id version status }
    rejections { version reason } } } }"""
SHADOWS = """query($name: String!, $registry: String) { server(name: $name, registry: $registry) { id
  source { name } latest { id version } shadows { position source { name } latest { id version status server { id } } }
} }"""


@pytest.fixture
async def catalogue(ctx: Ctx, tmp_path: Path) -> Catalogue:
    """`a` has one version that was deleted, `b` and `c` have live ones, `d` had what it cannot use, `e` filters."""
    contents = {
        "a": [document(ONE, "1.0.0"), document("com.example/other")],
        "b": [document(ONE, "2.0.0")],
        "c": [document(ONE, "2.0.0"), document(ONE, "3.0.0")],
        "d": [{"name": ONE, "version": "4.0.0"}, document("com.example/other")],
        "e": [document("com.example/other")],
    }
    found = Catalogue(ctx, tmp_path)
    for name, documents in contents.items():
        found.put(name, documents)
    found.put("e", contents["e"], filter={"names": {"exclude": [f"{ONE}*"]}})
    found.registries["default"] = list(contents)
    await found.sync()
    found.put("a", [document("com.example/other")])
    await found.sync()
    return found


async def explain(client: httpx.AsyncClient, name: str = ONE) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(client, EXPLAIN, name=name))["explainServer"]
    return found


async def test_each_source_is_told_with_its_outcome_and_reason(client: httpx.AsyncClient, catalogue: Catalogue) -> None:
    found = await explain(client)
    assert (found["name"], found["registry"], found["winner"]["version"]) == (ONE, {"name": "default"}, "2.0.0")
    told = [(c["position"], c["source"]["name"], c["outcome"], c["reason"]) for c in found["candidates"]]
    assert told[:3] == [
        (0, "a", "DELETED", "every version was deleted: no longer in its source"),
        (1, "b", "SERVED", "served: of the sources that have a live version it comes first"),
        (2, "c", "SHADOWED", "shadowed by source b at position 1, which has a live version"),
    ]
    assert told[3][2] == "ABSENT"
    assert told[3][3].startswith("the last run rejected version 4.0.0: ")
    assert told[4] == (4, "e", "ABSENT", "the source's filter does not admit this name")
    (rejection,) = found["candidates"][3]["rejections"]
    assert rejection["version"] == "4.0.0"
    assert "description" in rejection["reason"]
    latest = [candidate["latest"] and candidate["latest"]["version"] for candidate in found["candidates"]]
    assert latest == ["1.0.0", "2.0.0", "3.0.0", None, None]
    assert found["candidates"][1]["latest"]["id"] == found["winner"]["id"]


async def test_a_name_that_nobody_has_is_absent_everywhere(client: httpx.AsyncClient, catalogue: Catalogue) -> None:
    found = await explain(client, "com.example/nobody")
    assert found["winner"] is None
    assert {candidate["outcome"] for candidate in found["candidates"]} == {"ABSENT"}
    assert "the source had no server of this name when it was last read, at 2" in found["candidates"][0]["reason"]


async def test_sole_source_has_no_rival(client: httpx.AsyncClient, ctx: Ctx, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"a": [document(ONE)]})
    (candidate,) = (await explain(client))["candidates"]
    assert candidate["reason"] == "served: no other source of the registry has a live version"


async def test_sources_that_were_never_read_say_so(client: httpx.AsyncClient, ctx: Ctx, tmp_path: Path) -> None:
    found = await seed(ctx, tmp_path, {"a": [document(ONE)], "b": [document("com.example/x")]})
    found.put("broken", b"no JSON")
    found.put("tagged", [document("com.example/x")], filter={"tags": {"include": ["db"]}})
    found.registries["default"] = ["broken", "tagged"]
    await found.sync()
    await client.put("/extension/v0/registries/mine", json={"managed": {}})
    candidates = (await explain(client))["candidates"]
    assert candidates[0]["reason"].startswith("never synchronised yet; the last run failed: ")
    assert "with tags that its filter admits when it was last read" in candidates[1]["reason"]
    mine = EXPLAIN.replace('registry: "default"', 'registry: "mine"')
    (managed,) = (await ask(client, mine, name=ONE))["explainServer"]["candidates"]
    assert (managed["outcome"], managed["reason"]) == ("ABSENT", "nobody has published it there")


async def test_unknown_registry_and_impossible_names_are_errors(
    client: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    error = await refused(client, EXPLAIN.replace('"default"', '"nope"'), name=ONE)
    assert error["extensions"]["code"] == "REGISTRY_NOT_FOUND"
    error = await refused(client, EXPLAIN, name="a\0b")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_three_statements_explain_a_server(
    client: httpx.AsyncClient, catalogue: Catalogue, statements: StatementCounter
) -> None:
    with statements() as seen:
        await ask(client, EXPLAIN, name=ONE)
    assert len(seen) == 3


@pytest.fixture
async def claims(ctx: Ctx, catalogue: Catalogue) -> AsyncIterator[dict[str, int]]:
    """The claim set of each source: `b` has one of its own, the others share another."""
    for name in catalogue.sources:
        catalogue.put(name, _kept(catalogue, name), claims={"org": "b" if name == "b" else "rest"})
    await catalogue.sync()
    async with ctx.db.read() as session:
        rows = await session.execute(text("select name, claim_set_id from source"))
        yield {row.name: row.claim_set_id for row in rows}


async def test_hidden_entries_look_absent_to_who_may_not_know_of_them(ctx: Ctx, claims: dict[str, int]) -> None:
    restricted = Viewer(Visibility((claims["a"],)))
    async with connect(replace(ctx, viewer=restricted)) as client:
        found = await explain(client)
        nobody = await explain(client, "com.example/nobody")
    outcomes = [candidate["outcome"] for candidate in found["candidates"]]
    assert outcomes == ["DELETED", "ABSENT", "SERVED", "ABSENT", "ABSENT"]
    hidden, absent = found["candidates"][1], nobody["candidates"][1]
    assert {**hidden, "reason": ""} == {**absent, "reason": ""}
    assert hidden["reason"] == absent["reason"]
    assert found["candidates"][2]["reason"] == "served: no other source of the registry has a live version"


async def test_hidden_entries_are_told_to_who_may_know_of_them(ctx: Ctx, claims: dict[str, int]) -> None:
    knowing = Viewer(Visibility((claims["a"],)), knows_hidden=True)
    async with connect(replace(ctx, viewer=knowing)) as client:
        candidate = (await explain(client))["candidates"][1]
    assert (candidate["outcome"], candidate["latest"]) == ("HIDDEN", None)
    assert candidate["reason"] == "it has this server, but its claims hide it from you"


async def test_rejections_of_a_source_with_other_claims_are_not_told(ctx: Ctx, claims: dict[str, int]) -> None:
    async with connect(replace(ctx, viewer=Viewer(Visibility((claims["b"],))))) as client:
        found = await explain(client)
    assert [candidate["rejections"] for candidate in found["candidates"]] == [[]] * 5
    assert "rejected" not in str(found)


async def test_server_tells_what_it_hides(client: httpx.AsyncClient, catalogue: Catalogue) -> None:
    found = (await ask(client, SHADOWS, name=ONE, registry="default"))["server"]
    assert found["source"] == {"name": "b"}
    (shadow,) = found["shadows"]
    assert (shadow["position"], shadow["source"]) == (2, {"name": "c"})
    assert (shadow["latest"]["version"], shadow["latest"]["status"]) == ("3.0.0", "ACTIVE")
    assert shadow["latest"]["server"] == {"id": found["id"]}, "in this registry that name is the winner's"


async def test_shadows_of_the_aggregate_and_of_servers_without_rivals(
    client: httpx.AsyncClient, catalogue: Catalogue
) -> None:
    catalogue.registries["other"] = ["c", "b"]
    await catalogue.sync()
    aggregate = (await ask(client, SHADOWS, name=ONE))["server"]
    assert [shadow["source"]["name"] for shadow in aggregate["shadows"]] == ["c"]
    other = (await ask(client, SHADOWS, name=ONE, registry="other"))["server"]
    assert (other["source"]["name"], [s["position"] for s in other["shadows"]]) == ("c", [1])
    many = (await ask(client, SHADOWS, name="com.example/other", registry="default"))["server"]
    assert [(s["position"], s["source"]["name"]) for s in many["shadows"]] == [(3, "d"), (4, "e")]
    nothing = await seed_alone(client, catalogue)
    assert nothing["shadows"] == []


async def seed_alone(client: httpx.AsyncClient, catalogue: Catalogue) -> dict[str, Any]:
    catalogue.put("e", [document("com.example/alone")])
    await catalogue.sync()
    found: dict[str, Any] = (await ask(client, SHADOWS, name="com.example/alone", registry="default"))["server"]
    return found


async def test_shadows_that_claims_hide_are_not_told(ctx: Ctx, claims: dict[str, int]) -> None:
    async with connect(replace(ctx, viewer=Viewer(Visibility((claims["b"],))))) as client:
        found = (await ask(client, SHADOWS, name=ONE, registry="default"))["server"]
    assert (found["source"], found["shadows"]) == ({"name": "b"}, [])


async def test_a_shadowed_version_has_an_id_of_its_own(client: httpx.AsyncClient, ctx: Ctx, tmp_path: Path) -> None:
    """The winner may have the same version string, and a client's cache must not take one for the other."""
    await seed(ctx, tmp_path, {"a": [document(ONE, title="A")], "b": [document(ONE, title="B")]})
    found = (await ask(client, SHADOWS, name=ONE, registry="default"))["server"]
    ids = [found["latest"]["id"], found["shadows"][0]["latest"]["id"]]
    assert len(set(ids)) == 2
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on ServerVersion { title } } }"
    nodes = (await ask(client, query, ids=ids))["nodes"]
    assert [node["id"] for node in nodes] == ids
    assert [node["title"] for node in nodes] == ["A", "B"]


def _kept(catalogue: Catalogue, name: str) -> Any:
    """What the source's file holds now."""
    return catalogue.file(name).read_bytes()
