"""A source's settings as they may be shown: without what could be a secret. Changes nothing that is stored.

A source of the configuration file may send headers, and its addresses may hold a login; whoever reads the catalogue is
shown that they are there, not what they say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AUTHORITY_END: Final = re.compile(r"[/?#\\]")
_TELLING_USER: Final = ("ssh://", "git+ssh://")
"""Where a user without a password names an account; anywhere else it may be a token."""


def conceal(config: Mapping[str, Any], *, keep_data: bool = False) -> dict[str, Any]:
    """The settings as `SourceView.config` has them, safe to show. Inline data become a note of their size unless
    `keep_data`: they are no secret, but as long as a whole registry.
    """
    shown = {key: _mask(value) for key, value in config.items()}
    api, file = config.get("api"), config.get("file")
    if isinstance(api, Mapping) and api.get("headers"):
        shown["api"]["headers"] = dict.fromkeys(api["headers"], MASK)
    if isinstance(file, Mapping) and file.get("data"):
        data = str(file["data"])
        shown["file"]["data"] = data if keep_data else f"({len(data.encode()):,} bytes of inline data)"
    return shown


def mask_login(text: str) -> str:
    """The text with the password of a URL's login masked; outside ssh also a login that is a user alone."""
    found = _SCHEME.match(text)
    if found is None:
        return text
    end = _AUTHORITY_END.search(text, found.end())
    authority = text[found.end() : end.start() if end else len(text)]
    login, at, host = authority.rpartition("@")
    if not at:
        return text
    user, colon, _ = login.partition(":")
    if colon:
        login = f"{user}:{MASK}"
    elif found[0].lower() not in _TELLING_USER:
        login = MASK
    return f"{found[0]}{login}@{host}{text[end.start() :] if end else ''}"


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return mask_login(value)
    if isinstance(value, Mapping):
        return {key: _mask(item) for key, item in value.items()}
    return [_mask(item) for item in value] if isinstance(value, list) else value
