"""Every table of the catalogue, and nothing else: no query, no validation (table classes do not validate).

Truth: source, registry, registry_source, claim_set, entry, entry_version, sync_run, change, catalog.
Derived, rebuilt by the store from the truth: listing (precedence and visibility per registry), entry_search, word,
facet_value, published_remote. withdrawal remembers what registries no longer show. Names and versions compare bytewise
everywhere, whatever the cluster's locale.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel

from app.core.settings import SourceKind
from app.models.kinds import CreationType, SyncOutcome, SyncTrigger

AGGREGATE_ID = 0
"""The built-in registry that holds every source some registry lists, in the order they are first listed. It answers
`/registry/v0.1` and the root families; it has no name a client could ask for."""

NO_CLAIMS_ID = 1
"""The claim set `{}`."""


class Base(SQLModel):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # SQLModel adds it to table classes at run time


def _bytewise() -> Text:
    return Text(collation="C")


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({', '.join(repr(str(word)) for word in words)})", name=column)


def _time(*, nullable: bool = False, now: bool = False) -> Column[Any]:
    return Column(DateTime(timezone=True), nullable=nullable, server_default=func.now() if now else None)


class ClaimSet(Base, table=True):
    """One distinct set of claims. Sets are interned: whatever carries claims points here."""

    __tablename__ = "claim_set"
    __table_args__ = (UniqueConstraint("claims"),)
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    claims: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class Source(Base, table=True):
    """Where entries come from, with the state of its synchronisation."""

    __table_args__ = (
        UniqueConstraint("name"),
        _one_of("kind", SourceKind),
        _one_of("creation_type", CreationType),
        Index("ix_source_due", "next_run_at"),
    )
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    name: str = Field(sa_column=Column(_bytewise(), nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    creation_type: str = Field(sa_column=Column(Text, nullable=False))
    config: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    filter: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))
    interval_seconds: float | None = Field(sa_column=Column(Double))
    claim_set_id: int = Field(sa_column=Column(ForeignKey("claim_set.id"), nullable=False))
    created_at: datetime = Field(sa_column=_time(now=True))
    updated_at: datetime = Field(sa_column=_time(now=True))

    next_run_at: datetime | None = Field(sa_column=_time(nullable=True))
    lease_owner: str | None = Field(sa_column=Column(Text))
    lease_until: datetime | None = Field(sa_column=_time(nullable=True))
    last_attempt_at: datetime | None = Field(sa_column=_time(nullable=True))
    last_success_at: datetime | None = Field(sa_column=_time(nullable=True))
    consecutive_failures: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    message: str = Field(sa_column=Column(Text, nullable=False, server_default=text("''")))
    requested: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("false")))
    # How what is served was read, and what the adapter then knew of the content: together they tell what is new.
    applied_hash: str | None = Field(sa_column=Column(Text))
    fetch_state: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'::jsonb")))
    max_removal_percent: int = Field(sa_column=Column(SmallInteger, nullable=False, server_default=text("50")))
    # No foreign key: source and run would point at each other.
    held_run_id: int | None = Field(sa_column=Column(BigInteger))
    accepted_removal: str | None = Field(sa_column=Column(Text))
    entry_count: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    version_count: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))


class Registry(Base, table=True):
    """A named, ordered list of sources."""

    __table_args__ = (
        UniqueConstraint("name"),
        _one_of("creation_type", CreationType),
    )
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    name: str = Field(sa_column=Column(_bytewise(), nullable=False))
    creation_type: str = Field(sa_column=Column(Text, nullable=False))
    claim_set_id: int = Field(sa_column=Column(ForeignKey("claim_set.id"), nullable=False))
    created_at: datetime = Field(sa_column=_time(now=True))
    updated_at: datetime = Field(sa_column=_time(now=True))


class RegistrySource(Base, table=True):
    """The place of a source in a registry; position 0 has precedence."""

    __tablename__ = "registry_source"
    registry_id: int = Field(
        sa_column=Column(ForeignKey("registry.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    source_id: int = Field(sa_column=Column(ForeignKey("source.id"), primary_key=True, index=True))
    position: int = Field(sa_column=Column(SmallInteger, nullable=False))


class Entry(Base, table=True):
    """One name of one kind in one source."""

    __table_args__ = (
        Index("ix_entry_name", "kind", "name", "source_id", unique=True, postgresql_include=["id", "claim_set_id"]),
        Index("ix_entry_source_id", "source_id"),
    )
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    source_id: int = Field(sa_column=Column(ForeignKey("source.id", ondelete="CASCADE"), nullable=False))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    name: str = Field(sa_column=Column(_bytewise(), nullable=False))
    claim_set_id: int = Field(sa_column=Column(ForeignKey("claim_set.id"), nullable=False))
    # The owner of the fact "which version is latest". No foreign key: entry and version would point at each other.
    latest_version_id: int | None = Field(sa_column=Column(Integer))


class EntryVersion(Base, table=True):
    """One published document. `content_hash` is empty for a tombstone, so that its return counts as a change."""

    __tablename__ = "entry_version"
    __table_args__ = (
        Index("ix_entry_version_version", "entry_id", "version", unique=True),
        Index("ix_entry_version_sort", "entry_id", text("version_sort desc")),
        Index("ix_entry_version_updated_at", "updated_at", "id", postgresql_include=["entry_id"]),
        CheckConstraint("status in (0, 1, 2)", name="status"),
    )
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    entry_id: int = Field(sa_column=Column(ForeignKey("entry.id", ondelete="CASCADE"), nullable=False))
    version: str = Field(sa_column=Column(_bytewise(), nullable=False))
    version_sort: str = Field(sa_column=Column(_bytewise(), nullable=False))
    status: int = Field(sa_column=Column(SmallInteger, nullable=False))
    status_message: str | None = Field(sa_column=Column(Text))
    status_changed_at: datetime = Field(sa_column=_time())
    published_at: datetime = Field(sa_column=_time())
    updated_at: datetime = Field(sa_column=_time())
    title: str | None = Field(sa_column=Column(Text))
    description: str = Field(sa_column=Column(Text, nullable=False))
    tier: str | None = Field(sa_column=Column(Text))
    tags: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    tools: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    registry_types: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    transports: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    document: str = Field(sa_column=Column(Text, nullable=False))


_LISTING_COVER = ["entry_id", "shadowed_by", "latest_version_id", "live"]


class Listing(Base, table=True):
    """Derived: an entry as one registry holds it, with everything precedence and visibility need.

    `shadowed_by` holds the claim sets of the namesakes that go before it (live ones first, then by position); NULL if
    there are none. An entry wins its name for a viewer when its own set is visible and none of these is.
    """

    __table_args__ = (
        Index(
            "ix_listing_name",
            "registry_id",
            "kind",
            "name",
            "position",
            unique=True,
            postgresql_include=["claim_set_id", *_LISTING_COVER],
        ),
        Index("ix_listing_claim_set", "registry_id", "claim_set_id", "kind", "name", postgresql_include=_LISTING_COVER),
    )
    entry_id: int = Field(
        sa_column=Column(ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    registry_id: int = Field(
        sa_column=Column(ForeignKey("registry.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    source_id: int = Field(sa_column=Column(Integer, nullable=False))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    name: str = Field(sa_column=Column(_bytewise(), nullable=False))
    position: int = Field(sa_column=Column(SmallInteger, nullable=False))
    claim_set_id: int = Field(sa_column=Column(Integer, nullable=False))
    shadowed_by: list[int] | None = Field(sa_column=Column(ARRAY(Integer)))
    latest_version_id: int = Field(sa_column=Column(Integer, nullable=False))
    live: bool = Field(sa_column=Column(Boolean, nullable=False))


class Withdrawal(Base, table=True):
    """A version that a registry showed and shows no more although nobody deleted it: its source left the registry, or
    another source's entry took the name. To those who follow the registry by `updated_since` it counts as deleted,
    unless the entry that now has the name holds the same version.
    """

    __table_args__ = (Index("ix_withdrawal_at", "registry_id", "at"),)
    registry_id: int = Field(
        sa_column=Column(ForeignKey("registry.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    name: str = Field(sa_column=Column(_bytewise(), primary_key=True))
    version: str = Field(sa_column=Column(_bytewise(), primary_key=True))
    # Plain numbers, no foreign keys: the row outlives its source.
    source_id: int = Field(sa_column=Column(Integer, nullable=False))
    claim_set_id: int = Field(sa_column=Column(Integer, nullable=False))
    at: datetime = Field(sa_column=_time())
    published_at: datetime = Field(sa_column=_time())
    was_latest: bool = Field(sa_column=Column(Boolean, nullable=False))
    document: str = Field(sa_column=Column(Text, nullable=False))


class PublishedRemote(Base, table=True):
    """Derived: the SHA-256 of each remote URL of a published version, as no two servers may have the same one.

    A digest, because a URL may be longer than an index can hold.
    """

    __tablename__ = "published_remote"
    __table_args__ = (Index("ix_published_remote_digest", "digest"),)
    version_id: int = Field(
        sa_column=Column(ForeignKey("entry_version.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))


class EntrySearch(Base, table=True):
    """Derived: what searching and faceting read, from the entry's latest version. One row serves every registry."""

    __tablename__ = "entry_search"
    # The pending lists are large so that a bulk import does not rewrite the indexes row by row.
    __table_args__ = (
        Index(
            "ix_entry_search_text",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
            postgresql_with={"gin_pending_list_limit": 65536},
        ),
        Index(
            "ix_entry_search_words",
            "search",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 65536},
        ),
    )
    entry_id: int = Field(
        sa_column=Column(ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    search_text: str = Field(sa_column=Column(Text, nullable=False))
    search: str = Field(sa_column=Column(TSVECTOR, nullable=False))
    # What the server is called, folded, each in a line of its own between line breaks.
    handles: str = Field(sa_column=Column(Text, nullable=False))
    facets: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))


