"""What the sync engine keeps: states of fetches, requests, held runs, fetched pages, the configuration's digest.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSONB = postgresql.JSONB()

ADDED = {
    "source": (
        sa.Column("requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("fetch_state", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("max_removal_percent", sa.SmallInteger(), server_default=sa.text("50"), nullable=False),
        sa.Column("held_run_id", sa.BigInteger(), nullable=True),
        sa.Column("accepted_removal", sa.Text(), nullable=True),
    ),
    "sync_run": (
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("held", JSONB, nullable=True),
    ),
    "catalog": (
        sa.Column("config_digest", sa.Text(), nullable=True),
        sa.Column("config_applied_at", TIME, nullable=True),
    ),
}


def upgrade() -> None:
    for table, columns in ADDED.items():
        for column in columns:
            op.add_column(table, column._copy())
    op.execute("update source set applied_hash = null")  # it told of more than it does now: everything is read once
    op.create_table(
        "fetched_page",
        sa.Column("source_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_fetched_page_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "number", name=op.f("pk_fetched_page")),
    )


def downgrade() -> None:
    op.drop_table("fetched_page")
    for table, columns in ADDED.items():
        for column in columns:
            op.drop_column(table, column.name)
