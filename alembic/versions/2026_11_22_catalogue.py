"""The catalogue."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create extension if not exists pg_trgm")
    op.create_table(
        "catalog",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_catalog_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("action in ('ADDED', 'UPDATED', 'STATUS', 'REMOVED')", name=op.f("ck_change_action")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index("ix_change_revision", "change", ["revision", "id"], unique=False)
    op.create_table(
        "claim_set",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("claims", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_set")),
        sa.UniqueConstraint("claims", name=op.f("uq_claim_set_claims")),
    )
    op.create_table(
        "facet_value",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("facet", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facet_value")),
        sa.UniqueConstraint("facet", "value", name=op.f("uq_facet_value_facet_value")),
    )
    op.create_table(
        "registry",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("creation_type", sa.Text(), nullable=False),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("creation_type in ('CONFIG', 'API')", name=op.f("ck_registry_creation_type")),
        sa.ForeignKeyConstraint(["claim_set_id"], ["claim_set.id"], name=op.f("fk_registry_claim_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry")),
        sa.UniqueConstraint("name", name=op.f("uq_registry_name")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.SmallInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("creation_type", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("filter", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("interval_seconds", sa.Double(), nullable=True),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("applied_hash", sa.Text(), nullable=True),
        sa.Column("entry_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("version_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("creation_type in ('CONFIG', 'API')", name=op.f("ck_source_creation_type")),
        sa.CheckConstraint("kind in ('git', 'api', 'file', 'managed', 'kubernetes')", name=op.f("ck_source_kind")),
        sa.ForeignKeyConstraint(["claim_set_id"], ["claim_set.id"], name=op.f("fk_source_claim_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_index("ix_source_due", "source", ["next_run_at"], unique=False)
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("latest_version_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["claim_set_id"], ["claim_set.id"], name=op.f("fk_entry_claim_set_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_entry_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
    )
    op.create_index(
        "ix_entry_name", "entry", ["kind", "name", "source_id"], unique=True, postgresql_include=["id", "claim_set_id"]
    )
    op.create_index("ix_entry_source_id", "entry", ["source_id"], unique=False)
    op.create_table(
        "registry_source",
        sa.Column("registry_id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["registry_id"], ["registry.id"], name=op.f("fk_registry_source_registry_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_registry_source_source_id")),
        sa.PrimaryKeyConstraint("registry_id", "source_id", name=op.f("pk_registry_source")),
    )
    op.create_index(op.f("ix_registry_source_source_id"), "registry_source", ["source_id"], unique=False)
    op.create_table(
        "sync_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetched", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("added", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("removed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "rejections", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("upstream_revision", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('RUNNING', 'APPLIED', 'UNCHANGED', 'HELD', 'FAILED', 'INTERRUPTED')",
            name=op.f("ck_sync_run_outcome"),
        ),
        sa.CheckConstraint("trigger in ('START', 'SCHEDULE', 'MANUAL')", name=op.f("ck_sync_run_trigger")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_sync_run_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index("ix_sync_run_source", "sync_run", ["source_id", sa.literal_column("id desc")], unique=False)
    op.create_table(
        "entry_search",
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("facets", sa.ARRAY(sa.Integer()), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_search_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_entry_search")),
    )
    op.create_index(
        "ix_entry_search_text",
        "entry_search",
        ["search_text"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": 65536},
    )
    op.create_index(
        "ix_entry_search_words",
        "entry_search",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 65536},
    )
    op.create_table(
        "entry_version",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("version_sort", sa.Text(collation="C"), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.Column("status_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("tags", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("tools", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("registry_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("transports", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.CheckConstraint("status in (0, 1, 2)", name=op.f("ck_entry_version_status")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_version_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_version")),
    )
    op.create_index(
        "ix_entry_version_sort", "entry_version", ["entry_id", sa.literal_column("version_sort desc")], unique=False
    )
    op.create_index(
        "ix_entry_version_updated_at",
        "entry_version",
        ["updated_at", "id"],
        unique=False,
        postgresql_include=["entry_id"],
    )
    op.create_index("ix_entry_version_version", "entry_version", ["entry_id", "version"], unique=True)
    op.create_table(
        "listing",
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("registry_id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("source_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("claim_set_id", sa.Integer(), nullable=False),
        sa.Column("shadowed_by", sa.ARRAY(sa.Integer()), nullable=True),
        sa.Column("latest_version_id", sa.Integer(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_listing_entry_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["registry_id"], ["registry.id"], name=op.f("fk_listing_registry_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("entry_id", "registry_id", name=op.f("pk_listing")),
    )
    op.create_index(
        "ix_listing_claim_set",
        "listing",
        ["registry_id", "claim_set_id", "kind", "name"],
        unique=False,
        postgresql_include=["entry_id", "shadowed_by", "latest_version_id", "live"],
    )
    op.create_index(
        "ix_listing_name",
        "listing",
        ["registry_id", "kind", "name", "position"],
        unique=True,
        postgresql_include=["claim_set_id", "entry_id", "shadowed_by", "latest_version_id", "live"],
    )
    # The empty claim set, the aggregate registry (the blank keeps every other registry from its name) and the first
    # revision. app.models.tables names their ids.
    op.execute("insert into claim_set (claims) values ('{}')")
    op.execute("insert into registry (id, name, creation_type, claim_set_id) values (0, 'all registries', 'CONFIG', 1)")
    op.execute("insert into catalog (id, revision) values (1, 0)")


def downgrade() -> None:
    op.drop_index(
        "ix_listing_name",
        table_name="listing",
        postgresql_include=["claim_set_id", "entry_id", "shadowed_by", "latest_version_id", "live"],
    )
    op.drop_index(
        "ix_listing_claim_set",
        table_name="listing",
        postgresql_include=["entry_id", "shadowed_by", "latest_version_id", "live"],
    )
    op.drop_table("listing")
    op.drop_index("ix_entry_version_version", table_name="entry_version")
    op.drop_index("ix_entry_version_updated_at", table_name="entry_version", postgresql_include=["entry_id"])
    op.drop_index("ix_entry_version_sort", table_name="entry_version")
    op.drop_table("entry_version")
    op.drop_index(
        "ix_entry_search_words",
        table_name="entry_search",
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 65536},
    )
    op.drop_index(
        "ix_entry_search_text",
        table_name="entry_search",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": 65536},
    )
    op.drop_table("entry_search")
    op.drop_index("ix_sync_run_source", table_name="sync_run")
    op.drop_table("sync_run")
    op.drop_index(op.f("ix_registry_source_source_id"), table_name="registry_source")
    op.drop_table("registry_source")
    op.drop_index("ix_entry_source_id", table_name="entry")
    op.drop_index("ix_entry_name", table_name="entry", postgresql_include=["id", "claim_set_id"])
    op.drop_table("entry")
    op.drop_index("ix_source_due", table_name="source")
    op.drop_table("source")
    op.drop_table("registry")
    op.drop_table("facet_value")
    op.drop_table("claim_set")
    op.drop_index("ix_change_revision", table_name="change")
    op.drop_table("change")
    op.drop_table("catalog")
