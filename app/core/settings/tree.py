"""The roots of the settings: Document is the file as it is written, Settings is what the server works with.

Every block has defaults for all its fields; that a field is required is a rule. So a file with many mistakes still
becomes a Document, and the rules can name all mistakes at once.
"""

from __future__ import annotations

from pydantic import Field

from app.core.settings.auth_tree import AuthSettings
from app.core.settings.graphql_tree import GraphQLSettings
from app.core.settings.server_tree import (
    AuditSettings,
    DatabaseSettings,
    FileStorageSettings,
    PublishSettings,
    TelemetrySettings,
)
from app.core.settings.source_tree import RegistryItemSettings, RegistrySettings, SourceSettings
from app.core.settings.sync_tree import OutboundSettings, RedisSettings, SyncSettings
from app.core.settings.values import Block, Flag, LogLevel, LogLevelName, TextList


class RootSettings(Block):
    """What the file and the loaded settings have in common."""

    registry_name: str = "default"
    """Name of this instance, for the log only."""

    sources: tuple[SourceSettings, ...] = ()
    """Where entries come from."""

    database: DatabaseSettings | None = None
    """The PostgreSQL server to use; left out, the server starts its own below `fileStorage.baseDir`."""

    file_storage: FileStorageSettings = FileStorageSettings()
    """Where the embedded PostgreSQL keeps its data; not used together with `database`."""

    redis: RedisSettings | None = None
    """The Redis server of the job queue. With it, processes of `thv-registry-api worker` synchronise the sources; left
    out, the server does so itself."""

    sync: SyncSettings = SyncSettings()
    """How much is synchronised at a time, and how long the past is kept."""

    outbound: OutboundSettings = OutboundSettings()
    """What sources may be fetched from beside public addresses."""

    publish: PublishSettings = PublishSettings()
    """What may be published to managed sources."""

    graphql: GraphQLSettings = GraphQLSettings()
    """What operations of the GraphQL API may ask for, and which ones run."""

    auth: AuthSettings = AuthSettings()
    """Who may come in and what they may do."""

    telemetry: TelemetrySettings = TelemetrySettings()
    """Export of traces and metrics."""

    audit: AuditSettings = AuditSettings()
    """The audit log."""

    insecure_url: Flag = Field(default=False, alias="insecure_url")
    """Whether issuer URLs may be plain http. For tests only."""

    path_prefix: str = Field(default="", alias="path_prefix")
    """Path, such as `/api/mcp`, below which everything is served in addition to the root."""

    compress_response: Flag = Field(default=False, alias="compress_response")
    """Whether answers are compressed for clients that accept it."""

    watch_namespace: TextList = Field(default=(), alias="watch_namespace")
    """Namespaces for kubernetes sources that name none; empty means all namespaces."""

    leader_election_id: str = Field(default="toolhive-registry-server-leader-election", alias="leader_election_id")
    """First part of the name of the lease by which replicas choose who watches a cluster."""

    log_level: LogLevelName = Field(default=LogLevel.INFO, alias="log_level")
    """Lowest level that is logged; `warn` and capital letters are understood. An unknown level means info."""


class Document(RootSettings):
    """The configuration file as it is written, in either generation or a mixture of both."""

    registries: tuple[RegistryItemSettings, ...] = ()
    """What consumers query: named lists of sources, or, in the v0.4.9 style, a source and its registry in one."""


class Settings(RootSettings):
    """The checked configuration. `sources` and `registries` are complete and refer to each other by name."""

    registries: tuple[RegistrySettings, ...] = ()
    """The registries, in the order of the file."""

    warnings: tuple[str, ...] = ()
    """Sentences about what loaded but deserves a line in the log at start."""
