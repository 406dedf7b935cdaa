"""Thousands of generated operations: whatever is asked, the answer is data or a refusal, never a defect."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from graphql import build_schema

from app.graphql.schema import print_sdl
from app.resolvers.context import Ctx
from tests.conftest import connect
from tests.graphql.generating import Generator
from tests.seeding import Catalogue, seed
from tests.test_parity import random_documents

QUERIES = 500
ROUNDS = 10
REFUSALS = {"BAD_USER_INPUT", "NOT_FOUND", "REGISTRY_NOT_FOUND", "SOURCE_NOT_FOUND"}
LIMITS = {"TOO_MANY_ALIASES", "TOO_DEEP", "TOO_COMPLEX", "TOO_MANY_TOKENS"}
"""A valid query may still ask for too much, which is refused before anything of it runs."""

KNOWN: dict[str, list[Any]] = {
    "registry": ["abc", "b"],
    "source": ["a", "b", "c"],
    "search": ["alpha", "example", "org.example/beta", "gamm"],
    "document": [{"name": "com.example/x", "description": "d", "version": "1.0.0"}],
}


@pytest.fixture(scope="module")
async def asked(shared_ctx: Ctx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    rng = random.Random(5)  # noqa: S311  # reproducible test data
    folder = tmp_path_factory.mktemp("generated")
    sources = {name: random_documents(rng) for name in ("a", "b", "c")}
    catalogue: Catalogue = await seed(shared_ctx, folder, sources, {"abc": ["a", "b", "c"], "b": ["b"]})
    catalogue.put("a", random_documents(rng))
    await catalogue.sync()
    async with connect(shared_ctx) as client:
        yield client


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_generated_queries_are_answered_or_refused(asked: httpx.AsyncClient, number: int) -> None:
    generator = Generator(build_schema(print_sdl()), random.Random(number), KNOWN)  # noqa: S311  # reproducible
    outcomes: Counter[str] = Counter()
    for _ in range(QUERIES):
        query, variables = generator.query()
        answer = await asked.post("/graphql", json={"query": query, "variables": variables})
        body = answer.json()
        codes = {error["extensions"]["code"] for error in body.get("errors", ())}
        assert codes <= REFUSALS | LIMITS, (codes, query, variables, body["errors"])
        assert answer.status_code == (400 if codes & LIMITS else 200), (query, variables, body)
        outcomes["limited" if codes & LIMITS else "refused" if codes else "answered"] += 1
        generator.learn(body.get("data"))
    assert outcomes["answered"] > QUERIES / 2, outcomes


def test_generated_queries_reach_every_field() -> None:
    """A generator that avoids a part of the schema would prove nothing about it."""
    schema = build_schema(print_sdl())
    generator = Generator(schema, random.Random(1), KNOWN)  # noqa: S311  # reproducible test data
    texts = " ".join(generator.query()[0] for _ in range(QUERIES * ROUNDS))
    words = set(texts.replace("(", " ").replace(":", " ").split())
    assert missing_fields(schema, words) == []


def missing_fields(schema: Any, words: set[str]) -> list[str]:
    """The fields of what queries can reach whose name is not among `words`."""
    reached, waiting = set(), [schema.query_type]
    missing = []
    while waiting:
        kind = waiting.pop()
        if kind in reached:
            continue
        reached.add(kind)
        for name, field in getattr(kind, "fields", {}).items():
            missing += [] if name in words else [f"{kind}.{name}"]
            named = field.type
            while hasattr(named, "of_type"):
                named = named.of_type
            waiting.append(named)
        if kind.name == "Node":
            waiting += schema.get_possible_types(kind)
    return missing
