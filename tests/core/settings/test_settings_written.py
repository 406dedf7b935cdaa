"""Keys in any case, null as absence, weak typing, unknown keys, wrong shapes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.settings import SourceFormat
from tests.core.settings.settings_files import MANAGED, MINIMAL, OPEN, load, refuse, refuse_once


def test_keys_are_found_whatever_their_case(tmp_path: Path) -> None:
    text = """
SOURCES:
  - NAME: a
    Git: {Repository: r}
    syncpolicy: {INTERVAL: 5m}
    claims: {orgId: X, ORGID: y}
Auth: {MODE: anonymous, Authz: {roles: {superadmin: [{isAdmin: "yes"}]}}}
"""
    settings = load(tmp_path, text)
    assert settings.sources[0].sync_interval == timedelta(minutes=5)
    assert settings.sources[0].claims == {"orgId": "X", "ORGID": "y"}
    assert settings.auth.authz is not None
    assert settings.auth.authz.roles.super_admin == ({"isAdmin": "yes"},)


def test_values_are_read_from_text(tmp_path: Path) -> None:
    text = (
        "database: {host: db, port: '5432', user: 1, database: 1.10, maxOpenConns: 0007}\n"
        "sources:\n  - name: 42\n    file: {path: x}\n    syncPolicy: {interval: 5m}\n"
        "    filter: {names: {include: 'a/*, b'}, tags: {exclude: one}}\n"
        "registries: [{name: r, sources: '42'}]\n"
        "compress_response: 'true'\ninsecure_url: 1\n" + OPEN
    )
    settings = load(tmp_path, text)
    assert settings.database is not None
    assert (settings.database.port, settings.database.user, settings.database.max_open_conns) == (5432, "1", 7)
    assert settings.database.database == "1.10"  # a number as it is written, not 1.1
    assert settings.registries[0].sources == ("42",)
    chosen = settings.sources[0].filter
    assert chosen is not None
    assert (chosen.names.include, chosen.tags.exclude) == (("a/*", "b"), ("one",))
    assert settings.compress_response
    assert settings.insecure_url


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_every_spelling_of_true_is_read(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, f"audit: {{enabled: {text}}}\n" + MINIMAL).audit.enabled


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_every_spelling_of_false_is_read(tmp_path: Path, text: str) -> None:
    assert not load(tmp_path, f"audit: {{enabled: {text}}}\n" + MINIMAL).audit.enabled


def test_null_is_absence(tmp_path: Path) -> None:
    text = (
        "registryName:\ndatabase: null\nsources: ~\naudit: {enabled: , logFile: null}\n"
        "registries: [{name: r, managed: {}, git: null, format: , filter: ~}]\n" + OPEN
    )
    settings = load(tmp_path, text)
    assert settings.registry_name == "default"
    assert settings.database is None
    assert settings.registries[0].sources == ("r",)


def test_empty_format_is_none(tmp_path: Path) -> None:
    text = "sources: [{name: a, format: '', file: {path: x}, syncPolicy: {interval: 1m}}]\n" + OPEN
    assert load(tmp_path, text).sources[0].format is None
    assert load(tmp_path, text.replace("''", "toolhive")).sources[0].format is SourceFormat.TOOLHIVE


@pytest.mark.parametrize(
    ("text", "path", "line", "message", "fix"),
    [
        ("registryNam: x\n", "registryNam", 1, "unknown key 'registryNam'", "did you mean registryName?"),
        ("audit:\n  enable: true\n", "audit.enable", 2, "unknown key 'enable'", "did you mean enabled?"),
        ("audit: {logfiles: x}\n", "audit.logfiles", 1, "unknown key", "did you mean logFile?"),
        ("publicPaths: [/a]\n", "publicPaths", 1, "unknown key", "it is known at auth.publicPaths"),
        ("concurrency: 8\n", "concurrency", 1, "unknown key", "it is known at sync.concurrency"),
        (
            "sync: {tombstoneRetension: 1h}\n",
            "sync.tombstoneRetension",
            1,
            "unknown",
            "did you mean tombstoneRetention?",
        ),
        ("outbound: {allowPrivat: a}\n", "outbound.allowPrivat", 1, "unknown key", "did you mean allowPrivate?"),
        ("redis: {urls: redis://r}\n", "redis.urls", 1, "unknown key 'urls'", "did you mean url?"),
        ("redis: redis://r\n", "redis", 1, "redis must be a mapping, found a single value", "keys below it"),
        ("zzz: 1\n", "zzz", 1, "unknown key 'zzz'", "remove it; known here: registryName"),
        ("\nlist: &x [*x]\n", "list", 2, "unknown key 'list'", "remove it"),
        ("audit: {eventTypes: [[a]]}\n", "audit.eventTypes[0]", 1, "must be a single value, found a list", "one value"),
        ("audit: {eventTypes: [a, ]}\nsources: [~]", "sources[0]", 2, "must be a mapping, found nothing", "keys below"),
        ("audit: {eventTypes: [a, '']}\n", "audit.eventTypes[1]", 1, "must be a single value, found nothing", "one"),
        ("audit: true\n", "audit", 1, "audit must be a mapping, found a single value", "keys below it"),
        ("audit: [a]\n", "audit", 1, "audit must be a mapping, found a list", "keys below it"),
        ("registryName: {a: b}\n", "registryName", 1, "must be a single value, found a mapping", "one value"),
        ("sources: {name: a}\n", "sources", 1, "sources must be a list, found a mapping", "hyphen"),
        ("audit: {enabled: yes}\n", "audit.enabled", 1, "audit.enabled must be true or false, got 'yes'", "true or"),
        ("audit: {maxDataSize: 1k}\n", "audit.maxDataSize", 1, "must be a whole number, got '1k'", "digits"),
        ("audit: {maxDataSize: ''}\n", "audit.maxDataSize", 1, "must be a whole number, got ''", "digits"),
        ("audit: {eventTypes: 'a,,b'}\n", "audit.eventTypes", 1, "has an empty item in its comma list", "comma"),
        ("telemetry: {tracing: {sampling: x}}\n", "telemetry.tracing.sampling", 1, "must be a number, got 'x'", "0.05"),
        ("telemetry: {tracing: {sampling: .nan}}\n", "telemetry.tracing.sampling", 1, "must be a number", "0.05"),
    ],
)
def test_unfit_value_is_refused(tmp_path: Path, text: str, path: str, line: int, message: str, fix: str) -> None:
    problem = refuse_once(tmp_path, text + "\n" + MINIMAL)
    assert (problem.path, problem.line) == (path, line)
    assert message in problem.message
    assert fix in problem.fix


def test_mistyped_key_hides_that_the_right_one_is_missing(tmp_path: Path) -> None:
    text = "sources: [{name: a, git: {repositry: r}, syncPolicy: {intervall: 5m}}]\n" + OPEN
    assert [problem.fix for problem in refuse(tmp_path, text)] == [
        "did you mean repository?",
        "did you mean interval?",
    ]


def test_unreadable_block_hides_that_it_is_missing(tmp_path: Path) -> None:
    assert refuse_once(tmp_path, "sources: [{name: a, managed: true}]\n" + OPEN).path == "sources[0].managed"
    assert refuse_once(tmp_path, "sources: nothing\n" + OPEN).path == "sources"
    assert refuse_once(tmp_path, MANAGED + "auth: anonymous\n").path == "auth"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("3", "value must be a string or array of strings, got int"),
        ("3.5", "value must be a string or array of strings, got float64"),
        ("true", "value must be a string or array of strings, got bool"),
        ("{a: b}", "value must be a string or array of strings, got map"),
        ("null", "value must be a string or array of strings, got null"),
        ("[a, 1]", "array element [1] must be a string, got int"),
        ("[[a]]", "array element [0] must be a string, got array"),
    ],
)
def test_claim_of_another_type_is_refused(tmp_path: Path, value: str, words: str) -> None:
    source = refuse_once(tmp_path, f"sources:\n- name: a\n  managed: {{}}\n  claims:\n    k: {value}\n{OPEN}")
    assert (source.path, source.line) == ("sources[0].claims.k", 5)
    assert source.message == f'source[0] (a): claim "k": {words}'
    old = refuse_once(tmp_path, f"registries: [{{name: r, managed: {{}}, claims: {{k: {value}}}}}]\n{OPEN}")
    assert old.message == f'registry[0] (r): claim "k": {words}'
    role = refuse_once(
        tmp_path, f"{MANAGED}auth: {{mode: anonymous, authz: {{roles: {{superAdmin: [{{k: {value}}}]}}}}}}"
    )
    assert role.message == f'auth.authz.roles.superAdmin[0]: claim "k": {words}'


def test_text_that_other_yaml_versions_read_as_something_else_is_a_claim(tmp_path: Path) -> None:
    text = "registries: [{name: r, managed: {}, claims: {a: yes, b: 2026-01-01, c: [on, 'off']}}]\n" + OPEN
    assert load(tmp_path, text).registries[0].claims == {"a": "yes", "b": "2026-01-01", "c": ["on", "off"]}
