"""What must hold of the block `api` of a source. Whether its host may be fetched from is asked in outbound_rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta

from app.core.settings.access import check_absolute, check_readable
from app.core.settings.draft import Place
from app.core.settings.durations import format_duration
from app.core.settings.source_tree import ApiSettings
from app.core.settings.syntax import find_url_fault
from app.core.settings.values import SourceFormat

_LONGEST_TIMEOUT = timedelta(minutes=5)
_ZERO = timedelta(0)
_FILES = {"authTokenFile": "auth_token_file", "caCertPath": "ca_cert_path"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OWN_HEADERS = frozenset(
    {
        *("accept-encoding", "content-length", "cookie", "expect", "host", "range"),
        *("if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"),
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""What the server writes itself, and what is between it and the next hop."""


def check_api(place: Place, api: ApiSettings, source_format: SourceFormat | None) -> None:
    """Check what holds wherever the source is described. Opens no file."""
    if not api.endpoint:
        place.object(("api", "endpoint"), "api.endpoint is required", "add the base URL of the other registry")
    _check_times(place, api)
    for key, name in _FILES.items():
        check_absolute(place, ("api", key), getattr(api, name))
    _check_headers(place.inside("api", "headers"), api.headers)
    if source_format not in (None, SourceFormat.UPSTREAM):
        message = f"format must be either empty or upstream when using api, got {source_format}"
        place.object(("format",), message, "remove format")


def check_api_files(place: Place, api: ApiSettings) -> None:
    """Refuse files that cannot be read."""
    for key, name in _FILES.items():
        check_readable(place, ("api", key), getattr(api, name))


def warn_of_endpoint(place: Place, endpoint: str) -> None:
    """The reference server starts with any text here and fails at each sync, so this must not keep ours from it."""
    if fault := find_url_fault(endpoint):
        place.draft.warn(f"{place.label}: api.endpoint {fault}; its synchronisations will fail")


def _check_times(place: Place, api: ApiSettings) -> None:
    if api.timeout <= _ZERO:
        place.object(("api", "timeout"), "api.timeout must be greater than zero", "write a duration such as 10s")
    elif api.timeout > _LONGEST_TIMEOUT:
        message = f"api.timeout must not exceed {format_duration(_LONGEST_TIMEOUT)}"
        place.object(("api", "timeout"), message, "write at most 5m")
    if api.full_sync_interval <= _ZERO:
        message = "api.fullSyncInterval must be greater than zero"
        place.object(("api", "fullSyncInterval"), message, "write a duration such as 24h")


def _check_headers(place: Place, headers: Mapping[str, str]) -> None:
    earlier: set[str] = set()
    for name, value in headers.items():
        fault, fix = _find_header_fault(name, value)
        if not fault and name.lower() in earlier:
            fault, fix = "is there already: header names have no case", "keep one of them"
        if fault:
            place.object((name,), f"api.headers.{name} {fault}", fix)
        earlier.add(name.lower())


def _find_header_fault(name: str, value: str) -> tuple[str, str]:
    """What is wrong and how to mend it, as the rest of a sentence; the value, which may be secret, is not quoted."""
    if not _TOKEN.fullmatch(name):
        return "is not a header name", "write letters, digits and hyphens, such as X-Tenant"
    if name.lower() == "authorization":
        return "cannot be set here", "put the token in a file and name it in api.authTokenFile"
    if name.lower() in _OWN_HEADERS:
        return "cannot be set: the server sees to it itself", "remove it"
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        return "has a control character or a line break in its value", "write the value on one line"
    if value != value.strip():
        return "has a blank at an end of its value", "remove the blank"
    if not _is_latin(value):
        return "has a character in its value that no header can hold", "write letters of ISO 8859-1 only"
    return "", ""


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
