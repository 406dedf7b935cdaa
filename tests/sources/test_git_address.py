"""Which spellings of a repository's address are taken; which are refused, without quoting a secret, or to clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import SourceError
from app.sources.fetching import FetchRequest
from app.sources.git.access import open_access
from app.sources.git.address import MAX_LENGTH, Address, read_address
from app.sources.git.limits import Limits
from app.sources.outbound import Outbound


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://Example.COM/a/b.git", Address("https", "https://example.com/a/b.git", "example.com", 443)),
        ("HTTPS://example.com:8443/a", Address("https", "https://example.com:8443/a", "example.com", 8443)),
        ("https://example.com./a%40b/", Address("https", "https://example.com/a%40b/", "example.com", 443)),
        (
            "https://bücher.example/ü",
            Address("https", "https://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example", 443),
        ),
        ("http://[::1]:80/a", Address("http", "http://[::1]:80/a", "::1", 80)),
        ("ssh://git@example.com/a", Address("ssh", "ssh://git@example.com/a", "example.com", 22)),
        ("ssh://example.com:2222/~u/a", Address("ssh", "ssh://example.com:2222/~u/a", "example.com", 2222)),
        ("git@example.com:a/b.git", Address("ssh", "git@example.com:a/b.git", "example.com", 22)),
        ("Example.com:a", Address("ssh", "example.com:a", "example.com", 22)),
        ("git@[::1]:a", Address("ssh", "git@[::1]:a", "::1", 22)),
        ("git://example.com/a", Address("git", "git://example.com/a", "example.com", 9418)),
        ("file:///srv/my repo", Address("file", "file:///srv/my repo")),
        ("/srv/a b%", Address("file", "file:///srv/a%20b%25")),
    ],
)
def test_addresses_are_read(text: str, expected: Address) -> None:
    assert read_address(text) == expected


def test_origin_is_what_git_matches_settings_by() -> None:
    assert read_address("https://[::1]/a").origin == "https://[::1]:443"
    assert read_address("http://example.com:81/a").origin == "http://example.com:81"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://user:s3cret@example.com/a", "set git.auth.username and git.auth.passwordFile"),
        ("https://s3cret@example.com/a", "holds a user name or password"),
        ("https://user:s3/cret@example.com/a", "holds a user name or password"),
        ("https://user:12/s3cret@example.com/a", "holds a user name or password"),
        ("git://user:s3cret@example.com/a", "holds a user name or password"),
        ("ssh://git:s3cret@example.com/a", "holds a password or an odd user name"),
        ("ssh://-oProxyCommand=x@example.com/a", "holds a password or an odd user name"),
        ("https://example.com/a?token=s3cret", "remove what stands after the ? or #"),
        ("https://example.com/a#s3cret", "remove what stands after the ? or #"),
        ("https://example.com:s3cret/a", "is no valid URL"),
        ("https://example.com:99999/a", "is no valid URL"),
        ("https://example .com/a", "is no valid URL"),
        ("https:///a", "is no valid URL"),
        ("https://-x/a", "names no valid host"),
        ("ssh://-oProxyCommand=x/a", "names no valid host"),
        ("https://example.com%2f@/a", "holds a user name or password"),
        ("https://127.0.0.1%2f/a", "names no valid host"),
        ("https://a\\b/a", "names no valid host"),
        (f"https://{'a' * 64}.example/a", "names no valid host"),
        ("https://example.com", "names a host but no repository"),
        ("https://example.com/", "names a host but no repository"),
        ("file://srv/a", "has three slashes"),
        ("ftp://example.com/a", "has the scheme ftp"),
        ("git+ssh://example.com/a", "has the scheme git+ssh"),
        ("ext::sh -c touch", "is an option or a helper program"),
        ("EXT::x", "is an option or a helper program"),
        ("fd::3", "is an option or a helper program"),
        ("::x", "is an option or a helper program"),
        ("--upload-pack=touch", "is an option or a helper program"),
        ("-x", "is an option or a helper program"),
        ("a\nb", "holds control characters"),
        ("https://example.com/a\0", "holds control characters"),
        ("https://example.com/" + "a" * MAX_LENGTH, "is too long"),
        ("", "is no address of a repository"),
        ("example.com/a/b", "is no address of a repository"),
        ("a@b@example.com:a", "is no address of a repository"),
        ("git@example.com:-x", "is no address of a repository"),
        ("git@example.com:a b", "is no address of a repository"),
        ("git@-example.com:a", "names no valid host"),
        ("-git@example.com:a", "is an option or a helper program"),
    ],
)
def test_other_texts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_address(text)
    message = str(caught.value)
    assert message.startswith("git.repository")
    assert reason in message
    assert "s3" not in message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["ssh://git@127.0.0.1:2222/a", "SSH://127.0.0.1/a", "git@127.0.0.1:a", "127.0.0.1:a"])
async def test_ssh_is_for_the_configuration_file_alone(text: str, tmp_path: Path) -> None:
    """Also where the host is one that anything may be fetched from, and for what was stored before."""
    outbound = Outbound(allow_private=("127.0.0.1",))
    block = {"git": {"repository": text}}
    granted = FetchRequest("git", block, trusted=True, outbound=outbound)
    assert (await open_access(granted, read_address(text), tmp_path, Limits())).scheme == "ssh"
    refused = FetchRequest("git", block, trusted=False, outbound=outbound)
    with pytest.raises(SourceError, match="ssh repositories can only be named in the configuration file"):
        await open_access(refused, read_address(text), tmp_path, Limits())


async def test_credentials_are_for_the_configuration_file_alone(tmp_path: Path) -> None:
    """Else a client could have the server send one of its files to an address of the client's."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    block = {"repository": "https://git.example.com/a", "auth": {"username": "x", "passwordFile": str(secret)}}
    request = FetchRequest("git", {"git": block}, trusted=False)
    with pytest.raises(SourceError, match=r"^git\.auth can only be given in the configuration file"):
        await open_access(request, read_address("https://git.example.com/a"), tmp_path, Limits())
