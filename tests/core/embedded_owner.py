"""A process of its own that owns an embedded PostgreSQL; the tests kill it.

Prints one JSON line, `{"pid": …, "rows": …}` once it serves or `{"error": …}`, and ends when its standard input does.
Not a test, and imported by none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg
import uvloop

from app.core.embedded import EmbeddedPostgres
from app.core.errors import Unavailable


async def main(directory: Path) -> None:
    server = EmbeddedPostgres(directory)
    try:
        await server.start()
    except Unavailable as error:
        report({"error": str(error)})
        return
    connection = await asyncpg.connect(**server.connect_args())
    await connection.execute("create table if not exists kept (n int); insert into kept values (1)")
    report({"pid": postmaster(directory), "rows": await rows(connection)})
    await asyncio.to_thread(sys.stdin.read)
    await connection.close()
    await server.stop()


async def rows(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("select count(*) from kept"))


def postmaster(directory: Path) -> int:
    return int((directory / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])


def report(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def warm_up() -> None:
    """Load what asyncio loads late: after the change of user the interpreter's own files may be out of reach."""
    await asyncio.to_thread(str)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    run = uvloop.run if options.uvloop else asyncio.run
    run(warm_up())
    if options.uid is not None:
        os.setgroups([])
        os.setgid(options.uid)
        os.setuid(options.uid)
    run(main(options.directory))
