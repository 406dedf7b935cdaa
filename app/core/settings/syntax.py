"""The grammar of single texts in the configuration: URLs, hosts, DNS labels. Knows no setting and reports nothing.

The messages never quote the text: a password may stand in it.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_HOST_PORT = re.compile(r"(?:\[(?P<address>[0-9a-fA-F:.]+)\]|(?P<name>[^\s/:@\[\]]+)):(?P<port>[0-9]{1,5})")
_LARGEST_PORT = 65_535


def is_label(text: str) -> bool:
    """Tell whether the text is an RFC 1123 label: lower-case letters, digits and inner hyphens, at most 63."""
    return _LABEL.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Tell whether the text is free of blanks and of what cannot be printed."""
    return not any(letter.isspace() or not letter.isprintable() for letter in text)


def split_url(text: str) -> SplitResult:
    """Split an absolute URL. Raises ValueError with the rest of a sentence that begins with the setting's name."""
    if not is_plain(text):
        raise ValueError("is invalid: it contains blanks or control characters")
    try:
        url = urlsplit(text)
        _ = url.port  # urlsplit checks the port only when it is asked for
    except ValueError:
        raise ValueError("is invalid: its host or port cannot be read") from None
    if not url.scheme or not url.hostname:
        raise ValueError("must be an absolute URL with host")
    return url


def holds_login(url: SplitResult) -> bool:
    """Tell whether a user or a password stands in front of the host."""
    return "@" in url.netloc


def find_url_fault(url: str) -> str:
    """Say why a text is no http or https URL, as the rest of a sentence; an empty text means it is one."""
    try:
        return "" if split_url(url).scheme in ("http", "https") else "must use http or https scheme"
    except ValueError as error:
        return str(error)


def split_host_port(text: str) -> tuple[str, int]:
    """Split `host:port` or `[address]:port`; the brackets go. Raises ValueError with the rest of a sentence."""
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 1 <= int(found["port"]) <= _LARGEST_PORT:
        raise ValueError("must be host:port without a scheme")
    return found["address"] or found["name"], int(found["port"])
