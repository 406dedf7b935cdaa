"""What the change feed and ranked search need.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "change",
        sa.Column("registry_ids", postgresql.ARRAY(sa.Integer()), server_default=sa.text("'{}'"), nullable=False),
    )
    # What was listed when is not known of the past: as it is now is the best guess.
    op.execute(
        "update change set registry_ids = listed.ids from"
        " (select source_id, array_agg(registry_id order by registry_id) ids from registry_source group by 1) listed"
        " where listed.source_id = change.source_id"
    )


def downgrade() -> None:
    op.drop_column("change", "registry_ids")
