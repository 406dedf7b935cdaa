"""The grammar of single texts in the configuration: URLs, DNS labels. Knows no setting and reports nothing."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_label(text: str) -> bool:
    """Tell whether the text is an RFC 1123 label: lower-case letters, digits and inner hyphens, at most 63."""
    return _LABEL.fullmatch(text) is not None


def split_url(text: str) -> SplitResult:
    """Split an absolute URL. Raises ValueError with the rest of a sentence that begins with the setting's name."""
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise ValueError("is invalid: it contains blanks or control characters")
    try:
        url = urlsplit(text)
        _ = url.port  # urlsplit checks the port only when it is asked for
    except ValueError as error:
        raise ValueError(f"is invalid: {error}") from error
    if not url.scheme or not url.hostname:
        raise ValueError("must be an absolute URL with host")
    return url
