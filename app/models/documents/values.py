"""Reads parts out of a document whose values may have any type, and cuts what is quoted from it.

What has the wrong type is passed over here: to report it is the business of the schema.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

Place = tuple[str | int, ...]
"""The keys and positions that lead to a value."""

MAX_QUOTED: Final = 60
"""Characters of one value that a message quotes."""

MAX_LISTED: Final = 10
"""Values that a message lists."""

_Key = TypeVar("_Key", bound=Hashable)


def list_objects(parent: Mapping[str, Any], key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects in the list under `key`, each with its position."""
    value = parent.get(key)
    items = enumerate(value) if isinstance(value, list) else ()
    return ((index, item) for index, item in items if isinstance(item, dict))


def find_object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def find_text(parent: Mapping[str, Any], key: str) -> str:
    """The string under `key`; empty where there is none."""
    value = parent.get(key)
    return value if isinstance(value, str) else ""


def take_texts(parent: Mapping[str, Any], *keys: str) -> tuple[str, ...] | None:
    """The strings under `keys`, absent ones empty; None if one is something else than a string."""
    values = tuple(parent.get(key, "") for key in keys)
    return values if all(isinstance(value, str) for value in values) else None


def find_repeats(keys: Iterable[tuple[int, _Key | None]]) -> Iterator[tuple[int, int]]:
    """Each position whose key stood before, with the first position of that key. Without a key nothing is compared."""
    first: dict[_Key, int] = {}
    for index, key in keys:
        if key is not None and first.setdefault(key, index) != index:
            yield index, first[key]


def join_texts(texts: Iterable[str]) -> str:
    """`texts` as a list for a message; only the first of many, and only the start of long ones."""
    rest = iter(texts)
    shown = [_cut(text) for text in islice(rest, MAX_LISTED)]
    more = sum(1 for _ in rest)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
