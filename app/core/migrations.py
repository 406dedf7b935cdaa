"""Brings a database to the schema this release needs. Knows Alembic, not the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from alembic import command
from app.core.errors import Unavailable

_LOCK = 0x7468_7672  # "thvr": replicas that start together migrate one after another
_PACKAGED = Path(__file__).parents[1] / "alembic"
_CHECKOUT = Path(__file__).parents[2] / "alembic"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT).replace("%", "%%"))
    return config


async def migrate(connect_args: Mapping[str, Any], *, grant_to: str | None = None) -> str:
    """Upgrade to the newest schema and return its revision.

    `grant_to` is the role that will read and write the tables where it is not the one that migrates. Waits for another
    process that is migrating the same database.
    """
    return await with_alembic(connect_args, lambda connection: _upgrade(connection, grant_to))


async def check_schema(connect_args: Mapping[str, Any]) -> None:
    """Raises Unavailable where the schema is not that of this release. Changes nothing."""
    script = ScriptDirectory.from_config(alembic_config())
    found = await with_alembic(connect_args, _revision, purpose="read the schema of {}")
    needed = script.get_current_head()
    if found == needed:
        return
    if not found:
        raise Unavailable("the database has no tables yet: start the server once, so that it makes and fills them")
    if found in {known.revision for known in script.walk_revisions()}:
        fix = "start this release's server once, or run `thv-registry-api migrate up` while none is running"
    else:
        fix = "it was made by another release; use the thv-registry-api of the server that serves it"
    raise Unavailable(f"the database has the schema {found} and this release needs {needed}: {fix}")


async def with_alembic(
    connect_args: Mapping[str, Any],
    work: Callable[[Connection], str],
    *,
    purpose: str = "bring {} to this release's schema",
) -> str:
    """Run `work` on a connection of its own under the migration lock. Raises Unavailable with PostgreSQL's reason."""

    async def connect() -> Any:
        return await asyncpg.connect(server_settings={"timezone": "UTC", "lock_timeout": "4s"}, **connect_args)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("set lock_timeout = 0"))
            await connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": _LOCK})
            await connection.execute(text("set lock_timeout = '4s'"))
            await connection.commit()
            return await connection.run_sync(work)
    except (OSError, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        place = f"{connect_args.get('user')}@{connect_args.get('host')}/{connect_args.get('database')}"
        raise Unavailable(f"cannot {purpose.format(f'the database {place}')}: {reason}") from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, grant_to: str | None) -> str:
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if grant_to is not None:
        role = connection.dialect.identifier_preparer.quote(grant_to)
        for grant in (
            f"grant usage on schema public to {role}",
            f"grant select, insert, update, delete on all tables in schema public to {role}",
            f"grant usage, select on all sequences in schema public to {role}",
        ):
            connection.execute(text(grant))
    connection.commit()
    return _revision(connection)


def _revision(connection: Connection) -> str:
    """The schema's revision; empty where nothing was migrated yet."""
    return MigrationContext.configure(connection).get_current_revision() or ""