class Word(Base, table=True):
    """Derived: a word that some search row has or had, for corrections of misspelt searches."""

    __table_args__ = (
        Index("ix_word_trigrams", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),
    )
    word: str = Field(sa_column=Column(_bytewise(), primary_key=True))


class FacetValue(Base, table=True):
    """Derived: a value of a facet (tag, registryType, transport, tier, status, namespace), with the number in rows."""

    __tablename__ = "facet_value"
    __table_args__ = (UniqueConstraint("facet", "value"),)
    id: int = Field(sa_column=Column(Integer, Identity(), primary_key=True))
    facet: str = Field(sa_column=Column(Text, nullable=False))
    value: str = Field(sa_column=Column(_bytewise(), nullable=False))


class SyncRun(Base, table=True):
    """One attempt to fetch a source and apply its snapshot."""

    __tablename__ = "sync_run"
    __table_args__ = (
        Index("ix_sync_run_source", "source_id", text("id desc")),
        _one_of("trigger", SyncTrigger),
        _one_of("outcome", SyncOutcome),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    source_id: int = Field(sa_column=Column(ForeignKey("source.id", ondelete="CASCADE"), nullable=False))
    trigger: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    started_at: datetime = Field(sa_column=_time())
    finished_at: datetime | None = Field(sa_column=_time(nullable=True))
    fetched: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    added: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    updated: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    removed: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    rejected: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    rejections: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb"))
    )
    error: str | None = Field(sa_column=Column(Text))
    upstream_revision: str | None = Field(sa_column=Column(Text))
    revision: int | None = Field(sa_column=Column(BigInteger))
    stage: str | None = Field(sa_column=Column(Text))
    held: dict[str, Any] | None = Field(sa_column=Column(JSONB(none_as_null=True)))


