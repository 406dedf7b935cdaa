"""Reads `git.repository`: which spellings of a repository's address are taken, and what git is given for them.

Git itself takes more, some of it dangerous: helper programs (`ext::`), options, passwords that would be kept and shown.
Messages never quote an address before it is known to be free of secrets. Whether it may be spoken to is decided in
app.sources.git.access.
"""

from __future__ import annotations

import ipaddress
import os
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote

from app.core.errors import SourceError
from app.core.settings.syntax import split_url

PORTS: Final = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
WEB: Final = ("https", "http")
MAX_LENGTH: Final = 2000

_EXAMPLES: Final = "write https://host/path, ssh://user@host/path or user@host:path"
_HELPER: Final = re.compile(r"[A-Za-z0-9+.-]*::")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP: Final = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]/]+\]|[^:/@\[\]]+):(?P<path>.+)")
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_LOCAL: Final = ("/", "./", "../", "~")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository's address, free of secrets. `url` is what git is given; of the local disk, `host` is empty."""

    scheme: str
    url: str
    host: str = ""
    port: int = 0

    @property
    def origin(self) -> str:
        """`https://host:port`, as git matches its settings by."""
        return f"{self.scheme}://{bracket(self.host)}:{self.port}"


def read_address(text: str) -> Address:
    """The address that `git.repository` gives. Raises SourceError that tells what to write instead."""
    if not text.isprintable() or len(text) > MAX_LENGTH:
        raise SourceError("git.repository is too long, or holds control characters; remove them")
    if text.startswith("-") or _HELPER.match(text):
        raise SourceError(f"git.repository is an option or a helper program of git, no address; {_EXAMPLES}")
    if scheme := _SCHEME.match(text):
        return _read_url(scheme[1].lower(), text)
    if text.startswith(_LOCAL) or text in (".", ".."):
        return _read_path(text)
    return _read_scp(text)


def bracket(host: str) -> str:
    """The host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _read_url(scheme: str, text: str) -> Address:
    if scheme == "file":
        return _read_file_url(text)
    if scheme not in PORTS:
        raise SourceError(f"git.repository has the scheme {scheme[:20]}; only https, http, ssh, git and file are taken")
    if scheme != "ssh" and "@" in text:
        raise SourceError(
            "git.repository holds a user name or password, which would be kept and shown; remove what stands before the"
            " @ and set git.auth.username and git.auth.passwordFile (an @ of the path is written %40)"
        )
    try:
        url = split_url(text)
    except ValueError:  # its text may quote a part of a password
        raise SourceError(f"git.repository is no valid URL; {_EXAMPLES}") from None
    if url.query or url.fragment:
        raise SourceError("git.repository must end with the path; remove what stands after the ? or #")
    host, port = _read_host(url.hostname or ""), url.port or PORTS[scheme]
    if len(url.path) < 2:
        raise SourceError(f"git.repository names a host but no repository; {_EXAMPLES}")
    place = bracket(host) if url.port is None else f"{bracket(host)}:{port}"
    path = quote(url.path, safe=string.punctuation)
    return Address(scheme, f"{scheme}://{_read_user(url)}{place}{path}", host, port)


def _read_user(url: SplitResult) -> str:
    """The user of an ssh address, who is no secret, with the @; a password is refused."""
    if "@" not in url.netloc:
        return ""
    if url.password is not None or not _USER.fullmatch(url.username or ""):
        raise SourceError("git.repository holds a password or an odd user name; ssh takes keys from the ssh agent only")
    return f"{url.username}@"


def _read_host(name: str) -> str:
    """In the letters that the resolver, git and TLS all read alike."""
    try:
        if ":" in name:
            return str(ipaddress.IPv6Address(name))
        host = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except ValueError:
        host = ""
    if not _HOST.fullmatch(host):
        raise SourceError(f"git.repository names no valid host; {_EXAMPLES}")
    return host


def _read_file_url(text: str) -> Address:
    path = text[len("file://") :]
    if not path.startswith("/"):
        raise SourceError("git.repository: a file address has three slashes; write file:///srv/registry")
    return Address("file", f"file://{path}")


def _read_path(text: str) -> Address:
    try:
        path = Path(text).expanduser().resolve()
    except (RuntimeError, OSError) as error:
        raise SourceError(f"git.repository is no usable path: {error}") from error
    return Address("file", f"file://{quote(os.fsencode(path))}")


def _read_scp(text: str) -> Address:
    """`user@host:path`, as ssh's own tools write it."""
    found = _SCP.fullmatch(text)
    if found is None or any(letter.isspace() for letter in text):
        raise SourceError(f"git.repository is no address of a repository; {_EXAMPLES}")
    user, path = found["user"], found["path"]
    if (user is not None and not _USER.fullmatch(user)) or path.startswith("-"):
        raise SourceError(f"git.repository is no address of a repository; {_EXAMPLES}")
    host = _read_host(found["host"].strip("[]"))
    sign = "" if user is None else f"{user}@"
    return Address("ssh", f"{sign}{bracket(host)}:{path}", host, PORTS["ssh"])
