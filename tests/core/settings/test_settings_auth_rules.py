"""The mode is resolved first, then validated; mode oauth is checked in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import AuthMode
from tests.core.settings.settings_files import MANAGED, load, refuse_once

PREFIX = "invalid auth configuration: "
GOOD = "name: p, issuerUrl: 'https://idp.example.com', audience: a"


def with_provider(body: str, more: str = "") -> str:
    return f"{MANAGED}{more}auth:\n  oauth:\n    providers:\n    - {{{body}}}\n"


@pytest.mark.parametrize(
    ("auth", "path", "line", "message"),
    [
        ("auth: {mode: ''}", "auth.mode", 2, f"{PREFIX}invalid auth.mode:  (must be 'anonymous' or 'oauth')"),
        ("auth: {mode: none}", "auth.mode", 2, f"{PREFIX}invalid auth.mode: none (must be 'anonymous' or 'oauth')"),
        ("auth: {mode: oauth}", "auth.oauth", 2, f"{PREFIX}auth.oauth is required when mode is oauth"),
        ("auth: {publicPaths: [/x]}", "auth.oauth", 2, f"{PREFIX}auth.oauth is required when mode is oauth"),
        (
            "auth:\n  oauth: {realm: x}",
            "auth.oauth.providers",
            3,
            f"{PREFIX}auth.oauth.providers is required when mode is oauth",
        ),
        (
            "auth: {mode: anonymous, publicPaths: [/a, b]}",
            "auth.publicPaths[1]",
            2,
            f"{PREFIX}auth.publicPaths[1] must start with /, got 'b'",
        ),
    ],
)
def test_unusable_block_is_reported(tmp_path: Path, auth: str, path: str, line: int, message: str) -> None:
    problem = refuse_once(tmp_path, f"{MANAGED}{auth}\n")
    assert (problem.path, problem.line, problem.message) == (path, line, message)
    assert problem.fix


@pytest.mark.parametrize("auth", ["", "auth: {}\n", "auth:\n"])
def test_missing_block_tells_both_ways_out(tmp_path: Path, auth: str) -> None:
    problem = refuse_once(tmp_path, MANAGED + auth)
    assert problem.path == "auth"
    assert problem.message == "auth configuration is required: the default mode oauth needs auth.oauth.providers"
    assert problem.fix == "add auth.oauth.providers, or write auth: {mode: anonymous} to serve without authentication"


@pytest.mark.parametrize("auth", ["", "auth: {}\n", "auth: {mode: ''}\n", "auth: {mode: bogus}\n"])
def test_flag_rescues_a_file_without_a_usable_mode(tmp_path: Path, auth: str) -> None:
    settings = load(tmp_path, MANAGED + auth, {}, {"auth.mode": "anonymous"})
    assert settings.auth.mode is AuthMode.ANONYMOUS


def test_mode_is_oauth_by_default(tmp_path: Path) -> None:
    assert load(tmp_path, with_provider(GOOD)).auth.mode is AuthMode.OAUTH


def test_anonymous_mode_skips_the_checks_of_oauth(tmp_path: Path) -> None:
    text = MANAGED + "auth: {mode: anonymous, oauth: {providers: [{issuerUrl: x, caCertPath: y}]}}\n"
    assert load(tmp_path, text).warnings == ()


@pytest.mark.parametrize(
    ("body", "key", "words"),
    [
        ("issuerUrl: 'https://i', audience: a", "name", "[0].name is required"),
        ("name: p, audience: a", "issuerUrl", "[0].issuerUrl is required"),
        ("name: p, issuerUrl: 'https://i'", "audience", "[0].audience is required"),
        ("name: p, audience: a, issuerUrl: i", "issuerUrl", "[0].issuerUrl must be an absolute URL with host"),
        ("name: p, audience: a, issuerUrl: 'https:///x'", "issuerUrl", "must be an absolute URL with host"),
        ("name: p, audience: a, issuerUrl: 'https://[x'", "issuerUrl", "[0].issuerUrl is invalid: "),
        (
            "name: p, audience: a, issuerUrl: 'http://idp.example.com'",
            "issuerUrl",
            "[0].issuerUrl must use HTTPS (set THV_REGISTRY_INSECURE_URL=true to allow HTTP)",
        ),
        ("name: p, audience: a, issuerUrl: 'http://localhost.example.com'", "issuerUrl", "must use HTTPS"),
        ("name: p, audience: a, issuerUrl: 'ftp://localhost'", "issuerUrl", "must use HTTPS"),
        (f"{GOOD}, jwksUrl: 'http://idp.example.com/keys'", "jwksUrl", "[0].jwksUrl must use HTTPS"),
        (f"{GOOD}, introspectionUrl: idp", "introspectionUrl", "must be an absolute URL with host"),
        (f"{GOOD}, caCertPath: ca.crt", "caCertPath", "[0].caCertPath must be an absolute path, got 'ca.crt'"),
        (f"{GOOD}, clientSecretFile: ./s", "clientSecretFile", "[0].clientSecretFile must be an absolute path"),
        (f"{GOOD}, authTokenFile: t", "authTokenFile", "[0].authTokenFile must be an absolute path"),
        (f"{GOOD}, allowPrivateIP: maybe", "allowPrivateIP", "must be true or false"),
    ],
)
def test_unusable_provider_is_reported(tmp_path: Path, body: str, key: str, words: str) -> None:
    problem = refuse_once(tmp_path, with_provider(body))
    assert (problem.path, problem.line) == (f"auth.oauth.providers[0].{key}", 5)
    assert words in problem.message


def test_provider_names_are_unique(tmp_path: Path) -> None:
    problem = refuse_once(tmp_path, with_provider(GOOD) + f"    - {{{GOOD}}}\n")
    assert (problem.path, problem.line) == ("auth.oauth.providers[1].name", 6)
    assert problem.message == f"{PREFIX}auth.oauth.providers[1]: duplicate provider name 'p'"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:9000"])
def test_plain_http_is_accepted_for_this_machine(tmp_path: Path, host: str) -> None:
    body = f"name: p, audience: a, issuerUrl: 'http://{host}/realm'"
    assert load(tmp_path, with_provider(body)).warnings == ()


def test_plain_http_is_accepted_with_the_insecure_switch_and_a_warning(tmp_path: Path) -> None:
    text = with_provider("name: p, audience: a, issuerUrl: 'http://idp.example.com'")
    for settings in (
        load(tmp_path, text, {"THV_REGISTRY_INSECURE_URL": "true"}),
        load(tmp_path, text + "insecure_url: true\n"),
    ):
        assert any("insecure_url is set" in warning for warning in settings.warnings)


@pytest.mark.parametrize("key", ["caCertPath", "clientSecretFile", "authTokenFile"])
def test_missing_file_of_a_provider_is_a_warning(tmp_path: Path, key: str) -> None:
    path = tmp_path / "secret"
    text = with_provider(f"{GOOD}, {key}: {path}")
    (warning,) = load(tmp_path, text).warnings
    assert warning == f"auth.oauth.providers[0].{key} is not accessible: {path}: No such file or directory"
    path.write_text("x")
    assert load(tmp_path, text).warnings == ()


def test_public_root_and_idle_roles_deserve_a_warning(tmp_path: Path) -> None:
    settings = load(tmp_path, with_provider(GOOD) + "  publicPaths: [/]\n")
    assert settings.warnings == ("auth.publicPaths contains /, so that every path is served without a token",)
    settings = load(tmp_path, MANAGED + "auth: {mode: anonymous, authz: {roles: {}}}\n")
    assert "auth.authz has no effect" in settings.warnings[0]
