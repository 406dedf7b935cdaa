"""How long a page takes, as ratios in one run: bare SQL, REST and GraphQL against each other and against /health.

The server runs in a process of its own on loopback; the client sends one request after another on one connection.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import text

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from tests.seeding import tagged, upstream
from tests.served import Served, serving, wait_for, write_config

NAMES = 5000
ROUNDS = 400
PAGE = 30
QUERY = f"{{ servers(first: {PAGE}) {{ nodes {{ name title description tags status }} }} }}"
BARE_SQL = """
select v.document from listing e join entry_version v on v.id = e.latest_version_id
where e.registry_id = 0 and e.kind = 1 and e.shadowed_by is null and e.live and e.name > :after
order by e.name limit :limit
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        documents = [tagged(f"com.example/server-{n:05}", "bench", f"t{n % 50}") for n in range(NAMES)]
        (place / "bench.json").write_text(json.dumps(upstream(documents)))
        config = write_config(place, {"bench": place / "bench.json"})
        with serving(config) as served:
            wait_for(lambda: served.get("/v0.1/servers?limit=1").json()["metadata"]["count"] == 1, "the first sync")
            times = asyncio.run(measure_http(served))
            served.stop()
        times["bare SQL"] = asyncio.run(measure_sql(place / "data" / "postgres"))
    report(times)


async def measure_http(served: Served) -> dict[str, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)

    async def request(head: str, body: bytes = b"") -> None:
        writer.write(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode())
        writer.write(b"Content-Type: application/json\r\n\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)

    graphql = json.dumps({"query": QUERY}).encode()
    times = {
        "/health": await median(lambda: request("GET /health")),
        "REST page": await median(lambda: request(f"GET /v0.1/servers?version=latest&limit={PAGE}")),
        "REST search": await median(lambda: request(f"GET /v0.1/servers?version=latest&limit={PAGE}&search=server-0")),
        "GraphQL page": await median(lambda: request("POST /graphql", graphql)),
    }
    writer.close()
    await writer.wait_closed()
    return times


async def measure_sql(directory: Path) -> float:
    async with EmbeddedPostgres(directory) as postgres:
        database = Database(postgres.connect_args())
        try:
            return await median(lambda: read_page(database))
        finally:
            await database.close()


async def read_page(database: Database) -> None:
    async with database.read() as session:
        found = await session.execute(text(BARE_SQL), {"after": "com.example/server-02500", "limit": PAGE})
        if len(found.all()) != PAGE:
            raise RuntimeError("the page is not full")


async def median(work: Callable[[], Awaitable[None]]) -> float:
    """Milliseconds; the first rounds, which warm caches, do not count."""
    times = []
    for number in range(ROUNDS):
        started = time.perf_counter()
        await work()
        if number >= ROUNDS // 10:
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def report(times: dict[str, float]) -> None:
    sys.stdout.write(f"{NAMES} names, pages of {PAGE}, median of {ROUNDS} requests on one connection\n")
    for name, value in times.items():
        ratios = f"{value / times['/health']:6.2f} x /health  {value / times['bare SQL']:6.2f} x bare SQL"
        sys.stdout.write(f"{name:14} {value:8.3f} ms  {ratios}\n")


if __name__ == "__main__":
    main()
