"""The schema in the database is the schema in the code."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from alembic import command
from app.core.migrations import alembic_config, migrate, with_alembic
from app.models.tables import Base


def differences(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return "\n".join(map(str, compare_metadata(context, Base.metadata)))


async def test_autogenerate_is_empty_after_upgrade(connect_args: dict[str, Any]) -> None:
    assert await with_alembic(connect_args, differences) == ""


async def test_autogenerate_would_see_a_difference(connect_args: dict[str, Any]) -> None:
    def change(connection: Connection) -> str:
        connection.execute(text("alter table source drop column message"))
        return differences(connection)

    assert "message" in await with_alembic(connect_args, change)


async def test_downgrade_to_nothing_and_upgrade_again(connect_args: dict[str, Any]) -> None:
    def down(connection: Connection) -> str:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()
        return str(connection.scalar(text("select count(*) from pg_tables where schemaname = 'public'")))

    assert await with_alembic(connect_args, down) == "1", "only alembic's own table is left"
    assert await migrate(connect_args) == "0003"
    assert await with_alembic(connect_args, differences) == ""


async def test_migrating_twice_changes_nothing(connect_args: dict[str, Any]) -> None:
    assert await migrate(connect_args) == await migrate(connect_args) == "0003"


async def test_grants_let_another_role_read_and_write(connect_args: dict[str, Any]) -> None:
    def create(connection: Connection) -> str:
        connection.execute(text('create role "odd ""role" login'))
        connection.commit()
        return ""

    await with_alembic(connect_args, create)
    await migrate(connect_args, grant_to='odd "role')

    def use(connection: Connection) -> str:
        connection.execute(text('set role "odd ""role"'))
        connection.execute(text('insert into claim_set (claims) values (\'{"a": "b"}\')'))
        found = str(connection.scalar(text("select count(*) from claim_set")))
        connection.rollback()
        connection.execute(text('drop owned by "odd ""role"'))
        connection.execute(text('drop role "odd ""role"'))
        connection.commit()
        return found

    assert await with_alembic(connect_args, use) == "2"


async def test_ids_of_sources_and_registries_do_not_run_out(connect_args: dict[str, Any]) -> None:
    def create(connection: Connection) -> str:
        for table in ("source", "registry"):
            connection.execute(text(f"select setval(pg_get_serial_sequence('{table}', 'id'), 40000)"))
        connection.execute(
            text(
                "insert into source (name, kind, creation_type, config, claim_set_id)"
                " values ('s', 'managed', 'API', '{}', 1)"
            )
        )
        connection.execute(text("insert into registry (name, creation_type, claim_set_id) values ('r', 'API', 1)"))
        return str(
            connection.scalar(text("select source.id + registry.id from source, registry where registry.id > 0"))
        )

    assert await with_alembic(connect_args, create) == "80002"
