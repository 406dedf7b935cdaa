"""Reads values out of a document of which nothing is certain: what has the wrong type counts as absent.

Owns no type of the schema. The rules say what a document must look like, but they let unknown keys pass, and an
extension is its publisher's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from strawberry.scalars import JSON

from app.models.queries import clamp_time

T = TypeVar("T")

MAX_INT: Final = 2**31 - 1
"""The greatest number that GraphQL's Int holds."""


class Part:
    """An object inside a document; of any other value, one without keys."""

    def __init__(self, value: Any) -> None:
        self._value: Mapping[str, Any] = value if isinstance(value, Mapping) else {}

    def text(self, key: str) -> str | None:
        value = self._value.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> list[str]:
        """The strings of a list; whatever else is in it is left out."""
        return [value for value in self._list(key) if isinstance(value, str)]

    def number(self, key: str) -> int | None:
        return _number(self._value.get(key))

    def numbers(self, key: str) -> list[int]:
        return [number for value in self._list(key) if (number := _number(value)) is not None]

    def flag(self, key: str) -> bool:
        return self._value.get(key) is True

    def time(self, key: str) -> datetime | None:
        try:
            return clamp_time(datetime.fromisoformat(self.text(key) or ""))
        except ValueError:
            return None

    def json(self, key: str) -> JSON | None:
        """An object as it stands there."""
        value = self._value.get(key)
        return JSON(value) if isinstance(value, Mapping) else None

    def part(self, key: str) -> Part:
        return Part(self._value.get(key))

    def make(self, key: str, make: Callable[[Part], T]) -> T | None:
        """What is made of an object; None where there is none."""
        value = self._value.get(key)
        return make(Part(value)) if isinstance(value, Mapping) else None

    def parts(self, key: str) -> list[Part]:
        """The objects of a list."""
        return [Part(value) for value in self._list(key) if isinstance(value, Mapping)]

    def named(self, key: str) -> Iterator[tuple[str, Part]]:
        """The objects of an object, each with its key."""
        value = self._value.get(key)
        items = value.items() if isinstance(value, Mapping) else ()
        return ((name, Part(item)) for name, item in items if isinstance(item, Mapping))

    def _list(self, key: str) -> list[Any]:
        value = self._value.get(key)
        return value if isinstance(value, list) else []


def _number(value: Any) -> int | None:
    """A whole number, however it is written, that an Int can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value) if abs(value) <= MAX_INT else None
