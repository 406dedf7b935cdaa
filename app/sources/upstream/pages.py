"""Reads an answer of an upstream as a page of its list.

Owns the shape of the answer as a whole; what stands in the list is app.sources.upstream.items' business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

from app.core.errors import SourceError
from app.sources.contents import find_unstorable, parse_json, show

_TAG: Final = re.compile(rb"\s*<")
_CHECK: Final = "check that api.endpoint is the base URL of an MCP registry"


class Unreadable(SourceError):
    """What came is no whole JSON, as when an answer is cut short: worth another try."""


@dataclass(frozen=True, slots=True)
class Page:
    """`number` counts from 0. `cursor` leads to the next page and is empty on the last one. `size` is in bytes, as it
    came, unpacked."""

    number: int
    items: list[Any]
    cursor: str
    size: int = 0


def read_page(body: bytes, number: int) -> Page:
    """The page. Takes long enough to want a thread. Raises Unreadable, or SourceError for what another try does not
    cure."""
    root = _parse(body, number)
    if not isinstance(root, dict):
        raise _no_list(number, "an array" if isinstance(root, list) else f"the value {show(repr(root), 40)}")
    if "servers" not in root:
        keys = ", ".join(str(show(key, 40)) for key in list(root)[:5])
        raise _no_list(number, f"an object that has no servers but {keys}" if keys else "an empty object")
    items = root["servers"]
    if items is None:
        items = []
    if not isinstance(items, list):
        raise _no_list(number, "an object whose servers are no array")
    return Page(number, items, _read_cursor(root.get("metadata"), number), len(body))


def _parse(body: bytes, number: int) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if _TAG.match(body):
            text = re.sub(r"\s+", " ", body[:1000].decode("utf-8", "replace")).strip()
            raise _no_list(number, f"a page of HTML or XML, {show(text, 80)!r}") from error
        return _parse_again(body, number, error)


def _parse_again(body: bytes, number: int, refusal: orjson.JSONDecodeError) -> Any:
    """Half a surrogate pair sinks one document, not the page."""
    try:
        return parse_json(body)
    except SourceError as error:
        fault = (
            "is empty" if not body else f"is no JSON: {refusal.msg} at line {refusal.lineno}, column {refusal.colno}"
        )
        raise Unreadable(f"page {number + 1} of the list of servers {fault}; {_CHECK}") from error


def _no_list(number: int, came: str) -> SourceError:
    return SourceError(f"page {number + 1} should be a list of servers, but {came} came; {_CHECK}")


def _read_cursor(metadata: Any, number: int) -> str:
    given = None
    if isinstance(metadata, dict):
        given = metadata.get("nextCursor") or metadata.get("next_cursor")
    if not given:
        return ""
    if not isinstance(given, str) or find_unstorable(given):
        raise SourceError(
            f"metadata.nextCursor of page {number + 1} of the list of servers is no text that can be used"
        )
    return given
