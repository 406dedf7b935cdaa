"""What git's own errors are turned into. The texts are git's, as recorded from it and from well-known servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sources.git import Limits
from app.sources.git.access import Access
from app.sources.git.faults import MAX_QUOTED, Remote, condense
from app.sources.git.program import GitFailure, Program
from app.sources.outbound import NetworkFailure

URL = "https://example.com/a"
HUNG_UP = "fatal: the remote end hung up unexpectedly\n"
NO_ACCESS = (
    "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
    "and the repository exists.\n"
)


@pytest.mark.parametrize(
    ("complaint", "meaning", "quoted"),
    [
        (
            "fatal: could not read Username for 'https://example.com': terminal prompts disabled\n",
            "is private, or does not exist",
            "could not read Username for 'https://example.com': terminal prompts disabled",
        ),
        (
            "remote: Repository not found.\nfatal: repository 'https://example.com/a/' not found\n",
            "there is no such repository",
            "repository 'https://example.com/a/' not found",
        ),
        (
            "fatal: unable to access 'https://example.com/a/': Could not resolve host: example.com\n",
            "the host is unknown",
            "unable to access 'https://example.com/a/': Could not resolve host: example.com",
        ),
        (
            "fatal: unable to access 'https://example.com/a/': server certificate verification failed. CAfile: none\n",
            "no trusted TLS connection",
            "unable to access 'https://example.com/a/': server certificate verification failed. CAfile: none",
        ),
        (
            "fatal: unable to access 'https://example.com/a/': SSL certificate problem: self-signed certificate\n",
            "no trusted TLS connection",
            "unable to access 'https://example.com/a/': SSL certificate problem: self-signed certificate",
        ),
        (
            "fatal: unable to access 'https://x/': gnutls_handshake() failed: An unexpected TLS packet was received.\n",
            "check that https and the port are right",
            "unable to access 'https://x/': gnutls_handshake() failed: An unexpected TLS packet was received.",
        ),
        (
            "error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred the last 30 seconds\n"
            f"fatal: expected flush after ref listing\n{HUNG_UP}",
            "does not answer in time",
            "RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred the last 30 seconds",
        ),
        (
            "fatal: unable to access 'https://x/': Failed to connect to x port 443 after 0 ms: Couldn't connect\n",
            "no connection",
            "unable to access 'https://x/': Failed to connect to x port 443 after 0 ms: Couldn't connect",
        ),
        (
            f"error: RPC failed; curl 56 Recv failure: Connection reset by peer\n{HUNG_UP}",
            "the connection broke",
            "RPC failed; curl 56 Recv failure: Connection reset by peer",
        ),
        (
            f"Host key verification failed.\r\n{NO_ACCESS}",
            "known_hosts",
            "Host key verification failed.",
        ),
        (
            f"git@example.com: Permission denied (publickey).\r\n{NO_ACCESS}",
            "ssh agent",
            "git@example.com: Permission denied (publickey).",
        ),
        (
            f"error: cannot run ssh: No such file or directory\nfatal: unable to fork\n{NO_ACCESS}",
            "ssh is not installed",
            "cannot run ssh: No such file or directory",
        ),
        (
            "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n",
            "no space left for the working copy; free some, or set TMPDIR",
            "write error: No space left on device",
        ),
        (
            "fatal: dumb http transport does not support shallow capabilities\n",
            "offers git's files only",
            "dumb http transport does not support shallow capabilities",
        ),
        (
            "fatal: unable to access 'https://x/': Received HTTP code 407 from proxy after CONNECT\n",
            "the proxy wants credentials",
            "unable to access 'https://x/': Received HTTP code 407 from proxy after CONNECT",
        ),
        (
            "fatal: unable to access 'https://x/': The requested URL returned error: 502\n",
            "the server is in trouble",
            "unable to access 'https://x/': The requested URL returned error: 502",
        ),
    ],
)
def test_complaints_are_explained(complaint: str, meaning: str, quoted: str) -> None:
    message = str(Remote(URL).explain(GitFailure(complaint)))
    assert message.startswith(f"{URL}: ")
    assert meaning in message
    assert message.endswith(f" (git: {quoted})")


def test_words_of_an_address_mean_nothing() -> None:
    complaint = "fatal: unable to access 'https://example.com/certificate/tls/': Failed to connect to example.com\n"
    assert "no connection" in str(Remote(URL).explain(GitFailure(complaint)))


def test_secrets_are_not_part_of_a_representation(tmp_path: Path) -> None:
    remote = Remote(URL, secrets=("s3cret",))
    access = Access("https", URL, settings=(("http.extraHeader", "s3cret"),), secrets=("s3cret",))
    program = Program(tmp_path, {"GIT_CONFIG_VALUE_0": "s3cret"}, Limits())
    assert "s3cret" not in repr((remote, access, program))
    assert "s3cret" not in repr(GitFailure("s3cret"))


def test_unknown_complaints_are_quoted() -> None:
    message = str(Remote(URL).explain(GitFailure("warning: odd\nfatal: the moon is full\nhint: wait\n")))
    assert message == f"{URL} cannot be read by git: the moon is full"
    assert str(Remote(URL).explain(GitFailure(""))) == f"{URL} cannot be read by git: no reason given"


def test_with_a_login_the_advice_is_another() -> None:
    failure = GitFailure("fatal: Authentication failed for 'https://example.com/a/'\n")
    assert "set git.auth.username" in str(Remote(URL).explain(failure))
    assert "of git.auth are not accepted" in str(Remote(URL, login=True).explain(failure))


def test_note_is_told() -> None:
    failure = GitFailure("fatal: Authentication failed for 'https://example.com/a/'\n")
    assert "; it redirects to https://example.org/a (git: " in str(
        Remote(URL, note="it redirects to https://example.org/a").explain(failure)
    )


@pytest.mark.parametrize(
    ("complaint", "retryable"),
    [
        ("returned error: 503", True),
        ("Connection refused", True),
        ("Connection timed out", True),
        ("certificate has expired", False),
    ],
)
def test_network_is_blamed_where_it_is_to_blame(complaint: str, retryable: bool) -> None:
    error = Remote(URL).explain(GitFailure(complaint))
    assert isinstance(error, NetworkFailure)
    assert error.retryable is retryable


@pytest.mark.parametrize("complaint", ["returned error: 401", "returned error: 404", "No space left on device", "odd"])
def test_network_is_not_blamed_for_the_rest(complaint: str) -> None:
    assert not isinstance(Remote(URL).explain(GitFailure(complaint)), NetworkFailure)


def test_quotes_are_short_printable_and_free_of_secrets() -> None:
    assert condense("fatal: a\x1b[31mred\x07 \x9bone", []) == "a [31mred   one"
    assert condense("fatal: bad token s3cret, czNjcmV0!", ["s3cret", "czNjcmV0"]) == "bad token ***, ***!"
    assert condense("fatal: cannot access 'https://user:pw@example.com/a'", []) == (
        "cannot access 'https://***@example.com/a'"
    )
    assert len(condense("fatal: " + "x" * 5000, [])) == MAX_QUOTED
