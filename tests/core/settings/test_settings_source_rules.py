"""One row for each rule of a source: the bad value, where it is reported, in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.settings.settings_files import OPEN, load, refuse, refuse_once

SYNC = "syncPolicy: {interval: 5m}"
KINDS = "git, api, file, managed, or kubernetes configuration"

RULES = [
    ("", "", f"one of {KINDS} must be specified"),
    ("kubernetes: ~", "", f"one of {KINDS} must be specified"),
    (f"file: {{path: x}}, managed: {{}}, {SYNC}", ".managed", f"only one of {KINDS} may be specified"),
    ("git: {repository: r}", ".syncPolicy.interval", "syncPolicy.interval is required"),
    ("api: {endpoint: 'https://h'}, syncPolicy: {}", ".syncPolicy.interval", "syncPolicy.interval is required"),
    (
        "git: {repository: r}, syncPolicy: {interval: 1d}",
        ".syncPolicy.interval",
        "syncPolicy.interval must be a valid duration (e.g., '30m', '1h'): time: unknown unit \"d\"",
    ),
    ("file: {path: x}, syncPolicy: {interval: 30}", ".syncPolicy.interval", "missing unit in duration"),
    ("file: {path: x}, syncPolicy: {interval: 0}", ".syncPolicy.interval", "must be greater than zero, got 0s"),
    ("file: {path: x}, syncPolicy: {interval: -5m}", ".syncPolicy.interval", "must be greater than zero, got -5m0s"),
    (
        "file: {path: x}, syncPolicy: {interval: 5m, maxRemovalPercent: 101}",
        ".syncPolicy.maxRemovalPercent",
        "syncPolicy.maxRemovalPercent must be between 0 and 100, got 101",
    ),
    (f"format: xml, file: {{path: x}}, {SYNC}", ".format", "unsupported format: xml"),
    (f"git: {{}}, {SYNC}", ".git.repository", "git.repository is required"),
    (
        f"git: {{repository: r, branch: x, tag: y}}, {SYNC}",
        ".git.tag",
        "only one of branch, tag, or commit may be specified",
    ),
    (f"git: {{repository: r, tag: x, commit: y}}, {SYNC}", ".git.commit", "only one of branch, tag, or commit"),
    (
        f"git: {{repository: r, commit: main}}, {SYNC}",
        ".git.commit",
        "git.commit must be a commit hash of 4 to 64 hex digits, got 'main'",
    ),
    (f"git: {{repository: r, commit: abc}}, {SYNC}", ".git.commit", "git.commit must be a commit hash"),
    (f"git: {{repository: r, commit: {'a' * 65}}}, {SYNC}", ".git.commit", "git.commit must be a commit hash"),
    (
        f"git: {{repository: 'ext::sh -c x'}}, {SYNC}",
        ".git.repository",
        "git.repository must be an address, not an option or a command of git",
    ),
    (f"git: {{repository: --upload-pack=x}}, {SYNC}", ".git.repository", "git.repository must be an address, not"),
    (f"git: {{repository: 'ftp://h/x'}}, {SYNC}", ".git.repository", "git.repository must be an https, http, ssh,"),
    (f"git: {{repository: 'https:///x'}}, {SYNC}", ".git.repository", "git.repository must be an absolute URL"),
    (f"git: {{repository: r, path: /x}}, {SYNC}", ".git.path", "git.path must be a path inside the repository"),
    (f"git: {{repository: r, path: a/../../x}}, {SYNC}", ".git.path", "git.path must be a path inside"),
    (f"git: {{repository: r, path: ''}}, {SYNC}", ".git.path", "git.path must be a path inside"),
    (
        f"git: {{repository: r, auth: {{username: u}}}}, {SYNC}",
        ".git.auth.passwordFile",
        "git.auth.username and git.auth.passwordFile must both be specified",
    ),
    (f"git: {{repository: r, auth: {{passwordFile: /x}}}}, {SYNC}", ".git.auth.username", "must both be specified"),
    (f"git: {{repository: r, auth: {{}}}}, {SYNC}", ".git.auth.passwordFile", "must both be specified"),
    (
        f"git: {{repository: r, auth: {{username: u, passwordFile: x}}}}, {SYNC}",
        ".git.auth.passwordFile",
        "git.auth.passwordFile must be an absolute path",
    ),
    (
        f"git: {{repository: r, auth: {{username: u, passwordFile: /no/such/file}}}}, {SYNC}",
        ".git.auth.passwordFile",
        "git.auth.passwordFile is not accessible: /no/such/file: No such file",
    ),
    (f"api: {{}}, {SYNC}", ".api.endpoint", "api.endpoint is required"),
    (
        f"api: {{endpoint: 'https://h'}}, format: toolhive, {SYNC}",
        ".format",
        "format must be either empty or upstream when using api, got toolhive",
    ),
    (
        f"api: {{endpoint: 'https://h', timeout: soon}}, {SYNC}",
        ".api.timeout",
        "api.timeout must be a valid duration (e.g., '30s', '1m')",
    ),
    (f"api: {{endpoint: 'https://h', timeout: 0s}}, {SYNC}", ".api.timeout", "api.timeout must be greater than zero"),
    (f"api: {{endpoint: 'https://h', timeout: 301s}}, {SYNC}", ".api.timeout", "api.timeout must not exceed 5m0s"),
    (
        f"api: {{endpoint: 'https://h', fullSyncInterval: 1d}}, {SYNC}",
        ".api.fullSyncInterval",
        "api.fullSyncInterval must be a valid duration",
    ),
    (
        f"api: {{endpoint: 'https://h', fullSyncInterval: 0}}, {SYNC}",
        ".api.fullSyncInterval",
        "api.fullSyncInterval must be greater than zero",
    ),
    (
        f"api: {{endpoint: 'https://h', authTokenFile: token}}, {SYNC}",
        ".api.authTokenFile",
        "api.authTokenFile must be an absolute path",
    ),
    (
        f"api: {{endpoint: 'https://h', authTokenFile: /no/such/file}}, {SYNC}",
        ".api.authTokenFile",
        "api.authTokenFile is not accessible: /no/such/file: No such file",
    ),
    (f"api: {{endpoint: 'https://h', caCertPath: ca.pem}}, {SYNC}", ".api.caCertPath", "must be an absolute path"),
    (f"api: {{endpoint: 'https://h', caCertPath: /}}, {SYNC}", ".api.caCertPath", "is not accessible: /: Is a dir"),
    (f"file: {{}}, {SYNC}", ".file.path", "file.path or file.url is required"),
    (
        f"file: {{path: x, url: 'https://h/x'}}, {SYNC}",
        ".file.url",
        "file.path and file.url are mutually exclusive",
    ),
    (f"file: {{path: x, data: '{{}}'}}, {SYNC}", ".file.data", "file.data cannot be used in the configuration file"),
    (f"file: {{url: h/x}}, {SYNC}", ".file.url", "file.url must be an absolute URL with host"),
    (f"file: {{url: 'ftp://h/x'}}, {SYNC}", ".file.url", "file.url must use http or https scheme"),
    (f"file: {{url: 'https://[h/x'}}, {SYNC}", ".file.url", "file.url is invalid: "),
    (
        f"file: {{url: 'https://h/x', timeout: 1}}, {SYNC}",
        ".file.timeout",
        "file.timeout must be a valid duration (e.g., '30s', '1m')",
    ),
    (f"file: {{url: 'https://h/x', timeout: 0}}, {SYNC}", ".file.timeout", "file.timeout must be greater than zero"),
    (
        f"file: {{path: x}}, filter: {{names: {{include: [ok, '[a']}}}}, {SYNC}",
        ".filter.names.include[1]",
        "filter.names.include[1] '[a' is not a valid glob: a [ is not closed",
    ),
    (
        f"file: {{path: x}}, filter: {{names: {{exclude: ['a\\']}}}}, {SYNC}",
        ".filter.names.exclude[0]",
        "it ends with a backslash",
    ),
    (
        f"file: {{path: x}}, filter: {{names: {{exclude: ['{{a,b']}}}}, {SYNC}",
        ".filter.names.exclude[0]",
        "a { is not closed",
    ),
    (
        "kubernetes: {namespaces: [a, B]}",
        ".kubernetes.namespaces[1]",
        "kubernetes.namespaces[1] 'B' must be a valid namespace name",
    ),
    ("kubernetes: {namespaces: [a, a]}", ".kubernetes.namespaces[1]", "duplicate namespace 'a'"),
]


@pytest.mark.parametrize(("body", "path", "words"), RULES)
def test_broken_rule_of_a_source_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{OPEN}sources:\n  - {{name: a, {body}}}\n")
    assert (problem.path, problem.line) == (f"sources[0]{path}", 3)
    assert problem.message.startswith("source[0] (a): ")
    assert words in problem.message
    assert problem.fix


@pytest.mark.parametrize(("body", "path", "words"), RULES)
def test_broken_rule_of_the_old_style_is_reported(tmp_path: Path, body: str, path: str, words: str) -> None:
    problem = refuse_once(tmp_path, f"{OPEN}\nregistries:\n  - {{name: a, {body}}}\n")
    assert (problem.path, problem.line) == (f"registries[0]{path}", 4)
    assert problem.message.startswith("registry[0] (a): ")
    assert words in problem.message


@pytest.mark.parametrize(
    "body",
    [
        "managed: {}",
        "kubernetes: {}",
        "managed: {}, syncPolicy: {interval: 0s}",
        "kubernetes: {namespaces: [a, b]}",
        f"git: {{repository: 'https://h/r', branch: main, tag: '', commit: ~}}, {SYNC}",
        f"git: {{repository: 'https://h/r', commit: 12345678}}, {SYNC}",
        f"git: {{repository: 'git@h:r', commit: {'A' * 40}}}, {SYNC}",
        f"git: {{repository: 'ssh://git@h/r', commit: abcd}}, {SYNC}",
        f"api: {{endpoint: 'https://h', fullSyncInterval: 1ms, headers: {{}}}}, {SYNC}",
        f"api: {{endpoint: 'https://h', timeout: 5m}}, format: upstream, {SYNC}",
        f"file: {{url: 'http://h/x', timeout: 1ms}}, {SYNC}",
        f"file: {{path: x, timeout: 0}}, format: toolhive, {SYNC}",
        f"file: {{path: x}}, filter: {{tags: {{include: ['[x']}}}}, {SYNC}",
        "file: {path: x}, syncPolicy: {interval: 1ms, maxRemovalPercent: 0}",
    ],
)
def test_source_that_keeps_the_rules_loads(tmp_path: Path, body: str) -> None:
    assert load(tmp_path, f"{OPEN}sources: [{{name: a, {body}}}]\n").warnings == ()


def test_git_password_file_that_can_be_read_loads(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    auth = f"{{username: u, passwordFile: {secret}}}"
    settings = load(tmp_path, f"{OPEN}sources: [{{name: a, git: {{repository: r, auth: {auth}}}, {SYNC}}}]\n")
    assert settings.sources[0].git is not None
    assert settings.sources[0].git.auth is not None
    assert settings.sources[0].git.auth.password_file == str(secret)


@pytest.mark.parametrize("endpoint", ["nohost", "ftp://h"])
def test_unusable_endpoint_is_a_warning(tmp_path: Path, endpoint: str) -> None:
    settings = load(tmp_path, f"{OPEN}sources: [{{name: a, api: {{endpoint: '{endpoint}'}}, {SYNC}}}]\n")
    assert settings.warnings[0].startswith("source[0] (a): api.endpoint must ")


def test_inline_data_alone_is_refused_and_a_path_asked_for(tmp_path: Path) -> None:
    problems = refuse(tmp_path, f"{OPEN}registries: [{{name: a, file: {{data: '{{}}'}}, {SYNC}}}]\n")
    assert {problem.message for problem in problems} == {
        "registry[0] (a): file.data cannot be used in the configuration file",
        "registry[0] (a): file.path or file.url is required",
    }
