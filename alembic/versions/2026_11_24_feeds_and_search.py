"""What the change feed and ranked search need.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op
from app.store.search import Searchable, WeightedWords, is_spellable

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
    op.create_table(
        "word",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_word")),
    )
    op.create_index(
        "ix_word_trigrams", "word", ["word"], postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}
    )
    op.add_column("entry_search", sa.Column("handles", sa.Text(), server_default=sa.text("''"), nullable=False))
    _rewrite_search()
    op.alter_column("entry_search", "handles", server_default=None)


# Search rows are derived data: the form that today's code gives them is the right one, whenever this runs.
_READ = (
    "select e.id, e.name, v.title, v.description, v.status, v.tier, v.tags, v.tools, v.registry_types, v.transports"
    " from entry e join entry_version v on v.id = e.latest_version_id where e.id > :after order by e.id limit 2000"
)
_WRITE = (
    "update entry_search set search_text = :text, search = cast(:search as tsvector), handles = :handles,"
    " facets = array_append(facets, (select f.id from facet_value f where f.facet = 'status' and f.value = :status))"
    " where entry_id = :id"
)


def _rewrite_search() -> None:
    connection = op.get_bind()
    after = 0
    words: set[str] = set()
    op.execute(
        "insert into facet_value (facet, value) values ('status', 'ACTIVE'), ('status', 'DEPRECATED'),"
        " ('status', 'DELETED') on conflict do nothing"
    )
    while rows := connection.execute(sa.text(_READ), {"after": after}).mappings().all():
        after = rows[-1]["id"]
        changed = []
        for row in rows:
            found = Searchable(**{name: value for name, value in row.items() if name != "id"})
            weighted = WeightedWords.of(found)
            words.update(weighted.places)
            status = next(value for facet, value in found.facets if facet == "status")
            changed.append(
                {
                    "id": row["id"],
                    "text": found.text,
                    "search": str(weighted),
                    "handles": found.handles,
                    "status": status,
                }
            )
        connection.execute(sa.text(_WRITE), changed)
    connection.execute(
        sa.text("insert into word select given from unnest(cast(:words as text[])) given on conflict do nothing"),
        {"words": [word for word in words if is_spellable(word)]},
    )


def downgrade() -> None:
    op.drop_column("entry_search", "handles")
    op.drop_index(
        "ix_word_trigrams", table_name="word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}
    )
    op.drop_table("word")
    # The status is a facet of this release alone.
    op.execute(
        "update entry_search set facets = array(select f from unnest(facets) f where f not in"
        " (select id from facet_value where facet = 'status') order by f)"
    )
    op.execute("delete from facet_value where facet = 'status'")
    op.drop_column("change", "registry_ids")
