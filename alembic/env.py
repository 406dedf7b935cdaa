"""How migrations run: on the connection that app.core.migrations opened, inside its lock and its transaction."""

from alembic import context
from app.models.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
