"""The addresses of git repositories: which forms there are, and what host each one leads to.

Knows no setting and reports nothing. The messages never quote the text: a password may stand in it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from app.core.settings.syntax import split_url

_SCHEMES: Final = ("https", "http", "ssh", "git", "file")
_FORMS: Final = "must be an https, http, ssh, git or file URL, user@host:path or a path of the disk"
_LOCAL: Final = ("/", "./", "../", "~")
_HELPER: Final = re.compile(r"-|[A-Za-z0-9+.-]*::")
_URL: Final = re.compile(r"(?P<scheme>[^:/@]*)://")
# As git decides: what has a colon before the first slash is the address of another machine, all else is a path.
_SHORT: Final = re.compile(r"(?:(?P<user>[^@/:\[\]]+)@)?(?:\[(?P<address>[0-9a-fA-F:.]+)\]|(?P<host>[^/:@\[\]]+)):.*")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is. `host` is empty for one of the local disk.

    `scheme` is empty, too, for what is none of the forms, such as a single word: git would look for a folder of that
    name wherever it runs. `has_login` tells of a user, or what looks like one, where it would be a credential.
    """

    scheme: str = ""
    host: str = ""
    has_login: bool = False

    @property
    def is_local(self) -> bool:
        return self.scheme == "file"


def read_repository(text: str) -> Repository:
    """Read an address of any form that git understands and that names no program.

    Raises ValueError with the rest of a sentence that begins with the setting's name.
    """
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise ValueError("is invalid: it contains control characters")
    if _HELPER.match(text):
        # Git would run the command that such an "address" names.
        raise ValueError("must be an address, not an option or a command of git")
    if found := _URL.match(text):
        return _read_url(text, found["scheme"].lower())
    if short := _SHORT.fullmatch(text):
        return _read_short(short)
    return Repository("file" if text.startswith(_LOCAL) or text in (".", "..") else "")


def _read_url(text: str, scheme: str) -> Repository:
    if scheme not in _SCHEMES:
        raise ValueError(_FORMS)
    if scheme == "file":
        return Repository(scheme)
    url = split_url(text)
    if url.password is not None:
        raise ValueError("must not hold a password")
    return _reach(scheme, url.hostname or "", has_login=scheme != "ssh" and "@" in text)


def _read_short(found: re.Match[str]) -> Repository:
    host = found["address"] or found["host"]
    if not found["user"] and host.lower() in _SCHEMES:
        raise ValueError(f"must have two slashes after {host}:")
    return _reach("ssh", host)


def _reach(scheme: str, host: str, *, has_login: bool = False) -> Repository:
    if host.startswith("-"):
        raise ValueError("must not have a host that begins with a hyphen")  # ssh would take it for an option
    return Repository(scheme, host, has_login)
