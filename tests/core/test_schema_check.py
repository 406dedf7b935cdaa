"""Who does not migrate reads only a database with exactly this release's schema, and changes nothing to find out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.config import Config

from app.core.embedded import EmbeddedPostgres
from app.core.errors import Unavailable
from app.core.migrations import alembic_config, check_schema

LATER = """
revision = "later"
down_revision = "{head}"


def upgrade() -> None:
    raise AssertionError("nothing may be migrated")
"""


async def ask(arguments: dict[str, Any], query: str) -> Any:
    connection = await asyncpg.connect(**arguments)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_schema_of_this_release_is_accepted(connect_args: dict[str, Any]) -> None:
    await check_schema(connect_args)


async def test_older_schema_is_refused_and_kept(
    connect_args: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = await ask(connect_args, "select version_num from alembic_version")
    scripts = tmp_path / "alembic"
    shutil.copytree(str(alembic_config().get_main_option("script_location")), scripts)
    (scripts / "versions" / "later.py").write_text(LATER.format(head=head))
    config = Config()
    config.set_main_option("script_location", str(scripts))
    monkeypatch.setattr("app.core.migrations.alembic_config", lambda: config)
    words = f"has the schema {head} and this release needs later: start this release's server once"
    with pytest.raises(Unavailable, match=words):
        await check_schema(connect_args)
    assert await ask(connect_args, "select version_num from alembic_version") == head


async def test_schema_of_another_release_is_refused_and_kept(connect_args: dict[str, Any]) -> None:
    await ask(connect_args, "update alembic_version set version_num = 'unheard' returning 1")
    with pytest.raises(Unavailable, match=r"has the schema unheard .* made by another release"):
        await check_schema(connect_args)
    assert await ask(connect_args, "select version_num from alembic_version") == "unheard"


async def test_empty_database_stays_empty(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(Unavailable, match="no tables yet: start the server once"):
        await check_schema(postgres.connect_args())
    tables = "select count(*) from pg_tables where schemaname = 'public'"
    assert await ask(postgres.connect_args(), tables) == 0


async def test_database_that_is_away_is_named(connect_args: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match="cannot read the schema of the database postgres@/nonexistent/"):
        await check_schema({**connect_args, "host": "/nonexistent"})
