"""What the settings make of a context: the database to connect to and the limits that resolvers keep to.

The server, the worker and the commands build theirs here. Opens nothing but a pool, which connects when it is used.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.core.database import Database
from app.core.embedded.address import connect_args, open_directory
from app.core.embedded.layout import Layout, explained, no_cluster
from app.core.settings import DatabaseSettings, Settings
from app.models.documents import PublishPolicy
from app.resolvers.context import Ctx, Queue, SyncLimits
from app.resolvers.live import Live
from app.sources.outbound import Outbound

DEFAULT_POOL = 10


def open_context(settings: Settings, db: Database, queue: Queue | None = None, live: Live | None = None) -> Ctx:
    """The context of everything that this process does; `db`, `queue` and `live` are the caller's to close."""
    outbound, sync = settings.outbound, settings.sync
    return Ctx(
        db,
        policy=publish_policy(settings),
        outbound=Outbound(outbound.allow_private, outbound.allow_file_repositories),
        sync=SyncLimits(sync.concurrency, sync.run_retention, sync.tombstone_retention),
        queue=queue,
        embedded=settings.database is None,
        live=live or Live(),
    )


def open_pool(settings: Settings, arguments: dict[str, Any]) -> Database:
    given = settings.database
    if given is None:
        return Database(arguments, pool_size=DEFAULT_POOL)
    lifetime = given.conn_max_lifetime.total_seconds() if given.conn_max_lifetime else -1
    return Database(arguments, pool_size=given.max_open_conns or DEFAULT_POOL, recycle=lifetime)


def publish_policy(settings: Settings) -> PublishPolicy:
    database = settings.database or DatabaseSettings()
    return PublishPolicy(database.max_meta_size, settings.publish.package_base_urls)


def connect_arguments(database: DatabaseSettings) -> dict[str, Any]:
    """Arguments for asyncpg; without a password it reads the pgpass file by itself."""
    return {
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": None if database.password is None else database.password.get_secret_value(),
        "database": database.database,
        "ssl": str(database.ssl_mode),
        "timeout": 10,
    }


def embedded_directory(settings: Settings) -> Path:
    return Path(settings.file_storage.base_dir) / "postgres"


@asynccontextmanager
async def reach_database(settings: Settings) -> AsyncIterator[dict[str, Any]]:
    """The arguments to connect with, good inside the block, to the database that another process looks after.

    Without a database block that is the one which the server of the same directory runs. It may be away, and no
    process is started. Raises Unavailable where there is no such directory.
    """
    if settings.database is not None:
        yield connect_arguments(settings.database)
        return
    layout = Layout(embedded_directory(settings).absolute())
    if not layout.directory.is_dir():
        raise no_cluster(layout)
    with explained(layout):
        descriptor = open_directory(layout)
    try:
        yield connect_args(layout, descriptor)
    finally:
        os.close(descriptor)
