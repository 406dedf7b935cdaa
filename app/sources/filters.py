"""Which entries of a source are kept: glob patterns for names, exact words for tags.

Owns the meaning of a source's `filter` setting; what is filtered out and when is the synchronisation's business.
Excluding always wins, an empty include list admits everything, and names and tags must both agree. Source: the
reference server's filters, see the table in tests/sources/test_filters.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from app.core.errors import Invalid

MAX_ALTERNATIVES: Final = 1000
"""Simple patterns that the braces of one pattern may stand for."""

MAX_NESTING: Final = 20
"""Braces inside braces."""

_STAR: Final = ""
"""The token of a run of any length; every other token is a regular expression for exactly one character."""

_Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Compiled include and exclude lists; `names` stands for "include", None for an empty list."""

    included_names: re.Pattern[str] | None
    excluded_names: re.Pattern[str] | None
    included_tags: frozenset[str]
    excluded_tags: frozenset[str]

    def admits(self, name: str, tags: Iterable[str]) -> bool:
        """Whether an entry of that name and those tags is kept."""
        if self.excluded_names is not None and self.excluded_names.fullmatch(name):
            return False
        if self.included_names is not None and not self.included_names.fullmatch(name):
            return False
        words = frozenset(tags)
        if words & self.excluded_tags:
            return False
        return not self.included_tags or bool(words & self.included_tags)


def compile_filter(filters: Mapping[str, Any] | None) -> Filter:
    """The filter of `{"names": {"include": […], "exclude": […]}, "tags": {…}}`; every part may be absent or null.

    Raises Invalid that names the pattern which cannot be used.
    """
    lists = {
        (axis, side): tuple(((filters or {}).get(axis) or {}).get(side) or ())
        for axis in ("names", "tags")
        for side in ("include", "exclude")
    }
    return Filter(
        included_names=_compile_patterns("filter.names.include", lists["names", "include"]),
        excluded_names=_compile_patterns("filter.names.exclude", lists["names", "exclude"]),
        included_tags=frozenset(lists["tags", "include"]),
        excluded_tags=frozenset(lists["tags", "exclude"]),
    )


def _compile_patterns(path: str, patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile(
        "|".join(translate_glob(pattern, f"{path}[{i}]") for i, pattern in enumerate(patterns)), re.DOTALL
    )


def translate_glob(pattern: str, path: str = "pattern") -> str:
    """The regular expression of a glob without separators, to be matched against the whole name.

    `*` and `**` any run, `?` one character, `[abc]`, `[a-z]`, `[!a]` classes, `{a,b}` alternatives, `\\x` the character
    x. `path` is where the pattern stands. Raises Invalid.
    """
    try:
        return "|".join(_expression(tokens) for tokens in _GlobReader(pattern).read())
    except ValueError as error:
        raise Invalid(f"{path}: {pattern!r} is not a valid pattern: {error}") from error


def _expression(tokens: _Tokens) -> str:
    """One simple pattern. Between two stars the shortest match is final (atomic), so that no name takes long."""
    runs = [(star, "".join(group)) for star, group in groupby(tokens, lambda token: token == _STAR)]
    parts: list[str] = []
    after_star = False
    for position, (star, text) in enumerate(runs):
        if star:
            after_star = True
        elif after_star:
            parts.append(f".*{text}" if position == len(runs) - 1 else f"(?>.*?{text})")
            after_star = False
        else:
            parts.append(text)
    return "".join(parts) + (".*" if after_star else "")


class _GlobReader:
    """Reads one pattern from left to right into the simple patterns it stands for. Raises ValueError."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._nesting = 0

    def read(self) -> list[_Tokens]:
        """The alternatives up to the end of the pattern, or up to the `,` or `}` that ends a part in braces."""
        found: list[_Tokens] = [()]
        while (char := self._peek()) and not (self._nesting and char in ",}"):
            self._at += 1
            choices = self._choices(char)
            if len(found) * len(choices) > MAX_ALTERNATIVES:
                raise ValueError(f"its braces stand for more than {MAX_ALTERNATIVES} patterns")
            found = [head + tail for head in found for tail in choices]
        return found

    def _choices(self, char: str) -> list[_Tokens]:
        match char:
            case "{":
                return self._braces()
            case "*":
                return [(_STAR,)]
            case "?":
                return [(".",)]
            case "[":
                return [(self._class(),)]
            case "\\":
                return [(re.escape(self._next("it ends with a backslash; write \\\\ for the character itself")),)]
            case _:
                return [(re.escape(char),)]

    def _braces(self) -> list[_Tokens]:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise ValueError(f"its braces are nested more than {MAX_NESTING} deep")
        found = self.read()
        while self._next("a { is not closed; write \\{ for the character itself") == ",":
            found += self.read()
        self._nesting -= 1
        return found

    def _class(self) -> str:
        negated = self._peek() == "!"
        self._at += negated
        members: list[str] = []
        while self._peek() != "]":
            low = self._member()
            if self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member()
                if high < low:
                    raise ValueError(f"the range {low}-{high} runs backwards")
                members.append(f"{re.escape(low)}-{re.escape(high)}")
            else:
                members.append(re.escape(low))
        self._at += 1
        if not members:
            raise ValueError("a class [] needs at least one character")
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def _member(self) -> str:
        unclosed = "a [ is not closed; write \\[ for the character itself"
        char = self._next(unclosed)
        return self._next(unclosed) if char == "\\" else char

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self, otherwise: str) -> str:
        char = self._peek()
        if not char:
            raise ValueError(otherwise)
        self._at += 1
        return char
