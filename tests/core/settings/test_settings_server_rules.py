"""One row for each rule of database, audit and telemetry, and the warnings about blocks that do nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import SslMode
from tests.core.settings.settings_files import MINIMAL, load, refuse_once

IAM = "dynamicAuth: {awsRdsIam: {region: detect}}"


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ("port: 1, user: u, database: d", "host", "database.host is required when database is configured"),
        ("host: h, user: u, database: d", "port", "database.port is required when database is configured"),
        ("host: h, port: 0, user: u, database: d", "port", "database.port is required"),
        ("host: h, port: 1, database: d", "user", "database.user is required when database is configured"),
        ("host: h, port: 1, user: u", "database", "database.database is required when database is configured"),
        ("host: h, port: 65536, user: u, database: d", "port", "database.port must be between 1 and 65535, got 65536"),
        ("host: h, port: -1, user: u, database: d", "port", "database.port must be between 1 and 65535, got -1"),
        ("host: u@h, port: 1, user: u, database: d", "host", "database.host contains"),
        ("host: h/x, port: 1, user: u, database: d", "host", "database.host contains"),
        ("host: h, port: 1, user: u, database: 'd?x'", "database", "database.database contains"),
        ("host: h, port: 1, user: u, database: d, sslMode: on", "sslMode", "must be one of disable, allow, prefer"),
        ("host: h, port: 1, user: u, database: d, maxMetaSize: 0", "maxMetaSize", "must be greater than zero"),
        ("host: h, port: 1, user: u, database: d, connMaxLifetime: -1s", "connMaxLifetime", "must not be negative"),
        ("host: h, port: 1, user: u, database: d, connMaxLifetime: 1", "connMaxLifetime", "must be a valid duration"),
        ("host: h, port: 1, user: u, database: d, dynamicAuth: {}", "dynamicAuth.awsRdsIam", "is required"),
        (
            "host: h, port: 1, user: u, database: d, dynamicAuth: {awsRdsIam: {}}",
            "dynamicAuth.awsRdsIam.region",
            "database.dynamicAuth.awsRdsIam.region is required",
        ),
        (
            f"host: h, port: 1, user: u, database: d, password: hunter2, {IAM}",
            "password",
            "database.password and database.dynamicAuth are mutually exclusive; use one authentication method",
        ),
        (
            f"host: h, port: 1, user: u, database: d, migrationPassword: hunter2, {IAM}",
            "migrationPassword",
            "database.migrationPassword and database.dynamicAuth are mutually exclusive",
        ),
    ],
)
def test_unusable_database_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}database:\n  {{{body}}}\n")
    assert problem.path == f"database.{path}"
    assert problem.line in (3, 4)  # what is missing is reported at the block, what is wrong at its own line
    assert words in problem.message
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("mode", list(SslMode))
def test_every_ssl_mode_of_libpq_is_accepted(tmp_path: Path, mode: SslMode) -> None:
    text = f"{MINIMAL}database: {{host: /run/postgresql, port: 1, user: u, database: d, sslMode: {mode}}}\n"
    database = load(tmp_path, text).database
    assert database is not None
    assert database.ssl_mode is mode


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("audit: {maxDataSize: -1}", "audit.maxDataSize", "audit.maxDataSize must be non-negative, got -1"),
        (
            "audit: {maxDataSize: 1048577}",
            "audit.maxDataSize",
            "audit.maxDataSize must not exceed 1048576 bytes, got 1048577",
        ),
        ("audit: {logFile: /no/such/x}", "audit.logFile", "audit.logFile directory does not exist: /no/such"),
        ("audit: {logFile: /dev/null/x}", "audit.logFile", "parent path is not a directory: /dev/null"),
        (
            "telemetry: {enabled: true, tracing: {enabled: true, sampling: 0}}",
            "telemetry.tracing.sampling",
            "telemetry.tracing.sampling must be greater than 0 and at most 1, got 0",
        ),
        (
            "telemetry: {enabled: true, tracing: {enabled: true, sampling: 1.5}}",
            "telemetry.tracing.sampling",
            "got 1.5",
        ),
        (
            "telemetry: {enabled: true, endpoint: 'http://otel:4318'}",
            "telemetry.endpoint",
            "telemetry.endpoint must be host:port without a scheme",
        ),
        ("watch_namespace: [a, a]", "watch_namespace[1]", "watch_namespace[1]: duplicate namespace 'a'"),
    ],
)
def test_unusable_block_is_reported(tmp_path: Path, text: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}{text}\n")
    assert (problem.path, problem.line) == (path, 3)
    assert words in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("telemetry: {tracing: {sampling: 0}}", "telemetry.tracing.sampling must be greater than 0"),
        ("telemetry: {endpoint: otel}", "telemetry.endpoint must be host:port"),
        (
            "database: {host: h, port: 1, user: u, database: d}\nfileStorage: {baseDir: /x}",
            "fileStorage has no effect together with database: database wins",
        ),
    ],
)
def test_block_without_effect_is_a_warning(tmp_path: Path, text: str, words: str) -> None:
    (warning,) = load(tmp_path, f"{MINIMAL}{text}\n").warnings
    assert words in warning


def test_audit_file_in_an_existing_folder_loads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    settings = load(tmp_path, f"{MINIMAL}audit: {{enabled: true, logFile: {tmp_path}/link/audit.log}}\n")
    assert settings.audit.log_file == f"{tmp_path}/link/audit.log"


@pytest.mark.parametrize("endpoint", ["otel:4318", "127.0.0.1:4318", "'[::1]:4318'"])
def test_collector_is_named_by_host_and_port(tmp_path: Path, endpoint: str) -> None:
    text = f"{MINIMAL}telemetry: {{enabled: true, endpoint: {endpoint}, tracing: {{enabled: true, sampling: 1}}}}\n"
    assert load(tmp_path, text).warnings == ()
