"""How good and how fast ranked search is.

Good: NDCG@10 over `relevance.json`, queries with graded judgements (3: what was wanted, 2: would do as well, 1: has to
do with it) over two real registries in ../shared/data. Fast: a page of a ranked search against the bare SQL of a page.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import text

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.migrations import migrate
from app.models.queries import LATEST, ListServers, Window
from app.models.searches import Search
from app.resolvers.context import Ctx
from app.resolvers.search import count_facets, search_servers
from bench.listing import BARE_SQL
from tests.seeding import seed, tagged, upstream

DATA = Path(__file__).parents[2] / "shared" / "data"
TOOLHIVE = "toolhive/registry-toolhive-format/toolhive-v0.6.17-embedded-registry.json"
SEEDS = "mcp/seed-2025-10.json"
CUT = 10
NAMES = 20_000
ROUNDS = 60
PAGE = 30
TARGET = 0.85
SEARCHES = {
    "one server": "mail-00500",
    "a hundredth": "tag7",
    "a tenth": "weather",
    "all": "example",
    "two words, a tenth": "weather list",
    "two words, nearly none": "weather calendar-00501",
    "half a word inside of others": "eathe",
    "a misspelt word": "wether",
}
SUBJECTS = ("mail", "calendar", "database", "search", "weather", "cloud", "chat", "git", "payments", "maps")


@dataclass(frozen=True, slots=True)
class Judged:
    group: str
    query: str
    grades: dict[str, int]


def judgements() -> list[Judged]:
    return [Judged(**item) for item in json.loads((Path(__file__).parent / "relevance.json").read_text())]


def registries() -> dict[str, Any]:
    """The contents of the sources that the judgements are about."""
    return {
        "toolhive": json.loads((DATA / TOOLHIVE).read_text()),
        "seeds": upstream(json.loads((DATA / SEEDS).read_text())),
    }


def gain(grades: Sequence[int]) -> float:
    return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:CUT]))


def ndcg(judged: Judged, names: Sequence[str]) -> float:
    """1 if the ten first names are the best there are, in their best order."""
    ideal = gain(sorted(judged.grades.values(), reverse=True))
    return gain([judged.grades.get(name, 0) for name in names]) / ideal


async def measure_relevance(ctx: Ctx) -> dict[str, list[tuple[str, float]]]:
    """By group: the queries with their NDCG@10."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for judged in judgements():
        page = (await search_servers(ctx, ranked(judged.query, CUT))).page
        found[judged.group].append((judged.query, ndcg(judged, [item.name for item in page.items])))
    return found


def ranked(query: str, limit: int = PAGE) -> ListServers:
    return ListServers(version=LATEST, ranked=Search.of(query), window=Window(limit))


def report_relevance(found: dict[str, list[tuple[str, float]]]) -> None:
    count = sum(map(len, found.values()))
    sys.stdout.write(f"NDCG@{CUT} over {count} judged queries: {mean_of(found):.3f}\n")
    for group, values in found.items():
        worst = min(values, key=lambda value: value[1])
        mean = statistics.mean(value for _, value in values)
        sys.stdout.write(f"  {group:16} {mean:.3f}  of {len(values)}; the worst is {worst[0]!r} with {worst[1]:.2f}\n")


async def measure_speed(ctx: Ctx) -> dict[str, float]:
    """Milliseconds of a page or of all facets, by what is asked."""

    async def bare() -> None:
        async with ctx.db.read() as session:
            found = await session.execute(text(BARE_SQL), {"after": "com.example/mail-00500", "limit": PAGE})
            if len(found.all()) != PAGE:
                raise RuntimeError("the page is not full")

    times = {"bare SQL page": await median(bare)}
    for name, query in SEARCHES.items():
        asked = ranked(query)
        times[f"page of {name}"] = await median(partial(search_servers, ctx, asked))
        found = await search_servers(ctx, asked)
        times[f"facets of {name}"] = await median(partial(count_facets, ctx, found.query))
    return times


async def median(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds; the first round, which warms caches, does not count."""
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        await work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def report_speed(times: dict[str, float]) -> None:
    sys.stdout.write(f"{NAMES} names, pages of {PAGE}, median of {ROUNDS}\n")
    for name, value in times.items():
        sys.stdout.write(f"  {name:36} {value:8.2f} ms  {value / times['bare SQL page']:6.1f} x bare SQL\n")


def many() -> list[dict[str, Any]]:
    return [
        tagged(f"com.example/{subject}-{n:05}", f"tag{n % 100}", subject, tools=[f"{subject}_get", f"{subject}_list"])
        for n, subject in zip(range(NAMES), cycle(SUBJECTS), strict=False)
    ]


@asynccontextmanager
async def catalogue(sources: dict[str, Any]) -> AsyncIterator[Ctx]:
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres", durable=False) as postgres:
            await migrate(postgres.connect_args())
            database = Database(postgres.connect_args())
            try:
                ctx = Ctx(database)
                await seed(ctx, Path(folder), sources)
                yield ctx
            finally:
                await database.close()


async def main() -> int:
    async with catalogue({"many": many()}) as ctx:
        report_speed(await measure_speed(ctx))
    if not DATA.is_dir():
        sys.stdout.write("no relevance: the judged registries are in ../shared/data, which is absent\n")
        return 0
    async with catalogue(registries()) as ctx:
        found = await measure_relevance(ctx)
    report_relevance(found)
    return 0 if mean_of(found) >= TARGET else 1


def mean_of(found: dict[str, list[tuple[str, float]]]) -> float:
    return statistics.mean(value for values in found.values() for _, value in values)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    sys.exit(asyncio.run(main()))
