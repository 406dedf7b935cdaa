"""The blocks `database`, `fileStorage`, `telemetry` and `audit`, typed. What must hold of them is in server_rules."""

from __future__ import annotations

from app.core.settings.values import (
    Block,
    Duration,
    Flag,
    Ratio,
    RequiredText,
    RequiredWhole,
    Secret,
    SslMode,
    SslModeName,
    TextList,
    Whole,
)


class AwsRdsIamSettings(Block):
    region: RequiredText = ""
    """AWS region of the database; `detect` asks the instance metadata."""


class DynamicAuthSettings(Block):
    aws_rds_iam: AwsRdsIamSettings | None = None
    """Sign in with short-lived tokens of AWS RDS IAM."""


class DatabaseSettings(Block):
    """A PostgreSQL server. After loading, `migration_user` and `migration_password` hold their fallbacks."""

    host: RequiredText = ""
    """Host name or address of the PostgreSQL server."""

    port: RequiredWhole = 0
    """TCP port, 1 to 65535."""

    user: RequiredText = ""
    """User that the server works as."""

    password: Secret = None
    """Password of `user`; left out, libpq's password file (PGPASSFILE or ~/.pgpass) is asked."""

    migration_user: str = ""
    """User that runs the migrations; left out, `user`."""

    migration_password: Secret = None
    """Password of `migrationUser`; left out, `password` if both users are the same, else the password file."""

    database: RequiredText = ""
    """Name of the database."""

    ssl_mode: SslModeName = SslMode.REQUIRE
    """How TLS is used, as in libpq."""

    max_open_conns: Whole = 0
    """Most connections of the pool; 0 leaves it to the server. A server has one more, to be told of changes."""

    max_idle_conns: Whole = 0
    """Connections that the pool keeps open at least; 0 leaves it to the server."""

    conn_max_lifetime: Duration | None = None
    """Longest life of a connection; left out or 0, it is left to the server."""

    dynamic_auth: DynamicAuthSettings | None = None
    """Sign in without a stored password; excludes both passwords."""

    max_meta_size: Whole = 262_144
    """Largest publisher-provided `_meta` of one version, in bytes of its JSON."""


class PublishSettings(Block):
    package_base_urls: TextList = ()
    """Where packages may come from, as URLs; empty: anywhere. An OCI image counts as `https://` and its reference."""


class FileStorageSettings(Block):
    base_dir: str = "./data"
    """Directory of the embedded PostgreSQL's data, used when there is no `database`."""


class TracingSettings(Block):
    enabled: Flag = False
    """Whether traces are exported."""

    sampling: Ratio = 0.05
    """Share of the requests that are traced: more than 0, at most 1."""


class MetricsSettings(Block):
    enabled: Flag = False
    """Whether metrics are exported and served at `/metrics` of the internal port."""


class TelemetrySettings(Block):
    enabled: Flag = False
    """Whether traces or metrics are exported at all."""

    service_name: str = "thv-registry-api"
    """Name under which the server reports itself."""

    service_version: str = "unknown"
    """Version under which the server reports itself."""

    endpoint: str = "localhost:4318"
    """host:port of the OTLP/HTTP collector, without a scheme."""

    insecure: Flag = False
    """Whether the collector is spoken to without TLS."""

    tracing: TracingSettings = TracingSettings()
    """Traces."""

    metrics: MetricsSettings = MetricsSettings()
    """Metrics."""


class AuditSettings(Block):
    enabled: Flag = False
    """Whether audit events are written."""

    log_file: str = ""
    """File the events are appended to; its directory must exist. Left out, standard output."""

    event_types: TextList = ()
    """Events to write; empty means all."""

    exclude_event_types: TextList = ()
    """Events to leave out, even if they are listed in `eventTypes`."""

    include_request_data: Flag = False
    """Whether the body of a writing request is recorded."""

    max_data_size: Whole = 1024
    """Most bytes of a recorded body, at most 1048576; 0 means the default."""
