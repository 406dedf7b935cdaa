"""Which entries of a source are kept: glob patterns for names, exact words for tags.

Owns the meaning of a source's `filter` setting; what is filtered out and when is the synchronisation's business.
Excluding always wins, an empty include list admits everything, and names and tags must both agree. Source: the
reference server's filters, see the table in tests/sources/test_filters.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.errors import Invalid
from app.core.globs import translate_glob


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
    return re.compile("|".join(_translate(pattern, f"{path}[{i}]") for i, pattern in enumerate(patterns)), re.DOTALL)


def _translate(pattern: str, path: str) -> str:
    try:
        return translate_glob(pattern)
    except ValueError as error:
        raise Invalid(f"{path}: {pattern!r} is not a valid pattern: {error}") from error
