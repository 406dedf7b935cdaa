"""What git's errors mean to the operator. Owns the words; git's own last one is quoted, cut and free of secrets."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from app.core.errors import SourceError
from app.sources.git.program import GitFailure
from app.sources.outbound import NetworkFailure

MAX_QUOTED: Final = 300
"""Characters of git's own words in a message."""

_NOISE: Final = re.compile(
    r"(?:hint|warning):|fatal: (?:the remote end hung up|could not fetch|early EOF)"
    r"|fatal: (?:Could not read from remote repository|expected flush|unable to fork|index-pack failed|fetch-pack:)"
    r"|Please make sure|and the repository exists|Cloning into",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(r"^(?:(?:fatal|error|remote): )+")
_QUOTED: Final = re.compile(r"'[^'\n]*'")  # addresses and names, whose words mean nothing
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]*@")
_FILTER_TROUBLE: Final = re.compile(r"promisor remote|filter '.*' not supported|filter .*not allowed")
_UNADVERTISED: Final = re.compile(r"unadvertised object|want \S+ not valid")
_UNKNOWN_COMMIT: Final = re.compile(r"not our ref|unadvertised object|want \S+ not valid|couldn't find remote ref")

_NO_SPACE: Final = "no space left for the working copy; free some, or set TMPDIR to a directory with more"


@dataclass(frozen=True, slots=True)
class Remote:
    """Whom git spoke to. `url` and `note` are shown, `secrets` are cut out of what git says; `login` tells that
    git.auth was sent.
    """

    url: str
    login: bool = False
    note: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def explain(self, failure: GitFailure) -> SourceError:
        """The error for the run; NetworkFailure where the network is to blame."""
        quoted = condense(failure.complaint, self.secrets)
        words = _QUOTED.sub("''", failure.complaint)
        for meaning in _MEANINGS:
            if re.search(meaning.pattern, words, re.IGNORECASE):
                text = meaning.with_login if self.login and meaning.with_login else meaning.text
                message = f"{self.url}: {'; '.join(filter(None, (text, self.note)))} (git: {quoted})"
                if meaning.retryable is None:
                    return SourceError(message)
                return NetworkFailure(message, retryable=meaning.retryable)
        return SourceError(f"{self.url} cannot be read by git: {quoted}")


@dataclass(frozen=True, slots=True)
class _Meaning:
    """`retryable` is None where not the network is to blame."""

    pattern: str
    text: str
    with_login: str = ""
    retryable: bool | None = None


_MEANINGS: Final = (
    _Meaning("no space left on device|disk quota exceeded", _NO_SPACE),
    _Meaning(
        "authentication failed|could not read (?:username|password)|returned error: 401",
        "the repository is private, or does not exist: check git.repository, or set git.auth.username and"
        " git.auth.passwordFile",
        with_login="the user name and password of git.auth are not accepted; check git.auth.username and the file that"
        " git.auth.passwordFile names",
    ),
    _Meaning(
        "returned error: 403",
        "access is refused; check git.repository, or set git.auth",
        with_login="the user of git.auth may not read this repository; give the token the right to read it",
    ),
    _Meaning(
        "returned error: 407|407 from proxy", "the proxy wants credentials; write them into HTTP_PROXY or HTTPS_PROXY"
    ),
    _Meaning(
        "returned error: 30[1-8]",
        "the server redirects elsewhere once it knows the user; write the address that it redirects to (often the same"
        " with .git at its end) into git.repository",
    ),
    _Meaning("returned error: 429", "the server was asked too often; lengthen syncPolicy.interval", retryable=True),
    _Meaning("returned error: 5\\d\\d", "the server is in trouble; try again later", retryable=True),
    _Meaning(
        r"repository '.*' not found|returned error: 4\d\d|repository not found|project you were looking for",
        "there is no such repository; check git.repository",
        with_login="there is no such repository, or the user of git.auth may not see it; check both",
    ),
    _Meaning(
        "is this a git repository|invalid content-type|no such remote|bad line length",
        "the address answers, but not as a git repository; check git.repository",
    ),
    _Meaning("dumb http transport", "the server offers git's files only, without git behind it; use another address"),
    _Meaning(
        "could not resolve (?:host|proxy)|unable to look up|name or service not known",
        "the host is unknown; check its spelling and the resolver",
        retryable=True,
    ),
    _Meaning(
        "certificate|self.signed|unable to get local issuer",
        "no trusted TLS connection; add the authority that issued the server's certificate to the system's, or name a"
        " file that holds it in the environment variable SSL_CERT_FILE",
        retryable=False,
    ),
    _Meaning(
        r"ssl_|ssl routines|gnutls|\btls\b",
        "no TLS connection; check that https and the port are right",
        retryable=True,
    ),
    _Meaning(
        "host key verification failed|no .* host key is known|remote host identification has changed",
        "the server's ssh host key is not known; add it to the known_hosts file of the user that runs this server",
    ),
    _Meaning(
        "permission denied \\(|too many authentication failures|could not open a connection to your auth",
        "ssh was refused; load a key that may read the repository into the ssh agent (SSH_AUTH_SOCK), or use https with"
        " git.auth",
    ),
    _Meaning("cannot run ssh|ssh: not found|ssh: no such file", "ssh is not installed; install it, or use https"),
    _Meaning(
        "operation too slow|timed out|timeout was reached",
        "the server does not answer in time; try again later, or check the firewalls on the way",
        retryable=True,
    ),
    _Meaning(
        "connection refused|failed to connect|couldn't connect|no route to host|network is unreachable",
        "no connection; check the address and that the server runs",
        retryable=True,
    ),
    _Meaning(
        "connection reset|empty reply|unexpected disconnect|hung up unexpectedly|early eof|transfer closed|broken pipe"
        "|remote disconnected|connection closed",
        "the connection broke; try again later",
        retryable=True,
    ),
    _Meaning(
        "does not appear to be a git repository|not a git repository",
        "there is no git repository; check git.repository",
    ),
    _Meaning("transport '.*' not allowed", "this kind of address is not allowed; write an https address"),
    _Meaning("dubious ownership", "the repository belongs to another user"),
)


def explain_disk(error: OSError) -> SourceError:
    """Why there are no temporary files."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SourceError(_NO_SPACE)
    return SourceError(f"no temporary directory can be made: {error.strerror}; set TMPDIR to a writable one")


def condense(complaint: str, secrets: Iterable[str]) -> str:
    """Git's last meaningful line, in one line of printable text."""
    for secret in secrets:
        complaint = complaint.replace(secret, "***")
    lines = [line.strip() for line in re.split(r"[\r\n]+", complaint) if line.strip()]
    telling = [line for line in lines if not _NOISE.match(line)] or lines or ["no reason given"]
    shown = _USERINFO.sub("***@", _LABEL.sub("", telling[-1]))
    return show(shown, MAX_QUOTED)


def show(text: str, limit: int = 100) -> str:
    """In printable letters, whatever the server sent, and at most `limit` of them."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    clean = "".join(letter if letter.isprintable() else " " for letter in clean)
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def concerns_filter(failure: GitFailure) -> bool:
    """Whether the server takes part only half: it leaves files out, but does not send them later on."""
    return _FILTER_TROUBLE.search(failure.complaint) is not None


def hides_commits(failure: GitFailure) -> bool:
    """Whether the server sends only commits that a branch or tag points to, so that others must be searched for."""
    return _UNADVERTISED.search(failure.complaint) is not None


def lacks_commit(failure: GitFailure) -> bool:
    """Whether the server says that there is no such commit."""
    return _UNKNOWN_COMMIT.search(failure.complaint) is not None
