"""Globs as the reference server reads them: no separators, alternatives in braces, `!` for negation.

Owns their translation into regular expressions; what a pattern is matched against is its user's business.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

MAX_ALTERNATIVES: Final = 1000
"""Simple patterns that the braces of one pattern may stand for."""

MAX_NESTING: Final = 20
"""Braces inside braces."""

MAX_LENGTH: Final = 100_000
"""Characters that these simple patterns match one by one, all together."""

_STAR: Final = ""
"""The token of a run of any length; every other token is a regular expression for exactly one character."""

_Tokens = tuple[str, ...]


def translate_glob(pattern: str) -> str:
    """The regular expression of a glob without separators, to be matched against the whole name.

    `*` and `**` any run, `?` one character, `[abc]`, `[a-z]`, `[!a]` classes, `{a,b}` alternatives, `\\x` the character
    x. Raises ValueError that says what is wrong and how to write it.
    """
    return "|".join(_expression(tokens) for tokens in _GlobReader(pattern).read())


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


def _combine(heads: list[_Tokens], tails: list[_Tokens]) -> list[_Tokens]:
    """Each head with each tail behind it. Raises ValueError for too much of them."""
    if len(heads) * len(tails) > MAX_ALTERNATIVES:
        raise ValueError(f"its braces stand for more than {MAX_ALTERNATIVES} patterns")
    if len(heads) * sum(map(len, tails)) + len(tails) * sum(map(len, heads)) > MAX_LENGTH:
        raise ValueError(f"it stands for patterns of more than {MAX_LENGTH} characters together; names are short")
    return [head + tail for head in heads for tail in tails]


class _GlobReader:
    """Reads one pattern from left to right into the simple patterns it stands for. Raises ValueError."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._nesting = 0

    def read(self) -> list[_Tokens]:
        """The alternatives up to the end of the pattern, or up to the `,` or `}` that ends a part in braces."""
        found: list[_Tokens] = [()]
        plain: list[str] = []  # read since the last choice; put together one by one, a long pattern would take minutes
        while (char := self._peek()) and not (self._nesting and char in ",}"):
            self._at += 1
            choices: list[_Tokens] = self._braces() if char == "{" else [(self._token(char),)]
            if len(choices) == 1:
                plain += choices[0]
            else:
                found, plain = _combine(_combine(found, [tuple(plain)]), choices), []
        return _combine(found, [tuple(plain)])

    def _token(self, char: str) -> str:
        match char:
            case "*":
                return _STAR
            case "?":
                return "."
            case "[":
                return self._class()
            case "\\":
                return re.escape(self._next("it ends with a backslash; write \\\\ for the character itself"))
            case _:
                return re.escape(char)

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
