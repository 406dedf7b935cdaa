"""Reads bytes into JSON, and tells where a value cannot be stored.

Owns every fault that concerns a file as a whole or a value whatever it means: size, encoding, syntax, nesting, NUL
characters, lone surrogates. What the JSON stands for is none of its business.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import orjson

from app.core.errors import SourceError

MAX_FILE_BYTES: Final = 100 * 2**20
"""The most bytes a file may have. Whoever fetches one stops there, too."""

MAX_DEPTH: Final = 250
"""Objects and arrays inside each other that one document may have."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TOO_DEEP: Final = "the file's JSON is nested too deep to be read"


def parse_json(data: bytes) -> Any:
    """The JSON value of a whole file. Lone surrogates pass here, so that they sink one document and not the file.

    Raises SourceError.
    """
    if len(data) > MAX_FILE_BYTES:
        raise SourceError(f"the file has {len(data)} bytes, more than the {MAX_FILE_BYTES >> 20} MiB that are read")
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise SourceError("the file is empty")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _parse_leniently(data, error)


def _parse_leniently(data: bytes, refusal: orjson.JSONDecodeError) -> Any:
    """A second look at what the strict parser refused: Python's own accepts escaped lone surrogates."""
    try:
        text = data.decode("utf-8")
        return json.loads(text, parse_constant=_refuse, parse_float=_read_float)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(f"the file is not UTF-8 text: byte {error.start + 1}, in line {line}, is wrong") from error
    except RecursionError as error:
        raise SourceError(_TOO_DEEP) from error
    except ValueError as error:
        if "depth" in refusal.msg:
            raise SourceError(_TOO_DEEP) from error
        where = f"line {refusal.lineno}, column {refusal.colno}"
        raise SourceError(f"the file is not valid JSON: {refusal.msg} at {where}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number


def dump_json(value: Any) -> bytes | None:
    """Compact JSON, non-ASCII kept as it is; None where the value cannot be stored (`find_unstorable` tells why)."""
    try:
        data = orjson.dumps(value)
    except TypeError:  # lone surrogates, integers beyond 64 bits, nesting beyond the writer's limit
        return None
    # The escape may also be the text of an escaped backslash, hence the second look. A number that is not finite is
    # written as null.
    return None if (rb"\u0000" in data or b"null" in data) and find_unstorable(value) else data


def find_unstorable(value: Any) -> tuple[tuple[str | int, ...], str] | None:
    """The path and description of the first value that PostgreSQL or JSON cannot hold; None if all can be stored.

    Holds one path and one iterator a level, however many values there are.
    """
    if fault := _fault(value, 0):
        return (), fault
    path: list[str | int] = []
    levels = [_children(value)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
            path = path[:-1]
            continue
        key, child = found
        if isinstance(key, str) and (fault := _fault(key, 0)):
            return tuple(path), f"one of its keys {fault}"
        if fault := _fault(child, len(levels)):
            return (*path, key), fault
        if isinstance(child, dict | list):
            path.append(key)
            levels.append(_children(child))
    return None


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return enumerate(value) if isinstance(value, list) else iter(())


def _fault(value: Any, depth: int) -> str | None:
    if depth > MAX_DEPTH:
        return f"is nested more than {MAX_DEPTH} deep"
    if isinstance(value, str):
        if "\0" in value:
            return "holds a NUL character, which cannot be stored"
        if not value.isascii() and _SURROGATE.search(value):
            return "holds half a surrogate pair, which is no character"
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "is an integer of more than 64 bits"
    elif isinstance(value, float) and not math.isfinite(value):
        return "is a number too large to be kept"
    return None


def show(text: Any, limit: int = 200) -> str | None:
    """`text` cut to `limit` characters and free of what cannot be stored; None for what is no string."""
    if not isinstance(text, str):
        return None
    clean = text[:limit].encode("utf-8", "backslashreplace").decode("utf-8")
    return clean.replace("\0", "\\x00")
