"""No query takes more SQL statements for a longer page: each is asked for 2 items and for 20 of everything."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    visit,
)

from app.core.database import Database, Session
from app.graphql.changes import CatalogChange
from app.graphql.context import GraphQLContext
from app.graphql.mutations import Mutation
from app.graphql.queries import Query
from app.graphql.runs import SyncRun
from app.graphql.servers import Server, ServerVersion
from app.graphql.subscriptions import Subscription
from app.resolvers.context import Ctx
from tests.graphql.counting import OPERATIONS, QUERIES, counting
from tests.seeding import Catalogue, document, seed, tagged

SMALL, LARGE = 2, 20

LATER_ROUNDS = 2
"""What a longer page has read already need not be read for what is nested in it, so that its keys are gathered in
rounds of their own: fewer or more by one or two. A statement for each item would be nine more at least."""

SOURCES = [f"a{number:02}" for number in range(11)]
SERVERS = [f"com.example/s{number:02}" for number in range(25)]
SCHEMA = strawberry.Schema(Query, Mutation, Subscription, types=[CatalogChange, Server, ServerVersion, SyncRun])
"""Without the limits, which would refuse most of what is asked here."""

IDS = """query($n: Int) { servers(first: $n, registry: "r00") { nodes { id source { id } latest { id }
  shadows { latest { id } } } } sources(first: $n) { nodes { lastRun { id } } } registries(first: $n) { nodes { id } }
  catalogChanges(first: $n) { nodes { id } } }"""


async def fill(ctx: Ctx, folder: Path) -> Catalogue:
    """Eleven sources with the same names, three runs of each, and eleven registries in different orders."""
    registries = {f"r{turn:02}": SOURCES[turn:] + SOURCES[:turn] for turn in range(11)}
    contents = {name: _documents(place) for place, name in enumerate(SOURCES)}
    catalogue = await seed(ctx, folder, contents, registries)
    for turn in (2, 3):
        for name, documents in contents.items():
            catalogue.put(name, [*documents, *(document(one, f"1.0.{turn}") for one in SERVERS[:3]), document("bad")])
        await catalogue.sync()
    catalogue.managed.append("mine")
    await catalogue.sync()
    return catalogue


def _documents(place: int) -> list[dict[str, Any]]:
    """The first two sources have many servers, and many versions of the first one; the others have some of them."""
    many = [document(SERVERS[0], f"0.{number}.0") for number in range(20)] if place < 2 else []
    names = SERVERS if place < 2 else SERVERS[:8]
    return [*many, *(tagged(name, "db", version=f"1.0.{place % 2}", tools=["query"]) for name in names)]


class OneByOne(Database):
    """A database whose reads wait for each other: which of two loaders is answered first would otherwise decide whether
    a third one gathers their keys once or twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self.engine = database.engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        async with self._turn, self._database.read() as session:
            yield session


@pytest.fixture(scope="module")
async def filled(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> Ctx:
    await fill(shared_ctx, tmp_path_factory.mktemp("filled"))
    return replace(shared_ctx, db=OneByOne(shared_ctx.db))


async def run(ctx: Ctx, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    (name, *_) = [
        node.name.value if node.name else None
        for node in parse(query).definitions
        if isinstance(node, OperationDefinitionNode) and node.operation is OperationType.QUERY
    ]
    context = GraphQLContext(ctx)
    result = await SCHEMA.execute(query, variable_values=variables, context_value=context, operation_name=name)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


async def find_ids(ctx: Ctx, size: int) -> list[str]:
    """Ids of every type: two or three of each, or as many as `nodes` takes at a time."""
    data = await run(ctx, IDS, {"n": size})
    servers = data["servers"]["nodes"]
    kinds = [
        [server["id"] for server in servers],
        [server["latest"]["id"] for server in servers],
        [shadow["latest"]["id"] for server in servers for shadow in server["shadows"]],
        [server["source"]["id"] for server in servers],
        [source["lastRun"]["id"] for source in data["sources"]["nodes"] if source["lastRun"]],
        [registry["id"] for registry in data["registries"]["nodes"]],
        [change["id"] for change in data["catalogChanges"]["nodes"]],
    ]
    return [found for ids in kinds for found in ids[: 2 if size == SMALL else 14]]


def frontend_variables(size: int) -> dict[str, Any]:
    """What the operations of the user interface take."""
    written = {"name": "com.example/x", "version": "1.0.0", "description": "x"}
    chosen = {"name": "com.example/s00", "registry": "r00", "version": "latest"}
    return {"first": size, "last": size, "runs": size, "document": written, **chosen}


FRONTEND = {path.stem: path.read_text() for path in sorted(OPERATIONS.glob("*.graphql"))}
COUNTS: dict[str, tuple[int, int]] = {}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """What was counted, for who runs the tests with -s."""
    yield
    for name, (small, large) in sorted(COUNTS.items()):
        sys.stdout.write(f"{name:30} {small:4} {large:4}\n")


@pytest.mark.parametrize("name", [*QUERIES, *(f"{stem}.graphql" for stem in FRONTEND)])
async def test_statements_are_as_many_for_a_page_of_two_as_for_twenty(filled: Ctx, name: str) -> None:
    query = QUERIES.get(name) or FRONTEND[name.removesuffix(".graphql")]
    counts = []
    for size in (SMALL, LARGE):
        ids = await find_ids(filled, size)
        with counting(filled) as seen:
            await run(
                filled,
                query,
                {"n": size, "m": 2 if size == SMALL else 6, "ids": ids, "id": ids[0], **frontend_variables(size)},
            )
        counts.append(len(seen))
    COUNTS[name] = (counts[0], counts[1])
    assert counts[1] <= counts[0] + LATER_ROUNDS


def test_every_list_and_object_of_the_schema_is_counted() -> None:
    schema: GraphQLSchema = strawberry.Schema(Query, types=[CatalogChange, Server, ServerVersion, SyncRun])._schema
    asked: set[tuple[str, str]] = set()
    for query in QUERIES.values():
        info = TypeInfo(schema)
        visit(parse(query), TypeInfoVisitor(info, Asked(info, asked)))
    whole = {
        (kind.name, name)
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for name, field in kind.fields.items()
        if isinstance(get_named_type(field.type), GraphQLObjectType) or field.args or kind.name == "Query"
    }
    assert sorted(whole - asked) == []


class Asked(Visitor):
    """Notes the fields that a document selects, with the type that they are of."""

    def __init__(self, info: TypeInfo, asked: set[tuple[str, str]]) -> None:
        super().__init__()
        self._info = info
        self._asked = asked

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._info.get_parent_type()
        if parent is not None:
            self._asked.add((parent.name, node.name.value))
