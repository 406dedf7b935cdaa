"""Where the list of an upstream's servers is, by its `api.endpoint`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from app.core.errors import SourceError

PAGE_SIZE: Final = 100
"""The most that the official registry gives at once; others clamp or take it."""

_VERSIONS: Final = ("/v0.1", "/v0")
_EXAMPLE: Final = "write the registry's base URL, such as https://registry.example.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`servers` is the URL of the list, without parameters; it also names the upstream in the state and in errors."""

    servers: str
    host: str
    secure: bool

    def page(self, parameters: Mapping[str, str], cursor: str) -> str:
        """The URL of a page; no `cursor` for the first one."""
        asked = {"limit": str(PAGE_SIZE), **parameters} | ({"cursor": cursor} if cursor else {})
        return f"{self.servers}?{urlencode(asked)}"


def read_endpoint(given: Any) -> Endpoint:
    """Understands a base URL, with or without `/v0.1`, `/v0` and `/servers` at its end. Raises SourceError."""
    parts = _split(given)
    if parts.username is not None or parts.password is not None:
        raise SourceError("api.endpoint holds a user name or password; keep a token in the file of api.authTokenFile")
    if parts.query or parts.fragment:
        raise SourceError(f"api.endpoint must have no parameters and no #; {_EXAMPLE}")
    path = parts.path.rstrip("/")
    if path.endswith(tuple(f"{version}/servers" for version in _VERSIONS)):
        path = path.removesuffix("/servers")
    if not path.endswith(_VERSIONS):
        path = f"{path}{_VERSIONS[0]}"
    servers = urlunsplit((parts.scheme, parts.netloc, f"{path}/servers", "", ""))
    return Endpoint(servers, parts.hostname or "", parts.scheme == "https")


def _split(given: Any) -> SplitResult:
    text = given.strip() if isinstance(given, str) else ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:  # a port that is no number, brackets around what is no address
        raise SourceError(f"api.endpoint cannot be read as a URL; {_EXAMPLE}") from error
    if not usable:
        raise SourceError(f"api.endpoint must be an http or https URL; {_EXAMPLE}")
    return parts
