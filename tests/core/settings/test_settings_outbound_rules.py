"""What `outbound` may list, and the warnings about sources that will be refused because of what it does not list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.settings.settings_files import MINIMAL, OPEN, load, refuse_once

SYNC = "syncPolicy: {interval: 5m}"


def warn(folder: Path, body: str, outbound: str = "") -> list[str]:
    """The warnings about one source, each without the words that name it."""
    text = f"{OPEN}sources: [{{name: a, {body}, {SYNC}}}]\noutbound: {{{outbound}}}\n"
    warnings = load(folder, text).warnings
    assert all(warning.startswith("source[0] (a): ") for warning in warnings)
    return [warning.removeprefix("source[0] (a): ") for warning in warnings]


@pytest.mark.parametrize(
    ("item", "words", "fix"),
    [
        ("10.0.0.1/8", "'10.0.0.1/8' has bits set beside its prefix", "write 10.0.0.0/8"),
        ("fd00::1/32", "'fd00::1/32' has bits set beside its prefix", "write fd00::/32"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network", "10.0.0.0/8"),
        ("10.0.0/8", "'10.0.0/8' is not a network", "10.0.0.0/8"),
        ("git.example.org/path", "is not a network", "write a host"),
        ("https://git.example.org", "is a URL, not a host", "write its host alone"),
        ("https://u:hunter2@git.example.org", "is a URL, not a host", "write its host alone"),
        ("git.example.org:443", "is no host, glob, address or network", "without a port"),
        ("10.0.0.1:443", "is no host, glob, address or network", "without a port"),
        ("'[::1]'", "is no host, glob, address or network", "write a host"),
        ("git_@example.org", "is no host, glob, address or network", "write a host"),
        ("git..example.org", "is no host, glob, address or network", "write a host"),
        (".example.org", "is no host, glob, address or network", "write a host"),
        ("-a.example.org", "is no host, glob, address or network", "write a host"),
        ("bücher.example", "is no host, glob, address or network", "write a host"),
        ("git?.example.org", "is no host, glob, address or network", "write a host"),
        (f"{'a' * 64}.example", "is no host, glob, address or network", "write a host"),
        ("10.0", "'10.0' is a part of an address", "10.0.0.0/8"),
        ("192.168.*", "'192.168.*' is a part of an address", "10.0.0.0/8"),
        ("'2130706433'", "is a part of an address", "10.0.0.0/8"),
        ("0x7f.1", "is a part of an address", "10.0.0.0/8"),
        ("10.0.0.256", "is a part of an address", "10.0.0.0/8"),
    ],
)
def test_item_that_cannot_be_meant_is_reported(tmp_path: Path, item: str, words: str, fix: str) -> None:
    problem = refuse_once(tmp_path, f"{MINIMAL}outbound:\n  allowPrivate:\n  - ok.example.org\n  - {item}\n")
    assert (problem.path, problem.line) == ("outbound.allowPrivate[1]", 6)
    assert problem.message.startswith("outbound.allowPrivate[1] ")
    assert words in problem.message
    assert fix in problem.fix
    assert "hunter2" not in str(problem)


def test_hosts_globs_addresses_and_networks_load(tmp_path: Path) -> None:
    names = ("git", "Git.Example.org", "*.corp.example", "g*t-1.example", "_x.example", "10.example.org")
    items = (*names, "10.1.2.3", "10.0.0.0/8", "192.168.1.1/32", "fd00::/8", "::1")
    quoted = ", ".join(f"'{item}'" for item in items)
    settings = load(tmp_path, f"{MINIMAL}outbound: {{allowPrivate: [{quoted}], allowFileRepositories: true}}\n")
    assert settings.outbound.allow_private == items
    assert settings.outbound.allow_file_repositories
    assert settings.warnings == ()


@pytest.mark.parametrize("item", ["*", "0.0.0.0/0", "::/0"])
def test_item_that_allows_everything_is_a_warning(tmp_path: Path, item: str) -> None:
    (warning,) = load(tmp_path, f"{MINIMAL}outbound: {{allowPrivate: ['{item}']}}\n").warnings
    assert warning.startswith(f"outbound.allowPrivate[0] '{item}' lets sources be fetched from every address")


@pytest.mark.parametrize(
    ("body", "key", "host"),
    [
        ("git: {repository: 'https://10.1.2.3/x.git'}", "git.repository", "10.1.2.3"),
        ("git: {repository: 'http://localhost:3000/x.git'}", "git.repository", "localhost"),
        ("git: {repository: 'ssh://git@LOCALHOST/x'}", "git.repository", "localhost"),
        ("git: {repository: 'git://192.168.0.1/x'}", "git.repository", "192.168.0.1"),
        ("git: {repository: 'git@127.0.0.1:x.git'}", "git.repository", "127.0.0.1"),
        ("git: {repository: 'git@[::1]:x.git'}", "git.repository", "::1"),
        ("api: {endpoint: 'http://127.0.0.1:8080'}", "api.endpoint", "127.0.0.1"),
        ("api: {endpoint: 'http://[fd00::1]/'}", "api.endpoint", "fd00::1"),
        ("api: {endpoint: 'http://169.254.169.254'}", "api.endpoint", "169.254.169.254"),
        ("file: {url: 'http://x.localhost./x.json'}", "file.url", "x.localhost."),
        ("file: {url: 'http://[::ffff:10.0.0.1]/x.json'}", "file.url", "::ffff:10.0.0.1"),
        ("file: {url: 'http://100.64.0.1/x.json'}", "file.url", "100.64.0.1"),
        ("file: {url: 'http://224.0.0.1/x.json'}", "file.url", "224.0.0.1"),
        ("file: {url: 'http://[::]/x.json'}", "file.url", "::"),
    ],
)
def test_address_that_is_plainly_not_public_is_a_warning(tmp_path: Path, body: str, key: str, host: str) -> None:
    assert warn(tmp_path, body) == [
        f"{key} leads to {host}, which is not public; its synchronisations will be refused, unless "
        "outbound.allowPrivate lists it"
    ]


def test_warning_about_an_item_of_the_old_style_names_it(tmp_path: Path) -> None:
    text = f"{OPEN}registries: [{{name: a, api: {{endpoint: 'http://localhost'}}, {SYNC}}}]\n"
    (warning,) = load(tmp_path, text).warnings
    assert warning.startswith("registry[0] (a): api.endpoint leads to localhost, which is not public")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("localhost", "localhost"),
        ("LocalHost", "LOCALHOST"),
        ("localhost", "127.0.0.0/8"),
        ("localhost", "::1"),
        ("git.localhost.", "*.localhost"),
        ("[fd00::1]", "fd00::/8"),
    ],
)
def test_what_is_listed_is_not_warned_of(tmp_path: Path, host: str, allowed: str) -> None:
    body = f"api: {{endpoint: 'http://{host}:80'}}"
    assert len(warn(tmp_path, body)) == 1
    assert len(warn(tmp_path, body, "allowPrivate: [other.example.org, 203.0.113.0/24]")) == 1
    assert warn(tmp_path, body, f"allowPrivate: [other.example.org, '{allowed}']") == []


@pytest.mark.parametrize(
    "body",
    [
        "git: {repository: 'https://git.example.org/x.git'}",
        "git: {repository: 'git@git.example.org:x.git'}",
        "git: {repository: 'https://1.1.1.1/x.git'}",
        "api: {endpoint: 'https://[2606:4700::1111]'}",
        "file: {url: 'https://localhost.example.org/x.json'}",
        "file: {path: /srv/registry.json}",
    ],
)
def test_public_address_is_not_warned_of(tmp_path: Path, body: str) -> None:
    assert warn(tmp_path, body) == []


@pytest.mark.parametrize("address", ["file:///srv/x.git", "/srv/x.git", "./x.git", "../x", "~/x"])
def test_repository_of_the_disk_is_a_warning_unless_it_is_allowed(tmp_path: Path, address: str) -> None:
    body = f"git: {{repository: '{address}'}}"
    assert warn(tmp_path, body) == [
        "git.repository is on the local disk; its synchronisations will be refused, unless "
        "outbound.allowFileRepositories is true"
    ]
    assert warn(tmp_path, body, "allowFileRepositories: true") == []


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("api: {endpoint: 'https://u:hunter2@h.example.org'}", "api.endpoint"),
        ("file: {url: 'https://hunter2@h.example.org/x.json'}", "file.url"),
        ("git: {repository: 'https://hunter2@h.example.org/x.git'}", "git.repository"),
    ],
)
def test_login_in_an_address_is_a_warning_that_does_not_repeat_it(tmp_path: Path, body: str, key: str) -> None:
    (warning,) = warn(tmp_path, body)
    assert warning.startswith(f"{key} holds a user")
    assert "its synchronisations will be refused" in warning
    assert "hunter2" not in warning


@pytest.mark.parametrize("address", ["x", "a/b.git", "git@git.example.org"])
def test_repository_that_is_nowhere_is_a_warning(tmp_path: Path, address: str) -> None:
    (warning,) = warn(tmp_path, f"git: {{repository: '{address}'}}", "allowFileRepositories: true")
    assert warning.startswith("git.repository is neither an address nor a path")


@pytest.mark.parametrize("scheme", ["https", "http", "ssh", "git"])
def test_password_in_the_address_of_a_repository_is_reported_and_not_repeated(tmp_path: Path, scheme: str) -> None:
    body = f"git: {{repository: '{scheme}://bot:hunter2@git.example.org/x.git'}}"
    problem = refuse_once(tmp_path, f"{OPEN}sources: [{{name: a, {body}, {SYNC}}}]\n")
    assert problem.path == "sources[0].git.repository"
    assert problem.message == "source[0] (a): git.repository must not hold a password"
    assert "git.auth" in problem.fix
    assert "hunter2" not in str(problem)
