"""How a cluster is reached: by the socket in its data directory.

Owns the arguments of a connection and the question whether PostgreSQL answers. Starts no process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import asyncpg

from app.core.embedded.layout import Layout
from app.core.errors import Unavailable

PORT = 5432  # only part of the socket's name: nothing listens on TCP
ON_LINUX = sys.platform == "linux"


def open_directory(layout: Layout) -> int:
    """A descriptor of the data directory, which `connect_args` needs for as long as connections are made."""
    return os.open(layout.directory, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)


def connect_args(layout: Layout, descriptor: int) -> dict[str, Any]:
    """Keyword arguments for `asyncpg.connect`; good in this process only, while `descriptor` is open.

    `host` is the directory of the socket, reached by the descriptor: its real path may be too long.
    """
    host = f"/proc/self/fd/{descriptor}" if ON_LINUX else str(layout.directory)
    # `ssl` is stated because PGSSLMODE in the environment would decide otherwise.
    return {"host": host, "port": PORT, "user": "postgres", "database": "postgres", "ssl": False}


async def answers(layout: Layout, arguments: Mapping[str, Any]) -> bool:
    """Whether a query is answered. Raises `Unavailable` where PostgreSQL is there and refuses us."""
    try:
        connection = await asyncpg.connect(**arguments, timeout=10)
        try:
            return bool(await connection.fetchval("select 1") == 1)
        finally:
            await connection.close(timeout=5)
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
        return False
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"PostgreSQL in {layout} refuses its own server: {error}") from error
