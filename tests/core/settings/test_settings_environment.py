"""Environment variables and flags go before the file; unknown variables never stop a start."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.settings import AuthMode, LogLevel, environment_names
from tests.core.settings.settings_files import MINIMAL, OPEN, load, refuse, refuse_once

SOURCE = "sources: [{name: a, file: {path: x}, syncPolicy: {interval: 5m}}]\n" + OPEN
API = SOURCE.replace("file: {path: x}", "api: {endpoint: 'https://h'}")
REDIS = "redis: {url: redis://r}\n" + MINIMAL
DATABASE = "database: {host: db, port: 5432, user: u, database: d}\n" + MINIMAL


@pytest.mark.parametrize(
    ("text", "variable", "value", "path", "expected"),
    [
        (MINIMAL, "THV_REGISTRY_REGISTRYNAME", "x", "registry_name", "x"),
        (DATABASE, "THV_REGISTRY_DATABASE_HOST", "other", "database.host", "other"),
        (DATABASE, "THV_REGISTRY_DATABASE_PORT", "6432", "database.port", 6432),
        (DATABASE, "THV_REGISTRY_DATABASE_PASSWORD", "p", "database.password", SecretStr("p")),
        (DATABASE, "THV_REGISTRY_DATABASE_MAXOPENCONNS", "7", "database.max_open_conns", 7),
        (DATABASE, "THV_REGISTRY_DATABASE_CONNMAXLIFETIME", "1m", "database.conn_max_lifetime", timedelta(minutes=1)),
        (MINIMAL, "THV_REGISTRY_FILESTORAGE_BASEDIR", "/data", "file_storage.base_dir", "/data"),
        (MINIMAL, "THV_REGISTRY_TELEMETRY_TRACING_ENABLED", "true", "telemetry.tracing.enabled", True),
        (MINIMAL, "THV_REGISTRY_TELEMETRY_TRACING_SAMPLING", "0.5", "telemetry.tracing.sampling", 0.5),
        (MINIMAL, "THV_REGISTRY_AUTH_PUBLICPATHS", "/a,/b", "auth.public_paths", ("/a", "/b")),
        (MINIMAL, "THV_REGISTRY_INSECURE_URL", "T", "insecure_url", True),
        (MINIMAL, "THV_REGISTRY_COMPRESS_RESPONSE", "1", "compress_response", True),
        (MINIMAL, "THV_REGISTRY_WATCH_NAMESPACE", "team-a,team-b", "watch_namespace", ("team-a", "team-b")),
        (MINIMAL, "THV_REGISTRY_LEADER_ELECTION_ID", "lease", "leader_election_id", "lease"),
        (MINIMAL, "THV_REGISTRY_REDIS_URL", "redis://r:1/2", "redis.url", "redis://r:1/2"),
        (REDIS, "THV_REGISTRY_REDIS_PASSWORD", "p", "redis.password", SecretStr("p")),
        (REDIS, "THV_REGISTRY_REDIS_USERNAME", "u", "redis.username", "u"),
        (REDIS, "THV_REGISTRY_REDIS_QUEUE", "q", "redis.queue", "q"),
        (MINIMAL, "THV_REGISTRY_SYNC_CONCURRENCY", "64", "sync.concurrency", 64),
        (MINIMAL, "THV_REGISTRY_SYNC_RUNRETENTION", "1h", "sync.run_retention", timedelta(hours=1)),
        (MINIMAL, "THV_REGISTRY_SYNC_TOMBSTONERETENTION", "1h", "sync.tombstone_retention", timedelta(hours=1)),
        (MINIMAL, "THV_REGISTRY_OUTBOUND_ALLOWPRIVATE", "a, 10.0.0.0/8", "outbound.allow_private", ("a", "10.0.0.0/8")),
        (MINIMAL, "THV_REGISTRY_OUTBOUND_ALLOWFILEREPOSITORIES", "1", "outbound.allow_file_repositories", True),
        (
            API,
            "THV_REGISTRY_SOURCES_0_API_FULLSYNCINTERVAL",
            "1h",
            "sources.0.api.full_sync_interval",
            timedelta(0, 3600),
        ),
        (SOURCE, "THV_REGISTRY_SOURCES_0_SYNCPOLICY_INTERVAL", "7m", "sources.0.sync_interval", timedelta(minutes=7)),
        (SOURCE, "THV_REGISTRY_SOURCES_0_FILTER_TAGS_INCLUDE", "a,b", "sources.0.filter.tags.include", ("a", "b")),
        (MINIMAL, "THV_REGISTRY_REGISTRIES_0_NAME", "s", "sources.0.name", "s"),
    ],
)
def test_variable_sets_what_the_file_has_or_lacks(
    tmp_path: Path, text: str, variable: str, value: str, path: str, expected: object
) -> None:
    found: object = load(tmp_path, text, {variable: value})
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, tuple) else getattr(found, part)
    assert found == expected


def test_variable_reaches_a_provider_by_number(tmp_path: Path) -> None:
    text = MINIMAL.replace("mode: anonymous", "oauth: {providers: [{name: p, issuerUrl: 'https://i', audience: a}]}")
    settings = load(tmp_path, text, {"THV_REGISTRY_AUTH_OAUTH_PROVIDERS_0_AUDIENCE": "b"})
    assert settings.auth.oauth is not None
    assert settings.auth.oauth.providers[0].audience == "b"


def test_empty_variable_is_unset(tmp_path: Path) -> None:
    settings = load(tmp_path, "registryName: x\n" + MINIMAL, {"THV_REGISTRY_REGISTRYNAME": "", "LOG_LEVEL": ""})
    assert (settings.registry_name, settings.log_level, settings.warnings) == ("x", LogLevel.INFO, ())


def test_variable_repairs_nothing_else_in_the_file(tmp_path: Path) -> None:
    text = "database: {host: db, port: abc}\n" + MINIMAL
    problems = refuse(tmp_path, text, {"THV_REGISTRY_DATABASE_PORT": "1", "THV_REGISTRY_DATABASE_USER": "u"})
    assert [problem.path for problem in problems] == ["database.database"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("THV_REGISTRY_AUTH_MODE", "bogus", "invalid auth.mode: bogus (must be 'anonymous' or 'oauth')"),
        ("THV_REGISTRY_AUTH_PUBLICPATHS", "/a,b", "auth.publicPaths[1] must start with /"),
        ("THV_REGISTRY_AUDIT_MAXDATASIZE", "-1", "audit.maxDataSize must be non-negative, got -1"),
        ("THV_REGISTRY_TELEMETRY_ENABLED", "maybe", "telemetry.enabled must be true or false, got 'maybe'"),
        ("THV_REGISTRY_WATCH_NAMESPACE", "team-a,,b", "watch_namespace has an empty item"),
        ("THV_REGISTRY_REDIS_URL", "http://r", "redis.url must begin with redis:// or rediss://"),
        ("THV_REGISTRY_SYNC_CONCURRENCY", "0", "sync.concurrency must be between 1 and 64, got 0"),
        ("THV_REGISTRY_OUTBOUND_ALLOWPRIVATE", "a,10.0.0.1/8", "outbound.allowPrivate[1] '10.0.0.1/8' has bits set"),
        ("THV_REGISTRY_WATCH_NAMESPACE", "Team", "watch_namespace[0] 'Team' must be a valid namespace name"),
    ],
)
def test_problem_of_a_variable_names_the_variable(tmp_path: Path, variable: str, value: str, words: str) -> None:
    problem = refuse_once(tmp_path, MINIMAL, {variable: value})
    assert (problem.path, problem.line) == (variable, None)
    assert words in problem.message


def test_variables_alone_make_the_whole_block_of_redis(tmp_path: Path) -> None:
    environ = {
        "THV_REGISTRY_REDIS_URL": "rediss:///3",
        "THV_REGISTRY_REDIS_PASSWORD": "p",
        "THV_REGISTRY_REDIS_SENTINELS": "s1:26379,s2:26380",
        "THV_REGISTRY_REDIS_SENTINELMASTER": "main",
    }
    for text in (MINIMAL, "redis: ~\n" + MINIMAL):
        settings = load(tmp_path, text, environ)
        assert settings.warnings == ()
        assert settings.redis is not None
        assert (settings.redis.uses_tls, settings.redis.database, settings.redis.host) == (True, 3, "")
        assert settings.redis.sentinel_addresses == (("s1", 26379), ("s2", 26380))


def test_half_of_the_block_of_redis_is_refused(tmp_path: Path) -> None:
    problem = refuse_once(tmp_path, MINIMAL, {"THV_REGISTRY_REDIS_PASSWORD": "hunter2"})
    assert problem.message == "redis.url is required when redis is configured"
    assert "hunter2" not in str(problem)


def test_variable_that_adds_a_second_kind_breaks_the_rule_of_one(tmp_path: Path) -> None:
    problems = refuse(tmp_path, MINIMAL, {"THV_REGISTRY_REGISTRIES_0_FILE_PATH": "x"})
    assert "only one of git, api, file, managed, or kubernetes" in problems[0].message


def test_flag_goes_before_variable_before_file_before_default(tmp_path: Path) -> None:
    text = MINIMAL.replace("{mode: anonymous}", "{mode: wrong}")
    environ = {"THV_REGISTRY_AUTH_MODE": "anonymous"}
    assert load(tmp_path, text, environ).auth.mode is AuthMode.ANONYMOUS
    problem = refuse(tmp_path, text, environ, {"auth.mode": "oauth"})[0]
    assert problem.message == "invalid auth configuration: auth.oauth is required when mode is oauth"
    assert load(tmp_path, text, {"THV_REGISTRY_AUTH_MODE": "bad"}, {"auth.mode": "anonymous"}).auth.mode == "anonymous"


def test_bad_flag_is_named_by_its_setting(tmp_path: Path) -> None:
    (problem,) = refuse(tmp_path, MINIMAL, {}, {"auth.mode": "bogus"})
    assert (problem.path, problem.line) == ("auth.mode", None)
    (problem,) = refuse(tmp_path, MINIMAL, {}, {"auth.mod": "bogus"})
    assert problem.message == "unknown setting 'auth.mod'"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"THV_REGISTRY_LOG_LEVEL": "debug", "LOG_LEVEL": "error"}, LogLevel.DEBUG),
        ({"LOG_LEVEL": "error"}, LogLevel.ERROR),
        ({"LOG_LEVEL": "WARN"}, LogLevel.WARNING),
        ({"LOG_LEVEL": "Warning"}, LogLevel.WARNING),
        ({}, LogLevel.INFO),
    ],
)
def test_log_level_comes_from_the_first_variable(tmp_path: Path, environ: dict[str, str], expected: LogLevel) -> None:
    assert load(tmp_path, MINIMAL, environ).log_level is expected


@pytest.mark.parametrize("variable", ["THV_REGISTRY_LOG_LEVEL", "LOG_LEVEL"])
def test_bad_log_level_means_info_and_a_warning(tmp_path: Path, variable: str) -> None:
    settings = load(tmp_path, "log_level: debug\n" + MINIMAL, {variable: "loud"})
    assert settings.log_level is LogLevel.INFO
    (warning,) = settings.warnings
    assert warning.startswith(f"{variable}: 'loud' is not one of")


@pytest.mark.parametrize(
    "variable",
    [
        "THV_REGISTRY_API_PORT",
        "THV_REGISTRY_API_PORT_8080_TCP_ADDR",
        "THV_REGISTRY_API_SERVICE_HOST",
        "THV_REGISTRY_REDIS_PORT",
        "THV_REGISTRY_REDIS_SERVICE_HOST",
        "THV_REGISTRY_REDIS_PORT_6379_TCP",
        "THV_REGISTRY_ADDRESS",
        "THV_REGISTRY_INTERNAL_ADDRESS",
        "PATH",
        "OTHER_DATABASE_HOST",
    ],
)
def test_foreign_variable_is_ignored_silently(tmp_path: Path, variable: str) -> None:
    assert load(tmp_path, MINIMAL, {variable: "tcp://10.0.0.1:80"}).warnings == ()


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("THV_REGISTRY_AUTH_MOD", "did you mean THV_REGISTRY_AUTH_MODE?"),
        ("THV_REGISTRY_DATABASE_MAX_OPEN_CONNS", "did you mean THV_REGISTRY_DATABASE_MAXOPENCONNS?"),
        ("THV_REGISTRY_REDIS_PASSWORD_FILE", "did you mean THV_REGISTRY_REDIS_PASSWORDFILE?"),
        ("THV_REGISTRY_OUTBOUND_ALLOW_PRIVATE", "did you mean THV_REGISTRY_OUTBOUND_ALLOWPRIVATE?"),
        ("THV_REGISTRY_REGISTRIES_7_NAME", "no list item with this number"),
    ],
)
def test_near_miss_is_a_warning(tmp_path: Path, variable: str, words: str) -> None:
    (warning,) = load(tmp_path, MINIMAL, {variable: "x"}).warnings
    assert warning.startswith(variable)
    assert words in warning


def test_service_address_that_kubernetes_injects_sets_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, DATABASE, {"THV_REGISTRY_DATABASE_PORT": "tcp://10.0.0.9:5432"})
    assert settings.database is not None
    assert settings.database.port == 5432
    assert "THV_REGISTRY_DATABASE_PORT is ignored" in settings.warnings[0]


def test_every_name_follows_from_its_path() -> None:
    names = environment_names()
    assert names.pop("LOG_LEVEL") == "log_level"
    assert {name: "THV_REGISTRY_" + path.upper().replace(".", "_") for name, path in names.items()} == {
        name: name for name in names
    }
    assert names["THV_REGISTRY_DATABASE_MIGRATIONPASSWORD"] == "database.migrationPassword"
    assert names["THV_REGISTRY_AUTH_OAUTH_PROVIDERS_N_CACERTPATH"] == "auth.oauth.providers.N.caCertPath"
    assert not [name for name in names if "HEADERS" in name]  # their keys are free, as those of claims
    assert names["THV_REGISTRY_SOURCES_N_GIT_AUTH_PASSWORDFILE"] == "sources.N.git.auth.passwordFile"
