"""What an upstream is sent beside the request: a token, headers of the configuration; and whom to trust for TLS.

These name files of this machine and may hold secrets, so only the configuration file may set them.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.core.errors import SourceError
from app.sources.fetching import FetchRequest
from app.sources.upstream.endpoints import Endpoint

MAX_TOKEN_BYTES: Final = 64 * 1024

_GUARDED: Final = ("authTokenFile", "headers", "caCertPath")
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Access:
    """`headers` are for the endpoint's origin alone. `ca_file` is empty for the system's certificates."""

    headers: Mapping[str, str]
    ca_file: str


async def read_access(request: FetchRequest, endpoint: Endpoint) -> Access:
    """Read anew at each fetch, so that a changed token takes effect. Raises SourceError."""
    own = request.own
    for key in _GUARDED:
        if own.get(key) and not request.trusted:
            raise SourceError(f"api.{key} can only be set in the configuration file; remove it from the source")
    headers = _read_headers(own.get("headers") or {})
    if path := own.get("authTokenFile"):
        if "authorization" in headers:
            raise SourceError("api.headers has Authorization beside api.authTokenFile; leave one of them out")
        headers["authorization"] = f"Bearer {await asyncio.to_thread(_read_token, str(path))}"
    if headers and not endpoint.secure and not request.outbound.trusts(endpoint.host):
        raise SourceError(
            f"api.authTokenFile and api.headers are not sent over plain http to {endpoint.host}; use https, or add the"
            " host to outbound.allowPrivate"
        )
    return Access(headers, str(own.get("caCertPath") or ""))


def _read_headers(given: Mapping[str, Any]) -> dict[str, str]:
    """By names in lower case. The messages do not tell the values."""
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise SourceError(f"api.headers: {name!a} is no name of a header; use letters, digits and hyphens")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise SourceError(f"api.headers: the value of {name} holds characters that a header cannot have")
    return {name.lower(): value for name, value in given.items()}


def _read_token(path: str) -> str:
    try:
        # Without O_NONBLOCK, opening a named pipe that nobody writes to would never return.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"api.authTokenFile: {path} is no regular file")
            token = file.read(MAX_TOKEN_BYTES + 1).decode("ascii", "replace").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"api.authTokenFile: cannot read {path}: {reason}") from error
    if not token:
        raise SourceError(f"api.authTokenFile: {path} is empty; write the token into it")
    if len(token) >= MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
        raise SourceError(f"api.authTokenFile: {path} holds no token; it must be one word of plain characters")
    return token
