"""Withdrawals, remote URLs of published versions, the time of the current revision, and wider ids.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# Sources and registries come and go through the API, and no id is used twice.
WIDENED = (
    ("source", "id"),
    ("registry", "id"),
    ("registry_source", "registry_id"),
    ("registry_source", "source_id"),
    ("entry", "source_id"),
    ("listing", "registry_id"),
    ("listing", "source_id"),
    ("sync_run", "source_id"),
    ("change", "source_id"),
)


def upgrade() -> None:
    for table, column in WIDENED:
        op.alter_column(table, column, type_=sa.Integer(), existing_type=sa.SmallInteger(), existing_nullable=False)
    op.add_column(
        "catalog",
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), server_default=sa.text("'epoch'::timestamptz"), nullable=False
        ),
    )
    op.create_table(
        "withdrawal",
        sa.Column("registry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("was_latest", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registry_id"], ["registry.id"], name=op.f("fk_withdrawal_registry_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("registry_id", "kind", "name", "version", name=op.f("pk_withdrawal")),
    )
    op.create_index("ix_withdrawal_at", "withdrawal", ["registry_id", "at"], unique=False)
    op.create_table(
        "published_remote",
        sa.Column("version_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["entry_version.id"], name=op.f("fk_published_remote_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "digest", name=op.f("pk_published_remote")),
    )
    op.create_index("ix_published_remote_digest", "published_remote", ["digest"], unique=False)


def downgrade() -> None:
    op.drop_table("published_remote")
    op.drop_table("withdrawal")
    op.drop_column("catalog", "changed_at")
    for table, column in reversed(WIDENED):
        op.alter_column(table, column, type_=sa.SmallInteger(), existing_type=sa.Integer(), existing_nullable=False)
