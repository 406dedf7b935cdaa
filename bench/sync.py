"""What following a large registry costs: a first import, then runs with nothing and with 1 % of the versions changed.

Each run of the sync engine has a process of its own, so that its peak memory is that of a run; the registry, another.
Figures are ratios within one execution. Ends with status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import yaml

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.logging import configure_logging
from app.core.migrations import migrate
from app.core.settings import load_settings
from app.models.kinds import SyncTrigger
from app.resolvers import sync
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sources import list_sources
from app.resolvers.sync_requests import request_sync
from app.sources.outbound import Outbound

Deltas = dict[str, tuple[int, ...]]
"""Rows inserted, updated and deleted, by table."""

IMPORT, QUIET, QUIET_FULL, SOME, SOME_FULL = STAGES = (
    "first import",
    "nothing changed",
    "nothing changed, full pass",
    "1 % changed",
    "1 % changed, full pass",
)
STATE_TABLES = ("source", "sync_run", "fetched_page", "catalog")
"""What every run writes to, or may: the rest is the catalogue."""

MAX_COPIES, MAX_SHARE, MAX_MEGABYTES = 10.0, 0.1, 600.0
COPY_ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """Seconds of one run's parts, and megabytes at its peak. `fetch` has HTTP and parsing; `read` reads what is stored
    and compares; `apply` is the rest of the transaction and its commit; `settle` what follows it for the searches."""

    fetch: float
    read: float
    apply: float
    settle: float
    peak: float

    @property
    def total(self) -> float:
        return self.fetch + self.read + self.apply + self.settle


@dataclass(frozen=True)
class Round:
    """An import and what followed it. `copy` is seconds of a bare COPY of the same versions."""

    costs: dict[str, Cost]
    rows: dict[str, Deltas]
    copy: float


@dataclass(frozen=True)
class Place:
    """Where a round happens; `socket` is the directory of the database's socket."""

    socket: Path
    database: str
    config: Path

    def connect_args(self) -> dict[str, Any]:
        return {"host": str(self.socket), "user": "postgres", "database": self.database, "ssl": False}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=1, help="the table and the ratios then show medians")
    parser.add_argument("--child", nargs=4, metavar=("SOCKET", "DATABASE", "CONFIG", "STAGE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        socket, database, config, stage = arguments.child
        cost = asyncio.run(run_once(Place(Path(socket), database, Path(config)), stage))
        sys.stdout.write(json.dumps(asdict(cost)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rounds = asyncio.run(play_rounds(Path(folder), arguments.versions, arguments.runs))
    sys.exit(report(rounds, arguments.versions))


async def play_rounds(folder: Path, versions: int, runs: int) -> list[Round]:
    rounds = []
    async with EmbeddedPostgres(folder / "postgres") as postgres:
        for number in range(runs):
            place = Place(folder / "postgres", f"round_{number}", folder / "config.yaml")
            await execute(postgres.connect_args(), f"create database {place.database}")
            await migrate({**postgres.connect_args(), "database": place.database})
            async with mirrored(versions) as url:
                place.config.write_text(write_config(folder, url))
                rounds.append(await play_round(place, url))
    return rounds


def write_config(folder: Path, url: str) -> str:
    source = {"name": "mirror", "api": {"endpoint": url}, "syncPolicy": {"interval": "1h"}}
    registry = {"name": "default", "sources": ["mirror"]}
    config = {"sources": [source], "registries": [registry], "auth": {"mode": "anonymous"}}
    return yaml.safe_dump({**config, "fileStorage": {"baseDir": str(folder / "data")}})


@asynccontextmanager
async def mirrored(versions: int) -> AsyncIterator[str]:
    """The address of a registry with so many versions."""
    command = ["-m", "bench.mirrored", f"--versions={versions}"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
    try:
        assert process.stdout  # noqa: S101  # for the type checker: it was asked for
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def play_round(place: Place, url: str) -> Round:
    costs, rows, copy = {}, {}, 0.0
    for stage in STAGES:
        if stage in (SOME, SOME_FULL):
            async with httpx.AsyncClient(trust_env=False) as client:
                (await client.post(f"{url}/control/change?percent=1")).raise_for_status()
        before = await count_rows(place)
        costs[stage] = await run_child(place, stage)
        rows[stage] = {name: tuple(map(int.__sub__, n, before[name])) for name, n in (await count_rows(place)).items()}
        if stage == IMPORT:
            copy = await measure_copy(place)
    return Round(costs, rows, copy)


async def run_child(place: Place, stage: str) -> Cost:
    given = [str(place.socket), place.database, str(place.config), stage]
    command = ["-m", "bench.sync", "--child", *given]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the run failed: {stage}")
    return Cost(**json.loads(told))


async def run_once(place: Place, stage: str) -> Cost:
    """One run of the sync engine, in this process."""
    configure_logging("error")
    db = Database(place.connect_args())
    ctx, spent = Ctx(db, outbound=Outbound(("127.0.0.1",))), watch_parts()
    try:
        if stage == IMPORT:
            await reconcile(ctx, load_settings(place.config, {}))
        else:
            await request_sync(ctx, "mirror", full=stage in (QUIET_FULL, SOME_FULL))
        started = time.perf_counter()
        if not await sync.run_next_due(ctx, "bench", SyncTrigger.MANUAL):
            raise RuntimeError("the source is not due")
        total = time.perf_counter() - started
        (source,) = await list_sources(ctx)
    finally:
        await db.close()
    if source.consecutive_failures:
        raise RuntimeError(source.message)
    sys.stderr.write(f"{stage}: {source.message}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    fetch, read, settle = spent["fetch"], spent["read"], spent["settle"]
    return Cost(fetch, read, total - fetch - read - settle, settle, peak)


def watch_parts() -> dict[str, float]:
    """Have the engine's parts tell, from now on, how long they take."""
    spent: dict[str, float] = defaultdict(float)

    def watch(part: str, name: str, *, waits: bool) -> None:
        work: Callable[..., Any] = getattr(sync, name)

        async def wait(*given: Any) -> Any:
            started = time.perf_counter()
            try:
                return await work(*given)
            finally:
                spent[part] += time.perf_counter() - started

        def call(*given: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*given)
            finally:
                spent[part] += time.perf_counter() - started

        setattr(sync, name, wait if waits else call)

    watch("fetch", "fetch", waits=True)
    watch("read", "stored_versions", waits=True)
    watch("settle", "settle_search", waits=True)
    for name in ("choose", "compare", "find_removal"):
        watch("read", name, waits=False)
    return spent


async def count_rows(place: Place) -> Deltas:
    """Rows written so far. Backends tell what they did when they end, at the latest: those of the runs have."""
    await asyncio.sleep(1)
    found = await execute(
        place.connect_args(),
        "select relname, n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables where schemaname = 'public'",
    )
    return {row[0]: tuple(row)[1:] for row in found}


async def measure_copy(place: Place) -> float:
    """Seconds of a COPY of every version, whole, into a table that has no index but its key."""
    connection = await asyncpg.connect(**place.connect_args())
    times = []
    try:
        rows = await connection.fetch("select * from entry_version order by id")
        columns = list(rows[0].keys())
        records = [tuple(row) for row in rows]
        for _ in range(COPY_ROUNDS):
            await connection.execute("create table bare (like entry_version including defaults, primary key (id))")
            started = time.perf_counter()
            await connection.copy_records_to_table("bare", columns=columns, records=records)
            times.append(time.perf_counter() - started)
            await connection.execute("drop table bare")
    finally:
        await connection.close()
    return statistics.median(times)


async def execute(connect_args: dict[str, Any], statement: str) -> list[Any]:
    connection = await asyncpg.connect(**connect_args)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def report(rounds: list[Round], versions: int) -> int:
    """Print what was measured; 1 if a target is missed."""
    out = [f"{versions} versions, {len(rounds)} run(s)", "", *show_costs(rounds), "", *show_rows(rounds[-1]), ""]
    missed = 0
    for what, value, most in judge(rounds):
        over = most is not None and value > most
        verdict = "" if most is None else f"  at most {most:g}: {'missed' if over else 'kept'}"
        out.append(f"{what:60} {value:8.2f}{verdict}")
        missed += over
    sys.stdout.write("\n".join([*out, ""]))
    return min(missed, 1)


def show_costs(rounds: list[Round]) -> Iterator[str]:
    yield "| run | fetch s | read s | apply s | settle s | total s | peak MB |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for stage in STAGES:
        parts = ("fetch", "read", "apply", "settle", "total", "peak")
        values = [median(rounds, stage, part) for part in parts]
        shown = " | ".join([*(f"{value:.2f}" for value in values[:-1]), f"{values[-1]:.0f}"])
        yield f"| {stage} | {shown} |"
    yield f"| bare COPY of the versions | | | {copy_time(rounds):.2f} | | | |"


def show_rows(last: Round) -> Iterator[str]:
    yield "rows written: + inserted, ~ updated, - deleted"
    for stage in STAGES:
        written = {name: counts for name, counts in sorted(last.rows[stage].items()) if any(counts)}
        shown = (
            f"{name} " + " ".join(f"{sign}{n}" for sign, n in zip("+~-", counts, strict=True) if n)
            for name, counts in written.items()
        )
        yield f"{stage}: {', '.join(shown)}"


def judge(rounds: list[Round]) -> Iterator[tuple[str, float, float | None]]:
    """What is measured, its figure, and the most it may be."""
    yield "apply of the import / bare COPY", median(rounds, IMPORT, "apply") / copy_time(rounds), MAX_COPIES
    for stage in (SOME, SOME_FULL):
        for part, most in (("total", MAX_SHARE if stage == SOME else None), ("apply", MAX_SHARE)):
            share = median(rounds, stage, part) / median(rounds, IMPORT, part)
            yield f"{stage} / first import, {'whole run' if part == 'total' else part}", share, most
    for stage in (QUIET, QUIET_FULL):
        yield f"{stage}: rows of the catalogue written", max(count_catalogue(each, stage) for each in rounds), 0
    yield "peak memory in MB", max(cost.peak for each in rounds for cost in each.costs.values()), MAX_MEGABYTES


def count_catalogue(played: Round, stage: str) -> int:
    return sum(sum(counts) for name, counts in played.rows[stage].items() if name not in STATE_TABLES)


def median(rounds: list[Round], stage: str, part: str) -> float:
    return statistics.median(getattr(each.costs[stage], part) for each in rounds)


def copy_time(rounds: list[Round]) -> float:
    return statistics.median(each.copy for each in rounds)


if __name__ == "__main__":
    main()
