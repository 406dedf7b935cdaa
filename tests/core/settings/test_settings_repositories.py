"""Addresses of git repositories are told apart as git does."""

from __future__ import annotations

import pytest

from app.core.settings.repositories import read_repository


@pytest.mark.parametrize(
    ("text", "scheme", "host"),
    [
        ("https://git.example.org/a/b.git", "https", "git.example.org"),
        ("HTTPS://Git.Example.org:8443/a", "https", "git.example.org"),
        ("https://bot@git.example.org/a", "https", "git.example.org"),
        ("http://[fd00::1]:80/a", "http", "fd00::1"),
        ("ssh://git@git.example.org:2222/a", "ssh", "git.example.org"),
        ("git://git.example.org/a", "git", "git.example.org"),
        ("git@git.example.org:a/b.git", "ssh", "git.example.org"),
        ("git.example.org:a/b.git", "ssh", "git.example.org"),
        ("git@[fd00::1]:a", "ssh", "fd00::1"),
        ("git@git.example.org:", "ssh", "git.example.org"),
        ("file:///srv/a.git", "file", ""),
        ("FILE:///srv/a.git", "file", ""),
        ("/srv/a.git", "file", ""),
        ("/srv/a b:c", "file", ""),
        ("./git@host:a", "file", ""),
        ("~/a", "file", ""),
        ("..", "file", ""),
        ("a", "", ""),
        ("a/b:c", "", ""),
        ("git@git.example.org", "", ""),
    ],
)
def test_address_leads_to_a_host_or_to_the_disk(text: str, scheme: str, host: str) -> None:
    found = read_repository(text)
    assert (found.scheme, found.host, found.is_local) == (scheme, host, scheme == "file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://token@h/x", True),
        ("http://h:80/x@y", True),  # may be the second half of a password with a slash
        ("https://h/x", False),
        ("ssh://git@h/x", False),
        ("git@h:x", False),
    ],
)
def test_user_of_a_web_address_is_a_credential(text: str, expected: bool) -> None:
    assert read_repository(text).has_login is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-x", "must be an address, not an option"),
        ("--upload-pack=x", "must be an address, not an option"),
        ("ext::sh -c x", "must be an address, not an option or a command"),
        ("fd::3", "must be an address, not an option or a command"),
        ("::x", "must be an address, not an option or a command"),
        ("https::https://u:hunter2@h/x", "must be an address, not an option or a command"),
        ("ftp://h/x", "must be an https, http, ssh, git or file URL"),
        ("git+ssh://h/x", "must be an https, http, ssh, git or file URL"),
        ("://h/x", "must be an https, http, ssh, git or file URL"),
        ("https:/h/x", "must have two slashes after https:"),
        ("https:///x", "must be an absolute URL with host"),
        ("https://h:hunter2/x", "is invalid: its host or port"),
        ("https://[::1/x", "is invalid: its host or port"),
        ("https://h x/y", "is invalid: it contains blanks"),
        ("https://u:hunter2@h/x", "must not hold a password"),
        ("https://u:@h/x", "must not hold a password"),
        ("ssh://-oProxyCommand=x/y", "must not have a host that begins with a hyphen"),
        ("git@-oProxyCommand=x:y", "must not have a host that begins with a hyphen"),
        ("https://h/x\ny", "is invalid: it contains control characters"),
        ("/srv/\0", "is invalid: it contains control characters"),
    ],
)
def test_address_that_git_must_not_see_is_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_repository(text)
    assert "hunter2" not in str(caught.value)
