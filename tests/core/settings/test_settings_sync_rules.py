"""One row for each rule of `sync` and `redis`; no password that stands in the wrong place is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.settings.settings_files import MINIMAL, load, refuse, refuse_once

SENTINELS = "sentinels: ['s:26379'], sentinelMaster: main"


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ("concurrency: 0", "concurrency", "sync.concurrency must be between 1 and 64, got 0"),
        ("concurrency: 65", "concurrency", "sync.concurrency must be between 1 and 64, got 65"),
        ("concurrency: many", "concurrency", "sync.concurrency must be a whole number, got 'many'"),
        ("runRetention: 0", "runRetention", "sync.runRetention must be greater than zero, got 0s"),
        ("runRetention: 30d", "runRetention", "sync.runRetention must be a valid duration"),
        ("tombstoneRetention: -1h", "tombstoneRetention", "must be greater than zero, got -1h0m0s"),
    ],
)
def test_unusable_amount_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}sync:\n  {{{body}}}\n")
    assert (problem.path, problem.line) == (f"sync.{path}", 4)
    assert words in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ("", "url", "redis.url is required when redis is configured"),
        ("username: u", "url", "redis.url is required when redis is configured"),
        ("url: h", "url", "redis.url must begin with redis:// or rediss://"),
        ("url: 'h:6379'", "url", "redis.url must begin with redis:// or rediss://"),
        ("url: 'unix:///run/redis.sock'", "url", "redis.url must begin with redis:// or rediss://"),
        ("url: 'redis://'", "url", "redis.url must name a host"),
        ("url: 'redis:///0'", "url", "redis.url must name a host"),
        ("url: 'redis://h:hunter2'", "url", "redis.url has a host or port that cannot be read"),
        ("url: 'redis://[::1'", "url", "redis.url has a host or port that cannot be read"),
        ("url: 'redis://h /0'", "url", "redis.url contains blanks or control characters"),
        ("url: 'redis://h/zero'", "url", "redis.url must have nothing after its host but a slash and the number"),
        ("url: 'redis://h/0/1'", "url", "redis.url must have nothing after its host"),
        ("url: 'redis://h?password=hunter2'", "url", "redis.url must have nothing after its host"),
        ("url: 'redis://h/0#x'", "url", "redis.url must have nothing after its host"),
        ("url: 'redis://u:hunter2@h/0'", "url", "redis.url must not hold a user or a password"),
        ("url: 'redis://:hunter2@h/0'", "url", "redis.url must not hold a user or a password"),
        ("url: 'redis://:hun/ter2@h/0'", "url", "redis.url must not hold a user or a password"),
        ("url: 'redis://h', passwordFile: secret", "passwordFile", "redis.passwordFile must be an absolute path"),
        ("url: 'redis://h', passwordFile: /no/such", "passwordFile", "is not accessible: /no/such: No such file"),
        (
            "url: 'redis://h', password: hunter2, passwordFile: /dev/null",
            "password",
            "redis.password and redis.passwordFile are mutually exclusive",
        ),
        ("url: 'rediss://h', caCertPath: ca.pem", "caCertPath", "redis.caCertPath must be an absolute path"),
        ("url: 'rediss://h', caCertPath: /no/such", "caCertPath", "redis.caCertPath is not accessible"),
        ("url: 'redis://h', caCertPath: /dev/null", "caCertPath", "redis.caCertPath can only be used with TLS"),
        (f"url: 'redis:///0', caCertPath: /dev/null, {SENTINELS}", "caCertPath", "can only be used with TLS"),
        ("url: 'redis:///0', sentinels: ['s:1']", "sentinelMaster", "must both be specified"),
        ("url: 'redis://h', sentinelMaster: main", "sentinels", "must both be specified"),
        (
            "url: 'redis:///0', sentinels: [s], sentinelMaster: m",
            "sentinels[0]",
            "redis.sentinels[0] must be host:port",
        ),
        ("url: 'redis:///0', sentinels: ['s:0'], sentinelMaster: m", "sentinels[0]", "must be host:port"),
        ("url: 'redis:///0', sentinels: ['s:65536'], sentinelMaster: m", "sentinels[0]", "must be host:port"),
        ("url: 'redis:///0', sentinels: ['s:1', 'redis://s:1'], sentinelMaster: m", "sentinels[1]", "host:port"),
        (f"url: 'http:///0', {SENTINELS}", "url", "redis.url must begin with redis:// or rediss://"),
        (f"{SENTINELS}", "url", "redis.url is required"),
        ("url: 'redis://h', queue: ''", "queue", "redis.queue '' is not a name for a queue"),
        ("url: 'redis://h', queue: 'arq:queue'", "queue", "redis.queue 'arq:queue' is not a name for a queue"),
    ],
)
def test_unusable_redis_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}redis:\n  {{{body}}}\n")
    assert problem.path == f"redis.{path}"
    assert problem.line in (3, 4)  # what is missing is reported at the block, what is wrong at its own line
    assert words in problem.message
    assert problem.fix
    assert "hun" not in str(problem)


def test_password_of_a_variable_does_not_go_with_a_file(tmp_path: Path) -> None:
    text = f"{MINIMAL}redis: {{url: redis://h, passwordFile: /dev/null}}\n"
    problem = refuse_once(tmp_path, text, {"THV_REGISTRY_REDIS_PASSWORD": "hunter2"})
    assert (problem.path, problem.line) == ("THV_REGISTRY_REDIS_PASSWORD", None)
    assert "mutually exclusive" in problem.message
    assert "hunter2" not in str(problem)


def test_all_that_is_wrong_with_redis_is_reported_at_once(tmp_path: Path) -> None:
    problems = refuse(tmp_path, f"{MINIMAL}redis: {{url: h, caCertPath: x, sentinels: [s], queue: Q}}\n")
    assert sorted(problem.path for problem in problems) == [
        "redis.caCertPath",
        "redis.queue",
        "redis.sentinelMaster",
        "redis.sentinels[0]",
        "redis.url",
    ]


@pytest.mark.parametrize(
    ("url", "host", "port", "database", "uses_tls"),
    [
        ("redis://h", "h", 6379, 0, False),
        ("redis://h/", "h", 6379, 0, False),
        ("REDISS://h.example.org:7000/15", "h.example.org", 7000, 15, True),
        ("redis://[fd00::1]:7000/2", "fd00::1", 7000, 2, False),
    ],
)
def test_url_tells_host_port_database_and_tls(
    tmp_path: Path, url: str, host: str, port: int, database: int, uses_tls: bool
) -> None:
    settings = load(tmp_path, f"{MINIMAL}redis: {{url: '{url}'}}\n")
    assert settings.redis is not None
    found = (settings.redis.host, settings.redis.port, settings.redis.database, settings.redis.uses_tls)
    assert found == (host, port, database, uses_tls)
    assert (settings.redis.queue, settings.redis.sentinel_addresses) == ("thv-registry-api", ())
    assert settings.warnings == ()


def test_files_that_can_be_read_load(tmp_path: Path) -> None:
    for name in ("password", "ca.pem"):
        (tmp_path / name).write_text("x")
    body = f"url: rediss://h, username: u, passwordFile: {tmp_path}/password, caCertPath: {tmp_path}/ca.pem"
    settings = load(tmp_path, f"{MINIMAL}redis: {{{body}}}\n")
    assert settings.redis is not None
    assert (settings.redis.username, settings.redis.password) == ("u", None)
    assert settings.redis.password_file == f"{tmp_path}/password"
    assert settings.redis.ca_cert_path == f"{tmp_path}/ca.pem"


@pytest.mark.parametrize(("url", "is_warned_of"), [("redis:///1", False), ("redis://h:1/1", True)])
def test_host_does_not_count_where_sentinels_know_it(tmp_path: Path, url: str, is_warned_of: bool) -> None:
    body = f"url: '{url}', sentinels: ['s:26379', '[fd00::1]:26380'], sentinelMaster: main"
    settings = load(tmp_path, f"{MINIMAL}redis: {{{body}}}\n")
    assert settings.redis is not None
    assert (settings.redis.host, settings.redis.database) == ("", 1)
    assert settings.redis.sentinel_addresses == (("s", 26379), ("fd00::1", 26380))
    assert settings.redis.sentinel_master == "main"
    assert ["redis.url has no effect" in warning for warning in settings.warnings] == [True] * is_warned_of