class FetchedPage(Base, table=True):
    """A page of a fetch under way, kept so that a run which broke off can be continued by the next one."""

    __tablename__ = "fetched_page"
    source_id: int = Field(
        sa_column=Column(ForeignKey("source.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    number: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    key: str = Field(sa_column=Column(Text, nullable=False))
    cursor: str = Field(sa_column=Column(Text, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Change(Base, table=True):
    """The journal: one row for every change of a version, in the order of revisions."""

    __table_args__ = (
        Index("ix_change_revision", "revision", "id"),
        CheckConstraint("action in ('ADDED', 'UPDATED', 'STATUS', 'REMOVED')", name="action"),
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    at: datetime = Field(sa_column=_time())
    action: str = Field(sa_column=Column(Text, nullable=False))
    # Plain numbers, no foreign keys: the journal outlives what it speaks of.
    source_id: int = Field(sa_column=Column(Integer, nullable=False))
    claim_set_id: int = Field(sa_column=Column(Integer, nullable=False))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    name: str = Field(sa_column=Column(_bytewise(), nullable=False))
    version: str = Field(sa_column=Column(_bytewise(), nullable=False))
    # The registries, the aggregate among them, that listed the source when it happened.
    registry_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False, server_default=text("'{}'")))


class Catalog(Base, table=True):
    """One row: the current revision and its time, which a write transaction raises to take its turn; and which
    configuration was applied when.
    """

    __table_args__ = (CheckConstraint("id = 1", name="single"),)
    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    changed_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("'epoch'::timestamptz"))
    )
    config_digest: str | None = Field(sa_column=Column(Text))
    config_applied_at: datetime | None = Field(sa_column=_time(nullable=True))
