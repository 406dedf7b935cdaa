"""The grammar of single texts in the configuration: globs, URLs, DNS labels. Knows no setting and reports nothing."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def is_label(text: str) -> bool:
    """Tell whether the text is an RFC 1123 label: lower-case letters, digits and inner hyphens, at most 63."""
    return _LABEL.fullmatch(text) is not None


def find_glob_fault(pattern: str) -> str:
    """Say what is wrong with a name filter's glob; an empty text means nothing is.

    The tokens are `*`, `**`, `?`, `[a-z]`, `[!a-z]`, `{a,b}` and `\\x`. A pattern that cannot be read must never reach
    a sync: there it would silently match nothing.
    """
    position, depth = 0, 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "\\":
            if position + 1 == len(pattern):
                return "it ends with a single backslash"
            position += 1
        elif letter == "[":
            end = _find_class_end(pattern, position)
            if end < 0:
                return "it has a [ that is never closed"
            if pattern[position + 1 : end] in ("", "!"):
                return "it has an empty character class"
            position = end
        elif letter in "{}":
            depth = max(0, depth + (1 if letter == "{" else -1))
        position += 1
    return "it has a { that is never closed" if depth else ""


def _find_class_end(pattern: str, start: int) -> int:
    position = start + 1
    while position < len(pattern):
        if pattern[position] == "]":
            return position
        position += 2 if pattern[position] == "\\" else 1
    return -1


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
