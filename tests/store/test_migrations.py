"""The schema in the database is the schema in the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from alembic import command
from app.core.migrations import alembic_config, migrate, with_alembic
from app.models.tables import Base
from app.resolvers.context import Ctx
from tests.seeding import document, seed, tagged


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
    assert await migrate(connect_args) == "0004"
    assert await with_alembic(connect_args, differences) == ""


async def test_migrating_twice_changes_nothing(connect_args: dict[str, Any]) -> None:
    assert await migrate(connect_args) == await migrate(connect_args) == "0004"


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


async def test_search_data_of_the_release_before_are_rewritten(
    ctx: Ctx, tmp_path: Path, connect_args: dict[str, Any]
) -> None:
    """A search finds the same whether its data were written by this release or by the migration to it."""
    documents = [
        tagged("x/weather", "sun", tools=["getSun"], tier="Official"),
        tagged("x/old", status="Deprecated"),
        document("y.example/other", title="Åre"),
    ]
    await seed(ctx, tmp_path, {"s": documents})
    rows = (
        "select entry_id, search_text, search, handles,"
        " array(select f.facet || '=' || f.value from facet_value f where f.id = any(s.facets) order by 1)"
        " from entry_search s order by entry_id"
    )

    def read(connection: Connection) -> str:
        statements = (rows, "select word from word order by word")
        return "\n".join(str(row) for statement in statements for row in connection.execute(text(statement)))

    def back(connection: Connection) -> str:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        connection.execute(text("update entry_search set search = 'old', search_text = 'old'"))
        connection.commit()
        return ""

    before = await with_alembic(connect_args, read)
    assert "status=DEPRECATED" in before
    await with_alembic(connect_args, back)
    assert await migrate(connect_args) == "0004"
    assert await with_alembic(connect_args, read) == before
