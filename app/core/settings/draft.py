"""The configuration while it is being read: text values by location, where each one came from, what is wrong so far.

Owns the collecting of problems and the naming of places. Which values are right is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from app.core.errors import Problem

Loc: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = "str | int | float | bool | list[Value] | dict[str, Value] | None"


def format_loc(loc: Loc) -> str:
    """Write a location as a YAML path: `sources[0].git.repository`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")


@dataclass(slots=True)
class Draft:
    """`data` has the keys of the file in their official spelling and every scalar as text.

    `lines` counts from 1. `origins` names the environment variable, or the setting of a flag, for each value that does
    not come from the file. `places` are the locations of the `problems`, one by one; `spoilt` holds them, too, so that
    no rule complains again.
    """

    data: dict[str, Value] = field(default_factory=dict)
    lines: dict[Loc, int] = field(default_factory=dict)
    origins: dict[Loc, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    places: list[Loc] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    spoilt: set[Loc] = field(default_factory=set)

    def refuse(self, loc: Loc, message: str, fix: str = "") -> None:
        """Record what is wrong with a value, whatever else is wrong near it."""
        origin = self._find_origin(loc)
        line = None if origin else self._find_line(loc)
        self.problems.append(Problem(origin or format_loc(loc), message, fix, line))
        self.places.append(loc)
        self.spoilt.add(loc)

    def object(self, loc: Loc, message: str, fix: str = "") -> None:
        """Record a broken rule, unless the value it is about could not be read in the first place."""
        if not self.is_spoilt(loc):
            self.refuse(loc, message, fix)

    def warn(self, sentence: str) -> None:
        """Record something that loads but deserves a line at start."""
        self.warnings.append(sentence)

    def is_spoilt(self, loc: Loc) -> bool:
        """Tell whether the place, or a block around it, already has a problem."""
        return any(loc[:length] in self.spoilt for length in range(1, len(loc) + 1))

    def are_spoilt(self, locs: Iterable[Loc]) -> bool:
        """Tell whether any of the places has a problem."""
        return any(self.is_spoilt(loc) for loc in locs)

    def sorted_problems(self) -> list[Problem]:
        """All problems in the order of the file; those without a line come last."""
        return sorted(self.problems, key=lambda problem: (problem.line is None, problem.line or 0))

    def _find_origin(self, loc: Loc) -> str | None:
        found = (self.origins.get(loc[:length]) for length in range(len(loc), 0, -1))
        return next((origin for origin in found if origin), None)

    def _find_line(self, loc: Loc) -> int | None:
        # What is missing has no line of its own: the block in which it should stand is the best place to look.
        found = (self.lines.get(loc[:length]) for length in range(len(loc), 0, -1))
        return next((line for line in found if line is not None), None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule looks: the location of a block, and the words that name the block at the head of a message."""

    draft: Draft
    loc: Loc
    label: str = ""

    def at(self, *parts: str | int) -> Loc:
        """The location of something inside the block."""
        return (*self.loc, *parts)

    def inside(self, *parts: str | int) -> Place:
        """The place of a block inside this one, under the same name."""
        return Place(self.draft, self.at(*parts), self.label)

    def object(self, where: Loc, message: str, fix: str = "") -> None:
        """Record a broken rule about `where`, a location relative to the block."""
        self.draft.object(self.at(*where), f"{self.label}: {message}" if self.label else message, fix)
