"""Registries made, changed and deleted through GraphQL; what is refused, with the field that is at fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from app.resolvers.context import Ctx
from tests.graphql.asking import ask
from tests.graphql.changing import Refusal, mutate, refusal, refuse, succeed
from tests.resolvers.state import names, tables
from tests.seeding import Catalogue, document


@pytest.fixture
async def configured(ctx: Ctx, tmp_path: Path) -> Catalogue:
    """Sources `a` and `b` of the configuration file, each with an `org.example/both`, and the registry `default` of `a`
    alone.
    """
    catalogue = Catalogue(ctx, tmp_path)
    for name in ("a", "b"):
        both = document("org.example/both", description=f"from {name}")
        catalogue.put(name, [both, document(f"org.example/{name}", description=f"from {name}")])
    catalogue.registries["default"] = ["a"]
    await catalogue.sync()
    return catalogue


async def test_registry_lists_sources_in_its_order(ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient) -> None:
    made = await succeed(client, "createRegistry", name="own", sources=["b", "a"])
    assert (made["name"], made["creationType"], made["serverCount"]) == ("own", "API", 3)
    assert [(s["position"], s["source"]["name"]) for s in made["sources"]] == [(0, "b"), (1, "a")]
    assert (await names(ctx, "own"))["org.example/both"] == "from b"
    assert (await names(ctx))["org.example/both"] == "from a", "the file's registries go first"
    found = (await client.get("/registry/own/v0.1/servers")).json()
    assert found["metadata"]["count"] == 3
    assert [item["name"] for item in (await client.get("/extension/v0/registries")).json()["registries"]] == [
        "default",
        "own",
    ]
    node = await ask(client, "query($id: ID!) { node(id: $id) { ... on Registry { name } } }", id=made["id"])
    assert node["node"] == {"name": "own"}


async def test_other_order_and_other_sources(ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient) -> None:
    await succeed(client, "createRegistry", name="own", sources=["b", "a"])
    changed = await succeed(client, "updateRegistry", name="own", sources=["a", "b"])
    assert [s["source"]["name"] for s in changed["sources"]] == ["a", "b"]
    assert (await names(ctx, "own"))["org.example/both"] == "from a"
    changed = await succeed(client, "updateRegistry", name="own", sources=["b"])
    assert (changed["serverCount"], await names(ctx, "own")) == (
        2,
        {"org.example/both": "from b", "org.example/b": "from b"},
    )
    before = await tables(ctx)
    await succeed(client, "updateRegistry", name="own", sources=["b"])
    assert await tables(ctx) == before, "nothing to change"


async def test_deleted_registry_leaves_its_sources(ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient) -> None:
    made = await succeed(client, "createRegistry", name="own", sources=["b"])
    assert set(await names(ctx)) == {"org.example/both", "org.example/a", "org.example/b"}
    assert await succeed(client, "deleteRegistry", name="own") == made["id"]
    assert set(await names(ctx)) == {"org.example/both", "org.example/a"}
    found = await ask(client, '{ source(name: "b") { entryCount registries { name } } registry(name: "own") { id } }')
    assert found == {"source": {"entryCount": 2, "registries": []}, "registry": None}
    assert (await client.get("/registry/own/v0.1/servers")).status_code == 404


REFUSED: list[Refusal] = [
    ("createRegistry", {"name": "default", "sources": ["a"]}, [("ALREADY_EXISTS", ["name"])]),
    ("createRegistry", {"name": "own", "sources": ["a"]}, [("ALREADY_EXISTS", ["name"])]),
    *(
        refusal("createRegistry", {"name": name, "sources": ["a"]}, ("INVALID", ["name"]))
        for name in ("", " ", "a b", "n\0", "v0", "v0.1", ".", "..", "x" * 256)
    ),
    ("createRegistry", {"name": "new", "sources": []}, [("INVALID", ["sources"])]),
    ("createRegistry", {"name": "new", "sources": ["a", "no"]}, [("NOT_FOUND", ["sources", "1"])]),
    (
        "createRegistry",
        {"name": "new", "sources": ["no", "a", "a", ""]},
        [("NOT_FOUND", ["sources", "0"]), ("INVALID", ["sources", "2"]), ("NOT_FOUND", ["sources", "3"])],
    ),
    ("createRegistry", {"name": "new", "sources": ["a", "\0"]}, [("INVALID", ["sources", "1"])]),
    ("updateRegistry", {"name": "default", "sources": ["b"]}, [("CONFIG_OWNED", ["name"])]),
    ("updateRegistry", {"name": "nobody", "sources": ["b"]}, [("NOT_FOUND", ["name"])]),
    ("updateRegistry", {"name": "n\0", "sources": ["b"]}, [("INVALID", ["name"])]),
    ("updateRegistry", {"name": "own", "sources": []}, [("INVALID", ["sources"])]),
    ("updateRegistry", {"name": "own", "sources": ["a", "no"]}, [("NOT_FOUND", ["sources", "1"])]),
    ("updateRegistry", {"name": "own", "sources": ["a", "b", "a"]}, [("INVALID", ["sources", "2"])]),
    ("deleteRegistry", {"name": "default"}, [("CONFIG_OWNED", ["name"])]),
    ("deleteRegistry", {"name": "nobody"}, [("NOT_FOUND", ["name"])]),
    ("deleteRegistry", {"name": ""}, [("NOT_FOUND", ["name"])]),
    ("deleteRegistry", {"name": "n\0"}, [("INVALID", ["name"])]),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
async def test_refusal_tells_code_and_field_and_changes_nothing(
    ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient, number: int
) -> None:
    await succeed(client, "createRegistry", name="own", sources=["b"])
    mutation, given, faults = REFUSED[number]
    assert await refuse(ctx, client, mutation, **given) == faults


async def test_of_several_creators_one_wins(ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient) -> None:
    lists = (["a"], ["b"], ["a", "b"], ["b", "a"])
    payloads = await asyncio.gather(*(mutate(client, "createRegistry", name="own", sources=one) for one in lists))
    assert [error["code"] for payload in payloads for error in payload["errors"]] == ["ALREADY_EXISTS"] * 3
    assert len((await tables(ctx, "registry"))["registry"]) == 3, "the aggregate, default and own"


async def test_source_is_never_deleted_under_a_registry(
    ctx: Ctx, configured: Catalogue, client: httpx.AsyncClient
) -> None:
    """Whoever comes first: the registry lists the source and keeps it, or finds that it is gone."""
    for number in range(5):
        await succeed(client, "createSource", name=f"s{number}", managed=None, git=GIT, syncInterval="1h")
        listing, deletion = await asyncio.gather(
            mutate(client, "createRegistry", name=f"r{number}", sources=[f"s{number}"]),
            mutate(client, "deleteSource", name=f"s{number}"),
        )
        codes = [error["code"] for payload in (listing, deletion) for error in payload["errors"]]
        assert codes in (["IN_USE"], ["NOT_FOUND"])


GIT = {"repository": "https://git.example.org/x.git"}


async def test_whole_catalogue_is_set_up_and_torn_down_in_one_operation(ctx: Ctx, client: httpx.AsyncClient) -> None:
    found = await ask(
        client,
        """mutation($document: JSON!) {
          one: createSource(input: {name: "house", managed: true}) { errors { code } }
          two: createRegistry(input: {name: "own", sources: ["house"]}) { errors { code } }
          three: publishServer(input: {registry: "own", document: $document}) {
            serverVersion { server { registries { name } source { name entryCount } } } errors { code } }
          four: deleteSource(input: {name: "house"}) { errors { code } }
          five: deleteRegistry(input: {name: "own"}) { errors { code } }
          six: deleteSource(input: {name: "house"}) { errors { code } } }""",
        document=document("org.example/xy"),
    )
    assert [[error["code"] for error in payload["errors"]] for payload in found.values()] == [
        [],
        [],
        [],
        ["IN_USE"],
        [],
        [],
    ]
    assert found["three"]["serverVersion"]["server"] == {
        "registries": [{"name": "own"}],
        "source": {"name": "house", "entryCount": 1},
    }
    assert (await tables(ctx, "source", "entry"), await names(ctx)) == ({"source": [], "entry": []}, {})
