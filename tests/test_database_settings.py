"""A configured database: two users, each with just the rights it needs, passwords, and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.errors import ConfigError, Unavailable
from app.core.settings import Settings, load_settings
from app.models.queries import ListServers
from app.process import open_database, refuse_unbuilt, unbuilt_settings
from app.resolvers.context import Ctx
from app.resolvers.servers import list_servers
from tests.seeding import document, seed

PASSWORD = 'it\'s a "secret" /@:?#'


def settings(tmp_path: Path, **database: Any) -> Settings:
    given = {"host": "localhost", "port": 5432, "user": "app_user", "database": "external", "sslMode": "disable"}
    config = {
        "sources": [{"name": "s", "managed": {}}],
        "auth": {"mode": "anonymous"},
        "database": {**given, **database},
    }
    path = tmp_path / "database.yaml"
    path.write_text(yaml.safe_dump(config))
    return load_settings(path, {})


async def test_migrations_and_service_use_their_own_users(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    owner = await asyncpg.connect(**postgres.connect_args())
    await owner.execute("create role app_user login; create role migrator login")
    await owner.execute("create database external owner migrator")
    given = settings(
        tmp_path, host=postgres.connect_args()["host"], migrationUser="migrator", password=PASSWORD, maxOpenConns=2
    )
    async with open_database(given) as arguments:
        assert (arguments["user"], arguments["password"]) == ("app_user", PASSWORD)
        app = Database(arguments)
        await seed(Ctx(app), tmp_path, {"s": [document("a/b")] * 1})
        page = await list_servers(Ctx(app), ListServers())
        assert [view.name for view in page.items] == ["a/b"]
        await app.close()
        connection = await asyncpg.connect(**arguments)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("alter table source add column x int")
        await connection.close()
    await owner.execute("drop database external with (force)")
    await owner.execute("drop role app_user; drop role migrator")
    await owner.close()


async def test_unreachable_database_is_a_clear_error(tmp_path: Path) -> None:
    for wrong in ({"host": "127.0.0.1", "port": 9}, {"host": "/nonexistent"}):
        with pytest.raises(Unavailable, match="cannot bring the database app_user@"):
            async with open_database(settings(tmp_path, **wrong)):
                pass


async def test_refused_login_is_a_clear_error(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nobody_at_all"):
        async with open_database(settings(tmp_path, host=postgres.connect_args()["host"], user="nobody_at_all")):
            pass


def test_setting_without_effect_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    source = {"name": "s", "managed": {}, "claims": {"org": "acme"}}
    config = {"sources": [source], "auth": {"mode": "anonymous"}, "audit": {"enabled": True}}
    path.write_text(yaml.safe_dump(config))
    told = " ".join(unbuilt_settings(load_settings(path, {"THV_REGISTRY_COMPRESS_RESPONSE": "true"})))
    for name in ("audit.enabled", "claims", "compress_response"):
        assert f"{name} is set, but has no effect" in told
    assert "telemetry" not in told


def test_sign_in_that_is_not_built_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"database\.dynamicAuth"):
        refuse_unbuilt(settings(tmp_path, dynamicAuth={"awsRdsIam": {"region": "eu-west-1"}}))
