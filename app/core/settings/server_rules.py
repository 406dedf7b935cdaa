"""What must hold of the blocks `database`, `publish`, `audit` and `telemetry` and of the root's own values."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from app.core.settings.draft import Draft, Place
from app.core.settings.server_tree import AuditSettings, DatabaseSettings, PublishSettings, TelemetrySettings
from app.core.settings.source_rules import check_namespaces
from app.core.settings.syntax import find_url_fault, split_host_port
from app.core.settings.tree import Document

_LARGEST_AUDIT_DATA = 1_048_576
_BAD_HOST = re.compile(r"[\s@?#]|^[^/].*/")  # a leading slash is the folder of a Unix socket
_BAD_DATABASE = re.compile(r"[?#/]")
_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


def check_server(draft: Draft, document: Document) -> None:
    """Check what is neither about sources and their fetching nor about registries or auth."""
    root = Place(draft, ())
    if document.database is not None:
        _check_database(root.inside("database"), document.database)
        if "file_storage" in document.model_fields_set:
            draft.warn("fileStorage has no effect together with database: database wins")
    _check_audit(root.inside("audit"), document.audit)
    _check_telemetry(root.inside("telemetry"), document.telemetry)
    check_namespaces(root, ("watch_namespace",), document.watch_namespace)
    _check_publish(root.inside("publish"), document.publish)
    if document.path_prefix and not _PATH_PREFIX.fullmatch(document.path_prefix):
        fix = "write it as /api/mcp: with a slash in front, none at the end"
        root.object(("path_prefix",), f"path_prefix '{document.path_prefix}' is not a path", fix)
    if document.insecure_url:
        draft.warn("insecure_url is set: issuer URLs may be plain http, which is for tests only")


def _check_database(place: Place, database: DatabaseSettings) -> None:
    for key in ("host", "port", "user", "database"):
        if not getattr(database, key):
            message = f"database.{key} is required when database is configured"
            place.object((key,), message, "add it, or remove database to have the server run its own PostgreSQL")
    if database.port and not 1 <= database.port <= 65535:
        message = f"database.port must be between 1 and 65535, got {database.port}"
        place.object(("port",), message, "PostgreSQL listens on 5432 by default")
    if _BAD_HOST.search(database.host):
        place.object(("host",), "database.host contains a blank or one of @ / ? #", "write the bare host name")
    if _BAD_DATABASE.search(database.database):
        place.object(("database",), "database.database contains one of ? # /", "write the bare name of the database")
    if database.conn_max_lifetime is not None and database.conn_max_lifetime < timedelta(0):
        message = "database.connMaxLifetime must not be negative"
        place.object(("connMaxLifetime",), message, "write a duration such as 30m")
    if database.max_meta_size <= 0:
        message = "database.maxMetaSize must be greater than zero"
        place.object(("maxMetaSize",), message, "write a number of bytes; the default is 262144")
    _check_dynamic_auth(place, database)


def _check_publish(place: Place, publish: PublishSettings) -> None:
    for index, url in enumerate(publish.package_base_urls):
        if fault := find_url_fault(url):
            message = f"publish.packageBaseUrls[{index}] '{url}' {fault}"
            place.object(("packageBaseUrls", index), message, "write it as https://host/path")


def _check_dynamic_auth(place: Place, database: DatabaseSettings) -> None:
    if database.dynamic_auth is None:
        return
    where = ("dynamicAuth", "awsRdsIam")
    iam = database.dynamic_auth.aws_rds_iam
    if iam is None:
        place.object(where, "database.dynamicAuth.awsRdsIam is required", "add it, or remove dynamicAuth")
    elif not iam.region:
        message = "database.dynamicAuth.awsRdsIam.region is required"
        place.object((*where, "region"), message, "write the region, or detect")
    for key, secret in (("password", database.password), ("migrationPassword", database.migration_password)):
        if secret is not None:
            message = f"database.{key} and database.dynamicAuth are mutually exclusive; use one authentication method"
            place.object((key,), message, "remove one of them")


def _check_audit(place: Place, audit: AuditSettings) -> None:
    size = audit.max_data_size
    fix = "write a number of bytes between 0 and 1048576"
    if size < 0:
        place.object(("maxDataSize",), f"audit.maxDataSize must be non-negative, got {size}", fix)
    elif size > _LARGEST_AUDIT_DATA:
        message = f"audit.maxDataSize must not exceed {_LARGEST_AUDIT_DATA} bytes, got {size}"
        place.object(("maxDataSize",), message, fix)
    if not audit.log_file:
        return
    parent = Path(audit.log_file).parent
    if not parent.exists():
        message = f"audit.logFile directory does not exist: {parent}"
        place.object(("logFile",), message, "create the directory, or leave logFile out for standard output")
    elif not parent.is_dir():
        message = f"audit.logFile parent path is not a directory: {parent}"
        place.object(("logFile",), message, "name a file inside a directory")


def _is_host_port(text: str) -> bool:
    try:
        split_host_port(text)
    except ValueError:
        return False
    return True


def _check_telemetry(place: Place, telemetry: TelemetrySettings) -> None:
    """Check what telemetry would be started with. What is switched off only deserves a warning, as it did no harm."""
    sampling = telemetry.tracing.sampling
    faults = (
        (
            ("tracing", "sampling"),
            not 0 < sampling <= 1,
            f"telemetry.tracing.sampling must be greater than 0 and at most 1, got {sampling:g}",
            "write a share such as 0.05; to trace nothing, set telemetry.tracing.enabled: false",
            telemetry.enabled and telemetry.tracing.enabled,
        ),
        (
            ("endpoint",),
            not _is_host_port(telemetry.endpoint),
            f"telemetry.endpoint must be host:port without a scheme, got '{telemetry.endpoint}'",
            "write it as localhost:4318; whether TLS is used is telemetry.insecure",
            telemetry.enabled,
        ),
    )
    for where, is_wrong, message, fix, is_used in faults:
        if is_wrong and is_used:
            place.object(where, message, fix)
        elif is_wrong:
            place.draft.warn(f"{message}; it is not used, as telemetry is switched off")
